/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "source/runner_loop.h"

#define INSPECT_MIN_US (10 * CLOCK_US_PER_S)
#define INSPECT_EARLY_US (5 * CLOCK_US_PER_S)
#define INSPECT_COST 100 /* inspecting takes at most one part in so many of the time */

static void note_status(struct runner *r, const struct source_status *st)
{
	mutex_lock(&r->lock);
	r->stats.source = *st;
	mutex_unlock(&r->lock);
}

static void log_status(const struct source_status *before, const struct source_status *now)
{
	if (strcmp(before->warning, now->warning) == 0)
		return;
	if (now->warning[0])
		log_warn("the source needs attention", LOG_S("warning", now->warning));
	else
		log_info("the source is in order again");
}

enum err_code runner_inspect_due(struct runner *r, struct err *e)
{
	int64_t begin = clock_now_us(r->clock), cost;
	struct source_status st, before;
	enum err_code code;

	if (begin < r->inspect_us)
		return runner_pipes_sync(r->pipes, r->pipe_count, r->source, false, e);
	mutex_lock(&r->lock);
	before = r->stats.source;
	mutex_unlock(&r->lock);
	code = r->ops->inspect(r->source, &st, e);
	cost = clock_now_us(r->clock) - begin;
	cost *= INSPECT_COST;
	r->inspect_us = begin + (cost > INSPECT_MIN_US ? cost : INSPECT_MIN_US);
	r->inspect_early_us = begin + (cost > INSPECT_EARLY_US ? cost : INSPECT_EARLY_US);
	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return err_prefix(e, "cannot inspect the source");
	if (code != ERR_OK) { /* figures are no reason to stop delivering */
		st = before;
		(void)snprintf(st.warning, sizeof(st.warning), "cannot be inspected: %.200s",
			       e->msg);
	}
	note_status(r, &st);
	runner_backlog_inspected(r);
	log_status(&before, &st);
	/* it may have found rows that were missed */
	runner_pipes_want(r->pipes, r->pipe_count);
	return runner_pipes_sync(r->pipes, r->pipe_count, r->source, true, e);
}
