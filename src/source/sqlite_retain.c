/* SPDX-License-Identifier: MIT */
/*
 * The table of delivered events that are kept for a replay. A row is copied into it in the
 * transaction that takes it out of the outbox, or out of the parked ones, so no crash loses or
 * doubles one; there it has the id that receivers know. A pipeline that keeps nothing runs no
 * statement of these.
 */
#include "source/sqlite_source.h"

#define EVENT_COLUMNS                                                                              \
	"operation, table_name, row_key, old_key, changed_at, truncated, data, old_data"

/* A copy that was replayed, even twice at once, is the event that it was. */
static ATTR_MUST_CHECK enum err_code prepare(struct sqlite_source *s, struct sqlite_pipe *p,
					     bool of_parked, struct err *e)
{
	sqlite3_stmt **stmt = &p->stmts[of_parked ? SQLITE_STMT_KEEP_PARKED : SQLITE_STMT_KEEP];
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql,
		    "INSERT OR REPLACE INTO main." SQLITE_DELIVERED " (pipeline, id, " EVENT_COLUMNS
		    ") SELECT ?2, ifnull(origin_id, id), " EVENT_COLUMNS " FROM main.");
	if (of_parked)
		sqlite_parked_name(&sql, p->pub->settings->name);
	else
		sqlite_outbox_name(&sql, p->pub->settings->name);
	buf_add_str(&sql, " WHERE id = ?1");
	code = buf_error(&sql) == ERR_OK ? sqlite_conn_prepare(s->conn, buf_str(&sql), stmt, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&sql);
	return code;
}

enum err_code sqlite_retain_open(struct sqlite_source *s, struct sqlite_pipe *p, struct err *e)
{
	enum err_code code = ERR_OK;

	if (!p->pub->settings->retain_us)
		return ERR_OK;
	code = prepare(s, p, false, e);
	if (code == ERR_NOT_FOUND)
		return err_set(e, code,
			       "pipeline %s: retain needs table " SQLITE_DELIVERED
			       ", which the version that installed here did not have: run "
			       "app-db-listener install",
			       p->pub->settings->name);
	return code == ERR_OK && p->has_parked ? prepare(s, p, true, e) : code;
}

enum err_code sqlite_retain_keep(struct sqlite_source *s, const struct sqlite_pipe *p,
				 const struct ack *a, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[a->from_parked ? SQLITE_STMT_KEEP_PARKED : SQLITE_STMT_KEEP];
	enum err_code code;
	bool row;

	if (!stmt)
		return ERR_OK;
	(void)sqlite3_bind_int64(stmt, 1, a->id);
	code = sqlite_conn_bind(s->conn, stmt, 2, p->pub->settings->name, e);
	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	(void)sqlite3_clear_bindings(stmt);
	return code;
}

/* ---- what is too old ---- */

/* Oldest first, by the index on the time. */
static void where_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t before_wall_us,
		      int64_t rows)
{
	buf_add_str(sql, " FROM main." SQLITE_DELIVERED " WHERE pipeline = ");
	sqlite_quote_literal(sql, p->pub->settings->name);
	buf_add_fmt(sql, " AND delivered_at < %lld ORDER BY delivered_at LIMIT %lld",
		    (long long)before_wall_us, (long long)rows);
}

void sqlite_retain_look_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t before_wall_us,
			    int64_t rows)
{
	buf_add_fmt(sql, "SELECT count(*) >= %lld, count(*) FROM (SELECT 1", (long long)rows);
	where_sql(sql, p, before_wall_us, rows);
	buf_add_char(sql, ')');
}

void sqlite_retain_purge_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t before_wall_us,
			     int64_t rows)
{
	buf_add_str(sql, "DELETE FROM main." SQLITE_DELIVERED " WHERE rowid IN (SELECT rowid");
	where_sql(sql, p, before_wall_us, rows);
	buf_add_char(sql, ')');
}
