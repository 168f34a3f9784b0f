/* SPDX-License-Identifier: MIT */
/*
 * Names and values as parts of a MySQL or MariaDB statement.
 */
#ifndef SOURCE_MY_QUOTE_H
#define SOURCE_MY_QUOTE_H

#include "base/buf.h"
#include "base/text.h"

/* An SQL expression: 32 hexadecimal digits, a digest of the expression X. MySQL has no MD5()
 * from 9.6 on (MySQL manual, "Encryption and Compression Functions"). What stands in comments of
 * these kinds only MariaDB, and only MySQL, run (MariaDB documentation, "Comment Syntax"). */
#define MY_DIGEST(X) "/*M! MD5(" X ") *//*!80000 LEFT(SHA2(" X ", 256), 32) */"

/* Append `name`, with backticks doubled. */
void my_quote_ident(struct buf *out, const char *name);

/* Append `schema`.`name`; only `name` when schema is NULL or "". */
void my_quote_name(struct buf *out, const char *schema, const char *name);

/* Append value as a literal: '...', or _utf8mb4 x'...' when it holds backslashes or control
 * characters, so that it means the same under every sql_mode. NULL for TEXT_NONE. What
 * is no UTF-8 becomes '?': the server would refuse it. */
void my_quote_literal(struct buf *out, struct text value);

#endif
