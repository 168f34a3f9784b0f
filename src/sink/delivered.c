/* SPDX-License-Identifier: MIT */
/*
 * The acknowledgement is pushed before ring_settle: see settle.c.
 */
#include "sink/delivered.h"

#include "sink/park.h"

void delivered_finish(const struct pool_pipeline *pp, struct event *list)
{
	struct ack ack = {.pipeline = pp->ack_pipeline, .outcome = ACK_DELIVERED};
	struct event *ev, *also;

	for (ev = list; ev; ev = ev->also) {
		ack.id = ev->f.id;
		ack.from_parked = ev->f.parked;
		acks_push(pp->acks, &ack);
		park_left(pp, ev);
	}
	ring_settle(pp->ring, list, EVENT_DELIVERED);
	for (ev = list; ev; ev = also) {
		also = ev->also;
		event_free(ev);
	}
}
