/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "control/history.h"

#define MINUTE_US (60 * CLOCK_US_PER_S)

static void an_empty_history_has_nothing(void **state)
{
	struct history h;

	(void)state;
	history_init(&h);
	assert_int_equal(history_last_hour(&h, 0), 0);
	assert_int_equal(history_last_hour(&h, 5000 * MINUTE_US), 0);
}

static void a_rise_counts_for_an_hour_and_no_longer(void **state)
{
	struct history h;

	(void)state;
	history_init(&h);
	history_add(&h, 100 * MINUTE_US, 7);
	assert_int_equal(history_last_hour(&h, 100 * MINUTE_US), 7);
	assert_int_equal(history_last_hour(&h, 159 * MINUTE_US), 7);
	assert_int_equal(history_last_hour(&h, 160 * MINUTE_US), 0);
	history_add(&h, 159 * MINUTE_US, 7);
	assert_int_equal(history_last_hour(&h, 159 * MINUTE_US), 7);
	history_add(&h, 160 * MINUTE_US, 7);
	assert_int_equal(history_last_hour(&h, 160 * MINUTE_US), 0);
}

static void minutes_leave_one_by_one(void **state)
{
	struct history h;
	int64_t m;

	(void)state;
	history_init(&h);
	for (m = 0; m < 60; m++)
		history_add(&h, m * MINUTE_US, (m + 1) * 10);
	assert_int_equal(history_last_hour(&h, 59 * MINUTE_US), 600);
	for (m = 60; m < 120; m++) {
		history_add(&h, m * MINUTE_US, 600);
		assert_int_equal(history_last_hour(&h, m * MINUTE_US), (119 - m) * 10);
	}
}

static void a_gap_of_hours_empties_every_minute(void **state)
{
	struct history h;

	(void)state;
	history_init(&h);
	history_add(&h, 3 * MINUTE_US, 5);
	history_add(&h, 700 * MINUTE_US, 6);
	assert_int_equal(history_last_hour(&h, 700 * MINUTE_US), 1);
	assert_int_equal(h.total, 6);
}

static void a_counter_that_falls_began_again_at_0(void **state)
{
	struct history h;

	(void)state;
	history_init(&h);
	history_add(&h, MINUTE_US, 100);
	history_add(&h, MINUTE_US, 3);
	assert_int_equal(history_last_hour(&h, MINUTE_US), 103);
	assert_int_equal(h.total, 103);
}

static void a_restart_counts_all_of_the_new_counter(void **state)
{
	struct history h;

	(void)state;
	history_init(&h);
	history_add(&h, MINUTE_US, 100);
	history_restart(&h);
	history_add(&h, MINUTE_US, 150);
	assert_int_equal(history_last_hour(&h, MINUTE_US), 250);
	assert_int_equal(h.total, 250);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_history_has_nothing),
		cmocka_unit_test(a_rise_counts_for_an_hour_and_no_longer),
		cmocka_unit_test(minutes_leave_one_by_one),
		cmocka_unit_test(a_gap_of_hours_empties_every_minute),
		cmocka_unit_test(a_counter_that_falls_began_again_at_0),
		cmocka_unit_test(a_restart_counts_all_of_the_new_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
