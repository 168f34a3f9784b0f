/* SPDX-License-Identifier: MIT */
/*
 * The end of events that were delivered.
 */
#ifndef SINK_DELIVERED_H
#define SINK_DELIVERED_H

#include "sink/pool.h"

/* Acknowledge the list of ev->also, all INFLIGHT, let it leave pp's ring, and free it. Any thread.
 */
void delivered_finish(const struct pool_pipeline *pp, struct event *list);

#endif
