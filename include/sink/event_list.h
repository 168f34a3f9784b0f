/* SPDX-License-Identifier: MIT */
/*
 * Events one behind the other by ev->also, with their number. A plain value, not thread-safe; it is
 * not to be moved once it is made, for its end may be inside.
 */
#ifndef SINK_EVENT_LIST_H
#define SINK_EVENT_LIST_H

#include <stddef.h>

#include "core/event.h"

struct event_list {
	struct event *first;
	struct event **end;
	size_t count;
};

/* Make it empty. */
void event_list_init(struct event_list *l);

/* Add those of list, which may be NULL, at the end or in front. */
void event_list_add(struct event_list *l, struct event *list);
void event_list_add_front(struct event_list *l, struct event *ev);

/* The first n, at most count, as a list. */
struct event *event_list_take(struct event_list *l, size_t n);

#endif
