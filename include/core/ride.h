/* SPDX-License-Identifier: MIT */
/*
 * Who may go in a request that is being put together: whoever is ready, and whoever waits only for
 * those that are in it already.
 *
 *     ready   [7]      [8]
 *     behind   └► [9]   └► [12]
 *             [10] ready ─► [11], which is also behind 12
 *
 *     taken: 7 8 9 10, then 12, then 11: by age, and none before one that it waits for
 *
 * Nobody follows through a gate: a barrier that a gate holds goes alone. A plain value, not
 * thread-safe.
 */
#ifndef CORE_RIDE_H
#define CORE_RIDE_H

#include <stdint.h>

#include "core/event.h"
#include "core/heap.h"
#include "core/ready.h"

struct ride {
	uint64_t number; /* of this request; each event knows of one */
	struct ready *ready;
	struct heap followers;
};

/* number: higher than any before; ready is a loan until ride_end. */
void ride_begin(struct ride *r, uint64_t number, struct ready *ready);

/* Who is next, NULL when nobody is. */
struct event *ride_peek(const struct ride *r);

/* Take out whom ride_peek tells: those behind may follow. */
struct event *ride_take(struct ride *r);

/* Whoever was not taken stays where he was. */
void ride_end(struct ride *r);

#endif
