/* SPDX-License-Identifier: MIT */
/* Keys of pushed events: one way to write each, whatever the client's was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "source/inlet_store.h"

static void a_key_is_written_one_way(void **state)
{
	static const struct {
		const char *spelled, *written;
	} cases[] = {
		{"{\"id\":1}", "{\"id\":1}"},
		{" {\n\"id\" :\t1 } ", "{\"id\":1}"},
		{"{\"b\":2,\"a\":1}", "{\"a\":1,\"b\":2}"},
		{"{\"ab\":1,\"a\":2,\"\":3,\"B\":4}", "{\"\":3,\"B\":4,\"a\":2,\"ab\":1}"},
		{"{\"i\\u0064\":\"\\u0041\\/\\u00e4\"}", "{\"id\":\"A/\xc3\xa4\"}"},
		{"{\"a\":\"\\u0000\\n\\\"\\\\\"}", "{\"a\":\"\\u0000\\n\\\"\\\\\"}"},
		{"{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}"},
		{"{\"a\":1.50,\"b\":-0,\"c\":1e3}", "{\"a\":1.50,\"b\":-0,\"c\":1e3}"},
		{"{\"a\":123456789012345678901234567890}",
		 "{\"a\":123456789012345678901234567890}"},
		{"{\"a\":true,\"b\":false,\"c\":null}", "{\"a\":true,\"b\":false,\"c\":null}"},
		{"{\"a\":\"}\",\"b\":\"[\"}", "{\"a\":\"}\",\"b\":\"[\"}"},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, INLET_ROW_KEY_BYTES_MAX);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		assert_int_equal(inlet_key_write(&out, text_of(cases[i].spelled), NULL), ERR_OK);
		assert_string_equal(buf_str(&out), cases[i].written);
	}
	buf_done(&out);
}

static void what_is_no_key_is_refused(void **state)
{
	static const struct {
		const char *key, *why;
	} cases[] = {
		{"", "no JSON object"},
		{"7", "no JSON object"},
		{"[1]", "no JSON object"},
		{"{\"a\":1", "no JSON object"},
		{"{\"a\":1}x", "no JSON object"},
		{"{}", "is empty"},
		{"{\"a\":{}}", "holds an object"},
		{"{\"a\":[1]}", "holds a list"},
		{"{\"a\":1,\"b\":2,\"\\u0061\":1}", "has \"a\" twice"},
	};
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&out, INLET_ROW_KEY_BYTES_MAX);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		assert_int_equal(inlet_key_write(&out, text_of(cases[i].key), &e), ERR_DATA);
		if (!strstr(e.msg, cases[i].why))
			fail_msg("%s: %s", cases[i].key, e.msg);
	}
	buf_done(&out);
}

static void a_key_has_its_bounds(void **state)
{
	static char text[INLET_ROW_KEY_BYTES_MAX + 16];
	struct buf out, many;
	int i;

	(void)state;
	buf_init(&out, INLET_ROW_KEY_BYTES_MAX);
	buf_init(&many, INLET_ROW_KEY_BYTES_MAX);
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + INLET_ROW_KEY_BYTES_MAX - 2, "\"}", 3);
	assert_int_equal(inlet_key_write(&out, text_of(text), NULL), ERR_OK);
	assert_int_equal(out.len, INLET_ROW_KEY_BYTES_MAX);
	buf_reset(&out);
	memcpy(text + INLET_ROW_KEY_BYTES_MAX - 2, "x\"}", 4);
	assert_int_equal(inlet_key_write(&out, text_of(text), NULL), ERR_DATA);
	/* short as it is spelled, long as it is written */
	for (i = 6; i < 40000; i++)
		text[i] = '\x01';
	memcpy(text + 40000, "\"}", 3);
	buf_reset(&out);
	assert_int_equal(inlet_key_write(&out, text_of(text), NULL), ERR_DATA);
	for (i = 0; i < 33; i++)
		buf_add_fmt(&many, "%s\"%d\":1", i ? "," : "{", i);
	buf_add_char(&many, '}');
	buf_reset(&out);
	assert_int_equal(inlet_key_write(&out, buf_text(&many), NULL), ERR_DATA);
	buf_done(&many);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_written_one_way),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_key_has_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
