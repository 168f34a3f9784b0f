/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "sink/retry_after.h"

/* Sun, 06 Nov 1994 08:49:37 GMT: the example of RFC 9110, 5.6.7 */
#define THEN_US (784111777 * CLOCK_US_PER_S)

static void it_is_a_number_of_seconds_or_a_date(void **state)
{
	static const struct {
		const char *value;
		int64_t s;
	} cases[] = {
		{"1", 1},
		{"120", 120},
		{" 120 ", 120},
		{"007", 7},
		{"0", -1},
		{"", -1},
		{"-5", -1},
		{"+5", -1},
		{"1.5", -1},
		{"120 seconds", -1},
		{"1e9", -1},
		{"soon", -1},
		{"0x10", -1},
		{"2147483647", RETRY_AFTER_MAX_S},
		{"2147483648", RETRY_AFTER_MAX_S},
		{"99999999999999999999999999999999", RETRY_AFTER_MAX_S},
		{"Sun, 06 Nov 1994 08:50:37 GMT", 60},
		{"Sunday, 06-Nov-94 08:50:37 GMT", 60}, /* RFC 850 */
		{"Sun Nov  6 08:50:37 1994", 60},       /* asctime */
		{"Sun, 06 Nov 1994 08:49:37 GMT", -1},
		{"Sun, 06 Nov 1994 08:49:36 GMT", -1},
		{"Thu, 01 Jan 1970 00:00:00 GMT", -1},
		{"Sun, 06 Nov 2994 08:49:37 GMT", RETRY_AFTER_MAX_S},
		{"Sun, 31 Foo 1994 08:49:37 GMT", -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		if (retry_after_s(cases[i].value, NULL, THEN_US) != cases[i].s)
			print_error("\"%s\"\n", cases[i].value);
		assert_int_equal(retry_after_s(cases[i].value, NULL, THEN_US), cases[i].s);
	}
}

static void a_date_is_held_against_the_receivers_own_clock(void **state)
{
	static const char until[] = "Sun, 06 Nov 1994 08:50:37 GMT";

	(void)state;
	/* whose clock is an hour behind ours, or an hour ahead */
	assert_int_equal(retry_after_s(until, "Sun, 06 Nov 1994 08:50:27 GMT",
				       THEN_US + 3600 * CLOCK_US_PER_S),
			 10);
	assert_int_equal(retry_after_s(until, "Sun, 06 Nov 1994 08:50:27 GMT",
				       THEN_US - 3600 * CLOCK_US_PER_S),
			 10);
	assert_int_equal(retry_after_s(until, "no date", THEN_US), 60);
	assert_int_equal(retry_after_s(until, "Sun, 06 Nov 1994 08:51:27 GMT", THEN_US), -1);
	/* seconds need no clock */
	assert_int_equal(retry_after_s("5", "Sun, 06 Nov 1994 08:51:27 GMT", THEN_US), 5);
}

static void a_part_of_a_second_is_waited_for(void **state)
{
	static const char until[] = "Sun, 06 Nov 1994 08:49:38 GMT";

	(void)state;
	assert_int_equal(retry_after_s(until, NULL, THEN_US + CLOCK_US_PER_S - 1), 1);
	assert_int_equal(retry_after_s(until, NULL, THEN_US + CLOCK_US_PER_S), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_a_number_of_seconds_or_a_date),
		cmocka_unit_test(a_date_is_held_against_the_receivers_own_clock),
		cmocka_unit_test(a_part_of_a_second_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
