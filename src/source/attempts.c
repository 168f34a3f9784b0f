/* SPDX-License-Identifier: MIT */
#include "source/attempts.h"

#include "base/fd.h"

#define PAUSE_FIRST_US (100 * CLOCK_US_PER_MS)
#define PAUSE_MAX_US (2 * CLOCK_US_PER_S)

void attempts_init(struct attempts *a, const struct clock *clock, int64_t give_up_us)
{
	*a = (struct attempts){.clock = clock, .deadline_us = clock_now_us(clock) + give_up_us};
	random_init(&a->random);
}

bool attempts_pause(struct attempts *a, int attempt)
{
	int64_t cap_us = PAUSE_FIRST_US, until_us, now_us = clock_now_us(a->clock);

	while (attempt-- > 0 && cap_us < PAUSE_MAX_US)
		cap_us *= 2;
	until_us = now_us + cap_us / 2 + (int64_t)random_below(&a->random, (uint64_t)cap_us / 2);
	if (until_us >= a->deadline_us)
		return false;
	while (now_us < until_us) {
		(void)fd_wait(-1, -1, now_us, until_us);
		now_us = clock_now_us(a->clock);
	}
	return true;
}
