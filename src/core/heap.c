/* SPDX-License-Identifier: MIT */
/*
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", 1986): a tree in which
 * no parent is larger than its children, each node with a list of children. Push is one
 * comparison; pop melds the root's children in pairs, then the pairs from the last to the first,
 * O(log n) amortised. Nothing leaves from the middle, so no node knows its parent.
 */
#include "core/heap.h"

#include <assert.h>
#include <stdbool.h>

static bool heap_less(const struct event *a, const struct event *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->seq < b->seq;
}

static struct event *heap_meld(struct event *a, struct event *b)
{
	struct event *parent = heap_less(b, a) ? b : a;
	struct event *child = parent == a ? b : a;

	child->queue_next = parent->heap_child;
	parent->heap_child = child;
	return parent;
}

void heap_push(struct heap *h, struct event *ev)
{
	assert(!ev->queue_next && !ev->heap_child);
	h->root = h->root ? heap_meld(h->root, ev) : ev;
	h->count++;
}

/* Meld the siblings 1+2, 3+4, ...; returns the results as a list, last first. */
static struct event *heap_pair(struct event *first)
{
	struct event *pairs = NULL;

	while (first) {
		struct event *a = first;
		struct event *b = a->queue_next;

		first = b ? b->queue_next : NULL;
		a->queue_next = NULL;
		if (b) {
			b->queue_next = NULL;
			a = heap_meld(a, b);
		}
		a->queue_next = pairs;
		pairs = a;
	}
	return pairs;
}

struct event *heap_pop(struct heap *h)
{
	struct event *top = h->root;
	struct event *pairs;

	if (!top)
		return NULL;
	pairs = heap_pair(top->heap_child);
	h->root = NULL;
	while (pairs) {
		struct event *next = pairs->queue_next;

		pairs->queue_next = NULL;
		h->root = h->root ? heap_meld(h->root, pairs) : pairs;
		pairs = next;
	}
	top->heap_child = NULL;
	h->count--;
	return top;
}
