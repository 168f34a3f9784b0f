/* SPDX-License-Identifier: MIT */
/*
 * Acknowledging takes SQLite's only write lock, so it is short: one transaction of deletes by id.
 * BEGIN IMMEDIATE, because a transaction that begins with reading and writes after somebody else's
 * commit fails at once, however long it may wait (SQLITE_BUSY_SNAPSHOT).
 *
 * Without a WAL a COMMIT waits for readers, and while it waits no new reader gets in: that would be
 * the application, waiting for us. So a commit that is not through in a moment is rolled back and
 * made again later.
 */
#include "base/fd.h"
#include "source/sqlite_source.h"

#define COMMIT_US (50 * CLOCK_US_PER_MS)
#define PAUSE_US (100 * CLOCK_US_PER_MS)

static ATTR_MUST_CHECK enum err_code run(struct sqlite_source *s, sqlite3_stmt *stmt, struct err *e)
{
	bool row;

	return sqlite_conn_step(s->conn, stmt, &row, e);
}

/* What all but deleting takes: see enum sqlite_stmt_id. */
static ATTR_MUST_CHECK enum err_code bind_failure(struct sqlite_source *s, sqlite3_stmt *stmt,
						  const struct ack *a, struct err *e)
{
	(void)sqlite3_bind_int64(stmt, 1, a->id);
	(void)sqlite3_bind_int(stmt, 2, a->attempts);
	(void)sqlite3_bind_int(stmt, 3, a->last_status);
	return sqlite_conn_bind(s->conn, stmt, 4, a->reason, e);
}

static ATTR_MUST_CHECK enum err_code bury(struct sqlite_source *s, const struct sqlite_pipe *p,
					  const struct ack *a, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[a->from_parked ? SQLITE_STMT_BURY_PARKED : SQLITE_STMT_BURY];
	enum err_code code = bind_failure(s, stmt, a, e);

	if (code == ERR_OK)
		code = sqlite_conn_bind(s->conn, stmt, 5, p->pub->settings->name, e);
	if (code == ERR_OK)
		code = run(s, stmt, e);
	(void)sqlite3_clear_bindings(stmt);
	return code;
}

/* Into the table of parked events, or put off in it. */
static ATTR_MUST_CHECK enum err_code park(struct sqlite_source *s, const struct sqlite_pipe *p,
					  const struct ack *a, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[a->from_parked ? SQLITE_STMT_REPARK : SQLITE_STMT_PARK];
	enum err_code code = bind_failure(s, stmt, a, e);

	(void)sqlite3_bind_int(stmt, 5, a->step);
	(void)sqlite3_bind_int64(stmt, 6, a->due_wall_us);
	if (!a->from_parked) {
		(void)sqlite3_bind_int64(stmt, 7, (int64_t)a->row_hash[0]);
		(void)sqlite3_bind_int64(stmt, 8, (int64_t)a->row_hash[1]);
		(void)sqlite3_bind_int64(stmt, 9, (int64_t)a->table_hash);
	}
	if (code == ERR_OK)
		code = run(s, stmt, e);
	(void)sqlite3_clear_bindings(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code take_away(struct sqlite_source *s, const struct sqlite_pipe *p,
					       const struct ack *a, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[a->from_parked ? SQLITE_STMT_UNPARK : SQLITE_STMT_DELETE];

	(void)sqlite3_bind_int64(stmt, 1, a->id);
	return run(s, stmt, e);
}

static ATTR_MUST_CHECK enum err_code settle_one(struct sqlite_source *s, const struct ack *a,
						struct err *e)
{
	const struct sqlite_pipe *p = &s->pipes[a->pipeline];
	enum err_code code = ERR_OK;

	if (a->from_parked && !p->has_parked)
		return ERR_OK;
	if (a->outcome == ACK_DEAD)
		code = bury(s, p, a, e);
	else if (a->outcome == ACK_DELIVERED)
		code = sqlite_retain_keep(s, p, a, e);
	else if (a->outcome == ACK_PARKED)
		code = p->has_parked ? park(s, p, a, e) : sqlite_parked_refuse(p, e);
	if (code != ERR_OK || (a->from_parked && a->outcome == ACK_PARKED))
		return code;
	return take_away(s, p, a, e);
}

/* A statement that ends by OR FAIL, or by RAISE(FAIL) in a trigger, keeps the rows that it wrote
 * and leaves the sequence as it was: with these rows gone their ids would be given out once more.
 */
static ATTR_MUST_CHECK enum err_code raise_sequence(struct sqlite_source *s, uint32_t pipeline,
						    const struct ack *acks, size_t n, struct err *e)
{
	sqlite3_stmt *const *stmts = s->pipes[pipeline].stmts;
	int64_t highest = 0;
	enum err_code code;
	size_t i;

	for (i = 0; i < n; i++)
		if (acks[i].pipeline == pipeline && !acks[i].from_parked && acks[i].id > highest)
			highest = acks[i].id;
	if (!highest)
		return ERR_OK;
	(void)sqlite3_bind_int64(stmts[SQLITE_STMT_NUMBER], 1, highest);
	(void)sqlite3_bind_int64(stmts[SQLITE_STMT_RAISE], 1, highest);
	code = run(s, stmts[SQLITE_STMT_NUMBER], e);
	return code == ERR_OK ? run(s, stmts[SQLITE_STMT_RAISE], e) : code;
}

static ATTR_MUST_CHECK enum err_code settle(struct sqlite_source *s, const struct ack *acks,
					    size_t n, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < s->env.pipeline_count && code == ERR_OK; i++)
		code = raise_sequence(s, (uint32_t)i, acks, n, e);
	for (i = 0; i < n && code == ERR_OK; i++)
		code = settle_one(s, &acks[i], e);
	return code;
}

/* One attempt; patience_us is left for the write lock. */
static ATTR_MUST_CHECK enum err_code settle_once(struct sqlite_source *s, const struct ack *acks,
						 size_t n, int64_t patience_us, struct err *e)
{
	enum err_code code;

	sqlite_conn_set_patience(s->conn, patience_us);
	code = sqlite_conn_exec(s->conn, "BEGIN IMMEDIATE", e);
	sqlite_conn_set_patience(s->conn, COMMIT_US < patience_us ? COMMIT_US : patience_us);
	if (code == ERR_OK)
		code = settle(s, acks, n, e);
	if (code == ERR_OK)
		code = sqlite_conn_exec(s->conn, "COMMIT", e);
	if (code != ERR_OK)
		sqlite_conn_rollback(s->conn);
	return code;
}

enum err_code sqlite_acknowledge(struct source *base, const struct ack *acks, size_t n,
				 struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	int64_t timeout_us = s->env.settings->statement_timeout_us, now = sqlite_source_now(s);
	int64_t deadline = now + timeout_us;
	enum err_code code = sqlite_source_check(s, e);
	size_t i;

	if (code != ERR_OK || !n)
		return code;
	for (;;) {
		code = settle_once(s, acks, n, deadline - now, e);
		now = sqlite_source_now(s);
		if (code != ERR_TIMEOUT || now + PAUSE_US >= deadline)
			break;
		(void)fd_wait(s->interrupt_fd, -1, now, now + PAUSE_US);
		now = sqlite_source_now(s);
	}
	sqlite_conn_set_patience(s->conn, timeout_us);
	for (i = 0; i < n && code == ERR_OK; i++)
		position_forget(s->pipes[acks[i].pipeline].position, acks[i].id);
	return code;
}
