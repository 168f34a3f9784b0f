/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config/moment.h"

#define NOW_US (1772366400LL * CLOCK_US_PER_S) /* 2026-03-01T12:00:00Z */

static void points_in_time_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *is;
	} cases[] = {
		{"2026-03-01T12:00:00Z", "2026-03-01T12:00:00.000000Z"},
		{"2026-03-01t12:00:00z", "2026-03-01T12:00:00.000000Z"},
		{"2026-03-01 12:00:00Z", "2026-03-01T12:00:00.000000Z"},
		{"2026-03-01T12:00:00.5Z", "2026-03-01T12:00:00.500000Z"},
		{"2026-03-01T12:00:00.123456789Z", "2026-03-01T12:00:00.123456Z"},
		{"2026-03-01T12:00:00+01:30", "2026-03-01T10:30:00.000000Z"},
		{"2026-03-01T12:00:00-08:00", "2026-03-01T20:00:00.000000Z"},
		{"2024-02-29", "2024-02-29T00:00:00.000000Z"},
		{"2000-02-29T23:59:60Z", "2000-02-29T23:59:59.000000Z"},
		{"2100-12-31T23:59:59Z", "2100-12-31T23:59:59.000000Z"},
		{"1970-01-01T00:00:01Z", "1970-01-01T00:00:01.000000Z"},
		{"1999-12-31T23:59:59Z", "1999-12-31T23:59:59.000000Z"},
		{"2h", "2026-03-01T10:00:00.000000Z"},
		{"30d", "2026-01-30T12:00:00.000000Z"},
		{"90", "2026-03-01T11:58:30.000000Z"},
		{"0", "2026-03-01T12:00:00.000000Z"},
	};
	char text[CLOCK_TEXT_BYTES];
	int64_t us = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e;

		if (moment_parse(text_of(cases[i].text), NOW_US, &us, &e) != ERR_OK)
			fail_msg("%s: %s", cases[i].text, e.msg);
		clock_format_wall(us, text);
		assert_string_equal(text, cases[i].is);
	}
	/* before time began is when it began: 0 would mean "no time given" */
	assert_int_equal(moment_parse(TEXT_LIT("1970-01-01"), NOW_US, &us, NULL), ERR_OK);
	assert_int_equal(us, 1);
	assert_int_equal(moment_parse(TEXT_LIT("99999d"), NOW_US, &us, NULL), ERR_OK);
	assert_int_equal(us, 1);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"soon",
		"2026-02-29",
		"2100-02-29",
		"2026-13-01",
		"2026-00-01",
		"2026-01-32",
		"2026-1-1",
		"1969-12-31",
		"2026-03-01T",
		"2026-03-01T12:00",
		"2026-03-01T12:00:00",
		"2026-03-01T24:00:00Z",
		"2026-03-01T12:60:00Z",
		"2026-03-01T12:00:61Z",
		"2026-03-01T12:00:00.Z",
		"2026-03-01T12:00:00Zulu",
		"2026-03-01T12:00:00+0100",
		"2026-03-01T12:00:00+24:00",
		"2026-03-01x12:00:00Z",
		"-2h",
		"2h ago",
	};
	struct err e;
	int64_t us = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(texts); i++)
		if (moment_parse(text_of(texts[i]), NOW_US, &us, &e) != ERR_DATA)
			fail_msg("'%s' is taken as %lld", texts[i], (long long)us);
	assert_int_equal(us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_in_time_are_read),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
