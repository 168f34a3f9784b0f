/* SPDX-License-Identifier: MIT */
/*
 * When to remove dead letters that are past their retention, and delivered events: rounds over all
 * of them, by the key, in small steps with pauses, so that they take little of the reader's time
 * and nobody else's. Owned by the runner's thread.
 */
#ifndef SOURCE_RUNNER_PURGE_H
#define SOURCE_RUNNER_PURGE_H

#include "base/clock.h"
#include "base/err.h"
#include "source/source.h"

struct runner_purge {
	const struct clock *clock;
	size_t pipe_count;
	const struct source_pipeline *pipes; /* each has its time to retain; NULL: dead letters */
	int64_t round_us;                    /* from the end of a round to the next */
	struct source_sweep sweep;
	uint32_t pipe;   /* that the next step is in */
	int64_t next_us; /* when; INT64_MAX: never */
	int64_t purged;  /* in this round */
	bool failed;     /* told already */
};

/* retention_us 0: never. Nothing to free. */
void runner_purge_init(struct runner_purge *g, int64_t retention_us, size_t pipe_count,
		       const struct clock *clock);

/* The same of delivered events: of those pipelines, a loan, that retain. */
void runner_purge_init_delivered(struct runner_purge *g, const struct source_pipeline *pipes,
				 size_t pipe_count, const struct clock *clock);

/* A step, when it is time. A round's result is logged. *ret_purged is added to. Errors:
 * ERR_UNAVAILABLE, ERR_NOMEM; any other ends the round and is logged once. */
enum err_code runner_purge_step(struct runner_purge *g, struct source *s, int64_t now_us,
				int64_t *ret_purged, struct err *e) ATTR_MUST_CHECK;

#endif
