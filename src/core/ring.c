/* SPDX-License-Identifier: MIT */
/*
 * One lock around everything; under it no more than a few pointers move per event. Keys are
 * hashed before it is taken, memory is freed after.
 *
 *     push ──► order: what has it to wait for? ──nothing──► ready ──► take
 *                        ▲          │                         ▲         │
 *                        │          └─────────────────────────┤         ├─ settle
 *                        │      let go by settle of another   ├─────────┼─ release
 *                        │                                    │due      │
 *                        │                                 waiting ◄────┴─ retry
 *                        └── settle
 *
 * Every event inside is also on one list in push order, whatever its state: for the oldest, for
 * the ids in flight, and for clearing.
 */
#include "core/ring.h"

#include <assert.h>

#include "base/mem.h"
#include "core/ring_inside.h"
#include "core/share.h"

/* Room that is worth waking a reader for: one in RING_ROOM_SHARE. */
#define RING_ROOM_SHARE 8
/* The budget is charged in pieces: one or two atomic additions for some hundred events. */
#define RING_PIECE_BYTES 65536

enum err_code ring_new(const struct ring_options *o, struct ring **ret_ring, struct err *e)
{
	struct ring *r;

	assert(o->capacity >= 1 && o->capacity <= UINT32_MAX && o->max_bytes >= 1);
	r = mem_calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, "no memory for a ring");
	r->o = *o;
	order_init(&r->order, o->order);
	mutex_init(&r->lock);
	*ret_ring = r;
	return ERR_OK;
}

void ring_tell(const struct ring *r, struct ring_news news)
{
	if (news.charge > 0)
		budget_charge(r->o.budget, BUDGET_QUEUE, (size_t)news.charge);
	else if (news.charge < 0)
		budget_release(r->o.budget, BUDGET_QUEUE, (size_t)-news.charge);
	if (news.ready && r->o.on_ready)
		r->o.on_ready(r->o.on_ready_ctx);
	if (news.room && r->o.on_room)
		r->o.on_room(r->o.on_room_ctx);
}

/* ---- states: one function per transition; those of taking are in ring_take.c ---- */

static void event_to_queued(struct event *ev)
{
	assert(ev->state == EVENT_NEW);
	ev->state = EVENT_QUEUED;
}

static void event_to_waiting(struct event *ev, int64_t due_us)
{
	assert(ev->state == EVENT_INFLIGHT);
	ev->state = EVENT_WAITING;
	ev->due_us = due_us;
}

static void event_to_released(struct event *ev)
{
	assert(ev->state == EVENT_INFLIGHT);
	ev->state = EVENT_QUEUED;
}

static void event_to_settled(struct event *ev, enum event_state state)
{
	assert(ev->state == EVENT_INFLIGHT);
	assert(state == EVENT_DELIVERED || state == EVENT_DEAD || state == EVENT_PARKED);
	ev->state = state;
}

static void event_to_dropped(struct event *ev)
{
	assert(ev->state == EVENT_QUEUED || ev->state == EVENT_WAITING);
	ev->state = EVENT_NEW;
}

/* ---- room ---- */

static struct ring_room ring_room_locked(const struct ring *r)
{
	return (struct ring_room){
		.events = r->events < r->o.capacity ? r->o.capacity - r->events : 0,
		.bytes = r->bytes < r->o.max_bytes ? r->o.max_bytes - r->bytes : 0,
	};
}

static bool ring_has_room_locked(const struct ring *r, size_t bytes)
{
	struct ring_room room = ring_room_locked(r);

	return r->events == 0 || (room.events >= 1 && room.bytes >= bytes);
}

/* Is there room that is worth a round of the reader? An eighth, so that it does not wake for every
 * slot; less when retries hold the rest, for those may take hours; any when nothing moves. */
static bool ring_room_is_sensible_locked(const struct ring *r)
{
	struct ring_room room = ring_room_locked(r);
	size_t enough = (r->o.capacity - r->waiting.count) / RING_ROOM_SHARE;
	size_t enough_bytes = r->o.max_bytes / RING_ROOM_SHARE;

	if (r->events == 0)
		return true;
	if (room.events == 0 || room.bytes == 0 || room.bytes < r->room_wanted_bytes)
		return false;
	if (ready_count(&r->ready) == 0 && r->inflight == 0)
		return true;
	return room.events >= enough && room.bytes >= enough_bytes;
}

static void ring_want_room_locked(struct ring *r, size_t bytes)
{
	r->room_wanted = true;
	if (bytes > r->room_wanted_bytes)
		r->room_wanted_bytes = bytes;
}

/* To be called after every change that may bring room back; returns whether on_room is due. */
static bool ring_room_is_back_locked(struct ring *r)
{
	if (!r->room_wanted || !ring_room_is_sensible_locked(r))
		return false;
	r->room_wanted = false;
	r->room_wanted_bytes = 0;
	return true;
}

/* Is the batch that waits for more as full as it will get? Then it is to be taken. */
static bool ring_ends_hold_locked(struct ring *r)
{
	if (!r->held_for || (ring_queued_locked(r) < r->held_for && !r->room_wanted))
		return false;
	r->held_for = 0;
	return true;
}

struct ring_room ring_room(struct ring *r)
{
	struct ring_news news = {0};
	struct ring_room room;

	mutex_lock(&r->lock);
	room = ring_room_locked(r);
	if (!ring_room_is_sensible_locked(r))
		ring_want_room_locked(r, 0);
	news.ready = ring_ends_hold_locked(r);
	mutex_unlock(&r->lock);
	ring_tell(r, news);
	return room;
}

/* After bytes has changed: what has to be charged more or less, in whole pieces. */
static int64_t ring_charge_locked(struct ring *r)
{
	size_t before = r->charged;
	size_t pieces = (r->bytes + RING_PIECE_BYTES - 1) / RING_PIECE_BYTES * RING_PIECE_BYTES;

	/* between the two nothing is done, or it would go up and down with each event */
	if (pieces > before || before - pieces > RING_PIECE_BYTES || r->bytes == 0)
		r->charged = pieces;
	return (int64_t)r->charged - (int64_t)before;
}

/* ---- in and out ---- */

static int64_t ring_turn_locked(const struct ring *r, const struct event *ev)
{
	struct share *s = ev->share;

	if (!s)
		return ev->seq;
	s->turn = (s->turn > r->turn ? s->turn : r->turn) + s->step;
	return s->turn;
}

static void ring_append_locked(struct ring *r, struct event *ev)
{
	ev->seq = ++r->last_seq;
	ev->turn = ring_turn_locked(r, ev);
	ev->next = NULL;
	ev->prev = r->newest;
	if (r->newest)
		r->newest->next = ev;
	else
		r->oldest = ev;
	r->newest = ev;
	r->events++;
	r->bytes += ev->bytes;
}

/* Returns whether its tenant has room that somebody waits for. */
static bool ring_unlink_locked(struct ring *r, struct event *ev)
{
	if (ev->prev)
		ev->prev->next = ev->next;
	else
		r->oldest = ev->next;
	if (ev->next)
		ev->next->prev = ev->prev;
	else
		r->newest = ev->prev;
	ev->next = NULL;
	ev->prev = NULL;
	r->events--;
	r->bytes -= ev->bytes;
	return ev->share && share_give_back(ev->share, ev->bytes);
}

static ATTR_MUST_CHECK enum err_code ring_admit_locked(struct ring *r, const struct event *ev)
{
	if (!ring_has_room_locked(r, ev->bytes)) {
		r->full_count++;
		ring_want_room_locked(r, ev->bytes);
		return ERR_FULL;
	}
	return order_reserve(&r->order);
}

enum err_code ring_push(struct ring *r, struct event **ev)
{
	struct event *taken = *ev;
	struct ring_news news = {0};
	enum err_code rc;

	order_choose(&r->order, taken);
	mutex_lock(&r->lock);
	rc = ring_admit_locked(r, taken);
	if (rc != ERR_OK)
		goto out_unlock;
	event_to_queued(taken);
	ring_append_locked(r, taken);
	news.ready = order_enter(&r->order, taken);
	if (news.ready)
		ready_add_fresh(&r->ready, taken);
	news.charge = ring_charge_locked(r);
	*ev = NULL;
out_unlock:
	news.ready |= ring_ends_hold_locked(r);
	mutex_unlock(&r->lock);
	ring_tell(r, news);
	return rc;
}

/* ev is not with a worker any more; returns the next of its list. */
static struct event *ring_landed_locked(struct ring *r, struct event *ev)
{
	struct event *also = ev->also;

	r->inflight--;
	r->inflight_bytes -= event_body_bytes(ev);
	return also;
}

void ring_retry(struct ring *r, struct event *ev, int64_t due_us)
{
	struct ring_news news = {0};
	struct event *also;

	mutex_lock(&r->lock);
	for (; ev; ev = also) {
		also = ring_landed_locked(r, ev);
		event_to_waiting(ev, due_us);
		ev->rank = due_us;
		heap_push(&r->waiting, ev);
		r->retried++;
	}
	news.room = ring_room_is_back_locked(r);
	mutex_unlock(&r->lock);
	ring_tell(r, news);
}

void ring_release(struct ring *r, struct event *ev)
{
	struct ring_news news = {0};
	struct event *also;

	mutex_lock(&r->lock);
	for (; ev; ev = also) {
		also = ring_landed_locked(r, ev);
		event_to_released(ev);
		if (ev->waits > 0)
			continue;
		ready_add_released(&r->ready, ev);
		news.ready = true;
	}
	mutex_unlock(&r->lock);
	ring_tell(r, news);
}

void ring_settle(struct ring *r, struct event *ev, enum event_state state)
{
	struct ring_news news = {0};

	mutex_lock(&r->lock);
	while (ev) {
		struct event *also = ring_landed_locked(r, ev);

		event_to_settled(ev, state);
		news.ready |= order_leave(&r->order, ev, &r->ready);
		news.room |= ring_unlink_locked(r, ev);
		r->settled++;
		ev = also;
	}
	news.charge = ring_charge_locked(r);
	news.room |= ring_room_is_back_locked(r);
	mutex_unlock(&r->lock);
	ring_tell(r, news);
}

/* Take out all that is not with a worker, as a list by queue_next. What is with workers keeps its
 * lanes: it headed them, or followed in the same request, so that entering the emptied lanes again
 * needs no memory. */
static struct event *ring_drop_locked(struct ring *r)
{
	struct event *dropped = NULL;
	struct event *ev, *next;

	r->ready = (struct ready){0};
	r->waiting = (struct heap){0};
	order_clear(&r->order);
	for (ev = r->oldest; ev; ev = next) {
		next = ev->next;
		if (ev->state == EVENT_INFLIGHT) {
			(void)order_enter(&r->order, ev);
			continue;
		}
		event_to_dropped(ev);
		(void)ring_unlink_locked(r, ev);
		ev->queue_next = dropped;
		dropped = ev;
	}
	return dropped;
}

size_t ring_clear(struct ring *r)
{
	struct ring_news news = {0};
	struct event *dropped;
	size_t n = 0;

	mutex_lock(&r->lock);
	dropped = ring_drop_locked(r);
	r->room_wanted_bytes = 0; /* who was refused starts anew, maybe with another event */
	news.charge = ring_charge_locked(r);
	news.room = ring_room_is_back_locked(r);
	mutex_unlock(&r->lock);
	while (dropped) {
		struct event *next = dropped->queue_next;

		event_free(dropped);
		dropped = next;
		n++;
	}
	ring_tell(r, news);
	return n;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	r->room_wanted = false; /* nobody is called back from here */
	(void)ring_clear(r);
	assert(r->inflight == 0 && r->events == 0);
	order_done(&r->order);
	mutex_done(&r->lock);
	mem_free(r);
}

void ring_pause(struct ring *r, bool paused)
{
	struct ring_news news = {0};

	mutex_lock(&r->lock);
	/* who waits for a time has to look at it anew, too */
	news.ready = r->paused && !paused && (ready_count(&r->ready) || r->waiting.count);
	r->paused = paused;
	mutex_unlock(&r->lock);
	ring_tell(r, news);
}

/* ---- looking ---- */

size_t ring_inflight_ids(struct ring *r, int64_t *out, size_t max)
{
	const struct event *ev;
	size_t seen = 0, count = 0;

	mutex_lock(&r->lock);
	for (ev = r->oldest; ev && seen < r->inflight; ev = ev->next) {
		if (ev->state != EVENT_INFLIGHT)
			continue;
		seen++;
		if (ev->f.parked)
			continue;
		if (count < max)
			out[count] = ev->f.id;
		count++;
	}
	mutex_unlock(&r->lock);
	return count;
}

bool ring_follows(struct ring *r, const struct event *ev)
{
	bool follows;

	mutex_lock(&r->lock);
	follows = ev->waits > 0;
	mutex_unlock(&r->lock);
	return follows;
}

size_t ring_inflight_parked(struct ring *r)
{
	const struct event *ev;
	size_t seen = 0, count = 0;

	mutex_lock(&r->lock);
	for (ev = r->oldest; ev && seen < r->inflight; ev = ev->next) {
		seen += ev->state == EVENT_INFLIGHT;
		count += ev->state == EVENT_INFLIGHT && ev->f.parked;
	}
	mutex_unlock(&r->lock);
	return count;
}

struct ring_stats ring_stats(struct ring *r)
{
	struct ring_stats s;

	mutex_lock(&r->lock);
	s = (struct ring_stats){
		.capacity = r->o.capacity,
		.max_bytes = r->o.max_bytes,
		.events = r->events,
		.bytes = r->bytes,
		.ready = r->paused ? 0 : ready_count(&r->ready),
		.waiting = r->waiting.count,
		.inflight = r->inflight,
		.lanes = order_lane_count(&r->order),
		.pushed = r->last_seq,
		.settled = r->settled,
		.retried = r->retried,
		.full_count = r->full_count,
		.oldest_read_us = r->oldest ? r->oldest->read_us : INT64_MAX,
		.oldest_wall_us = r->oldest ? r->oldest->f.changed_wall_us : 0,
	};
	mutex_unlock(&r->lock);
	s.blocked = s.events - s.ready - s.waiting - s.inflight;
	return s;
}
