/* SPDX-License-Identifier: MIT */
/*
 * What the workers have to do with the parked keys of a pipeline (core/parked.h). A pipeline
 * without a set of them parks nothing.
 */
#ifndef SINK_PARK_H
#define SINK_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "sink/pool.h"

/* Of those that were taken from pp's ring, as a list by also: those that may be sent, as a list;
 * NULL: none. The others are parked behind something of their keys, or were loaded in vain and are
 * forgotten, or are in the ring again because they come behind one of these. */
struct event *park_sift(const struct pool_pipeline *pp, const struct clock *clock,
			struct event *list);

/* Would one more failure of ev, and those that were held, use up its attempts? Once it is parked:
 * all steps of the schedule. */
bool park_is_last(const struct pool_pipeline *pp, const struct event *ev);

/* Has ev used up its attempts, the one that just failed included? */
bool park_is_exhausted(const struct pool_pipeline *pp, const struct event *ev);

enum park_word {
	PARK_DONE,  /* the ack is pushed: settle it in the ring, as EVENT_PARKED */
	PARK_NEVER, /* there is no further step: it is dead */
	PARK_HERE,  /* too many keys are parked: it waits in the ring, until *ret_due_us */
	PARK_NOMEM,
};

/* ev, alone in its request, has used up its attempts. */
enum park_word park_event(const struct pool_pipeline *pp, const struct clock *clock,
			  struct event *ev, int64_t *ret_due_us);

/* The ack of ev is pushed: delivered, or dead. */
void park_left(const struct pool_pipeline *pp, const struct event *ev);

#endif
