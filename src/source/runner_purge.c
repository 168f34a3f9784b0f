/* SPDX-License-Identifier: MIT */
#include "source/runner_purge.h"

#include "base/log.h"

#define STEP_ROWS 500
#define STEP_MIN_US (50 * CLOCK_US_PER_MS)
#define STEP_COST 20 /* purging takes at most one part in so many of the time */
#define ROUND_MIN_US (100 * CLOCK_US_PER_MS)
#define ROUND_MAX_US (3600 * CLOCK_US_PER_S)
#define ROUND_PART 24 /* of the retention: letters overstay by no more */

static int64_t round_of(int64_t age_us)
{
	int64_t us = age_us / ROUND_PART;

	if (us < ROUND_MIN_US)
		return ROUND_MIN_US;
	return us < ROUND_MAX_US ? us : ROUND_MAX_US;
}

void runner_purge_init(struct runner_purge *g, int64_t retention_us, size_t pipe_count,
		       const struct clock *clock)
{
	*g = (struct runner_purge){.clock = clock, .pipe_count = pipe_count};
	g->sweep = (struct source_sweep){.older_than_us = retention_us, .rows = STEP_ROWS};
	g->round_us = round_of(retention_us);
	if (!retention_us || !pipe_count)
		g->next_us = INT64_MAX;
}

void runner_purge_init_delivered(struct runner_purge *g, const struct source_pipeline *pipes,
				 size_t pipe_count, const struct clock *clock)
{
	int64_t least_us = 0, us;
	size_t i;

	for (i = 0; i < pipe_count; i++) {
		us = pipes[i].settings->retain_us;
		if (us && (!least_us || us < least_us))
			least_us = us;
	}
	runner_purge_init(g, least_us, pipe_count, clock);
	g->pipes = pipes;
	g->sweep.delivered = true;
}

static void end_round(struct runner_purge *g, int64_t now_us)
{
	if (g->purged)
		log_info(g->pipes ? "delivered events were removed for their age"
				  : "dead letters were removed for their age",
			 LOG_I("count", g->purged));
	g->purged = 0;
	g->pipe = 0;
	g->sweep.after_id = 0;
	g->next_us = now_us + g->round_us;
}

static ATTR_MUST_CHECK enum err_code sweep_pipe(struct runner_purge *g, struct source *s,
						struct err *e)
{
	if (g->pipes) {
		g->sweep.older_than_us = g->pipes[g->pipe].settings->retain_us;
		g->sweep.after_id = g->sweep.purged = 0;
		if (!g->sweep.older_than_us)
			return ERR_OK;
	}
	return s->ops->purge(s, g->pipe, &g->sweep, e);
}

enum err_code runner_purge_step(struct runner_purge *g, struct source *s, int64_t now_us,
				int64_t *ret_purged, struct err *e)
{
	int64_t pause_us;
	enum err_code code;

	if (now_us < g->next_us)
		return ERR_OK;
	code = sweep_pipe(g, s, e);
	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM) /* the same step again */
		return err_prefix(e, g->pipes ? "cannot purge delivered events"
					      : "cannot purge dead letters");
	if (code != ERR_OK) {
		if (!g->failed)
			log_warn(g->pipes ? "cannot remove old delivered events, trying again later"
					  : "cannot remove old dead letters, trying again later",
				 LOG_E(e));
		g->failed = true;
		end_round(g, now_us);
		return ERR_OK;
	}
	g->failed = false;
	g->purged += g->sweep.purged;
	*ret_purged += g->sweep.purged;
	if (!g->sweep.after_id && ++g->pipe == g->pipe_count) {
		end_round(g, now_us);
		return ERR_OK;
	}
	pause_us = (clock_now_us(g->clock) - now_us) * STEP_COST;
	g->next_us = now_us + (pause_us > STEP_MIN_US ? pause_us : STEP_MIN_US);
	return ERR_OK;
}
