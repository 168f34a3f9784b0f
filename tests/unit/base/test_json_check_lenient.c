/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_check.h"
#include "base/random.h"

/* The last step over the bytes; BAD too when an object has ended and something follows. */
static enum json_check_step check(const char *s, size_t len)
{
	struct json_check c, bytewise;
	enum json_check_step step, byte_step = JSON_CHECK_MORE;
	size_t used, i;

	json_check_init_lenient(&c);
	step = json_check_feed(&c, s, len, &used, NULL);
	json_check_init_lenient(&bytewise);
	for (i = 0; i < len && byte_step == JSON_CHECK_MORE; i++)
		byte_step = json_check_byte(&bytewise, (unsigned char)s[i]);
	assert_int_equal(byte_step, step);
	while (step == JSON_CHECK_DONE && used < len && (s[used] == ' ' || s[used] == '\n'))
		used++;
	if (step == JSON_CHECK_DONE && used < len)
		step = JSON_CHECK_BAD;
	assert_int_equal(json_check_is_object((struct text){s, len}), step == JSON_CHECK_DONE);
	return step;
}

static const char *const good[] = {
	"{}",
	"{\"a\":1}",
	" { \"a\" : [ 1 , -2.5e+1 , 0.1E-3 , true,false , null,\"x\" , [], {} ] } ",
	"{\"a\":{\"b\":[[[{\"c\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"}]]]},\"d\":-0}",
	"{\"\xC3\xA9\":\"\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBD\x7F\"}",
	"{\"n\":123456789012345678901234567890.5}",
};

static const char *const bad[] = {
	"[]",
	"1",
	"x",
	"\"a\"",
	"{]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{\"a\":01}",
	"{\"a\":1.}",
	"{\"a\":.5}",
	"{\"a\":+1}",
	"{\"a\":1e}",
	"{\"a\":-}",
	"{\"a\":tru}",
	"{\"a\":nulL}",
	"{\"a\":[1,]}",
	"{\"a\":[1}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\u12g4\"}",
	"{\"a\":\"\n\"}",
	"{\"a\":\"\x80\"}",
	"{\"a\":\"\xC0\x80\"}",
	"{\"a\":\"\xE0\x80\x80\"}",
	"{\"a\":\"\xED\xA0\x80\"}",
	"{\"a\":\"\xF5\x80\x80\x80\"}",
	"{\"a\":\"\xC3\"}",
	"{a:1}",
	"{\"a\":1 2}",
	"{\"a\" 1}",
	"{\"a\":'b'}",
	"{} {}",
	"{},",
	"{\"a\":1}}",
};

static void what_json_has_is_whole_at_its_end_and_not_before(void **state)
{
	size_t i, n, end;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		end = strlen(good[i]);
		while (good[i][end - 1] == ' ')
			end--;
		for (n = 0; n < strlen(good[i]); n++)
			assert_int_equal(check(good[i], n),
					 n < end ? JSON_CHECK_MORE : JSON_CHECK_DONE);
		assert_int_equal(check(good[i], n), JSON_CHECK_DONE);
	}
}

static void what_it_has_not_is_bad(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (check(bad[i], strlen(bad[i])) != JSON_CHECK_BAD)
			fail_msg("not bad: %s", bad[i]);
	assert_int_equal(check("{\"a\":\0}", 7), JSON_CHECK_BAD);
}

/* A reader of JSON is the judge of good texts with a byte changed. */
static void a_reader_of_json_says_the_same_of_any_bytes(void **state)
{
	static const char bytes[] = "{}[]\",:0123456789.eE+-truefalsn\\u \n\x80\xC3\xA9\x01";
	struct random r;
	char text[128];
	json_error_t e;
	json_t *tree;
	size_t len;
	int i;

	(void)state;
	random_init_seed(&r, 7);
	for (i = 0; i < 200000; i++) {
		const char *from = good[random_below(&r, sizeof(good) / sizeof(*good))];

		len = strlen(from);
		memcpy(text, from, len);
		text[random_below(&r, len)] = bytes[random_below(&r, sizeof(bytes) - 1)];
		if (random_below(&r, 2))
			text[random_below(&r, len)] = bytes[random_below(&r, sizeof(bytes) - 1)];
		tree = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
		if (!tree && json_error_code(&e) == json_error_numeric_overflow)
			continue; /* more than it can hold, and JSON all the same */
		if ((check(text, len) == JSON_CHECK_DONE) != json_is_object(tree))
			fail_msg("%s: %.*s", json_is_object(tree) ? "good" : "bad", (int)len, text);
		json_decref(tree);
	}
}

static void depth_has_no_bound(void **state)
{
	const size_t n = 10 * JSON_CHECK_DEPTH_KNOWN;
	char *text = malloc(20 * n), *at = text;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < n; i++)
		at += snprintf(at, 20, "%s", i % 2 ? "[1,\"x\"," : "{\"a\":[],\"b\":");
	at += snprintf(at, 5, "null");
	for (i = n; i-- > 0;)
		*at++ = i % 2 ? ']' : '}';
	assert_int_equal(check(text, (size_t)(at - text)), JSON_CHECK_DONE);
	assert_int_equal(check(text, (size_t)(at - text) - 1), JSON_CHECK_MORE);
	free(text);
}

/* Behind a value in the first level of which nothing is known. */
static void too_deep_to_be_known_is_still_no_other_byte(void **state)
{
	const size_t n = JSON_CHECK_DEPTH_KNOWN + 1;
	char *text = malloc(n * 5 + 8), *at = text;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < n; i++)
		at += snprintf(at, 6, "%s", "{\"a\":");
	at += snprintf(at, 4, "1 2");
	assert_int_equal(check(text, (size_t)(at - text)), JSON_CHECK_BAD);
	free(text);
}

/* PostgreSQL's json has it; json_check_init refuses it. */
static void half_a_surrogate_pair_is_let_through(void **state)
{
	static const char text[] = "{\"a\":\"\\udc00\\ud800\"}";

	(void)state;
	assert_int_equal(check(text, sizeof(text) - 1), JSON_CHECK_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_json_has_is_whole_at_its_end_and_not_before),
		cmocka_unit_test(what_it_has_not_is_bad),
		cmocka_unit_test(a_reader_of_json_says_the_same_of_any_bytes),
		cmocka_unit_test(depth_has_no_bound),
		cmocka_unit_test(too_deep_to_be_known_is_still_no_other_byte),
		cmocka_unit_test(half_a_surrogate_pair_is_let_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
