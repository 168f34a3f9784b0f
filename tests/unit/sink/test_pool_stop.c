/* SPDX-License-Identifier: MIT */
/* The end of a pool. */
#include "pool_fixture.h"

static void stopping_lets_requests_finish(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_slowly, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	for (i = 1; i <= 400; i++)
		push(&r, 0, i, i);
	await(&r, 20);
	pool_stop(r.pool, now() + PEER_WAIT_US);
	await(&r, r.got_count);
	r.got_count += acks_take(r.acks, r.got + r.got_count, EVENTS_MAX - r.got_count);
	assert_int_equal(p.requests, r.got_count);
	assert_int_equal(ring_stats(r.ring[0]).inflight, 0);
	assert_int_equal(ring_stats(r.ring[0]).events, 400 - r.got_count);
	rig_close(&r);
	peer_stop(&p);
}

static void stopping_gives_back_what_does_not_finish(void **state)
{
	struct event *ev[20];
	struct rig r = {0};
	struct peer p;
	size_t i, n;

	(void)state;
	assert_true(peer_start(&p, serve_never, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	for (i = 1; i <= 20; i++)
		push(&r, 0, (int64_t)i, (int)i);
	UNTIL(pool_stats(r.pool).in_flight == 16);
	pool_stop(r.pool, now() + 50 * MS);
	assert_no_acks(&r);
	assert_int_equal(pool_stats(r.pool).in_flight, 0);
	assert_int_equal(webhook_stats(r.webhook[0]).in_flight, 0);
	n = ring_take(r.ring[0], now(), ev, 20);
	assert_int_equal(n, 20);
	for (i = 0; i < n; i++) {
		assert_int_equal(ev[i]->f.id, i + 1);
		assert_int_equal(ev[i]->attempts, 0);
		ring_release(r.ring[0], ev[i]);
	}
	rig_close(&r);
	peer_stop(&p);
}

static void a_pool_that_was_never_started_can_be_freed(void **state)
{
	static const size_t first[] = {0};
	static char url[] = "http://127.0.0.1:1/";
	struct rig r = {0};

	(void)state;
	settings_init(&r.settings[0], url);
	rig_open(&r, 1, first, 3);
	push(&r, 0, 1, 1);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stopping_lets_requests_finish),
		cmocka_unit_test(stopping_gives_back_what_does_not_finish),
		cmocka_unit_test(a_pool_that_was_never_started_can_be_freed),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
