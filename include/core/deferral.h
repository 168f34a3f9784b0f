/* SPDX-License-Identifier: MIT */
/*
 * Which rows of the outbox are taken into the ring and which are left behind, so that a tenant
 * with many rows does not keep the others from being reached.
 *
 *     outbox   a a a a a a a a b a a a c a ...          a is over its quota from the 4th row on
 *     news     T T T L L L L L T L L L T L ──► cursor   T taken, L left: a.from = 4th
 *     again          T T L ...                          when a has room: a.from = 6th
 *
 * Reading goes on past the rows of a tenant that is over its quota (news); they stay in the outbox
 * and are freed. Of each tenant only the lowest id left behind is remembered, and from there its
 * rows are read a second time when it has room (again); what else that read finds is taken or left
 * like any other row.
 *
 * Rules, which hold at every moment:
 *  - while a row of a tenant is left behind, every later row of it is left behind as well;
 *  - a row whose key may have been left behind by another tenant (core/tenant_guard.h) is left
 *    behind, until that one has got past it: so a row that moves from a tenant to another, or a key
 *    that is deleted by one and inserted by another, stays in order;
 *  - a TRUNCATE is a wall: it and all that comes after it wait until nothing before it is left;
 *  - a tenant that is over its quota is given nothing while another one has rows left behind, and
 *    never makes the ring more than half full. Within its quota it is given what it asks for.
 *
 * The memory is bounded whatever is left behind. Owned by the reader's thread, except for
 * deferral_stats.
 */
#ifndef CORE_DEFERRAL_H
#define CORE_DEFERRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"
#include "core/event.h"
#include "core/tenants.h"

struct deferral;

struct deferral_options {
	struct tenants_options tenants;
	const char *column; /* a loan for the deferral's life */
	enum ordering ordering;
};

enum err_code deferral_new(const struct deferral_options *o, struct deferral **ret_d,
			   struct err *e) ATTR_MUST_CHECK;
/* The rings that got events from it are gone. */
void deferral_free(struct deferral *d);

/* The connection was lost: everything will be read from the beginning. */
void deferral_reset(struct deferral *d);

/* ---- what to read next ---- */

struct deferral_read {
	int64_t from;  /* 0: what is new; else from this id on, again */
	size_t events; /* with from: so many are wanted */
	size_t bytes;
};

/* What is worth a read now; false: nothing. Asking changes nothing: turns are taken by
 * deferral_begin, for the last answer. is_more: there may be something new. When something is
 * left behind whose tenant has no room, its share tells once there is. */
bool deferral_next(struct deferral *d, bool is_more, struct deferral_read *ret_read);

/* ---- one read ---- */

/* Before the events of a read of r are looked at. may_leave: false when the source cannot return
 * them a second time; then no tenant is deferred that is not already. */
void deferral_begin(struct deferral *d, const struct deferral_read *r, bool may_leave);

/* In the order in which they were read: is ev taken? Then ev->share is set, and charged, until
 * share_give_back. If not, it is the caller's to forget. */
bool deferral_takes(struct deferral *d, struct event *ev);

/* All events of the read have been looked at, and all rows below next. */
void deferral_end(struct deferral *d, int64_t next);

/* An event that is taken whatever the quota is: one that was parked. */
void deferral_charge(struct deferral *d, struct event *ev);

/* No row below is left behind; INT64_MAX: none at all. */
int64_t deferral_floor(const struct deferral *d);

/* ---- looking ---- */

struct deferral_stats {
	int64_t left;     /* total of rows left behind, each time one was */
	int64_t again;    /* total of rows that were read again */
	int64_t deferred; /* tenants with rows left behind, now */
	bool walled;      /* a TRUNCATE waits */
	struct tenants_stats tenants;
};

/* Any thread. */
void deferral_stats(struct deferral *d, struct deferral_stats *ret_st);

#endif
