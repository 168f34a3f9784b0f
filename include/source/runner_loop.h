/* SPDX-License-Identifier: MIT */
/*
 * The runner, inside: what runner.c (the interface) and runner_loop.c (the thread) share.
 */
#ifndef SOURCE_RUNNER_LOOP_H
#define SOURCE_RUNNER_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/random.h"
#include "base/thread.h"
#include "source/runner.h"
#include "source/runner_backfill.h"
#include "source/runner_batch.h"
#include "source/runner_pipe.h"
#include "source/runner_purge.h"

struct runner {
	const struct source_settings *settings;
	const struct source_ops *ops;
	const struct clock *clock;
	struct runner_pipe *pipes;
	struct source_pipeline *shared; /* what the source sees of them */
	size_t pipe_count;

	struct source *source;
	int wake_fd;
	struct acks *acks;
	struct thread thread;
	atomic_bool stopping;
	atomic_bool quiesced;
	atomic_bool has_room;  /* runner_wake was called */
	atomic_bool has_news;  /* runner_look was called */
	struct budget *budget; /* NULL: none */
	struct budget_watch watch;

	/* the thread's own */
	bool is_open;
	struct random random;
	int64_t backoff_us;
	struct runner_batch batch;
	int64_t look_us;          /* when all are to be read, though nobody had time to wait */
	int64_t inspect_us;       /* when next */
	int64_t inspect_early_us; /* not before, whatever for */
	struct runner_purge purge;
	struct runner_purge purge_delivered;
	struct runner_backfill backfill;
	char identity[128]; /* of the last open */
	char logged[256];   /* the last failure that was logged, and when */
	int64_t logged_us;

	struct mutex lock; /* of what follows */
	struct runner_stats stats;
};

/* The thread: arg is the runner. */
void runner_loop(void *arg);

/* Give the source all acks that wait. Errors: of its acknowledge. */
enum err_code runner_acknowledge_all(struct runner *r, struct err *e) ATTR_MUST_CHECK;

/* ---- runner_read.c ---- */

/* Read into the rings what there is room for. Errors: of the source; ERR_NOMEM. */
enum err_code runner_read(struct runner *r, struct err *e) ATTR_MUST_CHECK;

/* ---- runner_inspect.c ---- */

/* When it is time, have the source's figures and warnings anew; and always the pipes in step with
 * it. Errors: of runner_pipes_sync; ERR_UNAVAILABLE, ERR_NOMEM. Whatever else goes wrong with an
 * inspection is a warning. */
enum err_code runner_inspect_due(struct runner *r, struct err *e) ATTR_MUST_CHECK;

/* ---- runner_backlog.c ---- */

/* The source was inspected, or pipeline p was read. What is known of a backlog that grows faster
 * than it is inspected makes the next inspection come earlier. */
void runner_backlog_inspected(struct runner *r);
void runner_backlog_read(struct runner *r, struct runner_pipe *p);

/* ---- runner_history.c ---- */

/* Of the source just opened: do the ids mean the same rows as at the last open? */
bool runner_history_is_same(struct runner *r);
/* From now on they mean what this open says. Nothing may be in flight when that differs. */
void runner_history_adopt(struct runner *r);

#endif
