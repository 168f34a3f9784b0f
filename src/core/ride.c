/* SPDX-License-Identifier: MIT */
/*
 * ev->waits says how many an event waits for; ev->ride_count how many of them are in the request
 * that ev->ride tells. When both are the same, nothing else is in its way. One that waits for what
 * is in another request, or not sent at all, never gets there, nor does one behind a gate.
 */
#include "core/ride.h"

void ride_begin(struct ride *r, uint64_t number, struct ready *ready)
{
	*r = (struct ride){.number = number, .ready = ready};
}

struct event *ride_peek(const struct ride *r)
{
	struct event *ready = ready_peek(r->ready);
	struct event *follower = heap_peek(&r->followers);

	if (ready && (!follower || ready->rank < follower->rank))
		return ready;
	return follower;
}

static void ride_follow(struct ride *r, struct event *ev)
{
	if (ev->state != EVENT_QUEUED)
		return; /* a retry whose time has not come */
	if (ev->ride != r->number)
		ev->ride_count = 0;
	ev->ride = r->number;
	if (++ev->ride_count < ev->waits)
		return;
	ev->rank = ev->turn;
	heap_push(&r->followers, ev);
}

struct event *ride_take(struct ride *r)
{
	struct event *ev = ride_peek(r);
	int i;

	if (ev == heap_peek(&r->followers))
		(void)heap_pop(&r->followers);
	else
		(void)ready_take(r->ready);
	for (i = 0; i < ev->lane_count; i++)
		if (ev->lane_next[i])
			ride_follow(r, ev->lane_next[i]);
	return ev;
}

void ride_end(struct ride *r)
{
	while (heap_pop(&r->followers))
		;
}
