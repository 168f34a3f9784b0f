/* SPDX-License-Identifier: MIT */
/*
 * The rate limit of one webhook: spaces requests evenly so that a receiver that counts never counts
 * too many, wherever it begins to count.
 *
 *     rate_limit: 6/min, rate_limit_burst: 1
 *     │    │    │    │    │    │    │          one every interval
 *          └─────────6/min─────────┘           any stretch of a minute has at most 6
 *
 *     ... after a pause, rate_limit_burst: 3
 *     │││      │      │      │      │          the interval is longer, so that this holds too
 *
 * It is the generic cell rate algorithm (core/gcra.h): in any stretch of length L at most
 * 1 + (L + tolerance) / interval requests start. With
 *
 *     tolerance = (burst - 1) * interval + late
 *     interval  = (period + slack) / (count - burst + 1), rounded up
 *
 * those are `count` in a stretch of period + slack - late: what arrives may be that much, half a
 * second or a tenth of the period, more crowded than what was sent. `late` lets a worker that woke
 * late catch up.
 *
 * Thread-safe; time is given by the caller. A plain value, embedded.
 */
#ifndef SINK_PACE_H
#define SINK_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "config/settings.h"

struct pace {
	struct mutex lock;           /* what is below */
	_Atomic int64_t interval_us; /* 0: no limit, and for ever */
	int64_t tolerance_us;
	int64_t own_interval_us; /* of pace_init */
	int64_t own_tolerance_us;
	int64_t tat_us;
	bool begun;
	int64_t told_us; /* until when waiting has been counted */
	int64_t waits;
	int64_t waited_us;
};

/* rate->count 0: no limit. burst: 1 to rate->count. */
void pace_init(struct pace *p, const struct rate *rate, int64_t burst);
void pace_done(struct pace *p);

/* Whether there is a limit at all; without one the others need not be called. */
static inline bool pace_is_limited(const struct pace *p)
{
	return p->interval_us != 0;
}

/* Of want requests, which the caller has and would send at once, how many may start now. The first
 * call of all lets none start for one interval: another process may have used up the burst just
 * before this one began. */
size_t pace_take(struct pace *p, int64_t now_us, size_t want);

/* Give n back that were taken and will not be sent. Who was refused meanwhile may ask again. */
void pace_give_back(struct pace *p, size_t n);

/* The receiver agrees to so many requests a minute, > 0, evenly spaced; 0: to as many as we like.
 * What pace_init was given stays in force where it is slower. Only of one that is limited. */
void pace_allow(struct pace *p, int64_t per_minute);

/* When the next may start; not later than the present when it may at once. */
int64_t pace_next_us(struct pace *p);

struct pace_stats {
	int64_t interval_us; /* 0: no limit */
	int64_t waits;       /* times that there was something to send and it had to wait */
	int64_t waited_us;   /* how long: time, not the sum over what waited */
};

struct pace_stats pace_stats(struct pace *p);

#endif
