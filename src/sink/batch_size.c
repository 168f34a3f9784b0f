/* SPDX-License-Identifier: MIT */
/*
 * Several requests of one size fail together in an outage: they halve it once, since it is half of
 * theirs and not of what it is by then.
 */
#include "sink/batch_size.h"

/* So many full requests before it grows, and before it grows to what was too much once. */
#define BATCH_SIZE_GROW_AFTER 16
#define BATCH_SIZE_TRY_AFTER 512
#define BATCH_SIZE_GROW_SHARE 8

void batch_size_init(struct batch_size *b, size_t max)
{
	mutex_init(&b->lock);
	b->max = max ? max : 1;
	b->now = b->max;
	b->failed = 0;
	b->taken = 0;
}

void batch_size_done(struct batch_size *b)
{
	mutex_done(&b->lock);
}

size_t batch_size_get(struct batch_size *b)
{
	size_t now;

	mutex_lock(&b->lock);
	now = b->now;
	mutex_unlock(&b->lock);
	return now;
}

/* Content Too Large, Gateway Timeout (RFC 9110, 15.5.14 and 15.6.5), or our own timeout once the
 * request was on its way. */
static bool is_too_much(const struct http_result *r, int64_t timeout_us)
{
	if (r->status)
		return r->status == 413 || r->status == 504;
	return r->phase >= ANSWER_PHASE_SEND && r->phase <= ANSWER_PHASE_BODY &&
	       r->elapsed_us >= timeout_us;
}

static void shrink_locked(struct batch_size *b, size_t events)
{
	size_t half = (events + 1) / 2;

	b->taken = 0;
	if (!b->failed || b->failed > events)
		b->failed = events;
	if (b->now > half)
		b->now = half;
}

static void grow_locked(struct batch_size *b)
{
	size_t next = b->now + b->now / BATCH_SIZE_GROW_SHARE + 1;
	bool beyond;

	if (next > b->max)
		next = b->max;
	beyond = b->failed && next >= b->failed;
	if (++b->taken < (beyond ? BATCH_SIZE_TRY_AFTER : BATCH_SIZE_GROW_AFTER))
		return;
	b->taken = 0;
	b->now = next;
	if (beyond)
		b->failed = 0;
}

void batch_size_note(struct batch_size *b, size_t events, const struct http_result *r,
		     int64_t timeout_us)
{
	if (b->max == 1)
		return;
	mutex_lock(&b->lock);
	if (events > 1 && is_too_much(r, timeout_us))
		shrink_locked(b, events);
	else if (r->status / 100 == 2 && events >= b->now && b->now < b->max)
		grow_locked(b);
	mutex_unlock(&b->lock);
}
