/* SPDX-License-Identifier: MIT */
/*
 * Which outbox ids a reader has seen: everything up to a cursor except some gaps; and which of the
 * seen ones are outstanding, that is, not yet acknowledged in the database.
 *
 *     ids   1 2 3 4 5 6 7 8 9 ...
 *           ■ ■ · ■ ■ · · ■            cursor = 8, gaps = [3,3] [6,7]
 *
 * Ids are handed out before commit, so a gap is a transaction that is still open, was rolled back,
 * or commits later than its neighbours: 42-45 % of the rows under ordinary load. A reader that only
 * looks above the cursor loses those. It reads `id > cursor` and then, in the same snapshot or a
 * later one, the gaps, before it hands anything on: a newer change of a key must not overtake a
 * late one.
 *
 * A gap shrinks when its row arrives, and is closed when no transaction that could own it is left;
 * how to know that differs by database and is the source's matter. At most max_gaps are
 * kept apart; beyond that neighbours are merged, so a gap may span ids that were seen. That is
 * harmless: acknowledged rows are gone from the outbox, and outstanding ones are recognised here.
 *
 * Not thread-safe; owned by the source's thread.
 */
#ifndef CORE_POSITION_H
#define CORE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct position_gap {
	int64_t lo; /* first missing id */
	int64_t hi; /* last missing id, >= lo */
};

struct position;

/* Nothing seen: cursor 0. max_gaps >= 2. */
enum err_code position_new(size_t max_gaps, struct position **ret_p, struct err *e) ATTR_MUST_CHECK;
void position_free(struct position *p);

/* Back to cursor 0, no gaps, nothing outstanding. */
void position_reset(struct position *p);

/* A row with this id (> 0) was read; the cursor or a gap moves. *ret_new is true when it is new: it
 * is now outstanding; false when it is outstanding already and is to be skipped. An id below the
 * cursor that is neither in a gap nor outstanding is new too: rather twice than never. Errors:
 * ERR_NOMEM (nothing changed). */
enum err_code position_see(struct position *p, int64_t id, bool *ret_new,
			   struct err *e) ATTR_MUST_CHECK;

/* id is in the ring or with a worker though it was not read since position_reset: after a
 * reconnect. Errors: ERR_NOMEM. */
enum err_code position_hold(struct position *p, int64_t id, struct err *e) ATTR_MUST_CHECK;

/* The row of id is gone from the outbox (acknowledged). Unknown ids are fine. */
void position_forget(struct position *p, int64_t id);

/* Was the row of id read, or held, and not yet acknowledged? */
bool position_is_outstanding(const struct position *p, int64_t id);

/* These n rows were seen and are not taken: they are outstanding no longer, and whoever wants them
 * reads them again. No row with an id below from is left so; INT64_MAX: none is (any more). */
void position_leave(struct position *p, const int64_t *ids, size_t n, int64_t from);

/* May the row of id have been left so? */
bool position_is_left(const struct position *p, int64_t id);

/* May the row of id still be read: is it above the cursor or in a gap? */
bool position_is_missing(const struct position *p, int64_t id);

int64_t position_cursor(const struct position *p);

/* The gaps, rising; a loan until the next change. */
const struct position_gap *position_gaps(const struct position *p, size_t *ret_count);

/* No row with an id <= upto can appear any more that was not read: drop what gaps lie there. */
void position_close_gaps(struct position *p, int64_t upto);

struct position_stats {
	int64_t cursor;
	size_t gaps;
	size_t outstanding;
	int64_t late; /* total of rows that arrived in a gap */
};

struct position_stats position_stats(const struct position *p);

#endif
