/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/random.h"
#include "core/position.h"

static struct position *open_position(size_t max_gaps)
{
	struct position *p = NULL;

	assert_int_equal(position_new(max_gaps, &p, NULL), ERR_OK);
	return p;
}

static bool see(struct position *p, int64_t id)
{
	bool is_new = false;

	assert_int_equal(position_see(p, id, &is_new, NULL), ERR_OK);
	return is_new;
}

static void see_all(struct position *p, const int64_t *ids)
{
	for (; *ids; ids++)
		assert_true(see(p, *ids));
}

static void assert_gap(const struct position *p, size_t i, int64_t lo, int64_t hi)
{
	size_t count;
	const struct position_gap *gaps = position_gaps(p, &count);

	assert_true(i < count);
	assert_int_equal(gaps[i].lo, lo);
	assert_int_equal(gaps[i].hi, hi);
}

static size_t count_gaps(const struct position *p)
{
	size_t count;

	(void)position_gaps(p, &count);
	assert_int_equal(position_stats(p).gaps, count);
	return count;
}

static void the_picture_in_the_header_is_right(void **state)
{
	static const int64_t ids[] = {1, 2, 4, 5, 8, 0};
	struct position *p = open_position(10);

	(void)state;
	assert_int_equal(position_cursor(p), 0);
	assert_int_equal(count_gaps(p), 0);
	see_all(p, ids);
	assert_int_equal(position_cursor(p), 8);
	assert_int_equal(count_gaps(p), 2);
	assert_gap(p, 0, 3, 3);
	assert_gap(p, 1, 6, 7);
	assert_int_equal(position_stats(p).outstanding, 5);
	assert_int_equal(position_stats(p).late, 0);
	position_free(p);
	position_free(NULL);
}

static void a_late_row_is_new_and_leaves_its_gap(void **state)
{
	static const int64_t ids[] = {1, 4, 8, 0};
	struct position *p = open_position(10);

	(void)state;
	see_all(p, ids);
	assert_true(see(p, 6));
	assert_int_equal(position_cursor(p), 8);
	assert_int_equal(count_gaps(p), 3);
	assert_gap(p, 1, 5, 5);
	assert_gap(p, 2, 7, 7);
	assert_int_equal(position_stats(p).late, 1);
	assert_int_equal(position_stats(p).cursor, 8);
	position_free(p);
}

static void an_outstanding_row_is_skipped(void **state)
{
	struct position *p = open_position(10);

	(void)state;
	assert_true(see(p, 5));
	assert_false(see(p, 5));
	assert_true(see(p, 3));
	assert_false(see(p, 3));
	assert_int_equal(position_stats(p).outstanding, 2);
	assert_int_equal(position_stats(p).late, 1);
	position_free(p);
}

static void a_row_that_was_forgotten_and_is_there_again_is_new(void **state)
{
	struct position *p = open_position(10);

	(void)state;
	assert_true(see(p, 5));
	position_forget(p, 5);
	position_forget(p, 5);
	position_forget(p, 77);
	assert_int_equal(position_stats(p).outstanding, 0);
	assert_true(see(p, 5));
	assert_int_equal(position_stats(p).late, 0);
	position_free(p);
}

static void a_held_row_is_skipped_but_moves_cursor_and_gaps(void **state)
{
	struct position *p = open_position(10);

	(void)state;
	assert_int_equal(position_hold(p, 4, NULL), ERR_OK);
	assert_int_equal(position_hold(p, 4, NULL), ERR_OK);
	assert_int_equal(position_hold(p, 6, NULL), ERR_OK);
	assert_int_equal(position_cursor(p), 0);
	assert_int_equal(position_stats(p).outstanding, 2);
	assert_true(see(p, 1));
	assert_false(see(p, 4));
	assert_int_equal(position_cursor(p), 4);
	assert_gap(p, 0, 2, 3);
	assert_true(see(p, 9));
	assert_false(see(p, 6));
	assert_int_equal(count_gaps(p), 3);
	assert_gap(p, 1, 5, 5);
	assert_int_equal(position_stats(p).late, 0);
	position_free(p);
}

static void closed_gaps_are_gone_and_others_stay(void **state)
{
	static const int64_t ids[] = {2, 6, 10, 0};
	struct position *p = open_position(10);

	(void)state;
	see_all(p, ids);
	position_close_gaps(p, 4);
	assert_int_equal(count_gaps(p), 2);
	assert_gap(p, 0, 5, 5);
	position_close_gaps(p, 100);
	assert_int_equal(count_gaps(p), 0);
	assert_int_equal(position_cursor(p), 10);
	assert_true(see(p, 12));
	assert_gap(p, 0, 11, 11);
	position_free(p);
}

static void reset_forgets_all_but_the_total(void **state)
{
	static const int64_t ids[] = {2, 6, 4, 0};
	struct position *p = open_position(10);

	(void)state;
	see_all(p, ids);
	position_reset(p);
	assert_int_equal(position_cursor(p), 0);
	assert_int_equal(count_gaps(p), 0);
	assert_int_equal(position_stats(p).outstanding, 0);
	assert_int_equal(position_stats(p).late, 1);
	see_all(p, ids);
	position_free(p);
}

static void a_merged_gap_spans_seen_rows_that_are_still_skipped(void **state)
{
	struct position *p = open_position(2);
	int64_t id;

	(void)state;
	for (id = 2; id <= 40; id += 2)
		assert_true(see(p, id));
	assert_true(count_gaps(p) <= 2);
	for (id = 2; id <= 40; id += 2)
		assert_false(see(p, id));
	assert_true(count_gaps(p) <= 2);
	for (id = 1; id <= 40; id += 2)
		assert_true(see(p, id));
	assert_int_equal(position_stats(p).outstanding, 40);
	assert_int_equal(position_stats(p).late, 20);
	position_free(p);
}

/* ---- against a plain set ---- */

#define IDS 1000

enum fate { UNBORN, COMMITTED, SEEN, GONE };

struct world {
	struct random random;
	struct position *p;
	enum fate rows[IDS + 1];
	int64_t top; /* highest id handed out */
	size_t outstanding;
};

static bool in_gap(const struct position_gap *gaps, size_t count, int64_t id)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (gaps[i].lo <= id && id <= gaps[i].hi)
			return true;
	}
	return false;
}

/* What a reader does: rows above the cursor, then those in gaps; each committed row once. */
static void world_read(struct world *w)
{
	int64_t before = position_cursor(w->p);
	const struct position_gap *loan;
	struct position_gap gaps[64];
	size_t count, i;
	int64_t id;

	loan = position_gaps(w->p, &count);
	assert_true(count <= ARRAY_LEN(gaps));
	for (i = 0; i < count; i++)
		gaps[i] = loan[i];
	for (id = 1; id <= w->top; id++) {
		bool known = w->rows[id] == SEEN;

		if (w->rows[id] != COMMITTED && !known)
			continue;
		if (id <= before && !in_gap(gaps, count, id)) {
			assert_true(known); /* or it would be lost */
			continue;
		}
		assert_int_equal(see(w->p, id), !known);
		w->outstanding += !known;
		w->rows[id] = SEEN;
	}
}

static void world_step(struct world *w)
{
	uint64_t what = random_below(&w->random, 10);
	int64_t id = w->top ? 1 + (int64_t)random_below(&w->random, (uint64_t)w->top) : 0;

	if (what < 5 && w->top < IDS)
		w->top += 1 + (int64_t)random_below(&w->random, 3);
	if (w->top > IDS)
		w->top = IDS;
	if (what < 8 && id && w->rows[id] == UNBORN)
		w->rows[id] = COMMITTED;
	if (what >= 5 && id && w->rows[id] == SEEN) {
		position_forget(w->p, id);
		w->rows[id] = GONE;
		w->outstanding--;
	}
	if (what == 9)
		world_read(w);
	assert_int_equal(position_stats(w->p).outstanding, w->outstanding);
}

static void no_committed_row_is_missed_or_read_twice(void **state)
{
	static const size_t max_gaps[] = {2, 3, 5, 16, 64};
	static struct world w;
	size_t i, step;

	(void)state;
	for (i = 0; i < 20; i++) {
		w = (struct world){.p = open_position(max_gaps[i % ARRAY_LEN(max_gaps)])};
		random_init_seed(&w.random, i);
		for (step = 0; step < 2000; step++)
			world_step(&w);
		position_free(w.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_picture_in_the_header_is_right),
		cmocka_unit_test(a_late_row_is_new_and_leaves_its_gap),
		cmocka_unit_test(an_outstanding_row_is_skipped),
		cmocka_unit_test(a_row_that_was_forgotten_and_is_there_again_is_new),
		cmocka_unit_test(a_held_row_is_skipped_but_moves_cursor_and_gaps),
		cmocka_unit_test(closed_gaps_are_gone_and_others_stay),
		cmocka_unit_test(reset_forgets_all_but_the_total),
		cmocka_unit_test(a_merged_gap_spans_seen_rows_that_are_still_skipped),
		cmocka_unit_test(no_committed_row_is_missed_or_read_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
