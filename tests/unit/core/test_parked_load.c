/* SPDX-License-Identifier: MIT */
/* What may be loaded, what ends a line, and when there is something to load: case by case. */
#include "parkings.h"

/* ---- what fails while it is loaded ---- */

/* How many rows the read has. */
static void fail_while_it_is_read(size_t rows)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *head = row_of(0, 1, -1, WALL), *second = row_of(0, 1, -1, 0);
	struct parked_pick pick;

	park(p, 0, 1, -1, WALL);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, head));
	parked_fail(p, head, WALL + 100 * S);
	if (rows > 1)
		assert_false(load(p, &pick, second)); /* it would overtake the head */
	parked_loaded(p, &pick, true);
	assert_int_equal(parked_next_wall_us(p), WALL + 100 * S);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_BEHIND);
	put(p, 0, 1, -1, 0);
	event_free(head);
	event_free(second);
	parked_free(p);
}

static void one_that_fails_while_its_line_is_read_is_not_forgotten(void **state)
{
	(void)state;
	fail_while_it_is_read(1);
	fail_while_it_is_read(2);
}

static void what_is_behind_a_failure_is_stale_also_when_lines_become_one(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *head = row_of(0, 1, -1, WALL), *second = row_of(0, 1, -1, 0);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	park(p, 0, 2, -1, WALL + 50 * S);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, head));
	assert_true(load(p, &pick, second));
	parked_loaded(p, &pick, true);
	parked_fail(p, head, WALL + 100 * S);
	/* the line of key 2 takes over that of key 1 */
	assert_int_equal(ask(p, 0, 2, 1), PARKED_BEHIND);
	assert_int_equal(parked_ask(p, second), PARKED_STALE);
	put(p, 0, 2, 1, 0);
	assert_int_equal(parked_next_wall_us(p), WALL + 50 * S);
	event_free(head);
	event_free(second);
	parked_free(p);
}

/* ---- what is asked for ---- */

static void a_row_whose_old_key_was_not_asked_for_waits(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *a = row_of(0, 1, -1, WALL), *both = row_of(0, 1, 2, 0);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	park(p, 0, 2, -1, WALL + 50 * S);
	pick_now(p, WALL, &pick);
	assert_int_equal(ask(p, 0, 1, 2), PARKED_BEHIND);
	put(p, 0, 1, 2, 0);
	assert_true(load(p, &pick, a));
	assert_false(load(p, &pick, both)); /* others of key 2 may be before it */
	parked_loaded(p, &pick, true);
	parked_leave(p, a);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.hash_count, 2);
	parked_loaded(p, &pick, false);
	event_free(a);
	event_free(both);
	parked_free(p);
}

static void one_line_fills_no_more_than_its_part_of_the_ring(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *rows[65];
	struct parked_pick pick;
	size_t i;

	(void)state;
	park(p, 0, 1, -1, WALL);
	pick_now(p, WALL, &pick);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		rows[i] = row_of(0, 1, -1, i ? 0 : WALL);
		assert_int_equal(load(p, &pick, rows[i]), i < 64);
	}
	parked_loaded(p, &pick, true);
	/* more than half of what may be loaded is: nothing is due, whatever it is */
	park(p, 0, 2, -1, WALL - S);
	assert_int_equal(parked_next_wall_us(p), INT64_MAX);
	for (i = 0; i < 64; i++)
		parked_leave(p, rows[i]);
	/* the rest of the line goes on */
	assert_int_equal(parked_next_wall_us(p), 0);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		event_free(rows[i]);
	parked_free(p);
}

/* ---- when ---- */

static int told;

static void on_due(void *ctx)
{
	(void)ctx;
	told++;
}

static void the_reader_is_told_again_once_it_has_looked(void **state)
{
	const struct parked_options o = {.ordering = ORDERING_KEY,
					 .steps_us = steps,
					 .step_count = ARRAY_LEN(steps),
					 .max_keys = 10,
					 .max_loaded = 10,
					 .on_due = on_due};
	struct event *head = row_of(0, 1, -1, WALL);
	struct parked_pick pick;
	struct parked *p;

	(void)state;
	told = 0;
	assert_int_equal(parked_new(&o, &p, NULL), ERR_OK);
	park(p, 0, 1, -1, WALL);
	assert_int_equal(told, 1);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, head));
	parked_loaded(p, &pick, true);
	parked_leave(p, head);
	assert_int_equal(parked_next_wall_us(p), INT64_MAX);
	park(p, 0, 2, -1, WALL + 50 * S);
	assert_int_equal(told, 2);
	event_free(head);
	parked_free(p);
}

static void what_the_database_holds_is_due_at_its_time(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct parked_group g = {.row_hash = {7}, .table_hash = 8, .count = 1};

	(void)state;
	parked_begin(p);
	g.due_wall_us = WALL + 50 * S;
	assert_int_equal(parked_add(p, &g), ERR_OK);
	parked_opened(p);
	assert_int_equal(parked_next_wall_us(p), WALL + 50 * S);
	parked_free(p);
}

/* However the times came: lines leave and enter the queue of those that wait at any place. */
static void lines_come_in_the_order_of_their_times(void **state)
{
	struct parked *p = make(ORDERING_KEY, 400);
	int64_t due[150], next;
	struct parked_pick pick;
	size_t left = ARRAY_LEN(due), i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(due); i++) {
		due[i] = WALL + (int64_t)(i * 7919 % 1009) * S;
		park(p, 0, (int)i, -1, due[i]);
	}
	/* some become earlier */
	for (i = 0; i < ARRAY_LEN(due); i += 3) {
		due[i] -= (int64_t)(i * 104729 % 499) * S;
		park(p, 0, (int)i, -1, due[i]);
	}
	while (left) {
		for (i = 0, next = INT64_MAX; i < ARRAY_LEN(due); i++)
			next = due[i] < next ? due[i] : next;
		assert_int_equal(parked_next_wall_us(p), next);
		pick_now(p, next, &pick);
		/* they are gone meanwhile */
		parked_loaded(p, &pick, true);
		for (k = 0; k < ARRAY_LEN(due); k++) {
			left -= due[k] == next;
			due[k] = due[k] == next ? INT64_MAX : due[k];
		}
	}
	assert_int_equal(parked_stats(p).keys, 0);
	parked_free(p);
}

/* A sweep looks at what is due; that there is more it knows from the latest time it was told. */
static void without_order_what_is_due_later_is_not_forgotten(void **state)
{
	struct parked *p = make(ORDERING_NONE, 10);
	struct event *a = row_of(0, 1, -1, WALL);
	struct parked_pick pick;
	int64_t wall_us = WALL;

	(void)state;
	park(p, 0, 1, -1, WALL);
	/* the first sweep after an open is of all there is */
	pick_now(p, wall_us, &pick);
	assert_int_equal(pick.by, PARKED_ALL);
	assert_true(load(p, &pick, a));
	parked_loaded(p, &pick, true);
	parked_leave(p, a);
	park(p, 0, 2, -1, WALL + 100 * S);
	while (wall_us < WALL + 90 * S) {
		wall_us += S;
		if (!parked_pick(p, NOW, wall_us, &pick))
			continue;
		assert_int_equal(pick.by, PARKED_DUE);
		parked_loaded(p, &pick, true);
	}
	assert_true(parked_next_wall_us(p) <= WALL + 100 * S);
	event_free(a);
	parked_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_fails_while_its_line_is_read_is_not_forgotten),
		cmocka_unit_test(what_is_behind_a_failure_is_stale_also_when_lines_become_one),
		cmocka_unit_test(a_row_whose_old_key_was_not_asked_for_waits),
		cmocka_unit_test(one_line_fills_no_more_than_its_part_of_the_ring),
		cmocka_unit_test(the_reader_is_told_again_once_it_has_looked),
		cmocka_unit_test(what_the_database_holds_is_due_at_its_time),
		cmocka_unit_test(lines_come_in_the_order_of_their_times),
		cmocka_unit_test(without_order_what_is_due_later_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
