/* SPDX-License-Identifier: MIT */
/*
 * How many in the last hour: a sliding count in minutes, of fixed size. Not thread-safe.
 */
#ifndef BASE_LOG_HOUR_H
#define BASE_LOG_HOUR_H

#include <stdint.h>

#define LOG_HOUR_MINUTES 60

struct log_hour {
	struct {
		int64_t minute;
		int64_t count;
	} slots[LOG_HOUR_MINUTES];
};

/* All zero is an empty log_hour; so is the result of this. */
void log_hour_init(struct log_hour *h);

/* Count one, at now_us (monotonic, >= 0, never back). */
void log_hour_add(struct log_hour *h, int64_t now_us);

/* What was counted in this minute and the 59 before it. */
int64_t log_hour_sum(const struct log_hour *h, int64_t now_us);

#endif
