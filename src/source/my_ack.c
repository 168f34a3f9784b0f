/* SPDX-License-Identifier: MIT */
/*
 * One transaction per batch of acknowledgements: the delivered rows leave the outbox, the dead ones
 * and those that wait for a later attempt move. Under READ COMMITTED a DELETE by ids locks these
 * rows and nothing between them, so no insert of the application waits for it, provided that the
 * rows are found by id. The statistics of an outbox are always old, and while they say that it is
 * small the server would scan it, and wait for every row that is not yet committed.
 * sql_safe_updates makes it use the key (mysql.c); DELETE takes no other hint that MariaDB heeds.
 * MySQL heeds a comment from 8.0.20 on, and 9 nothing else (MySQL manual, "Index-Level Optimizer
 * Hints").
 *
 * One DELETE alone needs no transaction around it, and that is what nearly every batch is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/attempts.h"
#include "source/my_source.h"

#define GIVE_UP_US (2 * CLOCK_US_PER_S)

void my_ack_ids(struct buf *sql, const char *column, const int64_t *ids, size_t n)
{
	size_t i;

	buf_add_fmt(sql, "%s IN (", column);
	for (i = 0; i < n; i++) {
		if (i)
			buf_add_char(sql, ',');
		buf_add_i64(sql, ids[i]);
	}
	buf_add_char(sql, ')');
}

/* The acks of one call; ids and picked are room for all of them. */
struct acking {
	struct my_source *s;
	const struct ack *acks;
	size_t n;
	int64_t *ids;
	const struct ack **picked;
	uint32_t pipe;
};

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The first of ids leave the table. */
static ATTR_MUST_CHECK enum err_code take_away(struct acking *a, const struct buf *table,
					       size_t count, struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];
	struct buf *sql = &a->s->sql;
	enum err_code code = ERR_OK;
	size_t at, n;

	/* in the order of the rows: locks are taken in one direction */
	qsort(a->ids, count, sizeof(*a->ids), by_id);
	for (at = 0; code == ERR_OK && at < count; at += n) {
		n = count - at < MY_IDS_MAX ? count - at : MY_IDS_MAX;
		buf_reset(sql);
		/* a column may be set to the time of each update */
		if (p->audit && table == &p->relation)
			buf_add_fmt(sql,
				    "UPDATE %s FORCE INDEX (PRIMARY) SET processed = 1, "
				    "changed_at = changed_at WHERE ",
				    buf_str(table));
		else
			buf_add_fmt(sql, "DELETE /*+ INDEX(%s %s) */ FROM %s WHERE ",
				    buf_str(table), table == &p->parked ? "by_id" : "PRIMARY",
				    buf_str(table));
		my_ack_ids(sql, "id", a->ids + at, n);
		code = my_conn_exec_buf(a->s->conn, sql, NULL, e);
	}
	return code;
}

void my_ack_rows(struct buf *sql, const struct ack *const *acks, size_t n, bool parking)
{
	size_t i;

	buf_add_str(sql, " FROM (");
	for (i = 0; i < n; i++) {
		const struct ack *k = acks[i];

		buf_add_fmt(sql,
			    "%sSELECT %lld AS a_id, %zu AS nth, %d AS attempts, NULLIF(%d, 0) AS "
			    "status, ",
			    i ? " UNION ALL " : "", (long long)k->id, i, k->attempts,
			    k->last_status);
		if (k->reason || parking)
			my_quote_literal(sql, text_of(k->reason));
		else
			buf_add_str(sql, "''");
		buf_add_str(sql, " AS reason");
		if (!parking)
			continue;
		buf_add_fmt(sql, ", %d AS step, ", k->step);
		my_parked_due(sql, k->due_wall_us);
		buf_add_fmt(sql, " AS due, %lld AS hash1, %lld AS hash2, %lld AS hash3",
			    (long long)k->row_hash[0], (long long)k->row_hash[1],
			    (long long)k->table_hash);
	}
	buf_add_str(sql, ") AS a");
}

/* Copy the rows of these acks into the dead letters. */
static ATTR_MUST_CHECK enum err_code bury(struct acking *a, const struct buf *table,
					  const struct ack *const *acks, size_t n, struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];

	return my_bury(a->s, p, table == &p->parked, acks, n, e);
}

/* Copy the rows of these acks into the table of parked ones, which numbers them in their order.
 * Sorted are the acks, not the rows: EXPLAIN tells. An id that was used before makes room. */
static ATTR_MUST_CHECK enum err_code park(struct acking *a, const struct buf *table,
					  const struct ack *const *acks, size_t n, struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];
	struct buf *sql = &a->s->sql;

	buf_reset(sql);
	buf_add_fmt(sql,
		    "REPLACE INTO %s (id, origin_id, " MY_EVENT_COLUMNS
		    ", attempts, last_status, last_error, "
		    "step, due_at, row_hash1, row_hash2, table_hash, parked_at) SELECT "
		    "STRAIGHT_JOIN o.id, o.origin_id, " MY_EVENT_COLUMNS
		    ", a.attempts, a.status, a.reason, "
		    "a.step, a.due, a.hash1, a.hash2, a.hash3, UTC_TIMESTAMP(6)",
		    buf_str(&p->parked));
	my_ack_rows(sql, acks, n, true);
	buf_add_fmt(sql, " JOIN %s AS o FORCE INDEX (PRIMARY) ON o.id = a.a_id ORDER BY a.nth",
		    buf_str(table));
	return my_conn_exec_buf(a->s->conn, sql, NULL, e);
}

/* "name = CASE id WHEN ... END" with what value appends for each ack. */
static void add_case(struct buf *sql, const char *name, const struct ack *const *acks, size_t n,
		     void (*value)(struct buf *sql, const struct ack *a))
{
	size_t i;

	buf_add_fmt(sql, "%s = CASE id", name);
	for (i = 0; i < n; i++) {
		buf_add_fmt(sql, " WHEN %lld THEN ", (long long)acks[i]->id);
		value(sql, acks[i]);
	}
	buf_add_str(sql, " END");
}

static void attempts_value(struct buf *sql, const struct ack *a)
{
	buf_add_i64(sql, a->attempts);
}

static void status_value(struct buf *sql, const struct ack *a)
{
	buf_add_fmt(sql, "NULLIF(%d, 0)", a->last_status);
}

static void reason_value(struct buf *sql, const struct ack *a)
{
	my_quote_literal(sql, text_of(a->reason));
}

static void step_value(struct buf *sql, const struct ack *a)
{
	buf_add_i64(sql, a->step);
}

static void due_value(struct buf *sql, const struct ack *a)
{
	my_parked_due(sql, a->due_wall_us);
}

/* Parked rows that failed again. */
static ATTR_MUST_CHECK enum err_code repark(struct acking *a, const struct buf *table,
					    const struct ack *const *acks, size_t n, struct err *e)
{
	static const struct {
		const char *name;
		void (*value)(struct buf *sql, const struct ack *a);
	} columns[] = {
		{"attempts", attempts_value}, {"last_status", status_value},
		{"last_error", reason_value}, {"step", step_value},
		{"due_at", due_value},
	};
	struct buf *sql = &a->s->sql;
	size_t i;

	for (i = 0; i < n; i++)
		a->ids[i] = acks[i]->id;
	buf_reset(sql);
	buf_add_fmt(sql, "UPDATE %s SET ", buf_str(table));
	for (i = 0; i < ARRAY_LEN(columns); i++) {
		buf_add_str(sql, i ? ", " : "");
		add_case(sql, columns[i].name, acks, n, columns[i].value);
	}
	buf_add_str(sql, " WHERE ");
	my_ack_ids(sql, "id", a->ids, n);
	return my_conn_exec_buf(a->s->conn, sql, NULL, e);
}

typedef enum err_code (*move_fn)(struct acking *a, const struct buf *table,
				 const struct ack *const *acks, size_t n, struct err *e);

/* What move does, to the rows of this outcome in the one table or the other, a few at a time. */
static ATTR_MUST_CHECK enum err_code move_all(struct acking *a, bool from_parked,
					      enum ack_outcome outcome, move_fn move, struct err *e)
{
	struct my_pipe *p = &a->s->pipes[a->pipe];
	enum err_code code = ERR_OK;
	size_t i, at, n, count = 0;

	for (i = 0; i < a->n; i++)
		if (a->acks[i].pipeline == a->pipe && a->acks[i].outcome == outcome &&
		    a->acks[i].from_parked == from_parked)
			a->picked[count++] = &a->acks[i];
	if (count && outcome == ACK_PARKED && !p->has_parked)
		return my_parked_refuse(p, e);
	for (at = 0; code == ERR_OK && at < count; at += n) {
		n = count - at < MY_MOVED_MAX ? count - at : MY_MOVED_MAX;
		code = move(a, from_parked ? &p->parked : &p->relation, a->picked + at, n, e);
	}
	return code;
}

/* The delivered rows of the table, if they are kept: a copy of each. */
static ATTR_MUST_CHECK enum err_code keep_all(struct acking *a, bool from_parked, struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];
	size_t i, at, n, count = 0;
	enum err_code code = ERR_OK;

	for (i = 0; p->retains && i < a->n; i++)
		if (a->acks[i].pipeline == a->pipe && a->acks[i].from_parked == from_parked &&
		    a->acks[i].outcome == ACK_DELIVERED)
			a->ids[count++] = a->acks[i].id;
	for (at = 0; code == ERR_OK && at < count; at += n) {
		n = count - at < MY_IDS_MAX ? count - at : MY_IDS_MAX;
		code = my_retain_keep(a->s, p, from_parked, a->ids + at, n, e);
	}
	return code;
}

/* All rows of the table that do not stay in it. */
static ATTR_MUST_CHECK enum err_code take_all(struct acking *a, bool from_parked, struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];
	size_t i, count = 0;

	for (i = 0; i < a->n; i++)
		if (a->acks[i].pipeline == a->pipe && a->acks[i].from_parked == from_parked &&
		    !(from_parked && a->acks[i].outcome == ACK_PARKED))
			a->ids[count++] = a->acks[i].id;
	if (!count || (from_parked && !p->has_parked))
		return ERR_OK;
	return take_away(a, from_parked ? &p->parked : &p->relation, count, e);
}

static ATTR_MUST_CHECK enum err_code settle_pipe(struct acking *a, struct err *e)
{
	enum err_code code = move_all(a, false, ACK_DEAD, bury, e);

	if (code == ERR_OK)
		code = move_all(a, false, ACK_PARKED, park, e);
	if (code == ERR_OK)
		code = keep_all(a, false, e);
	if (code == ERR_OK)
		code = take_all(a, false, e);
	if (code == ERR_OK && a->s->pipes[a->pipe].has_parked) {
		code = move_all(a, true, ACK_DEAD, bury, e);
		if (code == ERR_OK)
			code = move_all(a, true, ACK_PARKED, repark, e);
		if (code == ERR_OK)
			code = keep_all(a, true, e);
		if (code == ERR_OK)
			code = take_all(a, true, e);
	}
	return code;
}

/* After a reconnect this comes before the read, which would say so. */
static ATTR_MUST_CHECK enum err_code explain(const struct my_pipe *p, enum err_code code,
					     struct err *e)
{
	if (code != ERR_NOT_FOUND || p->audit)
		return code;
	if (e && strstr(e->msg, "app-db-listener install")) /* of a table that came later */
		return code;
	return err_prefix(e, "the installation is damaged: run app-db-listener install");
}

static ATTR_MUST_CHECK enum err_code settle(struct my_conn *c, void *ctx, struct err *e)
{
	struct acking *a = ctx;
	enum err_code code = ERR_OK;

	(void)c;
	for (a->pipe = 0; code == ERR_OK && a->pipe < a->s->env.pipeline_count; a->pipe++)
		code = explain(&a->s->pipes[a->pipe], settle_pipe(a, e), e);
	return code;
}

/* One statement for all? */
static bool is_simple(const struct acking *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->acks[i].pipeline != a->acks[0].pipeline ||
		    a->acks[i].outcome != ACK_DELIVERED ||
		    a->acks[i].from_parked != a->acks[0].from_parked)
			return false;
	return a->n <= MY_IDS_MAX && !a->s->pipes[a->acks[0].pipeline].retains;
}

/* A deadlock or a lock that cannot be had ends the whole transaction; it is tried again. */
static ATTR_MUST_CHECK enum err_code settle_patiently(struct acking *a, struct err *e)
{
	struct attempts attempts;
	enum err_code code;
	int i;

	attempts_init(&attempts, a->s->env.clock, GIVE_UP_US);
	for (i = 0;; i++) {
		if (is_simple(a))
			code = settle(a->s->conn, a, e);
		else
			code = my_conn_transaction(a->s->conn, settle, a, e);
		if ((code != ERR_BUSY && code != ERR_TIMEOUT) || !attempts_pause(&attempts, i))
			return code;
	}
}

enum err_code my_acknowledge(struct source *base, const struct ack *acks, size_t n, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct acking a = {.s = s, .acks = acks, .n = n};
	enum err_code code;
	size_t i;

	if (!n)
		return ERR_OK;
	a.ids = mem_calloc(n, sizeof(*a.ids));
	a.picked = mem_calloc(n, sizeof(const struct ack *));
	if (a.ids && a.picked)
		code = settle_patiently(&a, e);
	else
		code = err_set(e, ERR_NOMEM, "no memory to acknowledge");
	mem_free(a.ids);
	mem_free(a.picked);
	for (i = 0; code == ERR_OK && i < n; i++)
		position_forget(s->pipes[acks[i].pipeline].position, acks[i].id);
	return code;
}
