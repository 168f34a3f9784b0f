/* SPDX-License-Identifier: MIT */
/*
 * Backfill on PostgreSQL (source/backfill.h): the table of jobs, the reader's side and the
 * operator's.
 *
 *     pg_backfill.c        the table, the reader's calls
 *     pg_backfill_page.c   the block of plpgsql that does a page
 *     pg_backfill_walk.c   by which key a table is walked
 *     pg_backfill_admin.c  making jobs, listing them, deciding about them
 */
#ifndef SOURCE_PG_BACKFILL_H
#define SOURCE_PG_BACKFILL_H

#include "source/admin.h"
#include "source/pg_conn.h"
#include "source/pg_trigger.h"
#include "source/source.h"

/* CREATE TABLE IF NOT EXISTS of the jobs. */
extern const char pg_backfill_create_sql[];

/* ---- the reader's: struct source_ops ---- */
enum err_code pg_backfill_load(struct source *base, struct backfill_progress *jobs,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code pg_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e) ATTR_MUST_CHECK;
enum err_code pg_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
			       struct err *e) ATTR_MUST_CHECK;

/* ---- the operator's: struct source_admin_ops ---- */
enum err_code pg_backfill_create(const struct settings *s, size_t source,
				 const struct backfill_request *r, int64_t *ret_id,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code pg_backfill_list(const struct settings *s, size_t source, int64_t id,
			       backfill_job_fn fn, void *ctx, struct err *e) ATTR_MUST_CHECK;
enum err_code pg_backfill_decide(const struct settings *s, size_t source, int64_t id,
				 enum backfill_state state, struct err *e) ATTR_MUST_CHECK;

/* ---- a job's row ---- */

/* The columns of a job, for pg_backfill_progress. */
#define PG_BACKFILL_COLUMNS                                                                        \
	"id, pipeline, schema_name || '.' || table_name, state, rate, flush_every, "               \
	"max_concurrent_pages, rows_done, rows_estimate, "                                         \
	"coalesce(pg_catalog.json_array_length(skipped::pg_catalog.json), 0), "                    \
	"(extract(epoch FROM created_at) * 1000000)::int8, "                                       \
	"(extract(epoch FROM updated_at) * 1000000)::int8, coalesce(last_error, '')"
#define PG_BACKFILL_COLUMN_COUNT 13 /* what is selected behind them begins here */

void pg_backfill_progress(const PGresult *res, int row, struct backfill_progress *ret);

/* ---- by which key a table is walked ---- */

struct pg_walk {
	struct string_list key;   /* columns of the index */
	struct string_list types; /* theirs, as SQL */
	bool is_plain;            /* no partitions */
};

/* The primary key of the table, else a unique index of exactly the columns of `configured` that
 * are all NOT NULL; if its types compare by operators of pg_catalog. The caller calls pg_walk_done,
 * also after an error. Errors: ERR_NOT_FOUND: no such table; ERR_CONFIG: it has no such key, or
 * only one of other types; as pg_conn_query. */
enum err_code pg_walk_load(struct pg_conn *c, const char *schema, const char *table,
			   const struct string_list *configured, struct pg_walk *ret,
			   struct err *e) ATTR_MUST_CHECK;
void pg_walk_done(struct pg_walk *w);

/* FROM the table AS new: its own rows, as triggers on it see them, not those of tables that inherit
 * from it. PostgreSQL manual, "Inheritance". */
void pg_walk_from(struct buf *out, const char *schema, const char *table, const struct pg_walk *w);

/* ---- a page ---- */

struct pg_page {
	int64_t job;
	struct pg_trigger
		trigger; /* of an insert: what a row becomes; where: of the configuration */
	const struct pg_walk *walk;
	const char *where;               /* the job's; NULL: every row */
	const struct string_list *after; /* values of the key; count 0: from the beginning */
	const struct string_list *until; /* the last one; count 0: the table was empty */
	const char *skipped;             /* JSON array of arrays; NULL: none */
	int64_t skipped_count;
	int64_t rows;
	int64_t bytes;
	bool again;
};

/* The DO block, to be run within a transaction that PG_PAGE_BEGIN began. It leaves "ROWS BYTES
 * AT_END" in the setting PG_PAGE_RESULT. */
void pg_page_write(struct buf *out, const struct pg_page *p);

/* A SELECT of the largest key as a job has it; within such a transaction. */
void pg_page_last(struct buf *out, const char *schema, const char *table, const struct pg_walk *w);

#define PG_PAGE_RESULT "app_db_listener.page"
extern const char pg_page_begin_sql[];

/* (a) AND (b), or TRUE. Either may be NULL. */
void pg_page_filter(struct buf *out, const char *a, const char *b);

#endif
