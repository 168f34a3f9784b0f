/* SPDX-License-Identifier: MIT */
/*
 * Look first, which takes no lock that a writer minds: most steps find nothing to remove. When the
 * write lock cannot be had in a moment, or a commit without a WAL waits for readers, it is given up
 * until later: the application goes first.
 */
#include "source/sqlite_source.h"

#define PATIENCE_US (50 * CLOCK_US_PER_MS)

static void where_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t after)
{
	buf_add_str(sql, " FROM main." SQLITE_DEAD_LETTER " WHERE pipeline = ");
	sqlite_quote_literal(sql, p->pub->settings->name);
	buf_add_fmt(sql, " AND id > %lld", (long long)after);
}

static ATTR_MUST_CHECK enum err_code look(struct sqlite_source *s, const struct sqlite_pipe *p,
					  const struct source_sweep *sweep, int64_t died_wall_us,
					  int64_t *ret_last, int64_t *ret_old, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	if (sweep->delivered) {
		sqlite_retain_look_sql(&sql, p, died_wall_us, sweep->rows);
	} else {
		buf_add_fmt(&sql, "SELECT max(id), sum(died_at < %lld) FROM (SELECT id, died_at",
			    (long long)died_wall_us);
		where_sql(&sql, p, sweep->after_id);
		buf_add_fmt(&sql, " ORDER BY id LIMIT %lld)", (long long)sweep->rows);
	}
	code = buf_error(&sql) == ERR_OK ? sqlite_conn_prepare(s->conn, buf_str(&sql), &stmt, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	*ret_last = row ? sqlite3_column_int64(stmt, 0) : 0;
	*ret_old = row ? sqlite3_column_int64(stmt, 1) : 0;
	(void)sqlite3_finalize(stmt);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code remove_old(struct sqlite_source *s,
						const struct sqlite_pipe *p,
						const struct source_sweep *sweep,
						int64_t died_wall_us, int64_t last, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "BEGIN IMMEDIATE; ");
	if (sweep->delivered) {
		sqlite_retain_purge_sql(&sql, p, died_wall_us, sweep->rows);
	} else {
		buf_add_str(&sql, "DELETE");
		where_sql(&sql, p, sweep->after_id);
		buf_add_fmt(&sql, " AND id <= %lld AND died_at < %lld", (long long)last,
			    (long long)died_wall_us);
	}
	buf_add_str(&sql, "; COMMIT");
	sqlite_conn_set_patience(s->conn, PATIENCE_US);
	code = buf_error(&sql) == ERR_OK ? sqlite_conn_exec(s->conn, buf_str(&sql), e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	sqlite_conn_rollback(s->conn);
	sqlite_conn_set_patience(s->conn, s->env.settings->statement_timeout_us);
	buf_done(&sql);
	return code;
}

enum err_code sqlite_purge(struct source *base, uint32_t p, struct source_sweep *sweep,
			   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	const struct sqlite_pipe *pipe = &s->pipes[p];
	int64_t died_wall_us = clock_wall_us(s->env.clock) - sweep->older_than_us;
	int64_t last = 0, old = 0;
	enum err_code code = sqlite_source_check(s, e);

	if (code == ERR_OK)
		code = look(s, pipe, sweep, died_wall_us, &last, &old, e);
	if (code == ERR_OK && old)
		code = remove_old(s, pipe, sweep, died_wall_us, last, e);
	if (code != ERR_OK)
		return code;
	sweep->after_id = last;
	sweep->purged = old;
	return ERR_OK;
}
