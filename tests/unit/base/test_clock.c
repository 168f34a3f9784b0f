/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"

static void wall_time_is_written_as_rfc_3339(void **state)
{
	static const struct {
		int64_t wall_us;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1, "1970-01-01T00:00:00.000001Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{-CLOCK_US_PER_S, "1969-12-31T23:59:59.000000Z"},
		{951782400 * CLOCK_US_PER_S, "2000-02-29T00:00:00.000000Z"},
		{1772366400123456, "2026-03-01T12:00:00.123456Z"},
		{253402300799999999, "9999-12-31T23:59:59.999999Z"},
	};
	char text[CLOCK_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		clock_format_wall(cases[i].wall_us, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void absurd_wall_times_stay_within_the_text(void **state)
{
	char text[CLOCK_TEXT_BYTES];

	(void)state;
	clock_format_wall(INT64_MAX, text);
	assert_true(memchr(text, '\0', sizeof(text)) != NULL);
	clock_format_wall(INT64_MIN, text);
	assert_true(memchr(text, '\0', sizeof(text)) != NULL);
}

static void poll_timeouts_never_end_early(void **state)
{
	static const struct {
		int64_t now_us, deadline_us;
		int ms;
	} cases[] = {
		{0, INT64_MAX, -1},
		{100, 100, 0},
		{100, 99, 0},
		{100, 0, 0},
		{0, 1, 1},
		{0, 1000, 1},
		{0, 1001, 2},
		{500, 1500, 1},
		{0, 5 * CLOCK_US_PER_S, 5000},
		{0, INT64_MAX - 1, INT32_MAX},
		{INT64_MAX - 10, INT64_MAX - 1, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(clock_poll_ms(cases[i].now_us, cases[i].deadline_us), cases[i].ms);
}

static void the_fake_stands_still_until_it_is_moved(void **state)
{
	struct clock_fake f;
	const struct clock *c = clock_fake_init(&f, 5, 7);

	(void)state;
	assert_int_equal(clock_now_us(c), 5);
	assert_int_equal(clock_now_us(c), 5);
	assert_int_equal(clock_wall_us(c), 7);
	f.now_us = 6;
	f.wall_us = -1;
	assert_int_equal(clock_now_us(c), 6);
	assert_int_equal(clock_wall_us(c), -1);
}

static void the_system_clock_goes_on(void **state)
{
	const struct clock *c = clock_system();
	int64_t before = clock_now_us(c), after, i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		after = clock_now_us(c);
		assert_true(after >= before);
		before = after;
	}
	/* some time after 2020 */
	assert_true(clock_wall_us(c) > 1577836800 * CLOCK_US_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wall_time_is_written_as_rfc_3339),
		cmocka_unit_test(absurd_wall_times_stay_within_the_text),
		cmocka_unit_test(poll_timeouts_never_end_early),
		cmocka_unit_test(the_fake_stands_still_until_it_is_moved),
		cmocka_unit_test(the_system_clock_goes_on),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
