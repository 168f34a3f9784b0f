/* SPDX-License-Identifier: MIT */
/*
 * Since when attempts fail without a single delivery, and whether that is too long
 * (webhook.disable_after). Plain arithmetic on given times; whoever holds it locks it.
 *
 *     failed ──► failing, a minute later worth writing down ──► over the limit
 *                     delivered ──► not failing
 *
 * What was written down before a restart counts on: the time the daemon was away counts too, but
 * then an attempt of its own has to have failed OUTAGE_PROOF_US ago before it gives up. An outage
 * nothing was tried in for longer than gap_us has ended: nobody knows how the receiver was.
 */
#ifndef CORE_OUTAGE_H
#define CORE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define OUTAGE_LASTING_US (60 * CLOCK_US_PER_S)
#define OUTAGE_PROOF_US (600 * CLOCK_US_PER_S)

struct outage {
	int64_t limit_us; /* 0: none */
	int64_t gap_us;   /* > 0 */
	bool failing;
	bool lasting;          /* was found to be worth writing down */
	int64_t begin_us;      /* monotonic; before the start of the machine when it was adopted */
	int64_t own_us;        /* the first failure that was seen here */
	int64_t last_us;       /* the last one */
	int64_t since_wall_us; /* the begin as wall time */
};

enum outage_news {
	OUTAGE_NO_NEWS,
	OUTAGE_LASTS, /* once: write it down */
	OUTAGE_OVER_LIMIT
};

/* An attempt failed. */
enum outage_news outage_failed(struct outage *o, int64_t now_us, int64_t wall_us);

/* Something was delivered, or an operator says that all is well. Returns whether an outage was
 * written down that is over now. */
bool outage_end(struct outage *o);

/* It was written down that attempts fail since since_wall_us, which is > 0. */
void outage_adopt(struct outage *o, int64_t since_wall_us, int64_t now_us, int64_t wall_us);

#endif
