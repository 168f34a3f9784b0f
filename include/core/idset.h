/* SPDX-License-Identifier: MIT */
/*
 * A set of positive ids. Grows with what is in it, which its owner bounds, and shrinks again.
 * Not thread-safe.
 */
#ifndef CORE_IDSET_H
#define CORE_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* All zero: empty. */
struct idset {
	int64_t *slots; /* 0: empty */
	size_t size;    /* of slots: 0 or a power of two */
	size_t count;
};

/* Free the memory; s is empty and may be used again. */
void idset_done(struct idset *s);

/* Make sure that one more id can be added. Errors: ERR_NOMEM (nothing changed). */
enum err_code idset_reserve(struct idset *s) ATTR_MUST_CHECK;

/* Add id (> 0), which is not in s; cannot fail after idset_reserve. */
void idset_add(struct idset *s, int64_t id);

/* Remove id if it is there. May shrink s. */
void idset_remove(struct idset *s, int64_t id);

bool idset_has(const struct idset *s, int64_t id);

#endif
