/* SPDX-License-Identifier: MIT */
#include "sink/concurrency.h"

#include <assert.h>

#include "base/clock.h"

#define CONCURRENCY_ROUND_MIN 10
/* So much of an answer's time is nobody's queue: network, and our own threads. */
#define CONCURRENCY_SLACK_US (10 * CLOCK_US_PER_MS)

void concurrency_init(struct concurrency *c, size_t max)
{
	assert(max >= 1);
	*c = (struct concurrency){.max = max, .limit = 1, .target = 1, .doubling = true};
}

static void begin_round(struct concurrency *c, int64_t now_us)
{
	c->round_us = now_us;
	c->sum_us = 0;
	c->count = 0;
	c->reached = false;
}

static void fall_to(struct concurrency *c, size_t limit)
{
	c->limit = c->target = limit >= 1 ? limit : 1;
	/* down to one, all that was known is void */
	c->doubling = c->limit == 1;
}

static void rise(struct concurrency *c)
{
	size_t more = c->doubling ? c->target : c->target / 8;

	c->target += more ? more : 1;
	if (c->target > c->max)
		c->target = c->max;
}

static int64_t slow_us(const struct concurrency *c)
{
	return c->base_us + c->base_us / 2 + CONCURRENCY_SLACK_US;
}

/* A round with one request at a time has ended. */
static void learn_base(struct concurrency *c, int64_t mean_us)
{
	if (!c->base_us || mean_us > slow_us(c))
		c->base_us = mean_us;
	else
		c->base_us += (mean_us - c->base_us) / 2;
}

static void fall_by_latency(struct concurrency *c, int64_t mean_us)
{
	size_t half = (c->limit + 1) / 2;
	size_t limit = (size_t)((int64_t)c->limit * slow_us(c) / mean_us);

	fall_to(c, limit > half ? limit : half);
}

static void end_round(struct concurrency *c)
{
	int64_t mean_us = c->sum_us / (int64_t)c->count;

	if (c->limit == 1)
		learn_base(c, mean_us);
	else if (mean_us < c->base_us)
		c->base_us -= (c->base_us - mean_us) / 8;
	if (mean_us > slow_us(c))
		fall_by_latency(c, mean_us);
	else if (c->reached)
		rise(c);
}

size_t concurrency_note(struct concurrency *c, const struct concurrency_sample *s)
{
	if (s->kind == CONCURRENCY_OTHER || s->sent_us <= c->round_us)
		return c->limit;
	if (s->kind == CONCURRENCY_OVERLOADED) {
		fall_to(c, c->limit * 3 / 4);
		begin_round(c, s->now_us);
		return c->limit;
	}
	c->reached |= s->in_flight >= c->target;
	c->sum_us += s->now_us - s->sent_us;
	c->count++;
	if (c->limit < c->target)
		c->limit++;
	if (c->count < CONCURRENCY_ROUND_MIN || c->count < c->limit || c->limit < c->target)
		return c->limit;
	end_round(c);
	begin_round(c, s->now_us);
	return c->limit;
}
