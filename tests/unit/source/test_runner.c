/* SPDX-License-Identifier: MIT */
/*
 * The runner between the fake source and real rings. The test plays the workers. What happens in
 * the runner's thread is waited for, with a deadline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/thread.h"
#include "source/fake.h"
#include "source/runner.h"

#define PATIENCE_US (10 * CLOCK_US_PER_S)
#define CAPACITY 8
#define TAKEN_MAX 64

static struct pipeline_settings pipelines[] = {{.name = (char[]){"default"}},
					       {.name = (char[]){"second"}}};

struct bench {
	struct fake_db *db;
	struct source_settings settings;
	struct runner *runner;
	struct ring *rings[2];
};

static void on_room(void *ctx)
{
	runner_wake(ctx);
}

static struct runner *make_runner(struct bench *b)
{
	struct runner_pipeline rp[2] = {{.settings = &pipelines[0]}, {.settings = &pipelines[1]}};
	struct runner_options o = {.settings = &b->settings,
				   .ops = &source_fake,
				   .pipelines = rp,
				   .pipeline_count = 2,
				   .clock = clock_system()};
	struct runner *r;
	struct err e;

	if (runner_new(&o, &r, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return r;
}

static struct ring *make_ring(struct runner *runner)
{
	struct ring_options o = {.capacity = CAPACITY,
				 .max_bytes = 20000,
				 .order = ORDERING_KEY,
				 .on_room = on_room,
				 .on_room_ctx = runner};
	struct ring *ring;

	assert_int_equal(ring_new(&o, &ring, NULL), ERR_OK);
	return ring;
}

static char name[] = "test";

static int setup(void **state)
{
	static struct bench b;
	size_t i;

	log_set_level(LOG_LEVEL_ERROR);
	memset(&b, 0, sizeof(b));
	b.settings = (struct source_settings){.name = name,
					      .type = SOURCE_FAKE,
					      .database = name,
					      .reconnect_max_delay_us = 20 * CLOCK_US_PER_MS,
					      .poll_interval_us = CLOCK_US_PER_S,
					      .batch_size = 5,
					      .ack_delay_us = CLOCK_US_PER_MS};
	assert_int_equal(fake_db_new(name, &b.db, NULL), ERR_OK);
	b.runner = make_runner(&b);
	for (i = 0; i < 2; i++) {
		b.rings[i] = make_ring(b.runner);
		runner_bind(b.runner, i, b.rings[i]);
	}
	*state = &b;
	return 0;
}

static void start(struct bench *b)
{
	assert_int_equal(runner_start(b->runner, NULL), ERR_OK);
}

/* May be called twice: a test that wants to look afterwards stops by itself. */
static void stop(struct bench *b)
{
	if (!b->runner)
		return;
	if (runner_stats(b->runner).progress_us)
		runner_stop(b->runner);
	runner_free(b->runner);
	b->runner = NULL;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	stop(b);
	ring_free(b->rings[0]);
	ring_free(b->rings[1]);
	fake_db_free(b->db);
	return 0;
}

/* ---- playing along ---- */

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static void moment(void)
{
	int64_t now = now_us();

	(void)fd_wait(-1, -1, now, now + CLOCK_US_PER_MS);
}

#define AWAIT(condition)                                                                           \
	do {                                                                                       \
		int64_t deadline_ = now_us() + PATIENCE_US;                                        \
		while (!(condition)) {                                                             \
			if (now_us() > deadline_)                                                  \
				fail_msg("waited in vain for: %s", #condition);                    \
			moment();                                                                  \
		}                                                                                  \
	} while (0)

static int64_t insert_into(struct bench *b, size_t p, const char *key, int bytes)
{
	char *data = malloc((size_t)bytes);
	struct event_fields f = {.op = OP_INSERT,
				 .schema = TEXT_LIT("public"),
				 .table = TEXT_LIT("items"),
				 .key = text_of(key),
				 .data = {data, (size_t)bytes}};
	int64_t id;

	memset(data, 'x', (size_t)bytes);
	id = fake_db_insert(b->db, pipelines[p].name, &f);
	free(data);
	return id;
}

static int64_t insert(struct bench *b, const char *key)
{
	return insert_into(b, 0, key, 10);
}

static size_t rows(struct bench *b)
{
	return fake_db_stats(b->db).rows;
}

static int64_t calls(struct bench *b, enum fake_call call)
{
	return fake_db_stats(b->db).calls[call];
}

static size_t events_in(struct bench *b, size_t p)
{
	return ring_stats(b->rings[p]).events;
}

static struct event *take(struct bench *b, size_t p)
{
	struct event *ev = NULL;

	AWAIT(ring_take(b->rings[p], now_us(), &ev, 1) == 1);
	return ev;
}

static void settle(struct bench *b, size_t p, struct event *ev, enum ack_outcome outcome)
{
	struct ack a = {.id = ev->f.id, .pipeline = (uint32_t)p, .outcome = outcome};

	if (outcome == ACK_DEAD) {
		a.attempts = 3;
		a.reason = mem_strdup("refused");
	}
	ring_settle(b->rings[p], ev, outcome == ACK_DEAD ? EVENT_DEAD : EVENT_DELIVERED);
	event_free(ev);
	acks_push(runner_acks(b->runner), &a);
}

static int64_t deliver(struct bench *b, size_t p)
{
	struct event *ev = take(b, p);
	int64_t id = ev->f.id;

	settle(b, p, ev, ACK_DELIVERED);
	return id;
}

static struct runner_stats stats(struct bench *b)
{
	return runner_stats(b->runner);
}

/* ---- tests ---- */

static void rows_reach_the_ring_and_leave_the_outbox(void **state)
{
	struct bench *b = *state;
	int64_t a = insert(b, "1"), c;

	start(b);
	assert_int_equal(deliver(b, 0), a);
	c = insert(b, "2");
	assert_int_equal(deliver(b, 0), c);
	AWAIT(rows(b) == 0);
	AWAIT(stats(b).acked_total == 2);
	assert_int_equal(stats(b).read_total, 2);
	assert_true(stats(b).read_bytes > 0);
	assert_int_equal(stats(b).state, RUNNER_ACTIVE);
	assert_int_equal(stats(b).connects, 1);
	assert_string_equal(stats(b).last_error, "");
	assert_string_equal(stats(b).source.server, "fake");
	assert_int_equal(strlen(runner_install_id(b->runner, 0)), 36);
}

static void a_full_ring_is_not_read_into(void **state)
{
	struct bench *b = *state;
	int64_t ids[30];
	size_t i;

	for (i = 0; i < 30; i++)
		ids[i] = insert(b, "same");
	start(b);
	AWAIT(events_in(b, 0) == CAPACITY);
	for (i = 0; i < 30; i++) {
		assert_true(events_in(b, 0) <= CAPACITY);
		assert_int_equal(deliver(b, 0), ids[i]);
	}
	AWAIT(rows(b) == 0);
}

static void a_full_ring_does_not_hold_up_another_pipeline(void **state)
{
	struct bench *b = *state;
	int64_t id;
	size_t i;

	for (i = 0; i < 30; i++)
		(void)insert(b, "1");
	start(b);
	AWAIT(events_in(b, 0) == CAPACITY);
	id = insert_into(b, 1, "1", 10);
	assert_int_equal(deliver(b, 1), id);
}

static void a_full_ring_costs_no_reads(void **state)
{
	struct bench *b = *state;
	int64_t before, until;
	size_t i;

	for (i = 0; i < 30; i++) {
		(void)insert(b, "1");
		(void)insert_into(b, 1, "1", 10);
	}
	start(b);
	AWAIT(events_in(b, 0) == CAPACITY && events_in(b, 1) == CAPACITY);
	before = calls(b, FAKE_READ);
	until = now_us() + 100 * CLOCK_US_PER_MS;
	while (now_us() < until)
		moment();
	assert_in_range(calls(b, FAKE_READ) - before, 0, 3);
}

static void a_row_larger_than_the_ring_waits_until_it_is_empty(void **state)
{
	struct bench *b = *state;
	int64_t small = insert(b, "1"), large = insert_into(b, 0, "2", 50000),
		last = insert(b, "3");
	struct event *ev;

	start(b);
	ev = take(b, 0);
	assert_int_equal(ev->f.id, small);
	AWAIT(stats(b).read_total == 2);
	assert_int_equal(events_in(b, 0), 1);
	settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(deliver(b, 0), large);
	assert_int_equal(deliver(b, 0), last);
	AWAIT(rows(b) == 0);
}

static void a_dead_event_moves_with_its_reason(void **state)
{
	struct bench *b = *state;
	int64_t id = insert(b, "1");

	start(b);
	settle(b, 0, take(b, 0), ACK_DEAD);
	AWAIT(stats(b).dead_total == 1);
	assert_int_equal(rows(b), 0);
	assert_int_equal(fake_db_stats(b->db).last_dead_id, id);
	assert_int_equal(fake_db_stats(b->db).last_dead_attempts, 3);
	assert_string_equal(fake_db_stats(b->db).last_dead_reason, "refused");
}

static void acknowledgements_wait_for_company(void **state)
{
	struct bench *b = *state;
	size_t i;

	b->settings.ack_delay_us = 50 * CLOCK_US_PER_MS;
	for (i = 0; i < 4; i++)
		(void)insert(b, "1");
	start(b);
	for (i = 0; i < 4; i++)
		(void)deliver(b, 0);
	assert_in_range(stats(b).acks_pending, 1, 4);
	AWAIT(rows(b) == 0);
	assert_in_range(calls(b, FAKE_ACKNOWLEDGE), 1, 2);
}

static void a_full_batch_of_acknowledgements_does_not_wait(void **state)
{
	struct bench *b = *state;
	size_t i;

	b->settings.ack_delay_us = 3600 * CLOCK_US_PER_S;
	for (i = 0; i < 6; i++)
		(void)insert(b, "1");
	start(b);
	for (i = 0; i < 5; i++)
		(void)deliver(b, 0);
	AWAIT(rows(b) == 1);
	(void)deliver(b, 0);
	stop(b); /* which does not wait either */
	assert_int_equal(rows(b), 0);
}

static void a_lost_connection_drops_what_is_queued_at_once(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t a = insert(b, "1"), c = insert(b, "1");

	start(b);
	ev = take(b, 0);
	assert_int_equal(ev->f.id, a);
	AWAIT(events_in(b, 0) == 2);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(events_in(b, 0) == 1);
	AWAIT(stats(b).state == RUNNER_CONNECTING && stats(b).last_error[0]);
	/* what is given back meanwhile goes, too */
	ring_retry(b->rings[0], ev, 0);
	AWAIT(events_in(b, 0) == 0);
	fake_db_fail(b->db, FAKE_OPEN, ERR_OK, 0);
	assert_int_equal(deliver(b, 0), a);
	assert_int_equal(deliver(b, 0), c);
	AWAIT(rows(b) == 0);
	AWAIT(stats(b).last_error[0] == '\0');
}

static void what_is_in_flight_is_not_delivered_again(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t a = insert(b, "1"), c = insert(b, "1");

	start(b);
	ev = take(b, 0);
	assert_int_equal(ev->f.id, a);
	fake_db_kill(b->db);
	AWAIT(stats(b).connects == 2);
	assert_int_equal(fake_db_stats(b->db).held, 1);
	AWAIT(events_in(b, 0) == 2); /* in flight, and the other */
	settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(deliver(b, 0), c);
	AWAIT(rows(b) == 0);
}

static void what_settles_while_disconnected_is_acknowledged_first(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t c;

	(void)insert(b, "1");
	start(b);
	ev = take(b, 0);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(stats(b).state == RUNNER_CONNECTING);
	settle(b, 0, ev, ACK_DELIVERED);
	c = insert(b, "1");
	fake_db_fail(b->db, FAKE_OPEN, ERR_OK, 0);
	assert_int_equal(deliver(b, 0), c);
	AWAIT(rows(b) == 0);
	assert_int_equal(stats(b).read_total, 2);
}

static void a_failed_acknowledgement_is_given_again(void **state)
{
	struct bench *b = *state;

	(void)insert(b, "1");
	fake_db_fail(b->db, FAKE_ACKNOWLEDGE, ERR_UNAVAILABLE, 3);
	start(b);
	settle(b, 0, take(b, 0), ACK_DEAD);
	AWAIT(rows(b) == 0);
	assert_int_equal(fake_db_stats(b->db).dead_letters, 1);
	assert_true(stats(b).failures >= 3);
	assert_int_equal(stats(b).acked_total, 1);
	assert_int_equal(stats(b).read_total, 1);
}

static void every_failure_is_survived(void **state)
{
	static const enum err_code codes[] = {ERR_UNAVAILABLE, ERR_DB,    ERR_DENIED, ERR_TIMEOUT,
					      ERR_NOT_FOUND,   ERR_NOMEM, ERR_BUSY};
	struct bench *b = *state;
	size_t i, call;
	int64_t id;

	start(b);
	for (call = 0; call < FAKE_CALL_COUNT; call++) {
		for (i = 0; i < ARRAY_LEN(codes); i++) {
			/* for a standby's second is long in a test */
			if (call == FAKE_OPEN && codes[i] == ERR_BUSY)
				continue;
			fake_db_fail(b->db, (enum fake_call)call, codes[i], 1);
			if (call == FAKE_OPEN || call == FAKE_HOLD || call == FAKE_INSPECT)
				fake_db_kill(b->db);
			id = insert(b, "1");
			assert_int_equal(deliver(b, 0), id);
			AWAIT(rows(b) == 0);
		}
	}
	AWAIT(stats(b).last_error[0] == '\0');
}

static void a_read_that_always_fails_does_not_spin(void **state)
{
	struct bench *b = *state;
	int64_t until;

	b->settings.reconnect_max_delay_us = 50 * CLOCK_US_PER_MS;
	fake_db_fail(b->db, FAKE_READ, ERR_DB, 1000000);
	start(b);
	AWAIT(stats(b).failures >= 2);
	until = now_us() + 300 * CLOCK_US_PER_MS;
	while (now_us() < until)
		moment();
	assert_in_range(calls(b, FAKE_READ), 4, 25);
	assert_non_null(strstr(stats(b).last_error, "cannot read pipeline default"));
	assert_int_equal(stats(b).state, RUNNER_CONNECTING);
}

static void without_memory_the_connection_stays(void **state)
{
	struct bench *b = *state;
	int64_t id = insert(b, "1");

	fake_db_fail(b->db, FAKE_READ, ERR_NOMEM, 1);
	start(b);
	assert_int_equal(deliver(b, 0), id);
	assert_int_equal(stats(b).connects, 1);
	assert_int_equal(stats(b).failures, 1);
}

static void a_standby_takes_over(void **state)
{
	struct bench *b = *state;
	struct runner *other = make_runner(b);
	struct ring *rings[2] = {make_ring(other), make_ring(other)};
	struct event *ev;
	int64_t id = insert(b, "1");

	start(b);
	AWAIT(stats(b).state == RUNNER_ACTIVE);
	runner_bind(other, 0, rings[0]);
	runner_bind(other, 1, rings[1]);
	assert_int_equal(runner_start(other, NULL), ERR_OK);
	AWAIT(runner_stats(other).state == RUNNER_STANDBY);
	assert_int_equal(ring_stats(rings[0]).events, 0);
	stop(b);
	AWAIT(ring_take(rings[0], now_us(), &ev, 1) == 1);
	assert_int_equal(ev->f.id, id);
	ring_release(rings[0], ev);
	runner_stop(other);
	runner_free(other);
	ring_free(rings[0]);
	ring_free(rings[1]);
}

static void expect_delivered_again(struct bench *b, struct event *ev, int64_t id)
{
	int64_t until = now_us() + 60 * CLOCK_US_PER_MS;

	AWAIT(calls(b, FAKE_OPEN) == 2);
	while (now_us() < until)
		moment();
	/* the old one is still in flight: nothing is read */
	assert_int_equal(events_in(b, 0), 1);
	assert_int_equal(rows(b), 1);
	settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(deliver(b, 0), id);
	AWAIT(rows(b) == 0);
	assert_int_equal(stats(b).acked_total, 1);
}

static void another_server_gets_no_acknowledgements_of_the_old(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int64_t id = insert(b, "1");

	log_set_level(LOG_LEVEL_ERROR);
	start(b);
	ev = take(b, 0);
	fake_db_set_identity(b->db, "promoted");
	expect_delivered_again(b, ev, id);
}

static void another_installation_gets_no_acknowledgements_of_the_old(void **state)
{
	static const char fresh[] = "00000000-0000-4000-8000-000000000002";
	struct bench *b = *state;
	struct event *ev;
	int64_t id = insert(b, "1");

	start(b);
	ev = take(b, 0);
	fake_db_set_install_id(b->db, fresh);
	assert_string_not_equal(runner_install_id(b->runner, 0), fresh);
	fake_db_kill(b->db);
	expect_delivered_again(b, ev, id);
	assert_string_equal(runner_install_id(b->runner, 0), fresh);
}

static void quiesced_it_reads_nothing_but_acknowledges(void **state)
{
	struct bench *b = *state;
	int64_t before, until;

	(void)insert(b, "1");
	start(b);
	AWAIT(events_in(b, 0) == 1);
	runner_quiesce(b->runner);
	until = now_us() + 20 * CLOCK_US_PER_MS;
	while (now_us() < until)
		moment();
	before = calls(b, FAKE_READ);
	(void)insert(b, "2");
	(void)deliver(b, 0);
	AWAIT(rows(b) == 1);
	until = now_us() + 20 * CLOCK_US_PER_MS;
	while (now_us() < until)
		moment();
	assert_int_equal(calls(b, FAKE_READ), before);
	assert_int_equal(events_in(b, 0), 0);
}

static void stopping_ends_a_wait_for_reconnecting(void **state)
{
	struct bench *b = *state;
	int64_t begin;

	b->settings.reconnect_max_delay_us = 3600 * CLOCK_US_PER_S;
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	start(b);
	AWAIT(stats(b).failures >= 3);
	begin = now_us();
	runner_stop(b->runner);
	assert_true(now_us() - begin < CLOCK_US_PER_S);
	assert_int_equal(stats(b).state, RUNNER_STOPPED);
	runner_free(b->runner);
	b->runner = NULL;
}

static void a_warning_reaches_the_stats(void **state)
{
	struct bench *b = *state;

	fake_db_set_warning(b->db, "a trigger is gone");
	start(b);
	AWAIT(strcmp(stats(b).source.warning, "a trigger is gone") == 0);
	assert_int_equal(stats(b).source.connections, 1);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(stats(b).source.connections == 0);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(runner_state_name(RUNNER_STOPPED), "stopped");
	assert_string_equal(runner_state_name(RUNNER_CONNECTING), "connecting");
	assert_string_equal(runner_state_name(RUNNER_STANDBY), "standby");
	assert_string_equal(runner_state_name(RUNNER_ACTIVE), "active");
	assert_string_equal(runner_state_name((enum runner_state)99), "unknown");
}

static void a_type_is_found_if_this_build_has_it(void **state)
{
	(void)state;
	assert_ptr_equal(source_find(SOURCE_FAKE), &source_fake);
	assert_ptr_equal(source_find(SOURCE_POSTGRES), &source_postgres);
	assert_null(source_find((enum source_type)99));
}

static void an_unknown_database_is_a_configuration_error(void **state)
{
	struct bench *b = *state;
	struct runner_options o = {
		.settings = &b->settings, .ops = &source_fake, .clock = clock_system()};
	static char nothing[] = "nothing";
	struct runner *r;

	b->settings.database = nothing;
	assert_int_equal(runner_new(&o, &r, NULL), ERR_CONFIG);
	runner_free(NULL);
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
		if (!ring_take(s->b->rings[p], now_us(), &ev, 1)) {
			moment();
			continue;
		}
		switch (random_below(&s->random, 6)) {
		case 0:
			ring_retry(s->b->rings[p], ev, now_us() + 500);
			break;
		case 1:
			ring_release(s->b->rings[p], ev);
			break;
		case 2:
			settle(s->b, p, ev, ACK_DEAD);
			break;
		default:
			settle(s->b, p, ev, ACK_DELIVERED);
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
	start(b);
	for (i = 0; i < STORM_WORKERS; i++) {
		storm[i] = (struct storm){.b = b, .stop = &stopping};
		random_init_seed(&storm[i].random, i + 10);
		assert_int_equal(thread_start(&storm[i].thread, "storm", 0, work, &storm[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < STORM_ROWS; i++) {
		(void)snprintf(key, sizeof(key), "%d", (int)random_below(&random, 20));
		(void)insert_into(b, i % 2, key, 10 + (int)random_below(&random, 100));
		if (random_below(&random, 60) == 0)
			fake_db_kill(b->db);
		if (random_below(&random, 60) == 0)
			fake_db_fail(b->db, (enum fake_call)random_below(&random, FAKE_CALL_COUNT),
				     random_below(&random, 2) ? ERR_DB : ERR_NOMEM, 1);
		if (random_below(&random, 10) == 0)
			moment();
	}
	AWAIT(rows(b) == 0);
	atomic_store(&stopping, true);
	for (i = 0; i < STORM_WORKERS; i++)
		thread_join(&storm[i].thread);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_reach_the_ring_and_leave_the_outbox),
		TEST(a_full_ring_is_not_read_into),
		TEST(a_full_ring_does_not_hold_up_another_pipeline),
		TEST(a_full_ring_costs_no_reads),
		TEST(a_row_larger_than_the_ring_waits_until_it_is_empty),
		TEST(a_dead_event_moves_with_its_reason),
		TEST(acknowledgements_wait_for_company),
		TEST(a_full_batch_of_acknowledgements_does_not_wait),
		TEST(a_lost_connection_drops_what_is_queued_at_once),
		TEST(what_is_in_flight_is_not_delivered_again),
		TEST(what_settles_while_disconnected_is_acknowledged_first),
		TEST(a_failed_acknowledgement_is_given_again),
		TEST(every_failure_is_survived),
		TEST(a_read_that_always_fails_does_not_spin),
		TEST(without_memory_the_connection_stays),
		TEST(a_standby_takes_over),
		TEST(another_server_gets_no_acknowledgements_of_the_old),
		TEST(another_installation_gets_no_acknowledgements_of_the_old),
		TEST(quiesced_it_reads_nothing_but_acknowledges),
		TEST(stopping_ends_a_wait_for_reconnecting),
		TEST(a_warning_reaches_the_stats),
		TEST(a_type_is_found_if_this_build_has_it),
		TEST(an_unknown_database_is_a_configuration_error),
		TEST(nothing_is_lost_in_a_storm),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
