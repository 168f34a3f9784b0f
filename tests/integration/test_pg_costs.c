/* SPDX-License-Identifier: MIT */
/* What a statement of the PostgreSQL reader costs, beside what it would if it looked at every row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgreader.h"

static int setup(void **state)
{
	static struct pgtest pg;

	pgtest_open(&pg);
	*state = &pg;
	return 0;
}

static int teardown(void **state)
{
	pgtest_close(*state);
	return 0;
}

/* What looking at every row costs at this moment on this machine: the least of a few times. */
static int64_t scan_cost(const struct pgtest *pg, const char *sql)
{
	int64_t start, cost = INT64_MAX;
	int i;

	pgtest_exec(pg->conn, "SET max_parallel_workers_per_gather = 0");
	for (i = 0; i < 5; i++) {
		start = pgreader_now_us();
		(void)pgtest_i64(pg->conn, "%s", sql);
		if (pgreader_now_us() - start < cost)
			cost = pgreader_now_us() - start;
	}
	return cost;
}

static void a_gap_read_costs_no_more_with_many_dead_rows(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	PGconn *old = pgtest_connect(pg, NULL), *writer = pgtest_connect(pg, NULL);
	int64_t start, cost, scan;
	int woken, i;

	/* a snapshot that keeps dead rows, and an open writer below them all */
	pgtest_exec(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM items");
	pgtest_exec(writer, "BEGIN");
	(void)pgtest_put(writer, "default", "1", 10);
	pgtest_exec(pg->conn, "SELECT app_db_listener.put('default', '1', 10) FROM "
			      "generate_series(1, 100000)");
	pgtest_exec(pg->conn, "DELETE FROM app_db_listener.outbox");
	(void)pgtest_put(pg->conn, "default", "1", 10);
	pgreader_open(&r, pg);
	assert_int_equal(pgreader_read(&r), 1);
	for (i = 0; i < 5; i++) {
		assert_int_equal(pgreader_read(&r), 0);
		(void)source_postgres.wait(r.s, true, r.wake_fd, pgreader_now_us() + 1000, &woken,
					   NULL);
	}
	assert_true(pgreader_inspect(&r).gaps > 0);
	for (i = 0, cost = INT64_MAX; i < 10; i++) {
		start = pgreader_now_us();
		assert_int_equal(pgreader_read(&r), 0);
		if (pgreader_now_us() - start < cost)
			cost = pgreader_now_us() - start;
	}
	scan = scan_cost(pg, "SELECT count(*) FROM app_db_listener.outbox WHERE id < 100000");
	print_message(
		"a read beside 100,000 dead rows in a gap: %lld us, looking at them: %lld us\n",
		(long long)cost, (long long)scan);
	assert_true(cost < scan / 2);
	pgtest_exec(writer, "COMMIT");
	assert_int_equal(pgreader_read(&r), 1);
	PQfinish(writer);
	PQfinish(old);
	pgreader_close(&r);
}

static void acknowledging_costs_no_more_with_a_backlog(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	int64_t start, cost = INT64_MAX, scan;
	int i;

	pgreader_open(&r, pg); /* its statements are planned while the outbox is empty */
	for (i = 0; i < 10; i++) {
		(void)pgtest_put(pg->conn, "default", "1", 10);
		assert_int_equal(pgreader_read(&r), 1);
		r.acks[0] = (struct ack){.id = r.events[0]->f.id};
		assert_int_equal(source_postgres.acknowledge(r.s, r.acks, 1, NULL), ERR_OK);
	}
	pgtest_exec(pg->conn, "SELECT app_db_listener.put('default', '1', 10) FROM "
			      "generate_series(1, 100000)");
	assert_true(pgreader_read(&r) > 20);
	for (i = 0; i < 20; i++) {
		r.acks[0] = (struct ack){.id = r.events[i]->f.id,
					 .outcome = i % 2 ? ACK_DEAD : ACK_DELIVERED};
		start = pgreader_now_us();
		assert_int_equal(source_postgres.acknowledge(r.s, r.acks, 1, NULL), ERR_OK);
		if (pgreader_now_us() - start < cost)
			cost = pgreader_now_us() - start;
	}
	scan = scan_cost(pg, "SELECT count(*) FROM app_db_listener.outbox WHERE bytes <> 7");
	print_message("acknowledging one of 100,000: %lld us, looking at all: %lld us\n",
		      (long long)cost, (long long)scan);
	assert_true(cost < scan / 2);
	pgreader_close(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_gap_read_costs_no_more_with_many_dead_rows),
		TEST(acknowledging_costs_no_more_with_a_backlog),
	};

	return cmocka_run_group_tests_name("postgres costs", tests, NULL, NULL);
}
