/* SPDX-License-Identifier: MIT */
/*
 * What is installed in a MySQL or MariaDB database beside the triggers: names and definitions of
 * the tables. All are in the source's database (settings.database).
 *
 *     app_db_listener_install        one row per pipeline
 *     app_db_listener_captured       one row per pipeline and captured table
 *     app_db_listener_outbox         of the pipeline "default"
 *     app_db_listener_outbox_NAME    of every other: an id drawn for one pipeline would be a
 *                                    gap for ever in all others, and a dead destination pins its
 *                                    own rows only
 *     app_db_listener_parked         what waits for a later attempt, of the pipeline "default"
 *     app_db_listener_parked_NAME    of every other
 *     app_db_listener_dead_letter    of all pipelines
 *     app_db_listener_delivered      of all pipelines: what is kept of delivered events
 *     app_db_listener_webhook        one row per pipeline: what is known of its webhook
 *     app_db_listener_backfill       of all pipelines: one row per job
 *
 * captured.trigger_names: the names joined by commas.
 *
 * A builder appends one statement without a semicolon. database: NULL for unqualified names.
 */
#ifndef SOURCE_MY_SCHEMA_H
#define SOURCE_MY_SCHEMA_H

#include <stdint.h>

#include "base/buf.h"

#define MY_SCHEMA_VERSION 1

#define MY_PREFIX "app_db_listener_"
#define MY_INSTALL MY_PREFIX "install"
#define MY_CAPTURED MY_PREFIX "captured"
#define MY_OUTBOX MY_PREFIX "outbox"
#define MY_PARKED MY_PREFIX "parked"
#define MY_DEAD_LETTER MY_PREFIX "dead_letter"
#define MY_DELIVERED MY_PREFIX "delivered"
#define MY_WEBHOOK MY_PREFIX "webhook"
#define MY_BACKFILL MY_PREFIX "backfill"

/* What outbox, dead letters and delivered events have in common, in this order. changed_at is UTC.
 * bytes: the sum of the lengths in bytes of row_key, old_key, data and old_data; the reader budgets
 * by it. */
#define MY_EVENT_COLUMNS                                                                           \
	"operation, schema_name, table_name, row_key, old_key, changed_at, truncated, bytes, "     \
	"data, old_data"

#define MY_TABLE_NAME_BYTES 65

/* The unqualified name of the pipeline's outbox. */
void my_schema_outbox_name(const char *pipeline, char out[static MY_TABLE_NAME_BYTES]);

/* Append the quoted name of the pipeline's outbox. */
void my_schema_outbox(struct buf *out, const char *database, const char *pipeline);

/* The same of its parked events. */
void my_schema_parked_name(const char *pipeline, char out[static MY_TABLE_NAME_BYTES]);
void my_schema_parked(struct buf *out, const char *database, const char *pipeline);

/* CREATE TABLE IF NOT EXISTS ... */
void my_schema_create_install(struct buf *out, const char *database);
void my_schema_create_captured(struct buf *out, const char *database);
void my_schema_create_dead_letter(struct buf *out, const char *database);
void my_schema_create_delivered(struct buf *out, const char *database);
void my_schema_create_webhook(struct buf *out, const char *database);
void my_schema_create_backfill(struct buf *out, const char *database);
/* first_id: where ids begin, >= 1. Above the dead letters of an earlier installation, or an event
 * could get the id of one of them: SELECT COALESCE(MAX(id), 0) + 1 ... WHERE pipeline = ... */
void my_schema_create_outbox(struct buf *out, const char *database, const char *pipeline,
			     int64_t first_id);
void my_schema_create_parked(struct buf *out, const char *database, const char *pipeline);

#endif
