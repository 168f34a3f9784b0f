/* SPDX-License-Identifier: MIT */
/*
 * The runner's side of one pipeline: from the source into its ring. Owned by the runner's thread.
 */
#ifndef SOURCE_RUNNER_PIPE_H
#define SOURCE_RUNNER_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/acks.h"
#include "core/deferral.h"
#include "core/event.h"
#include "core/parked.h"
#include "core/ring.h"
#include "source/runner.h"
#include "source/runner_budget.h"
#include "source/runner_standing.h"
#include "source/source.h"

struct runner_pipe {
	const struct pipeline_settings *settings;
	uint32_t index;
	struct ring *ring;
	struct parked *parked;          /* NULL: nothing is parked */
	struct label_set *tables;       /* NULL: nobody counts */
	struct source_limit park_limit; /* of what was picked and is read next */
	bool park_settling;             /* since an open: what was loaded before may be in flight */
	struct runner_standing standing;
	struct runner_budget budget;
	char install_id[40]; /* changes only while no events exist */

	struct deferral *deferral; /* NULL: it has no tenants (source/runner_tenant.h) */
	int64_t *left_ids;         /* room for those of one read */

	struct event **events; /* read, not yet in the ring: [at, count) */
	size_t at;
	size_t count;
	size_t max;
	size_t reserved; /* acks reserved for them */

	size_t enough_events; /* room worth a read */
	size_t enough_bytes;
	bool more;        /* the source may have rows */
	bool blocked;     /* the ring is (nearly) full: wait for its on_room, or */
	int64_t retry_us; /* until then */

	struct runner_backlog backlog; /* the runner's: under its lock */
	size_t last_rows;              /* what the last read returned */
	size_t last_count;             /* what was taken of it */
	size_t last_bytes;
	size_t packed_events; /* since they were counted */
	size_t packed_saved_bytes;
};

enum err_code runner_pipe_init(struct runner_pipe *p, const struct runner_pipeline *o,
			       uint32_t index, size_t batch, const struct clock *clock,
			       struct err *e) ATTR_MUST_CHECK;
void runner_pipe_done(struct runner_pipe *p);

void runner_pipe_bind(struct runner_pipe *p, struct ring *ring);

/* Are there events read but not in the ring? */
bool runner_pipe_has_events(const struct runner_pipe *p);

/* Put what is left of the last read into the ring, then read once, if there is room; else p is
 * blocked. *ret_read: the source was asked. Errors: of the source's read; ERR_NOMEM. */
enum err_code runner_pipe_read(struct runner_pipe *p, struct source *s, struct acks *acks,
			       int64_t now_us, bool *ret_read, struct err *e) ATTR_MUST_CHECK;

/* What one read may return now, when it is to be at most events; it is taken from the memory
 * budget. false: that has none, and p is blocked. */
bool runner_pipe_limit(struct runner_pipe *p, size_t events, int64_t now_us,
		       struct source_limit *ret_limit);

/* The read is over: what it took from the budget and did not need is given back. */
void runner_pipe_account(struct runner_pipe *p);

/* No room in the ring, now: wait for its on_room, but not for ever. */
void runner_pipe_block(struct runner_pipe *p, int64_t now_us);

/* Drop what is queued, here and in the ring: it is in the outbox. The ring is paused until
 * runner_pipes_resume, for without the source's consent nothing may be sent. */
void runner_pipe_drop(struct runner_pipe *p, struct acks *acks);
void runner_pipes_resume(struct runner_pipe *pipes, size_t n);

/* Tell the source, just opened, what is in flight. Errors: ERR_NOMEM. */
enum err_code runner_pipe_hold(struct runner_pipe *p, struct source *s,
			       struct err *e) ATTR_MUST_CHECK;

/* Bring what is known of their webhooks and what the source knows of them in line: what is news,
 * or all. Errors: as runner_standing_sync. */
enum err_code runner_pipes_sync(struct runner_pipe *pipes, size_t n, struct source *s, bool all,
				struct err *e) ATTR_MUST_CHECK;

/* All n are to be read again. */
void runner_pipes_want(struct runner_pipe *pipes, size_t n);

#endif
