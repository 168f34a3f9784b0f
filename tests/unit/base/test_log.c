/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/log_format.h"
#include "base/thread.h"

#define WALL_US 1772366400123456 /* 2026-03-01T12:00:00.123456Z */
#define PATIENCE_US (30 * CLOCK_US_PER_S)

/* Each test has a directory with a log file, and a standard error that goes to a file there. */
struct place {
	char dir[32];
	char path[48];
	char moved[48];
	char err_path[48];
	int real_stderr;
	struct clock_fake fake;
	struct log_options options;
};

static int place_setup(void **state)
{
	static struct place p;
	int fd;

	p = (struct place){.dir = "/tmp/test_log.XXXXXX"};
	if (!mkdtemp(p.dir))
		return -1;
	(void)snprintf(p.path, sizeof(p.path), "%s/log", p.dir);
	(void)snprintf(p.moved, sizeof(p.moved), "%s/log.1", p.dir);
	(void)snprintf(p.err_path, sizeof(p.err_path), "%s/stderr", p.dir);
	(void)fflush(stderr);
	p.real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	fd = open(p.err_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -1;
	fd_close(&fd);
	p.options = (struct log_options){.file = p.path,
					 .level = LOG_LEVEL_INFO,
					 .queue_lines = 10000,
					 .clock = clock_fake_init(&p.fake, 0, WALL_US)};
	*state = &p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;
	char path[64];
	int i;

	log_stop();
	log_set_level(LOG_LEVEL_INFO);
	log_set_context(NULL, NULL);
	(void)dup2(p->real_stderr, STDERR_FILENO);
	fd_close(&p->real_stderr);
	for (i = 1; i < 10; i++) {
		(void)snprintf(path, sizeof(path), "%s.%d", p->path, i);
		(void)unlink(path);
	}
	(void)unlink(p->path);
	(void)unlink(p->err_path);
	return rmdir(p->dir);
}

static void start(struct place *p)
{
	struct err e;

	if (log_start(&p->options, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

/* The whole file; valid until the next call. */
static const char *content(const char *path)
{
	static struct buf b;

	buf_done(&b);
	buf_init(&b, 64 << 20);
	if (fd_read_file(path, &b, NULL) != ERR_OK)
		return "";
	return buf_str(&b);
}

static void content_free(void)
{
	(void)content("/dev/null");
}

static void assert_line(const char *path, const char *want)
{
	if (!strstr(content(path), want))
		fail_msg("no \"%s\" in: %s", want, content(path));
}

static void assert_no_line(const char *path, const char *unwanted)
{
	assert_null(strstr(content(path), unwanted));
}

static size_t count(const char *path, const char *what)
{
	const char *at = content(path);
	size_t n = 0;

	while ((at = strstr(at, what)) != NULL) {
		n++;
		at += strlen(what);
	}
	return n;
}

/* Wait until cond, looking again each millisecond. */
#define WAIT_UNTIL(cond)                                                                           \
	do {                                                                                       \
		int64_t end_us_ = clock_now_us(clock_system()) + PATIENCE_US;                      \
		while (!(cond)) {                                                                  \
			if (clock_now_us(clock_system()) > end_us_)                                \
				fail_msg("waited in vain for: %s", #cond);                         \
			(void)poll(NULL, 0, 1);                                                    \
		}                                                                                  \
	} while (0)

static void without_a_log_lines_go_to_stderr_at_once(void **state)
{
	struct place *p = *state;

	log_error("early", LOG_I("n", 1));
	log_debug("not this");
	assert_line(p->err_path, "Z error msg=\"early\" n=1\n");
	start(p);
	log_info("middle");
	log_stop();
	log_info("late");
	assert_line(p->err_path, "info  msg=\"late\"\n");
	assert_no_line(p->err_path, "middle");
	assert_no_line(p->err_path, "not this");
	assert_string_equal(content(p->path), "2026-03-01T12:00:00.123456Z info  msg=\"middle\"\n");
	log_stop();
}

static void an_orderly_stop_loses_nothing(void **state)
{
	struct place *p = *state;
	const char *at;
	char want[32];
	int i, round;

	for (round = 0; round < 20; round++) {
		start(p);
		for (i = 0; i < 100; i++)
			log_info("line", LOG_I("n", round * 100 + i));
		log_stop();
		assert_int_equal(log_stats().lines_written, 100);
		assert_int_equal(log_stats().lines_dropped, 0);
		assert_int_equal(log_stats().queue_lines, 0);
	}
	at = content(p->path);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(want, sizeof(want), " n=%d\n", i);
		at = strstr(at, want);
		assert_non_null(at);
	}
}

static void lines_are_written_without_a_stop(void **state)
{
	struct place *p = *state;

	start(p);
	log_info("one");
	WAIT_UNTIL(log_stats().lines_written == 1);
	assert_line(p->path, "one");
	log_info("two");
	WAIT_UNTIL(log_stats().lines_written == 2);
	assert_line(p->path, "two");
	assert_int_equal(log_stats().file_bytes, strlen(content(p->path)));
}

static void the_level_is_obeyed_and_changes_at_once(void **state)
{
	struct place *p = *state;

	p->options.level = LOG_LEVEL_WARN;
	start(p);
	assert_false(log_is_enabled(LOG_LEVEL_INFO));
	log_info("no 1");
	log_warn("yes 2");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes 3");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("no 4");
	log_error("yes 5");
	log_stop();
	assert_int_equal(count(p->path, "yes"), 3);
	assert_int_equal(count(p->path, "no "), 0);
	assert_int_equal(log_stats().errors_logged, 1);
	assert_int_equal(log_stats().warnings_logged, 1);
}

static void log_with_context(void *arg)
{
	(void)arg;
	log_info("inside, none");
	log_set_context("webhook", "other");
	log_info("inside");
}

static void the_context_belongs_to_its_thread(void **state)
{
	struct place *p = *state;
	struct thread t;

	start(p);
	log_set_context("source", "shop");
	assert_int_equal(thread_start(&t, "x", 0, log_with_context, NULL, NULL), ERR_OK);
	thread_join(&t);
	log_info("outside");
	log_set_context("source", "two words");
	log_info("quoted");
	log_set_context(NULL, NULL);
	log_info("cleared");
	log_stop();
	assert_line(p->path, "info  msg=\"inside, none\"\n");
	assert_line(p->path, "info  webhook=other msg=\"inside\"\n");
	assert_line(p->path, "info  source=shop msg=\"outside\"\n");
	assert_line(p->path, "info  source=\"two words\" msg=\"quoted\"\n");
	assert_line(p->path, "info  msg=\"cleared\"\n");
}

static void a_long_context_is_cut_at_63_bytes(void **state)
{
	struct place *p = *state;
	char value[100], want[200];

	start(p);
	memset(value, 'x', sizeof(value));
	value[56] = '\0';
	log_set_context("source", value); /* 6 + 1 + 56 */
	log_info("just");
	(void)snprintf(want, sizeof(want), " source=%s msg=\"just\"", value);
	value[56] = 'x';
	value[99] = '\0';
	log_set_context("source", value);
	log_info("just");
	memcpy(value + 55, "\xE2\x82\xAC", 4); /* would be torn */
	log_set_context("source", value);
	log_info("torn");
	log_stop();
	assert_int_equal(count(p->path, want), 2);
	value[55] = '\0';
	(void)snprintf(want, sizeof(want), " source=%s msg=\"torn\"", value);
	assert_line(p->path, want);
}

static void json_lines_are_json(void **state)
{
	struct place *p = *state;
	const char *at, *end;
	json_t *v;
	int n = 0;

	p->options.format = LOG_FORMAT_JSON;
	start(p);
	log_set_context("source", "sh\"op\xFF");
	log_error("a\n\"b\"", LOG_S("text", "\x01\xC3"), LOG_S("none", NULL), LOG_I("i", 1),
		  LOG_F("f", 0.5), LOG_T("slice", ((struct text){"abc", 2})));
	log_info("no fields");
	log_stop();
	for (at = content(p->path); *at; at = end + 1, n++) {
		end = strchr(at, '\n');
		assert_non_null(end);
		v = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(v);
		assert_string_equal(json_string_value(json_object_get(v, "time")),
				    "2026-03-01T12:00:00.123456Z");
		assert_string_equal(json_string_value(json_object_get(v, "source")),
				    "sh\"op\xEF\xBF\xBD");
		if (n == 0) {
			assert_string_equal(json_string_value(json_object_get(v, "msg")),
					    "a\n\"b\"");
			assert_string_equal(json_string_value(json_object_get(v, "slice")), "ab");
		}
		json_decref(v);
	}
	assert_int_equal(n, 2);
}

static void the_journal_prefix_is_for_stderr(void **state)
{
	static const char *const names[] = {NULL, "", "stderr", "/dev/stderr"};
	struct place *p = *state;
	size_t i;

	p->options.journal_prefix = true;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		p->options.file = names[i];
		start(p);
		log_warn("to the journal");
		log_stop();
		assert_int_equal(log_stats().file_bytes, 0);
		assert_int_equal(count(p->err_path, "<4>msg=\"to the journal\"\n"), i + 1);
	}
	p->options.file = p->path;
	start(p);
	log_warn("to the file");
	log_stop();
	log_warn("after");
	assert_line(p->path, "2026-03-01T12:00:00.123456Z warn  msg=\"to the file\"\n");
	assert_line(p->err_path, "<4>msg=\"after\"\n");
}

static void files_that_cannot_be_opened_leave_the_log_as_it_was(void **state)
{
	struct place *p = *state;
	struct err e;

	p->options.file = "/nowhere/at/all";
	p->options.level = LOG_LEVEL_DEBUG;
	assert_int_equal(log_start(&p->options, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "/nowhere/at/all"));
	log_info("said");
	log_debug("not said");
	assert_line(p->err_path, "msg=\"said\"\n");
	assert_no_line(p->err_path, "not said");
}

static void errors_of_the_last_hour_slide(void **state)
{
	struct place *p = *state;
	const int64_t minute_us = 60 * CLOCK_US_PER_S;

	start(p);
	log_error("1");
	log_warn("no error");
	p->fake.now_us = 30 * minute_us;
	log_error("2");
	assert_int_equal(log_stats().errors_last_hour, 2);
	p->fake.now_us = 60 * minute_us;
	assert_int_equal(log_stats().errors_last_hour, 1);
	p->fake.now_us = 90 * minute_us;
	assert_int_equal(log_stats().errors_last_hour, 0);
	assert_int_equal(log_stats().errors_logged, 2);
}

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

/* ---- a reader that stands still, a disk that is full ---- */

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

/* ---- all threads at once ---- */

#define THREADS 8
#define THREAD_LINES 1500

static atomic_int threads_left;

static void log_many(void *arg)
{
	int i, self = (int)(intptr_t)arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "t%d", self);
	for (i = 0; i < THREAD_LINES; i++) {
		if (i % 100 == 0)
			log_set_context(i % 200 ? "source" : NULL, name);
		log_error("busy", LOG_S("thread", name), LOG_I("n", i));
		log_debug("mostly off", LOG_I("x", i));
	}
	atomic_fetch_sub(&threads_left, 1);
}

static void threads_start(struct thread t[THREADS])
{
	intptr_t i;

	atomic_store(&threads_left, THREADS);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(thread_start(&t[i], "busy", 0, log_many, (void *)i, NULL), ERR_OK);
}

static void threads_join(struct thread t[THREADS])
{
	int i;

	for (i = 0; i < THREADS; i++)
		thread_join(&t[i]);
}

/* Every line of every thread once, and in the thread's order. */
static void assert_all_there(const char *text)
{
	int next[THREADS] = {0}, self, n, i;

	for (; (text = strstr(text, " thread=t")) != NULL; text++) {
		assert_int_equal(sscanf(text, " thread=t%d n=%d\n", &self, &n), 2);
		assert_in_range(self, 0, THREADS - 1);
		assert_int_equal(n, next[self]);
		next[self]++;
	}
	for (i = 0; i < THREADS; i++)
		assert_int_equal(next[i], THREAD_LINES);
}

static void all_functions_may_be_called_at_once(void **state)
{
	struct thread t[THREADS];
	struct place *p = *state;
	struct log_stats s;
	int round = 0;

	p->options.queue_lines = 100000;
	p->options.clock = NULL;
	start(p);
	threads_start(t);
	while (atomic_load(&threads_left)) {
		s = log_stats();
		assert_true(s.lines_written <= (int64_t)2 * THREADS * THREAD_LINES);
		log_set_level(round % 2 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG);
		if (round++ % 10 == 0)
			log_reopen();
	}
	threads_join(t);
	log_stop();
	s = log_stats();
	assert_int_equal(s.lines_dropped, 0);
	assert_int_equal(s.errors_logged, THREADS * THREAD_LINES);
	assert_int_equal(s.write_failures, 0);
	assert_all_there(content(p->path));
}

/* Lines while the log starts and stops: each in the file or on standard error. */
static void starts_and_stops_under_load_lose_nothing(void **state)
{
	struct thread t[THREADS];
	struct place *p = *state;
	int64_t in_file, on_stderr;

	p->options.queue_lines = 100000;
	p->options.clock = NULL;
	threads_start(t);
	while (atomic_load(&threads_left)) {
		start(p);
		log_stop();
		assert_int_equal(log_stats().lines_dropped, 0);
	}
	threads_join(t);
	in_file = (int64_t)count(p->path, " thread=t");
	on_stderr = (int64_t)count(p->err_path, " thread=t");
	assert_int_equal(in_file + on_stderr, THREADS * THREAD_LINES);
	content_free();
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(without_a_log_lines_go_to_stderr_at_once),
		PLACE_TEST(an_orderly_stop_loses_nothing),
		PLACE_TEST(lines_are_written_without_a_stop),
		PLACE_TEST(the_level_is_obeyed_and_changes_at_once),
		PLACE_TEST(the_context_belongs_to_its_thread),
		PLACE_TEST(a_long_context_is_cut_at_63_bytes),
		PLACE_TEST(json_lines_are_json),
		PLACE_TEST(the_journal_prefix_is_for_stderr),
		PLACE_TEST(files_that_cannot_be_opened_leave_the_log_as_it_was),
		PLACE_TEST(errors_of_the_last_hour_slide),
		PLACE_TEST(rotation_keeps_all_lines_in_order),
		PLACE_TEST(reopen_goes_on_in_a_new_file),
		PLACE_TEST(a_failed_reopen_is_tried_again),
		PLACE_TEST(a_stalled_reader_costs_counted_lines_and_no_caller),
		PLACE_TEST(a_stop_gives_a_stalled_reader_five_seconds),
		PLACE_TEST(a_full_disk_delays_lines_and_tears_none),
		PLACE_TEST(a_torn_line_is_whole_in_the_new_file),
		PLACE_TEST(all_functions_may_be_called_at_once),
		PLACE_TEST(starts_and_stops_under_load_lose_nothing),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
