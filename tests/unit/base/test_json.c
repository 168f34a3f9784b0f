/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/json.h"
#include "base/random.h"

/* What another parser makes of it; fails the test when that is nothing. The caller's. */
static json_t *parsed(const struct buf *b)
{
	json_error_t error;
	json_t *v = json_loadb(buf_str(b), b->len,
			       JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	if (!v)
		fail_msg("%s at %d in: %s", error.text, error.position, buf_str(b));
	return v;
}

static void assert_quoted(const char *bytes, size_t len, const char *want)
{
	struct buf b;

	buf_init(&b, 1000);
	json_quote(&b, (struct text){bytes, len});
	assert_string_equal(buf_str(&b), want);
	json_decref(parsed(&b));
	buf_done(&b);
}

static void quoting_follows_rfc_8259(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{"", 0, "\"\""},
		{"plain text", 10, "\"plain text\""},
		{"\"\\/", 3, "\"\\\"\\\\/\""},
		{"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
		{"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
		{"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", 9,
		 "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
		{"\xC2\x80 \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF", 15,
		 "\"\xC2\x80 \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF\""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_quoted(cases[i].bytes, cases[i].len, cases[i].want);
}

#define BAD "\xEF\xBF\xBD"

static void invalid_utf_8_is_replaced_byte_by_byte(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{"\x80", 1, "\"" BAD "\""},                         /* continuation alone */
		{"a\xFFz", 3, "\"a" BAD "z\""},                     /* never a byte of UTF-8 */
		{"\xC0\x80", 2, "\"" BAD BAD "\""},                 /* overlong NUL */
		{"\xC1\xBF", 2, "\"" BAD BAD "\""},                 /* overlong */
		{"\xE0\x9F\xBF", 3, "\"" BAD BAD BAD "\""},         /* overlong */
		{"\xF0\x8F\xBF\xBF", 4, "\"" BAD BAD BAD BAD "\""}, /* overlong */
		{"\xED\xA0\x80", 3, "\"" BAD BAD BAD "\""},         /* surrogate */
		{"\xF4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""}, /* above U+10FFFF */
		{"\xF5\x80\x80\x80", 4, "\"" BAD BAD BAD BAD "\""},
		{"\xE2\x82", 2, "\"" BAD BAD "\""},       /* ends early */
		{"\xE2\x82\"", 3, "\"" BAD BAD "\\\"\""}, /* a quote where a byte is due */
		{"\xF0\x9F\x98\xE2\x82\xAC", 6, "\"" BAD BAD BAD "\xE2\x82\xAC\""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_quoted(cases[i].bytes, cases[i].len, cases[i].want);
}

/* Every code point that is one, through our writer and the other's parser. */
static void every_code_point_survives(void **state)
{
	struct buf b;
	char s[4];
	size_t len;
	uint32_t c;
	json_t *v;

	(void)state;
	buf_init(&b, 100);
	for (c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 61) {
		if (c >= 0xD800 && c <= 0xDFFF)
			continue;
		len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		s[0] = (char)(len == 1 ? c : (0xF0U << (4 - len)) | c >> 6 * (len - 1));
		s[1] = (char)(0x80 | (c >> 6 * (len > 1 ? len - 2 : 0) & 0x3F));
		s[2] = (char)(0x80 | (c >> 6 * (len > 2 ? len - 3 : 0) & 0x3F));
		s[3] = (char)(0x80 | (c & 0x3F));
		buf_reset(&b);
		json_quote(&b, (struct text){s, len});
		v = parsed(&b);
		assert_int_equal(json_string_length(v), len);
		assert_memory_equal(json_string_value(v), s, len);
		json_decref(v);
	}
	buf_done(&b);
}

static void any_bytes_make_valid_json(void **state)
{
	char bytes[64];
	struct random r;
	struct buf b;
	size_t i, len;
	int round;

	(void)state;
	random_init_seed(&r, 8259);
	buf_init(&b, 1000);
	for (round = 0; round < 50000; round++) {
		len = random_below(&r, sizeof(bytes));
		for (i = 0; i < len; i++)
			/* mostly bytes with a meaning in UTF-8 */
			bytes[i] = (char)(random_below(&r, 4) ? 0x80 + random_below(&r, 0x80)
							      : random_below(&r, 0x80));
		buf_reset(&b);
		json_quote(&b, (struct text){bytes, len});
		json_decref(parsed(&b));
	}
	buf_done(&b);
}

static void an_object_has_its_commas(void **state)
{
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 1000);
	buf_add_str(&b, "> ");
	json_begin(&j, &b);
	json_open_object(&j, NULL);
	json_str(&j, "id", "a-1");
	json_open_object(&j, "empty");
	json_end(&j);
	json_open_array(&j, "list");
	json_i64(&j, NULL, INT64_MIN);
	json_u64(&j, NULL, UINT64_MAX);
	json_open_array(&j, NULL);
	json_end(&j);
	json_bool(&j, NULL, true);
	json_bool(&j, NULL, false);
	json_add_null(&j, NULL);
	json_end(&j);
	json_raw(&j, "data", TEXT_LIT("{\"a\": [1, 2]}"));
	json_str(&j, "q\"", "");
	json_end(&j);
	assert_string_equal(buf_str(&b),
			    "> {\"id\":\"a-1\",\"empty\":{},\"list\":[-9223372036854775808,"
			    "18446744073709551615,[],true,false,null],"
			    "\"data\":{\"a\": [1, 2]},\"q\\\"\":\"\"}");
	buf_done(&b);
}

static void null_pointers_become_null_and_empty_stays_empty(void **state)
{
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 1000);
	json_begin(&j, &b);
	json_open_array(&j, NULL);
	json_str(&j, NULL, NULL);
	json_text(&j, NULL, TEXT_NONE);
	json_raw(&j, NULL, TEXT_NONE);
	json_text(&j, NULL, TEXT_LIT(""));
	json_end(&j);
	assert_string_equal(buf_str(&b), "[null,null,null,\"\"]");
	buf_done(&b);
}

static void floats_have_their_digits(void **state)
{
	static const struct {
		double v;
		int digits;
		const char *want;
	} cases[] = {
		{0, 0, "0"},
		{1.5, 3, "1.500"},
		{-0.0005, 3, "-0.001"},
		{2.0 / 3, 9, "0.666666667"},
		{1e15, 1, "1000000000000000.0"},
		{NAN, 2, "null"},
		{INFINITY, 2, "null"},
		{-INFINITY, 2, "null"},
	};
	struct buf b;
	struct json j;
	size_t i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&b);
		json_begin(&j, &b);
		json_f64(&j, NULL, cases[i].v, cases[i].digits);
		assert_string_equal(buf_str(&b), cases[i].want);
		json_decref(parsed(&b));
	}
	buf_done(&b);
}

static void the_deepest_nesting_closes_in_order(void **state)
{
	struct buf b;
	struct json j;
	json_t *v, *at;
	int i, depth;

	(void)state;
	buf_init(&b, 1000);
	json_begin(&j, &b);
	for (i = 1; i < JSON_DEPTH_MAX; i++)
		if (i % 2)
			json_open_object(&j, NULL);
		else
			json_open_array(&j, "a");
	for (i = 1; i < JSON_DEPTH_MAX; i++)
		json_end(&j);
	v = parsed(&b);
	for (at = v, depth = 0; at; depth++)
		at = json_is_array(at) ? json_array_get(at, 0) : json_object_get(at, "a");
	assert_int_equal(depth, JSON_DEPTH_MAX - 1);
	json_decref(v);
	buf_done(&b);
}

static json_t *random_value(struct random *r, struct json *j, const char *name, int depth);

static json_t *random_members(struct random *r, struct json *j, bool is_object, int depth)
{
	json_t *v = is_object ? json_pack("{}") : json_pack("[]"), *member;
	uint64_t i, n = random_below(r, 5);
	char name[8] = "n ";

	for (i = 0; i < n; i++) {
		name[1] = (char)(1 + i); /* control characters in names too */
		member = random_value(r, j, is_object ? name : NULL, depth + 1);
		if (is_object)
			assert_int_equal(json_object_set_new(v, name, member), 0);
		else
			assert_int_equal(json_array_append_new(v, member), 0);
	}
	return v;
}

/* The same random value, written by us and built in the other library. */
static json_t *random_value(struct random *r, struct json *j, const char *name, int depth)
{
	int64_t n = (int64_t)random_u64(r);
	bool is_object = random_below(r, 2);
	json_t *v;

	switch (random_below(r, depth < 8 ? 6 : 4)) {
	case 0:
		json_i64(j, name, n);
		return json_integer(n);
	case 1:
		json_bool(j, name, n & 1);
		return n & 1 ? json_true() : json_false();
	case 2:
		json_add_null(j, name);
		return json_pack("n");
	case 3:
		json_text(j, name, TEXT_LIT("a\0b \"\n\xE2\x82\xAC"));
		return json_stringn("a\0b \"\n\xE2\x82\xAC", 9);
	default:
		if (is_object)
			json_open_object(j, name);
		else
			json_open_array(j, name);
		v = random_members(r, j, is_object, depth);
		json_end(j);
		return v;
	}
}

static void random_values_come_back_equal(void **state)
{
	struct random r;
	struct buf b;
	struct json j;
	json_t *want, *got;
	int round;

	(void)state;
	random_init_seed(&r, 7);
	buf_init(&b, 1 << 20);
	for (round = 0; round < 3000; round++) {
		buf_reset(&b);
		json_begin(&j, &b);
		want = random_value(&r, &j, NULL, 0);
		assert_int_equal(buf_error(&b), ERR_OK);
		got = parsed(&b);
		if (!json_equal(got, want))
			fail_msg("round %d: %s", round, buf_str(&b));
		json_decref(got);
		json_decref(want);
	}
	buf_done(&b);
}

static void a_full_buffer_says_so(void **state)
{
	struct buf b;
	struct json j;

	(void)state;
	buf_init(&b, 8);
	json_begin(&j, &b);
	json_str(&j, NULL, "longer than eight");
	assert_int_equal(buf_error(&b), ERR_FULL);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoting_follows_rfc_8259),
		cmocka_unit_test(invalid_utf_8_is_replaced_byte_by_byte),
		cmocka_unit_test(every_code_point_survives),
		cmocka_unit_test(any_bytes_make_valid_json),
		cmocka_unit_test(an_object_has_its_commas),
		cmocka_unit_test(null_pointers_become_null_and_empty_stays_empty),
		cmocka_unit_test(floats_have_their_digits),
		cmocka_unit_test(the_deepest_nesting_closes_in_order),
		cmocka_unit_test(random_values_come_back_equal),
		cmocka_unit_test(a_full_buffer_says_so),
	};

	return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
