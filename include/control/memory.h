/* SPDX-License-Identifier: MIT */
/*
 * The process's memory: how it is set up, how much there is, and giving it back when the work is
 * done. glibc keeps what a burst freed: with one survivor at the top of the heap hundreds of
 * megabytes stay; malloc_trim(3) returns them in milliseconds.
 */
#ifndef CONTROL_MEMORY_H
#define CONTROL_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two arenas at most: the default of eight per core multiplies what fragmentation keeps. Call once,
 * before any thread starts. */
void memory_setup(void);

struct memory_stats {
	int64_t rss_bytes;       /* resident, of /proc/self/statm; -1 unknown */
	int64_t heap_bytes;      /* what malloc holds from the system */
	int64_t heap_used_bytes; /* of it, allocated */
	int64_t heap_free_bytes; /* of it, free but kept */
};

struct memory_stats memory_stats(void);

/* Not more often than this. */
#define MEMORY_TRIM_INTERVAL_US 10000000LL
/* Not for less than this. */
#define MEMORY_TRIM_MIN_BYTES (1LL * 1024 * 1024)
/* So often after the last work: handles and buffers that are kept for the next requests go back to
 * malloc 10 to 20 s after it. */
#define MEMORY_TRIM_TIMES 3

/* A plain value, cleared at the start; not thread-safe. */
struct memory_trim {
	int wanted;          /* so many times still */
	int64_t moved;       /* counter of work at the last call */
	int64_t last_try_us; /* 0: never */
};

/* Call about once a second. queued: events in the rings; moved: a counter that changes with every
 * piece of work, so that a burst between two calls is seen. Trims when the queues went from busy to
 * empty, and twice more, rate-limited, if malloc keeps enough to be worth it. Returns whether it
 * trimmed. */
bool memory_trim_idle(struct memory_trim *t, int64_t now_us, size_t queued, int64_t moved);

#endif
