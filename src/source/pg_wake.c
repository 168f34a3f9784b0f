/* SPDX-License-Identifier: MIT */
/*
 * Sleeping without missing a commit, and without making commits dear. A trigger notifies only when
 * it cannot get PG_LOCK_WAKE shared, that is, while we hold it exclusively:
 *
 *   awake ── a read found nothing: try the lock ──► got it: no open transaction has skipped its
 *     ▲         │ not got: one is open; poll           notification; read once more
 *     │         ▼ again in 1 to 50 ms                      │ nothing
 *     │                                                    ▼
 *     └──── rows come faster than one every 5 ms ◄──── asleep on the socket
 *
 * Waking up does not give the lock back at once: as long as changes come one at a time, writers
 * notifying is cheaper than taking the lock again for each. Under load it is given back, as
 * notifications serialise the commits of the whole cluster.
 *
 * A lost notification costs at most poll_interval. Polling alone (wakeup: poll, poolers, servers
 * with two-phase commit) waits 2 ms, doubling to poll_interval.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fd.h"
#include "source/pg_source.h"

#define DELAY_BUSY_MAX_US (50 * CLOCK_US_PER_MS)
#define NAP_US CLOCK_US_PER_MS
#define LOAD_US (5 * CLOCK_US_PER_MS)

static ATTR_MUST_CHECK enum err_code call_lock(struct pg_source *s, enum pg_stmt stmt,
					       bool *ret_yes, struct err *e)
{
	struct pg_call call = pg_source_call(s, stmt);
	char class[16], key[16];
	const char *values[] = {class, key};
	PGresult *res;
	enum err_code code;

	(void)snprintf(class, sizeof(class), "%d", PG_LOCK_CLASS);
	(void)snprintf(key, sizeof(key), "%d", PG_LOCK_WAKE);
	call.n = ARRAY_LEN(values);
	call.values = values;
	code = pg_source_run(s, &call, &res, e);
	if (code != ERR_OK)
		return code;
	*ret_yes = *PQgetvalue(res, 0, 0) == 't';
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code wake_up(struct pg_source *s, struct err *e)
{
	bool held;

	s->wake.release = false;
	if (!s->wake.asleep)
		return ERR_OK;
	s->wake.asleep = false;
	return call_lock(s, PG_STMT_UNLOCK, &held, e);
}

static ATTR_MUST_CHECK enum err_code choose_notify(struct pg_source *s, struct err *e)
{
	PGresult *res;
	enum err_code code;

	s->notify = s->env.settings->wakeup == SOURCE_WAKEUP_NOTIFY && !s->pooled;
	if (s->pooled || s->env.settings->wakeup != SOURCE_WAKEUP_AUTO)
		return ERR_OK;
	/* a transaction that has notified cannot be prepared */
	code = pg_conn_query(s->conn,
			     "SELECT pg_catalog.current_setting('max_prepared_transactions')", 0,
			     NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	s->notify = strtol(PQgetvalue(res, 0, 0), NULL, 10) == 0;
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_wake_open(struct pg_source *s, struct err *e)
{
	enum err_code code = choose_notify(s, e);

	if (code == ERR_OK && s->notify)
		code = pg_conn_exec(s->conn, "LISTEN " PG_CHANNEL, e);
	s->status.notify = s->notify;
	return code;
}

enum err_code pg_wake_before_read(struct pg_source *s, struct err *e)
{
	return s->wake.release ? wake_up(s, e) : ERR_OK;
}

void pg_wake_after_read(struct pg_source *s, bool any)
{
	struct pg_wake *w = &s->wake;
	int64_t now = pg_source_now(s);

	w->poll.due_us = 0;
	if (!any)
		return;
	w->release = w->asleep && now - w->rows_us < LOAD_US;
	w->rows_us = now;
	w->poll.delay_us = w->busy_us = 0;
}

/* While a writer's transaction keeps us from sleeping: a quarter of the time it has done so. */
static int64_t busy_delay(struct pg_wake *w, int64_t now, int64_t max_us)
{
	int64_t delay;

	if (!w->busy_us)
		w->busy_us = now;
	delay = (now - w->busy_us) / 4;
	if (delay < NAP_US)
		delay = NAP_US;
	if (delay > DELAY_BUSY_MAX_US)
		delay = DELAY_BUSY_MAX_US;
	return delay < max_us ? delay : max_us;
}

/* Decide when to poll next; *ret_again: at once. */
static ATTR_MUST_CHECK enum err_code plan(struct pg_source *s, bool *ret_again, struct err *e)
{
	int64_t interval_us = s->env.settings->poll_interval_us;
	struct pg_wake *w = &s->wake;
	int64_t now = pg_source_now(s);
	enum err_code code;

	*ret_again = false;
	if (w->asleep) {
		w->poll.due_us = now + interval_us;
		return ERR_OK;
	}
	if (!s->notify) {
		w->poll.due_us = now + poll_delay(&w->poll, interval_us);
		return ERR_OK;
	}
	if (w->rows_us && now - w->rows_us < LOAD_US) {
		w->poll.due_us = now + NAP_US;
		return ERR_OK;
	}
	code = call_lock(s, PG_STMT_LOCK, &w->asleep, e);
	if (code != ERR_OK)
		return code;
	*ret_again = w->asleep;
	if (w->asleep)
		w->busy_us = 0;
	else
		w->poll.due_us = now + busy_delay(w, now, interval_us);
	return ERR_OK;
}

/* Throw away the notifications libpq has; true if there were any. */
static bool was_notified(struct pg_source *s)
{
	PGnotify *n;
	bool any = false;

	while ((n = PQnotifies(pg_conn_raw(s->conn)))) {
		PQfreemem(n);
		any = true;
	}
	return any;
}

/* Until until_us, wake_fd, or (if idle) a notification. */
static ATTR_MUST_CHECK enum err_code sleep_until(struct pg_source *s, bool idle, int wake_fd,
						 int64_t until_us, int *ret_woken, struct err *e)
{
	enum err_code code;
	int got;

	for (;;) {
		if (was_notified(s) && idle && s->wake.asleep) {
			*ret_woken = SOURCE_WOKEN_CHANGE;
			return ERR_OK;
		}
		code = pg_conn_wait(s->conn, wake_fd, until_us, &got, e);
		if (code == ERR_OK && (got & FD_READY))
			code = pg_conn_consume(s->conn, e);
		if (code != ERR_OK)
			return code;
		if (got & FD_WOKEN) {
			*ret_woken = SOURCE_WOKEN_CALLER;
			return ERR_OK;
		}
		if (!got && pg_source_now(s) >= until_us) {
			*ret_woken = 0;
			return ERR_OK;
		}
	}
}

enum err_code pg_wait(struct source *base, bool idle, int wake_fd, int64_t deadline_us,
		      int *ret_woken, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct pg_wake *w = &s->wake;
	enum err_code code = ERR_OK;
	bool again = false;

	if (w->release || !idle)
		code = wake_up(s, e);
	if (code != ERR_OK)
		return code;
	if (!idle)
		return sleep_until(s, false, wake_fd, deadline_us, ret_woken, e);
	if (!w->poll.due_us)
		code = plan(s, &again, e);
	if (code != ERR_OK)
		return code;
	if (again) {
		*ret_woken = SOURCE_WOKEN_CHANGE;
		return ERR_OK;
	}
	code = sleep_until(s, true, wake_fd,
			   deadline_us < w->poll.due_us ? deadline_us : w->poll.due_us, ret_woken,
			   e);
	if (code == ERR_OK && !*ret_woken && pg_source_now(s) >= w->poll.due_us)
		*ret_woken = SOURCE_WOKEN_CHANGE;
	return code;
}
