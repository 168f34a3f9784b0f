/* SPDX-License-Identifier: MIT */
/*
 * The gaps below a cursor: closed ranges of ids, rising, apart from each other, at most a given
 * number of them. Not thread-safe.
 */
#ifndef CORE_GAPS_H
#define CORE_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/position.h"

struct gaps {
	struct position_gap *slots;
	size_t size;  /* of slots */
	size_t front; /* slots used at the front */
	size_t back;  /* slots used at the end */
	size_t max;
};

/* No gaps; at most max (>= 2) from now on. Nothing is allocated. */
void gaps_init(struct gaps *g, size_t max);
void gaps_done(struct gaps *g);

/* Make sure that the next gaps_append or gaps_fill finds memory. Errors: ERR_NOMEM (nothing
 * changed). */
enum err_code gaps_reserve(struct gaps *g) ATTR_MUST_CHECK;

/* Add [lo, hi] behind all others. Over the maximum, the gaps closest to each other become one until
 * half of the maximum is left. */
void gaps_append(struct gaps *g, int64_t lo, int64_t hi);

/* id is missing no more; returns whether it lay in a gap. The gap shrinks, ends, or is split, and
 * then the maximum is kept as in gaps_append. */
bool gaps_fill(struct gaps *g, int64_t id);

/* Does id lie in a gap? */
bool gaps_has(const struct gaps *g, int64_t id);

/* Nothing <= upto is missing. May give memory back. */
void gaps_close(struct gaps *g, int64_t upto);

static inline size_t gaps_count(const struct gaps *g)
{
	return g->front + g->back;
}

/* All of them, rising; a loan until the next change. NULL when there are none. */
const struct position_gap *gaps_array(struct gaps *g);

#endif
