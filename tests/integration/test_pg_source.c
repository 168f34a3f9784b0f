/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL reader under writers that overlap, roll back and take their time. Every write adds
 * one to a row's counter, so the events of a row must come as 1, 2, 3, ..., and end at what the
 * table says.
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
#include "base/random.h"
#include "base/thread.h"
#include "pgtest.h"
#include "source/pg_conn.h"
#include "source/source.h"

#define KEYS 200
#define WRITERS 16
#define BATCH 500
#define RUN_US (4 * CLOCK_US_PER_S)
#define PATIENCE_US (30 * CLOCK_US_PER_S)

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

/* ---- writers ---- */

struct writer {
	struct thread thread;
	const struct pgtest *pg;
	struct random random;
	atomic_bool *stop;
};

static void bump(struct writer *w, PGconn *conn, int64_t key)
{
	pgtest_exec(conn, "UPDATE items SET n = n + 1 WHERE id = %lld", (long long)key);
	if (random_below(&w->random, 4) == 0)
		pgtest_exec(conn, "SELECT pg_sleep(%f)",
			    (double)random_below(&w->random, 3000) / 1e6);
}

/* One transaction; keys rise, so that writers do not deadlock. */
static void write_once(struct writer *w, PGconn *conn)
{
	int64_t key = 1 + (int64_t)random_below(&w->random, 20);

	pgtest_exec(conn, "BEGIN");
	for (; key <= KEYS; key += 1 + (int64_t)random_below(&w->random, KEYS)) {
		bump(w, conn, key);
		if (random_below(&w->random, 5) == 0) {
			pgtest_exec(conn, "SAVEPOINT s");
			bump(w, conn, key);
			pgtest_exec(conn,
				    random_below(&w->random, 2) ? "ROLLBACK TO s" : "RELEASE s");
		}
	}
	pgtest_exec(conn, random_below(&w->random, 10) == 0 ? "ROLLBACK" : "COMMIT");
}

static void write_on(void *arg)
{
	struct writer *w = arg;
	PGconn *conn = pgtest_connect(w->pg, NULL);

	while (!atomic_load(w->stop))
		write_once(w, conn);
	PQfinish(conn);
}

struct writers {
	struct writer writers[WRITERS];
	atomic_bool stop;
};

/* Of the running test; teardown stops those of a failed one. */
static struct writers writers;

static void writers_start(struct writers *all, const struct pgtest *pg)
{
	size_t i;

	atomic_store(&all->stop, false);
	for (i = 0; i < WRITERS; i++) {
		struct writer *w = &all->writers[i];

		w->pg = pg;
		w->stop = &all->stop;
		random_init_seed(&w->random, i + 1);
		assert_int_equal(thread_start(&w->thread, "writer", 0, write_on, w, NULL), ERR_OK);
	}
}

static void writers_stop(struct writers *all)
{
	size_t i;

	atomic_store(&all->stop, true);
	for (i = 0; i < WRITERS; i++)
		thread_join(&all->writers[i].thread);
}

/* ---- the reader ---- */

static struct pipeline_settings pipeline = {.name = (char[]){"default"}};

struct reader {
	struct source_pipeline shared;
	struct source *s;
	int wake_fd;
	struct event *events[BATCH];
	size_t count;
	bool more;

	bool in_order;           /* check it */
	int64_t seen[KEYS + 1];  /* the last counter */
	int64_t total[KEYS + 1]; /* events */
	int64_t events_total;
	struct ack acks[BATCH];
};

static void reader_open(struct reader *r, const struct pgtest *pg)
{
	struct source_env env = {.settings = &pg->settings,
				 .pipelines = &r->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct err e;

	memset(r, 0, sizeof(*r));
	r->in_order = true;
	r->shared.settings = &pipeline;
	assert_int_equal(fd_wake_open(&r->wake_fd, NULL), ERR_OK);
	assert_int_equal(source_postgres.new(&env, &r->s, NULL), ERR_OK);
	if (source_postgres.open(r->s, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

static void drop_events(struct reader *r)
{
	while (r->count)
		event_free(r->events[--r->count]);
}

static void reader_close(struct reader *r)
{
	drop_events(r);
	source_postgres.free(r->s);
	fd_close(&r->wake_fd);
}

static size_t read_some(struct reader *r)
{
	struct source_limit limit = {.events = BATCH, .bytes = 1 << 20};
	struct err e;

	drop_events(r);
	if (source_postgres.read(r->s, 0, limit, r->events, &r->count, &r->more, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return r->count;
}

/* {"id":7,"n":12,"v":null} */
static void check(struct reader *r, const struct event *ev)
{
	long long key, n;

	assert_int_equal(sscanf(ev->f.data.s, "{\"id\":%lld,\"n\":%lld", &key, &n), 2);
	if (r->in_order && n != r->seen[key] + 1)
		fail_msg("key %lld: %lld after %lld (id %lld)", key, n, (long long)r->seen[key],
			 (long long)ev->f.id);
	r->seen[key] = n > r->seen[key] ? n : r->seen[key];
	r->total[key]++;
	r->events_total++;
}

static void check_and_acknowledge(struct reader *r)
{
	struct err e;
	size_t i;

	for (i = 0; i < r->count; i++) {
		check(r, r->events[i]);
		r->acks[i] = (struct ack){.id = r->events[i]->f.id};
	}
	if (r->count && source_postgres.acknowledge(r->s, r->acks, r->count, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

static void read_until(struct reader *r, int64_t until_us)
{
	struct err e;
	int woken;

	while (now_us() < until_us) {
		read_some(r);
		check_and_acknowledge(r);
		if (!r->more &&
		    source_postgres.wait(r->s, true, r->wake_fd, until_us, &woken, &e) != ERR_OK)
			fail_msg("%s", e.msg);
	}
}

static int64_t outbox_rows(const struct pgtest *pg)
{
	return pgtest_i64(pg->conn, "SELECT count(*) FROM app_db_listener.outbox");
}

static void read_to_the_end(struct reader *r, const struct pgtest *pg)
{
	int64_t deadline = now_us() + PATIENCE_US;

	while (outbox_rows(pg)) {
		assert_true(now_us() < deadline);
		read_until(r, now_us() + 20 * CLOCK_US_PER_MS);
	}
}

static void expect_everything(const struct reader *r, const struct pgtest *pg)
{
	int64_t key, n;

	for (key = 1; key <= KEYS; key++) {
		n = pgtest_i64(pg->conn, "SELECT n FROM items WHERE id = %lld", (long long)key);
		assert_int_equal(r->seen[key], n);
		assert_int_equal(r->total[key], n);
	}
}

static struct source_status inspect(struct reader *r)
{
	struct source_status st;
	struct err e;

	if (source_postgres.inspect(r->s, &st, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return st;
}

static void expect_gaps_to_close(struct reader *r)
{
	int64_t deadline = now_us() + PATIENCE_US;

	while (inspect(r).gaps) {
		assert_true(now_us() < deadline);
		read_until(r, now_us() + 20 * CLOCK_US_PER_MS);
	}
}

static int setup(void **state)
{
	static struct pgtest pg;

	pgtest_open(&pg);
	pgtest_exec(pg.conn, "ALTER TABLE items DISABLE TRIGGER ALL; "
			     "INSERT INTO items SELECT g FROM generate_series(1, 200) AS g; "
			     "ALTER TABLE items ENABLE TRIGGER ALL");
	*state = &pg;
	return 0;
}

static int teardown(void **state)
{
	writers_stop(&writers);
	pgtest_close(*state);
	return 0;
}

/* ---- tests ---- */

static void every_change_is_read_once_and_in_order(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	struct source_status st;

	reader_open(&r, pg);
	writers_start(&writers, pg);
	read_until(&r, now_us() + RUN_US);
	writers_stop(&writers);
	read_to_the_end(&r, pg);
	expect_everything(&r, pg);
	expect_gaps_to_close(&r);
	st = inspect(&r);
	assert_true(st.late > 0);
	print_message("%lld events, %lld late\n", (long long)r.events_total, (long long)st.late);
	reader_close(&r);
}

static void a_transaction_in_another_database_holds_nothing_up(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	PGconn *other = pgtest_connect(pg, "postgres");

	pgtest_exec(other, "BEGIN; CREATE TABLE held (x int); INSERT INTO held VALUES (1)");
	reader_open(&r, pg);
	writers_start(&writers, pg);
	read_until(&r, now_us() + RUN_US / 2);
	writers_stop(&writers);
	read_to_the_end(&r, pg);
	expect_everything(&r, pg);
	expect_gaps_to_close(&r);
	pgtest_exec(other, "ROLLBACK");
	PQfinish(other);
	reader_close(&r);
}

static void a_long_transaction_delays_only_itself(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	PGconn *slow = pgtest_connect(pg, NULL);
	int64_t before, key;

	/* a key of its own, or the others would wait for it */
	pgtest_exec(pg->conn, "ALTER TABLE items DISABLE TRIGGER ALL; "
			      "INSERT INTO items VALUES (100000); "
			      "ALTER TABLE items ENABLE TRIGGER ALL");
	reader_open(&r, pg);
	writers_start(&writers, pg);
	read_until(&r, now_us() + RUN_US / 4);
	pgtest_exec(slow, "BEGIN; UPDATE items SET n = n + 1 WHERE id = 100000");
	read_until(&r, now_us() + RUN_US);
	writers_stop(&writers);
	/* all but its row, which is not visible */
	read_to_the_end(&r, pg);
	expect_everything(&r, pg);
	before = r.events_total;
	assert_true(inspect(&r).gaps > 0);
	pgtest_exec(slow, "UPDATE items SET n = n + 1 WHERE id = 100000; COMMIT");
	for (key = 0; key < 2; key += (int64_t)r.count) {
		int woken;

		while (!read_some(&r))
			assert_int_equal(source_postgres.wait(r.s, true, r.wake_fd,
							      now_us() + PATIENCE_US, &woken, NULL),
					 ERR_OK);
	}
	assert_int_equal(key, 2);
	assert_true(r.events[r.count - 1]->f.id > r.events[0]->f.id || r.count == 1);
	assert_int_equal(r.events_total, before);
	expect_gaps_to_close(&r);
	PQfinish(slow);
	reader_close(&r);
}

static void a_cached_sequence_is_told_and_loses_nothing(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;

	reader_open(&r, pg);
	assert_string_equal(inspect(&r).warning, "");
	writers_start(&writers, pg);
	read_until(&r, now_us() + RUN_US / 4);
	r.in_order = false;
	pgtest_exec(pg->conn, "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50");
	read_until(&r, now_us() + RUN_US / 2);
	assert_non_null(strstr(inspect(&r).warning, "CACHE 50"));
	pgtest_exec(pg->conn, "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 1");
	read_until(&r, now_us() + RUN_US / 4);
	assert_non_null(strstr(inspect(&r).warning, "CACHE"));
	writers_stop(&writers);
	read_to_the_end(&r, pg);
	expect_everything(&r, pg);
	read_until(&r, now_us() + 100 * CLOCK_US_PER_MS);
	expect_gaps_to_close(&r);
	assert_string_equal(inspect(&r).warning, "");
	reader_close(&r);
}

static void a_row_below_closed_gaps_is_found_by_inspecting(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;

	pgtest_exec(pg->conn, "SELECT setval('app_db_listener.outbox_id_seq', 10)");
	(void)pgtest_put(pg->conn, "default", "1", 10);
	reader_open(&r, pg);
	assert_int_equal(read_some(&r), 1);
	assert_int_equal(read_some(&r), 0); /* closes the gap: nobody holds the outbox */
	assert_int_equal(inspect(&r).gaps, 0);
	pgtest_exec(pg->conn, "SELECT setval('app_db_listener.outbox_id_seq', 1)");
	assert_int_equal(pgtest_put(pg->conn, "default", "2", 10), 2);
	assert_int_equal(read_some(&r), 0);
	(void)inspect(&r);
	assert_int_equal(read_some(&r), 1);
	assert_int_equal(r.events[0]->f.id, 2);
	assert_true(r.more);
	(void)inspect(&r);
	assert_int_equal(read_some(&r), 0);
	reader_close(&r);
}

static void read_nothing_for_a_while(struct reader *r)
{
	int64_t until = now_us() + 200 * CLOCK_US_PER_MS;
	int woken;

	while (now_us() < until) {
		assert_int_equal(read_some(r), 0);
		assert_int_equal(source_postgres.wait(r->s, true, r->wake_fd, until, &woken, NULL),
				 ERR_OK);
	}
}

static void a_prepared_transaction_is_waited_for(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	PGconn *writer;
	int64_t late;

	pgtest_exec(pg->conn, "ALTER SYSTEM SET max_prepared_transactions = 4");
	pgtest_ctl("restart -m fast");
	PQreset(pg->conn);
	writer = pgtest_connect(pg, NULL);
	pgtest_exec(writer, "BEGIN");
	late = pgtest_put(writer, "default", "1", 10);
	(void)pgtest_put(pg->conn, "default", "2", 10);
	reader_open(&r, pg);
	assert_false(inspect(&r).notify);
	assert_int_equal(read_some(&r), 1);
	read_nothing_for_a_while(&r);
	pgtest_exec(writer, "PREPARE TRANSACTION 'late'");
	read_nothing_for_a_while(&r);
	assert_true(inspect(&r).gaps > 0);
	pgtest_exec(writer, "COMMIT PREPARED 'late'");
	assert_int_equal(read_some(&r), 1);
	assert_int_equal(r.events[0]->f.id, late);
	read_nothing_for_a_while(&r);
	assert_int_equal(inspect(&r).gaps, 0);
	PQfinish(writer);
	reader_close(&r);
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
	static struct reader r;
	int woken, i;

	reader_open(&r, pg);
	for (i = 0; i < 3; i++) {
		assert_int_equal(read_some(&r), 0);
		assert_int_equal(
			source_postgres.wait(r.s, true, r.wake_fd, now_us() + 10000, &woken, NULL),
			ERR_OK);
	}
	assert_int_equal(holds_wake_lock(pg), 1);
	assert_int_equal(source_postgres.wait(r.s, false, r.wake_fd, now_us() + 1000, &woken, NULL),
			 ERR_OK);
	assert_int_equal(holds_wake_lock(pg), 0);
	reader_close(&r);
}

static void a_writer_that_skipped_its_notification_keeps_the_reader_polling(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	PGconn *writer = pgtest_connect(pg, NULL);
	int64_t until = now_us() + 300 * CLOCK_US_PER_MS, id;
	int woken, reads = 0;

	reader_open(&r, pg);
	pgtest_exec(writer, "BEGIN");
	id = pgtest_put(writer, "default", "1", 10);
	while (now_us() < until) {
		assert_int_equal(read_some(&r), 0);
		reads++;
		assert_int_equal(source_postgres.wait(r.s, true, r.wake_fd, until, &woken, NULL),
				 ERR_OK);
	}
	assert_int_equal(holds_wake_lock(pg), 0);
	assert_in_range(reads, 5, 50);
	pgtest_exec(writer, "COMMIT");
	until = now_us() + 200 * CLOCK_US_PER_MS;
	while (!read_some(&r)) {
		assert_true(now_us() < until);
		assert_int_equal(source_postgres.wait(r.s, true, r.wake_fd, until, &woken, NULL),
				 ERR_OK);
	}
	assert_int_equal(r.events[0]->f.id, id);
	PQfinish(writer);
	reader_close(&r);
}

static void a_gap_read_costs_no_more_with_many_dead_rows(void **state)
{
	struct pgtest *pg = *state;
	static struct reader r;
	PGconn *old = pgtest_connect(pg, NULL), *writer = pgtest_connect(pg, NULL);
	int64_t start, cost;
	int woken, i;

	/* a snapshot that keeps dead rows, and an open writer below them all */
	pgtest_exec(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM items");
	pgtest_exec(writer, "BEGIN");
	(void)pgtest_put(writer, "default", "1", 10);
	pgtest_exec(pg->conn, "SELECT app_db_listener.put('default', '1', 10) FROM "
			      "generate_series(1, 100000)");
	pgtest_exec(pg->conn, "DELETE FROM app_db_listener.outbox");
	(void)pgtest_put(pg->conn, "default", "1", 10);
	reader_open(&r, pg);
	assert_int_equal(read_some(&r), 1);
	for (i = 0; i < 5; i++) {
		assert_int_equal(read_some(&r), 0);
		(void)source_postgres.wait(r.s, true, r.wake_fd, now_us() + 1000, &woken, NULL);
	}
	assert_true(inspect(&r).gaps > 0);
	for (i = 0, cost = INT64_MAX; i < 10; i++) {
		start = now_us();
		assert_int_equal(read_some(&r), 0);
		if (now_us() - start < cost)
			cost = now_us() - start;
	}
	print_message("a read beside 100,000 dead rows in a gap: %lld us\n", (long long)cost);
	assert_true(cost < 5000);
	pgtest_exec(writer, "COMMIT");
	assert_int_equal(read_some(&r), 1);
	PQfinish(writer);
	PQfinish(old);
	reader_close(&r);
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
		{"ALTER SEQUENCE app_db_listener.outbox_id_seq OWNED BY NONE; "
		 "ALTER SEQUENCE app_db_listener.outbox_id_seq RENAME TO gone",
		 "sequence outbox_id_seq is gone"},
	};
	struct pgtest *pg = *state;
	static struct reader r;
	size_t i;

	reader_open(&r, pg);
	assert_string_equal(inspect(&r).warning, "");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		pgtest_exec(pg->conn, "%s", cases[i].sql);
		if (!*cases[i].words)
			assert_string_equal(inspect(&r).warning, "");
		else if (!strstr(inspect(&r).warning, cases[i].words))
			fail_msg("%s: %s", cases[i].sql, inspect(&r).warning);
	}
	reader_close(&r);
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
	static struct reader r;
	char first[128], second[128];
	struct err e;

	reader_open(&r, pg);
	(void)snprintf(first, sizeof(first), "%s", source_postgres.identity(r.s));
	source_postgres.close(r.s);
	pgtest_ctl("restart -m fast");
	assert_int_equal(source_postgres.open(r.s, &e), ERR_OK);
	assert_string_equal(source_postgres.identity(r.s), first);
	pgtest_ctl("stop -m immediate");
	{
		struct source_limit limit = {.events = BATCH, .bytes = 1 << 20};

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
	reader_close(&r);
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
		atomic_store(&p->committed_us, now_us());
		pgtest_exec(conn, "COMMIT");
	}
	PQfinish(conn);
}

/* A figure, and a bound so wide that only a poll instead of a wake-up breaks it. */
static void a_commit_is_read_within_a_moment(void **state)
{
	enum { ROUNDS = 200 };
	struct pgtest *pg = *state;
	static struct reader r;
	static int64_t took[ROUNDS];
	struct pacer p = {.pg = pg};
	struct thread t;
	int i, woken;

	pg->settings.poll_interval_us = 2 * CLOCK_US_PER_S;
	reader_open(&r, pg);
	assert_int_equal(fd_wake_open(&p.go_fd, NULL), ERR_OK);
	assert_int_equal(thread_start(&t, "pacer", 0, commit_on_demand, &p, NULL), ERR_OK);
	for (i = 0; i < ROUNDS; i++) {
		fd_wake(p.go_fd);
		while (!read_some(&r))
			assert_int_equal(source_postgres.wait(r.s, true, r.wake_fd,
							      now_us() + PATIENCE_US, &woken, NULL),
					 ERR_OK);
		took[i] = now_us() - atomic_load(&p.committed_us);
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
	assert_true(took[ROUNDS / 2] < 500 * CLOCK_US_PER_MS);
	reader_close(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_change_is_read_once_and_in_order),
		TEST(a_transaction_in_another_database_holds_nothing_up),
		TEST(a_long_transaction_delays_only_itself),
		TEST(a_cached_sequence_is_told_and_loses_nothing),
		TEST(a_row_below_closed_gaps_is_found_by_inspecting),
		TEST(a_prepared_transaction_is_waited_for),
		TEST(an_idle_reader_sleeps_on_the_lock_and_a_full_one_does_not),
		TEST(a_writer_that_skipped_its_notification_keeps_the_reader_polling),
		TEST(a_gap_read_costs_no_more_with_many_dead_rows),
		TEST(drift_is_told),
		TEST(opening_without_an_installation_says_what_to_do),
		TEST(a_crash_of_the_server_changes_the_identity),
		TEST(a_commit_is_read_within_a_moment),
	};

	return cmocka_run_group_tests_name("postgres source", tests, NULL, NULL);
}
