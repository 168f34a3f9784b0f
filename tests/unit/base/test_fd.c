/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static void close_forgets_the_descriptor_and_keeps_errno(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd;

	(void)state;
	assert_true(fd >= 0);
	errno = EXDEV;
	fd_close(&fd);
	assert_int_equal(fd, -1);
	fd_close(&fd);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
}

static void wake_ups_add_up_to_one(void **state)
{
	int fd = -1, i;

	(void)state;
	assert_int_equal(fd_wake_open(&fd, NULL), ERR_OK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_false(fd_wake_clear(fd));
	errno = EXDEV;
	for (i = 0; i < 1000; i++)
		fd_wake(fd);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fd_wait(-1, fd, 0, INT64_MAX), FD_WOKEN);
	assert_true(fd_wake_clear(fd));
	assert_false(fd_wake_clear(fd));
	assert_int_equal(fd_wait(-1, fd, 0, 0), 0);
	fd_close(&fd);
}

static void no_descriptors_left_is_an_error(void **state)
{
	struct rlimit before, few;
	int fd = -1;
	struct err e;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(fd_wake_open(&fd, &e), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(e.sys, EMFILE);
	assert_int_equal(fd, -1);
}

static void wait_says_what_is_ready(void **state)
{
	int p[2], wake = -1;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_wake_open(&wake, NULL), ERR_OK);
	assert_int_equal(fd_wait(p[0], wake, 5, 5), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(fd_wait(p[0], wake, 0, INT64_MAX), FD_READY);
	fd_wake(wake);
	assert_int_equal(fd_wait(p[0], wake, 0, INT64_MAX), FD_READY | FD_WOKEN);
	assert_int_equal(fd_wait(-1, wake, 0, INT64_MAX), FD_WOKEN);
	assert_int_equal(fd_wait(-1, -1, 0, 1), 0);
	fd_close(&p[1]);
	fd_close(&p[0]);
	fd_close(&wake);
}

static void a_closed_peer_is_ready(void **state)
{
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fd_close(&p[1]);
	assert_int_equal(fd_wait(p[0], -1, 0, INT64_MAX), FD_READY);
	fd_close(&p[0]);
}

static void wait_ends_at_the_deadline_and_not_before(void **state)
{
	int wake = -1;
	int64_t start_us, end_us;

	(void)state;
	assert_int_equal(fd_wake_open(&wake, NULL), ERR_OK);
	start_us = now_us();
	assert_int_equal(fd_wait(-1, wake, start_us, start_us + 5500), 0);
	end_us = now_us();
	assert_true(end_us - start_us >= 5500);
	fd_close(&wake);
}

struct files {
	char dir[32];
	char path[64];
};

static int files_setup(void **state)
{
	static struct files f;

	memcpy(f.dir, "/tmp/test_fd.XXXXXX", 20);
	if (!mkdtemp(f.dir))
		return -1;
	(void)snprintf(f.path, sizeof(f.path), "%s/file", f.dir);
	*state = &f;
	return 0;
}

static int files_teardown(void **state)
{
	struct files *f = *state;

	(void)unlink(f->path);
	return rmdir(f->dir);
}

static void file_fill(const struct files *f, const char *bytes, size_t len)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, len, NULL), ERR_OK);
	fd_close(&fd);
}

static void a_file_is_read_whole_behind_what_is_there(void **state)
{
	static const size_t sizes[] = {0, 1, 16383, 16384, 16385, 100000};
	struct files *f = *state;
	char *bytes = calloc(1, 100000);
	struct buf b;
	size_t i;

	assert_non_null(bytes);
	for (i = 0; i < 100000; i++)
		bytes[i] = (char)(i * 31);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		file_fill(f, bytes, sizes[i]);
		buf_init(&b, sizes[i] + 2);
		buf_add_str(&b, "> ");
		assert_int_equal(fd_read_file(f->path, &b, NULL), ERR_OK);
		assert_int_equal(b.len, sizes[i] + 2);
		assert_memory_equal(buf_str(&b), "> ", 2);
		if (sizes[i])
			assert_memory_equal(buf_str(&b) + 2, bytes, sizes[i]);
		buf_done(&b);
	}
	free(bytes);
}

static void a_file_over_the_bound_is_refused(void **state)
{
	struct files *f = *state;
	struct buf b;
	struct err e;

	file_fill(f, "0123456789", 10);
	buf_init(&b, 9);
	assert_int_equal(fd_read_file(f->path, &b, &e), ERR_FULL);
	assert_non_null(strstr(e.msg, "larger than 9 bytes"));
	buf_done(&b);
}

static void files_that_cannot_be_read_say_why(void **state)
{
	struct files *f = *state;
	char missing[80];
	struct buf b;
	struct err e;

	buf_init(&b, 100);
	(void)snprintf(missing, sizeof(missing), "%s/missing", f->dir);
	assert_int_equal(fd_read_file(missing, &b, &e), ERR_NOT_FOUND);
	assert_int_equal(e.sys, ENOENT);
	assert_non_null(strstr(e.msg, missing));
	assert_int_equal(fd_read_file(f->dir, &b, &e), ERR_IO);
	assert_int_equal(e.sys, EISDIR);
	if (geteuid() != 0) {
		file_fill(f, "x", 1);
		assert_int_equal(chmod(f->path, 0), 0);
		assert_int_equal(fd_read_file(f->path, &b, &e), ERR_DENIED);
	}
	buf_done(&b);
}

struct reader {
	int fd;
	pthread_t writer;
	size_t total;
	uint64_t sum;
};

static void on_signal(int number)
{
	(void)number;
}

/* Interrupt the writer once it has filled the pipe: its write then returns a part. */
static void read_all(void *arg)
{
	struct reader *r = arg;
	unsigned char chunk[1000];
	int waiting = 0, room = fcntl(r->fd, F_GETPIPE_SZ);
	ssize_t n, i;

	while (ioctl(r->fd, FIONREAD, &waiting) == 0 && waiting < room)
		(void)poll(NULL, 0, 1);
	(void)pthread_kill(r->writer, SIGUSR1);
	while ((n = read(r->fd, chunk, sizeof(chunk))) > 0) {
		for (i = 0; i < n; i++)
			r->sum = r->sum * 31 + chunk[i];
		r->total += (size_t)n;
	}
}

static void write_all_goes_on_after_an_interruption(void **state)
{
	enum { LEN = 1000000 };
	unsigned char *bytes = malloc(LEN);
	struct sigaction interrupt = {.sa_handler = on_signal}, before;
	struct reader r = {.fd = -1, .writer = pthread_self()};
	struct thread t;
	uint64_t sum = 0;
	size_t i;
	int p[2];

	(void)state;
	assert_non_null(bytes);
	for (i = 0; i < LEN; i++) {
		bytes[i] = (unsigned char)(i % 251);
		sum = sum * 31 + bytes[i];
	}
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	r.fd = p[0];
	assert_int_equal(sigaction(SIGUSR1, &interrupt, &before), 0);
	assert_int_equal(thread_start(&t, "read", 0, read_all, &r, NULL), ERR_OK);
	assert_int_equal(fd_write_all(p[1], bytes, LEN, NULL), ERR_OK);
	fd_close(&p[1]);
	thread_join(&t);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	assert_int_equal(r.total, LEN);
	assert_true(r.sum == sum);
	fd_close(&p[0]);
	free(bytes);
}

static void write_all_reports_a_full_disk(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "x", 1, &e), ERR_IO);
	assert_int_equal(e.sys, ENOSPC);
	assert_int_equal(fd_write_all(fd, "", 0, &e), ERR_OK);
	fd_close(&fd);
}

static void check_content(const struct files *f, const char *expected)
{
	struct stat st;
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(fd_read_file(f->path, &b, NULL), ERR_OK);
	assert_string_equal(buf_str(&b), expected);
	buf_done(&b);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
}

static void a_file_is_written_whole_and_replaced_only_when_told(void **state)
{
	struct files *f = *state;
	mode_t mask = umask(077);
	struct err e;

	assert_int_equal(fd_write_file(f->path, TEXT_LIT("one"), 0640, false, &e), ERR_OK);
	check_content(f, "one");
	assert_int_equal(fd_write_file(f->path, TEXT_LIT("two"), 0640, false, &e), ERR_IO);
	assert_int_equal(e.sys, EEXIST);
	assert_non_null(strstr(e.msg, f->path));
	check_content(f, "one");
	assert_int_equal(fd_write_file(f->path, TEXT_LIT(""), 0640, true, &e), ERR_OK);
	check_content(f, "");
	(void)umask(mask);
}

static void a_file_that_cannot_be_written_says_why_and_is_not_there(void **state)
{
	struct rlimit before, none;
	struct files *f = *state;
	struct err e;

	assert_int_equal(fd_write_file("/nowhere/file", TEXT_LIT("x"), 0600, false, &e),
			 ERR_NOT_FOUND);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){0, before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(fd_write_file(f->path, TEXT_LIT("x"), 0600, true, &e), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(e.sys, EFBIG);
	assert_non_null(strstr(e.msg, f->path));
	assert_int_equal(access(f->path, F_OK), -1);
	/* and nothing else is left: files_teardown removes the directory */
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_forgets_the_descriptor_and_keeps_errno),
		cmocka_unit_test(wake_ups_add_up_to_one),
		cmocka_unit_test(no_descriptors_left_is_an_error),
		cmocka_unit_test(wait_says_what_is_ready),
		cmocka_unit_test(a_closed_peer_is_ready),
		cmocka_unit_test(wait_ends_at_the_deadline_and_not_before),
		FILE_TEST(a_file_is_read_whole_behind_what_is_there),
		FILE_TEST(a_file_over_the_bound_is_refused),
		FILE_TEST(files_that_cannot_be_read_say_why),
		cmocka_unit_test(write_all_goes_on_after_an_interruption),
		cmocka_unit_test(write_all_reports_a_full_disk),
		FILE_TEST(a_file_is_written_whole_and_replaced_only_when_told),
		FILE_TEST(a_file_that_cannot_be_written_says_why_and_is_not_there),
	};

	return cmocka_run_group_tests_name("base/fd", tests, NULL, NULL);
}
