/* SPDX-License-Identifier: MIT */
/* A set of parked keys and what is done with it, for its tests. */
#ifndef TESTS_UNIT_CORE_PARKINGS_H
#define TESTS_UNIT_CORE_PARKINGS_H

#include "core/parked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"

#define S CLOCK_US_PER_S
#define NOW (1000 * S)
#define WALL (1700000000 * S)

static const int64_t steps[] = {10 * S, 100 * S};

static inline struct parked *make(enum ordering ordering, size_t max_keys)
{
	const struct parked_options o = {.ordering = ordering,
					 .steps_us = steps,
					 .step_count = ARRAY_LEN(steps),
					 .max_keys = max_keys,
					 .max_loaded = 100};
	struct parked *p;

	assert_int_equal(parked_new(&o, &p, NULL), ERR_OK);
	return p;
}

/* Key k of table t; old < 0: none. k < 0: a TRUNCATE. */
static inline struct event *event_of(int t, int k, int old)
{
	char table[8], key[8], old_key[8];
	struct event_fields f = {.id = 1, .op = k < 0 ? OP_TRUNCATE : OP_UPDATE};
	struct event *ev;

	(void)snprintf(table, sizeof(table), "t%d", t);
	(void)snprintf(key, sizeof(key), "%d", k);
	(void)snprintf(old_key, sizeof(old_key), "%d", old);
	f.table = text_of(table);
	if (k >= 0)
		f.key = text_of(key);
	if (old >= 0)
		f.old_key = text_of(old_key);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	return ev;
}

static inline enum parked_word ask(struct parked *p, int t, int k, int old)
{
	struct event *ev = event_of(t, k, old);
	enum parked_word word = parked_ask(p, ev);

	event_free(ev);
	return word;
}

static inline void put(struct parked *p, int t, int k, int old, int64_t due_wall_us)
{
	struct event *ev = event_of(t, k, old);

	parked_put(p, ev, due_wall_us);
	event_free(ev);
}

/* One failed for good. */
static inline void park(struct parked *p, int t, int k, int old, int64_t due_wall_us)
{
	struct event *ev = event_of(t, k, old);
	bool news;

	assert_int_equal(parked_make(p, ev, &news), ERR_OK);
	parked_put(p, ev, due_wall_us);
	event_free(ev);
}

/* A row as it is read. */
static inline struct event *row_of(int t, int k, int old, int64_t due_wall_us)
{
	struct event *ev = event_of(t, k, old);

	ev->f.parked = true;
	ev->f.parked_due_wall_us = due_wall_us;
	return ev;
}

static inline bool load(struct parked *p, struct parked_pick *pick, struct event *ev)
{
	return parked_load(p, pick, ev);
}

static inline void pick_now(struct parked *p, int64_t wall_us, struct parked_pick *pick)
{
	assert_true(parked_pick(p, NOW, wall_us, pick));
}

#endif
