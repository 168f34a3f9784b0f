/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "control/eta.h"
#include "sink/pace.h"

#define S CLOCK_US_PER_S
#define STEP (10 * CLOCK_US_PER_MS)

/* An import on a clock of its own: batches that a receiver takes at some pace. */
struct import {
	struct eta eta;
	struct eta_sample now;
	struct pace pace;
	struct random random;
	int64_t told_us;      /* last eta_note */
	int64_t second;       /* of what follows */
	int64_t ends_us[400]; /* what was said after each second */
};

static void import_begin(struct import *m, int64_t backlog, int64_t batch, const struct rate *rate)
{
	memset(m, 0, sizeof(*m));
	pace_init(&m->pace, rate, 1);
	random_init_seed(&m->random, 1);
	m->now = (struct eta_sample){.now_us = 1000 * S, .batch = batch};
	m->now.interval_us = pace_stats(&m->pace).interval_us;
	/* hours without anything to do */
	eta_note(&m->eta, &m->now);
	m->now.now_us += 3600 * S;
	eta_note(&m->eta, &m->now);
	m->now.backlog = backlog;
	m->told_us = m->now.now_us;
	eta_note(&m->eta, &m->now);
}

static void deliver(struct import *m, int64_t events)
{
	m->now.attempts++;
	m->now.settled += events;
	m->now.backlog -= events;
}

/* Time goes on; once a second it is noted, and when the end is expected. */
static void step(struct import *m)
{
	int64_t left_us;

	m->now.now_us += STEP;
	m->now.waited_us = pace_stats(&m->pace).waited_us;
	if (m->now.now_us - m->told_us < S)
		return;
	m->told_us = m->now.now_us;
	eta_note(&m->eta, &m->now);
	left_us = eta_us(&m->eta);
	if ((size_t)m->second < sizeof(m->ends_us) / sizeof(m->ends_us[0]))
		m->ends_us[m->second++] = left_us < 0 ? ETA_UNKNOWN : m->now.now_us + left_us;
}

/* From second `from` on, as long as at least ten are left, every word was right within a tenth of
 * what was left then. begin_us is when the seconds begin. Returns how many were judged. */
static int assert_right(const struct import *m, int64_t begin_us, int64_t from)
{
	int64_t end_us = m->now.now_us, left_us, wrong_us, i;
	int judged = 0;

	for (i = from; i < m->second; i++) {
		left_us = end_us - begin_us - (i + 1) * S;
		if (left_us < 10 * S)
			break;
		assert_true(m->ends_us[i] > 0);
		wrong_us = m->ends_us[i] - end_us;
		if (wrong_us < 0)
			wrong_us = -wrong_us;
		if (wrong_us * 10 > left_us)
			fail_msg("after %d s: %d s wrong, %d s left", (int)i + 1,
				 (int)(wrong_us / S), (int)(left_us / S));
		judged++;
	}
	return judged;
}

/* 350 batches, 100 requests a minute. */
static void an_import_under_a_rate_limit_is_right_from_the_third_second_on(void **state)
{
	static const struct rate rate = {.count = 100, .period_us = 60 * S};
	struct import m;
	int64_t begin_us;

	(void)state;
	import_begin(&m, 350 * 100LL, 100, &rate);
	begin_us = m.now.now_us;
	while (m.now.backlog > 0) {
		if (pace_take(&m.pace, m.now.now_us, 1))
			deliver(&m, 100);
		step(&m);
	}
	assert_in_range(m.now.now_us - begin_us, 209 * S, 214 * S);
	assert_true(assert_right(&m, begin_us, 3) > 190);
	pace_done(&m.pace);
}

/* Nobody told that a request has 40 events: the receiver answers 413 above. */
static void smaller_batches_than_allowed_are_noticed(void **state)
{
	static const struct rate rate = {.count = 100, .period_us = 60 * S};
	struct import m;
	int64_t begin_us;

	(void)state;
	import_begin(&m, 350 * 40LL, 100, &rate);
	begin_us = m.now.now_us;
	while (m.now.backlog > 0) {
		if (pace_take(&m.pace, m.now.now_us, 1))
			deliver(&m, 40);
		step(&m);
	}
	assert_true(assert_right(&m, begin_us, 3) > 190);
	pace_done(&m.pace);
}

/* Answers take 0.1 to 0.3 s, one at a time. */
static void a_receiver_with_a_pace_of_its_own_is_right_after_half_a_minute(void **state)
{
	static const struct rate none = {.count = 0};
	struct import m;
	int64_t begin_us, next_us;

	(void)state;
	import_begin(&m, 100000, 100, &none);
	begin_us = next_us = m.now.now_us;
	while (m.now.backlog > 0) {
		if (m.now.now_us >= next_us) {
			deliver(&m, 100);
			next_us += S / 10 + (int64_t)random_below(&m.random, S / 5);
		}
		step(&m);
	}
	assert_true(m.now.now_us - begin_us > 150 * S);
	assert_true(assert_right(&m, begin_us, 30) > 100);
	pace_done(&m.pace);
}

/* Half as fast after two minutes. */
static void a_change_of_pace_is_believed_within_a_minute(void **state)
{
	static const struct rate none = {.count = 0};
	struct import m;
	int64_t begin_us, each_us = S / 10, next_us, changed_us;

	(void)state;
	import_begin(&m, 250000, 100, &none);
	begin_us = next_us = m.now.now_us;
	changed_us = begin_us + 120 * S;
	while (m.now.backlog > 0) {
		if (m.now.now_us >= changed_us)
			each_us = S / 5;
		if (m.now.now_us >= next_us) {
			deliver(&m, 100);
			next_us += each_us;
		}
		step(&m);
	}
	assert_true(assert_right(&m, begin_us, 120 + 60) > 100);
	pace_done(&m.pace);
}

static void without_movement_nothing_is_promised(void **state)
{
	static const struct rate none = {.count = 0};
	struct import m;
	int i;

	(void)state;
	import_begin(&m, 100000, 100, &none);
	assert_int_equal(eta_us(&m.eta), ETA_UNKNOWN);
	for (i = 0; i < 1000; i++)
		step(&m);
	assert_int_equal(eta_us(&m.eta), ETA_UNKNOWN);
	/* a minute of work, and then an outage */
	for (i = 0; i < 6000; i++) {
		if (i % 10 == 0)
			deliver(&m, 1);
		step(&m);
	}
	assert_in_range(eta_us(&m.eta), 9000 * S, 11000 * S);
	for (i = 0; i < 20000; i++)
		step(&m);
	assert_int_equal(eta_us(&m.eta), ETA_UNKNOWN);
	m.now.backlog = 0;
	eta_note(&m.eta, &m.now);
	assert_int_equal(eta_us(&m.eta), 0);
	pace_done(&m.pace);
}

/* The engine was replaced: it counts from 0. */
static void totals_that_begin_again_begin_again(void **state)
{
	static const struct rate none = {.count = 0};
	struct import m;
	int i;

	(void)state;
	import_begin(&m, 100000, 100, &none);
	for (i = 0; i < 1000; i++) {
		deliver(&m, 1);
		step(&m);
	}
	m.now.settled = m.now.attempts = 0;
	for (i = 0; i < 1000; i++) {
		deliver(&m, 2);
		step(&m);
	}
	assert_in_range((int64_t)eta_rate(&m.eta), 195, 205);
	m.now.backlog = ETA_UNKNOWN;
	eta_note(&m.eta, &m.now);
	assert_int_equal(eta_us(&m.eta), ETA_UNKNOWN);
	pace_done(&m.pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_import_under_a_rate_limit_is_right_from_the_third_second_on),
		cmocka_unit_test(smaller_batches_than_allowed_are_noticed),
		cmocka_unit_test(a_receiver_with_a_pace_of_its_own_is_right_after_half_a_minute),
		cmocka_unit_test(a_change_of_pace_is_believed_within_a_minute),
		cmocka_unit_test(without_movement_nothing_is_promised),
		cmocka_unit_test(totals_that_begin_again_begin_again),
	};

	return cmocka_run_group_tests_name("control/eta", tests, NULL, NULL);
}
