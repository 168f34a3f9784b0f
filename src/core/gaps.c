/* SPDX-License-Identifier: MIT */
/*
 * A gap buffer, as text editors use it: a sorted array with its free slots in one hole, which moves
 * to where the next change is.
 *
 *     [1,2] [5,5] [9,9]  .  .  .  .  [20,31] [40,40]
 *     ◄──── front ────►      hole    ◄─── back ────►
 *
 * Late rows are read in rising order, so a sweep over n gaps that splits or ends any number of them
 * moves each gap past the hole about once: O(n) for all, not for each. Appending has the hole at
 * the end.
 */
#include "core/gaps.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define GAPS_SIZE_MIN 32
#define GAPS_SHRINK 8

void gaps_init(struct gaps *g, size_t max)
{
	assert(max >= 2 && max < SIZE_MAX / sizeof(struct position_gap) / 2);
	*g = (struct gaps){.max = max};
}

void gaps_done(struct gaps *g)
{
	mem_free(g->slots);
	gaps_init(g, g->max);
}

static struct position_gap *gaps_at(const struct gaps *g, size_t i)
{
	return &g->slots[i < g->front ? i : i + (g->size - g->front - g->back)];
}

/* Move the hole, so that gap i is the first one behind it. */
static void gaps_move_hole(struct gaps *g, size_t i)
{
	size_t n;

	if (i < g->front) {
		n = g->front - i;
		memmove(&g->slots[g->size - g->back - n], &g->slots[i], n * sizeof(*g->slots));
		g->back += n;
		g->front = i;
	} else if (i > g->front) {
		n = i - g->front;
		memmove(&g->slots[g->front], &g->slots[g->size - g->back], n * sizeof(*g->slots));
		g->back -= n;
		g->front = i;
	}
}

const struct position_gap *gaps_array(struct gaps *g)
{
	if (gaps_count(g) == 0)
		return NULL;
	gaps_move_hole(g, gaps_count(g));
	return g->slots;
}

static ATTR_MUST_CHECK enum err_code gaps_resize(struct gaps *g, size_t size)
{
	struct position_gap *slots;

	if (g->slots)
		gaps_move_hole(g, gaps_count(g));
	slots = mem_realloc(g->slots, size * sizeof(*slots));
	if (!slots)
		return ERR_NOMEM;
	g->slots = slots;
	g->size = size;
	return ERR_OK;
}

enum err_code gaps_reserve(struct gaps *g)
{
	/* one over the maximum, for the moment before they are merged */
	size_t most = g->max + 1;
	size_t size = g->size ? g->size * 2 : GAPS_SIZE_MIN;

	if (gaps_count(g) < g->size)
		return ERR_OK;
	return gaps_resize(g, size < most ? size : most);
}

/* Seen ids between gap i and the next. */
static int64_t gaps_distance(const struct position_gap *a, size_t i)
{
	return a[i + 1].lo - a[i].hi - 1;
}

static size_t gaps_closer_than(const struct position_gap *a, size_t count, int64_t distance)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i + 1 < count; i++)
		n += gaps_distance(a, i) < distance;
	return n;
}

/* The least distance that at least `wanted` neighbours do not exceed: by bisection, for it needs no
 * memory, and 63 passes over the array are little for each gap that the merge saves. */
static int64_t gaps_find_distance(const struct position_gap *a, size_t count, size_t wanted)
{
	int64_t lo = 1;
	int64_t hi = INT64_MAX - 1;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (gaps_closer_than(a, count, mid + 1) >= wanted)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Make one of the neighbours closest to each other until max / 2 are left. */
static void gaps_merge(struct gaps *g)
{
	size_t count = gaps_count(g);
	size_t wanted = count - g->max / 2;
	struct position_gap *a = g->slots;
	int64_t distance;
	size_t ties, kept, i;

	gaps_move_hole(g, count);
	distance = gaps_find_distance(a, count, wanted);
	ties = wanted - gaps_closer_than(a, count, distance);
	kept = 0;
	for (i = 1; i < count; i++) {
		int64_t d = a[i].lo - a[kept].hi - 1;

		if (d < distance || (d == distance && ties > 0)) {
			ties -= d == distance;
			a[kept].hi = a[i].hi;
		} else {
			a[++kept] = a[i];
		}
	}
	g->front = kept + 1;
}

/* Put [lo, hi] in front of gap i. */
static void gaps_insert(struct gaps *g, size_t i, int64_t lo, int64_t hi)
{
	assert(gaps_count(g) < g->size && lo <= hi);
	gaps_move_hole(g, i);
	g->slots[g->front++] = (struct position_gap){lo, hi};
	if (gaps_count(g) > g->max)
		gaps_merge(g);
}

void gaps_append(struct gaps *g, int64_t lo, int64_t hi)
{
	size_t count = gaps_count(g);

	assert(count == 0 || gaps_at(g, count - 1)->hi < lo - 1);
	gaps_insert(g, count, lo, hi);
}

/* The first gap that ends at or behind id; the count when there is none. */
static size_t gaps_search(const struct gaps *g, int64_t id)
{
	size_t lo = 0;
	size_t hi = gaps_count(g);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (gaps_at(g, mid)->hi < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

bool gaps_has(const struct gaps *g, int64_t id)
{
	size_t i = gaps_search(g, id);

	return i < gaps_count(g) && gaps_at(g, i)->lo <= id;
}

bool gaps_fill(struct gaps *g, int64_t id)
{
	size_t i = gaps_search(g, id);
	struct position_gap *gap;

	if (i == gaps_count(g))
		return false;
	gap = gaps_at(g, i);
	if (id < gap->lo)
		return false;
	if (gap->lo == gap->hi) {
		gaps_move_hole(g, i);
		g->back--;
	} else if (id == gap->lo) {
		gap->lo++;
	} else if (id == gap->hi) {
		gap->hi--;
	} else {
		int64_t lo = gap->lo;

		gap->lo = id + 1;
		gaps_insert(g, i, lo, id - 1);
	}
	return true;
}

static void gaps_trim(struct gaps *g)
{
	enum err_code rc;

	if (g->size <= GAPS_SIZE_MIN || gaps_count(g) * GAPS_SHRINK >= g->size)
		return;
	rc = gaps_resize(g, g->size / 2);
	(void)rc; /* without memory it stays as large as it is */
}

void gaps_close(struct gaps *g, int64_t upto)
{
	size_t i = gaps_search(g, upto);

	gaps_move_hole(g, i);
	g->front = 0;
	if (g->back > 0) {
		struct position_gap *gap = gaps_at(g, 0);

		/* upto is in this gap or before it, and not its end unless it is all there is */
		if (gap->hi == upto)
			g->back--;
		else if (gap->lo <= upto)
			gap->lo = upto + 1;
	}
	gaps_trim(g);
}
