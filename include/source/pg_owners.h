/* SPDX-License-Identifier: MIT */
/*
 * Which open transactions may still own a missing outbox id, and so which gaps need reading and
 * when they close. Pure bookkeeping: the caller looks into pg_locks.
 *
 * A transaction that took an id holds a RowExclusiveLock on the outbox until its end is visible to
 * everybody. So when, at a time when all ids up to S were taken, the holders were H, a row in a gap
 * below S can appear only when a member of H ends:
 *
 *     ids   1 ........ S1 ........... S2 ........ cursor
 *           owners H1  │  owners H2   │  anybody            H1 = {a}   H2 = {a, b, c}
 *
 * While `a` stays open for an hour, the gaps below S1 are neither read nor closed; when it ends
 * they are read once more, and closed. Their number and width cost nothing in between.
 *
 * All reading of one cycle is of one snapshot. Which regions it may leave out is decided by a look
 * at the holders that is younger than the snapshot: who still holds cannot be visible in it. What
 * may close is decided by a look that is older, the last cycle's: who was gone then is visible.
 *
 * Not thread-safe; owned by the source's thread.
 */
#ifndef SOURCE_PG_OWNERS_H
#define SOURCE_PG_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A transaction: "backend/local" of pg_locks.virtualtransaction as backend << 32 | local. The
 * backend of a prepared one may be -1, which makes it negative. */
typedef int64_t pg_owner;

/* Parse pg_locks.virtualtransaction. Returns false when it is no open transaction: "5/0" is one
 * whose end is visible already. */
bool pg_owner_parse(const char *virtualtransaction, pg_owner *ret_owner);

#define PG_OWNERS_MARKS 8

/* Holders at some time, when all ids up to `upto` had been taken. */
struct pg_owners_look {
	int64_t upto; /* 0: there was no look */
	pg_owner *holders;
	size_t count;
};

struct pg_owners {
	struct pg_owners_look marks[PG_OWNERS_MARKS]; /* rising */
	bool shrunk[PG_OWNERS_MARKS];                 /* at the last look: a holder has gone */
	size_t count;
	struct pg_owners_look before; /* older than this cycle's snapshot */
	struct pg_owners_look now;    /* younger than it */
};

void pg_owners_init(struct pg_owners *o);
void pg_owners_done(struct pg_owners *o);

/* Forget everything: nothing is known about any gap. */
void pg_owners_reset(struct pg_owners *o);

/* A cycle of reading begins: its snapshot is yet to be taken. */
void pg_owners_begin(struct pg_owners *o);

/* The snapshot has been taken; these are the holders now. At most once a cycle. holders (made with
 * mem_alloc) is the callee's from here on. upto: a cursor from before the snapshot, > 0. */
void pg_owners_look(struct pg_owners *o, int64_t upto, pg_owner *holders, size_t n);

/* After a look: can the snapshot show a row, not yet read, in a gap that ends at hi? */
bool pg_owners_may_fill(const struct pg_owners *o, int64_t hi);

/* All gaps have been read with the snapshot; after a look, those for which may_fill was true.
 * Returns the id up to which gaps may be closed; 0: none. Out of memory only makes gaps close
 * later. */
int64_t pg_owners_settle(struct pg_owners *o);

#endif
