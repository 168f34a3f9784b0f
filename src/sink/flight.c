/* SPDX-License-Identifier: MIT */
/*
 * From events to a request on its way, and back to a free flight. What cannot be sent is settled
 * here too: put aside, given up, or as a failure of the receiver.
 */
#include <assert.h>

#include "core/budget.h"
#include "sink/reason.h"
#include "sink/request.h"
#include "sink/worker.h"

static size_t count_events(const struct event *ev)
{
	size_t n = 0;

	for (; ev; ev = ev->also)
		n++;
	return n;
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
		r->trail = webhook_trail(pp->webhook);
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

void worker_board(struct worker *w, size_t k, struct event *first, bool probe)
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
