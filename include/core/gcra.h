/* SPDX-License-Identifier: MIT */
/*
 * The generic cell rate algorithm (ITU-T I.371, annex A): something may happen when the theoretical
 * time `tat`, which moves on by the interval with each, is no further ahead than the tolerance. In
 * any stretch of length L then at most 1 + (L + tolerance) / interval happen.
 *
 * A plain value without a lock; time is given by the caller.
 */
#ifndef CORE_GCRA_H
#define CORE_GCRA_H

#include <stddef.h>
#include <stdint.h>

struct gcra {
	int64_t interval_us; /* > 0 */
	int64_t tolerance_us;
	int64_t tat_us; /* 0 at first: everything is free */
};

/* Of want, how many may happen now; they are counted as having happened. */
size_t gcra_take(struct gcra *g, int64_t now_us, size_t want);

/* When the next may. */
static inline int64_t gcra_next_us(const struct gcra *g)
{
	return g->tat_us - g->tolerance_us;
}

#endif
