/* SPDX-License-Identifier: MIT */
/*
 * A map from a 64-bit key, which is a hash already, to a pointer. Grows with what is in it, which
 * its owner bounds, and shrinks again. Not thread-safe.
 */
#ifndef CORE_KEYMAP_H
#define CORE_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct keymap_slot {
	uint64_t key; /* 0: empty */
	void *value;  /* never NULL */
};

/* All zero: empty. */
struct keymap {
	struct keymap_slot *slots;
	size_t size; /* of slots: 0 or a power of two */
	size_t count;
};

void keymap_done(struct keymap *m);

/* Make sure that n keys can be added. Errors: ERR_NOMEM (nothing changed). */
enum err_code keymap_reserve(struct keymap *m, size_t n) ATTR_MUST_CHECK;

/* What key maps to, NULL when it is not there or 0. */
void *keymap_find(const struct keymap *m, uint64_t key);

/* Let key (not 0) map to value (not NULL); a new key cannot fail after keymap_reserve. */
void keymap_set(struct keymap *m, uint64_t key, void *value);

/* Remove key, if it is there. May shrink m: loops over slots must not call it. */
void keymap_remove(struct keymap *m, uint64_t key);

#endif
