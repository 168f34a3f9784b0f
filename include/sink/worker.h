/* SPDX-License-Identifier: MIT */
/*
 * One worker of the pool, and what the workers share. Internal to the pool.
 *
 *     ┌─► pass: take ready events ─► sleep in http_run ─► results: settle ─┐
 *     └────────────────────────────────────────────────────────────────────┘
 *
 * Who is asleep stands on a stack, the latest on top, so that at a low rate the same worker with
 * its open connections is woken again and again. `awake` counts those not on the stack. Nothing is
 * lost because whoever goes to sleep first gets on the stack and then looks at `pending`, and
 * whoever has work first sets `pending` and then looks for someone awake.
 */
#ifndef SINK_WORKER_H
#define SINK_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/random.h"
#include "base/thread.h"
#include "sink/http.h"
#include "sink/pool.h"

/* However little there is to do, a worker goes round at least this often: for progress_us, and to
 * see a breaker that was enabled. */
#define WORKER_TICK_US CLOCK_US_PER_S

/* One request in flight, and what is in it. */
struct flight {
	struct event *first; /* the others behind it by also */
	size_t count;        /* of events, >= 1 */
	size_t pipeline;
	bool probe;
	struct flight *next; /* while free */
};

/* One webhook, once however many pipelines use it. */
struct receiver {
	struct webhook *webhook;
	size_t share;          /* most in flight by one worker */
	_Atomic size_t served; /* with a rate limit: the pipeline that sent last */
};

struct worker {
	struct pool *pool;
	struct http *http;
	struct compressor *compressor; /* NULL: not needed yet */
	size_t compressor_charged;
	struct thread thread;
	struct random random;
	struct flight *flights; /* all of them, enough for every share */
	struct flight *free;
	size_t start;    /* the pipeline whose turn it is first */
	int64_t pass_us; /* when the last pass looked */
	bool resting;    /* on the stack, as far as w knows: others may have taken it off */
	bool aborting;   /* results are of requests that pool_stop broke off */

	_Atomic size_t *to; /* in flight per receiver; others read it */
	_Atomic size_t in_flight;
	_Atomic int64_t passes;
	_Atomic int64_t connections;
	_Atomic int64_t progress_us;

	/* under the pool's lock */
	bool asleep;
	struct worker *below;
	struct worker *above;
};

struct pool {
	struct pool_pipeline *pipelines;
	size_t *receiver_of; /* by pipeline: index in receivers */
	size_t pipeline_count;
	struct receiver *receivers;
	size_t receiver_count;
	const struct clock *clock;
	struct budget *budget; /* NULL: none */
	struct worker *workers;
	size_t worker_count;
	bool started;

	_Atomic bool pending; /* work was announced and no pass has begun since */
	_Atomic bool stopping;
	_Atomic int64_t stop_us;
	_Atomic size_t awake;

	struct mutex lock; /* all below */
	struct worker *top;
	struct worker *timekeeper; /* sleeps no longer than until timer_us, for all; NULL: nobody */
	int64_t timer_us;
};

/* Errors: ERR_NOMEM, ERR_IO. w is zeroed. */
enum err_code worker_init(struct worker *w, struct pool *p, struct err *e) ATTR_MUST_CHECK;
void worker_done(struct worker *w);

/* The thread: until pool.stopping, then until nothing is in flight or stop_us. */
void worker_main(void *worker);

/* ---- settle.c ---- */

/* A request has ended: decide what becomes of each of its events and do it. */
void worker_settle(struct worker *w, struct flight *f, const struct http_result *r);

/* Put events that could not be sent, for no fault of the receiver, aside for a moment. */
void worker_put_aside(struct worker *w, struct flight *f);

/* Put the one event of r, which cannot be sent whatever the receiver, to the dead letters. */
void worker_give_up(struct worker *w, struct flight *f, struct http_request *r, const char *reason);

/* ---- flight.c ---- */

/* Send pipeline k's events that begin with first in one request; w has a free flight for it. */
void worker_board(struct worker *w, size_t k, struct event *first, bool probe);

/* f's events have gone their way: free what it held. */
void worker_land(struct worker *w, struct flight *f);

/* ---- permission.c ---- */

/* Has pipeline pp's receiver agreed to be sent to? When there is something to send, and it is time,
 * it is asked. */
bool permission_has(struct worker *w, const struct pool_pipeline *pp);
/* It has answered, or not. */
void permission_settle(struct worker *w, const struct http_result *r);
/* When w has to look at pp again, where it would be next_us without a handshake. */
int64_t permission_next_us(const struct pool_pipeline *pp, int64_t next_us, int64_t pass_us);

/* ---- sleepers.c ---- */

/* Get on the stack; somebody has to wake at next_us, and it may be w: returns until when w may
 * sleep. */
int64_t sleepers_enter(struct worker *w, int64_t next_us);
/* Get off the stack, if nobody took w from it. */
void sleepers_leave(struct worker *w);
/* Wake the latest one asleep that may start another request to receiver i. */
void sleepers_wake_for(struct pool *p, size_t i);
/* Wake the latest one asleep. */
void sleepers_wake_one(struct pool *p);

#endif
