/* SPDX-License-Identifier: MIT */
/*
 * What the workers have to do with a pipeline's archive: beside a webhook it gets what the receiver
 * has taken; alone it gets all that is ready, and the pipeline sends nothing.
 *
 *     beside   ring ─► request ─► 2xx ─► archive ─► acknowledged
 *     alone    ring ───────────────────► archive ─► acknowledged
 */
#ifndef SINK_ARCHIVING_H
#define SINK_ARCHIVING_H

#include <stdbool.h>

#include "base/clock.h"
#include "sink/archive.h"
#include "sink/pool.h"

struct archiving;

/* For pp, which has ring and parked; a loan, as is pool, which is woken. Errors: as archive_new. */
enum err_code archiving_new(struct pool *pool, const struct pool_pipeline *pp,
			    const struct clock *clock, struct budget *budget,
			    struct archiving **ret_a, struct err *e) ATTR_MUST_CHECK;
void archiving_free(struct archiving *a);

/* As archive_start and archive_stop. */
enum err_code archiving_start(struct archiving *a, struct err *e) ATTR_MUST_CHECK;
void archiving_stop(struct archiving *a, int64_t deadline_us);

/* Is there no receiver? */
bool archiving_is_all(const struct archiving *a);
/* May more be sent to the receiver? */
bool archiving_may_send(struct archiving *a);
/* The receiver has taken the list, which is INFLIGHT. */
void archiving_put(struct archiving *a, struct event *list);

/* Alone: what ring_take_batch is to look for. */
struct ring_batch archiving_batch(const struct archiving *a);
/* Alone: hand over what is ready. */
void archiving_take(struct archiving *a, int64_t now_us);

struct archive_stats archiving_stats(struct archiving *a);
const char *archiving_path(const struct archiving *a);

#endif
