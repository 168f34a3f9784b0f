/* SPDX-License-Identifier: MIT */
/*
 * The MySQL/MariaDB reader under writers that overlap, roll back and take their time, half of them
 * under REPEATABLE READ, half under READ COMMITTED. Every write adds one to a row's counter, so the
 * events of a row must come as 1, 2, 3, ..., and end at what the table says.
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
#include "mytest.h"
#include "pgreader.h"

#define KEYS 200
#define WRITERS 16
#define RUN_US (4 * CLOCK_US_PER_S)
#define PATIENCE_US (60 * CLOCK_US_PER_S)

/* ---- writers ---- */

struct writer {
	struct thread thread;
	const struct mytest *my;
	struct random random;
	atomic_bool *stop;
	bool hardy; /* goes on after errors: the server may die */
	bool is_read_committed;
};

/* False on an error that the writer survives. */
static bool say(const struct writer *w, MYSQL *conn, const char *sql)
{
	unsigned number = mytest_try(conn, "%s", sql);

	if (number && !w->hardy)
		fail_msg("%s: %s", sql, mysql_error(conn));
	return !number;
}

static bool bump(struct writer *w, MYSQL *conn, int64_t key)
{
	char sql[128];
	bool ok;

	(void)snprintf(sql, sizeof(sql), "UPDATE items SET n = n + 1 WHERE id = %lld",
		       (long long)key);
	ok = say(w, conn, sql);
	if (ok && random_below(&w->random, 4) == 0) {
		(void)snprintf(sql, sizeof(sql), "DO SLEEP(%f)",
			       (double)random_below(&w->random, 3000) / 1e6);
		ok = say(w, conn, sql);
	}
	return ok;
}

/* Under REPEATABLE READ a MySQL keeps the end of a table locked in which a part of a transaction
 * was undone, and two of them are a deadlock: docs/mysql.md. */
static bool may_roll_back_to(const struct writer *w)
{
	return w->is_read_committed || !mytest_is_mysql();
}

/* One transaction; keys rise, so that writers do not deadlock. */
static bool write_once(struct writer *w, MYSQL *conn)
{
	int64_t key = 1 + (int64_t)random_below(&w->random, 20);
	bool ok = say(w, conn, "START TRANSACTION");

	for (; ok && key <= KEYS; key += 1 + (int64_t)random_below(&w->random, KEYS)) {
		ok = bump(w, conn, key);
		if (ok && may_roll_back_to(w) && random_below(&w->random, 5) == 0)
			ok = say(w, conn, "SAVEPOINT s") && bump(w, conn, key) &&
			     say(w, conn,
				 random_below(&w->random, 2) ? "ROLLBACK TO s"
							     : "RELEASE SAVEPOINT s");
	}
	return ok && say(w, conn, random_below(&w->random, 10) == 0 ? "ROLLBACK" : "COMMIT");
}

static void write_on(void *arg)
{
	struct writer *w = arg;
	MYSQL *conn = NULL;

	while (!atomic_load(w->stop)) {
		if (!conn) {
			conn = mytest_reconnect(w->my);
			if (conn && w->is_read_committed &&
			    !say(w, conn,
				 "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")) {
				mysql_close(conn);
				conn = NULL;
			}
		}
		if (conn && !write_once(w, conn)) {
			mysql_close(conn);
			conn = NULL;
		}
	}
	mysql_close(conn);
}

struct writers {
	struct writer writers[WRITERS];
	atomic_bool stop;
};

/* Of the running test; teardown stops those of a failed one. */
static struct writers writers;

static void writers_start(struct writers *all, const struct mytest *my, bool hardy)
{
	size_t i;

	atomic_store(&all->stop, false);
	for (i = 0; i < WRITERS; i++) {
		struct writer *w = &all->writers[i];

		w->my = my;
		w->stop = &all->stop;
		w->hardy = hardy;
		w->is_read_committed = i % 2;
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
	bool may_repeat;         /* after a lost connection */
	int64_t seen[KEYS + 1];  /* the last counter */
	int64_t total[KEYS + 1]; /* events */
	int64_t events_total;
	int64_t reads;
	int64_t read_us;
};

static void tally_open(struct tally *t, const struct mytest *my)
{
	memset(t, 0, sizeof(*t));
	pgreader_open_as(&t->r, &source_mysql, &my->settings);
}

/* {"id": 7, "n": 12} */
static void check(struct tally *t, const struct event *ev)
{
	long long key, n;

	assert_int_equal(sscanf(ev->f.data.s, "{\"id\": %lld, \"n\": %lld", &key, &n), 2);
	if (n != t->seen[key] + 1 && !(t->may_repeat && n <= t->seen[key]))
		fail_msg("key %lld: %lld after %lld (id %lld)", key, n, (long long)t->seen[key],
			 (long long)ev->f.id);
	t->seen[key] = n > t->seen[key] ? n : t->seen[key];
	t->total[key]++;
	t->events_total++;
}

static void check_all(struct tally *t)
{
	size_t i;

	for (i = 0; i < t->r.count; i++) {
		check(t, t->r.events[i]);
		t->r.acks[i] = (struct ack){.id = t->r.events[i]->f.id};
	}
}

static void read_until(struct tally *t, int64_t until_us)
{
	struct err e;
	int64_t begin;

	while ((begin = pgreader_now_us()) < until_us) {
		pgreader_read(&t->r);
		t->read_us += pgreader_now_us() - begin;
		t->reads++;
		check_all(t);
		if (t->r.count &&
		    source_mysql.acknowledge(t->r.s, t->r.acks, t->r.count, &e) != ERR_OK)
			fail_msg("%s", e.msg);
		if (!t->r.more)
			pgreader_wait(&t->r, until_us);
	}
}

static int64_t outbox_rows(const struct mytest *my)
{
	return mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_outbox");
}

static void read_to_the_end(struct tally *t, const struct mytest *my)
{
	int64_t deadline = pgreader_now_us() + PATIENCE_US;

	while (outbox_rows(my)) {
		assert_true(pgreader_now_us() < deadline);
		read_until(t, pgreader_now_us() + 20 * CLOCK_US_PER_MS);
	}
}

static void expect_everything(const struct tally *t, const struct mytest *my)
{
	int64_t key, n;

	for (key = 1; key <= KEYS; key++) {
		n = mytest_i64(my->conn, "SELECT n FROM items WHERE id = %lld", (long long)key);
		assert_int_equal(t->seen[key], n);
		if (!t->may_repeat)
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

static void tell(struct tally *t)
{
	struct source_status st = pgreader_inspect(&t->r);

	print_message("%lld events, %lld late, %lld gaps, %lld reads of %lld us\n",
		      (long long)t->events_total, (long long)st.late, (long long)st.gaps,
		      (long long)t->reads, (long long)(t->read_us / (t->reads ? t->reads : 1)));
}

static int setup(void **state)
{
	static struct mytest my;

	mytest_open(&my);
	mytest_exec(my.conn, "INSERT INTO items (id) SELECT seq FROM " MYTEST_SEQ(1, % d), KEYS);
	mytest_exec(my.conn, "DELETE FROM app_db_listener_outbox");
	*state = &my;
	return 0;
}

static int teardown(void **state)
{
	writers_stop(&writers);
	mytest_close(*state);
	return 0;
}

/* ---- tests ---- */

static void every_change_is_read_once_and_in_order(void **state)
{
	struct mytest *my = *state;
	static struct tally t;
	int64_t deadline = pgreader_now_us() + PATIENCE_US;

	tally_open(&t, my);
	writers_start(&writers, my, false);
	do { /* on a busy machine it may take longer until one overtakes another */
		read_until(&t, pgreader_now_us() + RUN_US);
	} while (!pgreader_inspect(&t.r).late && pgreader_now_us() < deadline);
	writers_stop(&writers);
	read_to_the_end(&t, my);
	expect_everything(&t, my);
	assert_true(pgreader_inspect(&t.r).late > 0);
	tell(&t);
	expect_gaps_to_close(&t);
	pgreader_close(&t.r);
}

static void a_long_transaction_delays_only_itself(void **state)
{
	struct mytest *my = *state;
	static struct tally t;
	MYSQL *slow = mytest_connect(my);
	int64_t before;
	size_t n;

	/* a key of its own, or the others would wait for it */
	mytest_exec(my->conn, "INSERT INTO items (id) VALUES (100000)");
	mytest_exec(my->conn, "DELETE FROM app_db_listener_outbox");
	tally_open(&t, my);
	writers_start(&writers, my, false);
	read_until(&t, pgreader_now_us() + RUN_US / 4);
	mytest_exec(slow, "START TRANSACTION");
	mytest_exec(slow, "UPDATE items SET n = n + 1 WHERE id = 100000");
	read_until(&t, pgreader_now_us() + RUN_US);
	writers_stop(&writers);
	/* all but its row, which is not visible */
	read_to_the_end(&t, my);
	expect_everything(&t, my);
	before = t.events_total;
	assert_true(pgreader_inspect(&t.r).gaps > 0);
	mytest_exec(slow, "UPDATE items SET n = n + 1 WHERE id = 100000");
	mytest_exec(slow, "COMMIT");
	for (n = 0; n < 2; n += t.r.count)
		while (!pgreader_read(&t.r))
			pgreader_wait(&t.r, pgreader_now_us() + PATIENCE_US);
	assert_int_equal(n, 2);
	assert_int_equal(t.events_total, before);
	tell(&t);
	mysql_close(slow);
	pgreader_close(&t.r);
}

/* Whatever fails, close and open again, as the runner does. False: not yet. */
static bool read_or_reopen(struct tally *t, bool *is_open)
{
	const struct source_ops *ops = t->r.s->ops;
	struct source_limit limit = {.events = PGREADER_BATCH, .bytes = 1 << 20};
	enum err_code code = ERR_OK;
	struct err e = {.msg = ""};
	int woken;

	if (!*is_open)
		code = ops->open(t->r.s, &e);
	*is_open = code == ERR_OK;
	while (t->r.count)
		event_free(t->r.events[--t->r.count]);
	if (code == ERR_OK)
		code = ops->read(t->r.s, 0, limit, t->r.events, &t->r.count, &t->r.more, &e);
	if (code == ERR_OK) {
		check_all(t);
		code = ops->acknowledge(t->r.s, t->r.acks, t->r.count, &e);
	}
	if (code == ERR_OK && !t->r.more)
		code = ops->wait(t->r.s, true, t->r.wake_fd,
				 pgreader_now_us() + 5 * CLOCK_US_PER_MS, &woken, &e);
	if (code == ERR_OK)
		return true;
	if (code != ERR_UNAVAILABLE && code != ERR_BUSY && code != ERR_TIMEOUT)
		fail_msg("%s: %s", err_name(code), e.msg);
	ops->close(t->r.s);
	*is_open = false;
	return false;
}

static void read_hardily(struct tally *t, bool *is_open, int64_t until_us)
{
	while (pgreader_now_us() < until_us)
		(void)read_or_reopen(t, is_open);
}

static void kill_and_start(void *arg)
{
	(void)arg;
	mytest_ctl("kill");
	mytest_ctl("start");
}

static void a_killed_server_loses_nothing(void **state)
{
	struct mytest *my = *state;
	static struct tally t;
	struct thread killer;
	int64_t deadline;
	bool is_open = true;
	int round;

	tally_open(&t, my);
	t.may_repeat = true;
	writers_start(&writers, my, true);
	for (round = 0; round < 2; round++) {
		read_hardily(&t, &is_open, pgreader_now_us() + RUN_US / 4);
		assert_int_equal(thread_start(&killer, "killer", 0, kill_and_start, NULL, NULL),
				 ERR_OK);
		read_hardily(&t, &is_open, pgreader_now_us() + RUN_US / 4);
		thread_join(&killer);
	}
	read_hardily(&t, &is_open, pgreader_now_us() + RUN_US / 4);
	writers_stop(&writers);
	mysql_close(my->conn);
	my->conn = mytest_connect(my);
	deadline = pgreader_now_us() + PATIENCE_US;
	while (outbox_rows(my) || !is_open) {
		assert_true(pgreader_now_us() < deadline);
		(void)read_or_reopen(&t, &is_open);
	}
	expect_everything(&t, my);
	tell(&t);
	pgreader_close(&t.r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_change_is_read_once_and_in_order),
		TEST(a_long_transaction_delays_only_itself),
		TEST(a_killed_server_loses_nothing),
	};

	return cmocka_run_group_tests_name("mysql writers", tests, NULL, NULL);
}
