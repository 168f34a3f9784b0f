/* SPDX-License-Identifier: MIT */
/*
 * Full jitter: the delay is drawn from the whole range up to the exponential bound, which spreads
 * returning senders better than a jitter around the bound. The floor of a tenth of the base keeps a
 * lucky draw from hammering a receiver that has just failed.
 */
#include "sink/backoff.h"

#include <assert.h>

#include "base/clock.h"

#define BACKOFF_FLOOR_PART 10

static int64_t bound_us(const struct backoff *b, int attempt)
{
	int64_t bound = b->base_us;

	while (--attempt > 0) {
		if (bound > b->max_us / 2)
			return b->max_us;
		bound *= 2;
	}
	return bound < b->max_us ? bound : b->max_us;
}

int64_t backoff_delay_us(const struct backoff *b, int attempt, struct random *r)
{
	int64_t lo = b->base_us / BACKOFF_FLOOR_PART;
	int64_t hi = bound_us(b, attempt);

	assert(b->base_us > 0 && b->max_us >= b->base_us && attempt >= 1);
	return lo + (int64_t)random_below(r, (uint64_t)(hi - lo) + 1);
}

int64_t backoff_with_retry_after_us(const struct backoff *b, int64_t own_us, int64_t retry_after_s)
{
	int64_t asked_us = 0;

	if (retry_after_s > b->max_us / CLOCK_US_PER_S)
		asked_us = b->max_us;
	else if (retry_after_s > 0)
		asked_us = retry_after_s * CLOCK_US_PER_S;
	if (own_us > asked_us)
		asked_us = own_us;
	return asked_us < b->max_us ? asked_us : b->max_us;
}
