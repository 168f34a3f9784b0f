/* SPDX-License-Identifier: MIT */
#include "pool_fixture.h"

/* ---- a source of events and a place for their acknowledgements ---- */

static int key_of(const struct peer_request *q)
{
	const char *at = strstr(q->body, "{\"k\":");

	return at ? (int)strtol(at + 5, NULL, 10) : -1;
}

/* ---- delivered ---- */

static bool serve_and_check(struct peer *p, struct peer_request *q)
{
	int *wrong = p->ctx;

	if (strcmp(q->id, "install-41") != 0 || !strstr(q->body, "{\"id\":\"install-41\"") ||
	    !strstr(q->body, "\"pipeline\":\"one\""))
		++*wrong;
	return peer_answer(q->fd, 200, "", "");
}

static void a_delivered_event_is_acknowledged(void **state)
{
	struct rig r = {0};
	struct peer p;
	int wrong = 0;

	(void)state;
	assert_true(peer_start(&p, serve_and_check, &wrong));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	push(&r, 0, 41, 1);
	await(&r, 1);
	assert_int_equal(r.got[0].id, 41);
	assert_int_equal(r.got[0].pipeline, 7);
	assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
	assert_null(r.got[0].reason);
	assert_int_equal(webhook_stats(r.webhook[0]).delivered, 1);
	assert_true(webhook_stats(r.webhook[0]).bytes_sent > 100);
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(wrong, 0);
}

/* Fails a third of the requests, after a random pause; notes when a key's events overlap or come
 * out of order. */
static bool serve_in_order(struct peer *p, struct peer_request *q)
{
	struct order *o = p->ctx;
	int key = key_of(q), id = id_of(q), pause_ms, fail;

	mutex_lock(&p->lock);
	o->wrong += o->inside[key]++ != 0 || id < o->last[key];
	pause_ms = (int)random_below(&o->random, 3);
	fail = random_below(&o->random, 3) == 0;
	mutex_unlock(&p->lock);
	(void)peer_pause(p, pause_ms);
	mutex_lock(&p->lock);
	o->inside[key]--;
	if (!fail) {
		o->wrong += id == o->last[key];
		o->last[key] = id;
	}
	mutex_unlock(&p->lock);
	return peer_answer(q->fd, fail ? 500 : 200, "", "");
}

static void a_key_keeps_its_order_to_the_receiver_and_in_the_acknowledgements(void **state)
{
	int64_t last[20] = {0};
	struct rig r = {0};
	struct order o = {0};
	struct peer p;
	size_t i;

	(void)state;
	random_init_seed(&o.random, 7);
	assert_true(peer_start(&p, serve_in_order, &o));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 1000;
	rig_start(&r, 4);
	for (i = 1; i <= 600; i++)
		push(&r, 0, (int64_t)i, (int)(i * 7 % 20));
	await(&r, 600);
	for (i = 0; i < 600; i++) {
		assert_int_equal(r.got[i].outcome, ACK_DELIVERED);
		assert_true(r.got[i].id > last[r.got[i].id * 7 % 20]);
		last[r.got[i].id * 7 % 20] = r.got[i].id;
	}
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(o.wrong, 0);
}

/* ---- admission and wake-ups ---- */

/* No answer before as many are here as may be: how fast anybody is does not matter. */
static bool serve_when_full(struct peer *p, struct peer_request *q)
{
	const int *most = p->ctx;

	while (atomic_load(&p->peak) < *most)
		if (!peer_pause(p, 1))
			return false;
	return serve_slowly(p, q);
}

static void no_more_than_max_in_flight_are_sent_at_once(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i, most = 10;

	(void)state;
	assert_true(peer_start(&p, serve_when_full, &most));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = most;
	rig_start(&r, 4); /* shares of 3: 12 */
	for (i = 1; i <= 300; i++)
		push(&r, 0, i, i);
	await(&r, 300);
	assert_int_equal(p.peak, most);
	assert_true(pool_stats(r.pool).connections <= 12);
	rig_close(&r);
	peer_stop(&p);
}

/* The clock stands still, so that no worker wakes by itself: one that is lost is never made up for.
 */
static void no_wake_up_is_lost_when_workers_compete_for_one_place(void **state)
{
	static const size_t same[] = {0, 0};
	struct clock_fake clock;
	struct rig r = {.clock = clock_fake_init(&clock, now(), CLOCK_US_PER_S)};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	rig_open(&r, 2, same, 4);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	for (i = 1; i <= 300; i++) {
		push(&r, 0, i, i);
		push(&r, 1, i, i);
		await(&r, (size_t)(i % 3 ? 2 * i - 1 : 2 * i));
	}
	await(&r, 600);
	assert_int_equal(p.peak, 1);
	rig_close(&r);
	peer_stop(&p);
}

static void at_a_low_rate_one_worker_does_it_all(void **state)
{
	struct rig r = {0};
	struct peer p;
	int64_t connections = 0, start_us;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 4);
	/* until all have looked for work: one that starts late would find some */
	start_us = now();
	UNTIL(pool_stats(r.pool).progress_us > start_us);
	for (i = 1; i <= 60; i++) {
		push(&r, 0, i, i);
		await(&r, (size_t)i);
		UNTIL(pool_stats(r.pool).busy == 0);
		/* while the others start up they may get one, too */
		if (i == 30)
			connections = pool_stats(r.pool).connections;
	}
	assert_int_equal(pool_stats(r.pool).connections, connections);
	rig_close(&r);
	peer_stop(&p);
}

static void a_silent_receiver_does_not_delay_another(void **state)
{
	static const size_t own[] = {0, 1};
	struct rig r = {0};
	struct peer silent, good;
	int i;

	(void)state;
	assert_true(peer_start(&silent, serve_never, NULL));
	assert_true(peer_start(&good, serve_200, NULL));
	settings_init(&r.settings[0], silent.url);
	settings_init(&r.settings[1], good.url);
	rig_open(&r, 2, own, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	for (i = 1; i <= 200; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).in_flight == 16);
	for (i = 1; i <= 200; i++)
		push(&r, 1, i, i);
	await(&r, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(r.got[i].pipeline, 8);
	UNTIL(pool_stats(r.pool).in_flight == 16);
	pool_stop(r.pool, now());
	rig_close(&r);
	peer_stop(&silent);
	peer_stop(&good);
}

/* ---- stopping ---- */

static void every_worker_goes_round_while_there_is_nothing_to_do(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct rig r = {0};
	int64_t first_us;

	(void)state;
	settings_init(&r.settings[0], url);
	rig_start(&r, 3);
	first_us = pool_stats(r.pool).progress_us;
	assert_int_equal(pool_stats(r.pool).workers, 3);
	UNTIL(pool_stats(r.pool).progress_us > first_us + CLOCK_US_PER_S / 2);
	rig_close(&r);
}

/* ---- one after the other ---- */

static atomic_size_t told, told_acks;
static pthread_t tester;

static void note_ready(struct rig *r)
{
	if (pthread_equal(pthread_self(), tester))
		return;
	atomic_fetch_add(&told, 1);
	atomic_store(&told_acks, acks_count(r->acks));
}

static bool serve_what_is_said(struct peer *p, struct peer_request *q)
{
	const int *status = p->ctx;

	return peer_answer(q->fd, *status, "", "");
}

/* Or another worker could send and acknowledge that one first. */
static void the_next_of_a_key_may_go_when_the_one_before_is_acknowledged(void **state)
{
	static const int statuses[] = {200, 400};
	struct peer p;
	size_t i;
	int status;

	(void)state;
	tester = pthread_self();
	for (i = 0; i < ARRAY_LEN(statuses); i++) {
		struct rig r = {.ready = note_ready};

		status = statuses[i];
		atomic_store(&told, 0);
		assert_true(peer_start(&p, serve_what_is_said, &status));
		settings_init(&r.settings[0], p.url);
		rig_start(&r, 1);
		ring_pause(r.ring[0], true);
		push(&r, 0, 1, 1);
		push(&r, 0, 2, 1);
		ring_pause(r.ring[0], false);
		UNTIL(acks_count(r.acks) == 2);
		assert_int_equal(atomic_load(&told), 1);
		assert_int_equal(atomic_load(&told_acks), 1);
		await(&r, 2);
		assert_int_equal(r.got[0].id, 1);
		rig_close(&r);
		peer_stop(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivered_event_is_acknowledged),
		cmocka_unit_test(a_key_keeps_its_order_to_the_receiver_and_in_the_acknowledgements),
		cmocka_unit_test(no_more_than_max_in_flight_are_sent_at_once),
		cmocka_unit_test(no_wake_up_is_lost_when_workers_compete_for_one_place),
		cmocka_unit_test(at_a_low_rate_one_worker_does_it_all),
		cmocka_unit_test(the_next_of_a_key_may_go_when_the_one_before_is_acknowledged),
		cmocka_unit_test(a_silent_receiver_does_not_delay_another),
		cmocka_unit_test(every_worker_goes_round_while_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
