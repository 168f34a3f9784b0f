/* SPDX-License-Identifier: MIT */
/*
 * An average a is moved by each sample r of length dt to a + (r - a) * k with k = 1 - exp(-dt / T).
 * It begins at 0; what it lacks for that is its weight, moved towards 1 in the same way, by which
 * it is divided: so the first seconds are an average of themselves.
 */
#include "control/eta.h"

#include <math.h>

#include "base/clock.h"

#define FAST_US (20 * CLOCK_US_PER_S)
#define SLOW_US (120 * CLOCK_US_PER_S)
#define SAMPLE_MIN_US (500 * CLOCK_US_PER_MS)
#define SEEN_MIN_US (2 * CLOCK_US_PER_S)
#define AGREES 0.08    /* the last seconds differ from the last minutes by no more */
#define PACED_MIN 0.5  /* of the time something waited for the rate limit */
#define REQUESTS_MIN 3 /* that tell how many events one has */
#define SLOWEST 0.001  /* events a second; below, nothing moves */

static void average(double *a, double sample, double k)
{
	*a += (sample - *a) * k;
}

static void begin(struct eta *t, const struct eta_sample *now)
{
	*t = (struct eta){.running = true, .first = *now, .last = *now};
}

void eta_note(struct eta *t, const struct eta_sample *now)
{
	int64_t dt = now->now_us - t->last.now_us;
	double seconds = (double)dt / (double)CLOCK_US_PER_S;
	double rate, fast, slow;

	if (now->backlog == 0) {
		*t = (struct eta){.running = false};
		return;
	}
	if (!t->running || now->settled < t->last.settled || now->attempts < t->last.attempts) {
		begin(t, now);
		return;
	}
	t->last.backlog = now->backlog;
	if (dt < SAMPLE_MIN_US)
		return;
	rate = (double)(now->settled - t->last.settled) / seconds;
	fast = 1 - exp(-(double)dt / (double)FAST_US);
	slow = 1 - exp(-(double)dt / (double)SLOW_US);
	average(&t->fast, rate, fast);
	average(&t->fast_weight, 1, fast);
	average(&t->slow, rate, slow);
	average(&t->slow_weight, 1, slow);
	average(&t->paced, (double)(now->waited_us - t->last.waited_us) / (double)dt, fast);
	t->last = *now;
}

/* By the rate limit, if that is what holds the requests back; else 0. */
static double paced_rate(const struct eta *t)
{
	int64_t requests = t->last.attempts - t->first.attempts;
	double events = (double)t->last.batch;

	if (!t->last.interval_us || t->paced < PACED_MIN * t->fast_weight)
		return 0;
	if (requests >= REQUESTS_MIN)
		events = (double)(t->last.settled - t->first.settled) / (double)requests;
	return events * (double)CLOCK_US_PER_S / (double)t->last.interval_us;
}

double eta_rate(const struct eta *t)
{
	double fast, slow, paced;

	if (!t->running || t->last.now_us - t->first.now_us < SEEN_MIN_US)
		return 0;
	paced = paced_rate(t);
	if (paced > SLOWEST)
		return paced;
	fast = t->fast / t->fast_weight;
	slow = t->slow / t->slow_weight;
	if (fabs(fast - slow) <= AGREES * slow)
		return slow;
	return fast > SLOWEST ? fast : 0;
}

int64_t eta_us(const struct eta *t)
{
	double rate = eta_rate(t), us;

	if (!t->running)
		return 0;
	if (t->last.backlog < 0 || rate <= 0)
		return ETA_UNKNOWN;
	us = (double)t->last.backlog / rate * (double)CLOCK_US_PER_S;
	return us < (double)(INT64_MAX / 2) ? (int64_t)us : ETA_UNKNOWN;
}
