/* SPDX-License-Identifier: MIT */
#include "control/memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

#define STATM_BYTES 256 /* seven numbers: proc(5) */
#define ARENAS 2
#define MMAP_BYTES (256 * 1024)

void memory_setup(void)
{
	(void)mallopt(M_ARENA_MAX, ARENAS);
	/* fixed, or glibc raises it with the first large block that is freed, and the next ones
	 * stay in the heap */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}

static int64_t rss_read(void)
{
	struct buf b;
	int64_t bytes = -1;
	const char *resident;

	buf_init(&b, STATM_BYTES);
	/* "size resident shared ...", in pages */
	if (fd_read_file("/proc/self/statm", &b, NULL) == ERR_OK) {
		resident = strchr(buf_str(&b), ' ');
		if (resident)
			bytes = strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE);
	}
	buf_done(&b);
	return bytes;
}

struct memory_stats memory_stats(void)
{
	struct mallinfo2 m = mallinfo2();

	/* mallinfo(3): arena and uordblks leave out what was mapped on its own (hblkhd) */
	return (struct memory_stats){
		.rss_bytes = rss_read(),
		.heap_bytes = (int64_t)(m.arena + m.hblkhd),
		.heap_used_bytes = (int64_t)(m.uordblks + m.hblkhd),
		.heap_free_bytes = (int64_t)m.fordblks,
	};
}

bool memory_trim_idle(struct memory_trim *t, int64_t now_us, size_t queued, int64_t moved)
{
	if (queued > 0 || moved != t->moved) {
		t->moved = moved;
		t->wanted = MEMORY_TRIM_TIMES;
	}
	if (!t->wanted || queued > 0)
		return false;
	if (t->last_try_us && now_us - t->last_try_us < MEMORY_TRIM_INTERVAL_US)
		return false;
	t->last_try_us = now_us;
	t->wanted--;
	if ((int64_t)mallinfo2().fordblks < MEMORY_TRIM_MIN_BYTES)
		return false;
	(void)malloc_trim(0);
	return true;
}
