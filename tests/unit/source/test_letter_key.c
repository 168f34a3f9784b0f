/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/letter_key.h"

#define WORDS_MAX 3

static const struct {
	const char *words[WORDS_MAX];
	const char *key;
	bool match;
} cases[] = {
	{{"{\"id\":42}"}, "{\"id\":42}", true},
	{{"{\"id\":42}"}, "{\"id\": 42.0}", true},
	{{"{\"id\":42}"}, "{\"id\":4.2e+1}", true},
	{{"{\"id\":42}"}, "{\"id\":420E-1}", true},
	{{"{\"id\":42}"}, "{\"id\":-42}", false},
	{{"{\"id\":42}"}, "{\"id\":42.01}", false},
	{{"{\"id\":42}"}, "{\"id\":402}", false},
	{{"{\"id\":42}"}, "{\"id\":4200}", false},
	{{"{\"id\":0}"}, "{\"id\":-0.00}", true},
	{{"{\"id\":0.05}"}, "{\"id\":5e-2}", true},
	{{"{\"id\":100}"}, "{\"id\":1E2}", true},
	/* more digits than 64 bits or a double have */
	{{"{\"id\":123456789012345678901234567890}"},
	 "{\"id\":123456789012345678901234567890.0}",
	 true},
	{{"{\"id\":123456789012345678901234567890}"},
	 "{\"id\":123456789012345678901234567891}",
	 false},
	{{"{\"id\":9007199254740993}"}, "{\"id\":9007199254740992}", false},
	{{"{\"id\":1e400}"}, "{\"id\":1e400}", true},
	{{"{\"id\":\"42\"}"}, "{\"id\":42}", false},
	{{"{\"id\":\"a\"}"}, "{\"id\":\"\\u0061\"}", true},
	{{"{\"id\":\"1.0\"}"}, "{\"id\":\"1\"}", false},
	{{"{\"id\":\"a\\\"1\"}"}, "{\"id\":\"a\\\"1\"}", true},
	{{"{\"id\":null}"}, "{\"id\":null}", true},
	{{"{\"id\":true}"}, "{\"id\":true}", true},
	{{"{\"id\":[1,2]}"}, "{\"id\":[1.0,2]}", true},
	{{"{\"id\":[1,2]}"}, "{\"id\":[1]}", false},
	/* members in any order, and only the named ones */
	{{"{\"b\":2,\"a\":1}"}, "{\"a\":1,\"b\":2}", true},
	{{"{\"a\":1}"}, "{\"a\":1,\"b\":2}", true},
	{{"{\"a\":1,\"c\":3}"}, "{\"a\":1,\"b\":2}", false},
	{{"a=1", "b=2"}, "{\"a\":1,\"b\":2}", true},
	{{"a=1", "b=3"}, "{\"a\":1,\"b\":2}", false},
	/* NAME=VALUE means a string too */
	{{"id=42"}, "{\"id\":42}", true},
	{{"id=42"}, "{\"id\":\"42\"}", true},
	{{"id=42"}, "{\"id\":\"42.0\"}", false},
	{{"id=042"}, "{\"id\":\"042\"}", true},
	{{"id=042"}, "{\"id\":42}", false},
	{{"id=2024-01-02"}, "{\"id\":\"2024-01-02\"}", true},
	{{"id=-"}, "{\"id\":\"-\"}", true},
	{{"id=1."}, "{\"id\":\"1.\"}", true},
	{{"id=1e"}, "{\"id\":\"1e\"}", true},
	{{"id="}, "{\"id\":\"\"}", true},
	{{"id=a=b"}, "{\"id\":\"a=b\"}", true},
	{{"id=\"x"}, "{\"id\":\"\\\"x\"}", true},
	{{"id=\"x\""}, "{\"id\":\"x\"}", true},
	{{"id=null"}, "{\"id\":null}", true},
	{{"id=o'hara"}, "{\"id\":\"o'hara\"}", true},
	/* what is no object has no columns */
	{{"id=42"}, "42", false},
	{{"id=42"}, "{\"id\":42", false},
	{{"id=42"}, "", false},
};

static void keys_are_compared_as_json_values(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct letter_key *k = NULL;
		struct err e;
		bool match;

		for (n = 0; n < WORDS_MAX && cases[i].words[n]; n++)
			;
		if (letter_key_new(cases[i].words, n, &k, &e) != ERR_OK)
			fail_msg("%s: %s", cases[i].words[0], e.msg);
		assert_int_equal(letter_key_match(k, text_of(cases[i].key), &match, &e), ERR_OK);
		if (match != cases[i].match)
			fail_msg("%s and %s", cases[i].words[0], cases[i].key);
		assert_int_equal(letter_key_match(k, TEXT_NONE, &match, &e), ERR_OK);
		assert_false(match);
		letter_key_free(k);
	}
}

static void what_names_no_column_is_refused(void **state)
{
	static const char *const words[] = {"42",         "",        "=42",   "{}",
					    "{\"id\":42", "{\"id\"", "[1,2]", "{\"id\":1}x",
					    "{id:1}",     "id=\xff"};
	struct letter_key *k = NULL;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(words); i++) {
		const char *const both[] = {"a=1", words[i]};

		if (letter_key_new(both, 2, &k, &e) != ERR_USAGE)
			fail_msg("'%s' is taken", words[i]);
		assert_non_null(strstr(e.msg, words[i]));
	}
	assert_null(k);
	letter_key_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_compared_as_json_values),
		cmocka_unit_test(what_names_no_column_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
