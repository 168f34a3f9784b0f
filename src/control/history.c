/* SPDX-License-Identifier: MIT */
#include "control/history.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define US_PER_MINUTE (60 * CLOCK_US_PER_S)

void history_init(struct history *h)
{
	memset(h, 0, sizeof(*h));
}

/* Empty the buckets of the minutes that passed since the newest. */
static void history_move(struct history *h, int64_t minute)
{
	int64_t m = minute - h->newest_minute >= HISTORY_MINUTES ? minute - HISTORY_MINUTES
								 : h->newest_minute;

	while (m < minute)
		h->rose[++m % HISTORY_MINUTES] = 0;
	if (minute > h->newest_minute)
		h->newest_minute = minute;
}

void history_add(struct history *h, int64_t now_us, int64_t value)
{
	int64_t rise = value >= h->last ? value - h->last : value;

	assert(value >= 0 && now_us >= 0);
	history_move(h, now_us / US_PER_MINUTE);
	h->rose[h->newest_minute % HISTORY_MINUTES] += rise;
	h->total += rise;
	h->last = value;
}

void history_restart(struct history *h)
{
	h->last = 0;
}

int64_t history_last_hour(const struct history *h, int64_t now_us)
{
	int64_t minute = now_us / US_PER_MINUTE;
	int64_t sum = 0;
	int64_t m;

	for (m = h->newest_minute; m >= 0 && m > minute - HISTORY_MINUTES; m--) {
		if (h->newest_minute - m >= HISTORY_MINUTES)
			break;
		sum += h->rose[m % HISTORY_MINUTES];
	}
	return sum;
}
