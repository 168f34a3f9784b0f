/* SPDX-License-Identifier: MIT */
/*
 * One source's thread: opens it, reads into the rings, acknowledges, waits; reconnects with
 * backoff; stands by while another daemon is active.
 *
 * When the connection is lost, leadership is lost with it: what is queued is dropped from the rings
 * at once (the outbox has it), what is in flight settles, and after the next open its
 * acknowledgements go first.
 */
#ifndef SOURCE_RUNNER_H
#define SOURCE_RUNNER_H

#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "core/acks.h"
#include "core/deferral.h"
#include "core/label_set.h"
#include "core/parked.h"
#include "core/ring.h"
#include "core/standing.h"
#include "source/runner_budget.h"
#include "source/source.h"

enum runner_state {
	RUNNER_STOPPED,
	RUNNER_CONNECTING, /* or waiting to try again */
	RUNNER_STANDBY,    /* connected; another daemon is active */
	RUNNER_ACTIVE,
};

const char *runner_state_name(enum runner_state state);

struct runner;

struct runner_pipeline {
	const struct pipeline_settings *settings;
	struct ring *ring;             /* a loan; NULL until runner_bind */
	bool parks;                    /* its webhook has a retry_schedule */
	struct standing_box *standing; /* its webhook's, a loan; NULL: nothing is kept */
	struct runner_budget budget;   /* all zero: no bound */
};

struct runner_options {
	const struct source_settings *settings;
	const struct source_ops *ops;
	const struct runner_pipeline *pipelines; /* copied */
	size_t pipeline_count;
	const struct clock *clock;
	struct budget *budget; /* whose changes wake it, a loan; NULL: none */
};

enum err_code runner_new(const struct runner_options *o, struct runner **ret_r,
			 struct err *e) ATTR_MUST_CHECK;
void runner_free(struct runner *r); /* stopped, or never started */

/* Give pipeline p its ring: before runner_start. The ring's on_room is to call runner_wake. */
void runner_bind(struct runner *r, size_t p, struct ring *ring);

/* Count what is read by its table, "schema.table", in tables: before runner_start. A loan; nothing
 * is counted by default. */
enum { RUNNER_TABLE_READ, RUNNER_TABLE_COUNTERS };
void runner_bind_tables(struct runner *r, struct label_set *tables);

/* Likewise the set of its parked keys: a loan; none by default. Its on_due is to call runner_wake.
 */
void runner_bind_parked(struct runner *r, size_t p, struct parked *parked);

/* Likewise who its tenants are: a loan, none by default. Errors: ERR_NOMEM. */
enum err_code runner_bind_tenants(struct runner *r, size_t p, struct deferral *deferral,
				  struct err *e) ATTR_MUST_CHECK;

enum err_code runner_start(struct runner *r, struct err *e) ATTR_MUST_CHECK;

/* Stop reading; keep acknowledging until runner_stop. */
void runner_quiesce(struct runner *r);

/* Acknowledge what has settled, close, end the thread. Blocks up to statement_timeout. */
void runner_stop(struct runner *r);

/* There is room in a ring, or something else to look at. Any thread, never blocks. */
void runner_wake(struct runner *r);

/* The outbox has something new: read it now, whatever the database says. Any thread, never blocks.
 */
void runner_look(struct runner *r);

/* Where workers put settled events of this source; they set ack.pipeline to the runner's p. */
struct acks *runner_acks(struct runner *r);

/* "<uuid>" of pipeline p, the first part of its event ids; valid while events of p exist. */
const char *runner_install_id(struct runner *r, size_t p);

struct runner_stats {
	enum runner_state state;
	int64_t read_total; /* events */
	int64_t read_bytes;
	int64_t packed; /* of them, compressed while they wait */
	int64_t packed_saved_bytes;
	int64_t acked_total;
	int64_t dead_total;             /* acknowledged as dead letters */
	int64_t purged_total;           /* dead letters removed for their age */
	int64_t delivered_purged_total; /* delivered events, likewise */
	int64_t reads;                  /* read calls */
	int64_t empty_reads;
	int64_t wakeups;  /* by the database */
	int64_t connects; /* successful opens */
	int64_t failures; /* of any call, since start */
	int64_t acks_pending;
	int64_t progress_us;  /* when the loop last went round: for the watchdog */
	char last_error[256]; /* "" while all is well */
	struct source_status source;
};

/* What is not yet in pipeline p's ring, as far as it is known. */
struct runner_backlog {
	int64_t rows; /* in the outbox, what is in the ring too, when the source was inspected; -1:
			 not known */
	int64_t settled; /* total of the ring by then */
	bool more;       /* there is more in the outbox than what was read */
};

/* By value; any thread. */
struct runner_backlog runner_backlog(struct runner *r, size_t p);
struct runner_stats runner_stats(struct runner *r);

/* The last backfill job of pipeline p that this runner knows of; id 0: none. Any thread. */
struct backfill_progress runner_backfill_of(struct runner *r, size_t p);

#endif
