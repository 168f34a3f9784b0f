/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/signing_key.h"

#define SEC_24 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SEC_64                                                                                     \
	"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD" \
	"0+Pw=="
#define SK_32 "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
#define SK_64                                                                                      \
	"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/"                           \
	"tPJZAc6DuFy89qmIyWvAhpo9wdR"                                                              \
	"Gg=="

static void both_kinds_are_read_in_all_their_lengths(void **state)
{
	static const struct {
		const char *text;
		enum signing_key_kind kind;
		size_t len;
		uint8_t first;
	} cases[] = {
		{SEC_24, SIGNING_KEY_HMAC, 24, 0x31},
		{SEC_64, SIGNING_KEY_HMAC, 64, 0x00},
		{SK_32, SIGNING_KEY_ED25519, 32, 0x9d},
		{SK_64, SIGNING_KEY_ED25519, 32, 0x9d},
	};
	struct signing_key k;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(signing_key_parse(text_of(cases[i].text), &k, NULL), ERR_OK);
		assert_int_equal(k.kind, cases[i].kind);
		assert_int_equal(k.len, cases[i].len);
		assert_int_equal(k.bytes[0], cases[i].first);
	}
}

static void what_is_no_secret_is_refused_without_repeating_it(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{"", "begins with whsec_"},
		{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
		{"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
		{"whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "whpk_ is the public key"},
		{"whsec_", "base64 of 0 bytes"},
		{"whsk_", "base64 of 0 bytes"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "base64 of 22 bytes: 24 to 64"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS=", "base64 of 23 bytes: 24 to 64"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "behind whsec_ is not base64"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "behind whsec_ is not base64"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		 "MfKQ9r8GKYqrTwjUPD8ILPZI",
		 "whsec_ and base64 of more than 64 bytes"},
		{"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64 of 24 bytes: an ed25519"},
		{"whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWv"
		 "Ahpo9wdRGw==",
		 "must be the public key of the first"},
	};
	struct signing_key k = {.len = 99};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(signing_key_parse(text_of(cases[i].text), &k, &e), ERR_DATA);
		if (!strstr(e.msg, cases[i].complaint))
			fail_msg("%s: %s", cases[i].text, e.msg);
		assert_null(strstr(e.msg, "MfK"));
		assert_null(strstr(e.msg, "nWG"));
		assert_int_equal(k.len, 99);
	}
}

static void several_stand_with_commas_or_white_space_between(void **state)
{
	struct signing_keys keys = {NULL, 0};

	(void)state;
	assert_int_equal(signing_keys_add(&keys, TEXT_LIT(" " SEC_24 ",\r\n\t" SK_32 "\n"), NULL),
			 ERR_OK);
	assert_int_equal(keys.count, 2);
	assert_int_equal(keys.items[0].kind, SIGNING_KEY_HMAC);
	assert_int_equal(keys.items[1].kind, SIGNING_KEY_ED25519);
	assert_int_equal(signing_keys_add(&keys, TEXT_LIT(SEC_64), NULL), ERR_OK);
	assert_int_equal(keys.count, 3);
	signing_keys_done(&keys);
	assert_null(keys.items);
}

static void none_twice_and_too_many_are_refused(void **state)
{
	struct signing_keys keys = {NULL, 0};
	char text[] = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct err e;
	size_t i;

	(void)state;
	assert_int_equal(signing_keys_add(&keys, TEXT_LIT(" \n"), &e), ERR_DATA);
	assert_string_equal(e.msg, "must not be empty");
	assert_int_equal(signing_keys_add(&keys, TEXT_LIT(SK_32 " " SK_64), &e), ERR_DATA);
	assert_string_equal(e.msg, "a secret is given twice");
	signing_keys_done(&keys);
	for (i = 0; i < SIGNING_KEYS_MAX; i++) {
		text[10] = (char)('A' + i);
		assert_int_equal(signing_keys_add(&keys, text_of(text), &e), ERR_OK);
	}
	assert_int_equal(signing_keys_add(&keys, TEXT_LIT(SEC_24), &e), ERR_DATA);
	assert_string_equal(e.msg, "more than 8 secrets");
	signing_keys_done(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_kinds_are_read_in_all_their_lengths),
		cmocka_unit_test(what_is_no_secret_is_refused_without_repeating_it),
		cmocka_unit_test(several_stand_with_commas_or_white_space_between),
		cmocka_unit_test(none_twice_and_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
