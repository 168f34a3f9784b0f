/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log_file_place.h"

static void a_new_file_is_private_and_appended_to(void **state)
{
	struct place *p = *state;
	mode_t before = umask(0);
	struct stat st;

	file_open(p, 0, 0);
	(void)umask(before);
	assert_int_equal(fstat(p->file.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_true(fcntl(p->file.fd, F_GETFD) & FD_CLOEXEC);
	file_write(p, "one\n");
	log_file_close(&p->file);
	file_open(p, 0, 0);
	assert_int_equal(p->file.bytes, 4);
	file_write(p, "two\n");
	assert_int_equal(p->file.bytes, 8);
	assert_holds(p, "", "one\ntwo\n");
}

static void paths_that_cannot_be_opened_say_why(void **state)
{
	struct place *p = *state;
	char path[80];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/missing/log", p->dir);
	assert_int_equal(log_file_open(&p->file, path, 0, 0, &e), ERR_NOT_FOUND);
	assert_int_equal(e.sys, ENOENT);
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(log_file_open(&p->file, p->dir, 0, 0, &e), ERR_IO);
	assert_int_equal(e.sys, EISDIR);
	if (geteuid() != 0)
		assert_int_equal(log_file_open(&p->file, "/etc/passwd", 0, 0, &e), ERR_DENIED);
	(void)snprintf(path, sizeof(path), "%s-target", p->path);
	assert_int_equal(symlink(path, p->path), 0);
	assert_int_equal(log_file_open(&p->file, p->path, 0, 0, &e), ERR_IO);
	assert_non_null(strstr(e.msg, "symbolic link"));
	assert_int_equal(access(path, F_OK), -1);
	/* a FIFO that nobody reads does not hang the start */
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_int_equal(log_file_open(&p->file, p->path, 0, 0, &e), ERR_IO);
	assert_int_equal(e.sys, ENXIO);
}

static void the_line_that_would_cross_the_bound_starts_a_new_file(void **state)
{
	struct place *p = *state;

	file_open(p, 10, 2);
	file_write(p, "1234\n6789\n");
	assert_holds(p, ".1", NULL);
	file_write(p, "b\n");
	assert_holds(p, ".1", "1234\n6789\n");
	assert_holds(p, "", "b\n");
	file_write(p, "c23456789\nd\n");
	/* the first of the three is the oldest, and gone */
	assert_holds(p, ".2", "b\n");
	assert_holds(p, ".1", "c23456789\n");
	assert_holds(p, "", "d\n");
	assert_holds(p, ".3", NULL);
}

static void one_write_of_many_lines_is_split_between_files(void **state)
{
	struct place *p = *state;

	file_open(p, 10, 3);
	file_write(p, "aaaa\nbbbb\ncccc\ndddd\neeee\nffff\ngggg\nhhhh\niiii\n");
	assert_holds(p, ".4", NULL);
	assert_holds(p, ".3", "cccc\ndddd\n");
	assert_holds(p, ".2", "eeee\nffff\n");
	assert_holds(p, ".1", "gggg\nhhhh\n");
	assert_holds(p, "", "iiii\n");
}

static void a_line_longer_than_the_bound_has_a_file_of_its_own(void **state)
{
	struct place *p = *state;

	file_open(p, 5, 3);
	file_write(p, "a\nlonger than five\nb\nc\n");
	assert_holds(p, ".2", "a\n");
	assert_holds(p, ".1", "longer than five\n");
	assert_holds(p, "", "b\nc\n");
}

static void keep_none_begins_again(void **state)
{
	struct place *p = *state;

	file_open(p, 4, 0);
	file_write(p, "a\nb\nc\n");
	assert_holds(p, "", "c\n");
	assert_holds(p, ".0", NULL);
	assert_holds(p, ".1", NULL);
}

static void an_old_file_over_the_bound_is_rotated_at_the_first_line(void **state)
{
	struct place *p = *state;

	file_open(p, 0, 0);
	file_write(p, "long long line\n");
	log_file_close(&p->file);
	file_open(p, 10, 1);
	file_write(p, "new\n");
	assert_holds(p, ".1", "long long line\n");
	assert_holds(p, "", "new\n");
}

static void a_gap_in_the_numbers_is_no_obstacle(void **state)
{
	struct place *p = *state;
	char path[64], to[64];

	file_open(p, 2, 3);
	file_write(p, "a\nb\nc\n");
	(void)snprintf(path, sizeof(path), "%s.1", p->path);
	(void)snprintf(to, sizeof(to), "%s-target", p->path);
	assert_int_equal(rename(path, to), 0);
	file_write(p, "d\n");
	assert_holds(p, "", "d\n");
	/* it is filled, and what is behind it stays */
	assert_holds(p, ".1", "c\n");
	assert_holds(p, ".2", "a\n");
	assert_holds(p, ".3", NULL);
}

/* FILE.1 is a directory that is not empty: nothing can be renamed to it. */
static void what_cannot_be_rotated_does_not_grow(void **state)
{
	struct place *p = *state;
	char path[64], inside[80];
	struct err e;
	size_t n;
	int i;

	(void)snprintf(path, sizeof(path), "%s.1", p->path);
	(void)snprintf(inside, sizeof(inside), "%s/inside", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mkdir(inside, 0700), 0);
	file_open(p, 10, 1);
	file_write(p, "12345678\n");
	for (i = 0; i < 9; i++) {
		assert_int_equal(log_file_write(&p->file, "abcdefgh\n", 9, 0, &n, &e), ERR_IO);
		assert_non_null(strstr(e.msg, "cannot rotate"));
		assert_holds(p, "", "12345678\n");
	}
	/* at last the newest lines are worth more */
	file_write(p, "abcdefgh\n");
	assert_holds(p, "", "abcdefgh\n");
	/* when the obstacle is gone, it rotates */
	assert_int_equal(log_file_write(&p->file, "next\n", 5, 0, &n, &e), ERR_IO);
	assert_int_equal(rmdir(inside), 0);
	assert_int_equal(rmdir(path), 0);
	file_write(p, "next\n");
	assert_holds(p, ".1", "abcdefgh\n");
	assert_holds(p, "", "next\n");
}

static void reopen_follows_a_file_that_was_moved(void **state)
{
	struct place *p = *state;
	char moved[64];

	(void)snprintf(moved, sizeof(moved), "%s.4", p->path);
	file_open(p, 0, 0);
	file_write(p, "old\n");
	assert_int_equal(rename(p->path, moved), 0);
	file_write(p, "still old\n");
	assert_int_equal(log_file_reopen(&p->file, NULL), ERR_OK);
	assert_int_equal(p->file.bytes, 0);
	file_write(p, "new\n");
	assert_holds(p, ".4", "old\nstill old\n");
	assert_holds(p, "", "new\n");
}

static void reopen_of_the_same_file_changes_nothing(void **state)
{
	struct place *p = *state;
	int fd;

	file_open(p, 0, 0);
	fd = p->file.fd;
	p->file.is_torn = true;
	assert_int_equal(log_file_reopen(&p->file, NULL), ERR_OK);
	assert_int_equal(p->file.fd, fd);
	assert_true(p->file.is_torn);
}

static void a_failed_reopen_keeps_the_old_file(void **state)
{
	struct place *p = *state;
	char moved[64];

	(void)snprintf(moved, sizeof(moved), "%s.4", p->path);
	file_open(p, 0, 0);
	assert_int_equal(rename(p->path, moved), 0);
	assert_int_equal(mkdir(p->path, 0700), 0);
	assert_int_equal(log_file_reopen(&p->file, NULL), ERR_IO);
	file_write(p, "here\n");
	assert_holds(p, ".4", "here\n");
}

/* A second daemon with the same configuration rotated: join it, do not rotate its new file away. */
static void a_file_rotated_by_another_is_not_rotated_again(void **state)
{
	struct place *p = *state, other = *p;

	file_open(p, 10, 2);
	file_open(&other, 10, 2);
	file_write(p, "aaaa\nbbbb\n");
	file_write(&other, "cccc\n");
	file_write(p, "dddd\n");
	assert_holds(p, ".2", NULL);
	assert_holds(p, ".1", "aaaa\nbbbb\n");
	assert_holds(p, "", "cccc\ndddd\n");
	log_file_close(&other.file);
}

static void a_removed_file_is_made_again(void **state)
{
	struct place *p = *state;

	file_open(p, 0, 0);
	file_write(p, "lost\n");
	assert_int_equal(unlink(p->path), 0);
	file_write(p, "kept\n");
	assert_holds(p, "", "kept\n");
}

static void a_truncated_file_has_its_size_again(void **state)
{
	struct place *p = *state;

	file_open(p, 10, 1);
	file_write(p, "aaaa\nbbbb\n");
	assert_int_equal(truncate(p->path, 0), 0);
	file_write(p, "cccc\n");
	assert_holds(p, "", "cccc\n");
	assert_holds(p, ".1", NULL);
	assert_int_equal(p->file.bytes, 5);
}

/* The disk takes a part of a line; the rest goes to the same file, even if that was full. */
static void a_torn_line_is_finished_before_a_rotation(void **state)
{
	struct place *p = *state;
	struct rlimit before, small;
	struct err e;
	size_t n = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 6;
	file_open(p, 8, 1);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(log_file_write(&p->file, "12345678\n", 9, 0, &n, NULL), ERR_OK);
	assert_int_equal(n, 6);
	assert_int_equal(log_file_write(&p->file, "78\n", 3, 0, &n, &e), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(e.sys, EFBIG);
	assert_true(p->file.is_torn);
	file_write(p, "78\nnext\n");
	assert_holds(p, ".1", "12345678\n");
	assert_holds(p, "", "next\n");
}

static void a_full_device_is_an_error(void **state)
{
	struct place *p = *state;
	struct err e;
	size_t n = 99;

	assert_int_equal(log_file_open(&p->file, "/dev/full", 100, 1, NULL), ERR_OK);
	assert_int_equal(log_file_write(&p->file, "x\n", 2, 0, &n, &e), ERR_IO);
	assert_int_equal(e.sys, ENOSPC);
	assert_int_equal(n, 99);
}

static void a_pipe_that_nobody_reads_is_full_and_does_not_block(void **state)
{
	struct place *p = *state;
	char lines[8000], got[8000];
	int reader, round;
	size_t n, i;
	ssize_t k;

	for (i = 0; i < sizeof(lines); i++)
		lines[i] = i % 100 == 99 ? '\n' : 'x';
	assert_int_equal(mkfifo(p->path, 0600), 0);
	reader = open(p->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	file_open(p, 10, 1); /* no size, no rotation */
	for (round = 0; round < 1000; round++) {
		n = 0;
		if (log_file_write(&p->file, lines, sizeof(lines), 0, &n, NULL) != ERR_OK)
			break;
		assert_in_range(n, 100, 4096);
		assert_int_equal(n % 100, 0);
	}
	assert_int_equal(log_file_write(&p->file, lines, 100, 1, &n, NULL), ERR_FULL);
	k = read(reader, got, sizeof(got));
	assert_true(k >= 4096);
	assert_int_equal(log_file_write(&p->file, lines, 100, 0, &n, NULL), ERR_OK);
	fd_close(&reader);
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(a_new_file_is_private_and_appended_to),
		PLACE_TEST(paths_that_cannot_be_opened_say_why),
		PLACE_TEST(the_line_that_would_cross_the_bound_starts_a_new_file),
		PLACE_TEST(one_write_of_many_lines_is_split_between_files),
		PLACE_TEST(a_line_longer_than_the_bound_has_a_file_of_its_own),
		PLACE_TEST(keep_none_begins_again),
		PLACE_TEST(an_old_file_over_the_bound_is_rotated_at_the_first_line),
		PLACE_TEST(a_gap_in_the_numbers_is_no_obstacle),
		PLACE_TEST(what_cannot_be_rotated_does_not_grow),
		PLACE_TEST(reopen_follows_a_file_that_was_moved),
		PLACE_TEST(reopen_of_the_same_file_changes_nothing),
		PLACE_TEST(a_failed_reopen_keeps_the_old_file),
		PLACE_TEST(a_file_rotated_by_another_is_not_rotated_again),
		PLACE_TEST(a_removed_file_is_made_again),
		PLACE_TEST(a_truncated_file_has_its_size_again),
		PLACE_TEST(a_torn_line_is_finished_before_a_rotation),
		PLACE_TEST(a_full_device_is_an_error),
		PLACE_TEST(a_pipe_that_nobody_reads_is_full_and_does_not_block),
	};

	return cmocka_run_group_tests_name("base/log_file", tests, NULL, NULL);
}
