/* SPDX-License-Identifier: MIT */
#include "daemon/monitor.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/version.h"

#define READ_WAIT_US (500 * CLOCK_US_PER_MS)

/* On a webhook. */
struct decision {
	char name[METRICS_NAME_BYTES]; /* "": none */
	bool enable;
};

struct monitor {
	const struct clock *clock;
	int64_t start_us;
	int wake_fd;

	/* the main thread's */
	struct metrics_history history;
	struct health *health;
	struct recorder *recorder;
	struct front *front; /* NULL: none */
	struct label_set *tables;
	struct metrics_snapshot *fresh;
	struct health_verdict fresh_verdict;

	struct mutex lock; /* of the rest */
	struct cond published;
	int64_t asked;  /* readers count up */
	int64_t served; /* the count that the published snapshot is as fresh as */
	struct metrics_snapshot *snapshot;
	struct health_verdict verdict;
	struct decision decision; /* that a reader waits for */
	enum err_code enable_code;
};

enum err_code monitor_new(const struct clock *clock, const struct settings *s,
			  struct monitor **ret_m, struct err *e)
{
	struct monitor *m = mem_calloc(1, sizeof(*m));
	struct health_limits limits = health_limits_of(s);
	enum err_code code;

	if (!m)
		return err_set(e, ERR_NOMEM, "no memory for the monitor");
	m->clock = clock;
	m->start_us = clock_now_us(clock);
	m->wake_fd = -1;
	mutex_init(&m->lock);
	cond_init(&m->published);
	metrics_history_init(&m->history);
	m->fresh = mem_calloc(1, sizeof(*m->fresh));
	m->snapshot = mem_calloc(1, sizeof(*m->snapshot));
	code = m->fresh && m->snapshot ? fd_wake_open(&m->wake_fd, e)
				       : err_set(e, ERR_NOMEM, "no memory for the monitor");
	if (code == ERR_OK)
		code = health_new(&limits, &m->health, e);
	if (code == ERR_OK)
		code = metrics_tables_new(&m->tables, e);
	if (code != ERR_OK) {
		monitor_free(m);
		return code;
	}
	*ret_m = m;
	return ERR_OK;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	health_free(m->health);
	label_set_free(m->tables);
	fd_close(&m->wake_fd);
	mem_free(m->fresh);
	mem_free(m->snapshot);
	cond_done(&m->published);
	mutex_done(&m->lock);
	mem_free(m);
}

void monitor_set_recorder(struct monitor *m, struct recorder *r)
{
	m->recorder = r;
}

void monitor_set_front(struct monitor *m, struct front *f)
{
	m->front = f;
}

struct label_set *monitor_tables(struct monitor *m)
{
	return m->tables;
}

int monitor_wake_fd(const struct monitor *m)
{
	return m->wake_fd;
}

/* What a reader decides on a webhook, if anything, and how many asked so far. */
static int64_t asked_take(struct monitor *m, struct decision *ret_d)
{
	int64_t asked;

	mutex_lock(&m->lock);
	asked = m->asked;
	*ret_d = m->decision;
	m->decision.name[0] = '\0';
	mutex_unlock(&m->lock);
	return asked;
}

/* enable_code: NULL when nobody asked, for the answer before may not have been fetched yet. */
static void publish(struct monitor *m, int64_t asked, const enum err_code *enable_code)
{
	mutex_lock(&m->lock);
	*m->snapshot = *m->fresh;
	m->verdict = m->fresh_verdict;
	m->served = asked;
	if (enable_code)
		m->enable_code = *enable_code;
	cond_broadcast(&m->published);
	mutex_unlock(&m->lock);
}

void monitor_refresh(struct monitor *m, struct engine *g)
{
	struct metrics_inputs in = *engine_inputs(g);
	enum err_code enable_code = ERR_OK;
	struct decision d;
	int64_t asked;

	(void)fd_wake_clear(m->wake_fd);
	asked = asked_take(m, &d);
	if (d.name[0])
		enable_code = engine_enable_webhook(g, d.name, d.enable, NULL);
	in.front = m->front;
	in.version = APP_VERSION;
	in.clock = m->clock;
	in.start_us = m->start_us;
	in.history = &m->history;
	in.recorder = m->recorder;
	in.tables = m->tables;
	metrics_collect(&in, m->fresh);
	health_judge(m->health, m->fresh, &m->fresh_verdict);
	publish(m, asked, d.name[0] ? &enable_code : NULL);
}

void monitor_restart(struct monitor *m, const struct settings *s)
{
	struct health_limits limits = health_limits_of(s);

	metrics_history_restart(&m->history);
	health_set_limits(m->health, &limits);
}

const struct health_verdict *monitor_verdict(const struct monitor *m)
{
	return &m->fresh_verdict;
}

const struct metrics_snapshot *monitor_snapshot(const struct monitor *m)
{
	return m->fresh;
}

/* Under the lock: rendering allocates but does no I/O. */
static void page_render_locked(const struct monitor *m, enum admin_page page, struct buf *out,
			       bool *ret_ok)
{
	*ret_ok = true;
	switch (page) {
	case ADMIN_METRICS_JSON:
		metrics_render_json(m->snapshot, out);
		break;
	case ADMIN_METRICS_PROMETHEUS:
		metrics_render_prometheus(m->snapshot, out);
		metrics_render_tables(m->tables, out);
		metrics_render_tenants(m->snapshot, out);
		break;
	case ADMIN_HEALTHZ:
		*ret_ok = m->verdict.alive;
		health_render(&m->verdict, false, out);
		break;
	case ADMIN_READYZ:
		*ret_ok = m->verdict.ready;
		health_render(&m->verdict, true, out);
		break;
	}
}

/* Ask, and wait until the main thread has been round. Returns with the lock held. */
static bool ask_and_lock(struct monitor *m, const char *name, bool enable) ATTR_NO_THREAD_SAFETY
{
	int64_t deadline_us = clock_now_us(m->clock) + READ_WAIT_US;
	int64_t mine;

	mutex_lock(&m->lock);
	mine = ++m->asked;
	(void)snprintf(m->decision.name, sizeof(m->decision.name), "%s", name);
	m->decision.enable = enable;
	fd_wake(m->wake_fd); /* never blocks */
	while (m->served < mine && clock_now_us(m->clock) < deadline_us)
		cond_wait_until(&m->published, &m->lock, deadline_us);
	return m->served >= mine;
}

enum err_code monitor_read(struct monitor *m, enum admin_page page, struct buf *out,
			   bool *ret_ok) ATTR_NO_THREAD_SAFETY
{
	(void)ask_and_lock(m, "", false);
	page_render_locked(m, page, out, ret_ok);
	mutex_unlock(&m->lock);
	return buf_error(out);
}

enum err_code monitor_enable(struct monitor *m, const char *name, bool enable,
			     struct err *e) ATTR_NO_THREAD_SAFETY
{
	bool served = ask_and_lock(m, name, enable);
	enum err_code code = m->enable_code;

	if (!served) /* or it would be done after all */
		m->decision.name[0] = '\0';
	mutex_unlock(&m->lock);
	if (!served)
		return err_set(e, ERR_BUSY, "the daemon is busy with a reload, try again");
	if (code == ERR_NOT_FOUND)
		return err_set(e, code, "no webhook is called %s", name);
	return code;
}
