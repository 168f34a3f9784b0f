/* SPDX-License-Identifier: MIT */
/*
 * Adaptive polling: 2 ms after rows were found, then twice as long after each empty look, up to an
 * interval. One thread.
 */
#ifndef SOURCE_POLL_H
#define SOURCE_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct poll_plan {
	int64_t delay_us; /* before the next look; 0: rows were found last time */
	int64_t due_us;   /* when to look again; 0: not planned since the last look */
};

/* A look has ended. */
void poll_looked(struct poll_plan *p, bool any_rows);

/* The wait before the next look, at most max_us; grows with every call. */
int64_t poll_delay(struct poll_plan *p, int64_t max_us);

/* source_ops.wait for a source that is polled: until a look is due, hint_fd (-1: none) or wake_fd
 * is readable, or deadline_us. Returns a mask of enum source_woken; idle as there. What makes
 * hint_fd readable is left in it. */
int poll_wait(struct poll_plan *p, const struct clock *clock, bool idle, int hint_fd, int wake_fd,
	      int64_t interval_us, int64_t deadline_us);

#endif
