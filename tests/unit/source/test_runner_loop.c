/* SPDX-License-Identifier: MIT */
/* What the runner makes of connections that break and calls that fail. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "runner_bench.h"

static void a_lost_connection_drops_what_is_queued_at_once(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t a = bench_insert(b, "1"), c = bench_insert(b, "1");

	bench_start(b);
	ev = bench_take(b, 0);
	assert_int_equal(ev->f.id, a);
	AWAIT(bench_events(b, 0) == 2);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(bench_events(b, 0) == 1);
	AWAIT(bench_stats(b).state == RUNNER_CONNECTING && bench_stats(b).last_error[0]);
	/* what is given back meanwhile goes, too */
	ring_retry(b->rings[0], ev, 0);
	AWAIT(bench_events(b, 0) == 0);
	fake_db_fail(b->db, FAKE_OPEN, ERR_OK, 0);
	assert_int_equal(bench_deliver(b, 0), a);
	assert_int_equal(bench_deliver(b, 0), c);
	AWAIT(bench_rows(b) == 0);
	AWAIT(bench_stats(b).last_error[0] == '\0');
}

static void what_comes_back_without_leadership_is_not_sent_again(void **state)
{
	struct bench *b = *state;
	struct event *ev, *again;
	int64_t until, id = bench_insert(b, "1");

	b->settings.reconnect_max_delay_us = 3600 * CLOCK_US_PER_S;
	bench_start(b);
	ev = bench_take(b, 0);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(bench_stats(b).failures >= 2);
	/* by now another daemon may be active, and far ahead */
	ring_retry(b->rings[0], ev, bench_now_us());
	until = bench_now_us() + 30 * CLOCK_US_PER_MS;
	do
		assert_int_equal(ring_take(b->rings[0], bench_now_us(), &again, 1), 0);
	while (bench_now_us() < until);
	fake_db_fail(b->db, FAKE_OPEN, ERR_OK, 0);
	assert_int_equal(bench_deliver(b, 0), id);
	AWAIT(bench_rows(b) == 0);
}

static void what_is_in_flight_is_not_delivered_again(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t a = bench_insert(b, "1"), c = bench_insert(b, "1");

	bench_start(b);
	ev = bench_take(b, 0);
	assert_int_equal(ev->f.id, a);
	fake_db_kill(b->db);
	AWAIT(bench_stats(b).connects == 2);
	assert_int_equal(fake_db_stats(b->db).held, 1);
	AWAIT(bench_events(b, 0) == 2); /* in flight, and the other */
	bench_settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(bench_deliver(b, 0), c);
	AWAIT(bench_rows(b) == 0);
}

static void what_settles_while_disconnected_is_acknowledged_first(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t c;

	(void)bench_insert(b, "1");
	bench_start(b);
	ev = bench_take(b, 0);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(bench_stats(b).state == RUNNER_CONNECTING);
	bench_settle(b, 0, ev, ACK_DELIVERED);
	c = bench_insert(b, "1");
	fake_db_fail(b->db, FAKE_OPEN, ERR_OK, 0);
	assert_int_equal(bench_deliver(b, 0), c);
	AWAIT(bench_rows(b) == 0);
	AWAIT(bench_stats(b).read_total == 2);
}

static void a_failed_acknowledgement_is_given_again(void **state)
{
	struct bench *b = *state;

	(void)bench_insert(b, "1");
	fake_db_fail(b->db, FAKE_ACKNOWLEDGE, ERR_UNAVAILABLE, 3);
	bench_start(b);
	bench_settle(b, 0, bench_take(b, 0), ACK_DEAD);
	AWAIT(bench_rows(b) == 0);
	AWAIT(bench_stats(b).acked_total == 1); /* which it counts a moment later */
	assert_int_equal(fake_db_stats(b->db).dead_letters, 1);
	assert_true(bench_stats(b).failures >= 3);
	assert_int_equal(bench_stats(b).read_total, 1);
}

static void every_failure_is_survived(void **state)
{
	static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_DB,    ERR_DENIED, ERR_TIMEOUT,
					      ERR_NOT_FOUND,   ERR_NOMEM, ERR_BUSY};
	struct bench *b = *state;
	size_t i, call;
	int64_t id;

	bench_start(b);
	for (call = 0; call < FAKE_CALL_COUNT; call++) {
		for (i = 0; i < ARRAY_LEN(codes); i++) {
			/* for a standby's second is long in a test */
			if (call == FAKE_OPEN && codes[i] == ERR_BUSY)
				continue;
			fake_db_fail(b->db, (enum fake_call)call, codes[i], 1);
			if (call == FAKE_OPEN || call == FAKE_HOLD || call == FAKE_INSPECT)
				fake_db_kill(b->db);
			id = bench_insert(b, "1");
			assert_int_equal(bench_deliver(b, 0), id);
			AWAIT(bench_rows(b) == 0);
		}
	}
	AWAIT(bench_stats(b).last_error[0] == '\0');
}

static void a_read_that_always_fails_does_not_spin(void **state)
{
	struct bench *b = *state;

	b->settings.reconnect_max_delay_us = 50 * CLOCK_US_PER_MS;
	fake_db_fail(b->db, FAKE_READ, ERR_DB, 1000000);
	bench_start(b);
	AWAIT(bench_stats(b).failures >= 2);
	/* one in 25 to 50 ms */
	assert_in_range(bench_calls_per_s(b, FAKE_READ, 300 * CLOCK_US_PER_MS), 0, 50);
	AWAIT(bench_calls(b, FAKE_READ) >= 4);
	assert_non_null(strstr(bench_stats(b).last_error, "cannot read pipeline default"));
	AWAIT(bench_stats(b).state == RUNNER_CONNECTING);
}

static void without_memory_the_connection_stays(void **state)
{
	struct bench *b = *state;
	int64_t id = bench_insert(b, "1");

	fake_db_fail(b->db, FAKE_READ, ERR_NOMEM, 1);
	bench_start(b);
	assert_int_equal(bench_deliver(b, 0), id);
	assert_int_equal(bench_stats(b).connects, 1);
	assert_int_equal(bench_stats(b).failures, 1);
}

static void a_standby_takes_over(void **state)
{
	struct bench *b = *state;
	struct runner *other = bench_runner(b);
	struct ring *rings[2] = {bench_ring(other), bench_ring(other)};
	struct event *ev;
	int64_t id = bench_insert(b, "1");

	bench_start(b);
	AWAIT(bench_stats(b).state == RUNNER_ACTIVE);
	runner_bind(other, 0, rings[0]);
	runner_bind(other, 1, rings[1]);
	assert_int_equal(runner_start(other, NULL), ERR_OK);
	AWAIT(runner_stats(other).state == RUNNER_STANDBY);
	assert_int_equal(ring_stats(rings[0]).events, 0);
	bench_stop(b);
	AWAIT(ring_take(rings[0], bench_now_us(), &ev, 1) == 1);
	assert_int_equal(ev->f.id, id);
	ring_release(rings[0], ev);
	runner_stop(other);
	runner_free(other);
	ring_free(rings[0]);
	ring_free(rings[1]);
}

static void expect_delivered_again(struct bench *b, struct event *ev, int64_t id)
{
	int64_t until = bench_now_us() + 60 * CLOCK_US_PER_MS;

	AWAIT(bench_calls(b, FAKE_OPEN) == 2);
	while (bench_now_us() < until)
		bench_moment();
	/* the old one is still in flight: nothing is read */
	assert_int_equal(bench_events(b, 0), 1);
	assert_int_equal(bench_rows(b), 1);
	bench_settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(bench_deliver(b, 0), id);
	AWAIT(bench_rows(b) == 0);
	AWAIT(bench_stats(b).acked_total == 1);
}

static void another_server_gets_no_acknowledgements_of_the_old(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t id = bench_insert(b, "1");

	log_set_level(LOG_LEVEL_ERROR);
	bench_start(b);
	ev = bench_take(b, 0);
	fake_db_set_identity(b->db, "promoted");
	expect_delivered_again(b, ev, id);
}

static void another_installation_gets_no_acknowledgements_of_the_old(void **state)
{
	static const char fresh[] = "00000000-0000-4000-8000-000000000002";
	struct bench *b = *state;
	struct event *ev;
	int64_t id = bench_insert(b, "1");

	bench_start(b);
	ev = bench_take(b, 0);
	fake_db_set_install_id(b->db, fresh);
	assert_string_not_equal(runner_install_id(b->runner, 0), fresh);
	fake_db_kill(b->db);
	expect_delivered_again(b, ev, id);
	assert_string_equal(runner_install_id(b->runner, 0), fresh);
}

static void stopping_ends_a_wait_for_reconnecting(void **state)
{
	struct bench *b = *state;
	int64_t begin;

	b->settings.reconnect_max_delay_us = 3600 * CLOCK_US_PER_S;
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	bench_start(b);
	AWAIT(bench_stats(b).failures >= 3);
	begin = bench_now_us();
	runner_stop(b->runner);
	assert_true(bench_now_us() - begin < PATIENCE_US);
	assert_int_equal(bench_stats(b).state, RUNNER_STOPPED);
	runner_free(b->runner);
	b->runner = NULL;
}

/* ---- many hands: workers that deliver, fail and give back, a database that breaks ---- */

enum { STORM_ROWS = 600, STORM_WORKERS = 3 };

struct storm {
	struct bench *b;
	struct random random;
	struct thread thread;
	atomic_bool *stop;
};

static void work(void *arg)
{
	struct storm *s = arg;
	struct event *ev;
	size_t p;

	while (!atomic_load(s->stop)) {
		p = random_below(&s->random, 2);
		(void)runner_stats(s->b->runner);
		runner_wake(s->b->runner);
		if (!ring_take(s->b->rings[p], bench_now_us(), &ev, 1)) {
			bench_moment();
			continue;
		}
		switch (random_below(&s->random, 6)) {
		case 0:
			ring_retry(s->b->rings[p], ev, bench_now_us() + 500);
			break;
		case 1:
			ring_release(s->b->rings[p], ev);
			break;
		case 2:
			bench_settle(s->b, p, ev, ACK_DEAD);
			break;
		default:
			bench_settle(s->b, p, ev, ACK_DELIVERED);
		}
	}
}

static void nothing_is_lost_in_a_storm(void **state)
{
	struct bench *b = *state;
	struct storm storm[STORM_WORKERS];
	struct random random;
	atomic_bool stopping = false;
	char key[16];
	size_t i;

	random_init_seed(&random, 1);
	bench_start(b);
	for (i = 0; i < STORM_WORKERS; i++) {
		storm[i] = (struct storm){.b = b, .stop = &stopping};
		random_init_seed(&storm[i].random, i + 10);
		assert_int_equal(thread_start(&storm[i].thread, "storm", 0, work, &storm[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < STORM_ROWS; i++) {
		(void)snprintf(key, sizeof(key), "%d", (int)random_below(&random, 20));
		(void)bench_insert_into(b, i % 2, key, 10 + (int)random_below(&random, 100));
		if (random_below(&random, 60) == 0)
			fake_db_kill(b->db);
		if (random_below(&random, 60) == 0)
			fake_db_fail(b->db, (enum fake_call)random_below(&random, FAKE_CALL_COUNT),
				     random_below(&random, 2) ? ERR_DB : ERR_NOMEM, 1);
		if (random_below(&random, 10) == 0)
			bench_moment();
	}
	AWAIT(bench_rows(b) == 0);
	atomic_store(&stopping, true);
	for (i = 0; i < STORM_WORKERS; i++)
		thread_join(&storm[i].thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lost_connection_drops_what_is_queued_at_once),
		TEST(what_comes_back_without_leadership_is_not_sent_again),
		TEST(what_is_in_flight_is_not_delivered_again),
		TEST(what_settles_while_disconnected_is_acknowledged_first),
		TEST(a_failed_acknowledgement_is_given_again),
		TEST(every_failure_is_survived),
		TEST(a_read_that_always_fails_does_not_spin),
		TEST(without_memory_the_connection_stays),
		TEST(a_standby_takes_over),
		TEST(another_server_gets_no_acknowledgements_of_the_old),
		TEST(another_installation_gets_no_acknowledgements_of_the_old),
		TEST(stopping_ends_a_wait_for_reconnecting),
		TEST(nothing_is_lost_in_a_storm),
	};

	return cmocka_run_group_tests_name("runner failures", tests, NULL, NULL);
}
