/* SPDX-License-Identifier: MIT */
/*
 * The trigger generator: text in, SQL out, no connection. One trigger per pipeline, table and
 * operation, all calling the one function app_db_listener.capture(), which learns everything from
 * the trigger's arguments:
 *
 *     0 pipeline   1 schema   2 table           logical names, of the root of a partitioned table
 *     3 cap        bytes; a larger row becomes a key-only event
 *     4 sequence   qualified name; "" is the default pipeline's
 *     5 columns    "" all, +{..} only these, -{..} all but these
 *     6 filter     the row filter as configured, so that the arguments tell the whole definition
 *     7.. pairs    {"id": and id, ,"b": and b   JSON in front of each key column, and its name
 *
 * Whether an installed trigger is the configured one is decided by comparing arguments.
 */
#ifndef SOURCE_PG_TRIGGER_H
#define SOURCE_PG_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/op.h"
#include "config/settings.h"

#define PG_NAME_BYTES 64 /* NAMEDATALEN */
/* The bounds of the cap: data and old_data must fit one outbox row, which PostgreSQL limits to 1 GB
 */
#define PG_CAP_MIN_BYTES 1024
#define PG_CAP_MAX_BYTES (256LL * 1024 * 1024)

struct pg_trigger {
	const char *pipeline;
	const char *schema; /* logical */
	const char *table;
	const char *on_schema; /* where it is created: a partition, or as schema and table */
	const char *on_table;
	enum op op;
	const char *where;                 /* NULL: every row */
	int64_t cap_bytes;                 /* clamped to the bounds above */
	const struct string_list *columns; /* count 0: all */
	const struct string_list *exclude; /* count 0: none */
	const struct string_list *key;     /* count 0: none; always captured */
	bool always;
};

/* app_db_listener_<pipeline>_<op>, cut as the server cuts it. */
void pg_trigger_name(const char *pipeline, enum op op, char out[static PG_NAME_BYTES]);

/* The arguments, each followed by sep ('\0' or another byte). */
void pg_trigger_args(struct buf *out, const struct pg_trigger *t, char sep);

/* CREATE TRIGGER; or_replace: CREATE OR REPLACE TRIGGER (PostgreSQL 14 and later). */
void pg_trigger_create(struct buf *out, const struct pg_trigger *t, bool or_replace);

/* DROP TRIGGER IF EXISTS of this name on this table. */
void pg_trigger_drop(struct buf *out, const char *schema, const char *table, const char *name);

/* ALTER TABLE ... ENABLE [ALWAYS] TRIGGER. */
void pg_trigger_enable(struct buf *out, const struct pg_trigger *t);

/* A SELECT that is valid exactly when the row filter is, as far as names, types and operators go;
 * for preparing, never for running. */
void pg_trigger_filter_probe(struct buf *out, const struct pg_trigger *t);

#endif
