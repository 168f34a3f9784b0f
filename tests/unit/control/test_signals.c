/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "control/signals.h"

static int fd;

static int open_signals(void **state)
{
	struct err e;

	(void)state;
	return signals_open(&fd, &e) == ERR_OK ? 0 : -1;
}

static int close_signals(void **state)
{
	(void)state;
	signals_close(&fd);
	return fd == -1 ? 0 : -1;
}

static void each_signal_asks_for_what_the_manual_says(void **state)
{
	static const struct {
		int signo;
		enum signals_request request;
	} cases[] = {
		{SIGTERM, SIGNALS_STOP},
		{SIGINT, SIGNALS_STOP},
		{SIGHUP, SIGNALS_RELOAD},
		{SIGUSR1, SIGNALS_REOPEN},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(kill(getpid(), cases[i].signo), 0);
		assert_int_equal(signals_read(fd), cases[i].request);
		assert_int_equal(signals_read(fd), SIGNALS_NONE);
	}
}

static void several_signals_come_one_by_one(void **state)
{
	int seen[SIGNALS_REOPEN + 1] = {0};

	(void)state;
	assert_int_equal(kill(getpid(), SIGHUP), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	seen[signals_read(fd)]++;
	seen[signals_read(fd)]++;
	assert_int_equal(seen[SIGNALS_STOP], 1);
	assert_int_equal(seen[SIGNALS_RELOAD], 1);
}

static void a_broken_pipe_does_not_kill(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(write(ends[1], "x", 1), -1);
	assert_int_equal(close(ends[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_signal_asks_for_what_the_manual_says),
		cmocka_unit_test(several_signals_come_one_by_one),
		cmocka_unit_test(a_broken_pipe_does_not_kill),
	};

	return cmocka_run_group_tests(tests, open_signals, close_signals);
}
