/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/random.h"
#include "core/gaps.h"

#define IDS 2000

static void append(struct gaps *g, int64_t lo, int64_t hi)
{
	assert_int_equal(gaps_reserve(g), ERR_OK);
	gaps_append(g, lo, hi);
}

static bool fill(struct gaps *g, int64_t id)
{
	assert_int_equal(gaps_reserve(g), ERR_OK);
	return gaps_fill(g, id);
}

static void assert_gaps(struct gaps *g, const struct position_gap *want, size_t count)
{
	const struct position_gap *have = gaps_array(g);
	size_t i;

	assert_int_equal(gaps_count(g), count);
	for (i = 0; i < count; i++) {
		assert_int_equal(have[i].lo, want[i].lo);
		assert_int_equal(have[i].hi, want[i].hi);
	}
}

static void an_id_shrinks_splits_or_ends_its_gap(void **state)
{
	static const struct position_gap shrunk[] = {{11, 19}};
	static const struct position_gap split[] = {{11, 14}, {16, 19}};
	static const struct position_gap ended[] = {{16, 19}};
	struct gaps g;
	int64_t id;

	(void)state;
	gaps_init(&g, 10);
	assert_null(gaps_array(&g));
	append(&g, 10, 20);
	assert_true(fill(&g, 10));
	assert_true(fill(&g, 20));
	assert_gaps(&g, shrunk, 1);
	for (id = 10; id <= 20; id++)
		assert_int_equal(gaps_has(&g, id), id >= 11 && id <= 19);
	assert_false(fill(&g, 10));
	assert_false(fill(&g, 20));
	assert_false(fill(&g, 5));
	assert_true(fill(&g, 15));
	assert_gaps(&g, split, 2);
	assert_false(fill(&g, 15));
	for (id = 11; id <= 14; id++)
		assert_true(fill(&g, id));
	assert_gaps(&g, ended, 1);
	gaps_done(&g);
}

static void closing_drops_what_lies_at_or_below(void **state)
{
	static const struct {
		int64_t upto;
		size_t count;
		struct position_gap left[3];
	} cases[] = {
		{0, 3, {{2, 4}, {10, 10}, {20, 30}}},
		{1, 3, {{2, 4}, {10, 10}, {20, 30}}},
		{2, 3, {{3, 4}, {10, 10}, {20, 30}}},
		{4, 2, {{10, 10}, {20, 30}}},
		{9, 2, {{10, 10}, {20, 30}}},
		{10, 1, {{20, 30}}},
		{25, 1, {{26, 30}}},
		{29, 1, {{30, 30}}},
		{30, 0, {{0, 0}}},
		{INT64_MAX, 0, {{0, 0}}},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct gaps g;

		gaps_init(&g, 10);
		gaps_close(&g, 5);
		append(&g, 2, 4);
		append(&g, 10, 10);
		append(&g, 20, 30);
		gaps_close(&g, cases[i].upto);
		assert_gaps(&g, cases[i].left, cases[i].count);
		append(&g, 40, 50);
		assert_int_equal(gaps_count(&g), cases[i].count + 1);
		gaps_done(&g);
	}
}

static void over_the_maximum_the_closest_become_one(void **state)
{
	static const struct position_gap merged[] = {{1, 4}, {100, 106}};
	struct gaps g;

	(void)state;
	gaps_init(&g, 4);
	append(&g, 1, 1);
	append(&g, 4, 4);
	append(&g, 100, 100);
	append(&g, 102, 102);
	append(&g, 106, 106);
	assert_gaps(&g, merged, 2);
	gaps_done(&g);
}

static void equal_distances_merge_no_more_than_needed(void **state)
{
	struct gaps g;
	int64_t id;

	(void)state;
	gaps_init(&g, 100);
	for (id = 1; id <= 101; id++)
		append(&g, id * 10, id * 10);
	assert_int_equal(gaps_count(&g), 50);
	gaps_done(&g);
}

static void assert_sound(struct gaps *g, const bool *missing, bool exact)
{
	const struct position_gap *a = gaps_array(g);
	size_t count = gaps_count(g);
	size_t at = 0;
	int64_t id;
	size_t i;

	assert_true(count <= g->max);
	for (i = 0; i < count; i++) {
		assert_true(a[i].lo <= a[i].hi);
		assert_true(i == 0 || a[i - 1].hi + 1 < a[i].lo);
	}
	for (id = 1; id <= IDS; id++) {
		bool inside;

		while (at < count && a[at].hi < id)
			at++;
		inside = at < count && a[at].lo <= id;
		assert_true(inside || !missing[id]);
		assert_true(!exact || inside == missing[id]);
	}
}

/* exact: the maximum is never reached, so that no gap may span an id that is not missing. */
static void run_against_a_set(uint64_t seed, size_t max, bool exact)
{
	bool missing[IDS + 1] = {false};
	struct random random;
	struct gaps g;
	int64_t end = 0;
	int i;

	gaps_init(&g, max);
	random_init_seed(&random, seed);
	for (i = 0; i < 3000; i++) {
		int64_t id = 1 + (int64_t)random_below(&random, IDS);

		if (random_below(&random, 3) == 0 && end + 20 < IDS) {
			int64_t lo = end + 2 + (int64_t)random_below(&random, 3);

			end = lo + (int64_t)random_below(&random, 12);
			append(&g, lo, end);
			for (; lo <= end; lo++)
				missing[lo] = true;
		} else if (random_below(&random, 100) == 0) {
			gaps_close(&g, id);
			for (; id > 0; id--)
				missing[id] = false;
		} else {
			bool filled = fill(&g, id);

			assert_true(filled || !missing[id]);
			assert_true(!exact || filled == missing[id]);
			missing[id] = false;
		}
		if (i % 50 == 0)
			assert_sound(&g, missing, exact);
	}
	gaps_done(&g);
}

static void it_knows_what_a_plain_set_knows(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		run_against_a_set(seed, IDS, true);
		run_against_a_set(seed, 2, false);
		run_against_a_set(seed, 3, false);
		run_against_a_set(seed, 40, false);
	}
}

static void it_gives_memory_back(void **state)
{
	struct gaps g;
	int64_t id;

	(void)state;
	gaps_init(&g, 5000);
	for (id = 1; id <= 5000; id++)
		append(&g, id * 2, id * 2);
	for (id = 1; id <= 5000; id++)
		gaps_close(&g, id * 2);
	assert_true(g.size <= 64);
	gaps_done(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_shrinks_splits_or_ends_its_gap),
		cmocka_unit_test(closing_drops_what_lies_at_or_below),
		cmocka_unit_test(over_the_maximum_the_closest_become_one),
		cmocka_unit_test(equal_distances_merge_no_more_than_needed),
		cmocka_unit_test(it_knows_what_a_plain_set_knows),
		cmocka_unit_test(it_gives_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
