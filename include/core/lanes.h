/* SPDX-License-Identifier: MIT */
/*
 * A map from a 64-bit key to a lane: a line of events that go one after the other. The ring has two
 * of these, one for what must keep its order and one for the tables (core/gate.h).
 *
 * The key is a hash of names and values, and the only thing compared: two row keys with equal
 * hashes share a lane, which costs them some concurrency and nothing else.
 *
 * Not thread-safe. Grows with the lanes in use, which its owner bounds, and shrinks again.
 */
#ifndef CORE_LANES_H
#define CORE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "core/event.h"

struct lane {
	uint64_t key; /* 0: this slot is empty */
	struct event *head;
	struct event *tail;
	uint32_t count; /* a table's: events past the gate */
	bool shut;      /* a table's: the one past the gate is a barrier */
};

/* All zero: empty. */
struct lanes {
	struct lane *slots;
	size_t size; /* of slots: 0 or a power of two */
	size_t count;
};

void lanes_done(struct lanes *m);

/* The hash of t, continuing from hash (to begin: a seed). Never 0. "No value" and the empty string
 * differ. */
uint64_t lanes_hash(uint64_t hash, struct text t);

/* Make sure that n lanes can be added. Errors: ERR_NOMEM (nothing changed). */
enum err_code lanes_reserve(struct lanes *m, size_t n) ATTR_MUST_CHECK;

/* The lane of key, NULL when there is none; a loan until the next change of m. */
struct lane *lanes_find(const struct lanes *m, uint64_t key);

/* The lane of key, made empty when there was none; cannot fail after lanes_reserve. A loan until
 * the next change of m. */
struct lane *lanes_add(struct lanes *m, uint64_t key);

/* Remove a lane of m. May shrink m. */
void lanes_remove(struct lanes *m, struct lane *l);

/* Remove all. */
void lanes_clear(struct lanes *m);

#endif
