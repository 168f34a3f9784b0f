/* SPDX-License-Identifier: MIT */
/*
 * Attempts to get a lock: each one short, so that the application's statements never queue behind
 * it for long, with growing pauses between, until a deadline.
 */
#ifndef SOURCE_ATTEMPTS_H
#define SOURCE_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/random.h"

struct attempts {
	const struct clock *clock;
	struct random random;
	int64_t deadline_us; /* no further attempt behind it */
};

/* Begin now and give up after give_up_us. */
void attempts_init(struct attempts *a, const struct clock *clock, int64_t give_up_us);

/* Sleep after the failed attempt number (from 0): 0.1 s, doubling to 2 s, with jitter. False, at
 * once, when the deadline is nearer than that. */
bool attempts_pause(struct attempts *a, int attempt);

#endif
