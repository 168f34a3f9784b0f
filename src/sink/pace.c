/* SPDX-License-Identifier: MIT */
#include "sink/pace.h"

#include <assert.h>

#include "base/clock.h"
#include "core/gcra.h"

/* How much more crowded than sent requests may arrive: this, or a part of the period. */
#define PACE_SLACK_US (500 * CLOCK_US_PER_MS)
#define PACE_SLACK_PART 10
#define PACE_MINUTE_US (60 * CLOCK_US_PER_S)
/* The part of it that is for workers that wake late. */
#define PACE_LATE_US (10 * CLOCK_US_PER_MS)
#define PACE_LATE_PART 4

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void set_rate(struct pace *p, const struct rate *rate, int64_t burst)
{
	int64_t slack_us = least(PACE_SLACK_US, rate->period_us / PACE_SLACK_PART);
	int64_t apart = rate->count - burst + 1;

	p->interval_us = (rate->period_us + slack_us + apart - 1) / apart;
	p->tolerance_us =
		(burst - 1) * p->interval_us + least(PACE_LATE_US, slack_us / PACE_LATE_PART);
}

void pace_init(struct pace *p, const struct rate *rate, int64_t burst)
{

	*p = (struct pace){.interval_us = 0};
	mutex_init(&p->lock);
	if (!rate->count)
		return;
	assert(burst >= 1 && burst <= rate->count && rate->period_us > 0);
	set_rate(p, rate, burst);
	p->own_interval_us = p->interval_us;
	p->own_tolerance_us = p->tolerance_us;
}

/* How many of its own rate may start in a minute. */
static int64_t own_per_minute(const struct pace *p)
{
	return 1 + (PACE_MINUTE_US + p->own_tolerance_us) / p->own_interval_us;
}

void pace_allow(struct pace *p, int64_t per_minute)
{
	const struct rate rate = {.count = per_minute, .period_us = PACE_MINUTE_US};

	assert(pace_is_limited(p));
	mutex_lock(&p->lock);
	if (per_minute && per_minute < own_per_minute(p)) {
		set_rate(p, &rate, 1);
	} else {
		p->interval_us = p->own_interval_us;
		p->tolerance_us = p->own_tolerance_us;
	}
	mutex_unlock(&p->lock);
}

void pace_done(struct pace *p)
{
	mutex_done(&p->lock);
}

/* Each moment is counted once, however many ask. */
static void note_wait_locked(struct pace *p, int64_t now_us, int64_t next_us)
{
	if (now_us < p->told_us)
		now_us = p->told_us;
	if (next_us <= now_us)
		return;
	p->waits++;
	p->waited_us += next_us - now_us;
	p->told_us = next_us;
}

size_t pace_take(struct pace *p, int64_t now_us, size_t want)
{
	struct gcra g;
	size_t n;

	assert(want && pace_is_limited(p));
	mutex_lock(&p->lock);
	if (!p->begun) {
		p->begun = true;
		p->tat_us = now_us + p->tolerance_us + p->interval_us;
	}
	g = (struct gcra){p->interval_us, p->tolerance_us, p->tat_us};
	n = gcra_take(&g, now_us, want);
	p->tat_us = g.tat_us;
	if (n < want)
		note_wait_locked(p, now_us, p->tat_us - p->tolerance_us);
	mutex_unlock(&p->lock);
	return n;
}

void pace_give_back(struct pace *p, size_t n)
{
	mutex_lock(&p->lock);
	p->tat_us -= (int64_t)n * p->interval_us;
	mutex_unlock(&p->lock);
}

int64_t pace_next_us(struct pace *p)
{
	int64_t next_us;

	mutex_lock(&p->lock);
	next_us = p->begun ? p->tat_us - p->tolerance_us : 0;
	mutex_unlock(&p->lock);
	return next_us;
}

struct pace_stats pace_stats(struct pace *p)
{
	struct pace_stats s;

	mutex_lock(&p->lock);
	s = (struct pace_stats){
		.interval_us = p->interval_us,
		.waits = p->waits,
		.waited_us = p->waited_us,
	};
	mutex_unlock(&p->lock);
	return s;
}
