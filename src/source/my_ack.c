/* SPDX-License-Identifier: MIT */
/*
 * One transaction per batch of acknowledgements: the delivered rows leave the outbox, the dead ones
 * move. Under READ COMMITTED a DELETE by ids locks these rows and nothing between them, so
 * no insert of the application waits for it, provided that the rows are found by id. The
 * statistics of an outbox are always old, and while they say that it is small the server would scan
 * it, and wait for every row that is not yet committed. sql_safe_updates makes it use the key
 * (mysql.c); DELETE takes no other hint that MariaDB heeds.
 *
 * One DELETE alone needs no transaction around it, and that is what nearly every batch is.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "source/attempts.h"
#include "source/my_source.h"

#define DEAD_MAX 200 /* in one statement */
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

/* The acks of one call; ids and dead are room for all of them. */
struct acking {
	struct my_source *s;
	const struct ack *acks;
	size_t n;
	int64_t *ids;
	const struct ack **dead;
	uint32_t pipe;
};

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static ATTR_MUST_CHECK enum err_code take_away(struct acking *a, size_t count, struct err *e)
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
		buf_add_fmt(sql,
			    p->audit ? "UPDATE %s FORCE INDEX (PRIMARY) SET processed = 1, "
				       "changed_at = changed_at WHERE "
				     : "DELETE FROM %s WHERE ",
			    buf_str(&p->relation));
		my_ack_ids(sql, "id", a->ids + at, n);
		code = my_conn_exec_buf(a->s->conn, sql, NULL, e);
	}
	return code;
}

/* Copy the rows of these acks into the dead letters. When an id was used before, in an outbox that
 * is gone, its letter makes room. */
static ATTR_MUST_CHECK enum err_code bury(struct acking *a, const struct ack *const *dead, size_t n,
					  struct err *e)
{
	const struct my_pipe *p = &a->s->pipes[a->pipe];
	struct buf *sql = &a->s->sql;
	size_t i;

	buf_reset(sql);
	buf_add_str(sql, "REPLACE INTO " MY_DEAD_LETTER " (pipeline, id, " MY_EVENT_COLUMNS
			 ", attempts, last_status, last_error, died_at) SELECT STRAIGHT_JOIN ");
	my_quote_literal(sql, text_of(p->pub->settings->name));
	buf_add_str(sql, p->audit ? ", o.id, " : ", COALESCE(o.origin_id, o.id), ");
	if (p->audit)
		my_audit_letter(sql);
	else
		buf_add_str(sql, MY_EVENT_COLUMNS);
	buf_add_str(sql, ", a.attempts, a.status, a.reason, UTC_TIMESTAMP(6) FROM (");
	for (i = 0; i < n; i++) {
		buf_add_fmt(sql, "%sSELECT %lld AS a_id, %d AS attempts, NULLIF(%d, 0) AS status, ",
			    i ? " UNION ALL " : "", (long long)dead[i]->id, dead[i]->attempts,
			    dead[i]->last_status);
		my_quote_literal(sql, text_of(dead[i]->reason ? dead[i]->reason : ""));
		buf_add_str(sql, " AS reason");
	}
	buf_add_fmt(sql, ") AS a JOIN %s AS o FORCE INDEX (PRIMARY) ON o.id = a.a_id",
		    buf_str(&p->relation));
	return my_conn_exec_buf(a->s->conn, sql, NULL, e);
}

static ATTR_MUST_CHECK enum err_code bury_all(struct acking *a, size_t count, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t at, n;

	for (at = 0; code == ERR_OK && at < count; at += n) {
		n = count - at < DEAD_MAX ? count - at : DEAD_MAX;
		code = bury(a, a->dead + at, n, e);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code settle_pipe(struct acking *a, struct err *e)
{
	size_t i, count = 0, dead = 0;
	enum err_code code;

	for (i = 0; i < a->n; i++) {
		if (a->acks[i].pipeline != a->pipe)
			continue;
		a->ids[count++] = a->acks[i].id;
		if (a->acks[i].outcome == ACK_DEAD)
			a->dead[dead++] = &a->acks[i];
	}
	code = bury_all(a, dead, e);
	return code == ERR_OK && count ? take_away(a, count, e) : code;
}

static ATTR_MUST_CHECK enum err_code settle(struct my_conn *c, void *ctx, struct err *e)
{
	struct acking *a = ctx;
	enum err_code code = ERR_OK;

	(void)c;
	for (a->pipe = 0; code == ERR_OK && a->pipe < a->s->env.pipeline_count; a->pipe++)
		code = settle_pipe(a, e);
	return code;
}

/* One statement for all? */
static bool is_simple(const struct acking *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->acks[i].pipeline != a->acks[0].pipeline ||
		    a->acks[i].outcome != ACK_DELIVERED)
			return false;
	return a->n <= MY_IDS_MAX;
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

	code = source_refuse_parked(acks, n, e);
	if (code != ERR_OK || !n)
		return code;
	a.ids = mem_calloc(n, sizeof(*a.ids));
	a.dead = mem_calloc(n, sizeof(const struct ack *));
	if (a.ids && a.dead)
		code = settle_patiently(&a, e);
	else
		code = err_set(e, ERR_NOMEM, "no memory to acknowledge");
	mem_free(a.ids);
	mem_free(a.dead);
	for (i = 0; code == ERR_OK && i < n; i++)
		position_forget(s->pipes[acks[i].pipeline].position, acks[i].id);
	return code;
}
