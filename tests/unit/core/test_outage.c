/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/outage.h"

#define S CLOCK_US_PER_S
#define DAY (24 * 3600 * S)
#define WALL (1700000000 * S) /* what the wall says when the clock says 0 */

static struct outage o;

static int fresh(void **state)
{
	(void)state;
	o = (struct outage){.limit_us = 5 * DAY, .gap_us = DAY};
	return 0;
}

static enum outage_news failed(int64_t now_us)
{
	return outage_failed(&o, now_us, WALL + now_us);
}

/* Failures an hour apart, up to but not including end_us: none of them is the end. */
static void fail_until(int64_t begin_us, int64_t end_us)
{
	int64_t t;

	for (t = begin_us; t < end_us; t += 3600 * S)
		assert_int_not_equal(failed(t), OUTAGE_OVER_LIMIT);
}

static void five_days_of_failures_are_too_long_and_a_second_less_is_not(void **state)
{
	(void)state;
	fail_until(7 * S, 7 * S + 5 * DAY);
	assert_int_equal(failed(6 * S + 5 * DAY), OUTAGE_NO_NEWS);
	assert_int_equal(failed(7 * S + 5 * DAY), OUTAGE_OVER_LIMIT);
	assert_int_equal(o.since_wall_us, WALL + 7 * S);
}

static void a_single_delivery_begins_the_count_anew(void **state)
{
	(void)state;
	fail_until(0, 5 * DAY);
	assert_true(outage_end(&o));
	assert_false(outage_end(&o));
	fail_until(5 * DAY, 10 * DAY);
	assert_int_equal(failed(10 * DAY), OUTAGE_OVER_LIMIT);
}

static void without_a_limit_nothing_is_too_long(void **state)
{
	(void)state;
	o.limit_us = 0;
	fail_until(0, 400 * DAY);
}

static void only_what_lasts_a_minute_is_written_down_and_once(void **state)
{
	(void)state;
	assert_int_equal(failed(S), OUTAGE_NO_NEWS);
	assert_int_equal(failed(60 * S), OUTAGE_NO_NEWS);
	assert_false(outage_end(&o)); /* nothing to take back */
	assert_int_equal(failed(100 * S), OUTAGE_NO_NEWS);
	assert_int_equal(failed(160 * S), OUTAGE_LASTS);
	assert_int_equal(failed(161 * S), OUTAGE_NO_NEWS);
	assert_true(outage_end(&o));
}

static void what_was_not_even_tried_for_a_day_is_another_outage(void **state)
{
	(void)state;
	assert_int_equal(failed(0), OUTAGE_NO_NEWS);
	assert_int_equal(failed(DAY), OUTAGE_LASTS);
	assert_int_equal(failed(2 * DAY + S), OUTAGE_NO_NEWS);
	assert_int_equal(o.since_wall_us, WALL + 2 * DAY + S);
	fail_until(2 * DAY + S, 7 * DAY + S);
	assert_int_equal(failed(7 * DAY + S), OUTAGE_OVER_LIMIT);
}

static void a_restart_does_not_begin_the_count_anew(void **state)
{
	(void)state;
	/* the machine has been up for ten seconds, the outage is of four days ago */
	outage_adopt(&o, WALL - 4 * DAY, 10 * S, WALL + 10 * S);
	fail_until(11 * S, DAY - S);
	assert_int_equal(failed(DAY - S), OUTAGE_NO_NEWS);
	assert_int_equal(failed(DAY), OUTAGE_OVER_LIMIT);
	assert_int_equal(o.since_wall_us, WALL - 4 * DAY);
	assert_true(outage_end(&o));
}

static void after_a_long_absence_it_takes_ten_minutes_of_own_failures(void **state)
{
	(void)state;
	outage_adopt(&o, WALL - 30 * DAY, 10 * S, WALL);
	assert_int_equal(failed(20 * S), OUTAGE_NO_NEWS);
	assert_int_equal(failed(20 * S + OUTAGE_PROOF_US - 1), OUTAGE_NO_NEWS);
	assert_int_equal(failed(20 * S + OUTAGE_PROOF_US), OUTAGE_OVER_LIMIT);
}

static void a_limit_below_ten_minutes_is_proof_enough(void **state)
{
	(void)state;
	o.limit_us = 2 * S;
	assert_int_equal(failed(0), OUTAGE_NO_NEWS);
	assert_int_equal(failed(2 * S - 1), OUTAGE_NO_NEWS);
	assert_int_equal(failed(2 * S), OUTAGE_OVER_LIMIT);
	assert_true(outage_end(&o));
}

static void a_wall_clock_that_was_set_back_makes_no_age_below_zero(void **state)
{
	(void)state;
	outage_adopt(&o, WALL + DAY, 10 * S, WALL);
	assert_int_equal(failed(20 * S), OUTAGE_NO_NEWS);
	fail_until(20 * S, 10 * S + 5 * DAY);
	assert_int_equal(failed(10 * S + 5 * DAY), OUTAGE_OVER_LIMIT);
}

static void a_wall_clock_that_jumps_ahead_makes_no_outage_longer(void **state)
{
	(void)state;
	assert_int_equal(outage_failed(&o, 0, WALL), OUTAGE_NO_NEWS);
	assert_int_equal(outage_failed(&o, 30 * S, WALL + 900 * DAY), OUTAGE_NO_NEWS);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(five_days_of_failures_are_too_long_and_a_second_less_is_not),
		TEST(a_single_delivery_begins_the_count_anew),
		TEST(without_a_limit_nothing_is_too_long),
		TEST(only_what_lasts_a_minute_is_written_down_and_once),
		TEST(what_was_not_even_tried_for_a_day_is_another_outage),
		TEST(a_restart_does_not_begin_the_count_anew),
		TEST(after_a_long_absence_it_takes_ten_minutes_of_own_failures),
		TEST(a_limit_below_ten_minutes_is_proof_enough),
		TEST(a_wall_clock_that_was_set_back_makes_no_age_below_zero),
		TEST(a_wall_clock_that_jumps_ahead_makes_no_outage_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
