/* SPDX-License-Identifier: MIT */
/*
 * Most events are ready when they are pushed, and come by age by themselves: those stand in a
 * queue. The others (the next of a lane, behind a barrier, retries, released ones, those whose
 * tenant's turn comes earlier than the last one's) stand in a heap by their turns. Taking compares
 * the two heads, so the heap costs only who needs it.
 */
#include "core/ready.h"

void ready_add_fresh(struct ready *q, struct event *ev)
{
	ev->rank = ev->turn;
	if (q->fresh_tail && q->fresh_tail->rank > ev->rank) {
		heap_push(&q->late, ev);
		return;
	}
	ev->queue_next = NULL;
	if (q->fresh_tail)
		q->fresh_tail->queue_next = ev;
	else
		q->fresh_head = ev;
	q->fresh_tail = ev;
	q->fresh_count++;
}

void ready_add_late(struct ready *q, struct event *ev)
{
	ev->rank = ev->turn;
	heap_push(&q->late, ev);
}

void ready_add_released(struct ready *q, struct event *ev)
{
	/* below every seq, and by age among themselves */
	ev->rank = INT64_MIN + ev->seq;
	heap_push(&q->late, ev);
}

static struct event *ready_take_fresh(struct ready *q)
{
	struct event *ev = q->fresh_head;

	q->fresh_head = ev->queue_next;
	if (!q->fresh_head)
		q->fresh_tail = NULL;
	ev->queue_next = NULL;
	q->fresh_count--;
	return ev;
}

struct event *ready_peek(const struct ready *q)
{
	struct event *late = heap_peek(&q->late);

	if (q->fresh_head && (!late || q->fresh_head->rank < late->rank))
		return q->fresh_head;
	return late;
}

struct event *ready_take(struct ready *q)
{
	const struct event *next = ready_peek(q);

	if (next && next == q->fresh_head)
		return ready_take_fresh(q);
	return heap_pop(&q->late);
}
