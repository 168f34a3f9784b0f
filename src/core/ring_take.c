/* SPDX-License-Identifier: MIT */
/*
 * What goes next: ready events one by one, or as many as may go in one request.
 */
#include <assert.h>

#include "core/ride.h"
#include "core/ring_inside.h"

/* A body has at least this many bytes around the texts of its event, in every format. */
#define RING_FRAME_BYTES 128
/* What a batch may be short of before it is not begun at all: a part of max_inflight_bytes. */
#define RING_BATCH_SHARE 4

/* Retries whose time has come become ready, or wait behind those before them; returns how many. */
static size_t ring_take_due_locked(struct ring *r, int64_t now_us)
{
	struct event *ev;
	size_t n = 0;

	while ((ev = heap_peek(&r->waiting)) && ev->due_us <= now_us) {
		(void)heap_pop(&r->waiting);
		assert(ev->state == EVENT_WAITING);
		ev->state = EVENT_QUEUED;
		if (ev->waits == 0)
			ready_add_late(&r->ready, ev);
		n++;
	}
	return n;
}

/* Who sends an event makes a body of it, about as large: so what is in flight is bounded, too. */
static bool ring_may_send_locked(const struct ring *r)
{
	return !r->o.max_inflight_bytes || r->inflight_bytes < r->o.max_inflight_bytes;
}

static void ring_send_locked(struct ring *r, struct event *ev)
{
	assert(ev->state == EVENT_QUEUED);
	ev->state = EVENT_INFLIGHT;
	ev->also = NULL;
	if (ev->share && ev->turn > r->turn)
		r->turn = ev->turn;
	r->inflight++;
	r->inflight_bytes += event_body_bytes(ev);
}

size_t ring_take(struct ring *r, int64_t now_us, struct event **out, size_t max)
{
	struct ring_news news = {0};
	struct event *ev;
	size_t n = 0;
	size_t due;

	mutex_lock(&r->lock);
	if (r->paused)
		goto out_unlock;
	due = ring_take_due_locked(r, now_us);
	while (n < max && ring_may_send_locked(r) && (ev = ready_take(&r->ready))) {
		assert(ev->waits == 0);
		ring_send_locked(r, ev);
		out[n++] = ev;
	}
	news.ready = due > 0 && ready_count(&r->ready) > 0;
out_unlock:
	mutex_unlock(&r->lock);
	ring_tell(r, news);
	return n;
}

/* ---- batches ---- */

/* Until when a batch waits for more; INT64_MIN: it does not. Not when it is full already, or the
 * ring is. */
static int64_t ring_held_until_locked(const struct ring *r, const struct ring_batch *b)
{
	const struct event *fresh = r->ready.fresh_head;
	const struct event *late = heap_peek(&r->ready.late);
	int64_t read_us = fresh ? fresh->read_us : INT64_MAX;

	if (!b->delay_us || ready_count(&r->ready) == 0)
		return INT64_MIN;
	if (ring_queued_locked(r) >= b->max_events || r->room_wanted ||
	    r->bytes >= r->inflight_bytes + b->max_bytes)
		return INT64_MIN;
	if (late && late->read_us < read_us)
		read_us = late->read_us;
	return read_us + b->delay_us;
}

/* Rather none now than many small ones: what others hold is given back soon. */
static bool ring_may_begin_locked(const struct ring *r, const struct ring_batch *b)
{
	size_t want = r->o.max_inflight_bytes / RING_BATCH_SHARE;

	if (!r->o.max_inflight_bytes || !r->inflight)
		return true;
	if (want > b->max_bytes)
		want = b->max_bytes;
	return r->inflight_bytes + want <= r->o.max_inflight_bytes;
}

static size_t ring_body_bytes(const struct event *ev)
{
	return event_body_bytes(ev) - sizeof(*ev) + RING_FRAME_BYTES;
}

static struct event *ring_gather_locked(struct ring *r, const struct ring_batch *b)
{
	struct event *first = NULL, **link = &first, *ev;
	size_t n = 0, bytes = 0, max = b->max_events;
	struct ride ride;

	ride_begin(&ride, ++r->rides, &r->ready);
	while (n < max && ring_may_send_locked(r) && (ev = ride_peek(&ride))) {
		bytes += ring_body_bytes(ev);
		if (first && (bytes > b->max_bytes || ev->batch_max != first->batch_max))
			break;
		if (!first && ev->batch_max && ev->batch_max < max)
			max = ev->batch_max;
		ring_send_locked(r, ride_take(&ride));
		*link = ev;
		link = &ev->also;
		n++;
	}
	ride_end(&ride);
	return first;
}

struct event *ring_take_batch(struct ring *r, int64_t now_us, const struct ring_batch *b)
{
	struct ring_news news = {0};
	struct event *first = NULL;
	size_t due;

	assert(b->max_events >= 1);
	mutex_lock(&r->lock);
	if (r->paused)
		goto out_unlock;
	due = ring_take_due_locked(r, now_us);
	r->held_for = 0;
	if (ring_held_until_locked(r, b) > now_us)
		r->held_for = b->max_events;
	else if (ring_may_begin_locked(r, b))
		first = ring_gather_locked(r, b);
	news.ready = due > 0 && ready_count(&r->ready) > 0;
out_unlock:
	mutex_unlock(&r->lock);
	ring_tell(r, news);
	return first;
}

/* ---- when ---- */

static int64_t ring_next_due_locked(const struct ring *r)
{
	const struct event *ev = r->paused ? NULL : heap_peek(&r->waiting);

	return ev ? ev->due_us : INT64_MAX;
}

int64_t ring_next_due_us(struct ring *r)
{
	int64_t due_us;

	mutex_lock(&r->lock);
	due_us = ring_next_due_locked(r);
	mutex_unlock(&r->lock);
	return due_us;
}

int64_t ring_next_batch_us(struct ring *r, const struct ring_batch *b)
{
	int64_t due_us, held_us;

	mutex_lock(&r->lock);
	due_us = ring_next_due_locked(r);
	held_us = r->paused ? INT64_MIN : ring_held_until_locked(r, b);
	mutex_unlock(&r->lock);
	return held_us != INT64_MIN && held_us < due_us ? held_us : due_us;
}
