/* SPDX-License-Identifier: MIT */
/*
 * The tenants of a pipeline: whose rows are in its ring, how many they may be, and what was left
 * behind of them in the outbox (core/deferral.h). By name, bounded: those with a quota of their own
 * always have a place; the others give up theirs, longest unused first, when they have nothing in
 * the ring and nothing left behind. When there is no place, they share one called `other`, with one
 * quota; and as long as something of that one is left behind, whoever is new belongs to it, for it
 * is not known whose rows those are.
 *
 * Owned by the reader's thread, except for the shares and tenants_stats.
 */
#ifndef CORE_TENANTS_H
#define CORE_TENANTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "config/tenant_quota.h"
#include "core/share.h"

#define TENANT_NAME_BYTES 64
#define TENANTS_MAX 4096
#define TENANTS_TOLD 20 /* by name in the statistics */

struct tenant {
	struct share share;
	char name[TENANT_NAME_BYTES + 1]; /* the beginning of a longer one; "" is one as well */
	uint64_t hash;
	uint16_t index;       /* from 1 */
	bool is_named;        /* has a quota of its own */
	size_t quota_events;  /* >= 1 */
	size_t quota_bytes;   /* one event may be larger, when it is alone */
	struct tenant *chain; /* of the same bucket */
	struct tenant *newer; /* by use */
	struct tenant *older;

	/* core/deferral.h's: what is left behind */
	int64_t from;      /* no row of it is left below; 0: none is at all */
	int64_t upto;      /* the last one left */
	uint64_t pass;     /* the last read in which one was left */
	uint16_t tied_to;  /* the row at `from` waits for this one's; 0: it does not */
	size_t need_bytes; /* of the row at `from`; 0: it is not known */
	struct tenant *next_left;
	struct tenant *prev_left;

	atomic_llong taken; /* totals of events */
	atomic_llong left;
};

/* Who has another quota than the default. */
struct tenant_quota {
	const char *name;
	int64_t quota;
};

struct tenants_options {
	size_t capacity; /* of the ring */
	size_t max_bytes;
	int64_t quota;                    /* by default */
	const struct tenant_quota *named; /* a loan for the call */
	size_t named_count;
	size_t max; /* how many are told apart, beside the named ones; at most TENANTS_MAX in all */
};

struct tenants;

/* Errors: ERR_NOMEM. */
enum err_code tenants_new(const struct tenants_options *o, struct tenants **ret_t,
			  struct err *e) ATTR_MUST_CHECK;
void tenants_free(struct tenants *t);

/* Whose name is that? Never NULL; a loan until the next call, longer as long as the tenant has
 * something in the ring or left behind. */
struct tenant *tenants_find(struct tenants *t, struct text name);

/* By its index; NULL: there is none. */
struct tenant *tenants_at(struct tenants *t, uint16_t index);

/* Half of the ring, which whoever is over its quota may use while nobody else waits. */
size_t tenants_half_events(const struct tenants *t);
size_t tenants_half_bytes(const struct tenants *t);
/* What all have in the ring. */
struct share *tenants_all(struct tenants *t);

struct tenant_stats {
	char name[TENANT_NAME_BYTES + 1];
	int64_t taken; /* totals */
	int64_t left;
	int64_t inside; /* now in the ring */
};

struct tenants_stats {
	size_t known;
	size_t told; /* of tenants: those with the most taken and left, first */
	struct tenant_stats tenants[TENANTS_TOLD];
	struct tenant_stats others; /* the sum of all the rest, forgotten ones too */
};

/* Any thread. */
void tenants_stats(struct tenants *t, struct tenants_stats *ret_st);

#endif
