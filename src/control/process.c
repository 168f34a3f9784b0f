/* SPDX-License-Identifier: MIT */
#include "control/process.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "base/clock.h"

/* ".", ".." and the descriptor that reads the directory */
#define NOT_COUNTED 3

static int64_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int64_t n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - NOT_COUNTED;
}

static int64_t timeval_us(struct timeval tv)
{
	return (int64_t)tv.tv_sec * CLOCK_US_PER_S + tv.tv_usec;
}

struct process_stats process_stats(void)
{
	struct process_stats s = {.open_fds = open_fds(), .max_fds = -1};
	struct rlimit limit;
	struct rusage usage;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		s.max_fds = (int64_t)limit.rlim_cur;
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		s.cpu_us = timeval_us(usage.ru_utime) + timeval_us(usage.ru_stime);
	return s;
}

void process_set_dumpable(bool dumpable)
{
	/* with one of these values it does not fail */
	(void)prctl(PR_SET_DUMPABLE, dumpable ? 1L : 0L, 0L, 0L, 0L);
}
