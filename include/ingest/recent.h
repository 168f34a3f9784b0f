/* SPDX-License-Identifier: MIT */
/*
 * The idempotency keys that were stored lately, in memory: a client that repeats a request has its
 * answer without the store. What is not here is asked there; what is here is durable. Any thread.
 */
#ifndef INGEST_RECENT_H
#define INGEST_RECENT_H

#include <stdint.h>

#include "base/clock.h"
#include "config/settings.h"
#include "core/budget.h"
#include "core/cache.h"
#include "source/inlet.h"

/* However long the window is, a key is not kept longer, nor longer than this without a question. */
#define RECENT_MAX_US (600 * CLOCK_US_PER_S)
#define RECENT_IDLE_US (120 * CLOCK_US_PER_S)

struct recent;

/* *ret_r is NULL when the settings want none. Errors: ERR_NOMEM. */
enum err_code recent_new(const struct ingest_settings *s, struct budget *budget,
			 const struct clock *clock, struct recent **ret_r,
			 struct err *e) ATTR_MUST_CHECK;
void recent_free(struct recent *r);

/* STORED: nothing is known of it. r may be NULL, here and below. */
struct inlet_begun recent_find(struct recent *r, size_t inlet, const struct inlet_request *q);

/* Let go of what is old: call now and then. */
void recent_tidy(struct recent *r);

/* It is durable, with so many events. */
void recent_note(struct recent *r, size_t inlet, const struct inlet_request *q, int64_t events);

struct cache_stats recent_stats(struct recent *r);

#endif
