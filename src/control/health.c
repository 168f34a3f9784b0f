/* SPDX-License-Identifier: MIT */
/*
 * Progress of a pipeline is its ring's count of events that left a worker: settled or sent back for
 * a retry. It must move within no_progress_us while an event is ready or in flight and the
 * webhook's breaker is closed; a request may take its whole timeout, so the limit is never less
 * than two of those. Events that only wait for their retry time are not pending.
 *
 * Progress of a source is its count of rows read and acknowledged. Its picture of the outbox is up
 * to a minute old, so rows count as stuck only when two looks at the outbox have passed.
 *
 * The workers' loops are judged only while there is something to send and nothing leaves any of
 * them, for an idle worker may sleep as long as it likes, and a busy one as long as a request
 * takes.
 */
#include "control/health.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define WORKER_STALL_US (60 * CLOCK_US_PER_S)
#define SOURCE_MARGIN_US (60 * CLOCK_US_PER_S)
#define NO_PROGRESS_US (120 * CLOCK_US_PER_S)
#define INSPECT_US (60 * CLOCK_US_PER_S) /* source_ops.inspect runs this often */

/* A counter, and since when it has been as it is. */
struct progress {
	char name[METRICS_NAME_BYTES];
	int64_t count;
	int64_t since_us;
	bool pending; /* at the last look; time without work does not count */
};

struct health {
	struct health_limits limits;
	struct progress pipelines[SETTINGS_PIPELINES_MAX];
	struct progress sources[SETTINGS_SOURCES_MAX];
	struct progress workers;
};

/* One judgement under way. */
struct judging {
	struct health *h;
	const struct metrics_snapshot *s;
	struct health_verdict *v;
};

struct health_limits health_limits_of(const struct settings *s)
{
	struct health_limits l = {WORKER_STALL_US, SOURCE_MARGIN_US, NO_PROGRESS_US};
	size_t i;

	for (i = 0; i < s->webhook_count; i++)
		if (WORKER_STALL_US + 2 * s->webhooks[i].timeout_us > l.worker_stall_us)
			l.worker_stall_us = WORKER_STALL_US + 2 * s->webhooks[i].timeout_us;
	for (i = 0; i < s->source_count; i++) {
		const struct source_settings *src = &s->sources[i];
		/* a loop may connect, run some statements, and wait */
		int64_t us = SOURCE_MARGIN_US + src->connect_timeout_us +
			     4 * src->statement_timeout_us + src->poll_interval_us +
			     src->reconnect_max_delay_us;

		if (us > l.source_stall_us)
			l.source_stall_us = us;
	}
	return l;
}

enum err_code health_new(const struct health_limits *limits, struct health **ret_h, struct err *e)
{
	struct health *h = mem_calloc(1, sizeof(*h));

	if (!h)
		return err_set(e, ERR_NOMEM, "no memory for the health check");
	h->limits = *limits;
	*ret_h = h;
	return ERR_OK;
}

void health_free(struct health *h)
{
	mem_free(h);
}

void health_set_limits(struct health *h, const struct health_limits *limits)
{
	h->limits = *limits;
}

/* Append to one of the verdict's texts, with "; " between. Cut when it is full. */
static void say(char *text, size_t size, const char *fmt, va_list ap)
{
	size_t used = strlen(text);

	if (used && used + 2 < size) {
		memcpy(text + used, "; ", 3);
		used += 2;
	}
	(void)vsnprintf(text + used, size - used, fmt, ap);
}

static void warn(struct health_verdict *v, const char *fmt, ...) ATTR_PRINTF(2, 3);
static void not_ready(struct health_verdict *v, const char *fmt, ...) ATTR_PRINTF(2, 3);
static void not_alive(struct health_verdict *v, const char *fmt, ...) ATTR_PRINTF(2, 3);

static void warn(struct health_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(v->warning, sizeof(v->warning), fmt, ap);
	va_end(ap);
}

static void not_ready(struct health_verdict *v, const char *fmt, ...)
{
	va_list ap;

	v->ready = false;
	va_start(ap, fmt);
	say(v->reason, sizeof(v->reason), fmt, ap);
	va_end(ap);
}

static void not_alive(struct health_verdict *v, const char *fmt, ...)
{
	va_list ap;

	v->alive = false;
	v->ready = false;
	va_start(ap, fmt);
	say(v->reason, sizeof(v->reason), fmt, ap);
	va_end(ap);
}

/* How long pending work has gone without progress; 0 when there is none. */
static int64_t progress_stuck_us(struct progress *p, const char *name, int64_t now_us,
				 int64_t count, bool pending)
{
	bool same = strcmp(p->name, name) == 0 && p->count == count && p->pending;

	if (!same) {
		(void)snprintf(p->name, sizeof(p->name), "%s", name);
		p->count = count;
		p->since_us = now_us;
	}
	p->pending = pending;
	return pending ? now_us - p->since_us : 0;
}

/* Nothing is to be sent, or probes at most: no progress is expected. */
static bool is_held(const struct metrics_snapshot *s, const struct metrics_webhook *w)
{
	const struct breaker_stats *b = &w->stats.breaker;

	return b->state != BREAKER_CLOSED || b->paused_until_us > s->now_us ||
	       (w->stats.validates && w->stats.handshake.state != HANDSHAKE_ALLOWED);
}

/* The same of a pipeline. */
static bool is_pipeline_held(const struct metrics_snapshot *s, const struct metrics_pipeline *p)
{
	return p->archive.paused || is_held(s, &s->webhooks[p->webhook]);
}

static void judge_workers(struct judging *j)
{
	bool work = j->s->pool.in_flight > 0;
	int64_t limit_us = j->h->limits.worker_stall_us;
	int64_t loop_us = j->s->now_us - j->s->pool.progress_us;
	int64_t moved = 0;
	int64_t stuck_us;
	size_t i;

	for (i = 0; i < j->s->pipeline_count; i++) {
		const struct metrics_pipeline *p = &j->s->pipelines[i];

		work = work || (p->ring.ready > 0 && !is_pipeline_held(j->s, p));
		moved += p->ring.settled + p->ring.retried;
	}
	stuck_us = progress_stuck_us(&j->h->workers, "workers", j->s->now_us, moved, work);
	if (stuck_us > limit_us && loop_us > limit_us)
		not_alive(j->v, "the workers have stood still for %lld s",
			  (long long)(stuck_us / CLOCK_US_PER_S));
}

static void judge_pipeline(struct judging *j, size_t i)
{
	const struct metrics_pipeline *p = &j->s->pipelines[i];
	const struct metrics_webhook *w = &j->s->webhooks[p->webhook];
	bool pending = (p->ring.ready > 0 || p->ring.inflight > 0) && !is_pipeline_held(j->s, p);
	int64_t limit_us = j->h->limits.no_progress_us;
	int64_t stuck_us = progress_stuck_us(&j->h->pipelines[i], p->name, j->s->now_us,
					     p->ring.settled + p->ring.retried, pending);

	if (limit_us < 2 * w->timeout_us)
		limit_us = 2 * w->timeout_us;
	/* with a rate limit all of them may have their turn before this one */
	limit_us += w->stats.pace.interval_us * (int64_t)j->s->pipeline_count;
	if (stuck_us > limit_us)
		not_ready(j->v, "pipeline %s: %zu events are pending and nothing moved for %lld s",
			  p->name, p->ring.events, (long long)(stuck_us / CLOCK_US_PER_S));
}

static void judge_archive(struct judging *j, size_t i)
{
	const struct metrics_pipeline *p = &j->s->pipelines[i];

	if (p->archive.paused)
		warn(j->v,
		     "pipeline %s: its archive cannot be written for %lld s, events are held: %s",
		     p->name, (long long)(p->archive_paused_us / CLOCK_US_PER_S), p->archive.error);
}

/* Does any ring of source i hold events? Then it is the webhook's turn, not the source's. */
static bool source_has_events(const struct metrics_snapshot *s, size_t i)
{
	size_t k;

	for (k = 0; k < s->pipeline_count; k++)
		if (s->pipelines[k].source == i && s->pipelines[k].ring.events > 0)
			return true;
	return false;
}

static void judge_reading(struct judging *j, size_t i)
{
	const struct metrics_source *src = &j->s->sources[i];
	const struct source_status *st = &src->stats.source;
	bool pending = src->stats.state == RUNNER_ACTIVE && st->outbox_rows > 0 &&
		       st->oldest_wall_us > 0 && !source_has_events(j->s, i);
	int64_t stuck_us = progress_stuck_us(
		&j->h->sources[i], src->name, j->s->now_us,
		src->stats.read_total + src->stats.acked_total + src->stats.dead_total, pending);

	if (stuck_us > j->h->limits.no_progress_us + 2 * INSPECT_US)
		not_ready(j->v,
			  "source %s: %" PRId64 " rows wait in the outbox and none was read or "
			  "acknowledged for %lld s",
			  src->name, st->outbox_rows, (long long)(stuck_us / CLOCK_US_PER_S));
}

static void judge_source(struct judging *j, size_t i)
{
	const struct metrics_source *src = &j->s->sources[i];
	int64_t still_us = j->s->now_us - src->stats.progress_us;

	if (src->stats.state != RUNNER_STOPPED && still_us > j->h->limits.source_stall_us)
		not_alive(j->v, "source %s has stood still for %lld s", src->name,
			  (long long)(still_us / CLOCK_US_PER_S));
	if (src->stats.state == RUNNER_STANDBY)
		warn(j->v, "source %s is on standby: another daemon is active", src->name);
	else if (src->stats.state != RUNNER_ACTIVE)
		not_ready(j->v, "source %s is %s%s%s", src->name,
			  runner_state_name(src->stats.state), src->stats.last_error[0] ? ": " : "",
			  src->stats.last_error);
	if (src->stats.source.warning[0])
		warn(j->v, "source %s: %s", src->name, src->stats.source.warning);
	judge_reading(j, i);
}

static void judge_webhook(struct judging *j, size_t i)
{
	const struct metrics_webhook *w = &j->s->webhooks[i];
	const char *why = w->stats.last_error;

	if (!is_held(j->s, w))
		return;
	if (w->stats.breaker.state == BREAKER_CLOSED &&
	    w->stats.breaker.paused_until_us <= j->s->now_us) {
		if (w->stats.handshake.state == HANDSHAKE_REFUSED)
			warn(j->v, "webhook %s: the receiver does not agree to deliveries: %s",
			     w->name, w->stats.handshake.reason);
		return;
	}
	if (w->stats.breaker.state == BREAKER_CLOSED) {
		warn(j->v, "webhook %s: the receiver asked for a pause of %lld s more", w->name,
		     (long long)((w->stats.breaker.paused_until_us - j->s->now_us) /
				 CLOCK_US_PER_S));
		return;
	}
	if (w->stats.breaker.state == BREAKER_DISABLED && w->stats.standing.reason[0])
		why = w->stats.standing.reason;
	warn(j->v, "webhook %s: breaker %s for %lld s, events are held%s%s", w->name,
	     breaker_state_name(w->stats.breaker.state), (long long)(w->state_us / CLOCK_US_PER_S),
	     why[0] ? ": " : "", why);
}

void health_judge(struct health *h, const struct metrics_snapshot *s, struct health_verdict *ret_v)
{
	struct judging j = {h, s, ret_v};
	size_t i;

	*ret_v = (struct health_verdict){.alive = true, .ready = true};
	judge_workers(&j);
	for (i = 0; i < s->source_count; i++)
		judge_source(&j, i);
	for (i = 0; i < s->pipeline_count; i++)
		judge_pipeline(&j, i);
	for (i = 0; i < s->webhook_count; i++)
		judge_webhook(&j, i);
	for (i = 0; i < s->pipeline_count; i++)
		judge_archive(&j, i);
}

void health_render(const struct health_verdict *v, bool about_ready, struct buf *out)
{
	bool good = about_ready ? v->ready : v->alive;
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_str(&j, "status", !good ? "failed" : v->warning[0] ? "warning" : "ok");
	json_str(&j, "reason", good ? NULL : v->reason);
	json_str(&j, "warning", v->warning[0] ? v->warning : NULL);
	json_end(&j);
	buf_add_char(out, '\n');
}
