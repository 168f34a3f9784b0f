/* SPDX-License-Identifier: MIT */
#include "log_place.h"

#include <stdatomic.h>

#include "base/thread.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(all_functions_may_be_called_at_once),
		PLACE_TEST(starts_and_stops_under_load_lose_nothing),
	};

	return cmocka_run_group_tests_name("base/log: threads", tests, NULL, NULL);
}
