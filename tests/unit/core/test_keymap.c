/* SPDX-License-Identifier: MIT */
#include "core/keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

#define KEYS 600

/* Random changes against an array; keys that share their slot, so that runs are long. */
static void it_is_what_an_array_is(void **state)
{
	static char values[3];
	static void *model[KEYS];
	struct keymap m = {0};
	struct random random;
	size_t count = 0, i, at;
	uint64_t key;

	(void)state;
	random_init(&random);
	for (i = 0; i < 200000; i++) {
		at = (size_t)random_below(&random, i < 100000 ? KEYS : KEYS / 40);
		key = (at + 1) * 64;
		if (random_below(&random, 3) || i > 150000) {
			count -= model[at] != NULL;
			model[at] = NULL;
			keymap_remove(&m, key);
		} else {
			assert_int_equal(keymap_reserve(&m, 1), ERR_OK);
			count += model[at] == NULL;
			model[at] = &values[random_below(&random, 3)];
			keymap_set(&m, key, model[at]);
		}
		assert_int_equal(m.count, count);
		at = (size_t)random_below(&random, KEYS);
		assert_ptr_equal(keymap_find(&m, (at + 1) * 64), model[at]);
	}
	for (at = 0; at < KEYS; at++)
		assert_ptr_equal(keymap_find(&m, (at + 1) * 64), model[at]);
	assert_true(m.size <= 4096);
	keymap_done(&m);
}

static void nothing_is_there_at_first(void **state)
{
	struct keymap m = {0};

	(void)state;
	assert_null(keymap_find(&m, 7));
	assert_int_equal(keymap_reserve(&m, 1), ERR_OK);
	keymap_set(&m, 7, &m);
	assert_null(keymap_find(&m, 0));
	assert_ptr_equal(keymap_find(&m, 7), &m);
	keymap_done(&m);
	assert_null(keymap_find(&m, 7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_an_array_is),
		cmocka_unit_test(nothing_is_there_at_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
