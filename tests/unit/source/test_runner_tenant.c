/* SPDX-License-Identifier: MIT */
/* Tenants with the reader's thread at work: nothing waits for ever, and the polls cost nothing. */
#include "runner_bench.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "source/runner_tenant.h"

#define ROWS 60

static struct deferral *tenants;

/* A ring of 8: quotas of 2, half is 4. */
static int setup(void **state)
{
	const struct deferral_options o = {
		.tenants = {.capacity = CAPACITY, .max_bytes = 20000, .quota = 100, .max = 10},
		.column = "owner"};
	struct bench *b;

	assert_int_equal(bench_setup(state), 0);
	b = *state;
	assert_int_equal(deferral_new(&o, &tenants, NULL), ERR_OK);
	assert_int_equal(runner_bind_tenants(b->runner, 0, tenants, NULL), ERR_OK);
	return 0;
}

static int teardown(void **state)
{
	int failed = bench_teardown(state);

	deferral_free(tenants);
	return failed;
}

static int64_t insert(struct bench *b, const char *owner, int key)
{
	char data[64], key_text[32];
	struct event_fields f = {.op = OP_INSERT, .table = TEXT_LIT("t"), .changed_wall_us = 1};

	(void)snprintf(data, sizeof(data), "{\"id\":%d,\"owner\":\"%s\"}", key, owner);
	(void)snprintf(key_text, sizeof(key_text), "{\"id\":%d}", key);
	f.data = text_of(data);
	f.key = text_of(key_text);
	return fake_db_insert(b->db, "default", &f);
}

static struct deferral_stats stats(void)
{
	struct deferral_stats st;

	deferral_stats(tenants, &st);
	return st;
}

static void insert_many(struct bench *b, const char *owner, int from, int n)
{
	int i;

	for (i = 0; i < n; i++)
		(void)insert(b, owner, from + i);
}

static void others_are_reached_behind_a_noisy_one(void **state)
{
	struct bench *b = *state;
	struct event *ev;
	int i, place = 0;

	insert_many(b, "a", 0, ROWS);
	(void)insert(b, "b", 1000);
	bench_start(b);
	AWAIT(stats().left == ROWS - 4);
	AWAIT(bench_events(b, 0) == 5);
	for (i = 0; i < ROWS + 1; i++) {
		ev = bench_take(b, 0);
		if (strstr(ev->f.data.s, "\"b\""))
			place = i;
		bench_settle(b, 0, ev, ACK_DELIVERED);
	}
	assert_in_range(place, 0, 1);
	AWAIT(bench_rows(b) == 0);
	AWAIT(stats().deferred == 0);
}

static void while_all_is_full_nobody_reads(void **state)
{
	struct bench *b = *state;
	int64_t reads;
	int i;

	insert_many(b, "a", 0, ROWS);
	insert_many(b, "b", 1000, ROWS);
	bench_start(b);
	AWAIT(stats().deferred == 2);
	AWAIT(!bench_stats(b).last_error[0] && bench_calls(b, FAKE_WAIT) > 0);
	reads = bench_calls(b, FAKE_READ) + bench_calls(b, FAKE_REREAD);
	for (i = 0; i < 20; i++)
		bench_moment();
	assert_in_range(bench_calls(b, FAKE_READ) + bench_calls(b, FAKE_REREAD), reads, reads + 2);
	for (i = 0; i < 2 * ROWS; i++)
		(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 0);
	/* a quota of 2 has room for one at a time, and a read brings five */
	assert_in_range(fake_db_stats(b->db).reread, 2 * ROWS - 8, 2 * ROWS * 5);
}

static void a_lost_connection_loses_nothing(void **state)
{
	struct bench *b = *state;
	int i;

	insert_many(b, "a", 0, ROWS);
	insert_many(b, "b", 1000, 10);
	bench_start(b);
	for (i = 0; i < 20; i++)
		(void)bench_deliver(b, 0);
	fake_db_kill(b->db);
	fake_db_fail(b->db, FAKE_REREAD, ERR_UNAVAILABLE, 1);
	for (i = 20; i < ROWS + 10; i++)
		(void)bench_deliver(b, 0);
	AWAIT(bench_rows(b) == 0);
	AWAIT(stats().deferred == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(others_are_reached_behind_a_noisy_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(while_all_is_full_nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_connection_loses_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
