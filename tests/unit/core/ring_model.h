/* SPDX-License-Identifier: MIT */
/*
 * The model of a ring: a plain list in push order that decides everything by looking at all pairs.
 */
#ifndef TESTS_UNIT_CORE_RING_MODEL_H
#define TESTS_UNIT_CORE_RING_MODEL_H

#include <inttypes.h>

#include "events.h"

#include "base/random.h"
#include "core/ring.h"

#define MODEL_MAX 64

struct item {
	struct event *ev; /* to be followed only while INFLIGHT: the ring's otherwise */
	int64_t id;
	size_t bytes;
	enum op op;
	const char *schema;
	const char *table;
	const char *key;
	const char *old_key;
	enum event_state state;
	int64_t read_us;
	int64_t due_us;
	size_t batch_max;
	bool fresh;    /* was ready at once and never taken */
	bool released; /* came back unsent, ready */
	int request;   /* INFLIGHT: those with the same number were taken together */
	int place;     /* ... in this order */
};

struct model {
	struct random random;
	struct ring_options o;
	struct ring *r;
	int64_t now_us;
	int64_t next_id;
	struct item items[MODEL_MAX];
	size_t count;
	int64_t settled, retried, full_count;
	bool room_wanted;
	size_t room_wanted_bytes;
	size_t held_for; /* queued events that end the wait for a fuller batch; 0: none waits */
	int requests;
	int ready_calls, room_calls; /* by the ring, since the last check */
	int ready_due, room_due;     /* expected */
};

static uint64_t below(struct model *m, uint64_t bound)
{
	return random_below(&m->random, bound);
}

/* ---- the rules ---- */

static bool same_text(const char *a, const char *b)
{
	return text_eq(text_of(a), text_of(b));
}

static bool share_key(const struct item *a, const struct item *b)
{
	return same_text(a->key, b->key) || (a->old_key && same_text(a->old_key, b->key)) ||
	       (b->old_key && same_text(b->old_key, a->key)) ||
	       (a->old_key && same_text(a->old_key, b->old_key));
}

static bool conflict(const struct model *m, const struct item *a, const struct item *b)
{
	bool table = same_text(a->schema, b->schema) && same_text(a->table, b->table);

	switch (m->o.order) {
	case ORDERING_NONE:
		return false;
	case ORDERING_PIPELINE:
		return true;
	case ORDERING_TABLE:
		return table;
	case ORDERING_KEY:
		break;
	}
	return table && (a->op == OP_TRUNCATE || b->op == OP_TRUNCATE || share_key(a, b));
}

static bool is_ready(const struct model *m, size_t at)
{
	size_t i;

	if (m->items[at].state != EVENT_QUEUED)
		return false;
	for (i = 0; i < at; i++) {
		if (conflict(m, &m->items[i], &m->items[at]))
			return false;
	}
	return true;
}

static size_t count_state(const struct model *m, enum event_state state)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		n += m->items[i].state == state;
	return n;
}

static size_t count_ready(const struct model *m)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		n += is_ready(m, i);
	return n;
}

static size_t count_queued(const struct model *m)
{
	return count_state(m, EVENT_QUEUED);
}

static size_t sum_bytes(const struct model *m, bool inflight_only)
{
	size_t i, n = 0;

	for (i = 0; i < m->count; i++)
		if (!inflight_only || m->items[i].state == EVENT_INFLIGHT)
			n += m->items[i].bytes;
	return n;
}

static bool may_send(const struct model *m)
{
	return !m->o.max_inflight_bytes || sum_bytes(m, true) < m->o.max_inflight_bytes;
}

static bool fits(const struct model *m, size_t bytes)
{
	return m->count == 0 ||
	       (m->count < m->o.capacity && sum_bytes(m, false) + bytes <= m->o.max_bytes);
}

static bool room_is_sensible(const struct model *m)
{
	size_t used = sum_bytes(m, false);
	size_t waiting = count_state(m, EVENT_WAITING);

	if (m->count == 0)
		return true;
	if (!fits(m, m->room_wanted_bytes ? m->room_wanted_bytes : 1))
		return false;
	if (count_ready(m) + count_state(m, EVENT_INFLIGHT) == 0)
		return true;
	return m->o.capacity - m->count >= (m->o.capacity - waiting) / 8 &&
	       m->o.max_bytes - used >= m->o.max_bytes / 8;
}

static void expect_room(struct model *m)
{
	if (!m->room_wanted || !room_is_sensible(m))
		return;
	m->room_wanted = false;
	m->room_wanted_bytes = 0;
	m->room_due++;
}

/* After something came in, or did not. */
static bool hold_ends(struct model *m)
{
	if (!m->held_for || (count_queued(m) < m->held_for && !m->room_wanted))
		return false;
	m->held_for = 0;
	return true;
}

/* ---- batches ---- */

/* Whether `at` waits for nothing but members of this request; no barrier rides, or is followed. */
static bool may_follow(const struct model *m, size_t at, int request)
{
	const struct item *it = &m->items[at];
	bool barriers = m->o.order == ORDERING_KEY;
	bool any = false;
	size_t i;

	if (it->state != EVENT_QUEUED || (barriers && it->op == OP_TRUNCATE))
		return false;
	for (i = 0; i < at; i++) {
		const struct item *before = &m->items[i];

		if (!conflict(m, before, it))
			continue;
		any = true;
		if (before->state != EVENT_INFLIGHT || before->request != request ||
		    (barriers && before->op == OP_TRUNCATE))
			return false;
	}
	return any;
}

/* The item that is to go next into this request: released ones first, then the oldest. -1: none. */
static int next_to_take(const struct model *m, int request)
{
	int best = -1;
	size_t i;

	for (i = 0; i < m->count; i++) {
		bool ready = is_ready(m, i);

		if (ready && m->items[i].released)
			return (int)i;
		if (best < 0 && (ready || (request && may_follow(m, i, request))))
			best = (int)i;
	}
	return best;
}

/* When the first that is ready, in the order of taking, was read: of those that were ready at once,
 * and of the others. */
static int64_t first_read_us(const struct model *m)
{
	const struct item *fresh = NULL, *late = NULL;
	size_t i;

	for (i = 0; i < m->count; i++) {
		const struct item *it = &m->items[i];

		if (!is_ready(m, i))
			continue;
		if (it->fresh && !fresh)
			fresh = it;
		if (!it->fresh && (!late || (it->released && !late->released)))
			late = it;
	}
	if (!fresh || !late)
		return fresh ? fresh->read_us : late->read_us;
	return fresh->read_us < late->read_us ? fresh->read_us : late->read_us;
}

/* 0: it does not wait. */
static int64_t held_until(const struct model *m, const struct ring_batch *b)
{
	if (!b->delay_us || count_ready(m) == 0 || m->room_wanted ||
	    count_queued(m) >= b->max_events ||
	    sum_bytes(m, false) - sum_bytes(m, true) >= b->max_bytes)
		return 0;
	return first_read_us(m) + b->delay_us;
}

static bool may_begin(const struct model *m, const struct ring_batch *b)
{
	size_t max = m->o.max_inflight_bytes;
	size_t want = max / 4 < b->max_bytes ? max / 4 : b->max_bytes;

	return !max || !count_state(m, EVENT_INFLIGHT) || sum_bytes(m, true) + want <= max;
}

/* ---- comparing ---- */

static void check_numbers(const struct model *m)
{
	struct ring_stats s = ring_stats(m->r);
	size_t ready = count_ready(m);
	size_t inflight = count_state(m, EVENT_INFLIGHT);
	size_t waiting = count_state(m, EVENT_WAITING);

	assert_int_equal(s.events, m->count);
	assert_int_equal(s.bytes, sum_bytes(m, false));
	assert_int_equal(s.ready, ready);
	assert_int_equal(s.inflight, inflight);
	assert_int_equal(s.waiting, waiting);
	assert_int_equal(s.blocked, m->count - ready - inflight - waiting);
	assert_int_equal(s.pushed, m->next_id - 1);
	assert_int_equal(s.settled, m->settled);
	assert_int_equal(s.retried, m->retried);
	assert_int_equal(s.full_count, m->full_count);
	assert_int_equal(s.oldest_read_us, m->count ? m->items[0].read_us : INT64_MAX);
	assert_int_equal(s.oldest_wall_us, m->count ? m->items[0].id * 100 : 0);
	assert_true(m->count > 0 || s.lanes == 0);
	/* the oldest never waits for another: nothing is ever stuck */
	assert_true(m->count == 0 || m->items[0].state != EVENT_QUEUED || is_ready(m, 0));
}

static void check_ids(const struct model *m)
{
	int64_t ids[MODEL_MAX];
	int64_t due_us = INT64_MAX;
	size_t n = 0;
	size_t i;

	assert_int_equal(ring_inflight_ids(m->r, ids, MODEL_MAX), count_state(m, EVENT_INFLIGHT));
	for (i = 0; i < m->count; i++) {
		if (m->items[i].state == EVENT_INFLIGHT)
			assert_int_equal(ids[n++], m->items[i].id);
		if (m->items[i].state == EVENT_WAITING && m->items[i].due_us < due_us)
			due_us = m->items[i].due_us;
	}
	assert_int_equal(ring_next_due_us(m->r), due_us);
}

static void check(struct model *m)
{
	assert_int_equal(m->ready_calls, m->ready_due);
	assert_int_equal(m->room_calls, m->room_due);
	m->ready_calls = m->ready_due = 0;
	m->room_calls = m->room_due = 0;
	check_numbers(m);
	check_ids(m);
}

#endif
