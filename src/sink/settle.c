/* SPDX-License-Identifier: MIT */
/*
 * What becomes of the events of a request when it has ended.
 *
 *     delivered            acknowledged as delivered; with an archive when it is in there
 *     refused              acknowledged as dead
 *     failed, counts       waits for its next attempt; after the last, acknowledged as parked when
 *                          the schedule has a step left, as dead when not
 *     failed, held         waits; nothing is counted
 *     410                  ready as before; the breaker lets nothing through
 *     broken off           ready as before
 *     too large to send    acknowledged as dead, without an attempt
 *
 * Only an event that was alone in its request can be refused, or have an attempt counted. Where
 * several failed, and not for an outage, nobody knows which of them is to blame: they go again, in
 * requests of at most half as many, until the one that fails is alone and the others are delivered.
 *
 * The acknowledgement is pushed before ring_settle: that frees the key's lane, and from then on
 * another worker may send, settle and acknowledge the next event of the key. In this order,
 * acknowledgements of one key cannot overtake each other.
 */
#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/event.h"
#include "sink/archiving.h"
#include "sink/backoff.h"
#include "sink/delivered.h"
#include "sink/keeper.h"
#include "sink/park.h"
#include "sink/worker.h"

/* A held event is due this long after the next probe, so that the probe is another one, if any. */
#define SETTLE_BEHIND_PROBE_US (10 * CLOCK_US_PER_MS)
#define SETTLE_ASIDE_US CLOCK_US_PER_S
/* More are not counted: any retry_count is reached by then. */
#define SETTLE_HELD_MAX 10000

/* One verdict on its way. */
struct verdict {
	struct worker *w;
	const struct pool_pipeline *pp;
	struct event *ev; /* the others behind it by also */
	size_t count;
	const struct http_result *result;
	struct answer answer;
	int64_t now_us;
};

static const struct webhook_settings *policy(const struct verdict *v)
{
	return webhook_settings(v->pp->webhook);
}

static void record(const struct verdict *v, enum webhook_outcome outcome)
{
	const struct http_result *r = v->result;
	const struct webhook_attempt a = {
		.outcome = outcome,
		.events = v->count,
		.status = r->status,
		.phase = r->phase,
		.elapsed_us = r->elapsed_us,
		.bytes = r->request->body.len,
		.plain_bytes = r->request->plain_bytes,
		.cut = r->request->cut_count,
		.key_only = r->request->key_only_count,
		.reason = r->reason,
		.sent_us = r->request->started_us,
	};

	webhook_record(v->pp->webhook, &a);
}

static void remember_failure(const struct verdict *v)
{
	struct event *ev;

	for (ev = v->ev; ev; ev = ev->also) {
		ev->failed_us = v->now_us;
		ev->last_status = v->result->status;
		ev->last_error = v->answer.verdict == ANSWER_REFUSED ? ERR_DENIED : ERR_UNAVAILABLE;
		(void)snprintf(ev->last_reason, sizeof(ev->last_reason), "%s", v->result->reason);
	}
}

/* The events' acknowledgements are pushed: they leave the ring. */
static void leave_ring(const struct verdict *v, enum event_state state)
{
	struct event *ev, *also;

	ring_settle(v->pp->ring, v->ev, state);
	for (ev = v->ev; ev; ev = also) {
		also = ev->also;
		event_free(ev);
	}
}

static void settle_delivered(const struct verdict *v)
{
	record(v, WEBHOOK_DELIVERED);
	if (v->pp->archive)
		archiving_put(v->pp->archive, v->ev);
	else
		delivered_finish(v->pp, v->ev);
}

/* The delay before attempt number `attempt` + 1. */
static int64_t delay_us(const struct verdict *v, int attempt)
{
	const struct webhook_settings *s = policy(v);
	struct backoff b = {.base_us = s->retry_delay_us, .max_us = s->retry_max_delay_us};

	if (b.base_us < 1)
		b.base_us = 1;
	if (b.max_us < b.base_us)
		b.max_us = b.base_us;
	return backoff_with_retry_after_us(&b, backoff_delay_us(&b, attempt, &v->w->random),
					   v->result->retry_after_s);
}

static void settle_held(const struct verdict *v)
{
	struct breaker *b = webhook_breaker(v->pp->webhook);
	int64_t probe_us = breaker_next_probe_us(b);
	struct event *ev;
	int64_t due_us;

	record(v, WEBHOOK_HELD);
	for (ev = v->ev; ev; ev = ev->also)
		ev->held_count += ev->held_count < SETTLE_HELD_MAX;
	if (v->answer.disable) {
		ring_release(v->pp->ring, v->ev);
		return;
	}
	if (probe_us == INT64_MAX)
		due_us = v->now_us + delay_us(v, v->ev->attempts + v->ev->held_count);
	else
		due_us = probe_us + SETTLE_BEHIND_PROBE_US;
	ring_retry(v->pp->ring, v->ev, due_us);
}

/* There is no memory for what should become of it: ask once more later. */
static void settle_again(const struct verdict *v, bool was_sent)
{
	if (was_sent) {
		v->ev->attempts--;
		record(v, WEBHOOK_HELD);
	}
	ring_retry(v->pp->ring, v->ev, v->now_us + SETTLE_ASIDE_US);
}

static void settle_dead(const struct verdict *v, enum webhook_outcome outcome)
{
	const struct event *ev = v->ev;
	const struct ack ack = {
		.id = ev->f.id,
		.pipeline = v->pp->ack_pipeline,
		.outcome = ACK_DEAD,
		.from_parked = ev->f.parked,
		.attempts = ev->attempts,
		.last_status = ev->last_status,
		.reason = mem_strdup(ev->last_reason),
	};

	if (!ack.reason) {
		/* a dead letter without its reason is half a promise */
		settle_again(v, outcome != WEBHOOK_OVERSIZED);
		return;
	}
	record(v, outcome);
	log_warn("an event goes to the dead letters", LOG_S("pipeline", v->pp->name),
		 LOG_I("id", event_public_id(&ev->f)), LOG_T("table", ev->f.table),
		 LOG_I("attempts", ev->attempts), LOG_S("reason", ev->last_reason));
	acks_push(v->pp->acks, &ack);
	park_left(v->pp, ev);
	leave_ring(v, EVENT_DEAD);
}

/* The attempts are used up: what the schedule says, if there is one. */
static void settle_exhausted(const struct verdict *v)
{
	int64_t due_us = 0;

	switch (park_event(v->pp, v->w->pool->clock, v->ev, &due_us)) {
	case PARK_DONE:
		record(v, WEBHOOK_RETRIED);
		leave_ring(v, EVENT_PARKED);
		break;
	case PARK_NEVER:
		settle_dead(v, WEBHOOK_EXHAUSTED);
		break;
	case PARK_HERE:
		record(v, WEBHOOK_RETRIED);
		ring_retry(v->pp->ring, v->ev, due_us);
		break;
	case PARK_NOMEM:
		settle_again(v, true);
		break;
	}
}

static void settle_retry(const struct verdict *v)
{
	record(v, WEBHOOK_RETRIED);
	log_debug("an attempt failed", LOG_S("pipeline", v->pp->name),
		  LOG_I("id", event_public_id(&v->ev->f)), LOG_I("attempts", v->ev->attempts),
		  LOG_S("reason", v->result->reason));
	ring_retry(v->pp->ring, v->ev, v->now_us + delay_us(v, v->ev->attempts));
}

/* From now on in requests of at most half as many, so that the one to blame is alone in the end. */
static void halve(const struct verdict *v)
{
	struct event *ev;

	for (ev = v->ev; ev; ev = ev->also)
		ev->batch_max = (v->count + 1) / 2;
}

/* One of several events is to blame, or it looks so: at once for the receiver has answered, or
 * after a while when it says that it cannot. */
static void settle_split(const struct verdict *v, bool is_event)
{
	log_debug("a request of several events failed", LOG_S("pipeline", v->pp->name),
		  LOG_I("id", event_public_id(&v->ev->f)), LOG_I("events", v->count),
		  LOG_S("reason", v->result->reason));
	if (is_event) {
		record(v, WEBHOOK_SPLIT);
		ring_release(v->pp->ring, v->ev);
		return;
	}
	record(v, WEBHOOK_RETRIED);
	ring_retry(v->pp->ring, v->ev, v->now_us + delay_us(v, 1));
}

/* failed_before: one of the events. */
static void settle_failed(const struct verdict *v, enum breaker_ruling ruling, bool failed_before)
{
	bool is_event = v->answer.blame == ANSWER_BLAME_EVENT;

	remember_failure(v);
	if (v->count > 1 && (is_event || (failed_before && ruling == BREAKER_COUNT)))
		halve(v);
	if (ruling == BREAKER_HOLD) {
		settle_held(v);
		return;
	}
	if (v->count > 1) {
		settle_split(v, is_event);
		return;
	}
	v->ev->attempts++;
	v->ev->held_count = 0;
	if (v->answer.verdict == ANSWER_REFUSED)
		settle_dead(v, WEBHOOK_REFUSED);
	else if (park_is_exhausted(v->pp, v->ev))
		settle_exhausted(v);
	else
		settle_retry(v);
}

static void settle_aborted(struct worker *w, const struct flight *f)
{
	const struct pool_pipeline *pp = &w->pool->pipelines[f->pipeline];

	if (f->probe)
		breaker_cancel(webhook_breaker(pp->webhook), clock_now_us(w->pool->clock));
	ring_release(pp->ring, f->first);
}

/* What the breaker is to know of the events: the latest failure of any, and the one that has tried
 * most. */
static void add_history(const struct verdict *v, struct breaker_result *report)
{
	const struct event *ev;

	for (ev = v->ev; ev; ev = ev->also) {
		if (report->failed_us < ev->failed_us)
			report->failed_us = ev->failed_us;
		report->last_attempt |= park_is_last(v->pp, ev);
	}
}

static struct answer answer_of(const struct http_result *r)
{
	struct answer a = r->status ? answer_of_status(r->status) : answer_of_failure(r->phase);

	return r->disable ? answer_with_disable(a) : a;
}

/* For how long the receiver has asked to be left alone. */
static int64_t pause_us(const struct verdict *v)
{
	const struct backoff b = {.base_us = 1, .max_us = policy(v)->retry_max_delay_us};

	if (!answer_is_pause(v->result->status))
		return 0;
	return backoff_with_retry_after_us(&b, 0, v->result->retry_after_s);
}

static void settle_answered(struct worker *w, const struct flight *f, const struct http_result *r)
{
	const struct verdict v = {
		.w = w,
		.pp = &w->pool->pipelines[f->pipeline],
		.ev = f->first,
		.count = f->count,
		.result = r,
		.answer = answer_of(r),
		.now_us = clock_now_us(w->pool->clock),
	};
	struct breaker_result report = {
		.answer = v.answer,
		.now_us = v.now_us,
		.sent_us = r->request->started_us,
		.probe = f->probe,
		.pause_us = pause_us(&v),
	};
	const struct keeper_attempt attempt = {v.answer, v.now_us, w->pool->clock, r->reason};
	enum breaker_ruling ruling;

	assert(v.ev);
	batch_size_note(webhook_batch_size(v.pp->webhook), v.count, r, policy(&v)->timeout_us);
	add_history(&v, &report);
	ruling = breaker_report(webhook_breaker(v.pp->webhook), &report);
	keeper_note(v.pp->webhook, &attempt);
	if (v.answer.verdict == ANSWER_DELIVERED)
		settle_delivered(&v);
	else
		settle_failed(&v, ruling, report.failed_us > 0);
}

void worker_settle(struct worker *w, struct flight *f, const struct http_result *r)
{
	if (w->aborting)
		settle_aborted(w, f);
	else
		settle_answered(w, f, r);
	worker_land(w, f);
}

void worker_give_up(struct worker *w, struct flight *f, struct http_request *r, const char *reason)
{
	struct http_result result = {.request = r, .retry_after_s = -1};
	const struct verdict v = {
		.w = w,
		.pp = &w->pool->pipelines[f->pipeline],
		.ev = f->first,
		.count = 1,
		.result = &result,
		.answer = {.verdict = ANSWER_REFUSED},
		.now_us = clock_now_us(w->pool->clock),
	};

	assert(f->first && f->count == 1);
	(void)snprintf(result.reason, sizeof(result.reason), "%s", reason);
	if (f->probe)
		breaker_cancel(webhook_breaker(v.pp->webhook), v.now_us);
	remember_failure(&v);
	settle_dead(&v, WEBHOOK_OVERSIZED);
	webhook_unsent(v.pp->webhook);
	worker_land(w, f);
}

void worker_put_aside(struct worker *w, struct flight *f)
{
	const struct pool_pipeline *pp = &w->pool->pipelines[f->pipeline];
	int64_t now_us = clock_now_us(w->pool->clock);

	if (f->probe)
		breaker_cancel(webhook_breaker(pp->webhook), now_us);
	ring_retry(pp->ring, f->first, now_us + SETTLE_ASIDE_US);
	webhook_unsent(pp->webhook);
	worker_land(w, f);
}
