/* SPDX-License-Identifier: MIT */
/*
 * SQLite has one writer at a time: under BEGIN IMMEDIATE nobody is in the middle of any row, and
 * none is ever skipped. What counts is how long the application's writers wait for that lock, so a
 * page ends after a few milliseconds too, and when the lock cannot be had in a moment, or a commit
 * without a WAL waits for readers, it is given up until later: the application goes first.
 */
#include "source/sqlite_backfill.h"

#include <stdio.h>
#include <string.h>

#include "source/sqlite_plan.h"
#include "source/sqlite_source.h"

#define PATIENCE_US (50 * CLOCK_US_PER_MS)
#define PAGE_US (10 * CLOCK_US_PER_MS)
#define KEY_BYTES_MAX (16UL << 20)
#define NOW_US "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"

struct paging {
	struct sqlite_source *s;
	const struct sqlite_pipe *pipe;
	const struct backfill_page *page;
	sqlite3_stmt *find; /* the job's row stands in it */
	struct backfill_job job;
	struct sqlite_plan plan;
	sqlite3_stmt *from;
	sqlite3_stmt *into;
	int64_t looked;
	struct buf cursor;
	struct backfill_result r;
};

/* ---- the rows ---- */

static ATTR_MUST_CHECK enum err_code prepare_buf(struct sqlite_conn *c, const struct buf *sql,
						 sqlite3_stmt **ret_stmt, struct err *e)
{
	return buf_error(sql) == ERR_OK ? sqlite_conn_prepare(c, buf_str(sql), ret_stmt, e)
					: err_set(e, ERR_NOMEM, "no memory for a statement");
}

static ATTR_MUST_CHECK enum err_code prepare(struct paging *g, struct err *e)
{
	struct sqlite_conn *c = g->s->conn;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_plan_select(&g->plan, g->job.cursor.s != NULL, &sql);
	code = prepare_buf(c, &sql, &g->from, e);
	if (code == ERR_OK)
		code = sqlite_plan_bind(&g->plan, g->from, true, sqlite_backfill_end(g->find), e);
	if (code == ERR_OK && g->job.cursor.s)
		code = sqlite_plan_bind(&g->plan, g->from, false, g->job.cursor, e);
	buf_reset(&sql);
	buf_add_str(&sql, "INSERT INTO main.");
	sqlite_outbox_name(&sql, g->pipe->pub->settings->name);
	buf_add_str(&sql, " (operation, table_name, row_key, truncated, data) VALUES ('read', ?1, "
			  "?2, ?3, ?4)");
	if (code == ERR_OK)
		code = prepare_buf(c, &sql, &g->into, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(c, g->into, 1, g->plan.request->table, e);
	buf_done(&sql);
	return code;
}

/* What the trigger's INSERT does with the row at hand. */
static ATTR_MUST_CHECK enum err_code put_row(struct paging *g, struct err *e)
{
	sqlite3_value *key = sqlite3_column_value(g->from, SQLITE_PLAN_ROW_KEY);
	sqlite3_value *data = sqlite3_column_value(g->from, SQLITE_PLAN_DATA);
	bool row;

	g->r.rows++;
	g->r.bytes += sqlite3_column_bytes(g->from, SQLITE_PLAN_ROW_KEY);
	g->r.bytes += sqlite3_column_bytes(g->from, SQLITE_PLAN_DATA);
	if (sqlite3_bind_value(g->into, 2, key) != SQLITE_OK ||
	    sqlite3_bind_int(g->into, 3, sqlite3_value_type(data) == SQLITE_NULL) != SQLITE_OK ||
	    sqlite3_bind_value(g->into, 4, data) != SQLITE_OK)
		return err_set(e, ERR_NOMEM, "no memory for a row");
	return sqlite_conn_step(g->s->conn, g->into, &row, e);
}

static bool is_full(const struct paging *g, int64_t until_us)
{
	return g->looked >= g->page->rows || g->r.bytes >= g->page->bytes ||
	       (g->looked && sqlite_source_now(g->s) >= until_us);
}

static ATTR_MUST_CHECK enum err_code read_rows(struct paging *g, struct err *e)
{
	int64_t until_us = sqlite_source_now(g->s) + PAGE_US;
	bool row = sqlite_backfill_end(g->find).s != NULL;
	enum err_code code = row ? prepare(g, e) : ERR_OK;

	while (code == ERR_OK && row && !is_full(g, until_us)) {
		code = sqlite_conn_step(g->s->conn, g->from, &row, e);
		if (code != ERR_OK || !row)
			break;
		g->looked++;
		code = sqlite_plan_key(&g->plan, g->from, &g->cursor, e);
		if (code == ERR_OK && sqlite3_column_int(g->from, SQLITE_PLAN_MEANT))
			code = put_row(g, e);
	}
	g->r.at_end = !row;
	return code;
}

/* ---- the job ---- */

static ATTR_MUST_CHECK enum err_code write_down(struct paging *g, struct err *e)
{
	struct backfill_progress *p = &g->r.progress;
	struct sqlite_conn *c = g->s->conn;
	sqlite3_stmt *stmt = NULL;
	enum err_code code;
	bool row;

	p->rows_done += g->r.rows;
	p->updated_wall_us = clock_wall_us(g->s->env.clock);
	if (g->r.at_end)
		p->state = BACKFILL_DONE;
	code = sqlite_conn_prepare(c,
				   "UPDATE main." SQLITE_BACKFILL
				   " SET state = ?1, cursor_key = ifnull(?2, cursor_key), "
				   "rows_done = ?3, updated_at = ?4 WHERE id = ?5",
				   &stmt, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 1, backfill_state_name(p->state), e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 2, g->looked ? buf_str(&g->cursor) : NULL, e);
	if (code == ERR_OK) {
		(void)sqlite3_bind_int64(stmt, 3, p->rows_done);
		(void)sqlite3_bind_int64(stmt, 4, p->updated_wall_us);
		(void)sqlite3_bind_int64(stmt, 5, p->id);
		code = sqlite_conn_step(c, stmt, &row, e);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code do_page(struct paging *g, struct err *e)
{
	struct sqlite_plan_request want = {.source = g->s->env.settings,
					   .pipeline = g->pipe->pub->settings};
	enum err_code code = sqlite_backfill_find(g->s->conn, g->page->job, &g->find, &g->job, e);

	if (code != ERR_OK)
		return code;
	g->r.progress = g->job.progress;
	if (g->job.progress.state != BACKFILL_RUNNING)
		return ERR_OK;
	want.table = g->job.progress.table;
	want.where = g->job.where.s;
	want.columns = g->job.columns;
	code = sqlite_plan_init(&g->plan, g->s->conn, &want, e);
	if (code == ERR_OK)
		code = read_rows(g, e);
	if (code == ERR_OK)
		code = write_down(g, e);
	/* before the end of the transaction, which they would put off */
	(void)sqlite3_finalize(g->from);
	(void)sqlite3_finalize(g->into);
	sqlite_plan_done(&g->plan);
	return code;
}

enum err_code sqlite_backfill_page(struct source *base, uint32_t p,
				   const struct backfill_page *page, struct backfill_result *ret,
				   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct paging g = {.s = s, .pipe = &s->pipes[p], .page = page};
	enum err_code code = sqlite_source_check(s, e);

	if (code != ERR_OK)
		return code;
	buf_init(&g.cursor, KEY_BYTES_MAX);
	sqlite_conn_set_patience(s->conn, PATIENCE_US);
	code = sqlite_conn_exec(s->conn, "BEGIN IMMEDIATE", e);
	if (code == ERR_OK)
		code = do_page(&g, e);
	(void)sqlite3_finalize(g.find);
	if (code == ERR_OK)
		code = sqlite_conn_exec(s->conn, "COMMIT", e);
	sqlite_conn_rollback(s->conn);
	sqlite_conn_set_patience(s->conn, s->env.settings->statement_timeout_us);
	buf_done(&g.cursor);
	if (code == ERR_OK)
		*ret = g.r;
	return code;
}

enum err_code sqlite_backfill_load(struct source *base, struct backfill_progress *jobs,
				   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct backfill_job job;
	sqlite3_stmt *stmt = NULL;
	enum err_code code;
	struct buf sql;
	bool row = true;
	size_t i;

	for (i = 0; i < s->env.pipeline_count; i++)
		jobs[i].id = 0;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_backfill_select(&sql);
	buf_add_str(&sql, " WHERE state = 'running' ORDER BY id");
	code = prepare_buf(s->conn, &sql, &stmt, e);
	buf_done(&sql);
	while (code == ERR_OK && row) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		sqlite_backfill_take(stmt, &job);
		for (i = 0; i < s->env.pipeline_count; i++)
			if (!jobs[i].id &&
			    strcmp(s->env.pipelines[i].settings->name, job.progress.pipeline) == 0)
				jobs[i] = job.progress;
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

enum err_code sqlite_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
				   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	char cut[sizeof(((struct backfill_progress *)NULL)->last_error)];
	sqlite3_stmt *stmt = NULL;
	enum err_code code;
	bool row;

	(void)snprintf(cut, sizeof(cut), "%s", why);
	sqlite_conn_set_patience(s->conn, PATIENCE_US);
	code = sqlite_conn_prepare(s->conn,
				   "UPDATE main." SQLITE_BACKFILL
				   " SET state = 'failed', last_error = ?1, updated_at = " NOW_US
				   " WHERE state = 'running' AND pipeline = ?2 AND id = ?3",
				   &stmt, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(s->conn, stmt, 1, cut, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(s->conn, stmt, 2, s->pipes[p].pub->settings->name, e);
	if (code == ERR_OK) {
		(void)sqlite3_bind_int64(stmt, 3, job);
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	}
	(void)sqlite3_finalize(stmt);
	sqlite_conn_set_patience(s->conn, s->env.settings->statement_timeout_us);
	return code;
}
