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

static ATTR_MUST_CHECK enum err_code bury(struct sqlite_source *s, const struct sqlite_pipe *p,
					  const struct ack *a, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_BURY];
	enum err_code code;

	(void)sqlite3_bind_int64(stmt, 1, a->id);
	(void)sqlite3_bind_int(stmt, 2, a->attempts);
	(void)sqlite3_bind_int(stmt, 3, a->last_status);
	code = sqlite_conn_bind(s->conn, stmt, 4, a->reason, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(s->conn, stmt, 5, p->pub->settings->name, e);
	if (code == ERR_OK)
		code = run(s, stmt, e);
	(void)sqlite3_clear_bindings(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code settle(struct sqlite_source *s, const struct ack *acks,
					    size_t n, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < n && code == ERR_OK; i++) {
		const struct sqlite_pipe *p = &s->pipes[acks[i].pipeline];
		sqlite3_stmt *gone = p->stmts[SQLITE_STMT_DELETE];

		if (acks[i].outcome == ACK_DEAD)
			code = bury(s, p, &acks[i], e);
		(void)sqlite3_bind_int64(gone, 1, acks[i].id);
		if (code == ERR_OK)
			code = run(s, gone, e);
	}
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

	if (code == ERR_OK)
		code = source_refuse_parked(acks, n, e);
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
