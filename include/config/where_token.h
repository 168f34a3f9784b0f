/* SPDX-License-Identifier: MIT */
/*
 * The tokens of a row filter in each database's dialect, as far as config/where.c must tell them
 * apart: used by it alone.
 *
 *                    PostgreSQL           MySQL, MariaDB         SQLite
 *     strings        '...' E'...' $t$     '...' "..."            '...'
 *     names          "..."                `...`                  "..." `...` [...]
 *     backslash      escapes in E'...'    escapes in strings     a character
 *     -- comments    always               before a blank         always
 *     # comments     no                   yes                    no
 *     nested / *     yes                  no                     no
 *
 * Sources: PostgreSQL manual, 4.1 Lexical Structure; MySQL Reference Manual 9.1.1 String Literals,
 * 9.2 Schema Object Names, 9.7 Comments; MariaDB documentation, Comment Syntax; SQLite,
 * lang_keywords and lang_comment.
 */
#ifndef CONFIG_WHERE_TOKEN_H
#define CONFIG_WHERE_TOKEN_H

#include <stdbool.h>

#include "base/text.h"
#include "config/settings.h"

enum where_token {
	WHERE_SPACE,
	WHERE_COMMENT,
	WHERE_WORD,
	WHERE_QUOTED,
	WHERE_NUMBER,
	WHERE_OTHER /* one character */
};

/* What differs. */
struct where_dialect {
	bool nested_comments;
	bool dollar_quotes;
	bool escape_strings; /* E'...' */
	bool backticks;
	bool brackets;
	bool hash_comments;
	bool backslash;     /* escapes in '...' and "..."; and -- wants a blank behind it */
	const char *denied; /* characters that must not stand outside quotes */
	const char *why;
};

/* A loan for ever, never NULL. */
const struct where_dialect *where_dialect_of(enum source_type type);

/* The kind and length of the token at the start of t, which is not empty; length 0: it is a comment
 * or quote that is never closed. */
enum where_token where_token_at(const struct where_dialect *d, struct text t, size_t *ret_len);

/* Whether a comment is one that the server executes. */
bool where_token_is_executed(const struct where_dialect *d, struct text comment);

#endif
