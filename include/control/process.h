/* SPDX-License-Identifier: MIT */
/*
 * The process as the kernel sees it: what it counts (descriptors, processor time), and who may look
 * into it.
 */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_stats {
	int64_t open_fds; /* -1 unknown */
	int64_t max_fds;  /* soft limit; -1 unknown or none */
	int64_t cpu_us;   /* user and system, all threads */
};

/* Reads /proc/self/fd; any thread. */
struct process_stats process_stats(void);

/* Whether a crash may leave a core, and processes of the same user may read this one's memory and
 * environment: prctl(2), PR_SET_DUMPABLE. Root may at any time. */
void process_set_dumpable(bool dumpable);

#endif
