/* SPDX-License-Identifier: MIT */
/* Writers beside the reader, processes that die, locks. */
#include "sqlite_fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/random.h"
#include "base/thread.h"

#define WRITERS 4
#define ROWS_MAX 20000

/* ---- writers ---- */

/* Transactions of a few rows, some of them rolled back, until told to stop. Each row is an insert
 * and an update; n counts what was committed. */
static void write_rows(const char *path, int writer, int stop_fd)
{
	struct random rnd;
	sqlite3 *db;
	char sql[256];
	int64_t n = 0;
	int rows, i;

	random_init_seed(&rnd, (uint64_t)writer);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		_exit(1);
	(void)sqlite3_busy_timeout(db, 120000);
	while (n < ROWS_MAX / WRITERS && !fd_wait(stop_fd, -1, 0, 0)) {
		bool commit = random_below(&rnd, 5) != 0;

		if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
			_exit(2);
		rows = 1 + (int)random_below(&rnd, 3);
		for (i = 0; i < rows; i++) {
			(void)snprintf(sql, sizeof(sql),
				       "INSERT INTO log (writer, n) VALUES (%d, 0); UPDATE log SET "
				       "n = %lld WHERE id = last_insert_rowid()",
				       writer, (long long)(n + i + 1));
			if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
				_exit(3);
		}
		if (sqlite3_exec(db, commit ? "COMMIT" : "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
			_exit(4);
		if (commit)
			n += rows;
	}
	_exit(sqlite3_close(db) == SQLITE_OK ? 0 : 5);
}

struct seen {
	int64_t last_id;
	int64_t events;
	unsigned char of_row[ROWS_MAX * 4]; /* by id of the row: inserts and updates */
};

/* Read everything there is, and acknowledge it in one call. */
static size_t drain(struct reader *r, struct seen *seen)
{
	struct ack acks[EVENTS_MAX];
	size_t i, n = reader_read(r, 0);

	for (i = 0; i < n; i++) {
		const struct event *ev = r->events[i];
		int64_t row = strtoll(ev->f.key.s + strlen("{\"id\":"), NULL, 10);

		assert_true(ev->f.id > seen->last_id);
		seen->last_id = ev->f.id;
		assert_true(row > 0 && (size_t)row < sizeof(seen->of_row));
		/* the insert first, then the update, each once */
		assert_int_equal(seen->of_row[row], ev->f.op == OP_INSERT ? 0 : 1);
		seen->of_row[row]++;
		acks[i] = (struct ack){.id = ev->f.id, .outcome = ACK_DELIVERED};
	}
	seen->events += (int64_t)n;
	if (n)
		assert_int_equal(r->s->ops->acknowledge(r->s, acks, n, NULL), ERR_OK);
	return n;
}

static void nothing_is_lost_beside_writers_that_are_killed(void **state)
{
	struct fixture *f = *state;
	struct seen *seen = calloc(1, sizeof(*seen));
	int stop[2], i, k, status;
	pid_t pids[WRITERS];
	struct reader r;

	install_items(f);
	/* writers that never pause leave the lock free for moments only */
	f->t.source.statement_timeout_us = 60 * CLOCK_US_PER_S;
	assert_int_equal(pipe(stop), 0);
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fixture_fork(f);
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			write_rows(f->t.path, i, stop[0]);
	}
	fixture_reader(f, &r);
	reader_open(&r);
	for (i = 0; i < WRITERS; i++) {
		int64_t enough = seen->events + 300;

		while (seen->events < enough) {
			reader_await(&r, 0);
			reader_drop_events(&r);
			/* what reader_await returned was not acknowledged: read it again */
			r.s->ops->close(r.s);
			seen->last_id = 0;
			reader_open(&r);
			for (k = 0; k < 5 && drain(&r, seen); k++)
				;
		}
		if (i < 2)
			assert_int_equal(kill(pids[i], SIGKILL), 0);
	}
	assert_int_equal(write(stop[1], "x", 1), 1);
	for (i = 0; i < WRITERS; i++) {
		status = end_of(pids[i]);
		assert_true(i < 2 ? WIFSIGNALED(status) || WIFEXITED(status)
				  : WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	while (drain(&r, seen))
		;
	assert_int_equal(seen->events, 2 * sqlitetest_i64(f->t.db, "SELECT count(*) FROM log"));
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 0);
	reader_free(&r);
	(void)close(stop[0]);
	(void)close(stop[1]);
	free(seen);
}

/* ---- the reader dies ---- */

/* Reads and acknowledges for ever, telling each id before it acknowledges it. */
static void deliver(struct fixture *f, int out_fd)
{
	struct reader r;
	struct err e;
	size_t i;

	fixture_reader(f, &r);
	while (r.s->ops->open(r.s, &e) == ERR_BUSY)
		;
	for (;;) {
		reader_await(&r, 0);
		for (i = 0; i < r.count; i++) {
			if (write(out_fd, &r.events[i]->f.id, sizeof(int64_t)) != sizeof(int64_t))
				_exit(1);
			reader_ack(&r, 0, r.events[i]->f.id, ACK_DELIVERED);
		}
	}
}

static void what_a_killed_reader_had_not_acknowledged_comes_again(void **state)
{
	struct fixture *f = *state;
	static unsigned char told[4096];
	int out[2], round, again = 0;
	int64_t id = 0;
	pid_t pid;

	memset(told, 0, sizeof(told));
	install_items(f);
	run(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000) "
	       "INSERT INTO log (n) SELECT n FROM c");
	assert_int_equal(pipe(out), 0);
	for (round = 1; id < 2000; round++) {
		pid = fixture_fork(f);
		assert_true(pid >= 0);
		if (pid == 0)
			deliver(f, out[1]);
		do {
			assert_int_equal(read(out[0], &id, sizeof(id)), sizeof(id));
			again += told[id] > 0;
			told[id]++;
		} while (id < 2000 && id < round * 250);
		assert_int_equal(kill(pid, SIGKILL), 0);
		(void)end_of(pid);
		/* what it told meanwhile */
		while (fd_wait(out[0], -1, 0, 0)) {
			assert_int_equal(read(out[0], &id, sizeof(id)), sizeof(id));
			told[id]++;
		}
	}
	for (id = 1; id <= 2000; id++)
		assert_true(told[id] > 0);
	/* at most the one in hand comes twice */
	assert_true(again <= round);
	(void)close(out[0]);
	(void)close(out[1]);
}

static void a_standby_takes_over_from_a_killed_reader(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	struct reader r;
	struct err e;
	char c;
	pid_t pid;

	install_items(f);
	assert_int_equal(pipe(ready), 0);
	pid = fixture_fork(f);
	assert_true(pid >= 0);
	if (pid == 0) {
		fixture_reader(f, &r);
		reader_open(&r);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	fixture_reader(f, &r);
	assert_int_equal(r.s->ops->open(r.s, &e), ERR_BUSY);
	assert_string_equal(e.msg, "another daemon is active");
	assert_int_equal(kill(pid, SIGKILL), 0);
	(void)end_of(pid);
	reader_open(&r);
	reader_free(&r);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

/* ---- locks ---- */

static void the_wal_is_reset_while_deliveries_hang(void **state)
{
	struct fixture *f = *state;
	char wal[200];
	struct stat st;
	struct reader r;

	install_items(f);
	(void)snprintf(wal, sizeof(wal), "%s-wal", f->t.path);
	run(f, "INSERT INTO log (n) VALUES (1), (2), (3)");
	fixture_reader(f, &r);
	reader_open(&r);
	/* less than there is, so that a read is left off in the middle */
	assert_int_equal(reader_read_limited(&r, 0, 2, 1 << 20), 2);
	assert_int_equal(sqlitetest_i64(f->t.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_size, 0);
	reader_ack(&r, 0, 1, ACK_DEAD);
	assert_int_equal(sqlitetest_i64(f->t.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	reader_free(&r);
}

static void an_acknowledgement_waits_for_a_writer_and_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct ack a = {.id = 1, .outcome = ACK_DELIVERED};
	struct reader r;
	struct err e;

	install_items(f);
	f->t.source.statement_timeout_us = 300 * CLOCK_US_PER_MS;
	run(f, "INSERT INTO log (n) VALUES (1); BEGIN IMMEDIATE");
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 1);
	assert_int_equal(r.s->ops->acknowledge(r.s, &a, 1, &e), ERR_TIMEOUT);
	assert_non_null(strstr(e.msg, "somebody holds a lock"));
	assert_non_null(strstr(e.msg, f->t.path));
	run(f, "COMMIT");
	assert_int_equal(r.s->ops->acknowledge(r.s, &a, 1, &e), ERR_OK);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 0);
	reader_free(&r);
}

/* OR FAIL keeps the rows that came before the bad one, and SQLite does not write down that their
 * numbers were given out. */
static void ids_of_a_statement_that_failed_half_way_are_not_used_again(void **state)
{
	struct fixture *f = *state;
	struct ack acks[2];
	struct reader r;
	int64_t last;
	size_t i;

	install_items(f);
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(sqlite3_exec(f->t.db,
				      "INSERT OR FAIL INTO log (id) SELECT 5 UNION ALL SELECT 6 "
				      "UNION ALL SELECT 5",
				      NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(reader_read(&r, 0), 2);
	last = sqlitetest_i64(f->t.db, "SELECT max(id) FROM app_db_listener_outbox");
	for (i = 0; i < 2; i++)
		acks[i] = (struct ack){.id = last - (int64_t)i, .outcome = ACK_DELIVERED};
	assert_int_equal(r.s->ops->acknowledge(r.s, acks, 2, NULL), ERR_OK);
	run(f, "INSERT INTO log (id) VALUES (7)");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT id FROM app_db_listener_outbox"),
			 last + 1);
	reader_free(&r);
}

/* ... nor are they, until they are acknowledged, a file that went back in time, whose events would
 * get ids of another series. */
static void a_statement_that_failed_half_way_is_no_way_back_in_time(void **state)
{
	struct fixture *f = *state;
	struct source_status st;
	char install_id[40];
	struct reader r;

	install_items(f);
	fixture_reader(f, &r);
	reader_open(&r);
	(void)snprintf(install_id, sizeof(install_id), "%s", r.shared[0].install_id);
	assert_int_equal(sqlite3_exec(f->t.db,
				      "INSERT OR FAIL INTO log (id) SELECT 5 UNION ALL SELECT 6 "
				      "UNION ALL SELECT 5",
				      NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(reader_read(&r, 0), 2);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	reader_ack(&r, 0, r.events[0]->f.id, ACK_DELIVERED);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	reader_ack(&r, 0, r.events[1]->f.id, ACK_DELIVERED);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	r.s->ops->close(r.s);
	reader_open(&r);
	assert_string_equal(r.shared[0].install_id, install_id);
	reader_free(&r);
}

struct acking {
	struct source *s;
	enum err_code code;
	atomic_bool done;
};

static void acknowledge_one(void *arg)
{
	struct acking *a = arg;

	a->code = a->s->ops->acknowledge(a->s, &(struct ack){.id = 1}, 1, NULL);
	atomic_store(&a->done, true);
}

/* Without a WAL a commit that waits for one reader keeps all new ones out. */
static void new_readers_get_in_while_an_acknowledgement_waits_for_an_old_one(void **state)
{
	struct fixture *f = *state;
	struct acking a = {.code = ERR_INTERNAL};
	sqlite3_stmt *old;
	struct reader r;
	struct thread t;
	sqlite3 *app;
	int reads;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1), (2)");
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	app = sqlitetest_connect(&f->t);
	assert_int_equal(sqlite3_prepare_v2(app, "SELECT n FROM log", -1, &old, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(old), SQLITE_ROW);
	a.s = r.s;
	assert_int_equal(thread_start(&t, "ack", 0, acknowledge_one, &a, NULL), ERR_OK);
	for (reads = 0; reads < 200; reads++)
		assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM log"), 2);
	assert_false(atomic_load(&a.done));
	assert_int_equal(sqlite3_finalize(old), SQLITE_OK);
	thread_join(&t);
	assert_int_equal(a.code, ERR_OK);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 1);
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
	reader_free(&r);
}

/* Looks after one acknowledgement until the wait is at its longest. */
static void our_own_acknowledgements_do_not_keep_us_awake(void **state)
{
	struct fixture *f = *state;
	int64_t deadline, begin;
	int woken, looks = 0;
	struct reader r;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1)");
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 1);
	reader_ack(&r, 0, 1, ACK_DELIVERED);
	deadline = clock_now_us(clock_system()) + PATIENCE_US;
	do {
		assert_int_equal(reader_read(&r, 0), 0);
		begin = clock_now_us(clock_system());
		assert_true(begin < deadline);
		assert_int_equal(r.s->ops->wait(r.s, true, r.wake_fd, deadline, &woken, NULL),
				 ERR_OK);
		looks++;
	} while (clock_now_us(clock_system()) - begin < 900 * CLOCK_US_PER_MS);
	assert_true(looks < 60);
	reader_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_lost_beside_writers_that_are_killed),
		CASE_ROLLBACK(nothing_is_lost_beside_writers_that_are_killed),
		CASE(what_a_killed_reader_had_not_acknowledged_comes_again),
		CASE_ROLLBACK(what_a_killed_reader_had_not_acknowledged_comes_again),
		CASE(a_standby_takes_over_from_a_killed_reader),
		CASE(the_wal_is_reset_while_deliveries_hang),
		CASE(an_acknowledgement_waits_for_a_writer_and_is_not_lost),
		CASE(ids_of_a_statement_that_failed_half_way_are_not_used_again),
		CASE(a_statement_that_failed_half_way_is_no_way_back_in_time),
		CASE_ROLLBACK(an_acknowledgement_waits_for_a_writer_and_is_not_lost),
		CASE_ROLLBACK(new_readers_get_in_while_an_acknowledgement_waits_for_an_old_one),
		CASE(our_own_acknowledgements_do_not_keep_us_awake),
		CASE_ROLLBACK(our_own_acknowledgements_do_not_keep_us_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
