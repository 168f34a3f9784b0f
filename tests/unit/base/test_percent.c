/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/percent.h"

static void each_byte_stays_or_is_encoded(void **state)
{
	static const struct {
		struct text in;
		const char *url, *header;
	} cases[] = {
		{TEXT_LIT(""), "", ""},
		{TEXT_LIT("aZ09-_~"), "aZ09-_~", "aZ09-_~"},
		{TEXT_LIT("a.b/c?d=e&f#g"), "a%2Eb%2Fc%3Fd%3De%26f%23g", "a.b/c?d=e&f#g"},
		{TEXT_LIT(" \"%\t"), "%20%22%25%09", "%20%22%25%09"},
		{TEXT_LIT("\r\n\0\x7f\x1f"), "%0D%0A%00%7F%1F", "%0D%0A%00%7F%1F"},
		/* the example of CloudEvents' HTTP binding */
		{TEXT_LIT("Euro \xe2\x82\xac \xf0\x9f\x98\x80"), "Euro%20%E2%82%AC%20%F0%9F%98%80",
		 "Euro%20%E2%82%AC%20%F0%9F%98%80"},
		{TEXT_LIT("!~"), "%21~", "!~"},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		percent_add_url(&out, cases[i].in);
		assert_string_equal(buf_str(&out), cases[i].url);
		buf_reset(&out);
		percent_add_header(&out, cases[i].in);
		assert_string_equal(buf_str(&out), cases[i].header);
	}
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_stays_or_is_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
