/* SPDX-License-Identifier: MIT */
/*
 * From the table `parked` into the ring: what core/parked.h picks. Owned by the runner's thread. A
 * pipe without a set of parked keys has nothing to do here.
 */
#ifndef SOURCE_RUNNER_PARK_H
#define SOURCE_RUNNER_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "source/runner_pipe.h"
#include "source/source.h"

/* The source was opened: forget what was known, before the acks of the time before are given. */
void runner_park_begin(struct runner_pipe *p);

/* After these acks: learn what is parked. Errors: of the source; ERR_NOMEM. */
enum err_code runner_park_list(struct runner_pipe *p, struct source *s,
			       struct err *e) ATTR_MUST_CHECK;

/* Is anything due, and is there room? Then all acks are given to the source, and runner_park_read
 * follows, or runner_park_cancel. */
bool runner_park_pick(struct runner_pipe *p, const struct clock *clock,
		      struct parked_pick *ret_pick);
/* Read what was picked into the pipe's events, which are empty. Errors: of the source. */
enum err_code runner_park_read(struct runner_pipe *p, struct source *s, struct parked_pick *pick,
			       struct err *e) ATTR_MUST_CHECK;
void runner_park_cancel(struct runner_pipe *p, const struct parked_pick *pick);

/* When to look again; INT64_MAX: when something else happens. */
int64_t runner_park_due_us(const struct runner_pipe *p, const struct clock *clock);

#endif
