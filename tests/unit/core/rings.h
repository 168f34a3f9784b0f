/* SPDX-License-Identifier: MIT */
/* A ring and what is done with it, for its tests. */
#ifndef TESTS_UNIT_CORE_RINGS_H
#define TESTS_UNIT_CORE_RINGS_H

#include "events.h"

#include "core/ring.h"

#define NOW 1000

struct calls {
	int ready;
	int room;
};

static inline void count_call(void *ctx)
{
	(*(int *)ctx)++;
}

static inline struct ring *open_ring(size_t capacity, size_t max_bytes, enum ordering order,
				     struct calls *calls)
{
	struct ring_options o = {.capacity = capacity, .max_bytes = max_bytes, .order = order};
	struct ring *r = NULL;

	if (calls) {
		*calls = (struct calls){0};
		o.on_ready = count_call;
		o.on_ready_ctx = &calls->ready;
		o.on_room = count_call;
		o.on_room_ctx = &calls->room;
	}
	assert_int_equal(ring_new(&o, &r, NULL), ERR_OK);
	return r;
}

static inline struct ring *open_key_ring(void)
{
	return open_ring(1000, 1 << 20, ORDERING_KEY, NULL);
}

static inline void push(struct ring *r, struct event *ev)
{
	assert_int_equal(ring_push(r, &ev), ERR_OK);
	assert_null(ev);
}

static inline void assert_full(struct ring *r, struct event *ev)
{
	struct event *same = ev;

	assert_int_equal(ring_push(r, &ev), ERR_FULL);
	assert_ptr_equal(ev, same);
	assert_int_equal(ev->state, EVENT_NEW);
	event_free(ev);
}

/* Push keys[0], keys[1], ... of table "t" as events 1, 2, ... */
static inline void push_keys(struct ring *r, const char *const *keys)
{
	int64_t id;

	for (id = 1; keys[id - 1]; id++)
		push(r, event_of_key(id, keys[id - 1]));
}

static inline struct event *take_one(struct ring *r, int64_t now_us, int64_t id)
{
	struct event *ev = NULL;

	assert_int_equal(ring_take(r, now_us, &ev, 1), 1);
	assert_int_equal(ev->f.id, id);
	assert_int_equal(ev->state, EVENT_INFLIGHT);
	return ev;
}

static inline void assert_none_ready(struct ring *r, int64_t now_us)
{
	struct event *ev;

	assert_int_equal(ring_take(r, now_us, &ev, 1), 0);
}

static inline void settle(struct ring *r, struct event *ev)
{
	ring_settle(r, ev, EVENT_DELIVERED);
	assert_int_equal(ev->state, EVENT_DELIVERED);
	event_free(ev);
}

static inline void settle_next(struct ring *r, int64_t id)
{
	settle(r, take_one(r, NOW, id));
}

/* A full ring of 16, all in flight, in out. */
static inline struct ring *open_full_ring(struct calls *calls, struct event **out)
{
	struct ring *r = open_ring(16, 1 << 20, ORDERING_NONE, calls);
	int64_t id;

	for (id = 1; id <= 16; id++)
		push(r, event_of_key(id, "a"));
	assert_int_equal(ring_take(r, NOW, out, 16), 16);
	return r;
}

static inline void settle_all(struct ring *r, struct event **out, size_t from, size_t to)
{
	for (; from < to; from++)
		settle(r, out[from]);
}

#endif
