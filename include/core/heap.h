/* SPDX-License-Identifier: MIT */
/*
 * A heap of events by (rank, seq), smallest first: retries by the time they are due, and ready
 * events that did not become ready in push order. Its links are inside the events, so that adding
 * one cannot fail. A plain value, not thread-safe.
 */
#ifndef CORE_HEAP_H
#define CORE_HEAP_H

#include <stddef.h>

#include "core/event.h"

/* All zero: empty. */
struct heap {
	struct event *root;
	size_t count;
};

/* Add ev, with ev->rank set; a loan until it is popped. It must not be in any heap or queue. */
void heap_push(struct heap *h, struct event *ev);

/* The smallest, NULL when empty. */
static inline struct event *heap_peek(const struct heap *h)
{
	return h->root;
}

/* Take the smallest out; NULL when empty. */
struct event *heap_pop(struct heap *h);

#endif
