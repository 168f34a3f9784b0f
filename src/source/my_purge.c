/* SPDX-License-Identifier: MIT */
/*
 * Look first, without locks: most steps find nothing to remove. The DELETE goes along the primary
 * key and under READ COMMITTED keeps locks only on what it removes. A row that somebody else has
 * locked (an operator's replay) ends it after innodb_lock_wait_timeout, 2 s.
 */
#include "source/my_source.h"

static void where_sql(struct buf *sql, const struct my_pipe *p, int64_t after)
{
	buf_add_str(sql, " FROM " MY_DEAD_LETTER " WHERE pipeline = ");
	my_quote_literal(sql, text_of(p->pub->settings->name));
	buf_add_fmt(sql, " AND id > %lld", (long long)after);
}

static void old_sql(struct buf *sql, int64_t age_us)
{
	buf_add_fmt(sql, "died_at < UTC_TIMESTAMP(6) - INTERVAL %lld MICROSECOND",
		    (long long)age_us);
}

static ATTR_MUST_CHECK enum err_code look(struct my_source *s, const struct my_pipe *p,
					  const struct source_sweep *sweep, int64_t *ret_last,
					  int64_t *ret_old, struct err *e)
{
	struct buf *sql = &s->sql;
	struct my_result *r;
	enum err_code code;

	buf_reset(sql);
	buf_add_str(sql, "SELECT MAX(id), SUM(old) FROM (SELECT id, ");
	old_sql(sql, sweep->older_than_us);
	buf_add_str(sql, " AS old");
	where_sql(sql, p, sweep->after_id);
	buf_add_fmt(sql, " ORDER BY id LIMIT %lld) AS l", (long long)sweep->rows);
	code = my_conn_query_buf(s->conn, sql, &r, e);
	if (code != ERR_OK)
		return code;
	*ret_last = *ret_old = 0;
	if (my_result_next(r)) {
		*ret_last = my_result_i64(r, 0, 0);
		*ret_old = my_result_i64(r, 1, 0);
	}
	my_result_free(r);
	return ERR_OK;
}

enum err_code my_purge(struct source *base, uint32_t p, struct source_sweep *sweep, struct err *e)
{
	struct my_source *s = my_source_of(base);
	const struct my_pipe *pipe = &s->pipes[p];
	int64_t last, old, purged = 0;
	enum err_code code;

	if (sweep->delivered)
		return my_retain_purge(s, pipe, sweep, e);
	code = look(s, pipe, sweep, &last, &old, e);
	if (code == ERR_OK && old) {
		buf_reset(&s->sql);
		buf_add_str(&s->sql, "DELETE");
		where_sql(&s->sql, pipe, sweep->after_id);
		buf_add_fmt(&s->sql, " AND id <= %lld AND ", (long long)last);
		old_sql(&s->sql, sweep->older_than_us);
		code = my_conn_exec_buf(s->conn, &s->sql, &purged, e);
	}
	if (code != ERR_OK)
		return code;
	sweep->after_id = last;
	sweep->purged = purged;
	return ERR_OK;
}
