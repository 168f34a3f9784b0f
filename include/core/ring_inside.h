/* SPDX-License-Identifier: MIT */
/*
 * The ring, inside: what ring.c (in, back and out) and ring_take.c (what goes next) share.
 */
#ifndef CORE_RING_INSIDE_H
#define CORE_RING_INSIDE_H

#include "base/thread.h"
#include "core/heap.h"
#include "core/order.h"
#include "core/ready.h"
#include "core/ring.h"

struct ring {
	struct ring_options o;

	struct mutex lock; /* all below */
	struct event *oldest;
	struct event *newest;
	struct order order;
	struct ready ready;
	struct heap waiting;
	size_t events;
	size_t bytes;
	size_t charged; /* to the budget: bytes, and up to two pieces more */
	size_t inflight;
	size_t inflight_bytes;
	int64_t last_seq;
	int64_t turn;    /* of the last one taken that has a share */
	uint64_t rides;  /* requests put together so far (core/ride.h) */
	size_t held_for; /* a batch waits until so many are queued; 0: none does */
	bool paused;
	bool room_wanted; /* somebody waits for on_room */
	size_t room_wanted_bytes;
	int64_t settled;
	int64_t retried;
	int64_t full_count;
};

/* What is to be told once the lock is released. */
struct ring_news {
	bool ready;
	bool room;
	int64_t charge; /* to the budget; < 0: to be released */
};

/* Without the lock. */
void ring_tell(const struct ring *r, struct ring_news news);

/* What is neither in flight nor waits for its time. */
static inline size_t ring_queued_locked(const struct ring *r)
{
	return r->events - r->inflight - r->waiting.count;
}

#endif
