/* SPDX-License-Identifier: MIT */
/*
 * When a pipeline will have nothing left, from what waits and how fast it has been going down.
 *
 * The speed is an average over the last minutes, or, where the last seconds tell something else,
 * over those: two averages with exponentially fading weights. They begin anew with each backlog, so
 * that idle hours before an import do not count. While a rate limit is what holds the requests
 * back, the limit itself is the speed: exact from the first request on.
 *
 * A plain value; not thread-safe; time is the caller's.
 */
#ifndef CONTROL_ETA_H
#define CONTROL_ETA_H

#include <stdbool.h>
#include <stdint.h>

#define ETA_UNKNOWN (-1)

/* What is the case now; totals may begin again at 0. */
struct eta_sample {
	int64_t now_us;
	int64_t backlog;     /* events; 0: none; ETA_UNKNOWN */
	int64_t settled;     /* total of events that left */
	int64_t attempts;    /* total of requests */
	int64_t waited_us;   /* total of time in which requests waited for the rate limit */
	int64_t interval_us; /* between requests by the rate limit; 0: none */
	int64_t batch;       /* events of a request, as long as nothing was sent yet; >= 1 */
};

struct eta {
	bool running;
	struct eta_sample first, last;
	double fast, slow, paced;        /* events a second, and the part that was waited */
	double fast_weight, slow_weight; /* of what was seen, up to 1 */
};

/* All zero is one that has seen nothing. Call about once a second; more often does no harm. */
void eta_note(struct eta *t, const struct eta_sample *now);

/* Events a second; 0: nothing moves, or too little was seen. */
double eta_rate(const struct eta *t);

/* Until the backlog of the last sample is gone; 0: there is none; ETA_UNKNOWN. */
int64_t eta_us(const struct eta *t);

#endif
