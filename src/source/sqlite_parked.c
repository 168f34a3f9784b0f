/* SPDX-License-Identifier: MIT */
/*
 * The table of parked events: rows in and out of it, and rows of it as events. One per pipeline, as
 * with the outbox. An installation of before there was one is read as if it were empty, as long as
 * its pipeline does not need it.
 *
 * The texts in it are the triggers' literals, as in the outbox: sqlite_read.c makes JSON of both.
 */
#include <string.h>

#include "source/sqlite_source.h"

#define LIST_ROWS 10000 /* of a page, and all that share the last one's hash */
#define DUE_FEW 10000

/* ---- is it there? ---- */

enum err_code sqlite_parked_refuse(const struct sqlite_pipe *p, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		       "pipeline %s: retry_schedule needs a table that the version that installed "
		       "here did not have: run app-db-listener install",
		       p->pub->settings->name);
}

/* Begin a statement on the pipeline's tables: %1 is the parked one, %2 the outbox. */
static void add_sql(struct buf *out, const struct sqlite_pipe *p, const char *sql)
{
	const char *mark;

	while ((mark = strchr(sql, '%')) != NULL) {
		buf_add(out, sql, (size_t)(mark - sql));
		buf_add_str(out, "main.");
		if (mark[1] == '1')
			sqlite_parked_name(out, p->pub->settings->name);
		else
			sqlite_outbox_name(out, p->pub->settings->name);
		sql = mark + 2;
	}
	buf_add_str(out, sql);
}

static ATTR_MUST_CHECK enum err_code prepare_buf(struct sqlite_source *s, const struct buf *sql,
						 sqlite3_stmt **ret_stmt, struct err *e)
{
	if (buf_error(sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	return sqlite_conn_prepare(s->conn, buf_str(sql), ret_stmt, e);
}

#define EVENT_COLUMNS                                                                              \
	"operation, table_name, row_key, old_key, changed_at, truncated, data, old_data"

static const char *const stmt_sql[] = {
	[SQLITE_STMT_PARK - SQLITE_STMT_PARK] =
		"INSERT OR REPLACE INTO %1 (id, " EVENT_COLUMNS
		", origin_id, attempts, last_status, "
		"last_error, step, due_at, row_hash1, row_hash2, table_hash) SELECT "
		"id, " EVENT_COLUMNS ", origin_id, ?2, nullif(?3, 0), ?4, ?5, nullif(?6, 0), ?7, "
		"?8, ?9 "
		"FROM %2 WHERE id = ?1",
	[SQLITE_STMT_UNPARK - SQLITE_STMT_PARK] = "DELETE FROM %1 WHERE id = ?1",
	[SQLITE_STMT_BURY_PARKED - SQLITE_STMT_PARK] =
		SQLITE_BURY_BEFORE "%2" SQLITE_BURY_AFTER "%1 AS o WHERE o.id = ?1",
	[SQLITE_STMT_REPARK - SQLITE_STMT_PARK] =
		"UPDATE %1 SET attempts = ?2, last_status = nullif(?3, 0), last_error = ?4, "
		"step = ?5, due_at = nullif(?6, 0) WHERE id = ?1",
	/* as SQLITE_STMT_FIGURES */
	[SQLITE_STMT_PARKED_COUNT - SQLITE_STMT_PARK] =
		"SELECT CASE WHEN n > 10000 THEN (SELECT max(seq) FROM %1) - (SELECT min(seq) FROM "
		"%1) + 1 ELSE n END FROM (SELECT count(*) AS n FROM (SELECT 1 FROM %1 LIMIT "
		"10001))",
	/* ?1: the lowest row_hash1. All rows of one are in the same page, so that a group is never
	 * told in two parts. */
	[SQLITE_STMT_PARKED_LIST - SQLITE_STMT_PARK] =
		"SELECT row_hash1, row_hash2, table_hash, operation = 'truncate', count(*), "
		"ifnull(min(due_at), 0) FROM %1 WHERE row_hash1 BETWEEN ?1 AND ifnull((SELECT "
		"row_hash1 FROM %1 WHERE row_hash1 >= ?1 ORDER BY row_hash1 LIMIT 1 OFFSET ?2), "
		"9223372036854775807) GROUP BY 1, 2, 3, 4 ORDER BY 1",
};

static ATTR_MUST_CHECK enum err_code prepare_all(struct sqlite_source *s, struct sqlite_pipe *p,
						 struct err *e)
{
	enum err_code code = ERR_OK;
	struct buf sql;
	size_t i;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	for (i = 0; code == ERR_OK && i < ARRAY_LEN(stmt_sql); i++) {
		buf_reset(&sql);
		add_sql(&sql, p, stmt_sql[i]);
		code = prepare_buf(s, &sql, &p->stmts[SQLITE_STMT_PARK + (int)i], e);
	}
	buf_done(&sql);
	return code;
}

enum err_code sqlite_parked_open(struct sqlite_source *s, struct sqlite_pipe *p, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	enum err_code code;
	struct buf name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&name, p->pub->settings->name);
	code = buf_error(&name) == ERR_OK ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for a name");
	if (code == ERR_OK)
		code = sqlite_conn_prepare(s->conn,
					   "SELECT 1 FROM main.sqlite_master WHERE type = 'table' "
					   "AND name = ?1",
					   &stmt, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(s->conn, stmt, 1, buf_str(&name), e);
	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	(void)sqlite3_finalize(stmt);
	buf_done(&name);
	if (code != ERR_OK)
		return code;
	if (!row)
		return p->pub->parks ? sqlite_parked_refuse(p, e) : ERR_OK;
	code = prepare_all(s, p, e);
	p->has_parked = code == ERR_OK;
	return code;
}

/* ---- what there is ---- */

static ATTR_MUST_CHECK enum err_code list_page(struct sqlite_source *s, sqlite3_stmt *stmt,
					       parked_list_fn fn, void *ctx, int64_t *from,
					       bool *ret_any, struct err *e)
{
	struct parked_group g;
	enum err_code code = ERR_OK;
	bool row = true;

	*ret_any = false;
	(void)sqlite3_bind_int64(stmt, 1, *from);
	(void)sqlite3_bind_int(stmt, 2, LIST_ROWS - 1);
	while (code == ERR_OK) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		*ret_any = true;
		*from = sqlite3_column_int64(stmt, 0);
		g = (struct parked_group){
			.row_hash = {(uint64_t)*from, (uint64_t)sqlite3_column_int64(stmt, 1)},
			.table_hash = (uint64_t)sqlite3_column_int64(stmt, 2),
			.truncate = sqlite3_column_int(stmt, 3),
			.count = sqlite3_column_int64(stmt, 4),
			.due_wall_us = sqlite3_column_int64(stmt, 5),
		};
		code = fn(ctx, &g);
	}
	(void)sqlite3_reset(stmt);
	return code;
}

enum err_code sqlite_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
				 struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	const struct sqlite_pipe *pipe = &s->pipes[p];
	int64_t from = INT64_MIN;
	bool any = pipe->has_parked;
	enum err_code code = sqlite_source_check(s, e);

	while (code == ERR_OK && any) {
		code = list_page(s, pipe->stmts[SQLITE_STMT_PARKED_LIST], fn, ctx, &from, &any, e);
		if (from == INT64_MAX)
			break;
		from++;
	}
	return code;
}

enum err_code sqlite_parked_count(struct sqlite_source *s, const struct sqlite_pipe *p,
				  int64_t *ret_rows, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_PARKED_COUNT];
	bool row = false;
	enum err_code code;

	*ret_rows = 0;
	if (!p->has_parked)
		return ERR_OK;
	code = sqlite_conn_step(s->conn, stmt, &row, e);
	if (code == ERR_OK && row)
		*ret_rows = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	return code;
}

/* ---- which rows ---- */

/* The first rows behind after_seq with that hash: each from its own index, for a lane may be as
 * long as the table. */
static void add_hashes(struct buf *sql, const struct sqlite_pipe *p,
		       const struct parked_select *sel, const char *column, size_t rows)
{
	size_t i;

	for (i = 0; i < sel->hash_count; i++) {
		buf_add_str(sql, i ? " UNION " : "");
		add_sql(sql, p, "SELECT seq FROM (SELECT seq FROM %1 WHERE ");
		buf_add_fmt(sql, "%s = %lld AND seq > %lld ORDER BY seq LIMIT %zu)", column,
			    (long long)sel->hashes[i], (long long)sel->after_seq, rows);
	}
}

/* Few are due: they can be sorted. Many are: some will be among the first that are looked at in
 * order. The plus signs keep the planner from the other index. */
static void add_due(struct buf *sql, const struct sqlite_pipe *p, const struct parked_select *sel,
		    bool few)
{
	add_sql(sql, p, "SELECT seq FROM %1 WHERE ");
	buf_add_fmt(sql, "%sdue_at <= %lld AND %sseq > %lld", few ? "" : "+",
		    (long long)sel->due_wall_us, few ? "+" : "", (long long)sel->after_seq);
}

static void pick_sql(struct buf *sql, const struct sqlite_pipe *p, const struct parked_select *sel,
		     bool few, size_t rows)
{
	add_sql(sql, p,
		"SELECT id, operation, table_name, changed_at, truncated, row_key, old_key, data, "
		"old_data, origin_id, seq, due_at, step, attempts FROM %1 WHERE seq IN (SELECT seq "
		"FROM (");
	switch (sel->by) {
	case PARKED_BY_ROW:
		add_hashes(sql, p, sel, "row_hash1", rows);
		buf_add_str(sql, " UNION ");
		add_hashes(sql, p, sel, "row_hash2", rows);
		break;
	case PARKED_BY_TABLE:
		add_hashes(sql, p, sel, "table_hash", rows);
		break;
	case PARKED_ALL:
		add_sql(sql, p, "SELECT seq FROM %1 WHERE ");
		buf_add_fmt(sql, "seq > %lld", (long long)sel->after_seq);
		break;
	case PARKED_DUE:
		add_due(sql, p, sel, few);
		break;
	}
	buf_add_fmt(sql, ") ORDER BY seq LIMIT %zu) ORDER BY seq", rows);
}

static ATTR_MUST_CHECK enum err_code are_few(struct sqlite_source *s, const struct sqlite_pipe *p,
					     const struct parked_select *sel, struct buf *sql,
					     bool *ret_few, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	enum err_code code;

	if (sel->by != PARKED_DUE)
		return ERR_OK;
	buf_add_str(sql, "SELECT count(*) FROM (");
	add_due(sql, p, sel, true);
	buf_add_fmt(sql, " LIMIT %d)", DUE_FEW);
	code = prepare_buf(s, sql, &stmt, e);
	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	if (code == ERR_OK && row)
		*ret_few = sqlite3_column_int64(stmt, 0) < DUE_FEW;
	(void)sqlite3_finalize(stmt);
	buf_reset(sql);
	return code;
}

/* ---- events ---- */

/* Behind the columns that sqlite_read.c takes. */
enum { COL_SEQ = 10, COL_DUE, COL_STEP, COL_ATTEMPTS };

static ATTR_MUST_CHECK enum err_code add_row(struct sqlite_source *s, sqlite3_stmt *stmt,
					     struct batch *b, struct err *e)
{
	struct event_fields f;
	enum err_code code = sqlite_read_row(s, stmt, &f, e);

	if (code != ERR_OK)
		return code;
	f.parked = true;
	f.parked_seq = sqlite3_column_int64(stmt, COL_SEQ);
	f.parked_due_wall_us = sqlite3_column_int64(stmt, COL_DUE);
	f.parked_step = sqlite3_column_int(stmt, COL_STEP);
	f.parked_attempts = sqlite3_column_int(stmt, COL_ATTEMPTS);
	return batch_add(b, &f, e);
}

static ATTR_MUST_CHECK enum err_code add_rows(struct sqlite_source *s, sqlite3_stmt *stmt,
					      struct batch *b, struct err *e)
{
	enum err_code code = ERR_OK;
	bool row = true;

	while (code == ERR_OK && !b->is_full) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		/* one too many: its texts need not be looked at */
		if (b->count == b->limit.events)
			b->is_full = true;
		else
			code = add_row(s, stmt, b, e);
	}
	return code;
}

enum err_code sqlite_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
				 struct source_limit limit, struct event **out, size_t *ret_count,
				 bool *ret_more, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	const struct sqlite_pipe *pipe = &s->pipes[p];
	struct batch b = {.limit = limit, .out = out, .now_us = sqlite_source_now(s)};
	enum err_code code = sqlite_source_check(s, e);
	sqlite3_stmt *stmt = NULL;
	bool few = true;
	struct buf sql;

	*ret_count = 0;
	*ret_more = false;
	if (code != ERR_OK || !pipe->has_parked)
		return code;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	code = are_few(s, pipe, sel, &sql, &few, e);
	if (code == ERR_OK) {
		pick_sql(&sql, pipe, sel, few, limit.events + 1);
		code = prepare_buf(s, &sql, &stmt, e);
	}
	if (code == ERR_OK)
		code = add_rows(s, stmt, &b, e);
	(void)sqlite3_finalize(stmt);
	buf_done(&sql);
	sqlite_read_forget_row(s);
	if (code != ERR_OK) {
		batch_drop(&b);
		return code;
	}
	*ret_count = b.count;
	*ret_more = b.is_full;
	return ERR_OK;
}
