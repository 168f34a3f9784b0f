/* SPDX-License-Identifier: MIT */
#include "metrics_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/fd.h"
#include "control/recorder.h"

#define DEADLINE_US (60 * S)

/* A directory of its own for each test. */
struct place {
	struct fixture *f;
	char dir[40];
	char path[64];
	struct recorder_options o;
	struct recorder *r;
};

static int place_setup(void **state)
{
	static struct place p;
	void *f;

	if (set_up(&f) != 0)
		return -1;
	p = (struct place){.f = f, .dir = "/tmp/test_recorder.XXXXXX"};
	if (!mkdtemp(p.dir))
		return -1;
	(void)snprintf(p.path, sizeof(p.path), "%s/h", p.dir);
	p.o = (struct recorder_options){
		.file = p.path, .interval_us = S, .max_records = 5, .flush_us = 3600 * S};
	metrics_derive(&p.f->s, &p.f->h);
	*state = &p;
	return 0;
}

static int place_teardown(void **state)
{
	static const char *const names[] = {"", ".1", ".2", ".3", ".1/inside"};
	struct place *p = *state;
	void *f = p->f;
	char path[80];
	int i;

	recorder_stop(p->r);
	p->r = NULL;
	for (i = (int)ARRAY_LEN(names) - 1; i >= 0; i--) {
		(void)snprintf(path, sizeof(path), "%s%s", p->path, names[i]);
		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	return tear_down(&f) != 0 || rmdir(p->dir) != 0;
}

static void start(struct place *p)
{
	assert_int_equal(recorder_start(&p->o, &p->r, NULL), ERR_OK);
}

static void stop(struct place *p)
{
	recorder_stop(p->r);
	p->r = NULL;
}

/* count records, a second apart; delivered counts them. */
static void note(struct place *p, int count)
{
	for (; count; count--) {
		recorder_note(p->r, &p->f->s);
		p->f->s.now_us += S;
		p->f->s.total.delivered++;
	}
}

/* The writer is a thread: wait until it has written so many. */
static void wait_written(struct place *p, int64_t count)
{
	int64_t end_us = clock_now_us(clock_system()) + DEADLINE_US;

	while (recorder_stats(p->r).written < count && clock_now_us(clock_system()) < end_us)
		(void)sched_yield();
	assert_int_equal(recorder_stats(p->r).written, count);
}

static void wait_failures(struct place *p, int64_t count)
{
	int64_t end_us = clock_now_us(clock_system()) + DEADLINE_US;

	while (recorder_stats(p->r).write_failures < count && clock_now_us(clock_system()) < end_us)
		(void)sched_yield();
	assert_true(recorder_stats(p->r).write_failures >= count);
}

/* The lines of FILE + suffix: each is a whole record; returns how many, and delivered_total of the
 * first and the last. */
static int lines_of(const struct place *p, const char *suffix, json_int_t *ret_first,
		    json_int_t *ret_last)
{
	char path[80];
	char *line, *rest;
	struct buf b;
	json_t *j;
	int count = 0;

	(void)snprintf(path, sizeof(path), "%s%s", p->path, suffix);
	buf_init(&b, 1 << 20);
	assert_int_equal(fd_read_file(path, &b, NULL), ERR_OK);
	rest = b.data;
	while (rest && (line = strsep(&rest, "\n")) != NULL && *line) {
		j = json_loads(line, 0, NULL);
		assert_non_null(j);
		*ret_last = json_integer_value(json_object_get(j, "delivered_total"));
		if (!count++)
			*ret_first = *ret_last;
		json_decref(j);
	}
	buf_done(&b);
	return count;
}

static int64_t size_of(const struct place *p, const char *suffix)
{
	char path[80];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", p->path, suffix);
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
}

/* ---- what a record is ---- */

static void assert_has(const json_t *in, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!json_object_get(in, names[i]))
			fail_msg("no member %s", names[i]);
}

static json_t *record_of(struct place *p)
{
	const char *line;
	json_t *j;

	metrics_render_record(&p->f->s, &p->f->out);
	assert_int_equal(buf_error(&p->f->out), ERR_OK);
	line = buf_str(&p->f->out);
	assert_ptr_equal(strchr(line, '\n'), line + p->f->out.len - 1);
	j = json_loads(line, 0, NULL);
	assert_non_null(j);
	return j;
}

static void a_record_is_one_line_with_the_figures_of_its_version(void **state)
{
	static const char *const global[] = {"v",
					     "time",
					     "uptime_seconds",
					     "queue_size",
					     "queue_bytes",
					     "in_flight",
					     "waiting",
					     "attempts_total",
					     "delivered_total",
					     "retried_total",
					     "held_total",
					     "dead_total",
					     "errors_total",
					     "lag_seconds",
					     "outbox_rows",
					     "dead_letters",
					     "parked",
					     "breakers_open",
					     "latency_ms",
					     "memory",
					     "process",
					     "log",
					     "history",
					     "sources",
					     "pipelines",
					     "webhooks"};
	json_t *j = record_of(*state);

	assert_int_equal(json_integer_value(json_object_get(j, "v")), 1);
	assert_string_equal(json_string_value(json_object_get(j, "time")),
			    "2023-11-14T22:13:20.000000Z");
	assert_has(j, global, ARRAY_LEN(global));
	assert_int_equal(json_object_size(j), ARRAY_LEN(global));
	json_decref(j);
}

static void a_record_has_sources_pipelines_and_webhooks(void **state)
{
	static const char *const source[] = {"name",
					     "state",
					     "lag_seconds",
					     "outbox_rows",
					     "dead_letters",
					     "parked",
					     "read_events_total",
					     "acked_total",
					     "dead_total",
					     "dead_purged_total",
					     "failures_total"};
	static const char *const pipeline[] = {"name",          "queue_size",   "in_flight",
					       "waiting",       "events_total", "settled_total",
					       "retries_total", "lag_seconds",  "parked"};
	static const char *const webhook[] = {"name",
					      "breaker",
					      "attempts_total",
					      "delivered_total",
					      "retried_total",
					      "held_total",
					      "dead_total",
					      "in_flight",
					      "rate_limited_seconds_total",
					      "sent_bytes_total",
					      "latency_ms"};
	json_t *j = record_of(*state);

	assert_has(json_array_get(json_object_get(j, "sources"), 0), source, ARRAY_LEN(source));
	assert_has(json_array_get(json_object_get(j, "pipelines"), 1), pipeline,
		   ARRAY_LEN(pipeline));
	assert_has(json_array_get(json_object_get(j, "webhooks"), 1), webhook, ARRAY_LEN(webhook));
	assert_int_equal(json_array_size(json_object_get(j, "pipelines")), 2);
	json_decref(j);
}

/* ---- when it is written ---- */

static void records_wait_until_there_are_as_many_as_may_wait(void **state)
{
	struct place *p = *state;
	json_int_t first = 0, last = 0;

	start(p);
	note(p, 4);
	assert_int_equal(recorder_stats(p->r).in_memory, 4);
	assert_int_equal(size_of(p, ""), 0);
	note(p, 1);
	wait_written(p, 5);
	assert_int_equal(lines_of(p, "", &first, &last), 5);
	assert_int_equal(first, 100);
	assert_int_equal(last, 104);
	assert_int_equal(recorder_stats(p->r).dropped, 0);
}

static void a_record_is_made_once_an_interval(void **state)
{
	struct place *p = *state;

	p->o.interval_us = 10 * S;
	start(p);
	note(p, 31);
	assert_int_equal(recorder_stats(p->r).records, 4);
	/* a minute in which nobody came is not made up for */
	p->f->s.now_us += 60 * S;
	note(p, 2);
	assert_int_equal(recorder_stats(p->r).records, 5);
}

static void a_record_is_written_when_it_has_waited(void **state)
{
	struct place *p = *state;

	p->o.flush_us = CLOCK_US_PER_MS;
	start(p);
	note(p, 1);
	wait_written(p, 1);
}

static void what_waits_is_written_at_the_end(void **state)
{
	struct place *p = *state;
	json_int_t first = 0, last = 0;

	start(p);
	note(p, 3);
	stop(p);
	assert_int_equal(lines_of(p, "", &first, &last), 3);
	assert_int_equal(last, 102);
}

/* ---- trouble ---- */

static void what_cannot_be_written_pushes_out_the_oldest(void **state)
{
	struct place *p = *state;
	struct recorder_stats st;

	p->o.file = "/dev/full";
	start(p);
	note(p, 5);
	wait_failures(p, 1);
	note(p, 7);
	st = recorder_stats(p->r);
	assert_int_equal(st.in_memory, 5);
	assert_int_equal(st.dropped, 7);
	assert_int_equal(st.written, 0);
	assert_int_equal(st.records, 12);
}

/* What was in memory when the disk became full is there when it has room again, whole: also the
 * line that was torn in its middle. */
static void a_disk_that_has_room_again_is_gone_on_with(void **state)
{
	struct place *p = *state;
	struct rlimit before, small;
	json_int_t first = 0, last = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 2000;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	start(p);
	note(p, 5);
	wait_failures(p, 1);
	assert_int_equal(size_of(p, ""), 2000);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	wait_written(p, 5);
	assert_int_equal(lines_of(p, "", &first, &last), 5);
	assert_int_equal(first, 100);
	assert_int_equal(last, 104);
	assert_int_equal(recorder_stats(p->r).dropped, 0);
}

static void a_line_that_a_crash_tore_is_ended_first(void **state)
{
	static const char torn[] = "{\"v\":1,\"ti", whole[] = "{\"v\":1,\"ti\n{\"v\":1,\"time\":";
	struct place *p = *state;
	struct buf b;
	int fd = open(p->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, torn, sizeof(torn) - 1, NULL), ERR_OK);
	fd_close(&fd);
	start(p);
	note(p, 1);
	stop(p);
	buf_init(&b, 1 << 20);
	assert_int_equal(fd_read_file(p->path, &b, NULL), ERR_OK);
	assert_memory_equal(buf_str(&b), whole, sizeof(whole) - 1);
	buf_done(&b);
}

static void all_files_together_stay_within_the_bound(void **state)
{
	struct place *p = *state;
	int64_t line, all;
	json_int_t first = 0, last = 0;
	int round;

	start(p);
	note(p, 1);
	stop(p);
	line = size_of(p, "");
	assert_true(line > 500);
	p->o.rotate_bytes = 4 * line;
	p->o.rotate_keep = 2;
	/* five times as much as may stay, with restarts */
	for (round = 0; round < 6; round++) {
		start(p);
		note(p, 10);
		stop(p);
		all = size_of(p, "") + size_of(p, ".1") + size_of(p, ".2") + size_of(p, ".3");
		assert_in_range(all, 0, p->o.rotate_bytes * 3 + line);
	}
	assert_int_equal(size_of(p, ".3"), 0);
	assert_true(size_of(p, ".2") > 2 * line);
	assert_true(lines_of(p, "", &first, &last) >= 1);
	assert_int_equal(last, 160);
}

static void a_file_that_was_moved_is_made_again(void **state)
{
	struct place *p = *state;
	json_int_t first = 0, last = 0;
	char moved[80];

	p->o.max_records = 1;
	start(p);
	note(p, 1);
	wait_written(p, 1);
	(void)snprintf(moved, sizeof(moved), "%s.3", p->path);
	assert_int_equal(rename(p->path, moved), 0);
	recorder_reopen(p->r);
	note(p, 1);
	wait_written(p, 2);
	stop(p);
	/* the record may have come before the writer looked for the file */
	assert_int_equal((size_of(p, "") ? lines_of(p, "", &first, &last) : 0) +
				 lines_of(p, ".3", &first, &last),
			 2);
	assert_int_equal(access(p->path, F_OK), 0);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
	struct place *p = *state;
	char path[96];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/none/h", p->dir);
	p->o.file = path;
	assert_int_equal(recorder_start(&p->o, &p->r, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, path));
	assert_null(p->r);
}

static void without_one_nothing_is_done(void **state)
{
	struct place *p = *state;

	recorder_note(NULL, &p->f->s);
	recorder_reopen(NULL);
	recorder_stop(NULL);
	assert_int_equal(recorder_stats(NULL).records, 0);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(a_record_is_one_line_with_the_figures_of_its_version),
		PLACED(a_record_has_sources_pipelines_and_webhooks),
		PLACED(records_wait_until_there_are_as_many_as_may_wait),
		PLACED(a_record_is_made_once_an_interval),
		PLACED(a_record_is_written_when_it_has_waited),
		PLACED(what_waits_is_written_at_the_end),
		PLACED(what_cannot_be_written_pushes_out_the_oldest),
		PLACED(a_disk_that_has_room_again_is_gone_on_with),
		PLACED(a_line_that_a_crash_tore_is_ended_first),
		PLACED(all_files_together_stay_within_the_bound),
		PLACED(a_file_that_was_moved_is_made_again),
		PLACED(a_place_that_cannot_be_written_is_an_error),
		PLACED(without_one_nothing_is_done),
	};

	return cmocka_run_group_tests_name("control/recorder", tests, NULL, NULL);
}
