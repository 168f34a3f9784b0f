/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>

#include "control/process.h"

static void nobody_looks_into_the_process_unless_it_says_so(void **state)
{
	(void)state;
	process_set_dumpable(false);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L), 0);
	/* what it reads of itself it can still read */
	assert_true(process_stats().open_fds > 0);
	process_set_dumpable(true);
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_looks_into_the_process_unless_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
