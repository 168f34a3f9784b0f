/* SPDX-License-Identifier: MIT */
/*
 * Times at which something is due: a binary heap of timers that their owners embed.
 */
#ifndef SUPPORT_TIMERS_H
#define SUPPORT_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct timer {
	int64_t due_us;
	size_t at; /* place in the heap, from 1; 0: not set */
};

struct timers {
	struct timer **heap; /* heap[0] is not used */
	size_t count;
	size_t cap;
};

void timers_done(struct timers *t);

/* Make x due at due_us, set already or not. Errors: ERR_NOMEM. */
enum err_code timers_set(struct timers *t, struct timer *x, int64_t due_us) ATTR_MUST_CHECK;

/* Forget x; does nothing when it is not set. */
void timers_clear(struct timers *t, struct timer *x);

/* Take one that is due at now_us; NULL when there is none. */
struct timer *timers_pop(struct timers *t, int64_t now_us);

/* When the next is due; INT64_MAX without any. */
int64_t timers_next_us(const struct timers *t);

#endif
