/* SPDX-License-Identifier: MIT */
/* What core/parked answers in cases that a random run meets rarely: see test_parked_model.c. */
#include "parkings.h"

/* ---- reads and what happens meanwhile ---- */

static void what_comes_during_a_read_is_read_later(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *head = row_of(0, 1, -1, WALL);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	pick_now(p, WALL, &pick);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_BEHIND);
	assert_true(load(p, &pick, head));
	put(p, 0, 1, -1, 0); /* its row was not there yet when the read began */
	parked_loaded(p, &pick, true);
	assert_int_equal(parked_ask(p, head), PARKED_SEND);
	parked_leave(p, head);
	assert_int_equal(parked_next_wall_us(p), 0);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_BEHIND);
	put(p, 0, 1, -1, 0);
	pick_now(p, WALL, &pick);
	parked_loaded(p, &pick, true);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_SEND); /* rows that are gone are not missed */
	assert_int_equal(parked_stats(p).rows, 0);
	event_free(head);
	parked_free(p);
}

/* Under steady traffic a line would never end otherwise. */
static void what_was_read_after_a_line_was_drained_need_not_be_parked(void **state)
{
	struct parked *p = make(ORDERING_TABLE, 10);
	struct event *head = row_of(0, 1, -1, WALL), *before = event_of(0, 2, -1);
	struct event *behind = event_of(0, 2, -1), *other = event_of(0, 3, -1);
	struct parked_pick pick;

	(void)state;
	before->read_us = NOW;
	behind->read_us = other->read_us = NOW + 1;
	park(p, 0, 1, -1, WALL);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, head));
	assert_false(parked_would_send(p, behind));
	parked_loaded(p, &pick, true);
	assert_true(parked_would_send(p, behind));
	assert_int_equal(parked_ask(p, behind), PARKED_SEND);
	/* until one from before is parked after all */
	assert_int_equal(parked_ask(p, before), PARKED_BEHIND);
	assert_int_equal(parked_ask(p, behind), PARKED_BEHIND);
	parked_put(p, before, 0);
	parked_put(p, behind, 0);
	assert_int_equal(parked_ask(p, other), PARKED_BEHIND);
	parked_put(p, other, 0);
	/* or one that was loaded fails */
	parked_leave(p, head);
	pick_now(p, WALL, &pick);
	event_free(head);
	head = row_of(0, 1, -1, WALL);
	assert_true(load(p, &pick, head));
	parked_loaded(p, &pick, true);
	assert_int_equal(parked_ask(p, behind), PARKED_SEND);
	parked_fail(p, head, WALL + 10 * S);
	assert_int_equal(parked_ask(p, behind), PARKED_BEHIND);
	parked_put(p, behind, 0);
	event_free(head);
	event_free(before);
	event_free(behind);
	event_free(other);
	parked_free(p);
}

static void a_truncate_parked_during_a_read_ends_what_may_be_loaded(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *before = row_of(0, 1, -1, WALL), *behind = row_of(0, 1, -1, 0);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.by, PARKED_BY_ROW);
	assert_int_equal(ask(p, 0, -1, -1), PARKED_BEHIND);
	put(p, 0, -1, -1, 0);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_BEHIND);
	put(p, 0, 1, -1, 0);
	/* the key's rows before and behind the TRUNCATE come, it does not */
	assert_false(load(p, &pick, before));
	assert_false(load(p, &pick, behind));
	parked_loaded(p, &pick, true);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.by, PARKED_BY_TABLE);
	assert_true(load(p, &pick, before));
	parked_loaded(p, &pick, false);
	event_free(before);
	event_free(behind);
	parked_free(p);
}

static void a_row_of_two_keys_waits_for_those_of_both(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *a = row_of(0, 1, -1, WALL), *both = row_of(0, 2, 1, 0);
	struct event *more = row_of(0, 1, -1, 0);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	park(p, 0, 2, -1, WALL + 50 * S);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.hash_count, 1);
	assert_int_equal(ask(p, 0, 2, 1), PARKED_BEHIND);
	put(p, 0, 2, 1, 0);
	assert_true(load(p, &pick, a));
	assert_false(load(p, &pick, both)); /* key 2 was not asked for */
	assert_false(load(p, &pick, more));
	parked_loaded(p, &pick, true);
	parked_leave(p, a);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.hash_count, 2);
	parked_loaded(p, &pick, false);
	event_free(a);
	event_free(both);
	event_free(more);
	parked_free(p);
}

static void a_read_of_one_line_says_nothing_of_another_that_became_part_of_it(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *a = row_of(0, 1, -1, WALL);
	struct parked_pick pick;

	(void)state;
	park(p, 0, 1, -1, WALL);
	park(p, 0, 2, -1, WALL + 50 * S);
	pick_now(p, WALL, &pick);
	assert_int_equal(ask(p, 0, 2, 1), PARKED_BEHIND); /* and its ack is not yet given */
	assert_true(load(p, &pick, a));
	parked_loaded(p, &pick, true);
	parked_leave(p, a);
	put(p, 0, 2, 1, 0);
	assert_int_equal(ask(p, 0, 2, -1), PARKED_BEHIND);
	put(p, 0, 2, -1, 0);
	assert_int_equal(parked_stats(p).keys, 2);
	event_free(a);
	parked_free(p);
}

static void a_row_whose_hash_is_another_one_now_is_found_with_its_table(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct parked_place at = {0};
	struct parked_group g = {.row_hash = {4711, 0}, .count = 1, .due_wall_us = WALL};
	struct event *ev = row_of(0, 1, -1, WALL);
	struct parked_pick pick;

	(void)state;
	at = parked_place_of(&ev->f);
	g.table_hash = at.table;
	assert_int_equal(parked_add(p, &g), ERR_OK);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.by, PARKED_BY_ROW);
	assert_false(load(p, &pick, ev));
	parked_loaded(p, &pick, true);
	pick_now(p, WALL, &pick);
	assert_int_equal(pick.by, PARKED_BY_TABLE);
	assert_true(load(p, &pick, ev));
	parked_loaded(p, &pick, true);
	assert_int_equal(ask(p, 0, 2, -1), PARKED_BEHIND);
	put(p, 0, 2, -1, 0);
	event_free(ev);
	parked_free(p);
}

/* ---- bounds ---- */

static void too_many_keys_are_refused_but_what_must_wait_may(void **state)
{
	struct parked *p = make(ORDERING_KEY, 3);
	struct event *ev = event_of(0, 9, -1);
	bool news;

	(void)state;
	park(p, 0, 1, -1, WALL);
	park(p, 0, 2, -1, WALL + S);
	park(p, 1, 3, -1, WALL);
	assert_int_equal(parked_make(p, ev, &news), ERR_FULL);
	assert_true(news);
	assert_int_equal(parked_make(p, ev, &news), ERR_FULL);
	assert_false(news);
	assert_int_equal(parked_stats(p).refused, 2);
	/* it must wait for key 1, and there is no room for key 8: all of the table is one then */
	assert_int_equal(ask(p, 0, 8, 1), PARKED_BEHIND);
	put(p, 0, 8, 1, 0);
	assert_int_equal(parked_stats(p).tables, 1);
	assert_int_equal(parked_stats(p).keys, 1);
	assert_int_equal(ask(p, 0, 7, -1), PARKED_BEHIND);
	put(p, 0, 7, -1, 0);
	assert_int_equal(ask(p, 1, 7, -1), PARKED_SEND);
	event_free(ev);
	parked_free(p);
}

static void a_chain_of_key_changes_becomes_its_table(void **state)
{
	struct parked *p = make(ORDERING_KEY, 1000);
	int i;

	(void)state;
	park(p, 0, 0, -1, WALL + S);
	for (i = 1; i <= 100; i++) {
		assert_int_equal(ask(p, 0, i, i - 1), PARKED_BEHIND);
		put(p, 0, i, i - 1, 0);
		assert_true(parked_stats(p).keys <= PARKED_HASHES_MAX);
	}
	assert_int_equal(parked_stats(p).tables, 1);
	assert_int_equal(parked_next_wall_us(p), WALL + S);
	parked_free(p);
}

static void more_keys_in_the_database_than_allowed_are_taken_by_table(void **state)
{
	struct parked *p = make(ORDERING_KEY, 4);
	struct parked_group g = {.count = 2, .due_wall_us = WALL};
	uint64_t i;

	(void)state;
	parked_begin(p);
	for (i = 1; i <= 50; i++) {
		g.row_hash[0] = i;
		g.table_hash = 1000 + i % 2;
		assert_int_equal(parked_add(p, &g), ERR_OK);
		assert_true(parked_stats(p).keys <= 4);
	}
	parked_opened(p);
	assert_int_equal(parked_stats(p).rows, 100);
	assert_true(parked_stats(p).tables > 0);
	parked_free(p);
}

/* ---- times ---- */

static int told;

static void on_due(void *ctx)
{
	(void)ctx;
	told++;
}

static void the_reader_is_told_of_what_is_earlier_than_it_knows(void **state)
{
	struct parked_options o = {.ordering = ORDERING_KEY,
				   .steps_us = steps,
				   .step_count = 2,
				   .max_keys = 10,
				   .max_loaded = 10,
				   .on_due = on_due};
	struct parked *p;

	(void)state;
	told = 0;
	assert_int_equal(parked_new(&o, &p, NULL), ERR_OK);
	assert_int_equal(parked_next_wall_us(p), INT64_MAX);
	park(p, 0, 1, -1, WALL + 5 * S);
	assert_int_equal(told, 1);
	park(p, 0, 2, -1, WALL + 6 * S);
	assert_int_equal(told, 1);
	assert_int_equal(parked_next_wall_us(p), WALL + 5 * S);
	park(p, 0, 3, -1, WALL + 4 * S);
	assert_int_equal(told, 2);
	assert_int_equal(parked_next_wall_us(p), WALL + 4 * S);
	parked_free(p);
}

static void without_a_schedule_what_is_parked_is_due_at_once(void **state)
{
	const struct parked_options o = {
		.ordering = ORDERING_KEY, .max_keys = 10, .max_loaded = 10};
	struct parked_group g = {.row_hash = {0}, .count = 1, .due_wall_us = WALL + 3600 * S};
	struct event *ev = row_of(0, 1, -1, WALL + 3600 * S);
	struct parked_place at = parked_place_of(&ev->f);
	struct parked_pick pick;
	struct parked *p;
	int64_t wait_us;

	(void)state;
	assert_int_equal(parked_new(&o, &p, NULL), ERR_OK);
	g.row_hash[0] = at.row[0];
	g.table_hash = at.table;
	assert_int_equal(parked_add(p, &g), ERR_OK);
	assert_int_equal(parked_next_wall_us(p), 0);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, ev));
	parked_loaded(p, &pick, true);
	assert_false(parked_next_step(p, ev, &wait_us));
	event_free(ev);
	parked_free(p);
}

static void what_is_known_of_a_row_when_it_is_loaded(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *head = row_of(0, 1, -1, WALL - 2 * S), *behind = row_of(0, 1, -1, 0);
	struct parked_pick pick;
	int64_t wait_us = 0;

	(void)state;
	head->f.parked_step = 0;
	head->f.parked_attempts = 4;
	park(p, 0, 1, -1, WALL - 2 * S);
	pick_now(p, WALL, &pick);
	assert_true(load(p, &pick, head));
	assert_true(load(p, &pick, behind));
	parked_loaded(p, &pick, true);
	assert_int_equal(head->attempts, 4);
	assert_int_equal(head->failed_us, NOW - 12 * S); /* due 2 s ago, after 10 s */
	assert_true(parked_next_step(p, head, &wait_us));
	assert_int_equal(wait_us, 100 * S);
	assert_int_equal(behind->attempts, 0);
	assert_int_equal(behind->failed_us, 0);
	assert_true(parked_next_step(p, behind, &wait_us));
	assert_int_equal(wait_us, 10 * S);
	event_free(head);
	event_free(behind);
	parked_free(p);
}

/* ---- while the database is not known ---- */

static void nothing_is_sent_while_it_is_not_known_what_is_parked(void **state)
{
	struct parked *p = make(ORDERING_KEY, 10);
	struct event *ev = event_of(0, 1, -1);
	bool news;

	(void)state;
	assert_int_equal(parked_make(p, ev, &news), ERR_OK);
	parked_begin(p);
	assert_int_equal(ask(p, 0, 2, -1), PARKED_LATER);
	parked_put(p, ev, WALL); /* one that failed meanwhile is not forgotten */
	parked_opened(p);
	assert_int_equal(ask(p, 0, 2, -1), PARKED_SEND);
	assert_int_equal(ask(p, 0, 1, -1), PARKED_BEHIND);
	put(p, 0, 1, -1, 0);
	assert_int_equal(parked_next_wall_us(p), WALL);
	event_free(ev);
	parked_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_during_a_read_is_read_later),
		cmocka_unit_test(what_was_read_after_a_line_was_drained_need_not_be_parked),
		cmocka_unit_test(a_truncate_parked_during_a_read_ends_what_may_be_loaded),
		cmocka_unit_test(a_row_of_two_keys_waits_for_those_of_both),
		cmocka_unit_test(a_read_of_one_line_says_nothing_of_another_that_became_part_of_it),
		cmocka_unit_test(a_row_whose_hash_is_another_one_now_is_found_with_its_table),
		cmocka_unit_test(too_many_keys_are_refused_but_what_must_wait_may),
		cmocka_unit_test(a_chain_of_key_changes_becomes_its_table),
		cmocka_unit_test(more_keys_in_the_database_than_allowed_are_taken_by_table),
		cmocka_unit_test(the_reader_is_told_of_what_is_earlier_than_it_knows),
		cmocka_unit_test(without_a_schedule_what_is_parked_is_due_at_once),
		cmocka_unit_test(what_is_known_of_a_row_when_it_is_loaded),
		cmocka_unit_test(nothing_is_sent_while_it_is_not_known_what_is_parked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
