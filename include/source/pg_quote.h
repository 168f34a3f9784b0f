/* SPDX-License-Identifier: MIT */
/*
 * Names and values as parts of a PostgreSQL statement.
 */
#ifndef SOURCE_PG_QUOTE_H
#define SOURCE_PG_QUOTE_H

#include "base/buf.h"
#include "base/text.h"

/* Append name as a quoted identifier, value as a quoted literal (E'' form when needed). */
void pg_quote_ident(struct buf *out, const char *name);
void pg_quote_literal(struct buf *out, struct text value);

#endif
