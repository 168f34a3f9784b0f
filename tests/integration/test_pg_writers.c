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
#include "pgreader.h"
#include "source/pg_source.h"

#define KEYS 200
#define WRITERS 16
#define RUN_US (4 * CLOCK_US_PER_S)
#define PATIENCE_US (60 * CLOCK_US_PER_S)

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

/* ---- the reader, and what it has seen ---- */

struct tally {
	struct pgreader r;
	bool in_order;           /* check it */
	int64_t seen[KEYS + 1];  /* the last counter */
	int64_t total[KEYS + 1]; /* events */
	int64_t events_total;
};

static void tally_open(struct tally *t, const struct pgtest *pg)
{
	memset(t, 0, sizeof(*t));
	t->in_order = true;
	pgreader_open(&t->r, pg);
}

/* {"id":7,"n":12,"v":null} */
static void check(struct tally *t, const struct event *ev)
{
	long long key, n;

	assert_int_equal(sscanf(ev->f.data.s, "{\"id\":%lld,\"n\":%lld", &key, &n), 2);
	if (t->in_order && n != t->seen[key] + 1)
		fail_msg("key %lld: %lld after %lld (id %lld)", key, n, (long long)t->seen[key],
			 (long long)ev->f.id);
	t->seen[key] = n > t->seen[key] ? n : t->seen[key];
	t->total[key]++;
	t->events_total++;
}

static void check_and_acknowledge(struct tally *t)
{
	struct err e;
	size_t i;

	for (i = 0; i < t->r.count; i++) {
		check(t, t->r.events[i]);
		t->r.acks[i] = (struct ack){.id = t->r.events[i]->f.id};
	}
	if (t->r.count && source_postgres.acknowledge(t->r.s, t->r.acks, t->r.count, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

static void read_until(struct tally *t, int64_t until_us)
{
	while (pgreader_now_us() < until_us) {
		pgreader_read(&t->r);
		check_and_acknowledge(t);
		if (!t->r.more)
			pgreader_wait(&t->r, until_us);
	}
}

static int64_t outbox_rows(const struct pgtest *pg)
{
	return pgtest_i64(pg->conn, "SELECT count(*) FROM app_db_listener.outbox");
}

static void read_to_the_end(struct tally *t, const struct pgtest *pg)
{
	int64_t deadline = pgreader_now_us() + PATIENCE_US;

	while (outbox_rows(pg)) {
		assert_true(pgreader_now_us() < deadline);
		read_until(t, pgreader_now_us() + 20 * CLOCK_US_PER_MS);
	}
}

static void expect_everything(const struct tally *t, const struct pgtest *pg)
{
	int64_t key, n;

	for (key = 1; key <= KEYS; key++) {
		n = pgtest_i64(pg->conn, "SELECT n FROM items WHERE id = %lld", (long long)key);
		assert_int_equal(t->seen[key], n);
		assert_int_equal(t->total[key], n);
	}
}

static void expect_gaps_to_close(struct tally *t)
{
	int64_t deadline = pgreader_now_us() + PATIENCE_US;

	while (pgreader_inspect(&t->r).gaps) {
		assert_true(pgreader_now_us() < deadline);
		read_until(t, pgreader_now_us() + 20 * CLOCK_US_PER_MS);
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
	static struct tally t;
	int64_t deadline = pgreader_now_us() + PATIENCE_US;
	struct source_status st;

	tally_open(&t, pg);
	writers_start(&writers, pg);
	do { /* on a busy machine it may take longer until one overtakes another */
		read_until(&t, pgreader_now_us() + RUN_US);
	} while (!pgreader_inspect(&t.r).late && pgreader_now_us() < deadline);
	writers_stop(&writers);
	read_to_the_end(&t, pg);
	expect_everything(&t, pg);
	expect_gaps_to_close(&t);
	st = pgreader_inspect(&t.r);
	assert_true(st.late > 0);
	print_message("%lld events, %lld late\n", (long long)t.events_total, (long long)st.late);
	pgreader_close(&t.r);
}

static void a_transaction_in_another_database_holds_nothing_up(void **state)
{
	struct pgtest *pg = *state;
	static struct tally t;
	PGconn *other = pgtest_connect(pg, "postgres");

	pgtest_exec(other, "BEGIN; CREATE TABLE held (x int); INSERT INTO held VALUES (1)");
	tally_open(&t, pg);
	writers_start(&writers, pg);
	read_until(&t, pgreader_now_us() + RUN_US / 2);
	writers_stop(&writers);
	read_to_the_end(&t, pg);
	expect_everything(&t, pg);
	expect_gaps_to_close(&t);
	pgtest_exec(other, "ROLLBACK");
	PQfinish(other);
	pgreader_close(&t.r);
}

static void a_long_transaction_delays_only_itself(void **state)
{
	struct pgtest *pg = *state;
	static struct tally t;
	PGconn *slow = pgtest_connect(pg, NULL);
	int64_t before, key;

	/* a key of its own, or the others would wait for it */
	pgtest_exec(pg->conn, "ALTER TABLE items DISABLE TRIGGER ALL; "
			      "INSERT INTO items VALUES (100000); "
			      "ALTER TABLE items ENABLE TRIGGER ALL");
	tally_open(&t, pg);
	writers_start(&writers, pg);
	read_until(&t, pgreader_now_us() + RUN_US / 4);
	pgtest_exec(slow, "BEGIN; UPDATE items SET n = n + 1 WHERE id = 100000");
	read_until(&t, pgreader_now_us() + RUN_US);
	writers_stop(&writers);
	/* all but its row, which is not visible */
	read_to_the_end(&t, pg);
	expect_everything(&t, pg);
	before = t.events_total;
	assert_true(pgreader_inspect(&t.r).gaps > 0);
	pgtest_exec(slow, "UPDATE items SET n = n + 1 WHERE id = 100000; COMMIT");
	for (key = 0; key < 2; key += (int64_t)t.r.count) {
		while (!pgreader_read(&t.r))
			pgreader_wait(&t.r, pgreader_now_us() + PATIENCE_US);
	}
	assert_int_equal(key, 2);
	assert_true(t.r.events[t.r.count - 1]->f.id > t.r.events[0]->f.id || t.r.count == 1);
	assert_int_equal(t.events_total, before);
	expect_gaps_to_close(&t);
	PQfinish(slow);
	pgreader_close(&t.r);
}

static void a_cached_sequence_is_told_and_loses_nothing(void **state)
{
	struct pgtest *pg = *state;
	static struct tally t;

	tally_open(&t, pg);
	assert_string_equal(pgreader_inspect(&t.r).warning, "");
	writers_start(&writers, pg);
	read_until(&t, pgreader_now_us() + RUN_US / 4);
	t.in_order = false;
	pgtest_exec(pg->conn, "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50");
	read_until(&t, pgreader_now_us() + RUN_US / 2);
	assert_non_null(strstr(pgreader_inspect(&t.r).warning, "CACHE 50"));
	pgtest_exec(pg->conn, "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 1");
	/* still: until a read finds the outbox empty */
	assert_non_null(strstr(pgreader_inspect(&t.r).warning, "CACHE"));
	read_until(&t, pgreader_now_us() + RUN_US / 4);
	writers_stop(&writers);
	read_to_the_end(&t, pg);
	expect_everything(&t, pg);
	assert_int_equal(pgreader_read(&t.r), 0);
	expect_gaps_to_close(&t);
	assert_string_equal(pgreader_inspect(&t.r).warning, "");
	pgreader_close(&t.r);
}

/* Merged gaps span rows that are outstanding. A read of a few rows may meet no others. */
static void outstanding_rows_between_gaps_do_not_let_later_ones_pass(void **state)
{
	struct pgtest *pg = *state;
	struct source_limit limit = {.events = 1, .bytes = 1 << 20};
	PGconn *late = pgtest_connect(pg, NULL), *gone = pgtest_connect(pg, NULL);
	static struct pgreader r;
	struct position **position;
	struct event *out[1];
	int64_t id, first = 0;
	size_t n;
	bool more;
	int i;

	pgtest_exec(late, "BEGIN");
	pgtest_exec(gone, "BEGIN");
	(void)pgtest_put(gone, "default", "1", 10);
	(void)pgtest_put(pg->conn, "default", "2", 10);
	id = pgtest_put(late, "default", "3", 10);
	(void)pgtest_put(pg->conn, "default", "4", 10);
	(void)pgtest_put(gone, "default", "5", 10);
	(void)pgtest_put(pg->conn, "default", "6", 10);
	pgreader_open(&r, pg);
	/* for which three gaps are too many */
	position = &pg_source_of(r.s)->pipes[0].position;
	position_free(*position);
	assert_int_equal(position_new(2, position, NULL), ERR_OK);
	assert_int_equal(pgreader_read(&r), 3);
	assert_int_equal(position_stats(*position).gaps, 1);
	pgtest_exec(gone, "ROLLBACK");
	pgtest_exec(late, "COMMIT");
	(void)pgtest_put(pg->conn, "default", "3", 10);
	for (i = 0; i < 10 && !first; i++) {
		assert_int_equal(source_postgres.read(r.s, 0, limit, out, &n, &more, NULL), ERR_OK);
		first = n ? out[0]->f.id : 0;
		if (n)
			event_free(out[0]);
	}
	assert_int_equal(first, id);
	PQfinish(gone);
	PQfinish(late);
	pgreader_close(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_change_is_read_once_and_in_order),
		TEST(a_transaction_in_another_database_holds_nothing_up),
		TEST(a_long_transaction_delays_only_itself),
		TEST(a_cached_sequence_is_told_and_loses_nothing),
		TEST(outstanding_rows_between_gaps_do_not_let_later_ones_pass),
	};

	return cmocka_run_group_tests_name("postgres writers", tests, NULL, NULL);
}
