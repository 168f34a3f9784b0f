/* SPDX-License-Identifier: MIT */
/*
 * JSON in MessagePack and CBOR: byte for byte where the specifications have examples, and back
 * through the libraries' own parsers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sink/encoding.h"
#include "unpack.h"

static void encode(struct buf *out, enum webhook_encoding encoding, struct text json)
{
	buf_init(out, 1 << 24);
	if (encoding_write(encoding, json, out) != ERR_OK)
		fail_msg("%.*s", (int)json.len, json.s);
}

static void assert_bytes(enum webhook_encoding encoding, const char *json, const char *hex)
{
	char got[128] = "";
	struct buf out;
	size_t i;

	encode(&out, encoding, text_of(json));
	for (i = 0; i < out.len && i < 60; i++)
		(void)snprintf(got + 2 * i, 3, "%02x", (unsigned char)out.data[i]);
	if (strcmp(got, hex) != 0)
		fail_msg("%s: %s, not %s", json, got, hex);
	buf_done(&out);
}

static void values_are_those_of_the_specifications(void **state)
{
	/* CBOR: RFC 8949, appendix A, where it has the value */
	static const struct {
		const char *json, *msgpack, *cbor;
	} cases[] = {
		{"0", "00", "00"},
		{"23", "17", "17"},
		{"24", "18", "1818"},
		{"1000", "cd03e8", "1903e8"},
		{"1000000", "ce000f4240", "1a000f4240"},
		{"1000000000000", "cf000000e8d4a51000", "1b000000e8d4a51000"},
		{"18446744073709551615", "cfffffffffffffffff", "1bffffffffffffffff"},
		{"-1", "ff", "20"},
		{"-100", "d09c", "3863"},
		{"-9223372036854775808", "d38000000000000000", "3b7fffffffffffffff"},
		{"1.5", "ca3fc00000", "fa3fc00000"},
		{"1.1", "cb3ff199999999999a", "fb3ff199999999999a"},
		{"-4.1", "cbc010666666666666", "fbc010666666666666"},
		{"1.0e+300", "cb7e37e43c8800759c", "fb7e37e43c8800759c"},
		{"false", "c2", "f4"},
		{"true", "c3", "f5"},
		{"null", "c0", "f6"},
		{"\"\"", "a0", "60"},
		{"\"IETF\"", "a449455446", "6449455446"},
		{"\"\\\"\\\\\"", "a2225c", "62225c"},
		{"\"\\u00fc\"", "a2c3bc", "62c3bc"},
		{"\"\\u6c34\"", "a3e6b0b4", "63e6b0b4"},
		{"\"\\ud800\\udd51\"", "a4f0908591", "64f0908591"},
		{"[]", "90", "80"},
		{"[1, [2, 3], [4, 5]]", "9301920203920405", "8301820203820405"},
		{"{}", "80", "a0"},
		{"{\"a\": 1, \"b\": [2, 3]}", "82a16101a162920203", "a26161016162820203"},
		{" [ \"a\" , { \"b\" : \"c\" } ] ", "92a16181a162a163", "826161a161626163"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_bytes(WEBHOOK_ENCODING_MSGPACK, cases[i].json, cases[i].msgpack);
		assert_bytes(WEBHOOK_ENCODING_CBOR, cases[i].json, cases[i].cbor);
	}
}

static void what_no_number_holds_is_a_text(void **state)
{
	(void)state;
	assert_bytes(WEBHOOK_ENCODING_CBOR, "18446744073709551616",
		     "743138343436373434303733373039353531363136");
	assert_bytes(WEBHOOK_ENCODING_MSGPACK, "-9223372036854775809",
		     "b42d39323233333732303336383534373735383039");
	/* numeric(20,12) */
	assert_bytes(WEBHOOK_ENCODING_MSGPACK, "12345678.123456789012",
		     "b531323334353637382e313233343536373839303132");
	assert_bytes(WEBHOOK_ENCODING_CBOR, "1e400", "653165343030");
	/* but whole numbers that only a double does not hold are numbers */
	assert_bytes(WEBHOOK_ENCODING_CBOR, "9007199254740993", "1b0020000000000001");
	/* and this is no whole number: it has a sign */
	assert_bytes(WEBHOOK_ENCODING_CBOR, "-0", "fa80000000");
}

static void assert_same(const char *json)
{
	struct buf packed, back;

	buf_init(&back, 1 << 24);
	encode(&packed, WEBHOOK_ENCODING_MSGPACK, text_of(json));
	assert_true(unpack_msgpack(buf_text(&packed), &back));
	assert_string_equal(buf_str(&back), json);
	buf_done(&packed);
	buf_reset(&back);
	encode(&packed, WEBHOOK_ENCODING_CBOR, text_of(json));
	assert_true(unpack_cbor(buf_text(&packed), &back));
	assert_string_equal(buf_str(&back), json);
	buf_done(&packed);
	buf_done(&back);
}

static void an_event_comes_back_as_it_was(void **state)
{
	struct buf json;
	int i;

	(void)state;
	assert_same("{\"id\":\"0f8fad5b-1\",\"operation\":\"update\",\"key\":{\"id\":7},"
		    "\"data\":{\"id\":7,\"balance\":-12.5,\"note\":\"\\u0001 \\\"x\\\" \u00fc\","
		    "\"tags\":[[],{},[{}]],\"gone\":null,\"ok\":true},\"old_data\":null}");
	/* more members and longer texts than short forms have: 15, 31, 65535 */
	buf_init(&json, 1 << 24);
	buf_add_char(&json, '{');
	for (i = 0; i < 70000; i++)
		buf_add_fmt(&json, "%s\"k%d\":[%d,\"%0*d\"]", i ? "," : "", i, i, i % 300, i);
	buf_add_fmt(&json, ",\"long\":\"%070000d\"}", 0);
	assert_same(buf_str(&json));
	buf_done(&json);
}

static void assert_refused(struct text json)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	if (encoding_write(WEBHOOK_ENCODING_MSGPACK, json, &out) != ERR_DATA ||
	    encoding_write(WEBHOOK_ENCODING_CBOR, json, &out) != ERR_DATA)
		fail_msg("%.*s", (int)json.len, json.s);
	buf_done(&out);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",        " ",       "{",        "[",
		"]",       "}",       "{]",       "[}",
		"[1,]",    "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{a:1}",   "{1:2}",   "[1 2]",    "{\"a\":1 \"b\":2}",
		"1 2",     "tru",     "nullx",    "+",
		"-",       "1.2.3",   "\"",       "\"abc",
		"[\"abc]", ",",       ":",        "{\"a\",1}",
		"[1:2]",   "--1",     "1e",       "{}{}",
		"NaN",
	};
	static const char whole[] = "{\"a\":[1,{\"b\":\"x\\n\"},null],\"c\":-1.5}";
	struct buf deep, out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(text_of(bad[i]));
	assert_refused(TEXT_NONE);
	for (i = 0; i + 1 < sizeof(whole); i++)
		assert_refused((struct text){whole, i});
	buf_init(&deep, 1 << 20);
	for (i = 0; i <= ENCODING_DEPTH_MAX; i++)
		buf_add_char(&deep, '[');
	for (i = 0; i <= ENCODING_DEPTH_MAX; i++)
		buf_add_char(&deep, ']');
	assert_refused(buf_text(&deep));
	encode(&out, WEBHOOK_ENCODING_CBOR, (struct text){deep.data + 1, deep.len - 2});
	assert_int_equal(out.len, ENCODING_DEPTH_MAX);
	buf_done(&out);
	buf_done(&deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_those_of_the_specifications),
		cmocka_unit_test(what_no_number_holds_is_a_text),
		cmocka_unit_test(an_event_comes_back_as_it_was),
		cmocka_unit_test(what_is_no_json_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
