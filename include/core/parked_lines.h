/* SPDX-License-Identifier: MIT */
/*
 * The lines of one pipeline's parked events: what is loaded together, one behind the other.
 *
 *     keys of rows      line
 *     ────────────      ───────────────────────────────────────
 *     k1 ─────────────► waits until 12:05
 *     k2 ──┐
 *     k3 ──┴──────────► loaded: 3 in the ring, more in the database      an UPDATE made k3 of k2
 *
 *     table t ────────► a whole table: all of its keys are one line
 *
 * A table becomes a line of its own when one of its TRUNCATEs is parked, when a line would have
 * more than PARKED_HASHES_MAX keys, and when there are too many keys to keep them apart. That costs
 * its other rows some waiting, and bounds the memory.
 *
 * Inside of core/parked.h, which holds the lock.
 */
#ifndef CORE_PARKED_LINES_H
#define CORE_PARKED_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/keymap.h"
#include "core/parked_place.h"

#define PARKED_HASHES_MAX 64 /* of one read */

struct parked_table;

struct parked_line {
	struct parked_table *table;
	struct parked_line *next; /* all of them */
	struct parked_line *prev;
	uint64_t first; /* its keys; a whole table has none */
	uint64_t *rest;
	uint32_t key_count;
	uint32_t rest_size;
	uint32_t pins;       /* parks under way: it must not go away */
	uint32_t loaded;     /* events in the ring */
	bool more;           /* the database may have rows of it that are not loaded */
	bool dirty;          /* rows came since the read under way began */
	bool loading;        /* a read is under way */
	bool stopped;        /* ... and what follows in it is not to be loaded */
	bool broken;         /* one that was loaded failed: those behind it leave the ring */
	int64_t due_wall_us; /* when to read next; 0: as soon as nothing is loaded */
	int64_t drained_us;  /* what was read from the outbox later is in the ring behind all that
				the database had of it; only while more is false; 0: not known */
	size_t heap_at;      /* SIZE_MAX: not waiting */
};

struct parked_table {
	uint64_t key;
	size_t line_count;
	struct parked_line *whole; /* NULL: its lines are by row */
};

struct parked_lines {
	bool by_table; /* every table is one line */
	size_t max_keys;
	struct keymap rows;   /* of lines by row: key to line */
	struct keymap tables; /* to struct parked_table */
	struct parked_line *all;
	size_t line_count;
	size_t whole_count;
	struct parked_line **heap; /* those that wait, by due time */
	size_t heap_count;
	size_t heap_size;
};

void parked_lines_done(struct parked_lines *ls);

/* The line that an event at this place has to wait for, or is loaded with; several become one.
 * *ret_line is NULL when nothing of its keys is parked; a loan until the next change. Errors:
 * ERR_NOMEM (nothing changed that matters). */
enum err_code parked_lines_join(struct parked_lines *ls, const struct parked_place *at,
				struct parked_line **ret_line) ATTR_MUST_CHECK;

/* The same, and a new line when there is none: to be pinned or given rows, and then updated.
 * Errors: ERR_NOMEM; ERR_FULL: that would be too many keys. */
enum err_code parked_lines_make(struct parked_lines *ls, const struct parked_place *at,
				struct parked_line **ret_line) ATTR_MUST_CHECK;

/* Let the whole table be one line, as parked_lines_make. Errors: ERR_NOMEM (nothing changed). */
enum err_code parked_lines_widen(struct parked_lines *ls, uint64_t table,
				 struct parked_line **ret_line) ATTR_MUST_CHECK;

/* Only look, without making anything one. NULL: none. */
struct parked_line *parked_lines_find(const struct parked_lines *ls, const struct parked_place *at);

/* l was changed: let it wait, or not, or go away. Returns whether it waits since now, or for
 * another time. */
bool parked_lines_update(struct parked_lines *ls, struct parked_line *l);

/* The one that is due first of those that wait; NULL: none. */
struct parked_line *parked_lines_first(const struct parked_lines *ls);

/* Forget all but those with pins, of which nothing is known any more. */
void parked_lines_clear(struct parked_lines *ls);

/* Key i of l. */
static inline uint64_t parked_line_key(const struct parked_line *l, size_t i)
{
	return i ? l->rest[i - 1] : l->first;
}

#endif
