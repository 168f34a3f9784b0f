/* SPDX-License-Identifier: MIT */
/*
 * A snapshot with known figures, and the modules that control asks, stubbed weakly so that the
 * tests of metrics do not depend on them.
 */
#ifndef METRICS_FIXTURE_H
#define METRICS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "control/metrics.h"
#include "control/metrics_table.h"

#define WEAK __attribute__((weak))
#define S CLOCK_US_PER_S
#define WALL (1700000000LL * S)

static struct ring_stats ring_of;
static struct runner_stats runner_of;
static struct backfill_progress backfill_of[2]; /* by the place of the pipeline in its source */
static struct webhook_stats webhook_of;
static struct pool_stats pool_of;
static struct archive_stats archive_of; /* of every pipeline, while it has events */
static struct webhook_settings webhook_settings_of = {.timeout_us = 30 * S};

WEAK struct ring_stats ring_stats(struct ring *r)
{
	(void)r;
	return ring_of;
}

WEAK struct runner_stats runner_stats(struct runner *r)
{
	(void)r;
	return runner_of;
}

WEAK struct runner_backlog runner_backlog(struct runner *r, size_t p)
{
	(void)r;
	(void)p;
	return (struct runner_backlog){.rows = -1};
}

WEAK struct webhook_stats webhook_stats(struct webhook *w)
{
	(void)w;
	return webhook_of;
}

WEAK const struct webhook_settings *webhook_settings(const struct webhook *w)
{
	(void)w;
	return &webhook_settings_of;
}

WEAK struct pool_stats pool_stats(struct pool *p)
{
	(void)p;
	return pool_of;
}

WEAK struct ingest_stats front_stats(struct front *f)
{
	(void)f;
	return (struct ingest_stats){.accepted = 21, .refused = {[REFUSAL_BUSY] = 5}};
}

WEAK bool pool_archive_stats(struct pool *p, size_t i, struct archive_stats *ret_s,
			     const char **ret_path)
{
	(void)p;
	(void)i;
	*ret_s = archive_of;
	*ret_path = "/var/lib/app-db-listener/a-directory-with-a-long-name/and-another/events.json";
	return archive_of.events > 0;
}

WEAK struct log_stats log_stats(void)
{
	return (struct log_stats){.lines_written = 77, .file_bytes = 4096};
}

WEAK struct recorder_stats recorder_stats(struct recorder *r)
{
	(void)r;
	return (struct recorder_stats){.records = 66};
}

WEAK struct backfill_progress runner_backfill_of(struct runner *r, size_t p)
{
	(void)r;
	return backfill_of[p % 2];
}

WEAK const char *backfill_state_name(enum backfill_state state)
{
	return state == BACKFILL_PAUSED ? "paused" : "running";
}

WEAK const char *runner_state_name(enum runner_state state)
{
	static const char *const names[] = {"stopped", "connecting", "standby", "active"};

	return names[state];
}

WEAK const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half_open", "disabled"};

	return names[state];
}

WEAK const char *answer_phase_name(enum answer_phase phase)
{
	static const char *const names[] = {"none",       "lookup", "connect", "tls",  "send",
					    "first_byte", "body",   "denied",  "token"};

	return names[phase];
}

WEAK const int64_t webhook_latency_bound_us[WEBHOOK_LATENCY_BUCKETS] = {
	500,   1000,   2000,   3000,   5000,   7500,    10000,   20000,    30000,    50000,
	75000, 100000, 200000, 300000, 500000, 1000000, 5000000, 10000000, 30000000, INT64_MAX,
};

/* Of the tests' own making: the bound of the bucket. */
WEAK int64_t webhook_latency_quantile_us(const int64_t count[static WEBHOOK_LATENCY_BUCKETS],
					 double q)
{
	int64_t sum = 0;
	int64_t seen = 0;
	size_t i;

	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++)
		sum += count[i];
	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++) {
		seen += count[i];
		if (sum && (double)seen >= q * (double)sum)
			return webhook_latency_bound_us[i];
	}
	return 0;
}

struct fixture {
	struct metrics_snapshot s;
	struct metrics_history h;
	struct buf out;
};

/* One source, two webhooks, two pipelines with known figures; not yet derived. */
static void fill(struct metrics_snapshot *s)
{
	struct metrics_source *src = &s->sources[0];
	struct metrics_webhook *w = &s->webhooks[0];
	struct metrics_pipeline *p = &s->pipelines[0];

	(void)snprintf(s->version, sizeof(s->version), "1.2.3");
	s->now_us = 1000 * S;
	s->wall_us = WALL;
	s->uptime_us = 90 * S + 500000;
	s->pool = (struct pool_stats){.workers = 10, .busy = 2, .connections = 5};
	s->source_count = 1;
	(void)snprintf(src->name, sizeof(src->name), "shop");
	src->stats = (struct runner_stats){.state = RUNNER_ACTIVE, .failures = 3};
	src->stats.source = (struct source_status){.notify = true,
						   .connections = 1,
						   .outbox_rows = 40,
						   .dead_rows = -1,
						   .dead_letters = -1,
						   .parked = -1};
	(void)snprintf(src->stats.source.server, sizeof(src->stats.source.server),
		       "PostgreSQL \"15\"\n");
	s->webhook_count = 2;
	(void)snprintf(w[0].name, sizeof(w[0].name), "crm");
	w[0].stats.delivered = 100;
	w[0].stats.attempts = 109;
	w[0].stats.retried = 4;
	w[0].stats.refused = 2;
	w[0].stats.exhausted = 1;
	w[0].stats.held = 2;
	w[0].stats.by_class[2] = 100;
	w[0].stats.failures_by_phase[ANSWER_PHASE_CONNECT] = 6;
	w[0].stats.latency_count[1] = 90;
	w[0].stats.latency_count[19] = 10;
	w[0].stats.latency_sum_us = 12500000;
	(void)snprintf(w[1].name, sizeof(w[1].name), "we\"ird\\\n");
	w[1].stats.breaker = (struct breaker_stats){.state = BREAKER_OPEN, .since_us = 940 * S};
	(void)snprintf(w[1].stats.last_error, sizeof(w[1].stats.last_error), "HTTP 503");
	s->pipeline_count = 2;
	(void)snprintf(p[0].name, sizeof(p[0].name), "orders");
	(void)snprintf(p[0].source_name, sizeof(p[0].source_name), "shop");
	(void)snprintf(p[0].webhook_name, sizeof(p[0].webhook_name), "crm");
	p[0].ring = (struct ring_stats){.capacity = 100,
					.max_bytes = 1000,
					.events = 7,
					.bytes = 70,
					.inflight = 2,
					.waiting = 1,
					.oldest_read_us = 995 * S,
					.oldest_wall_us = WALL - 8 * S};
	p[1] = p[0];
	(void)snprintf(p[1].name, sizeof(p[1].name), "users");
	p[1].webhook = 1;
	p[1].ring =
		(struct ring_stats){.capacity = 50, .max_bytes = 500, .oldest_read_us = INT64_MAX};
}

static int set_up(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));

	if (!f)
		return -1;
	metrics_history_init(&f->h);
	buf_init(&f->out, 1 << 20);
	fill(&f->s);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	buf_done(&f->out);
	mem_free(f);
	return 0;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
