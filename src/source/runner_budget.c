/* SPDX-License-Identifier: MIT */
#include "source/runner_budget.h"

/* Rows in the client library, what it has around them, and the events that are made of them. */
#define COPIES 3
/* A read is no larger part of the budget, or the level would rise and fall with each. */
#define SHARE 64
/* The least that is worth a read. */
#define LITTLE_BYTES (64UL * 1024)
#define LITTLE_EVENTS 16

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void make_smaller(struct source_limit *limit, unsigned halvings)
{
	limit->events = max_size(limit->events >> halvings, 1);
	limit->bytes = max_size(limit->bytes >> halvings, 1);
}

/* All that a read within limit may need. */
static size_t need(const struct runner_budget *b, const struct source_limit *limit)
{
	return COPIES * max_size(limit->bytes, b->max_event_bytes);
}

static bool take(struct runner_budget *b, enum priority p, const struct source_limit *limit)
{
	size_t bytes = need(b, limit);

	if (!budget_take_for(b->budget, b->account, p, bytes))
		return false;
	b->charged += bytes;
	return true;
}

/* Nothing is in any ring: whatever holds the budget, this read is what there is to do. Or nothing
 * is being read, and it is only the largest row that there might be, taken several times, that does
 * not fit. The budget is passed by one read at most, however many pipelines are in that place. For
 * a page of a backfill nobody waits as for changes. */
static bool take_alone(struct runner_budget *b, const struct source_limit *limit)
{
	struct budget_stats st = budget_stats(b->budget);

	if (st.accounts[BUDGET_QUEUE].used_bytes &&
	    (b->account != BUDGET_READ || st.accounts[BUDGET_READ].used_bytes ||
	     budget_level(b->budget) == BUDGET_CRITICAL))
		return false;
	if (!budget_take_past(b->budget, b->account, need(b, limit)))
		return false;
	b->charged += need(b, limit);
	return true;
}

static bool take_a_little(struct runner_budget *b, struct ring *ring, struct source_limit *limit)
{
	if (ring_stats(ring).events)
		return false;
	if (limit->bytes > LITTLE_BYTES)
		limit->bytes = LITTLE_BYTES;
	if (limit->events > LITTLE_EVENTS)
		limit->events = LITTLE_EVENTS;
	/* what is reserved is not touched, what lies below it is */
	if (b->priority != PRIORITY_OPTIONAL && take(b, PRIORITY_IMPORTANT, limit))
		return true;
	return take_alone(b, limit);
}

void runner_budget_init(struct runner_budget *b, struct budget *budget, enum priority p,
			size_t max_event_bytes)
{
	*b = (struct runner_budget){
		.budget = budget,
		.account = BUDGET_READ,
		.priority = p,
		.max_event_bytes = max_event_bytes,
		.share_bytes = max_size(budget_stats(budget).max_bytes / SHARE, LITTLE_BYTES),
	};
}

struct runner_budget runner_budget_of_page(const struct runner_budget *b)
{
	struct runner_budget page = {.budget = NULL};

	if (!b)
		return page;
	page = *b;
	page.account = BUDGET_BACKFILL;
	page.max_event_bytes += page.share_bytes;
	page.charged = 0;
	return page;
}

bool runner_budget_begin(struct runner_budget *b, struct ring *ring, struct source_limit *limit)
{
	struct source_limit smaller = *limit;

	if (!b->budget)
		return true;
	if (smaller.bytes > b->share_bytes)
		smaller.bytes = b->share_bytes;
	make_smaller(&smaller, (unsigned)budget_level(b->budget));
	b->is_short = smaller.bytes < limit->bytes;
	*limit = smaller;
	if (budget_allows(b->budget, b->priority)) {
		while (!take(b, b->priority, limit)) {
			b->is_short = true;
			if (limit->bytes <= b->max_event_bytes || limit->bytes <= LITTLE_BYTES)
				return take_a_little(b, ring, limit);
			make_smaller(limit, 1);
		}
		return true;
	}
	b->is_short = true;
	return take_a_little(b, ring, limit);
}

void runner_budget_kept(struct runner_budget *b, size_t bytes)
{
	if (bytes < b->charged)
		budget_release(b->budget, b->account, b->charged - bytes);
	else if (bytes > b->charged)
		budget_charge(b->budget, b->account, bytes - b->charged);
	b->charged = bytes;
}
