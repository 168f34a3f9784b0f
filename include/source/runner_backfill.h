/* SPDX-License-Identifier: MIT */
/*
 * When pages of backfill jobs are read (source/backfill.h). Owned by the runner's thread, but for
 * runner_backfill_shown.
 *
 * A job never gets in the way of changes: a page is read only when its pipeline's outbox was read
 * to its end and the ring holds less than max_concurrent_pages pages; so at most so many rows stand
 * before a change that comes now, and a receiver that is slow or away gets no more than that. The
 * jobs of one pipeline come one after the other, those of several pipelines by turns.
 *
 *   - rate: after a page of n rows the next one comes n / rate later; pages are smaller then, so
 *     that rows come evenly.
 *   - while the memory budget is at its alert: nothing.
 *   - rows that somebody has are asked again twice a second; at the end of the walk nothing else is
 *     left to do.
 *   - the table of jobs is looked at once a second.
 */
#ifndef SOURCE_RUNNER_BACKFILL_H
#define SOURCE_RUNNER_BACKFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/thread.h"
#include "core/budget.h"
#include "source/runner_pipe.h"
#include "source/source.h"

/* One pipeline's. */
struct runner_backfill_job {
	struct backfill_progress progress; /* id 0: none */
	int64_t next_us;                   /* no page before: rate, trouble, locked rows */
	int64_t again_us;                  /* skipped keys are not asked before */
	int64_t rows;     /* of a page: half after one that took too long, then twice */
	int64_t since_us; /* when it was taken up here */
	bool at_end;
	bool in_trouble; /* told already */
};

struct runner_backfill {
	const struct clock *clock;
	const struct budget *budget; /* NULL: none */
	struct runner_backfill_job *jobs;
	struct backfill_progress *loaded;
	size_t count;
	int64_t look_us; /* for jobs, when next */
	bool absent;     /* told already: there is no place for jobs */

	struct mutex lock; /* of what follows */
	struct backfill_progress *shown;
};

/* count: pipelines. Errors: ERR_NOMEM; runner_backfill_done is fine then, too. */
enum err_code runner_backfill_init(struct runner_backfill *b, size_t count,
				   const struct clock *clock, struct err *e) ATTR_MUST_CHECK;
void runner_backfill_done(struct runner_backfill *b);

/* The source was opened: what was known may be of another database. */
void runner_backfill_begin(struct runner_backfill *b);

/* Look for jobs, and read a page of each that may go on; what is read wants a read of its pipe.
 * Errors: ERR_UNAVAILABLE, ERR_NOMEM. Whatever else goes wrong with a job fails it, in the table
 * and in the log, or is tried again later. */
enum err_code runner_backfill_step(struct runner_backfill *b, struct source *s,
				   struct runner_pipe *pipes, struct err *e) ATTR_MUST_CHECK;

/* When there is something to do next; INT64_MAX: when something else happens. */
int64_t runner_backfill_due_us(const struct runner_backfill *b, const struct source *s,
			       const struct runner_pipe *pipes);

/* The last that is known of a job of pipeline p; id 0: there was none. Any thread. */
struct backfill_progress runner_backfill_shown(struct runner_backfill *b, size_t p);

#endif
