/* SPDX-License-Identifier: MIT */
/*
 * The trigger generator: columns in, SQL out, no connection. One trigger per pipeline, table and
 * operation, in the table's own schema, which writes into the pipeline's outbox.
 *
 * Two shapes. A narrow row can by its types not become longer than the cap: one INSERT makes all.
 * In a wide one lengths are looked at first, before anything large is built; the texts go by way
 * of variables, and are measured again when they are there. What is too long is a key-only event.
 *
 * Nothing in a body can fail for what is in a row: texts end in NULL over max_allowed_packet, and
 * the sql_mode that the trigger is created under (MY_TRIGGER_SQL_MODE) keeps warnings warnings.
 */
#ifndef SOURCE_MY_TRIGGER_H
#define SOURCE_MY_TRIGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/op.h"
#include "config/settings.h"
#include "source/my_types.h"

#define MY_TRIGGER_NAME_BYTES 257 /* 64 characters of utf8mb4, and NUL */
#define MY_TRIGGER_PREFIX "app_db_listener_"
/* What has to be set in the session that creates a trigger: it is stored with the trigger. */
#define MY_TRIGGER_SQL_MODE ""

/* A longer key is left out, and its events are ordered with the whole table's. */
#define MY_KEY_MAX_BYTES 65535
/* The bounds of the cap */
#define MY_CAP_MIN_BYTES 1024
#define MY_CAP_MAX_BYTES (256LL * 1024 * 1024)

struct my_trigger {
	enum my_flavour flavour;
	const char *pipeline;
	const char *schema;
	const char *table;
	const char *outbox_schema;
	const char *outbox;
	enum op op;                      /* not OP_TRUNCATE */
	const char *where;               /* NULL: every row */
	int64_t cap_bytes;               /* of data and of old_data; clamped to the bounds above */
	const struct my_column *columns; /* of the table, in order; all types known */
	size_t column_count;
	const struct string_list *only;    /* count 0: all */
	const struct string_list *exclude; /* count 0: none */
	const struct string_list *key;     /* count 0: none; always captured */
};

/* app_db_listener_<start of table>_<op>_<8 hex digits of outbox, pipeline, schema and table>: at
 * most 64 characters, and its own for each trigger of a schema. */
void my_trigger_name(const struct my_trigger *t, char out[static MY_TRIGGER_NAME_BYTES]);

/* Is column c of t part of its events? */
bool my_trigger_has(const struct my_trigger *t, const struct my_column *c);

/* CREATE TRIGGER; or_replace: CREATE OR REPLACE TRIGGER (MariaDB). */
void my_trigger_create(struct buf *out, const struct my_trigger *t, bool or_replace);

/* How the statement of my_trigger_create ends when a MySQL of 9 shows it: the body is as it was
 * written, the words before it are the server's. */
void my_trigger_stored(struct buf *out, const struct my_trigger *t);

/* Append what a trigger of OP_INSERT makes of a row that is there, as two expressions over NEW: its
 * key, and its data; NULL when there is none or it is too long. Data that is longer than
 * my_trigger_cap is too long also where it is not NULL. */
void my_trigger_read(struct buf *out, const struct my_trigger *t);
/* About how many octets that data has. */
void my_trigger_size(struct buf *out, const struct my_trigger *t);
/* The cap, within its bounds. */
int64_t my_trigger_cap(const struct my_trigger *t);

/* DROP TRIGGER IF EXISTS schema.name. */
void my_trigger_drop(struct buf *out, const char *schema, const char *name);

#endif
