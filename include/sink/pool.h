/* SPDX-License-Identifier: MIT */
/*
 * The worker pool: pool_size threads, each an epoll loop over a curl multi handle of its own, which
 * take ready events from the rings in turn and settle them.
 *
 *     ring A ─┐            ┌─ worker 0: [easy][easy][easy] ─► webhook 1
 *     ring B ─┼─ in turn ──┼─ worker 1: [easy][easy]       ─► webhook 2
 *     ring C ─┘            └─ ...
 *
 * A worker takes at most ceil(max_in_flight / pool_size) of one webhook, or 32 where that is more,
 * so that the work spreads, but not thinner than pays; an idle worker is woken only when those
 * awake have left something ready.
 */
#ifndef SINK_POOL_H
#define SINK_POOL_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/acks.h"
#include "core/parked.h"
#include "core/ring.h"
#include "sink/webhook.h"

struct archive_stats;
struct archiving;
struct budget;
struct pool;

/* One pipeline as the workers see it; everything is a loan for the pool's life. */
struct pool_pipeline {
	const char *name;
	const char *install_id;               /* read when an event is sent */
	const struct source_settings *source; /* NULL: unknown */
	struct ring *ring;                    /* NULL at pool_new: set by pool_bind */
	struct parked *parked;                /* likewise, by pool_bind_parked; NULL: none */
	struct webhook *webhook;
	struct archiving *archive; /* the pool's own; NULL: none */
	struct acks *acks;         /* where settled events go */
	uint32_t ack_pipeline;     /* ack.pipeline to set */
};

struct pool_options {
	size_t workers;                        /* >= 1 */
	const struct pool_pipeline *pipelines; /* copied */
	size_t pipeline_count;
	const struct clock *clock;
	struct budget *budget; /* a loan; NULL: none */
};

enum err_code pool_new(const struct pool_options *o, struct pool **ret_p,
		       struct err *e) ATTR_MUST_CHECK;
void pool_free(struct pool *p);

/* Give pipeline i its ring; before pool_start. The ring's on_ready is to call pool_wake. */
void pool_bind(struct pool *p, size_t i, struct ring *ring);

/* The set of its parked keys; before pool_start. */
void pool_bind_parked(struct pool *p, size_t i, struct parked *parked);

/* Start the archives and the workers. Errors: ERR_NOMEM, ERR_IO; ERR_BUSY, ERR_CONFIG (as
 * archive_start). */
enum err_code pool_start(struct pool *p, struct err *e) ATTR_MUST_CHECK;

/* Of pipeline i, whose path is in *ret_path, a loan; false: it has no archive. Any thread. */
bool pool_archive_stats(struct pool *p, size_t i, struct archive_stats *ret_s,
			const char **ret_path);

/* Take nothing more; give requests in flight until deadline_us (monotonic) to finish, then abort
 * them (their events go back to the ring), and join the workers; then give the archives until then
 * to write what they have. */
void pool_stop(struct pool *p, int64_t deadline_us);

/* Something is ready in a ring. Any thread, never blocks, cheap when all workers are awake. */
void pool_wake(struct pool *p);

struct pool_stats {
	size_t workers;
	size_t busy; /* with at least one request in flight */
	size_t in_flight;
	int64_t connections; /* opened since start */
	int64_t passes;      /* times that a worker looked for something to send */
	int64_t progress_us; /* the oldest time at which a worker last went round its loop */
};

struct pool_stats pool_stats(struct pool *p);

#endif
