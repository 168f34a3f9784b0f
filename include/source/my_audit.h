/* SPDX-License-Identifier: MIT */
/*
 * An audit table of the operator's own (listener.audit_table) in place of triggers and outbox:
 *
 *     id          BIGINT ... AUTO_INCREMENT PRIMARY KEY
 *     operation   text: insert, I, CREATE, update, U, delete, D, ... in any case
 *     table_name  text: TABLE or SCHEMA.TABLE
 *     changed_at  TIMESTAMP, or DATETIME taken as UTC
 *     data        text or JSON: the row as it is now; NULL on delete
 *     old_data    text or JSON: the row as it was; NULL on insert
 *     processed   BOOLEAN NOT NULL DEFAULT FALSE
 *
 * Rows with processed = FALSE are read by the same rule as an outbox; acknowledging sets
 * processed = TRUE, after copying dead ones to the dead letters. A row whose operation is no known
 * word goes there at once, by itself.
 *
 * What install does for it: app_db_listener_install with the pipeline's row, and
 * app_db_listener_dead_letter; no outbox, no triggers, nothing captured. It verifies the columns
 * above, that id is the primary key and AUTO_INCREMENT, the engine InnoDB, and warns when no index
 * is (processed) or (processed, id): without one every start scans the table. The daemon's user
 * needs SELECT and UPDATE on it, and any right on the tables it tells of to see their keys. Replay
 * of a dead letter sets processed = FALSE where the row is still there.
 */
#ifndef SOURCE_MY_AUDIT_H
#define SOURCE_MY_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/op.h"
#include "base/text.h"
#include "source/batch.h"
#include "source/my_result.h"

struct my_source;
struct my_pipe;
struct my_audit;

/* What a row costs beside its overhead, and what is written besides the ids. */
#define MY_AUDIT_BYTES                                                                             \
	"COALESCE(OCTET_LENGTH(data), 0) + COALESCE(OCTET_LENGTH(old_data), 0) + "                 \
	"2 * COALESCE(OCTET_LENGTH(table_name), 0)"
#define MY_AUDIT_FILTER " AND processed = 0"

/* The operation that a word means; false when it is none. */
bool my_audit_op(struct text word, enum op *ret_op);

enum err_code my_audit_new(struct my_audit **ret_a, struct err *e) ATTR_MUST_CHECK;
void my_audit_free(struct my_audit *a);

/* Forget what is known of keys: they may have changed. */
void my_audit_reset(struct my_audit *a);

/* After open: find the index to read by. Errors: ERR_NOT_FOUND (no such table or column),
 * ERR_DENIED, ERR_UNAVAILABLE, ERR_DB, ERR_NOMEM. */
enum err_code my_audit_open(struct my_source *s, struct my_pipe *p, struct err *e) ATTR_MUST_CHECK;

/* Is there an index that finds what is not processed? */
bool my_audit_has_index(const struct my_audit *a);

/* Did the last my_audit_after fail to learn a key? Then the next read finds the same at once. */
bool my_audit_is_stuck(const struct my_audit *a);

/* "" or what is wrong, for the standing alarm. */
const char *my_audit_trouble(const struct my_audit *a);

/* Append the columns that my_audit_add wants. */
void my_audit_columns(const struct my_pipe *p, struct buf *sql);

/* As my_events_add. Ends before the first row of a table whose key is not yet known; rows that make
 * no sense are left out and noted. */
enum err_code my_audit_add(struct my_pipe *p, struct batch *b, struct my_result *r,
			   const int64_t *ids, size_t n, struct err *e) ATTR_MUST_CHECK;

/* After a read: learn the key that was missing, bury what was noted. *ret_more: read again. Errors:
 * ERR_UNAVAILABLE, ERR_NOMEM; all others become the trouble. */
enum err_code my_audit_after(struct my_source *s, struct my_pipe *p, bool *ret_more,
			     struct err *e) ATTR_MUST_CHECK;

/* Append the columns after pipeline and id that a dead letter copies from the table o. */
void my_audit_letter(struct buf *sql);

#endif
