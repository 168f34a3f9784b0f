/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "sink/big_number.h"

static void a_number_is_big_when_a_double_would_change_it(void **state)
{
	static const char *const big[] = {
		"9007199254740992",
		"-9007199254740992",
		"9223372036854775807",
		"100000000000000000000",
		"12345678901234567.50",
		"9007199254740993.0",
		"12345678.123456789012",
		"0.1234567890123456789",
		"0.10000000000000000000000001",
		"1e400",
		"-1E+309",
		"1e-400",
		"1e99999999999999999999",
		"1e-99999999999999999999",
		"9007199254740993e0",
		NULL,
	};
	static const char *const small[] = {
		"0",
		"-0",
		"0.0",
		"0e999999",
		"0.00000000000000000000000000",
		"7",
		"-1.50",
		"9007199254740991",
		"-9007199254740991",
		"123456789012345",
		"0.30000000000000004",
		"1.7976931348623157e+308",
		"2.2250738585072014e-308",
		"1e21",
		"1E-7",
		"1.0000000000000000000000000",
		"123456789.100000000000000000",
		"0.000001",
		"3.141592653589793",
		"5e-324",
		"4.9e-324",
		NULL,
	};
	size_t i;

	(void)state;
	for (i = 0; big[i]; i++)
		if (!big_number_is(text_of(big[i])))
			fail_msg("%s is not big", big[i]);
	for (i = 0; small[i]; i++)
		if (big_number_is(text_of(small[i])))
			fail_msg("%s is big", small[i]);
}

static void what_is_no_number_is_not_big(void **state)
{
	static const char *const none[] = {
		"",
		"-",
		"12345678901234567890-",
		"012345678901234567890",
		"12345678901234567890.",
		".12345678901234567890",
		"12345678901234567890e",
		"12345678901234567890e+",
		"+12345678901234567890",
		NULL,
	};
	size_t i;

	(void)state;
	for (i = 0; none[i]; i++)
		if (big_number_is(text_of(none[i])))
			fail_msg("%s is big", none[i]);
}

static void every_double_comes_back(void **state)
{
	struct random r;
	char text[40];
	double v;
	uint64_t bits;
	int i;

	(void)state;
	random_init(&r);
	for (i = 0; i < 100000; i++) {
		bits = random_u64(&r);
		memcpy(&v, &bits, sizeof(v));
		if ((bits >> 52 & 0x7ff) == 0x7ff || (bits >> 52 & 0x7ff) == 0)
			continue;
		(void)snprintf(text, sizeof(text), "%.17g", v);
		/* whole numbers without an exponent are another matter */
		if ((strchr(text, 'e') || (v < 9e15 && v > -9e15)) && big_number_is(text_of(text)))
			fail_msg("%s is big", text);
	}
}

static void only_big_numbers_are_quoted(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", ""},
		{"12345678901234567890", "\"12345678901234567890\""},
		{"{\"id\":9007199254740993,\"n\":1.5}", "{\"id\":\"9007199254740993\",\"n\":1.5}"},
		{"[ -9007199254740993 , 1e400,1]", "[ \"-9007199254740993\" , \"1e400\",1]"},
		{"{\"12345678901234567890\":\"12345678901234567890\"}",
		 "{\"12345678901234567890\":\"12345678901234567890\"}"},
		{"{\"a\\\"12345678901234567890\":\"\\\\\",\"b\":12345678901234567890}",
		 "{\"a\\\"12345678901234567890\":\"\\\\\",\"b\":\"12345678901234567890\"}"},
		{"{\"a\":{\"b\":[null,true,12345678901234567890]}}",
		 "{\"a\":{\"b\":[null,true,\"12345678901234567890\"]}}"},
		{"\"12345678901234567890", "\"12345678901234567890"},
		{"\"", "\""},
		{"\"\\", "\"\\"},
		{"12345678901234567890-1", "12345678901234567890-1"},
		{"{\"\xc3\xa9\":\"\xff\",1}", "{\"\xc3\xa9\":\"\xff\",1}"},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 1000);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		big_number_quote(&out, text_of(cases[i].in));
		assert_string_equal(buf_str(&out), cases[i].want);
	}
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_big_when_a_double_would_change_it),
		cmocka_unit_test(what_is_no_number_is_not_big),
		cmocka_unit_test(every_double_comes_back),
		cmocka_unit_test(only_big_numbers_are_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
