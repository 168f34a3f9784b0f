/* SPDX-License-Identifier: MIT */
/*
 * Row filters: SQL conditions on OLD and NEW that become part of a trigger. This is no SQL parser:
 * it knows just enough of the tokens (config/where_token.h) to find OLD and NEW, and to refuse
 * text that would not stay inside the parentheses it is put into.
 *
 * What is written has no comments, no semicolon outside quotes, no "--" outside quotes, and every
 * quote and parenthesis closed, whatever the database's settings for quotes and backslashes are.
 */
#ifndef CONFIG_WHERE_H
#define CONFIG_WHERE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/op.h"
#include "base/text.h"
#include "config/settings.h"

enum where_form {
	WHERE_SHARED, /* one text for all operations: OLD becomes NEW for insert, NEW OLD for
			 delete */
	WHERE_OWN     /* the text for this operation alone: insert has no OLD, delete no NEW */
};

/* Append to out the condition sql, in the dialect of type, as it holds for op (not OP_TRUNCATE,
 * which has no rows). Blanks and comments become one space, MySQL's \' in '...' becomes ''. What is
 * written is written the same again. Errors: ERR_DATA (empty, open quote, comment or parenthesis, a
 * semicolon, what the dialect cannot have, a row that op does not have: the message says so),
 * ERR_NOMEM, ERR_FULL (out). */
enum err_code where_write(struct text sql, enum source_type type, enum where_form form, enum op op,
			  struct buf *out, struct err *e) ATTR_MUST_CHECK;

#endif
