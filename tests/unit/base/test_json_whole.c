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

#include "base/json_whole.h"
#include "base/random.h"

static enum json_whole_word check(const char *s, size_t len)
{
	struct json_whole c;

	json_whole_init(&c);
	return json_whole_bytes(&c, s, len);
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
					 n < end ? JSON_WHOLE_MORE : JSON_WHOLE_DONE);
		assert_int_equal(check(good[i], n), JSON_WHOLE_DONE);
	}
}

static void what_it_has_not_is_bad(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (check(bad[i], strlen(bad[i])) != JSON_WHOLE_BAD)
			fail_msg("not bad: %s", bad[i]);
	assert_int_equal(check("{\"a\":\0}", 7), JSON_WHOLE_BAD);
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
		if ((check(text, len) == JSON_WHOLE_DONE) != json_is_object(tree))
			fail_msg("%s: %.*s", json_is_object(tree) ? "good" : "bad", (int)len, text);
		json_decref(tree);
	}
}

static void depth_has_no_bound(void **state)
{
	const size_t n = 10 * JSON_WHOLE_DEPTH;
	char *text = malloc(20 * n), *at = text;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < n; i++)
		at += snprintf(at, 20, "%s", i % 2 ? "[1,\"x\"," : "{\"a\":[],\"b\":");
	at += snprintf(at, 5, "null");
	for (i = n; i-- > 0;)
		*at++ = i % 2 ? ']' : '}';
	assert_int_equal(check(text, (size_t)(at - text)), JSON_WHOLE_DONE);
	assert_int_equal(check(text, (size_t)(at - text) - 1), JSON_WHOLE_MORE);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_json_has_is_whole_at_its_end_and_not_before),
		cmocka_unit_test(what_it_has_not_is_bad),
		cmocka_unit_test(a_reader_of_json_says_the_same_of_any_bytes),
		cmocka_unit_test(depth_has_no_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
