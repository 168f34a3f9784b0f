/* SPDX-License-Identifier: MIT */
/*
 * Backfill (source/backfill.h) of SQLite: the table app_db_listener_backfill, and the functions
 * behind source_ops and source_admin_ops.
 *
 *     sqlite_backfill.c         pages
 *     sqlite_backfill_job.c     the job's row, and what operators do
 */
#ifndef SOURCE_SQLITE_BACKFILL_H
#define SOURCE_SQLITE_BACKFILL_H

#include "config/settings.h"
#include "source/admin.h"
#include "source/backfill.h"
#include "source/source.h"
#include "source/sqlite_conn.h"

/* Append "SELECT ... FROM main.app_db_listener_backfill". */
void sqlite_backfill_select(struct buf *out);

/* The current row of it; the texts are loans until the next step. */
void sqlite_backfill_take(sqlite3_stmt *stmt, struct backfill_job *job);

/* The last key of such a row; TEXT_NONE: there was no row when the job was made. */
struct text sqlite_backfill_end(sqlite3_stmt *stmt);

/* The row of this id: *ret_stmt is the caller's, sqlite3_finalize it. Errors: ERR_NOT_FOUND: no
 * such job, or no table of jobs; as sqlite_conn_step. */
enum err_code sqlite_backfill_find(struct sqlite_conn *c, int64_t id, sqlite3_stmt **ret_stmt,
				   struct backfill_job *job, struct err *e) ATTR_MUST_CHECK;

/* ---- source_ops ---- */
enum err_code sqlite_backfill_load(struct source *base, struct backfill_progress *jobs,
				   struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_backfill_page(struct source *base, uint32_t p,
				   const struct backfill_page *page, struct backfill_result *ret,
				   struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
				   struct err *e) ATTR_MUST_CHECK;

/* ---- source_admin_ops ---- */
enum err_code sqlite_backfill_create(const struct settings *s, size_t source,
				     const struct backfill_request *r, int64_t *ret_id,
				     struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_backfill_list(const struct settings *s, size_t source, int64_t id,
				   backfill_job_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_backfill_decide(const struct settings *s, size_t source, int64_t id,
				     enum backfill_state state, struct err *e) ATTR_MUST_CHECK;

#endif
