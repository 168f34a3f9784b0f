/* SPDX-License-Identifier: MIT */
/* What is taken out of a ring and what is not, and what is known of it then. */
#include "rings.h"

#include <stdio.h>

static struct event *parked_of(int64_t id, const char *key)
{
	struct event *ev = event_of_key(id, key);

	ev->f.parked = true;
	return ev;
}

/* Their ids are of rows that left the outbox. */
static void parked_events_in_flight_are_counted_and_not_listed(void **state)
{
	struct ring *r = open_key_ring();
	struct event *out[3];
	int64_t ids[4];
	size_t i;

	(void)state;
	push(r, parked_of(1, "a"));
	push(r, event_of_key(2, "b"));
	push(r, parked_of(3, "c"));
	push(r, parked_of(4, "d"));
	assert_int_equal(ring_take(r, NOW, out, 3), 3);
	assert_int_equal(ring_inflight_ids(r, ids, 4), 1);
	assert_int_equal(ids[0], 2);
	assert_int_equal(ring_inflight_parked(r), 2);
	for (i = 0; i < 3; i++)
		settle(r, out[i]);
	assert_int_equal(ring_inflight_parked(r), 0);
	ring_free(r);
}

static void who_was_taken_behind_another_follows_it(void **state)
{
	static const char *const keys[] = {"a", "a", "b", NULL};
	const struct ring_batch b = {.max_events = 10, .max_bytes = 1 << 20};
	struct ring *r = open_key_ring();
	struct event *one, *two, *three;

	(void)state;
	push_keys(r, keys);
	ring_pause(r, true);
	assert_null(ring_take_batch(r, NOW, &b));
	assert_int_equal(ring_next_batch_us(r, &b), INT64_MAX);
	ring_pause(r, false);
	one = ring_take_batch(r, NOW, &b);
	two = one->also;
	three = two->also;
	assert_null(three->also);
	assert_false(ring_follows(r, one));
	assert_true(ring_follows(r, two));
	assert_false(ring_follows(r, three));
	one->also = NULL;
	settle(r, one);
	assert_false(ring_follows(r, two));
	settle(r, two); /* and three behind it */
	event_free(three);
	ring_free(r);
}

/* What is held for company is no reason to wake up while the ring is paused. */
static void a_paused_ring_has_nothing_to_wait_for(void **state)
{
	const struct ring_batch b = {.max_events = 10, .max_bytes = 1 << 20, .delay_us = 500};
	struct ring *r = open_key_ring();

	(void)state;
	push(r, event_of_key(1, "a"));
	assert_int_equal(ring_next_batch_us(r, &b), 500);
	ring_pause(r, true);
	assert_int_equal(ring_next_batch_us(r, &b), INT64_MAX);
	assert_null(ring_take_batch(r, NOW, &b));
	ring_pause(r, false);
	settle(r, ring_take_batch(r, NOW, &b));
	ring_free(r);
}

/* However full the table of lanes is: it has room for two before an event enters. */
static void changes_of_keys_find_room_for_both(void **state)
{
	struct ring *r = open_key_ring();
	char key[16], old_key[16];
	int64_t id;

	(void)state;
	push(r, event_of_key(1, "a"));
	for (id = 2; id <= 300; id++) {
		(void)snprintf(key, sizeof(key), "n%d", (int)id);
		(void)snprintf(old_key, sizeof(old_key), "o%d", (int)id);
		push(r, event_of(id, OP_UPDATE, "t", key, old_key));
	}
	assert_int_equal(ring_stats(r).lanes, 1 + 2 * 299);
	for (id = 1; id <= 300; id++)
		settle_next(r, id);
	ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parked_events_in_flight_are_counted_and_not_listed),
		cmocka_unit_test(who_was_taken_behind_another_follows_it),
		cmocka_unit_test(a_paused_ring_has_nothing_to_wait_for),
		cmocka_unit_test(changes_of_keys_find_room_for_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
