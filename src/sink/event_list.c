/* SPDX-License-Identifier: MIT */
#include "sink/event_list.h"

#include <assert.h>

void event_list_init(struct event_list *l)
{
	*l = (struct event_list){.end = &l->first};
}

void event_list_add(struct event_list *l, struct event *list)
{
	*l->end = list;
	for (; list; list = list->also) {
		l->end = &list->also;
		l->count++;
	}
}

void event_list_add_front(struct event_list *l, struct event *ev)
{
	ev->also = l->first;
	if (!l->count)
		l->end = &ev->also;
	l->first = ev;
	l->count++;
}

struct event *event_list_take(struct event_list *l, size_t n)
{
	struct event *list = l->first, **end = &list;
	size_t i;

	assert(n <= l->count);
	for (i = 0; i < n; i++)
		end = &(*end)->also;
	l->first = *end;
	*end = NULL;
	l->count -= n;
	if (!l->count)
		event_list_init(l);
	return list;
}
