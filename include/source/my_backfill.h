/* SPDX-License-Identifier: MIT */
/*
 * Backfill (source/backfill.h) of MySQL and MariaDB: the table app_db_listener_backfill, and the
 * functions behind source_ops and source_admin_ops.
 *
 *     my_backfill.c         pages
 *     my_backfill_job.c     the job's row
 *     my_backfill_admin.c   what operators do
 */
#ifndef SOURCE_MY_BACKFILL_H
#define SOURCE_MY_BACKFILL_H

#include "base/buf.h"
#include "config/settings.h"
#include "source/admin.h"
#include "source/backfill.h"
#include "source/my_conn.h"
#include "source/source.h"

/* A job's row; the texts are loans of the result it was taken from. */
struct my_backfill_row {
	struct backfill_progress progress;
	const char *schema;
	const char *table;
	struct text columns; /* TEXT_NONE: all */
	struct text where;   /* TEXT_NONE: none */
	struct text end;     /* the last key; TEXT_NONE: there was no row */
	struct text cursor;  /* TEXT_NONE: at the beginning */
	struct text skipped; /* TEXT_NONE: none */
};

/* Append "SELECT ... FROM app_db_listener_backfill". */
void my_backfill_select(struct buf *out);
/* The current row of such a result. */
void my_backfill_take(const struct my_result *r, struct my_backfill_row *row);

/* The row of this id, locked if wanted: *ret_r is the caller's. Errors: ERR_NOT_FOUND: no such
 * job, or no table of jobs; as my_conn_query. */
enum err_code my_backfill_find(struct my_conn *c, int64_t id, bool lock, struct my_result **ret_r,
			       struct my_backfill_row *row, struct err *e) ATTR_MUST_CHECK;

/* Write down where a job is; cursor "": at the beginning, and row->progress tells the rest. */
enum err_code my_backfill_put(struct my_conn *c, const struct backfill_progress *p,
			      const char *cursor, const struct string_list *skipped,
			      struct err *e) ATTR_MUST_CHECK;

/* ---- source_ops ---- */
enum err_code my_backfill_load(struct source *base, struct backfill_progress *jobs,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code my_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e) ATTR_MUST_CHECK;
enum err_code my_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
			       struct err *e) ATTR_MUST_CHECK;

/* ---- source_admin_ops ---- */
enum err_code my_backfill_create(const struct settings *s, size_t source,
				 const struct backfill_request *r, int64_t *ret_id,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code my_backfill_list(const struct settings *s, size_t source, int64_t id,
			       backfill_job_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code my_backfill_decide(const struct settings *s, size_t source, int64_t id,
				 enum backfill_state state, struct err *e) ATTR_MUST_CHECK;

#endif
