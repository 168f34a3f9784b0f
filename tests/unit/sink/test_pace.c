/* SPDX-License-Identifier: MIT */
/*
 * The limiter against a receiver that counts: the arrivals of hours of made-up time, looked at
 * through every window there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "sink/pace.h"

#define MS CLOCK_US_PER_MS
#define S CLOCK_US_PER_S
#define MIN (60 * S)
#define START_US (1000 * S)
#define ARRIVALS_MAX 20000

struct arrivals {
	int64_t at_us[ARRIVALS_MAX];
	size_t count;
};

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The most that came in any stretch of period_us, both ends included. */
static size_t crowd(struct arrivals *a, int64_t period_us)
{
	size_t from = 0, to, most = 0;

	qsort(a->at_us, a->count, sizeof(a->at_us[0]), by_time);
	for (to = 0; to < a->count; to++) {
		while (a->at_us[to] - a->at_us[from] > period_us)
			from++;
		if (to - from + 1 > most)
			most = to - from + 1;
	}
	return most;
}

static void arrive(struct arrivals *a, int64_t at_us, size_t n)
{
	for (; n; n--) {
		assert_true(a->count < ARRIVALS_MAX);
		a->at_us[a->count++] = at_us;
	}
}

/* What the way to the receiver may differ by. */
static int64_t slack_us(const struct rate *r)
{
	int64_t slack = r->period_us / 10 < 500 * MS ? r->period_us / 10 : 500 * MS;
	int64_t late = slack / 4 < 10 * MS ? slack / 4 : 10 * MS;

	return slack - late;
}

static const struct {
	struct rate rate;
	int64_t burst;
} limits[] = {
	{{1, S}, 1},           {{2, S}, 1},         {{2, S}, 2},        {{10, S}, 1},
	{{10, S}, 4},          {{100, S}, 1},       {{100, S}, 10},     {{5, 10 * S}, 1},
	{{5, 10 * S}, 5},      {{100, MIN}, 1},     {{100, MIN}, 10},   {{100, MIN}, 100},
	{{1000, 100 * MS}, 1}, {{10, 60 * MIN}, 2}, {{7, 100 * MS}, 3},
};

/* ---- never too many ---- */

static void
a_sender_that_always_has_something_is_never_over_the_limit_and_little_below(void **state)
{
	static struct arrivals a;
	struct pace p;
	int64_t now, span, sent;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rate *r = &limits[i].rate;

		a.count = 0;
		span = 10 * r->period_us;
		pace_init(&p, r, limits[i].burst);
		assert_true(pace_is_limited(&p));
		for (now = START_US; now <= START_US + span;) {
			arrive(&a, now, pace_take(&p, now, 64));
			assert_true(pace_next_us(&p) > now);
			now = pace_next_us(&p);
		}
		sent = (int64_t)a.count;
		if (crowd(&a, r->period_us) > (size_t)r->count)
			fail_msg("limit %zu: %zu", i, crowd(&a, r->period_us));
		/* the long run: what the slack and the burst leave, but for two at the ends */
		if ((sent + 2) * 12 < (r->count - limits[i].burst + 1) * 10 * 10)
			fail_msg("limit %zu: only %lld", i, (long long)sent);
		pace_done(&p);
	}
}

/* Demand that comes and goes, workers that wake late and that give back what they took too much,
 * requests that take their time on the way. */
static void no_window_ever_has_too_many_whatever_the_demand(void **state)
{
	static struct arrivals a;
	struct random rnd;
	struct pace p;
	int64_t now, next;
	size_t i, n, back, turn;

	(void)state;
	random_init_seed(&rnd, 11);
	for (i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rate *r = &limits[i].rate;
		int64_t gap = r->period_us / r->count + 1;

		a.count = 0;
		now = START_US;
		pace_init(&p, r, limits[i].burst);
		for (turn = 0; turn < 3000 && a.count < ARRIVALS_MAX - 100; turn++) {
			n = pace_take(&p, now, 1 + random_below(&rnd, 20));
			back = n && random_below(&rnd, 4) == 0 ? random_below(&rnd, n + 1) : 0;
			pace_give_back(&p, back);
			for (; n > back; n--)
				arrive(&a,
				       now + (int64_t)random_below(&rnd, (uint64_t)slack_us(r) + 1),
				       1);
			next = pace_next_us(&p);
			now = next > now ? next : now;
			switch (random_below(&rnd, 12)) {
			case 0:
				now += (int64_t)random_below(&rnd, (uint64_t)r->period_us * 2);
				break;
			case 1:
				now += (int64_t)random_below(&rnd, (uint64_t)gap * 10);
				break;
			default:
				now += (int64_t)random_below(&rnd, 12 * (uint64_t)MS);
			}
		}
		if (crowd(&a, r->period_us) > (size_t)r->count)
			fail_msg("limit %zu: %zu of %lld", i, crowd(&a, r->period_us),
				 (long long)r->count);
		pace_done(&p);
	}
}

static void a_restart_at_any_moment_is_not_seen_by_the_receiver(void **state)
{
	static struct arrivals a;
	struct random rnd;
	struct pace p;
	int64_t now, next, restart;
	size_t i, lives;

	(void)state;
	random_init_seed(&rnd, 12);
	for (i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rate *r = &limits[i].rate;

		a.count = 0;
		now = START_US;
		for (lives = 0; lives < 100 && a.count < ARRIVALS_MAX / 2; lives++) {
			restart = now + (int64_t)random_below(&rnd, 2 * (uint64_t)r->period_us);
			pace_init(&p, r, limits[i].burst);
			while (now < restart) {
				arrive(&a, now, pace_take(&p, now, 64));
				next = pace_next_us(&p);
				now = next + (random_below(&rnd, 8) ? 0 : r->period_us / 3);
			}
			now = restart;
			pace_done(&p);
		}
		assert_true(a.count > 0);
		if (crowd(&a, r->period_us) > (size_t)r->count)
			fail_msg("limit %zu: %zu", i, crowd(&a, r->period_us));
	}
}

/* ---- evenly ---- */

static void requests_are_evenly_spaced(void **state)
{
	const struct rate r = {100, MIN};
	int64_t now = START_US, before;
	struct pace p;
	int i;

	(void)state;
	pace_init(&p, &r, 1);
	assert_int_equal(pace_stats(&p).interval_us, 605 * MS);
	assert_int_equal(pace_take(&p, now, 50), 0);
	for (i = 0; i < 300; i++) {
		before = now;
		now = pace_next_us(&p);
		assert_int_equal(pace_take(&p, now, 50), 1);
		/* the first of all may be early by what late workers may catch up */
		assert_in_range(now - before, (i == 1 ? 595 : 605) * MS, 605 * MS);
	}
	pace_done(&p);
}

static void a_burst_follows_a_pause_and_only_a_pause(void **state)
{
	const struct rate r = {10, 10 * S};
	int64_t now = START_US;
	struct pace p;
	int i;

	(void)state;
	pace_init(&p, &r, 4);
	assert_int_equal(pace_take(&p, now, 10), 0);
	now += 100 * S;
	assert_int_equal(pace_take(&p, now, 10), 4);
	for (i = 0; i < 100; i++) {
		now = pace_next_us(&p);
		assert_int_equal(pace_take(&p, now, 10), 1);
	}
	now += 100 * S;
	assert_int_equal(pace_take(&p, now, 2), 2);
	assert_true(pace_next_us(&p) <= now);
	assert_int_equal(pace_take(&p, now, 10), 2);
	assert_true(pace_next_us(&p) > now);
	pace_done(&p);
}

static void a_late_worker_catches_up(void **state)
{
	const struct rate r = {100, S};
	int64_t now = START_US, last_us;
	struct pace p;
	size_t sent = 0;

	(void)state;
	pace_init(&p, &r, 1);
	for (last_us = START_US + 100 * S; now < last_us;) {
		sent += pace_take(&p, now, 64);
		/* the next full millisecond, and five more */
		now = (pace_next_us(&p) / MS + 6) * MS;
	}
	assert_in_range(sent, 9080, 9092); /* of 100 a second, less the slack */
	pace_done(&p);
}

/* ---- the first, giving back, counting ---- */

static void the_first_waits_for_one_interval(void **state)
{
	const struct rate r = {1, 60 * MIN};
	struct pace p;

	(void)state;
	pace_init(&p, &r, 1);
	assert_true(pace_next_us(&p) <= START_US); /* nobody has asked yet */
	assert_int_equal(pace_take(&p, START_US, 1), 0);
	assert_int_equal(pace_next_us(&p), START_US + pace_stats(&p).interval_us);
	assert_int_equal(pace_take(&p, pace_next_us(&p) - 1, 1), 0);
	assert_int_equal(pace_take(&p, pace_next_us(&p), 1), 1);
	pace_done(&p);
}

static void what_is_given_back_may_be_taken_by_another(void **state)
{
	const struct rate r = {10, S};
	struct pace p;
	int64_t now = START_US;

	(void)state;
	pace_init(&p, &r, 3);
	(void)pace_take(&p, now, 1);
	now += 10 * S;
	assert_int_equal(pace_take(&p, now, 3), 3);
	assert_int_equal(pace_take(&p, now, 1), 0);
	pace_give_back(&p, 2);
	assert_true(pace_next_us(&p) <= now);
	assert_int_equal(pace_take(&p, now, 3), 2);
	pace_give_back(&p, 0);
	assert_int_equal(pace_take(&p, now, 1), 0);
	/* taking and giving back again is no way to save up */
	now += 10 * S;
	assert_int_equal(pace_take(&p, now, 3), 3);
	pace_give_back(&p, 3);
	assert_int_equal(pace_take(&p, now, 64), 3);
	pace_done(&p);
}

static void waiting_is_counted_once_however_many_ask(void **state)
{
	const struct rate r = {10, 10 * S};
	struct pace_stats s;
	struct pace p;
	int64_t now = START_US;
	int i;

	(void)state;
	pace_init(&p, &r, 1);
	for (i = 0; i < 7; i++)
		assert_int_equal(pace_take(&p, now + i * MS, 5), 0);
	s = pace_stats(&p);
	assert_int_equal(s.waits, 1);
	assert_int_equal(s.waited_us, s.interval_us);
	now = pace_next_us(&p);
	assert_int_equal(pace_take(&p, now, 1), 1);
	/* nothing left to send: nothing waits, for as long as that is so */
	assert_int_equal(pace_stats(&p).waits, 1);
	now += 500 * MS;
	assert_int_equal(pace_take(&p, now, 1), 0);
	s = pace_stats(&p);
	assert_int_equal(s.waits, 2);
	assert_in_range(s.waited_us, 2 * s.interval_us - 510 * MS, 2 * s.interval_us - 500 * MS);
	now += 100 * S;
	assert_int_equal(pace_take(&p, now, 1), 1);
	assert_int_equal(pace_stats(&p).waits, 2);
	pace_done(&p);
}

static void without_a_rate_there_is_no_limit(void **state)
{
	const struct rate none = {0, 0};
	struct pace p;

	(void)state;
	pace_init(&p, &none, 1);
	assert_false(pace_is_limited(&p));
	assert_int_equal(pace_stats(&p).interval_us, 0);
	pace_done(&p);
}

/* ---- what the receiver allows ---- */

/* How many start in a minute when one is always there. */
static int in_a_minute(struct pace *p, int64_t from_us)
{
	int64_t t;
	int n = 0;

	for (t = from_us; t < from_us + 60 * CLOCK_US_PER_S; t += 10 * MS)
		n += pace_take(p, t, 1) != 0;
	return n;
}

static void what_the_receiver_allows_counts_where_it_is_less(void **state)
{
	static const struct {
		int64_t own, allowed, least, most;
	} cases[] = {{100, 30, 28, 30}, {100, 0, 97, 100}, {100, 500, 97, 100}, {100, 1, 1, 1}};
	const int64_t begin_us = 1000 * CLOCK_US_PER_S;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct rate rate = {.count = cases[i].own, .period_us = 60 * CLOCK_US_PER_S};
		struct pace p;

		pace_init(&p, &rate, 1);
		(void)pace_take(&p, begin_us, 1);
		pace_allow(&p, cases[i].allowed);
		assert_in_range(in_a_minute(&p, begin_us + 61 * CLOCK_US_PER_S), cases[i].least,
				cases[i].most);
		/* and back when it says something else later */
		pace_allow(&p, 0);
		assert_in_range(in_a_minute(&p, begin_us + 300 * CLOCK_US_PER_S), 97, 100);
		pace_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_sender_that_always_has_something_is_never_over_the_limit_and_little_below),
		cmocka_unit_test(no_window_ever_has_too_many_whatever_the_demand),
		cmocka_unit_test(a_restart_at_any_moment_is_not_seen_by_the_receiver),
		cmocka_unit_test(requests_are_evenly_spaced),
		cmocka_unit_test(a_burst_follows_a_pause_and_only_a_pause),
		cmocka_unit_test(a_late_worker_catches_up),
		cmocka_unit_test(the_first_waits_for_one_interval),
		cmocka_unit_test(what_is_given_back_may_be_taken_by_another),
		cmocka_unit_test(waiting_is_counted_once_however_many_ask),
		cmocka_unit_test(without_a_rate_there_is_no_limit),
		cmocka_unit_test(what_the_receiver_allows_counts_where_it_is_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
