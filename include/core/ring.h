/* SPDX-License-Identifier: MIT */
/*
 * The bounded ring of one pipeline: what was read from the outbox and is not yet settled.
 *
 *      push (source thread)                                      take (worker threads)
 *          │                                                        ▲
 *          ▼            lanes, by hash of table + key               │
 *     ┌─────────┐   ┌──► [7] ─► [9] ─► [12]      head may go ──► ready queue ──► INFLIGHT
 *     │ bounds: │   ├──► [8]                                        ▲               │
 *     │ events, │───┤                                         due time came      retry / settle
 *     │ bytes   │   └──► [10] ─► [11]                        WAITING (heap) ◄───────┘
 *     └─────────┘
 *
 * Rules, which hold at every moment:
 *  - never more than `capacity` events and `max_bytes` bytes inside (QUEUED + WAITING + INFLIGHT),
 *    except that an empty ring takes one event of any size, so that nothing is stuck for ever;
 *  - no further event becomes INFLIGHT while those that are hold `max_inflight_bytes`;
 *  - it never drops: ring_push answers ERR_FULL and the source stops reading;
 *  - per lane, events become INFLIGHT in push order, one at a time, or several for one request; an
 *    event with two lanes must be the head of both, or follow in the same request;
 *  - a TRUNCATE is a barrier for its table: it goes when every earlier event of the table is
 *    settled, and later ones wait for it (unless order is ORDERING_NONE: an event like any other);
 *  - a retry keeps its place at the head of its lane, and holds no worker.
 *
 * An event with a share (core/share.h) has been counted there by who pushes it; the ring gives it
 * back when it is settled or dropped, calls on_room when the share's owner waits for that, and
 * takes such events by their tenants' turns instead of by age.
 *
 * Every function may be called from any thread. Time is given by the caller.
 */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"
#include "core/budget.h"
#include "core/event.h"

struct ring;

/* Called outside the ring's lock, by the thread whose call caused it. on_ready: at each call that
 * made events ready and left them so. on_room: once, after ring_push answered ERR_FULL or ring_room
 * told of little, when there is a sensible room again. That is room for what was refused, and an
 * eighth of max_bytes and of the capacity that waiting retries leave; or, when nothing is ready or
 * in flight, any room; or an empty ring. Must not block and must not call into the ring. */
typedef void (*ring_notify_fn)(void *ctx);

struct ring_options {
	size_t capacity;           /* events, >= 1 */
	size_t max_bytes;          /* sum of event.bytes, >= 1 */
	size_t max_inflight_bytes; /* what is sent takes about as much memory again; 0: no bound */
	struct budget *budget;     /* that its bytes are charged to, a loan; NULL: none */
	enum ordering order;     /* what shares a lane; events without a key share their table's */
	ring_notify_fn on_ready; /* may be NULL */
	void *on_ready_ctx;
	ring_notify_fn on_room; /* may be NULL */
	void *on_room_ctx;
};

enum err_code ring_new(const struct ring_options *o, struct ring **ret_ring,
		       struct err *e) ATTR_MUST_CHECK;

/* Free the ring and what is QUEUED or WAITING in it. Nothing may be INFLIGHT. NULL is fine. */
void ring_free(struct ring *r);

/* Take *ev (NEW → QUEUED, *ev becomes NULL), or answer ERR_FULL and leave it with the caller;
 * on_room is then called once there is room again. Errors: ERR_FULL, ERR_NOMEM (lanes; *ev stays
 * with the caller too, but no call of on_room follows). */
enum err_code ring_push(struct ring *r, struct event **ev) ATTR_MUST_CHECK;

struct ring_room {
	size_t events;
	size_t bytes;
};

/* How much could be pushed now. When that is little, on_room follows as after a refused push. An
 * empty ring tells its max_bytes, and takes one larger event nevertheless. */
struct ring_room ring_room(struct ring *r);

/* Up to max ready events into out, each QUEUED or due WAITING → INFLIGHT: first those released,
 * then the others, oldest (pushed first) first. Returns how many. The caller owns them until retry,
 * release or settle. */
size_t ring_take(struct ring *r, int64_t now_us, struct event **out, size_t max);

struct ring_batch {
	size_t max_events; /* >= 1 */
	size_t max_bytes;  /* of the body, about; the first event may be larger */
	int64_t delay_us;  /* how long after it was read an event may wait for others; 0: not */
};

/* As many as may go in one request → INFLIGHT, as a list by ev->also; NULL: none. Those are ready
 * ones in the order of ring_take, and each event that waits for nothing but some before it in the
 * list. All have the batch_max of the first, and are no more than that (0: any). Only when so many
 * are queued as fit, or the first is delay_us old, or the ring is full; on_ready is called when a
 * batch that was not given out for that is full. */
struct event *ring_take_batch(struct ring *r, int64_t now_us, const struct ring_batch *b);

/* The three below take a whole list of ev->also, or any part of it; order is the ring's business
 * but for ring_settle, where none may stand before one that it followed. They leave the list
 * unlinked, ring_settle as it was. */

/* INFLIGHT → WAITING until due_us; ev is the ring's again. */
void ring_retry(struct ring *r, struct event *ev, int64_t due_us);

/* INFLIGHT → QUEUED, ready at once and in front of the others: it was taken but not sent (breaker
 * opened, shutdown). ev is the ring's again. */
void ring_release(struct ring *r, struct event *ev);

/* INFLIGHT → state (DELIVERED, DEAD or PARKED): its lanes go on, its room is free. ev is the
 * caller's, to acknowledge and free. */
void ring_settle(struct ring *r, struct event *ev, enum event_state state);

/* Drop everything QUEUED or WAITING (the rows are still in the outbox and will be read again), and
 * return how many. INFLIGHT events stay and keep their lanes. */
size_t ring_clear(struct ring *r);

/* While paused nothing can be taken, and nothing inside counts as ready or due; what is INFLIGHT
 * goes on, pushing too. A new ring is not paused. For a source that has lost its database: another
 * daemon may be sending the same events by now. */
void ring_pause(struct ring *r, bool paused);

/* The ids now INFLIGHT, of events from the outbox, into out (room for max); returns how many there
 * are. */
size_t ring_inflight_ids(struct ring *r, int64_t *out, size_t max);

/* Does ev, which is INFLIGHT, come behind another event that is not settled? */
bool ring_follows(struct ring *r, const struct event *ev);

/* How many of those INFLIGHT are not from the outbox, but were parked. */
size_t ring_inflight_parked(struct ring *r);

/* The earliest due_us of a WAITING event, INT64_MAX when there is none or the ring is paused. */
int64_t ring_next_due_us(struct ring *r);

/* The same, or when ring_take_batch gives out what it holds back now, whichever is earlier. */
int64_t ring_next_batch_us(struct ring *r, const struct ring_batch *b);

struct ring_stats {
	size_t capacity;
	size_t max_bytes;
	size_t events; /* QUEUED + WAITING + INFLIGHT */
	size_t bytes;
	size_t ready;   /* could be taken now */
	size_t blocked; /* behind another event of a lane, or a barrier, or paused */
	size_t waiting; /* retries whose time had not come at the last ring_take */
	size_t inflight;
	size_t lanes;   /* distinct keys inside (tables, pipelines: what order says) */
	int64_t pushed; /* totals since ring_new */
	int64_t settled;
	int64_t retried;
	int64_t full_count;     /* pushes refused */
	int64_t oldest_read_us; /* read_us of the oldest event inside; INT64_MAX: empty */
	int64_t oldest_wall_us; /* changed_wall_us of the same event; 0: unknown or empty */
};

struct ring_stats ring_stats(struct ring *r);

#endif
