/* SPDX-License-Identifier: MIT */
/* What the kernel counts for this process: descriptors and processor time. */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

#include <stdint.h>

struct process_stats {
	int64_t open_fds; /* -1 unknown */
	int64_t max_fds;  /* soft limit; -1 unknown or none */
	int64_t cpu_us;   /* user and system, all threads */
};

/* Reads /proc/self/fd; any thread. */
struct process_stats process_stats(void);

#endif
