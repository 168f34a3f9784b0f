/* SPDX-License-Identifier: MIT */
#include "log_place.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <jansson.h>

static void rotation_keeps_all_lines_in_order(void **state)
{
	struct place *p = *state;
	char path[64];
	struct stat st;
	int i, n = 0, value;
	const char *at;

	p->options.rotate_bytes = 2000;
	p->options.rotate_keep = 8;
	start(p);
	for (i = 0; i < 200; i++)
		log_info("line", LOG_I("n", i));
	log_stop();
	for (i = 8; i >= 0; i--) {
		(void)snprintf(path, sizeof(path), i ? "%s.%d" : "%s", p->path, i);
		if (stat(path, &st) != 0)
			continue;
		assert_true(st.st_size <= 2000);
		for (at = content(path); (at = strstr(at, " n=")) != NULL; at++, n++) {
			assert_int_equal(sscanf(at, " n=%d", &value), 1);
			assert_int_equal(value, n);
		}
	}
	assert_int_equal(n, 200);
	assert_int_equal(log_stats().lines_written, 200);
}

static void reopen_goes_on_in_a_new_file(void **state)
{
	struct place *p = *state;

	start(p);
	log_info("before");
	WAIT_UNTIL(log_stats().lines_written == 1);
	assert_int_equal(rename(p->path, p->moved), 0);
	log_reopen();
	WAIT_UNTIL(access(p->path, F_OK) == 0);
	log_info("after");
	log_stop();
	assert_line(p->moved, "before");
	assert_line(p->path, "after");
	assert_no_line(p->moved, "after");
	log_reopen(); /* without a log: nothing */
}

static void a_failed_reopen_is_tried_again(void **state)
{
	struct place *p = *state;

	start(p);
	log_info("before");
	WAIT_UNTIL(log_stats().lines_written == 1);
	assert_int_equal(rename(p->path, p->moved), 0);
	assert_int_equal(mkdir(p->path, 0700), 0);
	log_reopen();
	WAIT_UNTIL(log_stats().write_failures >= 1);
	WAIT_UNTIL(count(p->err_path, "cannot write the log") == 1);
	assert_int_equal(rmdir(p->path), 0);
	WAIT_UNTIL(access(p->path, F_OK) == 0);
	log_info("after");
	log_stop();
	assert_line(p->path, "after");
	assert_int_equal(count(p->err_path, "written again"), 1);
}

struct fifo {
	int fd;
	struct buf got;
};

static void fifo_open(struct place *p, struct fifo *f)
{
	assert_int_equal(mkfifo(p->path, 0600), 0);
	f->fd = open(p->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(f->fd >= 0);
	buf_init(&f->got, 16 << 20);
}

/* Until the kernel takes no more: from here on the reader stands still. */
static void fifo_fill(const struct place *p)
{
	int fd = open(p->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	char page[4096];

	memset(page, '#', sizeof(page));
	while (write(fd, page, sizeof(page)) > 0)
		;
	fd_close(&fd);
}

static void fifo_read(struct fifo *f)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(f->fd, chunk, sizeof(chunk))) > 0)
		buf_add(&f->got, chunk, (size_t)n);
}

static bool fifo_has(struct fifo *f, const char *what)
{
	fifo_read(f);
	return strstr(buf_str(&f->got), what) != NULL;
}

static void fifo_close(struct fifo *f)
{
	buf_done(&f->got);
	fd_close(&f->fd);
}

static int64_t occurrences(const char *s, const char *what)
{
	int64_t n = 0;

	for (; (s = strstr(s, what)) != NULL; s++)
		n++;
	return n;
}

static void a_stalled_reader_costs_counted_lines_and_no_caller(void **state)
{
	struct place *p = *state;
	struct fifo f;
	int64_t logged = 0, dropped = 0, written;
	long long said;
	const char *at;

	p->options.queue_lines = 50;
	fifo_open(p, &f);
	start(p);
	fifo_fill(p);
	while (log_stats().lines_dropped < 100) {
		assert_true(logged++ < 1000000);
		log_info("counted", LOG_I("n", logged));
	}
	assert_true(log_stats().queue_lines <= 51);
	assert_int_equal(log_stats().write_failures, 0);
	WAIT_UNTIL(fifo_has(&f, "dropped "));
	log_info("the end");
	WAIT_UNTIL(fifo_has(&f, "the end"));
	for (at = buf_str(&f.got); (at = strstr(at, "warn  msg=\"dropped ")) != NULL; at++) {
		assert_int_equal(sscanf(at, "warn  msg=\"dropped %lld lines\"\n", &said), 1);
		dropped += said;
	}
	written = occurrences(buf_str(&f.got), "msg=\"counted\"");
	assert_int_equal(written + dropped, logged);
	assert_int_equal(log_stats().lines_dropped, dropped);
	log_stop();
	fifo_close(&f);
}

static void a_stop_gives_a_stalled_reader_five_seconds(void **state)
{
	struct place *p = *state;
	int64_t logged = 0, stop_us;
	struct fifo f;

	p->options.queue_lines = 50;
	fifo_open(p, &f);
	start(p);
	fifo_fill(p);
	while (logged < 20)
		log_info("stuck", LOG_I("n", ++logged));
	stop_us = clock_now_us(clock_system());
	log_stop();
	stop_us = clock_now_us(clock_system()) - stop_us;
	assert_true(stop_us >= 5 * CLOCK_US_PER_S);
	assert_true(stop_us < 5 * CLOCK_US_PER_S + PATIENCE_US);
	assert_int_equal(log_stats().lines_written, 0);
	assert_int_equal(log_stats().lines_dropped, 20);
	assert_int_equal(log_stats().queue_lines, 0);
	assert_line(p->err_path, "lines of the log could not be written before the end\" lines=20");
	fifo_close(&f);
}

/* A limit on the size of files stands for the full disk. */
static void disk_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_delays_lines_and_tears_none(void **state)
{
	struct place *p = *state;
	const char *at, *end;
	int i, n = 0;

	p->options.format = LOG_FORMAT_JSON;
	start(p);
	disk_limit(4099); /* in the middle of a line */
	for (i = 0; i < 100; i++)
		log_info("kept through the full disk", LOG_I("n", i));
	WAIT_UNTIL(log_stats().write_failures >= 2);
	assert_true(log_stats().queue_lines > 0);
	assert_int_equal(log_stats().lines_dropped, 0);
	assert_int_equal(count(p->err_path, "cannot write the log, trying again"), 1);
	assert_line(p->err_path, "File too large");
	assert_no_line(p->err_path, "written again");
	disk_limit(RLIM_INFINITY);
	WAIT_UNTIL(log_stats().lines_written == 100);
	WAIT_UNTIL(count(p->err_path, "the log is written again") == 1);
	log_stop();
	assert_int_equal(count(p->err_path, "cannot write the log"), 1);
	for (at = content(p->path); *at; at = end + 1, n++) {
		json_t *v;

		end = strchr(at, '\n');
		assert_non_null(end);
		v = json_loadb(at, (size_t)(end - at), 0, NULL);
		assert_non_null(v);
		assert_int_equal(json_integer_value(json_object_get(v, "n")), n);
		json_decref(v);
	}
	assert_int_equal(n, 100);
}

static void a_torn_line_is_whole_in_the_new_file(void **state)
{
	struct place *p = *state;
	int i;

	start(p);
	disk_limit(4099);
	for (i = 0; i < 100; i++)
		log_info("line", LOG_I("n", i), LOG_S("end", "end"));
	WAIT_UNTIL(log_stats().write_failures >= 1);
	assert_int_equal(rename(p->path, p->moved), 0);
	log_reopen();
	WAIT_UNTIL(access(p->path, F_OK) == 0);
	disk_limit(RLIM_INFINITY);
	log_stop();
	assert_int_equal(log_stats().lines_written, 100);
	/* each line is whole in one of the files; the torn one is in both */
	assert_int_equal(count(p->moved, "end=end\n") + count(p->path, "end=end\n"), 100);
	assert_memory_equal(content(p->path), "2026-03-01T", 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(rotation_keeps_all_lines_in_order),
		PLACE_TEST(reopen_goes_on_in_a_new_file),
		PLACE_TEST(a_failed_reopen_is_tried_again),
		PLACE_TEST(a_stalled_reader_costs_counted_lines_and_no_caller),
		PLACE_TEST(a_stop_gives_a_stalled_reader_five_seconds),
		PLACE_TEST(a_full_disk_delays_lines_and_tears_none),
		PLACE_TEST(a_torn_line_is_whole_in_the_new_file),
	};

	return cmocka_run_group_tests_name("base/log: trouble", tests, NULL, NULL);
}
