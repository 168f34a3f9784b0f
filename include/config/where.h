/* SPDX-License-Identifier: MIT */
/*
 * Row filters: SQL conditions on OLD and NEW that become part of a trigger. This is no SQL parser:
 * it knows just enough of the tokens to find OLD and NEW, and to refuse text that would
 * not stay inside the parentheses it is put into.
 *
 * Known tokens: identifiers, "quoted identifiers", `MySQL's`, 'strings', E'strings with \ escapes',
 * $tag$strings$tag$, numbers, -- and nested comments (PostgreSQL manual, 4.1 Lexical Structure).
 */
#ifndef CONFIG_WHERE_H
#define CONFIG_WHERE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/op.h"
#include "base/text.h"

enum where_form {
	WHERE_SHARED, /* one text for all operations: OLD becomes NEW for insert, NEW OLD for
			 delete */
	WHERE_OWN     /* the text for this operation alone: insert has no OLD, delete no NEW */
};

/* Append to out the condition sql as it holds for op (not OP_TRUNCATE, which has no rows).
 * Blanks and comments become one space. Errors: ERR_DATA (empty, open quote, comment or
 * parenthesis, a semicolon, a row that op does not have: the message says so), ERR_NOMEM, ERR_FULL
 * (out). */
enum err_code where_write(struct text sql, enum where_form form, enum op op, struct buf *out,
			  struct err *e) ATTR_MUST_CHECK;

#endif
