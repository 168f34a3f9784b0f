/* SPDX-License-Identifier: MIT */
/*
 * Whose row is it: the value of one column, taken out of the JSON of an event as it stands.
 */
#ifndef CORE_TENANT_COLUMN_H
#define CORE_TENANT_COLUMN_H

#include "base/buf.h"
#include "core/event.h"

/* The value of the column in data, or where there is none, in old_data: a text without its quotes
 * and escapes, anything else as it is written. "" when the column is not there (a table without it,
 * a row that was cut to its key) or NULL. A loan of f, or of scratch, which is reset. Out of memory
 * for scratch it is the text with its escapes. */
struct text tenant_column_of(const struct event_fields *f, struct text column, struct buf *scratch);

#endif
