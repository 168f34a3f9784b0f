/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "config/suggest.h"

static void distances_count_inserts_drops_changes_and_swaps(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{"", "", 0},       {"", "abc", 3},      {"abc", "abc", 0},
		{"abc", "ABC", 0}, {"abc", "abd", 1},   {"abc", "ab", 1},
		{"ab", "ba", 1},   {"hsot", "host", 1}, {"kitten", "sitting", 3},
		{"ca", "abc", 3},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(suggest_distance(text_of(cases[i].a), text_of(cases[i].b)),
				 cases[i].distance);
		assert_int_equal(suggest_distance(text_of(cases[i].b), text_of(cases[i].a)),
				 cases[i].distance);
	}
}

static void words_of_64_letters_are_near_nothing(void **state)
{
	char word[64];

	(void)state;
	memset(word, 'a', sizeof(word));
	assert_int_equal(suggest_distance((struct text){word, 63}, (struct text){word, 63}), 0);
	assert_true(suggest_distance((struct text){word, 64}, (struct text){word, 64}) == SIZE_MAX);
}

static void only_near_words_are_offered_and_the_first_of_equals(void **state)
{
	static const struct {
		const char *word, *best;
	} cases[] = {
		{"retry_cont", "retry_count"},
		{"timeou", "timeout"},
		{"urk", "url"},
		{"zzz", NULL},
		{"x", NULL},
		{"", NULL},
		{"retry_delay", "retry_delay"},
	};
	struct suggest s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		suggest_init(&s, text_of(cases[i].word));
		suggest_add(&s, "retry_count");
		suggest_add(&s, "url");
		suggest_add(&s, "uri");
		suggest_add(&s, "timeout");
		suggest_add(&s, "retry_delay");
		if (!cases[i].best)
			assert_null(suggest_best(&s));
		else
			assert_string_equal(suggest_best(&s), cases[i].best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_count_inserts_drops_changes_and_swaps),
		cmocka_unit_test(words_of_64_letters_are_near_nothing),
		cmocka_unit_test(only_near_words_are_offered_and_the_first_of_equals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
