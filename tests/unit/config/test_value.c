/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/value.h"

typedef enum err_code (*parse_fn)(struct text t, int64_t *ret, struct err *e);

struct number_case {
	const char *text;
	int64_t value;
	const char *complaint; /* part of the message; NULL: parses */
};

static void check_numbers(parse_fn parse, const struct number_case *cases, size_t n)
{
	struct err e;
	int64_t got;
	size_t i;

	for (i = 0; i < n; i++) {
		enum err_code code;

		got = -77;
		code = parse(text_of(cases[i].text), &got, &e);
		if (!cases[i].complaint) {
			if (code != ERR_OK || got != cases[i].value)
				fail_msg("%s: code %d, %lld", cases[i].text, (int)code,
					 (long long)got);
			continue;
		}
		assert_int_equal(code, ERR_DATA);
		assert_int_equal(got, -77);
		if (!strstr(e.msg, cases[i].complaint))
			fail_msg("%s: %s", cases[i].text, e.msg);
	}
}

static void whole_numbers_parse_up_to_the_limits_of_64_bits(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, NULL},
		{" 42\t", 42, NULL},
		{"-1", -1, NULL},
		{"010", 10, NULL},
		{"9223372036854775807", INT64_MAX, NULL},
		{"-9223372036854775808", INT64_MIN, NULL},
		{"9223372036854775808", 0, "too large"},
		{"-9223372036854775809", 0, "too large"},
		{"99999999999999999999", 0, "too large"},
		{"", 0, "\"\" is not a whole number"},
		{"-", 0, "not a whole number"},
		{"+1", 0, "not a whole number"},
		{"1.0", 0, "not a whole number"},
		{"0x10", 0, "not a whole number"},
		{"1 2", 0, "not a whole number"},
		{"ten", 0, "\"ten\" is not a whole number"},
	};

	(void)state;
	check_numbers(value_int, cases, ARRAY_LEN(cases));
}

static void durations_parse_with_units_decimals_and_bare_seconds(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, NULL},
		{"2", 2000000, NULL},
		{"0.5", 500000, NULL},
		{"30s", 30000000, NULL},
		{"500ms", 500000, NULL},
		{"7us", 7, NULL},
		{"5m", 300000000, NULL},
		{"5min", 300000000, NULL},
		{"1h", 3600000000LL, NULL},
		{"1d", 86400000000LL, NULL},
		{"1.5h", 5400000000LL, NULL},
		{"10 s", 10000000, NULL},
		{"0.000001", 1, NULL},
		{"1.50000000000000000000000", 1500000, NULL},
		{"0000000000000000000000000002", 2000000, NULL},
		{"9223372036854.775807s", INT64_MAX, NULL},
		{"106751991d", 106751991LL * 86400000000LL, NULL},
		{"106751992d", 0, "too large"},
		{"9223372036854.775808s", 0, "too large"},
		{"9223372036854775808us", 0, "too large"},
		{"0.0000001", 0, "not a whole number of microseconds"},
		{"1.5us", 0, "not a whole number of microseconds"},
		{"9999999999999999999", 0, "too large"},
		{"99999999999999999999", 0, "too many digits"},
		{"1.", 0, "none behind the point"},
		{"1.s", 0, "none behind the point"},
		{"1..5s", 0, "none behind the point"},
		{"", 0, "not a duration"},
		{"-5s", 0, "not a duration"},
		{".5s", 0, "not a duration"},
		{"5 minutes", 0, "not a duration"},
		{"5S", 0, "not a duration"},
		{"5M", 0, "not a duration"},
		{"5s5", 0, "not a duration"},
		{"1e3", 0, "not a duration"},
		{"fast", 0, "\"fast\" is not a duration (write 500ms"},
	};

	(void)state;
	check_numbers(value_duration_us, cases, ARRAY_LEN(cases));
}

static void sizes_parse_in_powers_of_1024(void **state)
{
	static const struct number_case cases[] = {
		{"0", 0, NULL},
		{"4096", 4096, NULL},
		{"512B", 512, NULL},
		{"10kB", 10240, NULL},
		{"10KB", 10240, NULL},
		{"10k", 10240, NULL},
		{"10KiB", 10240, NULL},
		{"64MB", 67108864, NULL},
		{"64 mb", 67108864, NULL},
		{"1.5MB", 1572864, NULL},
		{"1GiB", 1073741824, NULL},
		{"2T", 2199023255552LL, NULL},
		{"8388607TB", 8388607LL << 40, NULL},
		{"8388608TB", 0, "too large a size"},
		{"0.1kB", 0, "not a whole number of bytes"},
		{"0.5", 0, "not a whole number of bytes"},
		{"1EB", 0, "not a size"},
		{"-1", 0, "not a size"},
		{"64 M B", 0, "not a size"},
	};

	(void)state;
	check_numbers(value_size_bytes, cases, ARRAY_LEN(cases));
}

static void switches_take_three_words_each_in_any_case(void **state)
{
	static const char *const yes[] = {"true", "yes", "on", "True", "ON", " yes "};
	static const char *const no[] = {"false", "no", "off", "FALSE"};
	static const char *const bad[] = {"", "1", "0", "y", "tru", "truee"};
	struct err e;
	bool got;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(yes); i++) {
		got = false;
		assert_int_equal(value_bool(text_of(yes[i]), &got, &e), ERR_OK);
		assert_true(got);
	}
	for (i = 0; i < ARRAY_LEN(no); i++) {
		got = true;
		assert_int_equal(value_bool(text_of(no[i]), &got, &e), ERR_OK);
		assert_false(got);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(value_bool(text_of(bad[i]), &got, &e), ERR_DATA);
}

static void printed_values_use_the_largest_unit_and_parse_back(void **state)
{
	static const struct {
		int64_t value;
		const char *duration, *size;
	} cases[] = {
		{0, "0s", "0"},
		{1, "1us", "1B"},
		{1024, "1024us", "1kB"},
		{1500, "1500us", "1500B"},
		{90000000, "90s", "90000000B"},
		{120000000, "2m", "120000000B"},
		{67108864, "67108864us", "64MB"},
		{86400000000LL, "1d", "84375000kB"},
		{INT64_MAX, "9223372036854775807us", "9223372036854775807B"},
	};
	struct buf duration, size;
	struct err e;
	int64_t back;
	size_t i;

	(void)state;
	buf_init(&duration, 100);
	buf_init(&size, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&duration);
		buf_reset(&size);
		value_print_duration(&duration, cases[i].value);
		value_print_size(&size, cases[i].value);
		assert_string_equal(buf_str(&duration), cases[i].duration);
		assert_int_equal(value_duration_us(buf_text(&duration), &back, &e), ERR_OK);
		assert_int_equal(back, cases[i].value);
		assert_string_equal(buf_str(&size), cases[i].size);
		assert_int_equal(value_size_bytes(buf_text(&size), &back, &e), ERR_OK);
		assert_int_equal(back, cases[i].value);
	}
	buf_done(&duration);
	buf_done(&size);
}

static void quoting_cuts_long_values_between_characters(void **state)
{
	char out[VALUE_QUOTE_BYTES];
	char text[200];
	size_t i;

	(void)state;
	assert_string_equal(value_quote(TEXT_LIT("a\nb"), out), "\"a?b\"");
	for (i = 0; i < 100; i++)
		memcpy(text + i * 2, "\xc3\xa9", 2);
	value_quote((struct text){text + 1, 199}, out);
	assert_true(strlen(out) < VALUE_QUOTE_BYTES);
	assert_string_equal(out + strlen(out) - 4, "\"...");
	assert_int_equal((unsigned char)out[strlen(out) - 5], 0xa9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_parse_up_to_the_limits_of_64_bits),
		cmocka_unit_test(durations_parse_with_units_decimals_and_bare_seconds),
		cmocka_unit_test(sizes_parse_in_powers_of_1024),
		cmocka_unit_test(switches_take_three_words_each_in_any_case),
		cmocka_unit_test(printed_values_use_the_largest_unit_and_parse_back),
		cmocka_unit_test(quoting_cuts_long_values_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
