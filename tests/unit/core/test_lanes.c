/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/random.h"
#include "core/lanes.h"

#define KEYS 5000

static void names_that_differ_have_hashes_that_differ(void **state)
{
	static const struct text names[][2] = {
		{{"a", 1}, {"bc", 2}},           {{"ab", 2}, {"c", 1}},
		{{"abc", 3}, {"", 0}},           {{"", 0}, {"abc", 3}},
		{{NULL, 0}, {"abc", 3}},         {{"abc", 3}, {NULL, 0}},
		{{"a", 1}, {"bc\0", 3}},         {{"a\0", 2}, {"bc", 2}},
		{{"a", 1}, {"bc\0\0\0\0\0", 7}}, {{"a", 1}, {"12345678", 8}},
		{{"a", 1}, {"123456789", 9}},
	};
	uint64_t hashes[ARRAY_LEN(names)];
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		hashes[i] = lanes_hash(lanes_hash(5, names[i][0]), names[i][1]);
		assert_true(hashes[i] != 0);
		for (j = 0; j < i; j++)
			assert_true(hashes[i] != hashes[j]);
	}
	assert_true(lanes_hash(5, names[0][0]) != lanes_hash(6, names[0][0]));
	assert_true(lanes_hash(5, names[0][0]) == lanes_hash(5, names[0][0]));
}

static void assert_holds(const struct lanes *m, const uint32_t *in, size_t count)
{
	uint64_t key;

	assert_int_equal(m->count, count);
	for (key = 1; key <= KEYS; key++) {
		const struct lane *l = lanes_find(m, key << 3);

		assert_int_equal(l != NULL, in[key] != 0);
		if (l)
			assert_int_equal(l->count, in[key]);
	}
}

/* Keys that are multiples of 8 collide in runs: the worst for probing and for removing. */
static void it_finds_what_was_added_and_not_what_was_removed(void **state)
{
	static uint32_t in[KEYS + 1];
	struct lanes m = {0};
	struct random random;
	size_t count = 0;
	uint32_t i;

	(void)state;
	random_init_seed(&random, 2);
	for (i = 1; i < 40000; i++) {
		uint64_t key = 1 + random_below(&random, i < 20000 ? KEYS : 40);

		if (in[key]) {
			lanes_remove(&m, lanes_find(&m, key << 3));
			in[key] = 0;
			count--;
		} else {
			assert_int_equal(lanes_reserve(&m, 1), ERR_OK);
			lanes_add(&m, key << 3)->count = i;
			in[key] = i;
			count++;
		}
		if (i % 2000 == 0)
			assert_holds(&m, in, count);
	}
	lanes_done(&m);
}

static void it_gives_memory_back_when_lanes_go(void **state)
{
	struct lanes m = {0};
	uint64_t key;

	(void)state;
	for (key = 1; key <= KEYS; key++) {
		assert_int_equal(lanes_reserve(&m, 1), ERR_OK);
		(void)lanes_add(&m, key);
		assert_true(m.size <= 64 || m.count * 3 > m.size);
	}
	for (key = 1; key <= KEYS; key++)
		lanes_remove(&m, lanes_find(&m, key));
	assert_true(m.size <= 64);
	lanes_done(&m);
}

static void clearing_removes_all_and_needs_no_memory_to_fill_again(void **state)
{
	struct lanes m = {0};
	size_t size;
	uint64_t key;

	(void)state;
	assert_int_equal(lanes_reserve(&m, 100), ERR_OK);
	for (key = 1; key <= 100; key++)
		lanes_add(&m, key)->count = 1;
	size = m.size;
	lanes_clear(&m);
	assert_int_equal(m.count, 0);
	for (key = 1; key <= 100; key++)
		assert_int_equal(lanes_add(&m, key)->count, 0);
	assert_int_equal(m.size, size);
	lanes_done(&m);
	assert_null(lanes_find(&m, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_differ_have_hashes_that_differ),
		cmocka_unit_test(it_finds_what_was_added_and_not_what_was_removed),
		cmocka_unit_test(it_gives_memory_back_when_lanes_go),
		cmocka_unit_test(clearing_removes_all_and_needs_no_memory_to_fill_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
