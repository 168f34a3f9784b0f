/* SPDX-License-Identifier: MIT */
/*
 * Each promise of core/ring.h about order and states by an example; test_ring_room.c has those
 * about room and notifications, test_ring_model.c the rules in general.
 */
#include "rings.h"

static void different_keys_go_together_in_push_order(void **state)
{
	static const char *const keys[] = {"a", "b", "c", "d", NULL};
	struct ring *r = open_key_ring();
	struct event *out[8];
	size_t i;

	(void)state;
	push_keys(r, keys);
	assert_int_equal(ring_take(r, NOW, out, 3), 3);
	assert_int_equal(ring_take(r, NOW, out + 3, 5), 1);
	for (i = 0; i < 4; i++) {
		assert_int_equal(out[i]->f.id, i + 1);
		settle(r, out[i]);
	}
	ring_free(r);
}

static void one_key_goes_one_at_a_time(void **state)
{
	static const char *const keys[] = {"a", "a", "a", NULL};
	struct ring *r = open_key_ring();
	struct event *ev;

	(void)state;
	push_keys(r, keys);
	ev = take_one(r, NOW, 1);
	assert_none_ready(r, NOW);
	settle(r, ev);
	ev = take_one(r, NOW, 2);
	assert_none_ready(r, NOW);
	ring_settle(r, ev, EVENT_DEAD);
	assert_int_equal(ev->state, EVENT_DEAD);
	event_free(ev);
	settle_next(r, 3);
	ring_free(r);
}

static void the_next_of_a_key_goes_before_what_is_younger(void **state)
{
	static const char *const keys[] = {"a", "a", "b", "c", NULL};
	struct ring *r = open_key_ring();

	(void)state;
	push_keys(r, keys);
	settle_next(r, 1);
	settle_next(r, 2);
	settle_next(r, 3);
	settle_next(r, 4);
	ring_free(r);
}

static void a_change_of_key_waits_for_both_keys_and_holds_both(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one, *two, *three;

	(void)state;
	push(r, event_of_key(1, "a"));
	push(r, event_of_key(2, "b"));
	push(r, event_of(3, OP_UPDATE, "t", "b", "a"));
	push(r, event_of_key(4, "a"));
	push(r, event_of_key(5, "b"));
	one = take_one(r, NOW, 1);
	two = take_one(r, NOW, 2);
	settle(r, one);
	assert_none_ready(r, NOW);
	settle(r, two);
	three = take_one(r, NOW, 3);
	assert_none_ready(r, NOW);
	settle(r, three);
	settle_next(r, 4);
	settle_next(r, 5);
	ring_free(r);
}

static void an_old_key_equal_to_the_new_one_counts_once(void **state)
{
	struct ring *r = open_key_ring();

	(void)state;
	push(r, event_of(1, OP_UPDATE, "t", "a", "a"));
	push(r, event_of(2, OP_UPDATE, "t", "a", "a"));
	assert_int_equal(ring_stats(r).lanes, 1);
	settle_next(r, 1);
	settle_next(r, 2);
	ring_free(r);
}

static void events_without_a_key_share_the_lane_of_their_table(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one, *three, *four;

	(void)state;
	push(r, event_of_key(1, NULL));
	push(r, event_of_key(2, NULL));
	push(r, event_of(3, OP_INSERT, "u", NULL, NULL));
	push(r, event_of_key(4, "a"));
	one = take_one(r, NOW, 1);
	three = take_one(r, NOW, 3);
	four = take_one(r, NOW, 4);
	assert_none_ready(r, NOW);
	settle(r, one);
	settle_next(r, 2);
	settle(r, three);
	settle(r, four);
	ring_free(r);
}

static void a_truncate_waits_for_its_table_and_its_table_for_it(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one, *two, *three, *other;

	(void)state;
	push(r, event_of_key(1, "a"));
	push(r, event_of_key(2, "b"));
	push(r, event_of(3, OP_TRUNCATE, "t", NULL, NULL));
	push(r, event_of_key(4, "c"));
	push(r, event_of(5, OP_UPDATE, "u", "c", NULL));
	one = take_one(r, NOW, 1);
	two = take_one(r, NOW, 2);
	other = take_one(r, NOW, 5);
	settle(r, one);
	assert_none_ready(r, NOW);
	settle(r, two);
	three = take_one(r, NOW, 3);
	push(r, event_of_key(6, "d"));
	assert_none_ready(r, NOW);
	settle(r, three);
	settle_next(r, 4);
	settle_next(r, 6);
	settle(r, other);
	ring_free(r);
}

static void truncates_in_a_row_go_one_after_the_other(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one;

	(void)state;
	push(r, event_of(1, OP_TRUNCATE, "t", NULL, NULL));
	push(r, event_of(2, OP_TRUNCATE, "t", NULL, NULL));
	push(r, event_of_key(3, "a"));
	one = take_one(r, NOW, 1);
	assert_none_ready(r, NOW);
	settle(r, one);
	settle_next(r, 2);
	settle_next(r, 3);
	ring_free(r);
}

static void ordering_decides_what_shares_a_lane(void **state)
{
	static const struct {
		enum ordering order;
		size_t ready; /* of: t/a, t/b, u/a, truncate t */
		size_t lanes;
	} cases[] = {
		{ORDERING_KEY, 3, 3},
		{ORDERING_TABLE, 2, 2},
		{ORDERING_PIPELINE, 1, 1},
		{ORDERING_NONE, 4, 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct ring *r = open_ring(10, 1 << 20, cases[i].order, NULL);

		push(r, event_of_key(1, "a"));
		push(r, event_of_key(2, "b"));
		push(r, event_of(3, OP_UPDATE, "u", "a", NULL));
		push(r, event_of(4, OP_TRUNCATE, "t", NULL, NULL));
		assert_int_equal(ring_stats(r).ready, cases[i].ready);
		assert_int_equal(ring_stats(r).lanes, cases[i].lanes);
		ring_free(r);
	}
}

static void a_retry_waits_for_its_time_at_the_head_of_its_lane(void **state)
{
	static const char *const keys[] = {"a", "a", "b", NULL};
	struct ring *r = open_key_ring();
	struct event *ev;

	(void)state;
	push_keys(r, keys);
	ev = take_one(r, NOW, 1);
	assert_int_equal(ring_next_due_us(r), INT64_MAX);
	ring_retry(r, ev, NOW + 50);
	assert_int_equal(ev->state, EVENT_WAITING);
	assert_int_equal(ring_next_due_us(r), NOW + 50);
	assert_int_equal(ring_stats(r).waiting, 1);
	assert_int_equal(ring_stats(r).retried, 1);
	settle_next(r, 3);
	assert_none_ready(r, NOW + 49);
	settle(r, take_one(r, NOW + 50, 1));
	assert_int_equal(ring_next_due_us(r), INT64_MAX);
	settle_next(r, 2);
	ring_free(r);
}

static void due_retries_go_before_what_is_younger(void **state)
{
	static const char *const keys[] = {"a", "b", "c", NULL};
	struct ring *r = open_key_ring();
	struct event *one, *two;

	(void)state;
	push_keys(r, keys);
	one = take_one(r, NOW, 1);
	two = take_one(r, NOW, 2);
	ring_retry(r, two, NOW + 5);
	ring_retry(r, one, NOW + 9);
	settle(r, take_one(r, NOW + 9, 1));
	settle(r, take_one(r, NOW + 9, 2));
	settle(r, take_one(r, NOW + 9, 3));
	ring_free(r);
}

static void released_events_go_before_all_others_by_age(void **state)
{
	static const char *const keys[] = {"a", "a", "b", "c", "d", NULL};
	struct ring *r = open_key_ring();
	struct event *one, *three, *four;

	(void)state;
	push_keys(r, keys);
	one = take_one(r, NOW, 1);
	three = take_one(r, NOW, 3);
	four = take_one(r, NOW, 4);
	settle(r, one); /* 2 is ready, and older */
	ring_release(r, four);
	assert_int_equal(four->state, EVENT_QUEUED);
	ring_release(r, three);
	settle_next(r, 3);
	settle_next(r, 4);
	settle_next(r, 2);
	settle_next(r, 5);
	ring_free(r);
}

static void a_paused_ring_gives_nothing_out(void **state)
{
	static const char *const keys[] = {"a", "b", "c", NULL};
	struct ring *r = open_key_ring();
	struct event *one, *two;

	(void)state;
	push_keys(r, keys);
	one = take_one(r, NOW, 1);
	two = take_one(r, NOW, 2);
	ring_pause(r, true);
	ring_retry(r, one, NOW);
	ring_release(r, two);
	assert_none_ready(r, NOW);
	assert_int_equal(ring_stats(r).ready, 0);
	assert_int_equal(ring_stats(r).blocked, 2);
	assert_int_equal(ring_next_due_us(r), INT64_MAX);
	ring_pause(r, false);
	assert_int_equal(ring_stats(r).ready, 2);
	assert_int_equal(ring_next_due_us(r), NOW);
	settle_next(r, 2);
	settle_next(r, 1);
	settle_next(r, 3);
	ring_free(r);
}

static void clearing_drops_all_but_what_is_in_flight(void **state)
{
	static const char *const keys[] = {"a", "a", "b", "c", "c", NULL};
	struct ring *r = open_key_ring();
	struct event *one, *three;
	int64_t ids[4] = {0};

	(void)state;
	push_keys(r, keys);
	one = take_one(r, NOW, 1);
	three = take_one(r, NOW, 3);
	ring_retry(r, take_one(r, NOW, 4), NOW + 9);
	assert_int_equal(ring_clear(r), 3);
	assert_int_equal(ring_stats(r).events, 2);
	assert_int_equal(ring_stats(r).bytes, one->bytes + three->bytes);
	assert_int_equal(ring_next_due_us(r), INT64_MAX);
	assert_int_equal(ring_inflight_ids(r, ids, 4), 2);
	assert_int_equal(ids[0], 1);
	assert_int_equal(ids[1], 3);
	/* read again: the lanes of those in flight are still held */
	push(r, event_of_key(2, "a"));
	push(r, event_of_key(4, "c"));
	settle_next(r, 4);
	assert_none_ready(r, NOW + 100);
	settle(r, one);
	settle_next(r, 2);
	ring_retry(r, three, NOW);
	settle_next(r, 3);
	ring_free(r);
}

static void clearing_keeps_the_barrier_that_is_in_flight(void **state)
{
	struct ring *r = open_key_ring();
	struct event *truncate;

	(void)state;
	push(r, event_of(1, OP_TRUNCATE, "t", NULL, NULL));
	push(r, event_of_key(2, "a"));
	truncate = take_one(r, NOW, 1);
	assert_int_equal(ring_clear(r), 1);
	push(r, event_of_key(2, "a"));
	assert_none_ready(r, NOW);
	settle(r, truncate);
	settle_next(r, 2);
	ring_free(r);
}

static void clearing_drops_a_barrier_that_waits(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one, *two;

	(void)state;
	push(r, event_of_key(1, "a"));
	push(r, event_of(2, OP_TRUNCATE, "t", NULL, NULL));
	one = take_one(r, NOW, 1);
	assert_int_equal(ring_clear(r), 1);
	push(r, event_of_key(3, "b"));
	two = take_one(r, NOW, 3);
	push(r, event_of(4, OP_TRUNCATE, "t", NULL, NULL));
	settle(r, one);
	assert_none_ready(r, NOW);
	settle(r, two);
	settle_next(r, 4);
	ring_free(r);
}

static void clearing_tells_of_room(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(1, 1 << 20, ORDERING_KEY, &calls);

	(void)state;
	push(r, event_of_key(1, "a"));
	assert_full(r, event_of_key(2, "a"));
	assert_int_equal(ring_clear(r), 1);
	assert_int_equal(calls.room, 1);
	assert_int_equal(ring_clear(r), 0);
	ring_free(r);
}

static void more_ids_in_flight_than_asked_for_are_counted(void **state)
{
	struct calls calls;
	struct event *out[16];
	struct ring *r = open_full_ring(&calls, out);
	int64_t ids[5];

	(void)state;
	assert_int_equal(ring_inflight_ids(r, ids, 5), 16);
	assert_int_equal(ids[4], 5);
	settle_all(r, out, 0, 16);
	assert_int_equal(ring_inflight_ids(r, ids, 5), 0);
	ring_free(r);
}

static void the_oldest_event_is_known_whatever_its_state(void **state)
{
	struct ring *r = open_key_ring();
	struct event *one, *two;
	int64_t id;

	(void)state;
	assert_int_equal(ring_stats(r).oldest_read_us, INT64_MAX);
	assert_int_equal(ring_stats(r).oldest_wall_us, 0);
	for (id = 1; id <= 3; id++) {
		struct event *ev = event_of_key(id, "a");

		ev->read_us = 100 * id;
		ev->f.changed_wall_us = 7000 * id;
		ev->f.key = TEXT_NONE;
		ev->f.op = OP_INSERT;
		push(r, ev);
	}
	one = take_one(r, NOW, 1);
	assert_int_equal(ring_stats(r).oldest_read_us, 100);
	ring_retry(r, one, NOW);
	assert_int_equal(ring_stats(r).oldest_read_us, 100);
	settle_next(r, 1);
	assert_int_equal(ring_stats(r).oldest_read_us, 200);
	assert_int_equal(ring_stats(r).oldest_wall_us, 14000);
	two = take_one(r, NOW, 2);
	(void)ring_clear(r);
	assert_int_equal(ring_stats(r).oldest_read_us, 200);
	settle(r, two);
	assert_int_equal(ring_stats(r).oldest_read_us, INT64_MAX);
	ring_free(r);
}

static void stats_add_up(void **state)
{
	static const char *const keys[] = {"a", "a", "b", "c", "d", NULL};
	struct ring *r = open_ring(77, 99999, ORDERING_KEY, NULL);
	struct ring_stats s;
	struct event *ev;

	(void)state;
	push_keys(r, keys);
	settle_next(r, 1);
	ev = take_one(r, NOW, 2);
	ring_retry(r, take_one(r, NOW, 3), NOW + 5);
	push(r, event_of_key(6, "b"));
	s = ring_stats(r);
	assert_int_equal(s.capacity, 77);
	assert_int_equal(s.max_bytes, 99999);
	assert_int_equal(s.events, 5);
	assert_int_equal(s.bytes, 5 * ev->bytes);
	assert_int_equal(s.inflight, 1);
	assert_int_equal(s.waiting, 1);
	assert_int_equal(s.ready, 2);
	assert_int_equal(s.blocked, 1);
	assert_int_equal(s.lanes, 4);
	assert_int_equal(s.pushed, 6);
	assert_int_equal(s.settled, 1);
	assert_int_equal(s.retried, 1);
	assert_int_equal(s.full_count, 0);
	ring_release(r, ev);
	ring_free(r);
	ring_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(different_keys_go_together_in_push_order),
		cmocka_unit_test(one_key_goes_one_at_a_time),
		cmocka_unit_test(the_next_of_a_key_goes_before_what_is_younger),
		cmocka_unit_test(a_change_of_key_waits_for_both_keys_and_holds_both),
		cmocka_unit_test(an_old_key_equal_to_the_new_one_counts_once),
		cmocka_unit_test(events_without_a_key_share_the_lane_of_their_table),
		cmocka_unit_test(a_truncate_waits_for_its_table_and_its_table_for_it),
		cmocka_unit_test(truncates_in_a_row_go_one_after_the_other),
		cmocka_unit_test(ordering_decides_what_shares_a_lane),
		cmocka_unit_test(a_retry_waits_for_its_time_at_the_head_of_its_lane),
		cmocka_unit_test(due_retries_go_before_what_is_younger),
		cmocka_unit_test(released_events_go_before_all_others_by_age),
		cmocka_unit_test(a_paused_ring_gives_nothing_out),
		cmocka_unit_test(clearing_drops_all_but_what_is_in_flight),
		cmocka_unit_test(clearing_keeps_the_barrier_that_is_in_flight),
		cmocka_unit_test(clearing_drops_a_barrier_that_waits),
		cmocka_unit_test(clearing_tells_of_room),
		cmocka_unit_test(more_ids_in_flight_than_asked_for_are_counted),
		cmocka_unit_test(the_oldest_event_is_known_whatever_its_state),
		cmocka_unit_test(stats_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
