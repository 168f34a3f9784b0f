/* SPDX-License-Identifier: MIT */
/*
 * Dead letters are written with the id that receivers know the event by. The same event again, as
 * of copies that were replayed, replaces the letter that there is. Another event with the id of a
 * letter (AUTO_INCREMENT set back, a table restored) gets an id of its own, above all that are
 * there: both stay. So it is asked first which ids are taken; those are rare, and written one by
 * one.
 *
 * A row of an audit table is its event, whatever has become of it since: its letter is replaced.
 */
#include "source/my_source.h"

#define IS_SAME                                                                                    \
	"l.operation <=> o.operation AND l.schema_name <=> o.schema_name AND l.table_name <=> "    \
	"o.table_name AND l.row_key <=> o.row_key AND l.old_key <=> o.old_key AND l.changed_at "   \
	"<=> o.changed_at AND l.truncated <=> o.truncated AND l.data <=> o.data AND l.old_data "   \
	"<=> o.old_data"

struct burial {
	struct my_source *s;
	const struct my_pipe *p;
	bool from_parked;
};

/* " JOIN the table AS o" to the acks before it. */
static void join_rows(struct buf *sql, const struct burial *b)
{
	buf_add_fmt(sql, " JOIN %s AS o FORCE INDEX (%s) ON o.id = a.a_id",
		    buf_str(b->from_parked ? &b->p->parked : &b->p->relation),
		    b->from_parked ? "by_id" : "PRIMARY");
}

/* The letters of these acks; id 0: the event's own. */
static ATTR_MUST_CHECK enum err_code copy(const struct burial *b, const struct ack *const *acks,
					  size_t n, int64_t id, struct err *e)
{
	struct buf *sql = &b->s->sql;

	buf_reset(sql);
	buf_add_str(sql, "REPLACE INTO " MY_DEAD_LETTER " (pipeline, id, " MY_EVENT_COLUMNS
			 ", attempts, last_status, last_error, died_at) SELECT STRAIGHT_JOIN ");
	my_quote_literal(sql, text_of(b->p->pub->settings->name));
	if (id)
		buf_add_fmt(sql, ", %lld, ", (long long)id);
	else
		buf_add_str(sql, b->p->audit ? ", o.id, " : ", COALESCE(o.origin_id, o.id), ");
	if (b->p->audit)
		my_audit_letter(sql);
	else
		buf_add_str(sql, MY_EVENT_COLUMNS);
	buf_add_str(sql, ", a.attempts, a.status, a.reason, UTC_TIMESTAMP(6)");
	my_ack_rows(sql, acks, n, false);
	join_rows(sql, b);
	return my_conn_exec_buf(b->s->conn, sql, NULL, e);
}

/* Which of them cannot have their own ids: there is a letter of another event, or one before it
 * here has the same. */
static ATTR_MUST_CHECK enum err_code look(const struct burial *b, const struct ack *const *acks,
					  size_t n, bool *taken, struct err *e)
{
	int64_t ids[MY_MOVED_MAX];
	struct buf *sql = &b->s->sql;
	struct my_result *r = NULL;
	enum err_code code;
	size_t i, nth, count = 0;

	buf_reset(sql);
	buf_add_str(sql,
		    "SELECT STRAIGHT_JOIN a.nth, COALESCE(o.origin_id, o.id), l.id IS NOT NULL "
		    "AND NOT (" IS_SAME ")");
	my_ack_rows(sql, acks, n, false);
	join_rows(sql, b);
	buf_add_str(sql,
		    " LEFT JOIN " MY_DEAD_LETTER " AS l FORCE INDEX (PRIMARY) ON l.pipeline = ");
	my_quote_literal(sql, text_of(b->p->pub->settings->name));
	buf_add_str(sql, " AND l.id = COALESCE(o.origin_id, o.id)");
	code = my_conn_query_buf(b->s->conn, sql, &r, e);
	while (code == ERR_OK && count < n && my_result_next(r)) {
		nth = (size_t)my_result_i64(r, 0, 0);
		ids[count] = my_result_i64(r, 1, 0);
		taken[nth] = my_result_i64(r, 2, 0);
		for (i = 0; i < count; i++)
			taken[nth] |= ids[i] == ids[count];
		count++;
	}
	my_result_free(r);
	return code;
}

/* A dead letter's id that nothing has. */
static ATTR_MUST_CHECK enum err_code find_id(const struct burial *b, int64_t *ret_id, struct err *e)
{
	struct buf *sql = &b->s->sql;
	struct my_result *r = NULL;
	enum err_code code;

	buf_reset(sql);
	buf_add_str(sql, "SELECT 1 + GREATEST((SELECT COALESCE(MAX(id), 0) FROM " MY_DEAD_LETTER
			 " WHERE pipeline = ");
	my_quote_literal(sql, text_of(b->p->pub->settings->name));
	buf_add_fmt(sql, "), (SELECT COALESCE(MAX(id), 0) FROM %s))", buf_str(&b->p->relation));
	code = my_conn_query_buf(b->s->conn, sql, &r, e);
	if (code == ERR_OK && my_result_next(r))
		*ret_id = my_result_i64(r, 0, 0);
	my_result_free(r);
	return code;
}

/* One whose id is taken, or was before those before it were written. */
static ATTR_MUST_CHECK enum err_code bury_one(const struct burial *b, const struct ack *a,
					      struct err *e)
{
	bool taken = false;
	int64_t id = 0;
	enum err_code code = look(b, &a, 1, &taken, e);

	if (code == ERR_OK && taken)
		code = find_id(b, &id, e);
	return code == ERR_OK ? copy(b, &a, 1, id, e) : code;
}

enum err_code my_bury(struct my_source *s, const struct my_pipe *p, bool from_parked,
		      const struct ack *const *acks, size_t n, struct err *e)
{
	struct burial b = {.s = s, .p = p, .from_parked = from_parked};
	const struct ack *plain[MY_MOVED_MAX];
	bool taken[MY_MOVED_MAX] = {false};
	enum err_code code;
	size_t i, count = 0;

	if (p->audit)
		return copy(&b, acks, n, 0, e);
	code = look(&b, acks, n, taken, e);
	for (i = 0; i < n; i++)
		if (!taken[i])
			plain[count++] = acks[i];
	if (code == ERR_OK && count)
		code = copy(&b, plain, count, 0, e);
	for (i = 0; code == ERR_OK && i < n; i++)
		if (taken[i])
			code = bury_one(&b, acks[i], e);
	return code;
}
