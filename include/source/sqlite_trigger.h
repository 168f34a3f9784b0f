/* SPDX-License-Identifier: MIT */
/*
 * The trigger generator: text in, SQL out, no connection. One trigger per pipeline, table and
 * operation, app_db_listener_<pipeline>.<table>.<operation>: no pipeline has a point in its name,
 * so that no two triggers have the same one. The statement is the whole definition: whether an
 * installed trigger is the configured one is decided by comparing it.
 */
#ifndef SOURCE_SQLITE_TRIGGER_H
#define SOURCE_SQLITE_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/op.h"
#include "config/settings.h"

/* The bounds of the cap: both rows as literals must stay well under SQLITE_MAX_LENGTH, 10^9. */
#define SQLITE_CAP_MIN_BYTES 1024
#define SQLITE_CAP_MAX_BYTES (128LL * 1024 * 1024)
#define SQLITE_KEY_MAX_BYTES 65536
/* Every connection of the application parses every trigger when it opens, and a library may have
 * been built to refuse statements over a megabyte. */
#define SQLITE_TRIGGER_MAX_BYTES 900000

struct sqlite_trigger {
	const char *pipeline;
	const char *table;
	enum op op;                        /* not OP_TRUNCATE: there is none */
	const char *where;                 /* NULL: every row */
	int64_t cap_bytes;                 /* clamped to the bounds above */
	const struct string_list *all;     /* the table's columns, in order */
	const struct string_list *columns; /* those to capture; count 0: all */
	const struct string_list *exclude; /* count 0: none */
	const struct string_list *key;     /* count 0: none; always captured */
};

/* Append the trigger's name, unquoted. */
void sqlite_trigger_name(struct buf *out, const struct sqlite_trigger *t);

/* CREATE TRIGGER, spelled as sqlite_schema keeps it. */
void sqlite_trigger_create(struct buf *out, const struct sqlite_trigger *t);

/* Append what a trigger makes of the row NEW, or of its key, as an expression: NULL when there is
 * none or it is too long. */
void sqlite_trigger_read(struct buf *out, const struct sqlite_trigger *t, bool only_key);

/* A SELECT that can be prepared exactly when the row filter is valid; never to be run. */
void sqlite_trigger_filter_probe(struct buf *out, const struct sqlite_trigger *t);

#endif
