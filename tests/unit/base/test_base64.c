/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/random.h"

/* RFC 4648, section 10, and all of the alphabet. */
static const struct {
	const char *bytes, *chars;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"f"
	 "o",
	 "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xef\xbe\xff\xff\xff", "++++////"},
};

static void the_vectors_of_the_rfc_go_both_ways(void **state)
{
	uint8_t bytes[16];
	char chars[16];
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(vectors); i++) {
		base64_encode(vectors[i].bytes, strlen(vectors[i].bytes), chars);
		assert_string_equal(chars, vectors[i].chars);
		assert_int_equal(base64_decode(text_of(chars), bytes, sizeof(bytes), &len), ERR_OK);
		assert_int_equal(len, strlen(vectors[i].bytes));
		assert_memory_equal(bytes, vectors[i].bytes, len);
	}
}

static void what_is_encoded_decodes_to_the_same(void **state)
{
	uint8_t bytes[100], again[100];
	char chars[BASE64_CHARS(sizeof(bytes)) + 1];
	struct random r;
	size_t len, i, n;

	(void)state;
	random_init_seed(&r, 4648);
	for (n = 0; n <= sizeof(bytes); n++) {
		for (i = 0; i < n; i++)
			bytes[i] = (uint8_t)random_u64(&r);
		base64_encode(bytes, n, chars);
		assert_int_equal(strlen(chars), BASE64_CHARS(n));
		assert_int_equal(base64_decode(text_of(chars), again, n, &len), ERR_OK);
		assert_int_equal(len, n);
		assert_memory_equal(again, bytes, n);
	}
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const wrong[] = {
		"Z",    "Zg",     "Zg=",  "Zm9v=",   "====",  "Z===",     "=Zg=",    "Zg==Zg==",
		"Zm9 ", "Zm9v\n", "-_-_", "Zm9\xff", "Zm\0v", "Zm9vZm9!", "Zm9v Zm", "Zm=v"};
	uint8_t bytes[16];
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		if (base64_decode(text_of(wrong[i]), bytes, sizeof(bytes), &len) != ERR_DATA)
			fail_msg("%s", wrong[i]);
	}
	assert_int_equal(base64_decode((struct text){"Zm\0v", 4}, bytes, 16, &len), ERR_DATA);
}

static void no_more_than_there_is_room_for_is_written(void **state)
{
	uint8_t bytes[4] = {1, 2, 3, 4};
	size_t len = 99;

	(void)state;
	assert_int_equal(base64_decode(TEXT_LIT("Zm9v"), bytes, 2, &len), ERR_FULL);
	assert_int_equal(len, 99);
	assert_int_equal(bytes[2], 3);
	assert_int_equal(base64_decode(TEXT_LIT("Zm8="), bytes, 2, &len), ERR_OK);
	assert_int_equal(len, 2);
	assert_int_equal(bytes[2], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_the_rfc_go_both_ways),
		cmocka_unit_test(what_is_encoded_decodes_to_the_same),
		cmocka_unit_test(what_is_not_base64_is_refused),
		cmocka_unit_test(no_more_than_there_is_room_for_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
