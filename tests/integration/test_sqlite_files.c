/* SPDX-License-Identifier: MIT */
/* Files that are replaced, restored, damaged or gone, and disks that fill up. */
#include "sqlite_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

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
		CASE(a_file_that_is_replaced_or_removed_is_noticed),
		CASE(a_restore_in_place_begins_another_series_of_ids),
		CASE(rows_put_back_by_hand_are_found),
		CASE(what_is_no_database_is_told_apart),
		CASE(an_installation_that_is_damaged_or_of_another_version_is_refused),
		cmocka_unit_test(a_full_disk_is_told_and_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
