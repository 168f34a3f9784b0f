/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "sink/reason.h"

static void a_status_reason_is_one_clean_line(void **state)
{
	static const struct {
		struct text body;
		const char *want;
	} cases[] = {
		{TEXT_LIT(""), "HTTP 500"},
		{TEXT_LIT(" \r\n\t "), "HTTP 500"},
		{TEXT_LIT("boom"), "HTTP 500: boom"},
		{TEXT_LIT("\n {\"error\":\n\t\"boom\"}\n"), "HTTP 500: {\"error\": \"boom\"}"},
		{TEXT_LIT("a\0b"), "HTTP 500: a b"},
		{TEXT_LIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
		 "HTTP 500: caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{TEXT_LIT("caf\xe9!"), "HTTP 500: caf?!"},
		/* overlong, surrogate, above U+10FFFF, cut off by the end */
		{TEXT_LIT("\xc0\x80"), "HTTP 500: ??"},
		{TEXT_LIT("\xed\xa0\x80"), "HTTP 500: ???"},
		{TEXT_LIT("\xf4\x90\x80\x80"), "HTTP 500: ????"},
		{TEXT_LIT("x\xe2\x82"), "HTTP 500: x??"},
		{TEXT_LIT("\xe2\x41\x82"), "HTTP 500: ?A?"},
	};
	char out[160];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		reason_of_status(500, cases[i].body, out, sizeof(out));
		assert_string_equal(out, cases[i].want);
	}
}

static void no_character_is_cut_in_two_at_the_end_of_the_room(void **state)
{
	char out[16];

	(void)state;
	reason_of_status(500, TEXT_LIT("1234\xc3\xa9"), out, sizeof(out));
	assert_string_equal(out, "HTTP 500: 1234");
	reason_of_status(500, TEXT_LIT("123\xc3\xa9"), out, sizeof(out));
	assert_string_equal(out, "HTTP 500: 123\xc3\xa9");
	reason_of_status(500, TEXT_LIT("1234567890"), out, sizeof(out));
	assert_string_equal(out, "HTTP 500: 12345");
}

static void a_failure_names_its_phase(void **state)
{
	char out[64];

	(void)state;
	reason_of_failure(ANSWER_PHASE_CONNECT, "Connection\nrefused", out, sizeof(out));
	assert_string_equal(out, "connect: Connection refused");
	reason_of_timeout(ANSWER_PHASE_FIRST_BYTE, 30 * CLOCK_US_PER_S, out, sizeof(out));
	assert_string_equal(out, "timeout after 30 s waiting for the first byte");
	reason_of_timeout(ANSWER_PHASE_LOOKUP, CLOCK_US_PER_S / 2, out, sizeof(out));
	assert_string_equal(out, "timeout after 0.5 s in the name lookup");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_reason_is_one_clean_line),
		cmocka_unit_test(no_character_is_cut_in_two_at_the_end_of_the_room),
		cmocka_unit_test(a_failure_names_its_phase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
