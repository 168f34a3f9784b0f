/* SPDX-License-Identifier: MIT */
/*
 * Those that were taken together may follow each other. One that cannot be sent leaves the ring
 * only when it follows nothing; otherwise it goes back, and with it everything behind that follows
 * anything, because that may be itself.
 */
#include "sink/park.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"

#define PARK_LATER_US CLOCK_US_PER_S

static struct ack ack_of(const struct pool_pipeline *pp, const struct event *ev)
{
	struct parked_place at = parked_place_of(&ev->f);

	return (struct ack){
		.id = ev->f.id,
		.pipeline = pp->ack_pipeline,
		.outcome = ACK_PARKED,
		.from_parked = ev->f.parked,
		.attempts = ev->attempts,
		.last_status = ev->last_status,
		.row_hash = {at.row[0], at.row[1]},
		.table_hash = at.table,
	};
}

static void settle_behind(const struct pool_pipeline *pp, struct event *ev)
{
	const struct ack ack = ack_of(pp, ev);

	acks_push(pp->acks, &ack);
	parked_put(pp->parked, ev, 0);
	ring_settle(pp->ring, ev, EVENT_PARKED);
	event_free(ev);
}

static void settle_stale(const struct pool_pipeline *pp, struct event *ev)
{
	ring_settle(pp->ring, ev, EVENT_PARKED);
	acks_unreserve(pp->acks, 1);
	event_free(ev);
}

/* Returns whether ev may be sent; if not, it went its way. *back: something went back. */
static bool sift_one(const struct pool_pipeline *pp, const struct clock *clock, struct event *ev,
		     bool is_first, bool *back)
{
	if (!is_first && ring_follows(pp->ring, ev)) {
		*back = *back || !parked_would_send(pp->parked, ev);
		if (*back)
			ring_release(pp->ring, ev);
		return !*back;
	}
	switch (parked_ask(pp->parked, ev)) {
	case PARKED_SEND:
		return true;
	case PARKED_BEHIND:
		settle_behind(pp, ev);
		break;
	case PARKED_STALE:
		settle_stale(pp, ev);
		break;
	case PARKED_LATER:
		*back = true;
		ring_retry(pp->ring, ev, clock_now_us(clock) + PARK_LATER_US);
		break;
	}
	return false;
}

struct event *park_sift(const struct pool_pipeline *pp, const struct clock *clock,
			struct event *list)
{
	struct event *kept = NULL, **link = &kept, *also;
	bool back = false, is_first = true;

	if (!pp->parked)
		return list;
	for (; list; list = also, is_first = false) {
		also = list->also;
		list->also = NULL;
		if (!sift_one(pp, clock, list, is_first, &back))
			continue;
		*link = list;
		link = &list->also;
	}
	return kept;
}

static bool has_step(const struct pool_pipeline *pp, const struct event *ev, int64_t *ret_wait_us)
{
	return pp->parked && parked_next_step(pp->parked, ev, ret_wait_us);
}

bool park_is_last(const struct pool_pipeline *pp, const struct event *ev)
{
	int64_t wait_us;

	if (ev->steps > 0)
		return !has_step(pp, ev, &wait_us);
	return ev->attempts + ev->held_count + 1 > webhook_settings(pp->webhook)->retry_count;
}

bool park_is_exhausted(const struct pool_pipeline *pp, const struct event *ev)
{
	return ev->steps > 0 || ev->attempts > webhook_settings(pp->webhook)->retry_count;
}

static ATTR_MUST_CHECK enum err_code make_place(const struct pool_pipeline *pp,
						const struct event *ev)
{
	enum err_code code;
	bool news;

	if (ev->f.parked)
		return ERR_OK;
	code = parked_make(pp->parked, ev, &news);
	if (code == ERR_FULL && news)
		log_warn("too many keys are parked, what fails waits in memory",
			 LOG_S("pipeline", pp->name),
			 LOG_I("retry_parked_keys", parked_stats(pp->parked).max_keys));
	return code;
}

enum park_word park_event(const struct pool_pipeline *pp, const struct clock *clock,
			  struct event *ev, int64_t *ret_due_us)
{
	struct ack ack;
	enum err_code code;
	int64_t wait_us;

	if (!has_step(pp, ev, &wait_us))
		return PARK_NEVER;
	ack = ack_of(pp, ev);
	ack.step = ev->steps;
	ack.due_wall_us = clock_wall_us(clock) + wait_us;
	ack.reason = mem_strdup(ev->last_reason);
	code = ack.reason ? make_place(pp, ev) : ERR_NOMEM;
	if (code != ERR_OK)
		mem_free(ack.reason);
	if (code == ERR_FULL) {
		ev->steps++;
		/* it takes the ring's room all the time: not for hours */
		if (wait_us > webhook_settings(pp->webhook)->retry_max_delay_us)
			wait_us = webhook_settings(pp->webhook)->retry_max_delay_us;
		*ret_due_us = clock_now_us(clock) + wait_us;
		return PARK_HERE;
	}
	if (code != ERR_OK)
		return PARK_NOMEM;
	log_warn("an event is parked", LOG_S("pipeline", pp->name),
		 LOG_I("id", event_public_id(&ev->f)), LOG_I("attempts", ev->attempts),
		 LOG_F("retry_s", (double)wait_us / (double)CLOCK_US_PER_S),
		 LOG_S("reason", ev->last_reason));
	acks_push(pp->acks, &ack);
	if (ev->f.parked)
		parked_fail(pp->parked, ev, ack.due_wall_us);
	else
		parked_put(pp->parked, ev, ack.due_wall_us);
	return PARK_DONE;
}

void park_left(const struct pool_pipeline *pp, const struct event *ev)
{
	if (ev->f.parked)
		parked_leave(pp->parked, ev);
}
