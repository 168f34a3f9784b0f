/* SPDX-License-Identifier: MIT */
/*
 * What the events of a ring wait for: those before them in their lanes, and the barriers of their
 * table. A plain value, not thread-safe except where a function says so.
 */
#ifndef CORE_ORDER_H
#define CORE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/settings.h"
#include "core/event.h"
#include "core/lanes.h"
#include "core/ready.h"

struct order {
	enum ordering ordering;
	uint64_t seed; /* of lane keys, so that nobody outside can make rows whose keys collide */
	struct lanes lanes;
	struct lanes tables; /* gates, for ORDERING_KEY only */
};

/* Nothing inside. Nothing is allocated. */
void order_init(struct order *o, enum ordering ordering);
void order_done(struct order *o);

/* Set which lanes and which gate ev belongs to. Any thread, also while others change o. */
void order_choose(const struct order *o, struct event *ev);

/* Make sure that the next order_enter finds memory. Errors: ERR_NOMEM (nothing changed). */
enum err_code order_reserve(struct order *o) ATTR_MUST_CHECK;

/* Put ev behind all it has to wait for; returns whether that is nothing. */
bool order_enter(struct order *o, struct event *ev);

/* ev is settled: what is QUEUED and waited for nothing else goes to ready; returns whether there
 * was any. */
bool order_leave(struct order *o, struct event *ev, struct ready *ready);

/* Forget all inside. Those that waited for nothing can be entered again without memory. */
void order_clear(struct order *o);

static inline size_t order_lane_count(const struct order *o)
{
	return o->lanes.count;
}

#endif
