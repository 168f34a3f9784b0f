/* SPDX-License-Identifier: MIT */
/*
 * The table of delivered events that are kept for a replay. A row is copied into it in the
 * transaction that takes it out of the outbox, or out of the parked ones, so no crash loses or
 * doubles one; there it has the id that receivers know. A pipeline that keeps nothing runs no
 * statement of these.
 */
#include "source/my_source.h"

static ATTR_MUST_CHECK enum err_code probe(struct my_source *s, struct err *e)
{
	struct err own;
	enum err_code code = my_conn_exec(s->conn, "SELECT 1 FROM " MY_DELIVERED " LIMIT 1", &own);

	if (code == ERR_NOT_FOUND || code == ERR_DENIED)
		return err_set(e, ERR_NOT_FOUND,
			       "retain needs table " MY_DELIVERED ", which the version that "
			       "installed here did not have, or which the daemon's user may not "
			       "use: run app-db-listener install");
	return code == ERR_OK ? code : err_set(e, code, "%s", own.msg);
}

enum err_code my_retain_open(struct my_source *s, struct err *e)
{
	bool wanted = false;
	size_t i;

	for (i = 0; i < s->env.pipeline_count; i++) {
		struct my_pipe *p = &s->pipes[i];

		p->retains = !p->audit && p->pub->settings->retain_us;
		wanted |= p->retains;
	}
	return wanted ? probe(s, e) : ERR_OK;
}

/* A copy that was replayed, even twice at once, is the event that it was. */
enum err_code my_retain_keep(struct my_source *s, const struct my_pipe *p, bool from_parked,
			     const int64_t *ids, size_t n, struct err *e)
{
	struct buf *sql = &s->sql;

	if (!p->retains || !n)
		return ERR_OK;
	buf_reset(sql);
	buf_add_str(sql, "REPLACE INTO " MY_DELIVERED " (pipeline, id, " MY_EVENT_COLUMNS
			 ", delivered_at) SELECT ");
	my_quote_literal(sql, text_of(p->pub->settings->name));
	buf_add_fmt(sql,
		    ", COALESCE(origin_id, id), " MY_EVENT_COLUMNS ", UTC_TIMESTAMP(6) FROM %s "
		    "FORCE INDEX (%s) WHERE ",
		    buf_str(from_parked ? &p->parked : &p->relation),
		    from_parked ? "by_id" : "PRIMARY");
	my_ack_ids(sql, "id", ids, n);
	return my_conn_exec_buf(s->conn, sql, NULL, e);
}

/* Oldest first, by the index on the time. */
enum err_code my_retain_purge(struct my_source *s, const struct my_pipe *p,
			      struct source_sweep *sweep, struct err *e)
{
	struct buf *sql = &s->sql;
	int64_t purged = 0;
	enum err_code code;

	buf_reset(sql);
	buf_add_str(sql, "DELETE FROM " MY_DELIVERED " WHERE pipeline = ");
	my_quote_literal(sql, text_of(p->pub->settings->name));
	buf_add_fmt(sql,
		    " AND delivered_at < UTC_TIMESTAMP(6) - INTERVAL %lld MICROSECOND "
		    "ORDER BY delivered_at LIMIT %lld",
		    (long long)sweep->older_than_us, (long long)sweep->rows);
	code = my_conn_exec_buf(s->conn, sql, &purged, e);
	if (code != ERR_OK)
		return code;
	sweep->after_id = purged >= sweep->rows;
	sweep->purged = purged;
	return ERR_OK;
}
