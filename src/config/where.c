/* SPDX-License-Identifier: MIT */
/*
 * A loop over tokens, each of which is copied as it is, except OLD, NEW, and blanks and comments,
 * which become one space. A name behind a point is a column, also when it is called old.
 *
 * Safety lies in what is written: the server must see the same tokens in it. So wherever two
 * readings exist, only text that is the same in both is written.
 */
#include "config/where.h"

#include <assert.h>
#include <stdbool.h>
#include <strings.h>

#include "config/value.h"
#include "config/where_token.h"

/* What the loop knows. */
struct where_state {
	const struct where_dialect *dialect;
	enum where_form form;
	enum op op;
	struct buf *out;
	int depth;             /* open parentheses */
	enum where_token last; /* the token before, also when it was a blank */
	char last_char;        /* its character when it was WHERE_OTHER */
	bool any;              /* something that is no space or comment was seen */
	bool space; /* blanks or comments since the last token: written before the next */
};

/* What is written for a word that is OLD or NEW. */
static ATTR_MUST_CHECK enum err_code write_row(const struct where_state *s, bool is_old,
					       struct err *e)
{
	if (s->form == WHERE_OWN && s->op == OP_INSERT && is_old)
		return err_set(e, ERR_DATA, "an insert has no OLD row");
	if (s->form == WHERE_OWN && s->op == OP_READ && is_old)
		return err_set(e, ERR_DATA, "a row that is read has no OLD row");
	if (s->form == WHERE_OWN && s->op == OP_DELETE && !is_old)
		return err_set(e, ERR_DATA, "a delete has no NEW row");
	if (s->op == OP_INSERT || s->op == OP_READ)
		is_old = false;
	if (s->op == OP_DELETE)
		is_old = true;
	buf_add_str(s->out, is_old ? "OLD" : "NEW");
	return ERR_OK;
}

static bool is_word_of(struct text t, const char *word)
{
	return t.len == strlen(word) && !strncasecmp(t.s, word, t.len);
}

static ATTR_MUST_CHECK enum err_code write_word(const struct where_state *s, struct text word,
						struct err *e)
{
	bool is_old = is_word_of(word, "OLD"), is_column = s->last_char == '.';

	if (!is_column && (is_old || is_word_of(word, "NEW")))
		return write_row(s, is_old, e);
	buf_add_text(s->out, word);
	return ERR_OK;
}

/* In MySQL \' becomes '', which ends at the same place under NO_BACKSLASH_ESCAPES and ANSI_QUOTES
 * too. */
static void write_quoted(const struct where_state *s, struct text quoted)
{
	char quote = quoted.s[0];
	size_t i;

	if (!s->dialect->backslash || quote == '`') {
		buf_add_text(s->out, quoted);
		return;
	}
	for (i = 0; i < quoted.len; i++) {
		if (quoted.s[i] != '\\') {
			buf_add_char(s->out, quoted.s[i]);
			continue;
		}
		i++; /* what is escaped: a quote that is closed has it */
		if (quoted.s[i] == quote)
			buf_add_char(s->out, quote);
		else
			buf_add_char(s->out, '\\');
		buf_add_char(s->out, quoted.s[i]);
	}
}

static ATTR_MUST_CHECK enum err_code write_char(struct where_state *s, char c, struct err *e)
{
	if (c == ';')
		return err_set(e, ERR_DATA, "a semicolon is not allowed outside quotes");
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return err_set(e, ERR_DATA, "a control character is not allowed");
	if (strchr(s->dialect->denied, c))
		return err_set(e, ERR_DATA, "%c %s", c, s->dialect->why);
	s->depth += c == '(';
	s->depth -= c == ')';
	if (s->depth < 0)
		return err_set(e, ERR_DATA, "a ) without its (");
	if (c == '-' && s->last_char == '-' && !s->space) /* MySQL: two minus signs */
		buf_add_char(s->out, ' ');
	buf_add_char(s->out, c);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code write_token(struct where_state *s, enum where_token kind,
						 struct text token, struct err *e)
{
	if (s->space && s->any)
		buf_add_char(s->out, ' ');
	switch (kind) {
	case WHERE_WORD:
		return write_word(s, token, e);
	case WHERE_QUOTED:
		if (s->last ==
		    WHERE_NUMBER) /* 1E'...': how far the number goes depends on the version */
			return err_set(e, ERR_DATA, "a quote directly behind a number");
		write_quoted(s, token);
		return ERR_OK;
	case WHERE_OTHER:
		return write_char(s, token.s[0], e);
	case WHERE_NUMBER:
	case WHERE_SPACE:
	case WHERE_COMMENT:
		break;
	}
	buf_add_text(s->out, token);
	return ERR_OK;
}

/* One token off the front of *rest. */
static ATTR_MUST_CHECK enum err_code take_token(struct where_state *s, struct text *rest,
						struct err *e)
{
	enum err_code code = ERR_OK;
	size_t len;
	enum where_token kind = where_token_at(s->dialect, *rest, &len);
	struct text token = {rest->s, len};
	bool is_blank = kind == WHERE_SPACE || kind == WHERE_COMMENT;

	if (!len)
		return err_set(e, ERR_DATA, "a %s that is never closed",
			       kind == WHERE_COMMENT ? "comment" : "quote");
	if (kind == WHERE_COMMENT && where_token_is_executed(s->dialect, token))
		return err_set(e, ERR_DATA, "a comment that the server executes is not allowed");
	if (!is_blank) {
		code = write_token(s, kind, token, e);
		s->any = true;
		s->last_char = '\0';
		if (kind == WHERE_OTHER)
			s->last_char = token.s[0];
	}
	s->space = is_blank;
	s->last = kind;
	*rest = (struct text){rest->s + len, rest->len - len};
	return code;
}

enum err_code where_write(struct text sql, enum source_type type, enum where_form form, enum op op,
			  struct buf *out, struct err *e)
{
	struct where_state s = {.dialect = where_dialect_of(type),
				.form = form,
				.op = op,
				.out = out,
				.last = WHERE_SPACE};
	struct text rest = value_trim(sql);
	enum err_code code = ERR_OK;

	assert(op != OP_TRUNCATE && op < OP_COUNT);
	if (memchr(rest.s, '\0', rest.len))
		return err_set(e, ERR_DATA, "a NUL byte is not allowed");
	while (rest.len && code == ERR_OK)
		code = take_token(&s, &rest, e);
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
