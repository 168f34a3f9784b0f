/* SPDX-License-Identifier: MIT */
/*
 * How many events a request to one receiver may hold at present: webhook.batch_max_events, or fewer
 * where that was too much for it.
 *
 *     413, 504 or no answer in time, of N events ──► at most half of N
 *     full requests that were taken, one after the other ──► an eighth more, up to what failed;
 *     beyond that only after many
 *
 * Thread-safe.
 */
#ifndef SINK_BATCH_SIZE_H
#define SINK_BATCH_SIZE_H

#include <stddef.h>

#include "base/thread.h"
#include "sink/http.h"

struct batch_size {
	size_t max;

	struct mutex lock; /* all below */
	size_t now;
	size_t failed; /* the smallest that was too much; 0: none */
	int taken;     /* full ones in a row */
};

/* max >= 1; 0 counts as 1. */
void batch_size_init(struct batch_size *b, size_t max);
void batch_size_done(struct batch_size *b);

size_t batch_size_get(struct batch_size *b);

/* A request with so many events has ended; timeout_us: how long it may have taken. */
void batch_size_note(struct batch_size *b, size_t events, const struct http_result *r,
		     int64_t timeout_us);

#endif
