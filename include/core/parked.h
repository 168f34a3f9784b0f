/* SPDX-License-Identifier: MIT */
/*
 * Which keys of one pipeline are parked: have events in the table `parked` of the database, that
 * wait there for their next attempt, or for those before them.
 *
 *     worker                                       runner
 *     parked_ask ── send it                        parked_begin ... parked_opened    after each
 * open ├─ behind: ack, parked_put └─ stale: forget it               parked_pick ─► parked_read ─►
 * parked_load ... parked_make, ack, parked_put    a failure    parked_loaded ─► push into the ring
 *     ack, parked_fail | parked_leave  of loaded   parked_next_wall_us
 *
 * Order, per key:
 *  - what comes from the outbox goes to the receiver only when nothing of its keys is parked, and
 *    is parked itself otherwise;
 *  - what is parked is loaded in the order of seq, and none that comes behind one that waits for
 *    its time: the ring keeps this order;
 *  - when a loaded one fails, those behind it leave the ring unsent. They stay in the database,
 *    and are loaded again with it.
 *
 * A worker pushes an ack first, then says so here, then settles the event in the ring. The runner
 * picks first, then gives all acks to the source, then reads. So what it reads is what became of
 * every event that was settled before, and nobody passes anybody in between.
 *
 * With ORDERING_NONE nothing waits for anything, and each event only for its own time.
 *
 * The database knows the rows; here are their keys, at most max_keys of them, whatever number of
 * rows they have. Every function from any thread, unless it says something else.
 */
#ifndef CORE_PARKED_H
#define CORE_PARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"
#include "core/event.h"
#include "core/parked_lines.h"
#include "core/parked_place.h"

/* What is parked of one pipeline, added up. Hashes are those that acks carried, 0: none. */
struct parked_group {
	uint64_t row_hash[2];
	uint64_t table_hash;
	bool truncate; /* of TRUNCATEs */
	int64_t count;
	int64_t due_wall_us; /* the earliest; 0: none of them has one */
};

enum parked_by {
	PARKED_BY_ROW,   /* one of both row hashes is among hashes */
	PARKED_BY_TABLE, /* the table hash is among hashes */
	PARKED_ALL,
	PARKED_DUE, /* has a due time, and one not after due_wall_us */
};

struct parked_select {
	enum parked_by by;
	const uint64_t *hashes; /* BY_ROW, BY_TABLE; none is 0 */
	size_t hash_count;      /* 1..PARKED_HASHES_MAX */
	int64_t due_wall_us;    /* DUE */
	int64_t after_seq;      /* only rows with a higher parked_seq */
};

struct parked;

/* Called outside of any lock: there is something to load earlier than parked_next_wall_us said.
 * Must not block. */
typedef void (*parked_notify_fn)(void *ctx);

struct parked_options {
	enum ordering ordering;
	const int64_t *steps_us; /* the schedule; a loan */
	size_t step_count;       /* 0: nothing new is parked, and what is, is due at once */
	size_t max_keys;         /* >= 2 */
	size_t max_loaded;       /* events loaded at once; >= 1 */
	parked_notify_fn on_due; /* may be NULL */
	void *on_due_ctx;
};

enum err_code parked_new(const struct parked_options *o, struct parked **ret_p,
			 struct err *e) ATTR_MUST_CHECK;
void parked_free(struct parked *p); /* NULL is fine */

/* ---- for those who send ---- */

enum parked_word {
	PARKED_SEND,   /* it may go */
	PARKED_BEHIND, /* something of its keys is parked: park it, too. parked_put must follow */
	PARKED_STALE,  /* loaded, but one before it failed, or the database was opened anew: forget
			  it,  without an ack; it was accounted for */
	PARKED_LATER,  /* no memory to tell: ask again */
};

/* May ev, which is INFLIGHT, be sent? */
enum parked_word parked_ask(struct parked *p, const struct event *ev);

/* Would parked_ask say PARKED_SEND? Changes nothing: for one that follows others in a request. */
bool parked_would_send(struct parked *p, const struct event *ev);

/* The attempts of ev at the moment are used up. When it waits for its next one, in *ret_wait_us;
 * false: there is none. */
bool parked_next_step(const struct parked *p, const struct event *ev, int64_t *ret_wait_us);

/* ev, from the outbox, is to be parked; parked_put must follow. Errors: ERR_FULL (too many keys: it
 * has to stay in memory; *ret_news: it was not full before), ERR_NOMEM. */
enum err_code parked_make(struct parked *p, const struct event *ev, bool *ret_news) ATTR_MUST_CHECK;

/* The ack that parks ev, from the outbox, is pushed. due_wall_us as in the ack. */
void parked_put(struct parked *p, const struct event *ev, int64_t due_wall_us);

/* The ack of a loaded event is pushed: that it is delivered or dead; or that it failed and waits
 * until due_wall_us. */
void parked_leave(struct parked *p, const struct event *ev);
void parked_fail(struct parked *p, const struct event *ev, int64_t due_wall_us);

/* ---- for the one who reads: one thread ---- */

/* The database was opened, and holds what it holds: forget everything. To be called before the acks
 * of the time before are given, then parked_add for each group, then parked_opened; in
 * between nobody is told that something may be sent. */
void parked_begin(struct parked *p);
enum err_code parked_add(struct parked *p, const struct parked_group *g) ATTR_MUST_CHECK;
void parked_opened(struct parked *p);

/* One read: what to ask for, and what it is for. */
struct parked_pick {
	enum parked_by by;
	uint64_t hashes[PARKED_HASHES_MAX];
	size_t hash_count;
	int64_t after_seq;
	size_t events; /* at most so many */

	/* private */
	uint64_t tables[PARKED_HASHES_MAX];
	int64_t now_us;
	int64_t now_wall_us;
	bool failed; /* for want of memory */
};

/* What is due, if anything, and if there is room for it: false when not. Then the acks are given,
 * the rows are read, each is offered to parked_load in turn, and parked_loaded ends it. */
bool parked_pick(struct parked *p, int64_t now_us, int64_t now_wall_us,
		 struct parked_pick *ret_pick);

/* Whether ev, which was read, goes into the ring. If not, the caller frees it. */
bool parked_load(struct parked *p, struct parked_pick *pick, struct event *ev);

/* ended: there were no more rows than those offered. Also after a read that failed: not ended. */
void parked_loaded(struct parked *p, const struct parked_pick *pick, bool ended);

/* When parked_pick will have something, by the wall clock; 0: now; INT64_MAX: nothing is known of.
 * When that becomes earlier, on_due is called. */
int64_t parked_next_wall_us(struct parked *p);

/* ---- looking ---- */

struct parked_stats {
	int64_t rows; /* in the database, as far as is known here */
	size_t keys;
	size_t max_keys;
	size_t tables;       /* those of which all keys wait for each other */
	size_t loaded;       /* in the ring */
	int64_t due_wall_us; /* the earliest; 0: none waits */
	int64_t parked;      /* totals since parked_new: events that were parked */
	int64_t behind;      /* ... of these, because others of their keys were */
	int64_t unparked;    /* delivered, or dead, after all */
	int64_t refused;     /* stayed in memory, because there were too many keys */
};

struct parked_stats parked_stats(struct parked *p);

#endif
