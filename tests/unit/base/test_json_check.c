/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/bearer.h"
#include "base/json_check.h"

/* Feed text, `piece` bytes at a time. */
static enum json_check_step feed(struct json_check *c, struct text t, size_t piece,
				 size_t *ret_used, struct buf *out)
{
	enum json_check_step step = JSON_CHECK_MORE;
	size_t at = 0, used, n;

	json_check_init(c, (struct json_place){1, 1});
	while (step == JSON_CHECK_MORE && at < t.len) {
		n = t.len - at < piece ? t.len - at : piece;
		step = json_check_feed(c, t.s + at, n, &used, out);
		at += used;
	}
	*ret_used = at;
	return step;
}

static void good_objects_end_where_they_end(void **state)
{
	static const struct {
		struct text json, compact;
	} cases[] = {
		{TEXT_LIT("{}"), TEXT_LIT("{}")},
		{TEXT_LIT("{ \"a\" :\t[ 1 , 2 ]\r\n, \"b\":{ } }"),
		 TEXT_LIT("{\"a\":[1,2],\"b\":{}}")},
		{TEXT_LIT("{\"a b\": \" x  y \"}"), TEXT_LIT("{\"a b\":\" x  y \"}")},
		{TEXT_LIT("{\"n\":[0,-0,-1,10,1.5,0.25,1e5,1E+5,2.5e-10 ]}"),
		 TEXT_LIT("{\"n\":[0,-0,-1,10,1.5,0.25,1e5,1E+5,2.5e-10]}")},
		{TEXT_LIT("{\"w\":[true,false,null]}"), TEXT_LIT("{\"w\":[true,false,null]}")},
		{TEXT_LIT("{\"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u0000\"}"),
		 TEXT_LIT("{\"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u0000\"}")},
		{TEXT_LIT("{\"p\":\"\\ud83d\\ude00\"}"), TEXT_LIT("{\"p\":\"\\ud83d\\ude00\"}")},
		{TEXT_LIT("{\"u\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf"
			  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}"),
		 TEXT_LIT("{\"u\":\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf"
			  "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}")},
		{TEXT_LIT("{\"\":[[[]],[{}]]}"), TEXT_LIT("{\"\":[[[]],[{}]]}")},
	};
	struct json_check c;
	struct buf out, with_tail;
	size_t i, piece, used;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&with_tail, 1000);
		buf_add_text(&with_tail, cases[i].json);
		buf_add_str(&with_tail, " ,{");
		for (piece = 1; piece <= with_tail.len; piece++) {
			buf_init(&out, 1000);
			if (feed(&c, buf_text(&with_tail), piece, &used, &out) != JSON_CHECK_DONE)
				fail_msg("case %zu in pieces of %zu: %s", i, piece, c.why);
			assert_int_equal(used, cases[i].json.len);
			assert_true(text_eq(buf_text(&out), cases[i].compact));
			buf_done(&out);
		}
		buf_done(&with_tail);
	}
}

static const struct {
	const char *json;
	const char *why;
	int line, column;
} bad[] = {
	{"[]", "expected {", 1, 1},
	{"{a:1}", "expected a name in double quotes", 1, 2},
	{"{\"a\" 1}", "expected :", 1, 6},
	{"{\"a\":}", "expected a value", 1, 6},
	{"{\"a\":1,}", "expected a name in double quotes", 1, 8},
	{"{\"a\":1 2}", "expected , or }", 1, 8},
	{"{\"a\":[1 2]}", "expected , or ]", 1, 9},
	{"{\"a\":[1,]}", "expected a value", 1, 9},
	{"{\"a\":[1}}", "expected , or ]", 1, 8},
	{"{\n \"a\":\n  01}", "a number must not begin with 0", 3, 4},
	{"{\"a\":-}", "expected a digit", 1, 7},
	{"{\"a\":1.}", "expected a digit", 1, 8},
	{"{\"a\":1.5.5}", "expected , or }", 1, 9},
	{"{\"a\":1e}", "expected a digit", 1, 8},
	{"{\"a\":1e+}", "expected a digit", 1, 9},
	{"{\"a\":+1}", "expected a value", 1, 6},
	{"{\"a\":.5}", "expected a value", 1, 6},
	{"{\"a\":tru}", "expected a value", 1, 9},
	{"{\"a\":nullx}", "expected , or }", 1, 10},
	{"{\"a\":NaN}", "expected a value", 1, 6},
	{"{\"a\":'b'}", "expected a value", 1, 6},
	{"{\"a\":\"b\nc\"}", "a control character in a string: it must be escaped", 1, 8},
	{"{\"a\":\"\\x\"}", "no such escape", 1, 8},
	{"{\"a\":\"\\u12g4\"}", "expected a hexadecimal digit", 1, 11},
	{"{\"a\":\"\\ud800\"}", "half of a surrogate pair", 1, 13},
	{"{\"a\":\"\\ud800\\n\"}", "half of a surrogate pair", 1, 14},
	{"{\"a\":\"\\ud800\\u0041\"}", "half of a surrogate pair", 1, 18},
	{"{\"a\":\"\\udc00\"}", "half of a surrogate pair", 1, 12},
	{"{\"a\":\"\x80\"}", "not UTF-8", 1, 7},
	{"{\"a\":\"\xc0\x80\"}", "not UTF-8", 1, 7},
	{"{\"a\":\"\xe0\x80\x80\"}", "not UTF-8", 1, 8},
	{"{\"a\":\"\xed\xa0\x80\"}", "not UTF-8", 1, 8},
	{"{\"a\":\"\xf4\x90\x80\x80\"}", "not UTF-8", 1, 8},
	{"{\"a\":\"\xf5\x80\x80\x80\"}", "not UTF-8", 1, 7},
	{"{\"a\":\"\xc3\"}", "not UTF-8", 1, 8},
	{"{\"\xc3\xa9\xc3\xa9\":?}", "expected a value", 1, 7},
	{"{\"a\":1\v}", "expected , or }", 1, 7},
};
static void bad_ones_end_at_the_wrong_byte(void **state)
{

	struct json_check c;
	size_t i, piece, used, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		len = strlen(bad[i].json);
		for (piece = 1; piece <= len; piece++) {
			if (feed(&c, text_of(bad[i].json), piece, &used, NULL) != JSON_CHECK_BAD)
				fail_msg("%s in pieces of %zu: taken", bad[i].json, piece);
			if (strcmp(c.why, bad[i].why) != 0 || c.place.line != bad[i].line ||
			    c.place.column != bad[i].column)
				fail_msg("%s: %s, line %d column %d", bad[i].json, c.why,
					 (int)c.place.line, (int)c.place.column);
		}
	}
	assert_int_equal(feed(&c, (struct text){"{\"\0", 3}, 9, &used, NULL), JSON_CHECK_BAD);
}

static void what_is_cut_wants_more(void **state)
{
	static const char json[] = "{\"a\":[-1.5e+3,true,\"\\ud83d\\ude00\xf0\x9f\x98\x80\"]}";
	struct json_check c;
	size_t n, used;

	(void)state;
	for (n = 0; n < sizeof(json) - 1; n++) {
		assert_int_equal(feed(&c, (struct text){json, n}, n + 1, &used, NULL),
				 JSON_CHECK_MORE);
		assert_int_equal(used, n);
	}
}

static void nesting_has_an_end(void **state)
{
	char json[2 * JSON_CHECK_DEPTH_MAX + 8];
	struct json_check c;
	size_t used;

	(void)state;
	/* the object is one level */
	(void)snprintf(json, sizeof(json), "{\"a\":%.*s%.*s}", JSON_CHECK_DEPTH_MAX - 1,
		       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		       JSON_CHECK_DEPTH_MAX - 1,
		       "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
	assert_int_equal(feed(&c, text_of(json), sizeof(json), &used, NULL), JSON_CHECK_DONE);
	(void)snprintf(json, sizeof(json), "{\"a\":%.*s", JSON_CHECK_DEPTH_MAX,
		       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
	assert_int_equal(feed(&c, text_of(json), sizeof(json), &used, NULL), JSON_CHECK_BAD);
	assert_string_equal(c.why, "nested too deeply");
}

static void a_full_buffer_sticks_and_reading_goes_on(void **state)
{
	struct json_check c;
	struct buf out;
	size_t used;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(feed(&c, TEXT_LIT("{\"a\":1}"), 1, &used, &out), JSON_CHECK_DONE);
	assert_int_equal(buf_error(&out), ERR_FULL);
	buf_done(&out);
}

static void bearer_tokens_are_found_and_compared(void **state)
{
	(void)state;
	assert_null(bearer_find(NULL));
	assert_null(bearer_find("Basic abc"));
	assert_null(bearer_find("Bearer"));
	assert_string_equal(bearer_find("Bearer abc"), "abc");
	assert_string_equal(bearer_find("bEARER abc"), "abc");
	assert_true(bearer_is_equal("abc", "abc"));
	assert_false(bearer_is_equal("abc", "abd"));
	assert_false(bearer_is_equal("abc", "ab"));
	assert_false(bearer_is_equal("abc", "abcabc"));
	assert_false(bearer_is_equal("abc", ""));
	assert_false(bearer_is_equal("", "abc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_objects_end_where_they_end),
		cmocka_unit_test(bad_ones_end_at_the_wrong_byte),
		cmocka_unit_test(what_is_cut_wants_more),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(a_full_buffer_sticks_and_reading_goes_on),
		cmocka_unit_test(bearer_tokens_are_found_and_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
