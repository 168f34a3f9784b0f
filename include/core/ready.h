/* SPDX-License-Identifier: MIT */
/*
 * The events of a ring that may go now, in the order in which they shall: released ones first, then
 * the others by their turns, which is by age, or among tenants a fair order (core/share.h). Its
 * links are inside the events, so that adding one cannot fail. A plain value, not thread-safe.
 */
#ifndef CORE_READY_H
#define CORE_READY_H

#include <stddef.h>

#include "core/event.h"
#include "core/heap.h"

/* All zero: empty. */
struct ready {
	struct event *fresh_head;
	struct event *fresh_tail;
	size_t fresh_count;
	struct heap late;
};

/* Add ev, which was just pushed. */
void ready_add_fresh(struct ready *q, struct event *ev);

/* Add ev, which had to wait for something. */
void ready_add_late(struct ready *q, struct event *ev);

/* Add ev, which was taken and comes back unsent. */
void ready_add_released(struct ready *q, struct event *ev);

/* The next, NULL when there is none; by ev->rank it compares with others. */
struct event *ready_peek(const struct ready *q);

/* Take out the next; NULL when there is none. */
struct event *ready_take(struct ready *q);

static inline size_t ready_count(const struct ready *q)
{
	return q->fresh_count + q->late.count;
}

#endif
