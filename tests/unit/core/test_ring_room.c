/* SPDX-License-Identifier: MIT */
/* The promises of core/ring.h about bounds, room and notifications, each by an example. */
#include "rings.h"

#include "core/share.h"

static void it_refuses_what_exceeds_its_capacity(void **state)
{
	struct ring *r = open_ring(2, 1 << 20, ORDERING_KEY, NULL);

	(void)state;
	assert_int_equal(ring_room(r).events, 2);
	push(r, event_of_key(1, "a"));
	push(r, event_of_key(2, "a"));
	assert_int_equal(ring_room(r).events, 0);
	assert_full(r, event_of_key(3, "b"));
	assert_int_equal(ring_stats(r).full_count, 1);
	settle_next(r, 1);
	push(r, event_of_key(3, "b"));
	ring_free(r);
}

static void it_refuses_what_exceeds_its_bytes_but_takes_anything_when_empty(void **state)
{
	struct event *ev = event_of_key(1, "a");
	size_t bytes = ev->bytes;
	struct ring *r = open_ring(10, bytes * 2 + 1, ORDERING_KEY, NULL);

	(void)state;
	push(r, ev);
	push(r, event_of_key(2, "b"));
	assert_int_equal(ring_room(r).bytes, 1);
	assert_full(r, event_of_key(3, "c"));
	ring_free(r);

	r = open_ring(10, 1, ORDERING_KEY, NULL);
	push(r, event_of_key(1, "a"));
	assert_int_equal(ring_room(r).bytes, 0);
	assert_full(r, event_of_key(2, "b"));
	settle_next(r, 1);
	push(r, event_of_key(2, "b"));
	ring_free(r);
}

static void ready_is_told_when_something_became_ready(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(10, 1 << 20, ORDERING_KEY, &calls);
	struct event *ev;

	(void)state;
	push(r, event_of_key(1, "a"));
	assert_int_equal(calls.ready, 1);
	push(r, event_of_key(2, "a"));
	assert_int_equal(calls.ready, 1);
	ev = take_one(r, NOW, 1);
	assert_int_equal(calls.ready, 1);
	ring_release(r, ev);
	assert_int_equal(calls.ready, 2);
	ev = take_one(r, NOW, 1);
	ring_retry(r, ev, NOW + 1);
	assert_int_equal(calls.ready, 2);
	settle(r, take_one(r, NOW + 1, 1));
	assert_int_equal(calls.ready, 3);
	settle_next(r, 2);
	assert_int_equal(calls.ready, 3);
	ring_free(r);
}

static void ready_is_told_when_a_pause_ends(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(10, 1 << 20, ORDERING_KEY, &calls);

	(void)state;
	ring_pause(r, true);
	ring_pause(r, false);
	assert_int_equal(calls.ready, 0);
	push(r, event_of_key(1, "a"));
	ring_pause(r, true);
	assert_int_equal(calls.ready, 1);
	ring_pause(r, false);
	assert_int_equal(calls.ready, 2);
	ring_retry(r, take_one(r, NOW, 1), NOW + 1);
	ring_pause(r, true);
	ring_pause(r, false);
	assert_int_equal(calls.ready, 3);
	ring_free(r);
}

static void ready_is_told_when_take_leaves_due_retries(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(10, 1 << 20, ORDERING_NONE, &calls);
	struct event *out[2];

	(void)state;
	push(r, event_of_key(1, "a"));
	push(r, event_of_key(2, "b"));
	assert_int_equal(ring_take(r, NOW, out, 2), 2);
	ring_retry(r, out[0], NOW + 1);
	ring_retry(r, out[1], NOW + 1);
	assert_int_equal(calls.ready, 2);
	settle(r, take_one(r, NOW + 1, 1));
	assert_int_equal(calls.ready, 3);
	settle(r, take_one(r, NOW + 1, 2));
	assert_int_equal(calls.ready, 3);
	ring_free(r);
}

static void room_is_told_once_an_eighth_is_free_after_a_refusal(void **state)
{
	struct calls calls;
	struct event *out[16];
	struct ring *r = open_full_ring(&calls, out);

	(void)state;
	assert_full(r, event_of_key(17, "a"));
	settle_all(r, out, 0, 1);
	assert_int_equal(calls.room, 0);
	settle_all(r, out, 1, 2);
	assert_int_equal(calls.room, 1);
	settle_all(r, out, 2, 16);
	assert_int_equal(calls.room, 1);
	ring_free(r);
}

static void room_is_told_after_a_look_that_found_little(void **state)
{
	struct calls calls;
	struct event *out[16];
	struct ring *r = open_full_ring(&calls, out);

	(void)state;
	settle_all(r, out, 0, 1);
	assert_int_equal(ring_room(r).events, 1);
	assert_int_equal(calls.room, 0);
	settle_all(r, out, 1, 2);
	assert_int_equal(calls.room, 1);
	assert_int_equal(ring_room(r).events, 2);
	settle_all(r, out, 2, 16);
	assert_int_equal(calls.room, 1);
	ring_free(r);
}

static void room_is_not_told_to_who_was_not_refused(void **state)
{
	struct calls calls;
	struct event *out[16];
	struct ring *r = open_full_ring(&calls, out);

	(void)state;
	settle_all(r, out, 0, 16);
	assert_int_equal(calls.room, 0);
	ring_free(r);
}

static void room_is_told_sooner_when_only_waiting_retries_hold_the_ring(void **state)
{
	struct calls calls;
	struct event *out[16];
	struct ring *r = open_full_ring(&calls, out);
	size_t i;

	(void)state;
	assert_full(r, event_of_key(17, "a"));
	settle_all(r, out, 0, 1);
	assert_int_equal(calls.room, 0);
	/* one slot is an eighth, rounded down, of the 15 that others may have */
	ring_retry(r, out[1], NOW + 1000000);
	assert_int_equal(calls.room, 1);
	for (i = 2; i < 16; i++)
		ring_retry(r, out[i], NOW + 1000000);
	assert_int_equal(calls.room, 1);
	ring_free(r);
}

static void room_is_told_when_nothing_moves_any_more(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(100, 1 << 20, ORDERING_KEY, &calls);
	struct event *first, *other;
	int64_t id;

	(void)state;
	push(r, event_of_key(1, "z"));
	for (id = 2; id <= 100; id++)
		push(r, event_of_key(id, "a"));
	other = take_one(r, NOW, 1);
	first = take_one(r, NOW, 2);
	assert_full(r, event_of_key(101, "b"));
	settle(r, other);
	assert_int_equal(calls.room, 0);
	ring_retry(r, first, NOW + 1000000);
	assert_int_equal(calls.room, 1);
	ring_free(r);
}

static void room_is_told_only_when_the_refused_event_fits(void **state)
{
	struct calls calls;
	struct event *small = event_of_key(1, "a");
	size_t bytes = small->bytes;
	struct ring *r = open_ring(1000, bytes * 8, ORDERING_NONE, &calls);
	struct event_fields f = {.id = 9, .data = {NULL, bytes * 2}};
	struct event *large = NULL;
	struct event *out[8];
	char text[4096] = "";
	int64_t id;

	(void)state;
	push(r, small);
	for (id = 2; id <= 8; id++)
		push(r, event_of_key(id, "a"));
	assert_int_equal(ring_take(r, NOW, out, 8), 8);
	f.data.s = text;
	assert_true(f.data.len < sizeof(text));
	assert_int_equal(event_new(&f, &large, NULL), ERR_OK);
	assert_int_equal(ring_push(r, &large), ERR_FULL);
	settle_all(r, out, 0, 2);
	assert_int_equal(calls.room, 0);
	settle_all(r, out, 2, 3);
	assert_int_equal(calls.room, 1);
	push(r, large);
	settle_all(r, out, 3, 8);
	ring_free(r);
}

static void room_for_a_giant_is_told_when_the_ring_is_empty(void **state)
{
	struct calls calls;
	struct ring *r = open_ring(10, 1, ORDERING_NONE, &calls);

	(void)state;
	push(r, event_of_key(1, "a"));
	assert_full(r, event_of_key(2, "a"));
	settle_next(r, 1);
	assert_int_equal(calls.room, 1);
	push(r, event_of_key(2, "a"));
	ring_free(r);
}

/* The ring itself was never full. */
static void room_of_a_tenant_is_told_when_somebody_waits_for_it(void **state)
{
	struct share all = {.step = 1}, own = {.step = 1, .all = &all};
	struct event *out[3], *ev;
	struct calls calls;
	struct ring *r = open_ring(100, 1 << 20, ORDERING_NONE, &calls);
	int64_t id;

	(void)state;
	for (id = 1; id <= 3; id++) {
		ev = event_of_key(id, "a");
		ev->share = &own;
		share_take(&own, ev->bytes);
		push(r, ev);
	}
	assert_int_equal(ring_take(r, NOW, out, 3), 3);
	assert_false(share_is_down_to(&own, 1, SIZE_MAX));
	settle(r, out[0]);
	assert_int_equal(calls.room, 0);
	settle(r, out[1]);
	assert_int_equal(calls.room, 1);
	settle(r, out[2]);
	assert_int_equal(calls.room, 1);
	assert_int_equal(all.events, 0);
	assert_int_equal(all.bytes, 0);
	ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_refuses_what_exceeds_its_capacity),
		cmocka_unit_test(it_refuses_what_exceeds_its_bytes_but_takes_anything_when_empty),
		cmocka_unit_test(ready_is_told_when_something_became_ready),
		cmocka_unit_test(ready_is_told_when_take_leaves_due_retries),
		cmocka_unit_test(ready_is_told_when_a_pause_ends),
		cmocka_unit_test(room_is_told_once_an_eighth_is_free_after_a_refusal),
		cmocka_unit_test(room_is_told_after_a_look_that_found_little),
		cmocka_unit_test(room_is_not_told_to_who_was_not_refused),
		cmocka_unit_test(room_is_told_sooner_when_only_waiting_retries_hold_the_ring),
		cmocka_unit_test(room_is_told_when_nothing_moves_any_more),
		cmocka_unit_test(room_is_told_only_when_the_refused_event_fits),
		cmocka_unit_test(room_of_a_tenant_is_told_when_somebody_waits_for_it),
		cmocka_unit_test(room_for_a_giant_is_told_when_the_ring_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
