/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "source/backfill_table.h"
#include "source/sqlite_backfill.h"
#include "source/sqlite_plan.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_tables.h"

/* Up to so many rows a table is counted. */
#define COUNT_MAX 100000
#define NOW_US "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
#define DAY_US 86400000000LL

/* ---- the row ---- */

void sqlite_backfill_select(struct buf *out)
{
	buf_add_str(out, "SELECT id, pipeline, table_name, column_names, where_sql, rate, "
			 "flush_every, max_concurrent_pages, state, cursor_key, rows_done, "
			 "rows_estimate, created_at, updated_at, last_error, end_key FROM "
			 "main." SQLITE_BACKFILL);
}

static void copy(char *out, size_t size, struct text t)
{
	(void)snprintf(out, size, "%.*s", (int)t.len, t.s ? t.s : "");
}

void sqlite_backfill_take(sqlite3_stmt *stmt, struct backfill_job *job)
{
	struct backfill_progress *p = &job->progress;

	*job = (struct backfill_job){
		.progress =
			{
				.id = sqlite3_column_int64(stmt, 0),
				.state = BACKFILL_FAILED,
				.rate = sqlite3_column_int64(stmt, 5),
				.flush_every = sqlite3_column_int64(stmt, 6),
				.max_concurrent_pages = sqlite3_column_int64(stmt, 7),
				.rows_done = sqlite3_column_int64(stmt, 10),
				.rows_estimate = sqlite3_column_int64(stmt, 11),
				.created_wall_us = sqlite3_column_int64(stmt, 12),
				.updated_wall_us = sqlite3_column_int64(stmt, 13),
			},
		.columns = sqlite_conn_text(stmt, 3),
		.where = sqlite_conn_text(stmt, 4),
		.cursor = sqlite_conn_text(stmt, 9),
	};
	copy(p->pipeline, sizeof(p->pipeline), sqlite_conn_text(stmt, 1));
	copy(p->table, sizeof(p->table), sqlite_conn_text(stmt, 2));
	copy(p->last_error, sizeof(p->last_error), sqlite_conn_text(stmt, 14));
	(void)backfill_state_parse(sqlite_conn_text(stmt, 8), &p->state);
}

struct text sqlite_backfill_end(sqlite3_stmt *stmt)
{
	return sqlite_conn_text(stmt, 15);
}

static ATTR_MUST_CHECK enum err_code no_table(enum err_code code, struct err *e)
{
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND,
			       "table " SQLITE_BACKFILL
			       " is not there: run app-db-listener install");
	return code;
}

/* id 0: all. */
static ATTR_MUST_CHECK enum err_code open_list(struct sqlite_conn *c, int64_t id,
					       sqlite3_stmt **ret_stmt, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_backfill_select(&sql);
	if (id)
		buf_add_fmt(&sql, " WHERE id = %lld", (long long)id);
	buf_add_str(&sql, " ORDER BY id");
	code = buf_error(&sql) == ERR_OK
		       ? no_table(sqlite_conn_prepare(c, buf_str(&sql), ret_stmt, e), e)
		       : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&sql);
	return code;
}

enum err_code sqlite_backfill_find(struct sqlite_conn *c, int64_t id, sqlite3_stmt **ret_stmt,
				   struct backfill_job *job, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	enum err_code code = open_list(c, id, &stmt, e);

	if (code == ERR_OK)
		code = sqlite_conn_step(c, stmt, &row, e);
	if (code == ERR_OK && !row)
		code = err_set(e, ERR_NOT_FOUND, "there is no backfill job %lld", (long long)id);
	if (code != ERR_OK) {
		(void)sqlite3_finalize(stmt);
		return code;
	}
	sqlite_backfill_take(stmt, job);
	*ret_stmt = stmt;
	return ERR_OK;
}

/* ---- create ---- */

struct creating {
	struct sqlite_admin *a;
	const struct backfill_request *r;
	size_t pipeline;
	struct buf columns; /* JSON; empty: all */
	int64_t id;
};

static ATTR_MUST_CHECK enum err_code try_select(struct creating *c, const struct sqlite_plan *p,
						struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_plan_select(p, true, &sql);
	code = buf_error(&sql) == ERR_OK ? sqlite_conn_prepare(c->a->conn, buf_str(&sql), &stmt, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	(void)sqlite3_finalize(stmt);
	buf_done(&sql);
	return code;
}

/* With the filter and without, so that it is known whose fault it is. */
static ATTR_MUST_CHECK enum err_code try_plan(struct creating *c, const struct sqlite_plan *p,
					      struct err *e)
{
	struct sqlite_plan bare = *p;
	enum err_code code;

	buf_init(&bare.filter, 0);
	code = try_select(c, &bare, e);

	if (code == ERR_DB || code == ERR_NOT_FOUND) {
		(void)err_prefix(e, "%s cannot be walked along its primary key", p->request->table);
		code = ERR_CONFIG;
		if (e)
			e->code = code;
	}
	if (code != ERR_OK || !p->request->where)
		return code;
	code = try_select(c, p, e);
	if (code == ERR_DB || code == ERR_NOT_FOUND) {
		(void)err_prefix(e, "--where");
		code = ERR_USAGE;
		if (e)
			e->code = code;
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code number(struct creating *c, struct buf *sql, int64_t *ret_n,
					    struct err *e)
{
	enum err_code code =
		buf_error(sql) == ERR_OK
			? sqlite_admin_number(c->a, buf_str(sql), 0, NULL, -1, ret_n, e)
			: err_set(e, ERR_NOMEM, "no memory for a statement");

	buf_reset(sql);
	return code;
}

/* NULL in a key: SQLite allows it in tables with a rowid of their own, any number of times. */
static ATTR_MUST_CHECK enum err_code refuse_null(struct creating *c, const struct sqlite_plan *p,
						 struct buf *sql, struct err *e)
{
	int64_t n = 0;
	enum err_code code;

	buf_add_str(sql, "SELECT EXISTS (SELECT 1 FROM main.");
	sqlite_quote_ident(sql, p->request->table);
	buf_add_str(sql, " AS NEW WHERE ");
	sqlite_plan_null_key(p, sql);
	buf_add_char(sql, ')');
	code = number(c, sql, &n, e);
	if (code == ERR_OK && n)
		code = err_set(e, ERR_CONFIG,
			       "%s: a row has NULL in its primary key, and such rows cannot be "
			       "told apart",
			       p->request->table);
	return code;
}

/* Exact for few rows; else as if none were missing between the ends. A filter is not tried out: in
 * a file without a WAL whoever reads for long keeps writers waiting. */
static ATTR_MUST_CHECK enum err_code estimate(struct creating *c, const struct sqlite_plan *p,
					      struct buf *sql, int64_t *ret_n, struct err *e)
{
	int64_t without_rowid = 0;
	const char *const values[] = {p->request->table};
	enum err_code code;

	*ret_n = -1;
	if (p->filter.len)
		return ERR_OK;
	buf_add_str(sql, "SELECT count(*) FROM (SELECT 1 FROM main.");
	sqlite_quote_ident(sql, p->request->table);
	buf_add_fmt(sql, " LIMIT %d)", COUNT_MAX + 1);
	code = number(c, sql, ret_n, e);
	if (code != ERR_OK || *ret_n <= COUNT_MAX)
		return code;
	code = sqlite_admin_number(
		c->a, "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1", 1,
		values, 1, &without_rowid, e);
	if (code != ERR_OK)
		return code;
	buf_add_str(sql, without_rowid ? "SELECT count(*) FROM main."
				       : "SELECT (SELECT max(_rowid_) FROM main.");
	sqlite_quote_ident(sql, p->request->table);
	if (!without_rowid) {
		buf_add_str(sql, ") - (SELECT min(_rowid_) FROM main.");
		sqlite_quote_ident(sql, p->request->table);
		buf_add_str(sql, ") + 1");
	}
	return number(c, sql, ret_n, e);
}

/* The last key, where a walk ends that writers cannot keep going; "": there is no row. */
static ATTR_MUST_CHECK enum err_code find_end(struct creating *c, const struct sqlite_plan *p,
					      struct buf *ret_key, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_plan_last(p, &sql);
	code = buf_error(&sql) == ERR_OK ? sqlite_conn_prepare(c->a->conn, buf_str(&sql), &stmt, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	if (code == ERR_OK)
		code = sqlite_conn_step(c->a->conn, stmt, &row, e);
	if (code == ERR_OK && row)
		code = sqlite_plan_key(p, stmt, ret_key, e);
	(void)sqlite3_finalize(stmt);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code insert_job(struct creating *c, const char *table, int64_t rows,
						const char *end, struct err *e)
{
	static const char sql[] =
		"INSERT INTO main." SQLITE_BACKFILL
		" (pipeline, table_name, column_names, where_sql, rate, flush_every, "
		"max_concurrent_pages, state, rows_estimate, end_key) VALUES (?1, ?2, ?3, ?4, ?6, "
		"?7, ?8, 'running', ?9, ?5)";
	const char *const texts[] = {c->r->pipeline, table,
				     c->columns.len ? buf_str(&c->columns) : NULL, c->r->where,
				     *end ? end : NULL};
	const int64_t numbers[] = {c->r->rate, c->r->flush_every, c->r->max_concurrent_pages, rows};
	struct sqlite_conn *conn = c->a->conn;
	sqlite3_stmt *stmt = NULL;
	bool row;
	size_t i;
	enum err_code code = sqlite_conn_prepare(conn, sql, &stmt, e);

	for (i = 0; i < ARRAY_LEN(texts) && code == ERR_OK; i++)
		code = sqlite_conn_bind(conn, stmt, (int)i + 1, texts[i], e);
	for (i = 0; i < ARRAY_LEN(numbers) && code == ERR_OK; i++)
		(void)sqlite3_bind_int64(stmt, (int)(ARRAY_LEN(texts) + i) + 1, numbers[i]);
	if (code == ERR_OK)
		code = sqlite_conn_step(conn, stmt, &row, e);
	if (code == ERR_OK)
		c->id = sqlite3_last_insert_rowid(sqlite_conn_raw(conn));
	(void)sqlite3_finalize(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code
look_and_insert(struct creating *c, const struct sqlite_plan_request *want, struct err *e)
{
	struct sqlite_plan plan;
	int64_t rows = -1;
	struct buf sql, end;
	enum err_code code = sqlite_plan_init(&plan, c->a->conn, want, e);

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_init(&end, SQLITE_SQL_MAX_BYTES);
	if (code == ERR_OK)
		code = try_plan(c, &plan, e);
	if (code == ERR_OK)
		code = refuse_null(c, &plan, &sql, e);
	if (code == ERR_OK)
		code = estimate(c, &plan, &sql, &rows, e);
	if (code == ERR_OK)
		code = find_end(c, &plan, &end, e);
	if (code == ERR_OK)
		code = insert_job(c, want->table, rows, buf_str(&end), e);
	buf_done(&end);
	buf_done(&sql);
	sqlite_plan_done(&plan);
	return code;
}

static ATTR_MUST_CHECK enum err_code create(struct creating *c, struct err *e)
{
	struct sqlite_plan_request want = {.source = c->a->source,
					   .pipeline = &c->a->settings->pipelines[c->pipeline],
					   .where = c->r->where};
	const struct table *t = NULL;
	struct tables tables;
	bool has = false;
	char old[256];
	enum err_code code = sqlite_tables_load(c->a, &tables, e);

	if (code == ERR_OK)
		code = backfill_find_table(c->a->settings, &tables, c->pipeline, c->r->table, &t,
					   e);
	if (code == ERR_OK)
		code = backfill_check_columns(t, &c->r->columns, e);
	if (code == ERR_OK)
		code = sqlite_schema_has_table(c->a, SQLITE_BACKFILL, &has, e);
	if (code == ERR_OK && !has)
		code = no_table(ERR_NOT_FOUND, e);
	if (c->r->columns.count)
		backfill_list_write(&c->columns, &c->r->columns);
	if (code == ERR_OK && buf_error(&c->columns) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a list of columns");
	(void)snprintf(old, sizeof(old),
		       "DELETE FROM main." SQLITE_BACKFILL
		       " WHERE state IN ('done', 'cancelled', 'failed') AND updated_at < " NOW_US
		       " - %lld",
		       BACKFILL_KEEP_DAYS * DAY_US);
	if (code == ERR_OK)
		code = sqlite_conn_exec(c->a->conn, old, e);
	if (code == ERR_OK) {
		want.table = t->name;
		if (c->columns.len)
			want.columns = buf_text(&c->columns);
		code = look_and_insert(c, &want, e);
	}
	tables_done(&tables);
	return code;
}

enum err_code sqlite_backfill_create(const struct settings *s, size_t source,
				     const struct backfill_request *r, int64_t *ret_id,
				     struct err *e)
{
	struct backfill_request own = *r;
	struct sqlite_admin a;
	struct creating c = {.a = &a, .r = &own};
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, false, e);
	struct buf where;

	if (code != ERR_OK)
		return code;
	buf_init(&where, SQLITE_SQL_MAX_BYTES);
	buf_init(&c.columns, SQLITE_SQL_MAX_BYTES);
	while (c.pipeline < s->pipeline_count &&
	       strcmp(s->pipelines[c.pipeline].name, r->pipeline) != 0)
		c.pipeline++;
	if (c.pipeline == s->pipeline_count || !sqlite_admin_has_pipeline(&a, c.pipeline))
		code = err_set(e, ERR_USAGE, "this source has no pipeline %s", r->pipeline);
	if (code == ERR_OK && r->where) {
		code = backfill_write_where(r->where, SOURCE_SQLITE, &where, e);
		own.where = buf_str(&where);
	}
	if (code == ERR_OK)
		code = create(&c, e);
	if (code == ERR_OK)
		*ret_id = c.id;
	buf_done(&where);
	buf_done(&c.columns);
	sqlite_admin_close(&a);
	return code;
}

/* ---- list and decide ---- */

enum err_code sqlite_backfill_list(const struct settings *s, size_t source, int64_t id,
				   backfill_job_fn fn, void *ctx, struct err *e)
{
	struct backfill_job job;
	sqlite3_stmt *stmt = NULL;
	struct sqlite_admin a;
	bool row = true, any = false;
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, true, e);

	if (code != ERR_OK)
		return code;
	code = open_list(a.conn, id, &stmt, e);
	while (code == ERR_OK && row) {
		code = sqlite_conn_step(a.conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		any = true;
		sqlite_backfill_take(stmt, &job);
		code = fn(ctx, &job, e);
	}
	(void)sqlite3_finalize(stmt);
	if (code == ERR_OK && id && !any)
		code = err_set(e, ERR_NOT_FOUND, "there is no backfill job %lld", (long long)id);
	sqlite_admin_close(&a);
	return code;
}

struct decision {
	int64_t id;
	enum backfill_state state;
};

static ATTR_MUST_CHECK enum err_code decide(struct sqlite_admin *a, void *ctx, struct err *e)
{
	const struct decision *d = ctx;
	struct backfill_job job;
	sqlite3_stmt *stmt = NULL;
	char sql[256];
	enum err_code code = sqlite_backfill_find(a->conn, d->id, &stmt, &job, e);

	(void)sqlite3_finalize(stmt);
	if (code == ERR_OK)
		code = backfill_state_allows(job.progress.state, d->state, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE main." SQLITE_BACKFILL
		       " SET state = '%s', last_error = '', updated_at = " NOW_US
		       " WHERE id = %lld",
		       backfill_state_name(d->state), (long long)d->id);
	return sqlite_conn_exec(a->conn, sql, e);
}

enum err_code sqlite_backfill_decide(const struct settings *s, size_t source, int64_t id,
				     enum backfill_state state, struct err *e)
{
	struct decision d = {id, state};
	struct sqlite_admin a;
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, false, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_admin_transaction(&a, decide, &d, e);
	sqlite_admin_close(&a);
	return code;
}
