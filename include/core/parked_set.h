/* SPDX-License-Identifier: MIT */
/*
 * The parked keys, inside: what parked.c (for those who send) and parked_load.c (for the one who
 * reads) share.
 */
#ifndef CORE_PARKED_SET_H
#define CORE_PARKED_SET_H

#include <stdatomic.h>

#include "base/thread.h"
#include "core/parked.h"

/* With ORDERING_NONE: one pass over all that is due. */
struct parked_sweep {
	bool running; /* more pages are to be read */
	bool all;     /* what has no time of its own, too: the first one after an open */
	bool any;     /* found something */
	int64_t after_seq;
	int64_t due_wall_us;  /* of those seen that were not due; INT64_MAX */
	int64_t last_wall_us; /* none is due later, as far as is known */
};

struct parked {
	struct parked_options o;
	atomic_bool is_quiet; /* no line, and that is certain: to ask without a lock */

	struct mutex lock; /* of what follows */
	struct parked_lines lines;
	struct parked_sweep sweep;
	int64_t epoch;
	size_t loaded;
	bool is_unknown; /* between parked_begin and parked_opened */
	bool is_full;
	int64_t told_wall_us; /* what parked_next_wall_us said last */
	struct parked_stats stats;
};

static inline bool parked_is_unordered(const struct parked *p)
{
	return p->o.ordering == ORDERING_NONE;
}

/* Without a schedule nothing waits any longer. */
static inline int64_t parked_due_of(const struct parked *p, int64_t due_wall_us)
{
	return p->o.step_count ? due_wall_us : 0;
}

/* The place of ev, as far as the lines are to know it. */
struct parked_place parked_place_in(const struct parked *p, const struct event *ev);

/* After every change of l, which may be gone then. Returns whether parked_tell is to be called once
 * the lock is released. */
bool parked_update_locked(struct parked *p, struct parked_line *l);
void parked_tell(const struct parked *p, bool news);

bool parked_has_room_locked(const struct parked *p);

#endif
