/* SPDX-License-Identifier: MIT */
/*
 * What was loaded before the database was lost may still be with a worker after it was opened anew.
 * Until that has settled nothing is loaded, or it would go out a second time beside itself.
 */
#include "source/runner_park.h"

#include "base/mem.h"
#include "source/runner_tenant.h"

#define SETTLE_US (20 * CLOCK_US_PER_MS)

void runner_park_begin(struct runner_pipe *p)
{
	if (!p->parked)
		return;
	parked_begin(p->parked);
	p->park_settling = true;
}

static ATTR_MUST_CHECK enum err_code on_group(void *ctx, const struct parked_group *g)
{
	return parked_add(ctx, g);
}

enum err_code runner_park_list(struct runner_pipe *p, struct source *s, struct err *e)
{
	enum err_code code;

	if (!p->parked)
		return ERR_OK;
	code = s->ops->parked_list(s, p->index, on_group, p->parked, e);
	if (code != ERR_OK)
		return err_prefix(e, "cannot list what is parked of pipeline %s",
				  p->settings->name);
	parked_opened(p->parked);
	return ERR_OK;
}

bool runner_park_pick(struct runner_pipe *p, const struct clock *clock,
		      struct parked_pick *ret_pick)
{
	struct ring_room room;

	if (!p->parked || p->blocked || runner_pipe_has_events(p))
		return false;
	if (p->park_settling && ring_inflight_parked(p->ring))
		return false;
	p->park_settling = false;
	if (!parked_pick(p->parked, clock_now_us(clock), clock_wall_us(clock), ret_pick))
		return false;
	room = ring_room(p->ring);
	if (!room.events || !room.bytes)
		runner_pipe_block(p, clock_now_us(clock));
	else if (runner_pipe_limit(p, ret_pick->events, clock_now_us(clock), &p->park_limit))
		return true;
	runner_park_cancel(p, ret_pick);
	return false;
}

void runner_park_cancel(struct runner_pipe *p, const struct parked_pick *pick)
{
	parked_loaded(p->parked, pick, false);
	runner_pipe_account(p);
}

enum err_code runner_park_read(struct runner_pipe *p, struct source *s, struct parked_pick *pick,
			       struct err *e)
{
	const struct parked_select sel = {.by = pick->by,
					  .hashes = pick->hashes,
					  .hash_count = pick->hash_count,
					  .due_wall_us = pick->now_wall_us,
					  .after_seq = pick->after_seq};
	struct event *ev;
	enum err_code code;
	bool more = false;
	size_t n = 0, i, kept = 0;

	code = s->ops->parked_read(s, p->index, &sel, p->park_limit, p->events, &n, &more, e);
	for (i = 0; code == ERR_OK && i < n; i++) {
		ev = p->events[i];
		if (!parked_load(p->parked, pick, ev)) {
			event_free(ev);
			continue;
		}
		runner_tenant_charge(p, ev);
		p->events[kept++] = ev;
	}
	p->count = kept;
	runner_pipe_account(p);
	parked_loaded(p->parked, pick, code == ERR_OK && !more);
	if (code != ERR_OK)
		return err_prefix(e, "cannot read what is parked of pipeline %s",
				  p->settings->name);
	return ERR_OK;
}

int64_t runner_park_due_us(const struct runner_pipe *p, const struct clock *clock)
{
	int64_t now_us = clock_now_us(clock), due_wall_us, left_us;

	if (!p->parked || p->blocked)
		return INT64_MAX;
	due_wall_us = parked_next_wall_us(p->parked);
	if (due_wall_us == INT64_MAX)
		return INT64_MAX;
	left_us = due_wall_us - clock_wall_us(clock);
	if (p->park_settling && left_us < SETTLE_US)
		left_us = SETTLE_US;
	return left_us > 0 ? now_us + left_us : now_us;
}
