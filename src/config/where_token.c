/* SPDX-License-Identifier: MIT */
#include "config/where_token.h"

#include <ctype.h>

#define NO_PARAMETERS "is not allowed outside quotes: a trigger has no parameters"

static const struct where_dialect postgres = {
	.nested_comments = true, .dollar_quotes = true, .escape_strings = true, .denied = ""};
/* $ begins a string in MySQL 9 and a name before; a backslash is a command of the mysql client */
static const struct where_dialect mysql = {
	.backticks = true,
	.hash_comments = true,
	.backslash = true,
	.denied = "$\\",
	.why = "is not allowed outside quotes: write a name that holds it in backticks"};
/* all of these begin a parameter (https://www.sqlite.org/lang_expr.html#varparam) */
static const struct where_dialect sqlite = {
	.backticks = true, .brackets = true, .denied = "$@#:?", .why = NO_PARAMETERS};

const struct where_dialect *where_dialect_of(enum source_type type)
{
	switch (type) {
	case SOURCE_MYSQL:
		return &mysql;
	case SOURCE_SQLITE:
		return &sqlite;
	case SOURCE_POSTGRES:
	case SOURCE_HTTP: /* has no tables */
	case SOURCE_FAKE:
		break;
	}
	return &postgres;
}

static bool is_word_start(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
	return is_word_start(c) || isdigit((unsigned char)c) || c == '$';
}

static size_t word_length(struct text t)
{
	size_t n = 0;

	while (n < t.len && is_word(t.s[n]))
		n++;
	return n;
}

/* A $ is none of it: behind a number it begins something of its own. */
static size_t number_length(struct text t)
{
	size_t n = 0;

	while (n < t.len && (is_word(t.s[n]) || t.s[n] == '.') && t.s[n] != '$')
		n++;
	return n;
}

/* From the opening quote at t.s[0] to behind the closing one; a doubled quote is content, and so is
 * what follows a backslash when escapes is set. 0: never closed. */
static size_t quoted_length(struct text t, bool escapes)
{
	char quote = t.s[0];
	size_t i;

	for (i = 1; i < t.len; i++) {
		if (escapes && t.s[i] == '\\') {
			i++;
			continue;
		}
		if (t.s[i] != quote)
			continue;
		if (i + 1 == t.len || t.s[i + 1] != quote)
			return i + 1;
		i++;
	}
	return 0;
}

/* [name]: the first ] closes it, there is no way to have one inside. */
static size_t bracket_length(struct text t)
{
	const char *end = memchr(t.s, ']', t.len);

	return end ? (size_t)(end - t.s) + 1 : 0;
}

/* $$...$$ or $tag$...$tag$ at t.s[0] == '$'. 1 when it is no such quote, 0: never closed. */
static size_t dollar_length(struct text t)
{
	size_t tag = 1;
	const char *end;

	if (t.len > 1 && isdigit((unsigned char)t.s[1]))
		return 1;
	while (tag < t.len && t.s[tag] != '$' && is_word(t.s[tag]))
		tag++;
	if (tag == t.len || t.s[tag] != '$')
		return 1;
	tag++;
	end = memmem(t.s + tag, t.len - tag, t.s, tag);
	return end ? (size_t)(end - t.s) + tag : 0;
}

static size_t block_comment_length(struct text t, bool nested)
{
	size_t depth = 1, i;

	for (i = 2; i + 1 < t.len; i++) {
		if (nested && t.s[i] == '/' && t.s[i + 1] == '*') {
			depth++;
			i++;
		} else if (t.s[i] == '*' && t.s[i + 1] == '/') {
			i++;
			if (--depth == 0)
				return i + 1;
		}
	}
	return 0;
}

static size_t line_length(struct text t)
{
	const char *end = memchr(t.s, '\n', t.len);

	return end ? (size_t)(end - t.s) : t.len;
}

static bool begins(struct text t, const char *two)
{
	return t.len > 1 && t.s[0] == two[0] && t.s[1] == two[1];
}

static bool is_line_comment(const struct where_dialect *d, struct text t)
{
	if (d->hash_comments && t.s[0] == '#')
		return true;
	if (!begins(t, "--"))
		return false;
	return !d->backslash || t.len == 2 || isspace((unsigned char)t.s[2]) ||
	       iscntrl((unsigned char)t.s[2]);
}

/* The length of the quote at the start of t; 1 for a single character that is none, or 0: never
 * closed. */
static size_t quote_length(const struct where_dialect *d, struct text t)
{
	char c = t.s[0];
	size_t len;

	if (c == '\'' || c == '"')
		return quoted_length(t, d->backslash);
	if (c == '`' && d->backticks)
		return quoted_length(t, false);
	if (c == '[' && d->brackets)
		return bracket_length(t);
	if (c == '$' && d->dollar_quotes)
		return dollar_length(t);
	if (d->escape_strings && (c == 'e' || c == 'E') && t.len > 1 && t.s[1] == '\'') {
		len = quoted_length((struct text){t.s + 1, t.len - 1}, true);
		return len ? len + 1 : 0;
	}
	return 1;
}

enum where_token where_token_at(const struct where_dialect *d, struct text t, size_t *ret_len)
{
	char c = t.s[0];

	*ret_len = 1;
	if (isspace((unsigned char)c))
		return WHERE_SPACE;
	if (is_line_comment(d, t)) {
		*ret_len = line_length(t);
		return WHERE_COMMENT;
	}
	if (begins(t, "/*")) {
		*ret_len = block_comment_length(t, d->nested_comments);
		return WHERE_COMMENT;
	}
	*ret_len = quote_length(d, t);
	if (*ret_len != 1)
		return WHERE_QUOTED;
	if (is_word_start(c)) {
		*ret_len = word_length(t);
		return WHERE_WORD;
	}
	if (isdigit((unsigned char)c)) {
		*ret_len = number_length(t);
		return WHERE_NUMBER;
	}
	return WHERE_OTHER;
}

/* MySQL's, and MariaDB's with an M before the !. */
bool where_token_is_executed(const struct where_dialect *d, struct text comment)
{
	if (!d->hash_comments || comment.len < 5 || comment.s[1] != '*')
		return false;
	return comment.s[2] == '!' || (comment.s[2] == 'M' && comment.s[3] == '!');
}
