/* SPDX-License-Identifier: MIT */
/*
 * For tests of the runner: it sits between the fake source and real rings, and the test plays the
 * workers. What happens in the runner's thread is waited for, with a deadline.
 */
#ifndef TEST_RUNNER_BENCH_H
#define TEST_RUNNER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/fake.h"
#include "source/runner.h"

#define PATIENCE_US (60 * CLOCK_US_PER_S)
#define CAPACITY 8

struct bench {
	struct fake_db *db;
	struct source_settings settings;
	struct runner *runner;
	struct ring *rings[2];
};

#define AWAIT(condition)                                                                           \
	do {                                                                                       \
		int64_t deadline_ = bench_now_us() + PATIENCE_US;                                  \
		while (!(condition)) {                                                             \
			if (bench_now_us() > deadline_)                                            \
				fail_msg("waited in vain for: %s", #condition);                    \
			bench_moment();                                                            \
		}                                                                                  \
	} while (0)

struct runner *bench_runner(struct bench *b);
struct ring *bench_ring(struct runner *runner);
/* For cmocka. */
int bench_setup(void **state);
void bench_start(struct bench *b);
/* May be called twice: a test that wants to look afterwards stops by itself. */
void bench_stop(struct bench *b);
int bench_teardown(void **state);
int64_t bench_now_us(void);
void bench_moment(void);
/* Committed rows; their ids. */
int64_t bench_insert_into(struct bench *b, size_t p, const char *key, int bytes);
int64_t bench_insert(struct bench *b, const char *key);
size_t bench_rows(struct bench *b);
int64_t bench_calls(struct bench *b, enum fake_call call);
/* Until the runner has gone round with all that was so before this call: it waits twice more. */
void bench_go_round(struct bench *b);
/* Pass the time; returns how many such calls there were per second, rounded up. */
int64_t bench_calls_per_s(struct bench *b, enum fake_call call, int64_t while_us);
size_t bench_events(struct bench *b, size_t p);
/* As a worker. */
struct event *bench_take(struct bench *b, size_t p);
void bench_settle(struct bench *b, size_t p, struct event *ev, enum ack_outcome outcome);
int64_t bench_deliver(struct bench *b, size_t p);
struct runner_stats bench_stats(struct bench *b);

#endif
