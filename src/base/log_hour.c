/* SPDX-License-Identifier: MIT */
#include "base/log_hour.h"

#include <assert.h>

#include "base/clock.h"

#define MINUTE_US (60 * CLOCK_US_PER_S)

void log_hour_init(struct log_hour *h)
{
	*h = (struct log_hour){0};
}

void log_hour_add(struct log_hour *h, int64_t now_us)
{
	int64_t minute = now_us / MINUTE_US;
	int64_t slot = minute % LOG_HOUR_MINUTES;

	assert(now_us >= 0);
	if (h->slots[slot].minute != minute) {
		h->slots[slot].minute = minute;
		h->slots[slot].count = 0;
	}
	h->slots[slot].count++;
}

int64_t log_hour_sum(const struct log_hour *h, int64_t now_us)
{
	int64_t oldest = now_us / MINUTE_US - LOG_HOUR_MINUTES + 1, sum = 0;
	int i;

	for (i = 0; i < LOG_HOUR_MINUTES; i++)
		if (h->slots[i].minute >= oldest)
			sum += h->slots[i].count;
	return sum;
}
