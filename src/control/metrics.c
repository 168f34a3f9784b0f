/* SPDX-License-Identifier: MIT */
/*
 * Lag. A pipeline's is the age of the oldest change in its ring, by its commit, or by when it was
 * read where the database does not tell. An active source reads the oldest rows first, so
 * what is in the rings is the oldest there is. A source that is connecting has empty rings: what it
 * knew of the outbox when it last looked (at most a minute before the connection broke) stands in
 * for them. A standby has no lag of its own: the active daemon delivers.
 */
#include "control/metrics.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void metrics_history_init(struct metrics_history *h)
{
	history_init(&h->attempts);
	history_init(&h->delivered);
	history_init(&h->retried);
	history_init(&h->held);
	history_init(&h->dead);
	history_init(&h->errors);
	memset(h->etas, 0, sizeof(h->etas));
}

void metrics_history_restart(struct metrics_history *h)
{
	history_restart(&h->attempts);
	history_restart(&h->delivered);
	history_restart(&h->retried);
	history_restart(&h->held);
	history_restart(&h->dead);
	history_restart(&h->errors);
	memset(h->etas, 0, sizeof(h->etas));
}

static int64_t at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Sums leave out what is unknown, and are unknown when nothing is known. */
static int64_t add_known(int64_t sum, int64_t v)
{
	if (v < 0)
		return sum;
	return at_least_0(sum) + v;
}

static struct metrics_quantiles quantiles_of(const int64_t count[static WEBHOOK_LATENCY_BUCKETS])
{
	return (struct metrics_quantiles){
		.p50_us = webhook_latency_quantile_us(count, 0.50),
		.p90_us = webhook_latency_quantile_us(count, 0.90),
		.p99_us = webhook_latency_quantile_us(count, 0.99),
	};
}

static void derive_pipeline(struct metrics_snapshot *s, struct metrics_pipeline *p)
{
	struct metrics_source *source = &s->sources[p->source];

	assert(p->source < s->source_count && p->webhook < s->webhook_count);
	p->oldest_pending_us = 0;
	p->lag_us = 0;
	if (p->ring.oldest_read_us != INT64_MAX) {
		p->oldest_pending_us = at_least_0(s->now_us - p->ring.oldest_read_us);
		p->lag_us = p->oldest_pending_us;
		if (p->ring.oldest_wall_us > 0)
			p->lag_us = at_least_0(s->wall_us - p->ring.oldest_wall_us);
	}
	p->parked_next_us = METRICS_UNKNOWN;
	if (p->parked.due_wall_us > 0 && p->parked.due_wall_us != INT64_MAX)
		p->parked_next_us = at_least_0(p->parked.due_wall_us - s->wall_us);
	s->total.parked += p->parked.rows;
	source->lag_us = larger(source->lag_us, p->lag_us);
	s->total.queue_size += (int64_t)p->ring.events;
	s->total.queue_capacity += (int64_t)p->ring.capacity;
	s->total.queue_bytes += (int64_t)p->ring.bytes;
	s->total.queue_max_bytes += (int64_t)p->ring.max_bytes;
	s->total.waiting += (int64_t)p->ring.waiting;
	s->total.in_flight += (int64_t)p->ring.inflight;
	s->total.oldest_pending_us = larger(s->total.oldest_pending_us, p->oldest_pending_us);
	p->archive_paused_us = p->archive.paused ? s->now_us - p->archive.since_us : 0;
}

static void derive_source(struct metrics_snapshot *s, struct metrics_source *source)
{
	const struct source_status *st = &source->stats.source;
	struct metrics_totals *t = &s->total;

	if (source->stats.state == RUNNER_CONNECTING && st->oldest_wall_us > 0)
		source->lag_us = larger(source->lag_us, s->wall_us - st->oldest_wall_us);
	t->lag_us = larger(t->lag_us, source->lag_us);
	t->outbox_rows = add_known(t->outbox_rows, st->outbox_rows);
	t->dead_letters = add_known(t->dead_letters, st->dead_letters);
	t->database_connections += st->connections;
	t->errors += source->stats.failures;
}

static void derive_breaker(const struct metrics_snapshot *s, struct metrics_webhook *w)
{
	const struct webhook_stats *st = &w->stats;
	const char *reason = "";

	/* since_us is 0 while it never changed */
	w->state_us =
		st->breaker.since_us ? at_least_0(s->now_us - st->breaker.since_us) : s->uptime_us;
	w->next_us = at_least_0(st->breaker.next_us - s->now_us);
	w->pause_us = at_least_0(st->breaker.paused_until_us - s->now_us);
	w->failing_us = st->standing.failing_wall_us
				? at_least_0(s->wall_us - st->standing.failing_wall_us)
				: 0;
	if (st->breaker.state == BREAKER_DISABLED)
		reason = st->standing.reason;
	else if (st->breaker.state != BREAKER_CLOSED)
		reason = st->last_error;
	else if (w->pause_us)
		reason = "the receiver asked for a pause with Retry-After";
	else if (st->validates && st->handshake.state != HANDSHAKE_ALLOWED)
		reason = st->handshake.reason;
	if (st->breaker.state == BREAKER_CLOSED && st->validates && st->handshake.next_us)
		w->next_us = at_least_0(st->handshake.next_us - s->now_us);
	(void)snprintf(w->validation, sizeof(w->validation), "%s",
		       st->validates ? handshake_state_name(st->handshake.state) : "off");
	w->is_refused = st->validates && st->handshake.state == HANDSHAKE_REFUSED;
	(void)snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

static void derive_webhook(struct metrics_snapshot *s, struct metrics_webhook *w)
{
	const struct webhook_stats *st = &w->stats;
	struct metrics_totals *t = &s->total;

	w->latency = quantiles_of(st->latency_count);
	w->dead = st->refused + st->exhausted + st->oversized;
	derive_breaker(s, w);
	w->token_us = st->auth.token_left_us < 0 ? METRICS_UNKNOWN : st->auth.token_left_us;
	w->certificate_us = METRICS_UNKNOWN;
	if (st->auth.tls.expires_wall_us)
		w->certificate_us = at_least_0(st->auth.tls.expires_wall_us - s->wall_us);
	t->attempts += st->attempts;
	t->delivered += st->delivered;
	t->retried += st->retried;
	t->held += st->held;
	t->dead += w->dead;
	t->errors += st->retried + st->held + w->dead;
	t->breakers_open += st->breaker.state != BREAKER_CLOSED;
}

static void derive_latency(struct metrics_snapshot *s)
{
	int64_t sum[WEBHOOK_LATENCY_BUCKETS] = {0};
	size_t i, k;

	for (i = 0; i < s->webhook_count; i++)
		for (k = 0; k < WEBHOOK_LATENCY_BUCKETS; k++)
			sum[k] += s->webhooks[i].stats.latency_count[k];
	s->total.latency = quantiles_of(sum);
}

/* Add *value of this engine to h, and make it the total of all engines. */
static void derive_total(struct history *h, int64_t now_us, int64_t *value)
{
	history_add(h, now_us, *value);
	*value = h->total;
}

static void derive_history(struct metrics_snapshot *s, struct metrics_history *h)
{
	struct metrics_totals *t = &s->total;

	derive_total(&h->attempts, s->now_us, &t->attempts);
	derive_total(&h->delivered, s->now_us, &t->delivered);
	derive_total(&h->retried, s->now_us, &t->retried);
	derive_total(&h->held, s->now_us, &t->held);
	derive_total(&h->dead, s->now_us, &t->dead);
	derive_total(&h->errors, s->now_us, &t->errors);
	t->delivered_last_hour = history_last_hour(&h->delivered, s->now_us);
	t->errors_last_hour = history_last_hour(&h->errors, s->now_us);
}

/* When all was read, the ring has it all. */
static int64_t backlog_of(const struct metrics_pipeline *p)
{
	int64_t inside = (int64_t)p->ring.events, rows;

	if (!p->outbox.more)
		return inside;
	if (p->outbox.rows < 0)
		return METRICS_UNKNOWN;
	rows = p->outbox.rows - (p->ring.settled - p->outbox.settled);
	return larger(rows, inside);
}

static void derive_eta(struct metrics_snapshot *s, struct metrics_history *h, size_t i)
{
	struct metrics_pipeline *p = &s->pipelines[i];
	const struct webhook_stats *w = &s->webhooks[p->webhook].stats;
	struct eta_sample now = {.now_us = s->now_us,
				 .backlog = p->backlog,
				 .settled = p->ring.settled,
				 .attempts = w->attempts,
				 .waited_us = w->pace.waited_us,
				 .interval_us = w->pace.interval_us,
				 .batch = w->batch_size > 1 ? (int64_t)w->batch_size : 1};
	size_t k;

	for (k = 0; k < s->pipeline_count; k++)
		if (k != i && s->pipelines[k].webhook == p->webhook && s->pipelines[k].backlog)
			now.interval_us = 0; /* its share of the limit is what is seen */
	eta_note(&h->etas[i], &now);
	p->rate = (int64_t)(eta_rate(&h->etas[i]) + 0.5);
	p->eta_us = eta_us(&h->etas[i]);
}

void metrics_derive(struct metrics_snapshot *s, struct metrics_history *h)
{
	size_t i;

	s->total = (struct metrics_totals){
		.outbox_rows = METRICS_UNKNOWN,
		.dead_letters = METRICS_UNKNOWN,
	};
	for (i = 0; i < s->source_count; i++)
		s->sources[i].lag_us = 0;
	for (i = 0; i < s->pipeline_count; i++)
		derive_pipeline(s, &s->pipelines[i]);
	for (i = 0; i < s->source_count; i++)
		derive_source(s, &s->sources[i]);
	for (i = 0; i < s->webhook_count; i++)
		derive_webhook(s, &s->webhooks[i]);
	for (i = 0; i < s->pipeline_count; i++)
		s->pipelines[i].backlog = backlog_of(&s->pipelines[i]);
	for (i = 0; i < s->pipeline_count; i++)
		derive_eta(s, h, i);
	derive_latency(s);
	s->ingest_latency = quantiles_of(s->ingest.latency_count);
	derive_history(s, h);
}

static void name_copy(char out[static METRICS_NAME_BYTES], const char *name)
{
	(void)snprintf(out, METRICS_NAME_BYTES, "%s", name);
}

static void collect_archive(const struct metrics_inputs *in, size_t i, struct metrics_pipeline *p)
{
	const char *path = "";
	size_t len;

	if (!pool_archive_stats(in->pool, i, &p->archive, &path))
		return;
	len = strlen(path);
	name_copy(p->archive_path,
		  len < METRICS_NAME_BYTES ? path : path + len - (METRICS_NAME_BYTES - 1));
}

static void collect_pipeline(const struct metrics_inputs *in, size_t i, struct metrics_pipeline *p)
{
	const struct metrics_pipeline_input *from = &in->pipelines[i];

	assert(from->source < in->source_count && from->webhook < in->webhook_count);
	name_copy(p->name, from->name);
	name_copy(p->source_name, in->sources[from->source].name);
	name_copy(p->webhook_name, in->webhooks[from->webhook].name);
	p->source = from->source;
	p->webhook = from->webhook;
	p->outbox = runner_backlog(in->sources[from->source].runner, from->at_source);
	p->ring = ring_stats(from->ring); /* after it: nothing settled is counted twice */
	collect_archive(in, i, p);
	(void)snprintf(p->priority, sizeof(p->priority), "%s",
		       budget_priority_name(from->priority));
	p->memory_stopped = !budget_allows(in->budget, from->priority);
	if (from->parked)
		p->parked = parked_stats(from->parked);
	p->has_tenants = from->tenants != NULL;
	if (from->tenants)
		deferral_stats(from->tenants, &p->tenants);
}

/* The runner counts the pipelines of its source. */
static size_t place_of(const struct metrics_inputs *in, size_t pipeline)
{
	size_t i, n = 0;

	for (i = 0; i < pipeline; i++)
		n += in->pipelines[i].source == in->pipelines[pipeline].source;
	return n;
}

static void collect_backfill(const struct metrics_inputs *in, size_t i, struct metrics_backfill *b)
{
	struct runner *runner = in->sources[in->pipelines[i].source].runner;
	const struct backfill_progress p = runner_backfill_of(runner, place_of(in, i));

	*b = (struct metrics_backfill){.rows_estimate = METRICS_UNKNOWN};
	if (!p.id)
		return;
	b->job = p.id;
	b->running = p.state == BACKFILL_RUNNING;
	b->rows_done = p.rows_done;
	b->rows_estimate = p.rows_estimate;
	b->locked = p.skipped;
	(void)snprintf(b->state, sizeof(b->state), "%s", backfill_state_name(p.state));
}

void metrics_collect(const struct metrics_inputs *in, struct metrics_snapshot *ret_s)
{
	struct metrics_snapshot *s = ret_s;
	size_t i;

	assert(in->source_count <= SETTINGS_SOURCES_MAX);
	assert(in->webhook_count <= SETTINGS_WEBHOOKS_MAX);
	assert(in->pipeline_count <= SETTINGS_PIPELINES_MAX);
	memset(s, 0, sizeof(*s));
	name_copy(s->version, in->version);
	for (i = 0; i < in->source_count; i++) {
		name_copy(s->sources[i].name, in->sources[i].name);
		s->sources[i].stats = runner_stats(in->sources[i].runner);
	}
	for (i = 0; i < in->webhook_count; i++) {
		name_copy(s->webhooks[i].name, in->webhooks[i].name);
		s->webhooks[i].stats = webhook_stats(in->webhooks[i].webhook);
		s->webhooks[i].timeout_us = webhook_settings(in->webhooks[i].webhook)->timeout_us;
	}
	for (i = 0; i < in->pipeline_count; i++)
		collect_pipeline(in, i, &s->pipelines[i]);
	for (i = 0; i < in->pipeline_count; i++)
		collect_backfill(in, i, &s->pipelines[i].backfill);
	s->source_count = in->source_count;
	s->webhook_count = in->webhook_count;
	s->pipeline_count = in->pipeline_count;
	s->pool = pool_stats(in->pool);
	s->ingest = front_stats(in->front);
	s->log = log_stats();
	s->recorder = recorder_stats(in->recorder);
	s->tables = label_set_stats(in->tables);
	s->memory = memory_stats();
	s->budget = metrics_budget_collect(in->budget, &s->memory);
	s->process = process_stats();
	/* after the figures: no event is younger than the time it is measured by */
	s->now_us = clock_now_us(in->clock);
	s->wall_us = clock_wall_us(in->clock);
	s->uptime_us = s->now_us - in->start_us;
	metrics_derive(s, in->history);
}
