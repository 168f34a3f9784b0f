/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/memory.h"
#include "control/process.h"

#define BLOCKS 4096
#define BLOCK_BYTES ((size_t)8192) /* below the size that is mapped on its own */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MALLOC 1 /* the sanitizer's, which has nothing to trim */
#else
#define OWN_MALLOC 0
#endif

#if !OWN_MALLOC
static void *blocks[BLOCKS + 1];

/* What a burst leaves: much free memory below one block that lives on. */
static void burst_leave(void)
{
	size_t i;

	for (i = 0; i <= BLOCKS; i++) {
		blocks[i] = mem_alloc(BLOCK_BYTES);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, BLOCK_BYTES);
	}
	for (i = 0; i < BLOCKS; i++)
		mem_free(blocks[i]);
}

static void what_a_burst_left_is_given_back_when_idle(void **state)
{
	struct memory_trim t = {0};
	struct memory_stats before, after;

	(void)state;
	burst_leave();
	before = memory_stats();
	assert_false(memory_trim_idle(&t, CLOCK_US_PER_S, 10, 5));
	assert_true(memory_trim_idle(&t, 2 * CLOCK_US_PER_S, 0, 9));
	after = memory_stats();
	assert_true(before.rss_bytes - after.rss_bytes > (int64_t)(BLOCKS * BLOCK_BYTES / 2));
	mem_free(blocks[BLOCKS]);
}

static void trimming_waits_for_work_and_keeps_its_distance(void **state)
{
	struct memory_trim t = {0};
	int64_t now_us = 100 * CLOCK_US_PER_S;

	(void)state;
	burst_leave();
	assert_false(memory_trim_idle(&t, now_us, 0, 0)); /* no work yet */
	assert_false(memory_trim_idle(&t, now_us, 3, 7)); /* busy */
	assert_true(memory_trim_idle(&t, now_us, 0, 7));
	assert_false(memory_trim_idle(&t, now_us + CLOCK_US_PER_S, 0, 7)); /* not at once again */
	/* what others let go of later is given back too */
	assert_true(memory_trim_idle(&t, now_us += MEMORY_TRIM_INTERVAL_US, 0, 7));
	assert_true(memory_trim_idle(&t, now_us += MEMORY_TRIM_INTERVAL_US, 0, 7));
	assert_false(memory_trim_idle(&t, now_us + MEMORY_TRIM_INTERVAL_US, 0, 7));
	mem_free(blocks[BLOCKS]);
	burst_leave();
	/* a burst between two looks shows in the counter; too soon now, but not forgotten */
	assert_false(memory_trim_idle(&t, now_us + 2 * CLOCK_US_PER_S, 0, 8));
	assert_true(memory_trim_idle(&t, now_us + MEMORY_TRIM_INTERVAL_US, 0, 8));
	mem_free(blocks[BLOCKS]);
}

#endif

static void figures_of_the_process_are_plausible(void **state)
{
	struct memory_stats m = memory_stats();
	struct process_stats p = process_stats();

	(void)state;
	assert_in_range(m.rss_bytes, 100 * 1024, 4LL << 30);
	if (!OWN_MALLOC) {
		assert_true(m.heap_bytes > 0);
		assert_true(m.heap_used_bytes > 0);
		assert_true(m.heap_used_bytes + m.heap_free_bytes <= m.heap_bytes);
	}
	assert_in_range(p.open_fds, 3, 1000);
	assert_true(p.max_fds >= p.open_fds);
	assert_true(p.cpu_us > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#if !OWN_MALLOC
		cmocka_unit_test(what_a_burst_left_is_given_back_when_idle),
		cmocka_unit_test(trimming_waits_for_work_and_keeps_its_distance),
#endif
		cmocka_unit_test(figures_of_the_process_are_plausible),
	};

	memory_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
