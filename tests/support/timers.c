/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include "base/mem.h"

static void put(struct timers *t, size_t at, struct timer *x)
{
	t->heap[at] = x;
	x->at = at;
}

/* Put x at its place, beginning at at, upwards or downwards. */
static void sift(struct timers *t, size_t at, struct timer *x)
{
	size_t child;

	for (; at > 1 && t->heap[at / 2]->due_us > x->due_us; at /= 2)
		put(t, at, t->heap[at / 2]);
	for (; (child = at * 2) <= t->count; at = child) {
		if (child < t->count && t->heap[child + 1]->due_us < t->heap[child]->due_us)
			child++;
		if (t->heap[child]->due_us >= x->due_us)
			break;
		put(t, at, t->heap[child]);
	}
	put(t, at, x);
}

void timers_done(struct timers *t)
{
	mem_free(t->heap);
	*t = (struct timers){.heap = NULL};
}

enum err_code timers_set(struct timers *t, struct timer *x, int64_t due_us)
{
	struct timer **heap;
	size_t cap = t->cap ? t->cap * 2 : 64;

	if (!x->at && t->count + 1 >= t->cap) {
		heap = mem_realloc(t->heap, cap * sizeof(*heap));
		if (!heap)
			return ERR_NOMEM;
		t->heap = heap;
		t->cap = cap;
	}
	x->due_us = due_us;
	sift(t, x->at ? x->at : ++t->count, x);
	return ERR_OK;
}

void timers_clear(struct timers *t, struct timer *x)
{
	struct timer *last;
	size_t at = x->at;

	if (!at)
		return;
	x->at = 0;
	last = t->heap[t->count--];
	if (last != x)
		sift(t, at, last);
}

struct timer *timers_pop(struct timers *t, int64_t now_us)
{
	struct timer *x;

	if (timers_next_us(t) > now_us)
		return NULL;
	x = t->heap[1];
	timers_clear(t, x);
	return x;
}

int64_t timers_next_us(const struct timers *t)
{
	return t->count ? t->heap[1]->due_us : INT64_MAX;
}
