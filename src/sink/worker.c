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
#include "sink/reason.h"
#include "sink/request.h"

#define WORKER_BATCH 64
#define WORKER_RECHECK_US (20 * CLOCK_US_PER_MS)
/* From how many ready events the probe is chosen. */
#define WORKER_PROBE_CHOICE 32

static size_t count_events(const struct event *ev)
{
	size_t n = 0;

	for (; ev; ev = ev->also)
		n++;
	return n;
}

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

void worker_land(struct worker *w, struct flight *f)
{
	size_t i = w->pool->receiver_of[f->pipeline];

	f->first = NULL;
	f->next = w->free;
	w->free = f;
	atomic_fetch_sub(&w->to[i], 1);
	atomic_fetch_sub(&w->in_flight, 1);
	if (webhook_leave(w->pool->receivers[i].webhook, 1))
		atomic_store(&w->pool->pending, true);
}

/* What does not fit goes back. */
static ATTR_MUST_CHECK enum err_code fill_batch(const struct pool_pipeline *pp, struct flight *f,
						const struct request_origin *origin,
						struct http_request *r)
{
	struct event *rest = NULL;
	enum err_code code =
		request_fill_batch(origin, webhook_settings(pp->webhook), f->first, r, &rest);

	if (!rest)
		return code;
	ring_release(pp->ring, rest);
	f->count = count_events(f->first);
	return code;
}

static ATTR_MUST_CHECK enum err_code fill_request(const struct pool_pipeline *pp, struct flight *f,
						  struct http_request *r, struct err *e)
{
	const struct request_origin origin = {pp->install_id, pp->name, pp->source};
	const struct webhook_settings *to = webhook_settings(pp->webhook);
	const size_t max = (size_t)to->max_body_bytes;
	enum err_code code = request_is_batch(to) ? fill_batch(pp, f, &origin, r)
						  : request_fill(&origin, to, &f->first->f, r);

	if (code == ERR_DATA && max && request_event_bytes(r) > max)
		return err_set(e, ERR_DATA, "a body of %zu bytes, max_body_bytes is %zu",
			       request_event_bytes(r), max);
	if (code == ERR_DATA)
		return err_set(e, ERR_DATA,
			       "its body is no JSON that another encoding can be "
			       "made of, or nested too deep");
	if (code != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a request");
	return ERR_OK;
}

/* What cannot even be started is, to the breaker, a receiver that cannot be reached. */
static void settle_unsendable(struct worker *w, struct flight *f, struct http_request *r,
			      const struct err *e)
{
	struct http_result result = {
		.request = r,
		.phase = ANSWER_PHASE_LOOKUP,
		.retry_after_s = -1,
	};

	reason_of_failure(result.phase, e->msg, result.reason, sizeof(result.reason));
	worker_settle(w, f, &result);
}

/* While a body is compressed it is there twice; the compressor stays. */
static void compress(struct worker *w, struct http_request *r)
{
	struct budget *b = w->pool->budget;
	size_t bytes = r->body.len;

	if (r->to->compression == WEBHOOK_COMPRESSION_NONE)
		return;
	if (!w->compressor_charged) {
		w->compressor_charged = COMPRESSOR_BYTES;
		budget_charge(b, BUDGET_BODY, COMPRESSOR_BYTES);
	}
	budget_charge(b, BUDGET_BODY, bytes);
	request_compress(r, &w->compressor);
	budget_release(b, BUDGET_BODY, bytes);
}

static void launch(struct worker *w, struct flight *f)
{
	const struct pool_pipeline *pp = &w->pool->pipelines[f->pipeline];
	struct http_request *r = http_request_get(w->http);
	enum err_code code;
	struct err e;

	if (!r) {
		worker_put_aside(w, f);
		return;
	}
	code = fill_request(pp, f, r, &e);
	if (code == ERR_OK) {
		compress(w, r);
		r->owner = f;
		r->auth = webhook_auth(pp->webhook);
		r->wall_us = clock_wall_us(w->pool->clock);
		code = http_send(w->http, r, &e);
	}
	if (code == ERR_OK)
		return;
	if (code == ERR_NOMEM)
		worker_put_aside(w, f);
	else if (code == ERR_DATA)
		worker_give_up(w, f, r, e.msg);
	else
		settle_unsendable(w, f, r, &e);
	http_request_put(w->http, r);
}

static void board(struct worker *w, size_t k, struct event *first, bool probe)
{
	struct flight *f = w->free;

	assert(f);
	w->free = f->next;
	*f = (struct flight){
		.first = first, .count = count_events(first), .pipeline = k, .probe = probe};
	atomic_fetch_add(&w->to[w->pool->receiver_of[k]], 1);
	atomic_fetch_add(&w->in_flight, 1);
	launch(w, f);
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
		board(w, k, ev[i], probe);
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
