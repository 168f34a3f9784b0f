/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_case.h"
#include "sink/archive_compress.h"
#include "sink/archive_file.h"
#include "sink/archive_names.h"

/* ---- a disk that fails ---- */

struct disk {
	size_t room;  /* bytes that can still be written; the one that does not fit is torn */
	bool no_cut;  /* nor can anything be cut off */
	int no_syncs; /* so many fail */
	int syncs;
};

static ssize_t disk_write(void *ctx, int fd, const void *bytes, size_t len, off_t at)
{
	struct disk *d = ctx;
	size_t n = len < d->room ? len : d->room;

	d->room -= n;
	errno = ENOSPC;
	return n ? pwrite(fd, bytes, n, at) : -1;
}

static int disk_truncate(void *ctx, int fd, off_t size)
{
	const struct disk *d = ctx;

	errno = EIO;
	return d->no_cut ? -1 : ftruncate(fd, size);
}

static int disk_sync(void *ctx, int fd)
{
	struct disk *d = ctx;

	(void)fd;
	errno = EIO;
	if (d->no_syncs > 0) {
		d->no_syncs--;
		return -1;
	}
	d->syncs++;
	return 0;
}

#define ROOMY SIZE_MAX

/* ---- an archive ---- */

struct lab {
	struct archive_file f;
	struct disk disk;
	struct archive_io io;
	struct archive_file_options o;
	int next; /* id */
	struct err e;
};

static void lab_open(struct lab *l, const struct archive_case *c, bool json)
{
	l->disk.room = ROOMY;
	l->io = (struct archive_io){disk_write, disk_truncate, disk_sync, &l->disk};
	l->o.path = c->path;
	l->o.json = json;
	l->o.io = &l->io;
	l->next = 1;
	assert_int_equal(archive_file_init(&l->f, &l->o, &l->e), ERR_OK);
}

/* A write of n records, with the next ids; when it fails they come again. */
static enum err_code write_records(struct lab *l, int n)
{
	enum err_code code;
	char record[64];
	struct buf text;
	int i;

	buf_init(&text, 1 << 20);
	for (i = 0; i < n; i++) {
		(void)snprintf(record, sizeof(record), "{\"id\":%d,\"t\":\"[]\"}", l->next + i);
		archive_file_add(&l->f, &text, text_of(record));
	}
	code = archive_file_write(&l->f, &text, &l->e);
	if (code == ERR_OK)
		l->next += n;
	buf_done(&text);
	return code;
}

static void between_writes_the_file_parses(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	int json;

	for (json = 0; json < 2; json++) {
		lab_open(&l, c, json);
		assert_int_equal(archive_file_open(&l.f, &l.e), ERR_OK);
		assert_string_equal(archive_case_ids(c->path, json), "");
		assert_int_equal(write_records(&l, 1), ERR_OK);
		assert_string_equal(archive_case_ids(c->path, json), "1");
		assert_int_equal(write_records(&l, 3), ERR_OK);
		assert_string_equal(archive_case_ids(c->path, json), "1 2 3 4");
		archive_file_done(&l.f);
		lab_open(&l, c, json);
		l.next = 5;
		assert_int_equal(write_records(&l, 2), ERR_OK);
		assert_string_equal(archive_case_ids(c->path, json), "1 2 3 4 5 6");
		assert_int_equal(l.f.stats.repaired, 0);
		archive_file_done(&l.f);
		(void)unlink(c->path);
	}
}

static void a_disk_may_be_full_at_any_byte(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	size_t room;
	int json, dead, failed;

	for (json = 0; json < 2; json++) {
		for (dead = 0; dead < 2; dead++) {
			for (room = 0, failed = 1; failed; room++) {
				(void)unlink(c->path);
				lab_open(&l, c, json);
				assert_int_equal(write_records(&l, 2), ERR_OK);
				l.disk.room = room;
				l.disk.no_cut = dead;
				failed = write_records(&l, 2) != ERR_OK;
				if (failed) {
					assert_int_equal(l.e.code, ERR_IO);
					assert_non_null(strstr(l.e.msg, c->path));
				}
				/* what cannot be cut off either waits for the next write */
				if (failed && !dead && !json)
					assert_string_equal(archive_case_ids(c->path, json), "1 2");
				l.disk.room = ROOMY;
				l.disk.no_cut = false;
				assert_int_equal(write_records(&l, 2), ERR_OK);
				assert_string_equal(archive_case_ids(c->path, json),
						    failed ? "1 2 3 4" : "1 2 3 4 5 6");
				archive_file_done(&l.f);
			}
			assert_true(room > 30);
		}
	}
}

static void what_could_not_be_synced_is_written_again(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.o = {.fsync = true}};

	lab_open(&l, c, true);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_int_equal(l.disk.syncs, 1);
	l.disk.no_syncs = 2;
	assert_int_equal(write_records(&l, 1), ERR_IO);
	assert_string_equal(archive_case_ids(c->path, true), "1");
	assert_int_equal(write_records(&l, 1), ERR_IO);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(c->path, true), "1 2");
	assert_int_equal(l.f.stats.synced, 2);
	archive_file_done(&l.f);
}

/* The kernel's own limit: a write up to it is torn, the next is EFBIG. */
static void a_limit_of_the_system_holds_it_up(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	struct rlimit before, small;
	int n = 0;

	lab_open(&l, c, true);
	l.f.o.io = &archive_io_system;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	while (write_records(&l, 3) == ERR_OK)
		n++;
	assert_int_equal(l.e.sys, EFBIG);
	assert_true(n > 5);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)archive_case_ids(c->path, true);
	assert_int_equal(write_records(&l, 3), ERR_OK);
	(void)archive_case_ids(c->path, true);
	assert_int_equal(l.next, 1 + 3 * (n + 1));
	archive_file_done(&l.f);
}

/* ---- what others do to it ---- */

static void a_file_that_was_moved_or_removed_is_begun_anew(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	char moved[160];

	lab_open(&l, c, true);
	assert_int_equal(write_records(&l, 2), ERR_OK);
	(void)snprintf(moved, sizeof(moved), "%s.1", c->path);
	assert_int_equal(rename(c->path, moved), 0);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(moved, true), "1 2");
	assert_string_equal(archive_case_ids(c->path, true), "3");
	assert_int_equal(unlink(c->path), 0);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(c->path, true), "4");
	archive_file_done(&l.f);
}

static void a_file_that_was_cut_or_grew_is_repaired(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	FILE *other;

	lab_open(&l, c, true);
	assert_int_equal(write_records(&l, 2), ERR_OK);
	assert_int_equal(truncate(c->path, 0), 0); /* logrotate's copytruncate */
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(c->path, true), "3");
	other = fopen(c->path, "a");
	assert_non_null(other);
	(void)fputs("somebody else's line\n", other);
	(void)fclose(other);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(c->path, true), "3 4");
	assert_int_equal(l.f.stats.repaired, 1);
	archive_file_done(&l.f);
}

static void a_directory_may_come_later(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	char dir[100];

	(void)snprintf(dir, sizeof(dir), "%s/sub", c->dir);
	(void)snprintf(c->path, sizeof(c->path), "%s/events", dir);
	lab_open(&l, c, false);
	assert_int_equal(write_records(&l, 1), ERR_NOT_FOUND);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	/* and go */
	assert_int_equal(unlink(c->path), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(write_records(&l, 1), ERR_NOT_FOUND);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(archive_case_ids(c->path, false), "2");
	archive_file_done(&l.f);
	(void)unlink(c->path);
	(void)rmdir(dir);
}

static void nobody_else_writes_it(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0}, other = {.next = 0};

	lab_open(&l, c, true);
	lab_open(&other, c, true);
	assert_int_equal(archive_file_open(&l.f, &l.e), ERR_OK);
	assert_int_equal(archive_file_open(&other.f, &other.e), ERR_BUSY);
	assert_non_null(strstr(other.e.msg, "by another daemon or pipeline"));
	assert_int_equal(write_records(&other, 1), ERR_BUSY);
	archive_file_done(&l.f);
	assert_int_equal(write_records(&other, 1), ERR_OK);
	archive_file_done(&other.f);
}

static void only_a_regular_file_is_an_archive(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.next = 0};
	char target[160];

	(void)snprintf(target, sizeof(target), "%s.target", c->path);
	lab_open(&l, c, true);
	assert_int_equal(symlink(target, c->path), 0);
	assert_int_equal(archive_file_open(&l.f, &l.e), ERR_CONFIG);
	(void)unlink(c->path);
	assert_int_equal(mkfifo(c->path, 0600), 0);
	assert_int_equal(archive_file_open(&l.f, &l.e), ERR_CONFIG);
	(void)unlink(c->path);
	assert_int_equal(mkdir(c->path, 0700), 0);
	assert_int_equal(archive_file_open(&l.f, &l.e), ERR_CONFIG);
	(void)rmdir(c->path);
	archive_case_write(c->path, "hello\n", 6);
	assert_int_equal(archive_file_open(&l.f, &l.e), ERR_CONFIG);
	assert_int_equal(archive_file_open(&l.f, NULL), ERR_CONFIG);
	archive_file_done(&l.f);
}

/* ---- rotation ---- */

static const char *name_of(const struct archive_case *c, int number, const char *suffix)
{
	static char name[200];

	(void)snprintf(name, sizeof(name), "%s.%06d%s", c->path, number, suffix);
	return name;
}

/* "1 2.gz 3" */
static const char *rotated(const struct archive_case *c)
{
	static char text[256];
	struct archive_names n;
	size_t i;

	assert_int_equal(archive_names_list(c->path, &n, NULL), ERR_OK);
	for (i = 0, text[0] = '\0'; i < n.count; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld%s%s%s",
			       i ? " " : "", (long long)n.items[i].number,
			       n.items[i].plain ? "" : "-", n.items[i].gz ? ".gz" : "",
			       n.items[i].temp ? ".tmp" : "");
	archive_names_done(&n);
	return text;
}

static void a_file_that_is_full_gets_a_number(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.o = {.rotate_bytes = 100}};
	char moved[200];

	archive_case_write(name_of(c, 1, "x"), "", 0);        /* none of ours */
	archive_case_write(name_of(c, 41, ".gz.bak"), "", 0); /* nor this */
	lab_open(&l, c, true);
	while (l.f.stats.rotated < 2)
		assert_int_equal(write_records(&l, 2), ERR_OK);
	assert_string_equal(rotated(c), "1 2");
	assert_string_equal(archive_case_ids(name_of(c, 1, ""), true), "1 2 3 4");
	assert_string_equal(archive_case_ids(name_of(c, 2, ""), true), "5 6 7 8");
	assert_string_equal(archive_case_ids(c->path, true), "9 10");
	/* numbers rise whatever is removed; and one of more than six digits is a number too */
	(void)unlink(name_of(c, 1, ""));
	(void)snprintf(moved, sizeof(moved), "%s", name_of(c, 2, ""));
	assert_int_equal(rename(moved, name_of(c, 1234567, "")), 0);
	while (l.f.stats.rotated < 3)
		assert_int_equal(write_records(&l, 2), ERR_OK);
	assert_string_equal(rotated(c), "1234567 1234568");
	archive_file_done(&l.f);
}

static void one_write_larger_than_a_file_has_its_own(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.o = {.rotate_bytes = 100}};

	lab_open(&l, c, false);
	assert_int_equal(write_records(&l, 20), ERR_OK);
	assert_string_equal(rotated(c), "");
	assert_int_equal(write_records(&l, 1), ERR_OK);
	assert_string_equal(rotated(c), "1");
	assert_string_equal(archive_case_ids(c->path, false), "21");
	archive_file_done(&l.f);
}

static void of_rotated_files_the_last_are_kept(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.o = {.rotate_bytes = 100, .keep = 3}};

	lab_open(&l, c, true);
	while (l.f.stats.rotated < 9)
		assert_int_equal(write_records(&l, 2), ERR_OK);
	assert_string_equal(rotated(c), "7 8 9");
	archive_file_done(&l.f);
}

/* ---- compression ---- */

static char *unzipped(const char *name)
{
	char command[300];
	char *text = calloc(1, 65536);
	FILE *p;

	assert_non_null(text);
	(void)snprintf(command, sizeof(command), "gzip -dc <%s", name);
	p = popen(command, "r"); /* NOLINT(cert-env33-c): a name of the test's own */
	assert_non_null(p);
	(void)fread(text, 1, 65535, p);
	assert_int_equal(pclose(p), 0);
	return text;
}

static void compressed_files_hold_the_same(void **state)
{
	struct archive_case *c = *state;
	struct lab l = {.o = {.rotate_bytes = 1000}};
	struct archive_compress *z = NULL;
	char *before, *after;

	lab_open(&l, c, true);
	while (l.f.stats.rotated < 2)
		assert_int_equal(write_records(&l, 5), ERR_OK);
	archive_file_done(&l.f);
	before = archive_case_read(name_of(c, 1, ""), NULL);
	assert_int_equal(archive_compress_new(c->path, NULL, &z, &l.e), ERR_OK);
	assert_int_equal(archive_compress_all(z, &l.e), ERR_OK);
	assert_string_equal(rotated(c), "1-.gz 2-.gz");
	assert_int_equal(archive_compress_count(z), 2);
	after = unzipped(name_of(c, 1, ".gz"));
	assert_string_equal(after, before);
	/* again: nothing to do */
	assert_int_equal(archive_compress_all(z, &l.e), ERR_OK);
	assert_int_equal(archive_compress_count(z), 2);
	archive_compress_free(z);
	free(before);
	free(after);
}

static void what_a_crash_left_of_a_compression_is_taken_up(void **state)
{
	struct archive_case *c = *state;
	struct archive_compress *z = NULL;
	struct err e;
	char *text;

	/* 1: half done; 2: done, and the plain one still there; 3: half done and plain gone */
	archive_case_write(name_of(c, 1, ""), "[\n]\n", 4);
	archive_case_write(name_of(c, 1, ".gz.tmp"), "half", 4);
	archive_case_write(name_of(c, 2, ""), "[\n]\n", 4);
	archive_case_write(name_of(c, 2, ".gz"), "whole", 5);
	archive_case_write(name_of(c, 3, ".gz.tmp"), "half", 4);
	assert_int_equal(archive_compress_new(c->path, NULL, &z, &e), ERR_OK);
	assert_int_equal(archive_compress_all(z, &e), ERR_OK);
	assert_string_equal(rotated(c), "1-.gz 2-.gz");
	text = unzipped(name_of(c, 1, ".gz"));
	assert_string_equal(text, "[\n]\n");
	free(text);
	text = archive_case_read(name_of(c, 2, ".gz"), NULL);
	assert_string_equal(text, "whole");
	free(text);
	archive_compress_free(z);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, archive_case_setup, archive_case_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(between_writes_the_file_parses),
		CASE(a_disk_may_be_full_at_any_byte),
		CASE(what_could_not_be_synced_is_written_again),
		CASE(a_limit_of_the_system_holds_it_up),
		CASE(a_file_that_was_moved_or_removed_is_begun_anew),
		CASE(a_file_that_was_cut_or_grew_is_repaired),
		CASE(a_directory_may_come_later),
		CASE(nobody_else_writes_it),
		CASE(only_a_regular_file_is_an_archive),
		CASE(a_file_that_is_full_gets_a_number),
		CASE(one_write_larger_than_a_file_has_its_own),
		CASE(of_rotated_files_the_last_are_kept),
		CASE(compressed_files_hold_the_same),
		CASE(what_a_crash_left_of_a_compression_is_taken_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
