/* SPDX-License-Identifier: MIT */
/* The PostgreSQL reader: gaps, sleeping, drift, crashes. */
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
#include "base/thread.h"
#include "pgreader.h"
#include "source/pg_source.h"

#define PATIENCE_US (60 * CLOCK_US_PER_S)

static struct pipeline_settings pipeline = {.name = (char[]){"default"}};

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

static void a_row_below_closed_gaps_is_found_by_inspecting(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;

	pgtest_exec(pg->conn, "SELECT setval('app_db_listener.outbox_id_seq', 10)");
	(void)pgtest_put(pg->conn, "default", "1", 10);
	pgreader_open(&r, pg);
	assert_int_equal(pgreader_read(&r), 1);
	/* nobody holds the outbox: the first looks, the second closes */
	assert_int_equal(pgreader_read(&r), 0);
	assert_int_equal(pgreader_read(&r), 0);
	assert_int_equal(pgreader_inspect(&r).gaps, 0);
	pgtest_exec(pg->conn, "SELECT setval('app_db_listener.outbox_id_seq', 1)");
	assert_int_equal(pgtest_put(pg->conn, "default", "2", 10), 2);
	assert_int_equal(pgreader_read(&r), 0);
	(void)pgreader_inspect(&r);
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.id, 2);
	assert_true(r.more);
	(void)pgreader_inspect(&r);
	assert_int_equal(pgreader_read(&r), 0);
	pgreader_close(&r);
}

static void read_nothing_for_a_while(struct pgreader *r)
{
	int64_t until = pgreader_now_us() + 200 * CLOCK_US_PER_MS;

	while (pgreader_now_us() < until) {
		assert_int_equal(pgreader_read(r), 0);
		pgreader_wait(r, until);
	}
}

static void a_prepared_transaction_is_waited_for(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	PGconn *writer;
	int64_t late, deadline;

	pgtest_exec(pg->conn, "ALTER SYSTEM SET max_prepared_transactions = 4");
	pgtest_ctl("restart -m fast");
	PQreset(pg->conn);
	writer = pgtest_connect(pg, NULL);
	pgtest_exec(writer, "BEGIN");
	late = pgtest_put(writer, "default", "1", 10);
	(void)pgtest_put(pg->conn, "default", "2", 10);
	pgreader_open(&r, pg);
	assert_false(pgreader_inspect(&r).notify);
	assert_int_equal(pgreader_read(&r), 1);
	read_nothing_for_a_while(&r);
	pgtest_exec(writer, "PREPARE TRANSACTION 'late'");
	read_nothing_for_a_while(&r);
	assert_true(pgreader_inspect(&r).gaps > 0);
	pgtest_exec(writer, "COMMIT PREPARED 'late'");
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.id, late);
	deadline = pgreader_now_us() + PATIENCE_US;
	do {
		assert_true(pgreader_now_us() < deadline);
		read_nothing_for_a_while(&r);
	} while (pgreader_inspect(&r).gaps);
	PQfinish(writer);
	pgreader_close(&r);
	pgtest_exec(pg->conn, "ALTER SYSTEM RESET max_prepared_transactions");
	pgtest_ctl("restart -m fast");
	PQreset(pg->conn);
}

static int64_t holds_wake_lock(const struct pgtest *pg)
{
	return pgtest_i64(pg->conn,
			  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = "
			  "%d AND objid = %d AND mode = 'ExclusiveLock' AND granted",
			  PG_LOCK_CLASS, PG_LOCK_WAKE);
}

static void an_idle_reader_sleeps_on_the_lock_and_a_full_one_does_not(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	int64_t deadline = pgreader_now_us() + PATIENCE_US;
	int woken;

	pgreader_open(&r, pg);
	do {
		assert_true(pgreader_now_us() < deadline);
		assert_int_equal(pgreader_read(&r), 0);
		pgreader_wait(&r, pgreader_now_us() + 10000);
	} while (!holds_wake_lock(pg));
	assert_int_equal(
		source_postgres.wait(r.s, false, r.wake_fd, pgreader_now_us() + 1000, &woken, NULL),
		ERR_OK);
	assert_int_equal(holds_wake_lock(pg), 0);
	pgreader_close(&r);
}

static void a_writer_that_skipped_its_notification_keeps_the_reader_polling(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	PGconn *writer = pgtest_connect(pg, NULL);
	int64_t start, until, id;
	int reads;

	pg->settings.poll_interval_us = 2 * PATIENCE_US; /* not that */
	pgreader_open(&r, pg);
	pgtest_exec(writer, "BEGIN");
	id = pgtest_put(writer, "default", "1", 10);
	start = pgreader_now_us();
	for (reads = 0; reads < 24; reads++) {
		assert_int_equal(pgreader_read(&r), 0);
		until = pgreader_now_us() + PATIENCE_US;
		pgreader_wait(&r, until);
		assert_true(pgreader_now_us() < until);
	}
	assert_int_equal(holds_wake_lock(pg), 0);
	/* more and more seldom, each time a quarter of what it has been */
	assert_true(pgreader_now_us() - start >= 100 * CLOCK_US_PER_MS);
	pgtest_exec(writer, "COMMIT");
	until = pgreader_now_us() + PATIENCE_US;
	while (!pgreader_read(&r)) {
		assert_true(pgreader_now_us() < until);
		pgreader_wait(&r, until);
	}
	assert_int_equal(r.events[0]->f.id, id);
	PQfinish(writer);
	pgreader_close(&r);
}

static void a_reason_that_the_database_cannot_spell_is_no_obstacle(void **state)
{
	static struct pgtest latin;
	static struct pgreader r;
	char reason[] = "HTTP 400: \xe2\x82\xac \xc3\xa9"; /* a euro sign, which LATIN1 has not */
	struct ack ack = {.outcome = ACK_DEAD, .attempts = 1, .last_status = 400, .reason = reason};
	struct err e = {.code = ERR_OK};

	(void)state;
	pgtest_open_encoded(&latin, "LATIN1");
	ack.id = pgtest_put(latin.conn, "default", "1", 10);
	pgreader_open(&r, &latin);
	assert_int_equal(pgreader_read(&r), 1);
	if (source_postgres.acknowledge(r.s, &ack, 1, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_int_equal(pgtest_i64(latin.conn, "SELECT count(*) FROM app_db_listener.dead_letter "
						"WHERE last_error LIKE 'HTTP 400: %%'"),
			 1);
	pgreader_close(&r);
	pgtest_close(&latin);
}

/* Rows that fill the limit to the last byte hide what is behind them no better than others. */
static void rows_that_just_fill_the_limit_do_not_close_a_gap(void **state)
{
	struct pgtest *pg = *state;
	/* a key of one byte and data of 10: see ROW in postgres.c, and put() in pgtest.c */
	struct source_limit limit = {.events = PGREADER_BATCH};
	PGconn *late = pgtest_connect(pg, NULL);
	static struct pgreader r;
	size_t total = 0;
	int i;

	limit.bytes = 3 * (10 + batch_overhead(64));
	pgtest_exec(late, "BEGIN");
	for (i = 0; i < 9; i++)
		(void)pgtest_put(late, "default", "1", 10);
	(void)pgtest_put(pg->conn, "default", "1", 10);
	pgreader_open(&r, pg);
	assert_int_equal(pgreader_read(&r), 1);
	(void)pgreader_read(&r);
	pgtest_exec(late, "COMMIT");
	for (i = 0; i < 9; i++) {
		struct event *out[PGREADER_BATCH];
		int64_t now = pgreader_now_us();
		bool more;
		size_t n;

		/* until it looks at the holders again */
		(void)fd_wait(-1, -1, now, now + 60 * CLOCK_US_PER_MS);

		assert_int_equal(source_postgres.read(r.s, 0, limit, out, &n, &more, NULL), ERR_OK);
		for (total += n; n > 0; n--)
			event_free(out[n - 1]);
	}
	assert_int_equal(total, 9);
	PQfinish(late);
	pgreader_close(&r);
}

static void another_installation_is_noticed(void **state)
{
	struct pgtest *pg = *state;
	struct err e = {.code = ERR_OK};
	struct source_status st;
	static struct pgreader r;

	pgreader_open(&r, pg);
	(void)pgreader_inspect(&r);
	pgtest_exec(pg->conn, "UPDATE app_db_listener.install SET install_id = gen_random_uuid()");
	assert_int_equal(source_postgres.inspect(r.s, &st, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "installed anew"));
	pgreader_close(&r);
}

static void drift_is_told(void **state)
{
	static const struct {
		const char *sql;
		const char *words;
	} cases[] = {
		{"ALTER TABLE items DISABLE TRIGGER app_db_listener_row", "has disabled triggers"},
		{"ALTER TABLE items ENABLE REPLICA TRIGGER app_db_listener_row",
		 "has disabled triggers"},
		{"ALTER TABLE items ENABLE ALWAYS TRIGGER app_db_listener_row", ""},
		{"DROP TRIGGER app_db_listener_row ON items", "has lost its triggers"},
		{"ALTER TABLE items RENAME TO things", "table public.items is gone or renamed"},
		{"INSERT INTO app_db_listener.captured SELECT 'default', 'public', 't' || i, '' "
		 "FROM "
		 "generate_series(1, 6) AS i; CREATE TABLE t1 ()",
		 "tables public.items is gone or renamed, public.t1 has lost its triggers, "
		 "public.t2 is gone or renamed and 4 more"},
		{"DELETE FROM app_db_listener.captured", ""},
		{"ALTER SEQUENCE app_db_listener.outbox_id_seq OWNED BY NONE; "
		 "ALTER SEQUENCE app_db_listener.outbox_id_seq RENAME TO gone",
		 "sequence outbox_id_seq is gone"},
	};
	struct pgtest *pg = *state;
	static struct pgreader r;
	size_t i;

	pgreader_open(&r, pg);
	assert_string_equal(pgreader_inspect(&r).warning, "");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		pgtest_exec(pg->conn, "%s", cases[i].sql);
		if (!*cases[i].words)
			assert_string_equal(pgreader_inspect(&r).warning, "");
		else if (!strstr(pgreader_inspect(&r).warning, cases[i].words))
			fail_msg("%s: %s", cases[i].sql, pgreader_inspect(&r).warning);
	}
	pgreader_close(&r);
}

static void opening_without_an_installation_says_what_to_do(void **state)
{
	static const char *const breakage[] = {
		"UPDATE app_db_listener.install SET version = 2",
		"DELETE FROM app_db_listener.install",
		"DROP TABLE app_db_listener.install",
		"DROP SCHEMA app_db_listener CASCADE",
	};
	struct pgtest *pg = *state;
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &pg->settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	struct err e;
	size_t i;

	assert_int_equal(source_postgres.new(&env, &s, NULL), ERR_OK);
	for (i = 0; i < ARRAY_LEN(breakage); i++) {
		pgtest_exec(pg->conn, "SET client_min_messages = error; %s", breakage[i]);
		assert_int_equal(source_postgres.open(s, &e), i ? ERR_NOT_FOUND : ERR_DB);
		assert_non_null(strstr(e.msg, "app-db-listener install"));
	}
	source_postgres.free(s);
}

static void a_crash_of_the_server_changes_the_identity(void **state)
{
	struct pgtest *pg = *state;
	static struct pgreader r;
	char first[128], second[128];
	struct err e;

	pgreader_open(&r, pg);
	(void)snprintf(first, sizeof(first), "%s", source_postgres.identity(r.s));
	source_postgres.close(r.s);
	pgtest_ctl("restart -m fast");
	assert_int_equal(source_postgres.open(r.s, &e), ERR_OK);
	assert_string_equal(source_postgres.identity(r.s), first);
	pgtest_ctl("stop -m immediate");
	{
		struct source_limit limit = {.events = PGREADER_BATCH, .bytes = 1 << 20};

		assert_int_equal(
			source_postgres.read(r.s, 0, limit, r.events, &r.count, &r.more, &e),
			ERR_UNAVAILABLE);
	}
	source_postgres.close(r.s);
	assert_int_equal(source_postgres.open(r.s, &e), ERR_UNAVAILABLE);
	pgtest_ctl("start");
	assert_int_equal(source_postgres.open(r.s, &e), ERR_OK);
	(void)snprintf(second, sizeof(second), "%s", source_postgres.identity(r.s));
	assert_string_not_equal(first, second);
	PQreset(pg->conn);
	pgreader_close(&r);
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct pacer {
	const struct pgtest *pg;
	atomic_llong committed_us;
	atomic_bool go;
	atomic_bool stop;
	int go_fd;
};

static void commit_on_demand(void *arg)
{
	struct pacer *p = arg;
	PGconn *conn = pgtest_connect(p->pg, NULL);

	for (;;) {
		while (!(fd_wait(-1, p->go_fd, 0, INT64_MAX) & FD_WOKEN))
			;
		(void)fd_wake_clear(p->go_fd);
		if (atomic_load(&p->stop))
			break;
		/* let the reader fall asleep */
		(void)fd_wait(-1, -1, 0, 10 * CLOCK_US_PER_MS);
		pgtest_exec(conn, "BEGIN");
		(void)pgtest_put(conn, "default", "1", 200);
		atomic_store(&p->committed_us, pgreader_now_us());
		pgtest_exec(conn, "COMMIT");
	}
	PQfinish(conn);
}

/* A figure; and it is not a poll that finds it. */
static void a_commit_is_read_within_a_moment(void **state)
{
	enum { ROUNDS = 200 };
	struct pgtest *pg = *state;
	static struct pgreader r;
	static int64_t took[ROUNDS];
	struct pacer p = {.pg = pg};
	struct thread t;
	int64_t deadline;
	int i, woken;

	pg->settings.poll_interval_us = 2 * PATIENCE_US;
	pgreader_open(&r, pg);
	assert_int_equal(fd_wake_open(&p.go_fd, NULL), ERR_OK);
	assert_int_equal(thread_start(&t, "pacer", 0, commit_on_demand, &p, NULL), ERR_OK);
	for (i = 0; i < ROUNDS; i++) {
		fd_wake(p.go_fd);
		deadline = pgreader_now_us() + PATIENCE_US;
		while (!pgreader_read(&r)) {
			assert_true(pgreader_now_us() < deadline);
			assert_int_equal(
				source_postgres.wait(r.s, true, r.wake_fd, deadline, &woken, NULL),
				ERR_OK);
		}
		took[i] = pgreader_now_us() - atomic_load(&p.committed_us);
		r.acks[0] = (struct ack){.id = r.events[0]->f.id};
		assert_int_equal(source_postgres.acknowledge(r.s, r.acks, 1, NULL), ERR_OK);
	}
	atomic_store(&p.stop, true);
	fd_wake(p.go_fd);
	thread_join(&t);
	fd_close(&p.go_fd);
	qsort(took, ROUNDS, sizeof(took[0]), by_number);
	print_message("begin of commit to event: p50 %lld us, p99 %lld us\n",
		      (long long)took[ROUNDS / 2], (long long)took[ROUNDS * 99 / 100]);
	pgreader_close(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_below_closed_gaps_is_found_by_inspecting),
		TEST(a_prepared_transaction_is_waited_for),
		TEST(an_idle_reader_sleeps_on_the_lock_and_a_full_one_does_not),
		TEST(a_writer_that_skipped_its_notification_keeps_the_reader_polling),
		TEST(a_reason_that_the_database_cannot_spell_is_no_obstacle),
		TEST(rows_that_just_fill_the_limit_do_not_close_a_gap),
		TEST(another_installation_is_noticed),
		TEST(drift_is_told),
		TEST(opening_without_an_installation_says_what_to_do),
		TEST(a_crash_of_the_server_changes_the_identity),
		TEST(a_commit_is_read_within_a_moment),
	};

	return cmocka_run_group_tests_name("postgres source", tests, NULL, NULL);
}
