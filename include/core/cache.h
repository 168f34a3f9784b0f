/* SPDX-License-Identifier: MIT */
/*
 * A bounded cache: what is in it can be had again elsewhere, for more. An entry goes
 *
 *   - when it is older than ttl_us, however often it was used;
 *   - when nobody asked for it for idle_us;
 *   - when there is no room: the one that was not asked for the longest goes first;
 *   - with all others, when memory is short (core/budget.h, from the level alert on).
 *
 * Every function may be called from any thread. Time is given by the caller and never goes back.
 */
#ifndef CORE_CACHE_H
#define CORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "core/budget.h"

struct cache;

struct cache_options {
	size_t max_entries;    /* >= 1 */
	size_t max_bytes;      /* of keys, values and what is kept with them */
	int64_t ttl_us;        /* > 0 */
	int64_t idle_us;       /* > 0; no more than ttl_us means something */
	struct budget *budget; /* a loan, charged as BUDGET_CACHE; NULL: none */
};

enum err_code cache_new(const struct cache_options *o, struct cache **ret_c,
			struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void cache_free(struct cache *c);

/* Copy the value of key, which has size bytes, to *value; false: it is not there. */
bool cache_get(struct cache *c, struct text key, int64_t now_us, void *value, size_t size);

/* Keep size bytes for key, in place of what it had. Without room or memory nothing is kept. */
void cache_put(struct cache *c, struct text key, const void *value, size_t size, int64_t now_us);

void cache_clear(struct cache *c);

/* Let go of what is too old or idle; the calls above do so too, for as much as they meet. */
void cache_tidy(struct cache *c, int64_t now_us);

struct cache_stats {
	int64_t entries;
	int64_t bytes;
	int64_t hits; /* totals from here on */
	int64_t misses;
	int64_t expired; /* too old */
	int64_t idled;   /* not asked for */
	int64_t evicted; /* for want of room */
	int64_t cleared; /* for want of memory, or by cache_clear */
};

struct cache_stats cache_stats(struct cache *c);

#endif
