/* SPDX-License-Identifier: MIT */
/*
 * What one tenant has of a ring: events and bytes that were taken for it and have not left, and its
 * turn among the others. A plain value inside core/tenants.h.
 *
 * Turns are start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM 1996) without its rounding: an
 * event's turn is one step of its tenant behind the tenant's last, or behind the ring's present
 * turn when that is later; the ring sends the lowest turn first. A tenant with a thousand events
 * inside thus stands in nobody's way, and steps are the shorter the larger its quota is.
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct share {
	atomic_size_t events;
	atomic_size_t bytes;
	atomic_bool wanted; /* somebody waits for room */
	atomic_size_t wanted_events;
	atomic_size_t wanted_bytes;
	struct share *all; /* what all tenants have together; NULL in that one */
	int64_t step;      /* from one turn to the next, >= 1 */
	int64_t turn;      /* of the last event; under the ring's lock */
};

/* One more event. Any thread. */
void share_take(struct share *s, size_t bytes);

/* One of them has so many bytes less now. Any thread. */
void share_shrink(struct share *s, size_t bytes);

/* One less; true: the room somebody waits for is there. Any thread. */
bool share_give_back(struct share *s, size_t bytes);

/* Are there no more than so many inside? If not, a share_give_back will tell when that is so. */
bool share_is_down_to(struct share *s, size_t events, size_t bytes);

#endif
