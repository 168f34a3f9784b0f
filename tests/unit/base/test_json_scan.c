/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json_scan.h"

/* NAME=VALUE; for each member, and how it ended. */
static void write_steps(struct buf *out, struct text json)
{
	struct json_member m;
	struct json_scan s;
	enum json_step step;

	json_scan_open(&s, json);
	while ((step = json_scan_next(&s, &m)) == JSON_STEP_MEMBER) {
		buf_add_text(out, m.name);
		buf_add_char(out, '=');
		buf_add_text(out, m.value);
		buf_add_char(out, ';');
	}
	buf_add_str(out, step == JSON_STEP_END ? "end" : "bad");
}

static void assert_steps(const char *json, const char *want)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	write_steps(&out, text_of(json));
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
}

static void members_are_told_as_they_are_spelled(void **state)
{
	(void)state;
	assert_steps("{}", "end");
	assert_steps(" { } \n", "end");
	assert_steps("{\"a\":1}", "a=1;end");
	assert_steps("\t{ \"a\" : -1.5e+7 , \"b\":\"x\" ,\"\":null\n} ",
		     "a=-1.5e+7;b=\"x\";=null;end");
	assert_steps("{\"a\\\"b\":\"c\\\\\",\"d\\\\\":\"\\\\\\\"\"}",
		     "a\\\"b=\"c\\\\\";d\\\\=\"\\\\\\\"\";end");
	assert_steps("{\"a\":{\"b\":[1,{\"c\":\"]}\"}],\"d\":{}},\"e\":[]}",
		     "a={\"b\":[1,{\"c\":\"]}\"}],\"d\":{}};e=[];end");
	assert_steps("{\"a\":1,\"a\":2}", "a=1;a=2;end");
	assert_steps("{\"a\":true,\"b\":false}", "a=true;b=false;end");
}

static void what_is_no_whole_object_ends_badly(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"1",
		"\"{}\"",
		"[1]",
		"null",
		"{",
		"{\"a\"",
		"{\"a\":",
		"{\"a\":}",
		"{,}",
		"{a:1}",
		"{\"a\" 1}",
		"{\"a\":\"x}",
		"{\"a\":[1",
		"{1:2}",
		"{\"a\":\"\\\"}",
		"{\"a\"::1}",
		"{} {}",
		"{}x",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_steps(cases[i], "bad");
	assert_steps("{\"a\":1", "a=1;bad");
	assert_steps("{\"a\":[1}", "a=[1};bad");
	assert_steps("{\"a\":{\"b\":1}", "a={\"b\":1};bad");
	assert_steps("{\"a\":1,}", "a=1;bad");
	assert_steps("{\"a\":1 \"b\":2}", "a=1;bad");
	assert_steps("{\"a\":1}}", "a=1;bad");
	assert_steps("{\"a\":1\"b\"}", "a=1;bad");
}

static void nothing_follows_the_end(void **state)
{
	struct json_member m;
	struct json_scan s;

	(void)state;
	json_scan_open(&s, TEXT_LIT("{\"a\" \"b\":1}"));
	assert_int_equal(json_scan_next(&s, &m), JSON_STEP_BAD);
	assert_int_equal(json_scan_next(&s, &m), JSON_STEP_BAD);
}

/* Each prefix ends where its bytes end: under a sanitizer one more would be seen. */
static void a_cut_object_is_bad_wherever_it_is_cut(void **state)
{
	static const char json[] = "{\"a\":\"\\u00e4\\\"\",\"b\":{\"c\":[1,2]}}";
	char copy[sizeof(json)];
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(json) - 1; i++) {
		memcpy(copy + sizeof(copy) - i, json, i);
		buf_init(&out, 1 << 20);
		write_steps(&out, (struct text){copy + sizeof(copy) - i, i});
		assert_string_equal(buf_str(&out) + out.len - 3, "bad");
		buf_done(&out);
	}
}

static void escapes_become_what_they_mean(void **state)
{
	static const struct {
		struct text in, want;
	} cases[] = {
		{TEXT_LIT(""), TEXT_LIT("")},
		{TEXT_LIT("plain \xc3\xa4"), TEXT_LIT("plain \xc3\xa4")},
		{TEXT_LIT("\\\"\\\\\\/\\b\\f\\n\\r\\t"), TEXT_LIT("\"\\/\b\f\n\r\t")},
		{TEXT_LIT("\\u0061\\u00E4\\u20ac"), TEXT_LIT("a\xc3\xa4\xe2\x82\xac")},
		{TEXT_LIT("x\\u0000y"), TEXT_LIT("x\0y")},
		{TEXT_LIT("\\ud83d\\ude00!"), TEXT_LIT("\xf0\x9f\x98\x80!")},
		{TEXT_LIT("\\ud83d"), TEXT_LIT("\xef\xbf\xbd")},
		{TEXT_LIT("\\ud83d\\u0061"), TEXT_LIT("\xef\xbf\xbd"
						      "a")},
		{TEXT_LIT("\\ude00\\ud83d"), TEXT_LIT("\xef\xbf\xbd\xef\xbf\xbd")},
		{TEXT_LIT("\\uffff"), TEXT_LIT("\xef\xbf\xbf")},
		{TEXT_LIT("\\x\\u12g4\\u12"), TEXT_LIT("\\x\\u12g4\\u12")},
		{TEXT_LIT("end\\"), TEXT_LIT("end\\")},
	};
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&out, 100);
		json_scan_unescape(&out, cases[i].in);
		assert_int_equal(out.len, cases[i].want.len);
		assert_memory_equal(buf_str(&out), cases[i].want.s, cases[i].want.len);
		assert_true(out.len <= cases[i].in.len);
		buf_done(&out);
	}
}

static void a_cut_leaves_nothing_halved(void **state)
{
	static const struct {
		struct text in;
		size_t most, want;
	} cases[] = {
		{TEXT_LIT(""), 0, 0},
		{TEXT_LIT("abc"), 0, 0},
		{TEXT_LIT("abc"), 2, 2},
		{TEXT_LIT("abc"), 3, 3},
		{TEXT_LIT("abc"), 99, 3},
		{TEXT_LIT("a\xc3\xa4"), 2, 1},
		{TEXT_LIT("a\xc3\xa4"), 3, 3},
		{TEXT_LIT("\xf0\x9f\x98\x80x"), 3, 0},
		{TEXT_LIT("\xf0\x9f\x98\x80x"), 4, 4},
		{TEXT_LIT("a\\nb"), 1, 1},
		{TEXT_LIT("a\\nb"), 2, 1},
		{TEXT_LIT("a\\nb"), 3, 3},
		{TEXT_LIT("\\\\\\\\"), 3, 2},
		{TEXT_LIT("\\\\n"), 2, 2},
		{TEXT_LIT("a\\u00e4b"), 6, 1},
		{TEXT_LIT("a\\u00e4b"), 7, 7},
		{TEXT_LIT("a\\ud83d\\ude00b"), 7, 1},
		{TEXT_LIT("a\\ud83d\\ude00b"), 12, 1},
		{TEXT_LIT("a\\ud83d\\ude00b"), 13, 13},
		/* half a pair stands alone already */
		{TEXT_LIT("\\ud83d\\u0061b"), 6, 6},
		{TEXT_LIT("\\n\xc3\xa4z"), 3, 2},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (json_scan_cut(cases[i].in, cases[i].most) != cases[i].want)
			fail_msg("%zu: %zu", i, json_scan_cut(cases[i].in, cases[i].most));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_told_as_they_are_spelled),
		cmocka_unit_test(what_is_no_whole_object_ends_badly),
		cmocka_unit_test(nothing_follows_the_end),
		cmocka_unit_test(a_cut_object_is_bad_wherever_it_is_cut),
		cmocka_unit_test(a_cut_leaves_nothing_halved),
		cmocka_unit_test(escapes_become_what_they_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
