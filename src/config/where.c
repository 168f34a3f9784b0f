/* SPDX-License-Identifier: MIT */
/*
 * A loop over tokens, each of which is copied as it is, except OLD, NEW, and
 * blanks and comments, which become one space. A name
 * behind a point is a column, also when it is called old.
 */
#include "config/where.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <strings.h>

#include "config/value.h"

enum where_token {
	WHERE_SPACE,
	WHERE_COMMENT,
	WHERE_WORD,
	WHERE_QUOTED,
	WHERE_NUMBER,
	WHERE_OTHER /* one character */
};

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

/* Comments nest (PostgreSQL manual, 4.1.5). 0: never closed. */
static size_t block_comment_length(struct text t)
{
	size_t depth = 0, i;

	for (i = 0; i + 1 < t.len; i++) {
		if (t.s[i] == '/' && t.s[i + 1] == '*') {
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

static size_t line_comment_length(struct text t)
{
	const char *end = memchr(t.s, '\n', t.len);

	return end ? (size_t)(end - t.s) : t.len;
}

static bool begins(struct text t, const char *two)
{
	return t.len > 1 && t.s[0] == two[0] && t.s[1] == two[1];
}

static size_t number_length(struct text t)
{
	size_t n = 0;

	while (n < t.len && (is_word(t.s[n]) || t.s[n] == '.'))
		n++;
	return n;
}

/* The kind and length of the token at the start of t, which is not empty; length 0: it is open. */
static enum where_token token_at(struct text t, size_t *ret_len)
{
	char c = t.s[0];

	*ret_len = 1;
	if (isspace((unsigned char)c))
		return WHERE_SPACE;
	if (begins(t, "--")) {
		*ret_len = line_comment_length(t);
		return WHERE_COMMENT;
	}
	if (begins(t, "/*")) {
		*ret_len = block_comment_length(t);
		return WHERE_COMMENT;
	}
	if (c == '\'' || c == '"' || c == '`') {
		*ret_len = quoted_length(t, false);
		return WHERE_QUOTED;
	}
	if ((c == 'e' || c == 'E') && t.len > 1 && t.s[1] == '\'') {
		*ret_len = quoted_length((struct text){t.s + 1, t.len - 1}, true);
		*ret_len += *ret_len > 0;
		return WHERE_QUOTED;
	}
	if (c == '$') {
		*ret_len = dollar_length(t);
		return WHERE_QUOTED;
	}
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

/* What is written for a word that is OLD or NEW. */
static ATTR_MUST_CHECK enum err_code write_row(bool is_old, enum where_form form, enum op op,
					       struct buf *out, struct err *e)
{
	if (form == WHERE_OWN && op == OP_INSERT && is_old)
		return err_set(e, ERR_DATA, "an insert has no OLD row");
	if (form == WHERE_OWN && op == OP_DELETE && !is_old)
		return err_set(e, ERR_DATA, "a delete has no NEW row");
	if (op == OP_INSERT)
		is_old = false;
	if (op == OP_DELETE)
		is_old = true;
	buf_add_str(out, is_old ? "OLD" : "NEW");
	return ERR_OK;
}

static bool is_word_of(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.s, word, t.len);
}

/* What the loop knows of the text before the token. */
struct where_state {
	int depth;         /* open parentheses */
	bool behind_point; /* the last token was a point */
	bool any;          /* something that is no space or comment was seen */
	bool space;        /* blanks or comments since the last token: written before the next */
};

static ATTR_MUST_CHECK enum err_code check_char(struct where_state *s, char c, struct err *e)
{
	if (c == ';')
		return err_set(e, ERR_DATA, "a semicolon is not allowed outside quotes");
	if (c == '\0' || ((unsigned char)c < 0x20) || c == 0x7f)
		return err_set(e, ERR_DATA, "a control character is not allowed");
	s->depth += c == '(';
	s->depth -= c == ')';
	if (s->depth < 0)
		return err_set(e, ERR_DATA, "a ) without its (");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code write_token(struct where_state *s, enum where_token kind,
						 struct text token, enum where_form form,
						 enum op op, struct buf *out, struct err *e)
{
	enum err_code code = ERR_OK;
	bool is_old = is_word_of(token, "OLD"), is_new = is_word_of(token, "NEW");

	if (kind == WHERE_SPACE || kind == WHERE_COMMENT) {
		s->space = true;
		return ERR_OK;
	}
	if (s->space && s->any)
		buf_add_char(out, ' ');
	s->space = false;
	if (kind == WHERE_OTHER)
		code = check_char(s, token.s[0], e);
	if (kind == WHERE_WORD && !s->behind_point && (is_old || is_new))
		code = write_row(is_old, form, op, out, e);
	else
		buf_add_text(out, token);
	s->any = true;
	s->behind_point = kind == WHERE_OTHER && token.s[0] == '.';
	return code;
}

enum err_code where_write(struct text sql, enum where_form form, enum op op, struct buf *out,
			  struct err *e)
{
	struct where_state s = {.depth = 0};
	struct text rest = value_trim(sql);
	enum where_token kind;
	enum err_code code = ERR_OK;
	size_t len;

	assert(op != OP_TRUNCATE && op < OP_COUNT);
	if (memchr(rest.s, '\0', rest.len))
		return err_set(e, ERR_DATA, "a NUL byte is not allowed");
	while (rest.len && code == ERR_OK) {
		kind = token_at(rest, &len);
		if (!len)
			return err_set(e, ERR_DATA, "a %s that is never closed",
				       kind == WHERE_COMMENT ? "comment" : "quote");
		code = write_token(&s, kind, (struct text){rest.s, len}, form, op, out, e);
		rest = (struct text){rest.s + len, rest.len - len};
	}
	if (code != ERR_OK)
		return code;
	if (s.depth)
		return err_set(e, ERR_DATA, "a ( without its )");
	if (!s.any)
		return err_set(e, ERR_DATA, "must not be empty");
	if (buf_error(out) != ERR_OK)
		return err_set(e, buf_error(out), "no room for the condition");
	return ERR_OK;
}
