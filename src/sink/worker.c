/* SPDX-License-Identifier: MIT */
/*
 * A pass asks every pipeline in turn, starting one further each time, and takes as many events as
 * the worker's share, the webhook's max_in_flight and its breaker allow. When the share was what
 * ended it, another worker is woken. When max_in_flight was, nobody needs to be: whoever gives a
 * reservation back makes a pass right after, before it sleeps.
 */
#include "sink/worker.h"

#include <assert.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/budget.h"
#include "sink/archiving.h"
#include "sink/park.h"
#include "sink/request.h"

#define WORKER_BATCH 64
#define WORKER_RECHECK_US (20 * CLOCK_US_PER_MS)
/* From how many ready events the probe is chosen. */
#define WORKER_PROBE_CHOICE 32

static void worker_rise(struct worker *w)
{
	if (w->resting)
		sleepers_leave(w);
	w->resting = false;
}

static void on_result(void *ctx, const struct http_result *r)
{
	struct worker *w = ctx;

	/* not asleep any more: what settling makes ready needs nobody else to be woken */
	worker_rise(w);
	if (r->request->asks)
		permission_settle(w, r);
	else
		worker_settle(w, r->request->owner, r);
	http_request_put(w->http, r->request);
}

static size_t flights_needed(const struct pool *p)
{
	size_t i, n = 0;

	for (i = 0; i < p->receiver_count; i++)
		n += p->receivers[i].share;
	return n;
}

enum err_code worker_init(struct worker *w, struct pool *p, struct err *e)
{
	size_t i, n = flights_needed(p);
	enum err_code code;

	w->pool = p;
	random_init(&w->random);
	w->flights = mem_calloc(n, sizeof(*w->flights));
	w->to = mem_calloc(p->receiver_count, sizeof(*w->to));
	if (!w->flights || !w->to)
		return err_set(e, ERR_NOMEM, "no memory for a worker");
	for (i = 0; i < n; i++) {
		w->flights[i].next = w->free;
		w->free = &w->flights[i];
	}
	code = http_new(p->clock, n, on_result, w, &w->http, e);
	if (code == ERR_OK)
		http_charge_to(w->http, p->budget);
	return code;
}

void worker_done(struct worker *w)
{
	http_free(w->http);
	compressor_free(w->compressor);
	budget_release(w->pool->budget, BUDGET_BODY, w->compressor_charged);
	mem_free(w->flights);
	mem_free(w->to);
}

/* Up to max ready events that may be sent. Those that may not make room for others. */
static size_t take_sifted(const struct worker *w, const struct pool_pipeline *pp,
			  struct event **out, size_t max)
{
	size_t taken, want, first, got = 0, i;

	do {
		first = got;
		want = max - first;
		taken = ring_take(pp->ring, w->pass_us, out + first, want);
		for (i = first; i < first + taken; i++) {
			out[got] = park_sift(pp, w->pool->clock, out[i]);
			got += out[got] != NULL;
		}
	} while (taken == want && got < max);
	return got;
}

/* One event to probe with: of several, the one that never failed or failed longest ago. Were it
 * always the oldest, an event that kills its receiver would keep the breaker open for ever. */
static size_t take_probe(const struct worker *w, const struct pool_pipeline *pp, struct event **out)
{
	struct event *ev[WORKER_PROBE_CHOICE];
	size_t n = take_sifted(w, pp, ev, WORKER_PROBE_CHOICE);
	size_t best = 0;
	size_t i;

	if (!n)
		return 0;
	for (i = 1; i < n; i++)
		if (ev[i]->failed_us < ev[best]->failed_us)
			best = i;
	for (i = 0; i < n; i++)
		if (i != best)
			ring_release(pp->ring, ev[i]);
	*out = ev[best];
	return 1;
}

static struct ring_batch batch_of(const struct pool_pipeline *pp)
{
	const struct webhook_settings *to = webhook_settings(pp->webhook);

	if (pp->archive && archiving_is_all(pp->archive))
		return archiving_batch(pp->archive);
	return (struct ring_batch){
		.max_events = batch_size_get(webhook_batch_size(pp->webhook)),
		.max_bytes = (size_t)to->batch_max_bytes,
		.delay_us = to->batch_max_delay_us,
	};
}

/* What goes in up to n requests: the first event of each. */
static size_t take_requests(const struct worker *w, const struct pool_pipeline *pp,
			    struct event **out, size_t n)
{
	struct ring_batch b;
	struct event *list;
	size_t got = 0;

	if (!request_is_batch(webhook_settings(pp->webhook)))
		return take_sifted(w, pp, out, n);
	b = batch_of(pp);
	while (got < n && (list = ring_take_batch(pp->ring, w->pass_us, &b))) {
		out[got] = park_sift(pp, w->pool->clock, list);
		got += out[got] != NULL;
	}
	return got;
}

/* Take and send up to n requests of pipeline k; returns whether there may be more. The reservations
 * of what is not there are given back. */
static bool take_some(struct worker *w, size_t k, size_t n)
{
	const struct pool_pipeline *pp = &w->pool->pipelines[k];
	struct breaker *b = webhook_breaker(pp->webhook);
	struct event *ev[WORKER_BATCH];
	size_t may, got = 0, i;
	bool probe;

	may = breaker_admit(b, w->pass_us, n, &probe);
	if (probe)
		got = take_probe(w, pp, ev);
	else if (may)
		got = take_requests(w, pp, ev, may);
	if (probe && !got)
		breaker_cancel(b, w->pass_us);
	if (got < n && webhook_give_back(pp->webhook, n - got))
		atomic_store(&w->pool->pending, true);
	for (i = 0; i < got; i++)
		worker_board(w, k, ev[i], probe);
	return got == n && !probe;
}

static bool has_more(struct ring *ring, int64_t now_us)
{
	return ring_stats(ring).ready > 0 || ring_next_due_us(ring) <= now_us;
}

/* May something be sent for pp now, as far as its receiver and its archive go? */
static bool may_send(struct worker *w, const struct pool_pipeline *pp)
{
	return (!pp->archive || archiving_may_send(pp->archive)) && permission_has(w, pp);
}

/* Take from pipeline k until it has no more; returns whether it has, for the rate allows no more
 * now, or this worker has its share. One by one, so that no more is asked for than would be sent.
 */
static bool take_paced(struct worker *w, size_t k, struct receiver *to)
{
	struct ring *ring = w->pool->pipelines[k].ring;
	size_t i = w->pool->receiver_of[k];

	if (!may_send(w, &w->pool->pipelines[k]))
		return false;
	while (has_more(ring, w->pass_us)) {
		if (atomic_load(&w->to[i]) == to->share) {
			sleepers_wake_for(w->pool, i);
			return true;
		}
		if (!webhook_admit(to->webhook, clock_now_us(w->pool->clock), 1))
			return true;
		if (!take_some(w, k, 1))
			break;
		atomic_store(&to->served, k);
	}
	return false;
}

/* The pipelines of a webhook with a rate limit have their turns in it, whichever worker comes. */
static void take_turns(struct worker *w, size_t i)
{
	struct pool *p = w->pool;
	struct receiver *to = &p->receivers[i];
	size_t first = atomic_load(&to->served) + 1, k, n;

	for (n = 0; n < p->pipeline_count; n++) {
		k = (first + n) % p->pipeline_count;
		if (p->receiver_of[k] == i && take_paced(w, k, to))
			return;
	}
}

/* Returns whether events are left that another worker could take. */
static bool take_from(struct worker *w, size_t k)
{
	size_t i = w->pool->receiver_of[k];
	const struct receiver *to = &w->pool->receivers[i];
	const struct pool_pipeline *pp = &w->pool->pipelines[k];
	size_t room, n;

	if (pp->archive && archiving_is_all(pp->archive)) {
		archiving_take(pp->archive, w->pass_us);
		return false;
	}
	if (!may_send(w, pp))
		return false;
	for (;;) {
		room = to->share - atomic_load(&w->to[i]);
		if (!room)
			return has_more(pp->ring, w->pass_us);
		n = webhook_admit(to->webhook, w->pass_us,
				  room < WORKER_BATCH ? room : WORKER_BATCH);
		if (!n || !take_some(w, k, n))
			return false;
	}
}

static void pass(struct worker *w)
{
	struct pool *p = w->pool;
	const size_t count = p->pipeline_count;
	size_t i, k;

	assert(count);
	atomic_fetch_add(&w->passes, 1);
	atomic_store(&p->pending, false);
	w->pass_us = clock_now_us(p->clock);
	atomic_store(&w->progress_us, w->pass_us);
	for (i = 0; i < count; i++) {
		k = (w->start + i) % count;
		if (webhook_is_paced(p->pipelines[k].webhook))
			continue;
		if (take_from(w, k))
			sleepers_wake_for(p, p->receiver_of[k]);
	}
	for (i = 0; i < p->receiver_count; i++)
		if (webhook_is_paced(p->receivers[i].webhook))
			take_turns(w, i);
	w->start = (w->start + 1) % count;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When pipeline pp will have something to send that it has not now. What could be sent now but for
 * room needs no timer: the end of a request is followed by a pass. */
static int64_t next_of_pipeline_us(const struct pool_pipeline *pp, int64_t pass_us)
{
	const struct ring_batch b = batch_of(pp);
	int64_t due_us = ring_next_batch_us(pp->ring, &b);
	int64_t probe_us = breaker_next_probe_us(webhook_breaker(pp->webhook));
	int64_t slot_us = webhook_is_paced(pp->webhook) ? webhook_next_us(pp->webhook) : 0;
	bool ready = due_us <= pass_us;

	if (!ready && (probe_us != INT64_MAX || slot_us > pass_us))
		ready = ring_stats(pp->ring).ready > 0;
	if (probe_us == INT64_MAX)
		probe_us = 0;
	else if (ready && probe_us <= pass_us)
		/* somebody else's probe of the same webhook may have been taken back just now */
		probe_us = pass_us + WORKER_RECHECK_US;
	if (!ready)
		return later(due_us, later(probe_us, slot_us));
	probe_us = later(probe_us, slot_us);
	return probe_us > pass_us ? probe_us : INT64_MAX;
}

static int64_t next_us(const struct worker *w)
{
	const struct pool *p = w->pool;
	int64_t next = INT64_MAX, t;
	size_t k;

	for (k = 0; k < p->pipeline_count; k++) {
		t = next_of_pipeline_us(&p->pipelines[k], w->pass_us);
		t = permission_next_us(&p->pipelines[k], t, w->pass_us);
		if (t < next)
			next = t;
	}
	return next;
}

static void run_http(struct worker *w, int64_t deadline_us)
{
	int64_t now_us = clock_now_us(w->pool->clock);
	struct err e;

	if (deadline_us > now_us + WORKER_TICK_US)
		deadline_us = now_us + WORKER_TICK_US;
	if (http_run(w->http, deadline_us, &e) != ERR_OK) {
		log_error("the HTTP loop failed, trying again", LOG_E(&e));
		(void)fd_wait(-1, -1, now_us, deadline_us);
	}
	atomic_store(&w->connections, http_connections(w->http));
	atomic_store(&w->progress_us, clock_now_us(w->pool->clock));
}

static void sleep_or_not(struct worker *w)
{
	struct pool *p = w->pool;
	int64_t until_us = sleepers_enter(w, next_us(w));

	w->resting = true;
	if (!atomic_load(&p->pending) && !atomic_load(&p->stopping))
		run_http(w, until_us);
	worker_rise(w);
}

static void drain(struct worker *w)
{
	struct pool *p = w->pool;
	int64_t stop_us = atomic_load(&p->stop_us);

	while (http_in_flight(w->http) && clock_now_us(p->clock) < stop_us)
		run_http(w, stop_us);
	w->aborting = true;
	http_abort_all(w->http);
}

void worker_main(void *worker)
{
	struct worker *w = worker;

	while (!atomic_load(&w->pool->stopping)) {
		pass(w);
		sleep_or_not(w);
	}
	drain(w);
}
