/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/arrivals.h"

static void who_is_on_its_way_is_known_by_its_descriptor(void **state)
{
	struct arrivals a;

	(void)state;
	assert_int_equal(arrivals_init(&a, 3, NULL), ERR_OK);
	assert_false(arrivals_take(&a, 5));
	arrivals_push(&a, 5);
	arrivals_push(&a, 7);
	arrivals_push(&a, 6);
	assert_int_equal(a.count, 3);
	assert_true(arrivals_take(&a, 5));
	assert_false(arrivals_take(&a, 5));
	assert_true(arrivals_take(&a, 7));
	arrivals_push(&a, 5);
	assert_true(arrivals_take(&a, 6));
	assert_true(arrivals_take(&a, 5));
	assert_int_equal(a.count, 0);
	arrivals_done(&a);
	arrivals_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_on_its_way_is_known_by_its_descriptor),
	};

	return cmocka_run_group_tests_name("ingest/arrivals", tests, NULL, NULL);
}
