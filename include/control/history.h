/* SPDX-License-Identifier: MIT */
/*
 * How much a counter rose in the last hour, kept in minutes: a ring of 60 buckets, the newest of
 * which is the minute that is running. A plain value of fixed size.
 *
 * The counter may begin again at 0 (its owner was replaced on a reload): a fall is noticed, and
 * history_restart says so when a new owner might overtake the old value unnoticed.
 *
 * Not thread-safe.
 */
#ifndef CONTROL_HISTORY_H
#define CONTROL_HISTORY_H

#include <stdint.h>

#define HISTORY_MINUTES 60

struct history {
	int64_t newest_minute; /* of the monotonic clock; 0 before the first history_add */
	int64_t rose[HISTORY_MINUTES];
	int64_t last;  /* the counter as it was seen last */
	int64_t total; /* the sum of all rises, whoever owned the counter */
};

/* An empty hour; a counter seen later is taken to have begun at 0. */
void history_init(struct history *h);

/* The counter is now at value (>= 0). Call at least once a minute: what rose since the last call is
 * put down to the minute of now_us. */
void history_add(struct history *h, int64_t now_us, int64_t value);

/* From here on the counter counts from 0 again. */
void history_restart(struct history *h);

/* What rose in the last 59 to 60 minutes before now_us. */
int64_t history_last_hour(const struct history *h, int64_t now_us);

#endif
