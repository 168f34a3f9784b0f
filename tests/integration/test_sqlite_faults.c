/* SPDX-License-Identifier: MIT */
/* Writers beside the reader, processes that die, files that go, disks that fill up. */
#include "sqlite_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/random.h"
#include "base/thread.h"

#define WRITERS 4
#define ROWS_MAX 20000

static void install_items(struct fixture *f)
{
	run(f, "CREATE TABLE log (id INTEGER PRIMARY KEY, writer INT, n INT)");
	capture(f, "log");
	sqlitetest_install(&f->t);
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

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
	(void)sqlite3_busy_timeout(db, 60000);
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

/* ---- the file goes ---- */

static void a_file_that_is_replaced_or_removed_is_noticed(void **state)
{
	struct fixture *f = *state;
	char other[200], identity[200];
	struct ack a = {.id = 1, .outcome = ACK_DELIVERED};
	struct source_status st;
	struct event *events[1];
	struct reader r;
	size_t count;
	struct err e;
	int woken;
	bool more;

	install_items(f);
	fixture_reader(f, &r);
	reader_open(&r);
	(void)snprintf(identity, sizeof(identity), "%s", r.s->ops->identity(r.s));
	(void)snprintf(other, sizeof(other), "%s/other.db", f->t.directory);
	sqlitetest_exec(f->t.db, "VACUUM INTO '%s'", other);
	assert_int_equal(rename(other, f->t.path), 0);
	assert_int_equal(
		r.s->ops->read(r.s, 0, (struct source_limit){1, 1}, events, &count, &more, &e),
		ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "was replaced by another"));
	assert_int_equal(r.s->ops->acknowledge(r.s, &a, 1, &e), ERR_UNAVAILABLE);
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_UNAVAILABLE);
	assert_int_equal(r.s->ops->wait(r.s, true, r.wake_fd,
					clock_now_us(clock_system()) + PATIENCE_US, &woken, &e),
			 ERR_UNAVAILABLE);
	r.s->ops->close(r.s);
	/* as the old file's: SQLite would take them for the new one's */
	(void)snprintf(other, sizeof(other), "%s-wal", f->t.path);
	(void)unlink(other);
	(void)snprintf(other, sizeof(other), "%s-shm", f->t.path);
	(void)unlink(other);
	reader_open(&r);
	assert_string_not_equal(r.s->ops->identity(r.s), identity);
	assert_int_equal(unlink(f->t.path), 0);
	assert_int_equal(
		r.s->ops->read(r.s, 0, (struct source_limit){1, 1}, events, &count, &more, &e),
		ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "is gone"));
	r.s->ops->close(r.s);
	assert_int_equal(r.s->ops->open(r.s, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "there is no database file"));
	reader_free(&r);
}

static void restore_in_place(struct fixture *f, const char *from)
{
	sqlite3_backup *backup;
	sqlite3 *source;

	assert_int_equal(sqlite3_open(from, &source), SQLITE_OK);
	backup = sqlite3_backup_init(f->t.db, "main", source, "main");
	assert_non_null(backup);
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	assert_int_equal(sqlite3_close(source), SQLITE_OK);
}

/* The restored outbox gives out the ids of events that were delivered. */
static void a_restore_in_place_begins_another_series_of_ids(void **state)
{
	struct fixture *f = *state;
	char copy[200], identity[200], install_id[40];
	struct source_status st;
	struct reader r;
	struct err e;

	install_items(f);
	(void)snprintf(copy, sizeof(copy), "%s/copy.db", f->t.directory);
	sqlitetest_exec(f->t.db, "VACUUM INTO '%s'", copy);
	run(f, "INSERT INTO log (n) VALUES (1), (2)");
	fixture_reader(f, &r);
	reader_open(&r);
	(void)snprintf(identity, sizeof(identity), "%s", r.s->ops->identity(r.s));
	(void)snprintf(install_id, sizeof(install_id), "%s", r.shared[0].install_id);
	assert_int_equal(reader_read(&r, 0), 2);
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_OK);
	restore_in_place(f, copy);
	run(f, "INSERT INTO log (n) VALUES (3)");
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "went back in time"));
	r.s->ops->close(r.s);
	reader_open(&r);
	assert_string_not_equal(r.s->ops->identity(r.s), identity);
	assert_string_not_equal(r.shared[0].install_id, install_id);
	assert_int_equal(reader_read(&r, 0), 1);
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_OK);
	reader_free(&r);
}

static void rows_put_back_by_hand_are_found(void **state)
{
	struct fixture *f = *state;
	struct source_status st;
	struct reader r;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1), (2), (3)");
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 3);
	reader_ack(&r, 0, 2, ACK_DELIVERED);
	run(f, "INSERT INTO app_db_listener_outbox (id, operation, table_name) VALUES (2, "
	       "'insert', 'log')");
	assert_int_equal(reader_read(&r, 0), 0);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	assert_int_equal(reader_read(&r, 0), 1);
	assert_int_equal(r.events[0]->f.id, 2);
	assert_int_equal(reader_read(&r, 0), 0);
	reader_free(&r);
}

/* ---- what is no database ---- */

static enum err_code open_once(struct fixture *f, struct err *e)
{
	struct reader r;
	enum err_code code;

	fixture_reader(f, &r);
	code = r.s->ops->open(r.s, e);
	reader_free(&r);
	return code;
}

static void put_bytes(struct fixture *f, const char *bytes, size_t len, off_t at, bool cut)
{
	int fd;

	fd = open(f->t.path, O_WRONLY | O_CLOEXEC | (cut ? O_TRUNC : 0));
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), (ssize_t)len);
	(void)close(fd);
}

static void what_is_no_database_is_told_apart(void **state)
{
	struct fixture *f = *state;
	char garbage[4096];
	struct err e;

	install_items(f);
	run(f, "PRAGMA journal_mode = DELETE");
	assert_int_equal(sqlite3_close(f->t.db), SQLITE_OK);
	memset(garbage, 0x5a, sizeof(garbage));
	/* a page of the schema */
	put_bytes(f, garbage, 3000, 100, false);
	assert_int_equal(open_once(f, &e), ERR_DB);
	assert_non_null(strstr(e.msg, "(SQLITE_CORRUPT); the file is damaged"));
	put_bytes(f, garbage, sizeof(garbage), 0, true);
	assert_int_equal(open_once(f, &e), ERR_DB);
	assert_non_null(strstr(e.msg, "(SQLITE_NOTADB); another format, or encrypted"));
	assert_non_null(strstr(e.msg, f->t.path));
	assert_int_equal(sqlitetest_check(&f->t), ERR_DB);
	assert_said(f, "fail connection: ");
	/* an empty file is an empty database */
	put_bytes(f, "", 0, 0, true);
	assert_int_equal(open_once(f, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "is not installed in"));
	assert_int_equal(sqlite3_open(f->t.path, &f->t.db), SQLITE_OK);
}

static void an_installation_that_is_damaged_or_of_another_version_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err e;

	install_items(f);
	run(f, "UPDATE app_db_listener_install SET version = 99");
	assert_int_equal(open_once(f, &e), ERR_DB);
	assert_non_null(strstr(e.msg, "has version 99, this daemon needs 1"));
	run(f, "UPDATE app_db_listener_install SET version = 1; DELETE FROM "
	       "app_db_listener_install WHERE pipeline = 'second'");
	assert_int_equal(open_once(f, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "pipeline second is not installed"));
	sqlitetest_install(&f->t);
	run(f, "DROP TABLE app_db_listener_dead_letter");
	assert_int_equal(open_once(f, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "the installation is damaged: run app-db-listener install"));
}

/* ---- the disk ---- */

#define DISK_SKIPPED 77

/* In a child with a small file system of its own, mounted where nobody else sees it. */
static void on_a_small_disk(const char *directory)
{
	struct fixture f;
	struct ack a = {.id = 1, .outcome = ACK_DELIVERED};
	struct ack dead = {.id = 2, .outcome = ACK_DEAD, .attempts = 1};
	char big[64], filler[200];
	struct reader r;
	struct err e;
	int fd;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=2m") != 0)
		_exit(DISK_SKIPPED);
	assert_int_equal(setenv("TMPDIR", directory, 1), 0);
	fixture_open(&f, "WAL");
	install_items(&f);
	sqlitetest_exec(f.t.db, "INSERT INTO log (n) VALUES (1), (2), (3)");
	fixture_reader(&f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 3);
	(void)snprintf(filler, sizeof(filler), "%s/filler", directory);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	memset(big, 'x', sizeof(big));
	while (write(fd, big, sizeof(big)) > 0)
		;
	(void)close(fd);
	assert_int_equal(r.s->ops->acknowledge(r.s, &dead, 1, &e), ERR_UNAVAILABLE);
	assert_non_null(strstr(e.msg, "(SQLITE_FULL); there is no space left"));
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(r.s->ops->acknowledge(r.s, &a, 1, &e), ERR_OK);
	assert_int_equal(r.s->ops->acknowledge(r.s, &dead, 1, &e), ERR_OK);
	r.s->ops->close(r.s);
	/* and one that was mounted anew, read-only */
	assert_int_equal(sqlite3_close(f.t.db), SQLITE_OK);
	assert_int_equal(mount(NULL, directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(r.s->ops->open(r.s, &e), ERR_DENIED);
	assert_non_null(strstr(e.msg, "must be readable and writable: Read-only file system"));
	assert_int_equal(mount(NULL, directory, NULL, MS_REMOUNT, "size=2m"), 0);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 1);
	_exit(0);
}

static void a_full_disk_is_told_and_survived(void **state)
{
	char directory[] = "/tmp/small-XXXXXX";
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(directory));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		on_a_small_disk(directory);
	status = end_of(pid);
	assert_int_equal(rmdir(directory), 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == DISK_SKIPPED) {
		print_message("# SKIPPED: no right to mount a small file system here\n");
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
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
		CASE_ROLLBACK(an_acknowledgement_waits_for_a_writer_and_is_not_lost),
		CASE_ROLLBACK(new_readers_get_in_while_an_acknowledgement_waits_for_an_old_one),
		CASE(our_own_acknowledgements_do_not_keep_us_awake),
		CASE_ROLLBACK(our_own_acknowledgements_do_not_keep_us_awake),
		CASE(a_file_that_is_replaced_or_removed_is_noticed),
		CASE(a_restore_in_place_begins_another_series_of_ids),
		CASE(rows_put_back_by_hand_are_found),
		CASE(what_is_no_database_is_told_apart),
		CASE(an_installation_that_is_damaged_or_of_another_version_is_refused),
		cmocka_unit_test(a_full_disk_is_told_and_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
