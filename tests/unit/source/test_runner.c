/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "runner_bench.h"

static void rows_reach_the_ring_and_leave_the_outbox(void **state)
{
	struct bench *b = *state;
	int64_t a = bench_insert(b, "1"), c;

	bench_start(b);
	assert_int_equal(bench_deliver(b, 0), a);
	c = bench_insert(b, "2");
	assert_int_equal(bench_deliver(b, 0), c);
	AWAIT(bench_rows(b) == 0);
	AWAIT(bench_stats(b).acked_total == 2);
	assert_int_equal(bench_stats(b).read_total, 2);
	assert_true(bench_stats(b).read_bytes > 0);
	assert_int_equal(bench_stats(b).state, RUNNER_ACTIVE);
	assert_int_equal(bench_stats(b).connects, 1);
	assert_string_equal(bench_stats(b).last_error, "");
	assert_string_equal(bench_stats(b).source.server, "fake");
	assert_int_equal(strlen(runner_install_id(b->runner, 0)), 36);
}

static void a_full_ring_is_not_read_into(void **state)
{
	struct bench *b = *state;
	int64_t ids[30];
	size_t i;

	for (i = 0; i < 30; i++)
		ids[i] = bench_insert(b, "same");
	bench_start(b);
	AWAIT(bench_events(b, 0) == CAPACITY);
	for (i = 0; i < 30; i++) {
		assert_true(bench_events(b, 0) <= CAPACITY);
		assert_int_equal(bench_deliver(b, 0), ids[i]);
	}
	AWAIT(bench_rows(b) == 0);
}

static void a_full_ring_does_not_hold_up_another_pipeline(void **state)
{
	struct bench *b = *state;
	int64_t id;
	size_t i;

	for (i = 0; i < 30; i++)
		(void)bench_insert(b, "1");
	bench_start(b);
	AWAIT(bench_events(b, 0) == CAPACITY);
	id = bench_insert_into(b, 1, "1", 10);
	assert_int_equal(bench_deliver(b, 1), id);
}

static void a_full_ring_costs_no_reads(void **state)
{
	struct bench *b = *state;
	size_t i;

	for (i = 0; i < 30; i++) {
		(void)bench_insert(b, "1");
		(void)bench_insert_into(b, 1, "1", 10);
	}
	bench_start(b);
	AWAIT(bench_events(b, 0) == CAPACITY && bench_events(b, 1) == CAPACITY);
	assert_in_range(bench_calls_per_s(b, FAKE_READ, 100 * CLOCK_US_PER_MS), 0, 40);
}

static void a_row_larger_than_the_ring_waits_until_it_is_empty(void **state)
{
	struct bench *b = *state;
	int64_t small = bench_insert(b, "1"), large = bench_insert_into(b, 0, "2", 50000),
		last = bench_insert(b, "3");
	struct event *ev;

	bench_start(b);
	ev = bench_take(b, 0);
	assert_int_equal(ev->f.id, small);
	AWAIT(bench_stats(b).read_total == 2);
	assert_int_equal(bench_events(b, 0), 1);
	bench_settle(b, 0, ev, ACK_DELIVERED);
	assert_int_equal(bench_deliver(b, 0), large);
	assert_int_equal(bench_deliver(b, 0), last);
	AWAIT(bench_rows(b) == 0);
}

static void a_dead_event_moves_with_its_reason(void **state)
{
	struct bench *b = *state;
	int64_t id = bench_insert(b, "1");

	bench_start(b);
	bench_settle(b, 0, bench_take(b, 0), ACK_DEAD);
	AWAIT(bench_stats(b).dead_total == 1);
	assert_int_equal(bench_rows(b), 0);
	assert_int_equal(fake_db_stats(b->db).last_dead_id, id);
	assert_int_equal(fake_db_stats(b->db).last_dead_attempts, 3);
	assert_string_equal(fake_db_stats(b->db).last_dead_reason, "refused");
}

static void acknowledgements_wait_for_company(void **state)
{
	struct bench *b = *state;
	size_t i;

	b->settings.ack_delay_us = 3600 * CLOCK_US_PER_S;
	for (i = 0; i < 4; i++)
		(void)bench_insert(b, "1");
	bench_start(b);
	for (i = 0; i < 4; i++)
		(void)bench_deliver(b, 0);
	bench_go_round(b);
	assert_int_equal(bench_stats(b).acks_pending, 4);
	assert_int_equal(bench_calls(b, FAKE_ACKNOWLEDGE), 0);
	(void)bench_insert(b, "1");
	(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 0);
	assert_int_equal(bench_calls(b, FAKE_ACKNOWLEDGE), 1);
}

static void acknowledgements_without_company_go_after_their_delay(void **state)
{
	struct bench *b = *state;

	b->settings.ack_delay_us = 5 * CLOCK_US_PER_MS;
	(void)bench_insert(b, "1");
	bench_start(b);
	(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 0);
}

static void a_full_batch_of_acknowledgements_does_not_wait(void **state)
{
	struct bench *b = *state;
	size_t i;

	b->settings.ack_delay_us = 3600 * CLOCK_US_PER_S;
	for (i = 0; i < 6; i++)
		(void)bench_insert(b, "1");
	bench_start(b);
	for (i = 0; i < 5; i++)
		(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 1);
	(void)bench_deliver(b, 0);
	bench_stop(b); /* which does not wait either */
	assert_int_equal(bench_rows(b), 0);
}

static void quiesced_it_reads_nothing_but_acknowledges(void **state)
{
	struct bench *b = *state;
	int64_t before;

	(void)bench_insert(b, "1");
	bench_start(b);
	AWAIT(bench_events(b, 0) == 1);
	runner_quiesce(b->runner);
	bench_go_round(b);
	before = bench_calls(b, FAKE_READ);
	(void)bench_insert(b, "2");
	(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 1);
	bench_go_round(b);
	assert_int_equal(bench_calls(b, FAKE_READ), before);
	assert_int_equal(bench_events(b, 0), 0);
}

static void a_burst_of_acknowledgements_goes_at_once(void **state)
{
	struct bench *b = *state;
	struct event *ev[12];
	char key[16];
	size_t i;

	for (i = 0; i < 12; i++) {
		(void)snprintf(key, sizeof(key), "%zu", i);
		(void)bench_insert_into(b, i % 2, key, 10);
	}
	bench_start(b);
	for (i = 0; i < 12; i++)
		ev[i] = bench_take(b, i % 2);
	/* more than a batch, before the runner can look */
	for (i = 0; i < 12; i++)
		bench_settle(b, i % 2, ev[i], ACK_DELIVERED);
	AWAIT(bench_rows(b) == 0);
}

static void a_quiesced_runner_with_a_full_ring_does_not_spin(void **state)
{
	struct bench *b = *state;
	int64_t until;
	size_t i;

	for (i = 0; i < 30; i++)
		(void)bench_insert(b, "1");
	bench_start(b);
	AWAIT(bench_events(b, 0) == CAPACITY);
	runner_quiesce(b->runner);
	/* longer than a full ring is left alone */
	until = bench_now_us() + 1200 * CLOCK_US_PER_MS;
	while (bench_now_us() < until)
		bench_moment();
	assert_in_range(bench_calls_per_s(b, FAKE_WAIT, 100 * CLOCK_US_PER_MS), 0, 40);
}

static void a_quiesced_runner_does_not_spin_when_there_is_room(void **state)
{
	struct bench *b = *state;

	bench_start(b);
	AWAIT(bench_stats(b).state == RUNNER_ACTIVE);
	runner_quiesce(b->runner);
	bench_go_round(b); /* and waits: not round and round */
}

static void what_cannot_be_inspected_is_delivered_nevertheless(void **state)
{
	struct bench *b = *state;
	int64_t id;

	fake_db_fail(b->db, FAKE_INSPECT, ERR_TIMEOUT, 1000000);
	bench_start(b);
	AWAIT(strstr(bench_stats(b).source.warning, "inspect was told to fail"));
	id = bench_insert(b, "1");
	assert_int_equal(bench_deliver(b, 0), id);
	AWAIT(bench_rows(b) == 0);
	assert_int_equal(bench_stats(b).connects, 1);
}

static void a_warning_reaches_the_stats(void **state)
{
	struct bench *b = *state;

	fake_db_set_warning(b->db, "a trigger is gone");
	bench_start(b);
	AWAIT(strcmp(bench_stats(b).source.warning, "a trigger is gone") == 0);
	assert_int_equal(bench_stats(b).source.connections, 1);
	fake_db_fail(b->db, FAKE_OPEN, ERR_UNAVAILABLE, 1000000);
	fake_db_kill(b->db);
	AWAIT(bench_stats(b).source.connections == 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

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
		TEST(acknowledgements_without_company_go_after_their_delay),
		TEST(a_full_batch_of_acknowledgements_does_not_wait),
		TEST(quiesced_it_reads_nothing_but_acknowledges),
		TEST(a_burst_of_acknowledgements_goes_at_once),
		TEST(a_quiesced_runner_with_a_full_ring_does_not_spin),
		TEST(a_quiesced_runner_does_not_spin_when_there_is_room),
		TEST(what_cannot_be_inspected_is_delivered_nevertheless),
		TEST(a_warning_reaches_the_stats),
		TEST(a_type_is_found_if_this_build_has_it),
		TEST(an_unknown_database_is_a_configuration_error),
		cmocka_unit_test(states_have_names),
	};

	return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
