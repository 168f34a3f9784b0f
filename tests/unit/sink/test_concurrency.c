/* SPDX-License-Identifier: MIT */
/*
 * The limit against a model of a receiver on made-up time: `servers` work at once on what came
 * first, the others wait or are turned away; a sender has always something to send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/random.h"
#include "sink/concurrency.h"

#define MS CLOCK_US_PER_MS
#define S CLOCK_US_PER_S
#define MAX 1000

struct sent {
	int64_t at_us;
	int64_t done_us;
	bool refused;
};

struct model {
	struct concurrency c;
	size_t fixed; /* 0: the limit of c */
	size_t limit;
	size_t demand; /* at most so many at once */
	size_t servers;
	int64_t work_us;  /* of one server for one request */
	int64_t noise_us; /* up or down */
	int64_t way_us;
	bool refuses; /* turns away what no server is free for */
	struct random random;
	int64_t now_us;
	int64_t free_us[MAX]; /* by server: when it is done with all it was given */
	struct sent sent[MAX];
	size_t in_flight;
	/* since model_run began */
	size_t most;
	size_t least;
	size_t done;
	size_t refused;
	int64_t area; /* limit times time */
};

static void model_init(struct model *m, size_t max, size_t servers, int64_t work_us)
{
	*m = (struct model){.servers = servers, .work_us = work_us, .way_us = 500};
	m->now_us = 1000 * S;
	m->demand = MAX;
	random_init_seed(&m->random, 5);
	concurrency_init(&m->c, max);
	m->limit = m->c.limit;
}

static size_t busy(const struct model *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->in_flight; i++)
		n += !m->sent[i].refused;
	return n;
}

static void model_send(struct model *m)
{
	struct sent *s = &m->sent[m->in_flight];
	int64_t work_us = m->work_us, begin_us;
	size_t i, best = 0;

	*s = (struct sent){.at_us = m->now_us, .done_us = m->now_us + m->way_us};
	s->refused = m->refuses && busy(m) >= m->servers;
	m->in_flight++;
	if (s->refused)
		return;
	if (m->noise_us)
		work_us +=
			(int64_t)random_below(&m->random, 2 * (uint64_t)m->noise_us) - m->noise_us;
	for (i = 1; i < m->servers; i++)
		if (m->free_us[i] < m->free_us[best])
			best = i;
	begin_us = m->free_us[best] > m->now_us ? m->free_us[best] : m->now_us;
	m->free_us[best] = begin_us + work_us;
	s->done_us += m->free_us[best] - m->now_us;
}

static void model_answer(struct model *m)
{
	struct concurrency_sample sample = {.kind = CONCURRENCY_ANSWERED};
	size_t i, first = 0;
	struct sent s;

	for (i = 1; i < m->in_flight; i++)
		if (m->sent[i].done_us < m->sent[first].done_us)
			first = i;
	s = m->sent[first];
	m->area += (int64_t)m->limit * (s.done_us - m->now_us);
	m->now_us = s.done_us;
	sample.sent_us = s.at_us;
	sample.now_us = m->now_us;
	sample.in_flight = m->in_flight;
	if (s.refused)
		sample.kind = CONCURRENCY_OVERLOADED;
	m->refused += s.refused;
	m->done += !s.refused;
	m->sent[first] = m->sent[--m->in_flight];
	m->limit = concurrency_note(&m->c, &sample);
	assert_in_range(m->limit, 1, m->c.max);
	if (m->fixed)
		m->limit = m->fixed;
}

/* Go on for so long; returns the limit's mean over the time. */
static size_t model_run(struct model *m, int64_t span_us)
{
	int64_t from_us = m->now_us;

	m->most = m->done = m->refused = 0;
	m->least = MAX;
	m->area = 0;
	while (m->now_us < from_us + span_us) {
		while (m->in_flight < m->limit && m->in_flight < m->demand)
			model_send(m);
		model_answer(m);
		m->most = m->limit > m->most ? m->limit : m->most;
		m->least = m->limit < m->least ? m->limit : m->least;
	}
	return (size_t)(m->area / (m->now_us - from_us));
}

/* ---- what a receiver can take is found ---- */

static void it_settles_a_little_above_what_the_receiver_works_on_at_once(void **state)
{
	static const struct {
		size_t servers;
		int64_t work_us, noise_us;
	} cases[] = {
		{1, 300 * MS, 100 * MS},  {2, 100 * MS, 0},        {4, 1 * S, 300 * MS},
		{16, 100 * MS, 0},        {16, 100 * MS, 50 * MS}, {100, 2 * S, 1 * S},
		{200, 200 * MS, 20 * MS},
	};
	static struct model m;
	size_t i, mean;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		model_init(&m, 500, cases[i].servers, cases[i].work_us);
		m.noise_us = cases[i].noise_us;
		(void)model_run(&m, 100 * cases[i].work_us);
		mean = model_run(&m, 400 * cases[i].work_us);
		if (mean < cases[i].servers || mean > 2 * cases[i].servers)
			fail_msg("case %zu: %zu servers, mean %zu", i, cases[i].servers, mean);
		/* 400 rounds of all servers, of which a twentieth may be lost to finding out */
		if (m.done < 380 * cases[i].servers)
			fail_msg("case %zu: %zu done", i, m.done);
	}
}

static void it_follows_a_receiver_that_becomes_larger_or_smaller(void **state)
{
	static struct model m;
	size_t mean;

	(void)state;
	model_init(&m, 500, 10, 100 * MS);
	m.noise_us = 20 * MS;
	(void)model_run(&m, 20 * S);
	m.servers = 100;
	(void)model_run(&m, 20 * S);
	mean = model_run(&m, 40 * S);
	assert_in_range(mean, 100, 200);
	assert_true(m.done >= 38000);
	m.servers = 5;
	(void)model_run(&m, 20 * S);
	mean = model_run(&m, 40 * S);
	assert_in_range(mean, 5, 10);
	assert_true(m.done >= 1900);
}

static void a_receiver_that_turns_away_is_rarely_given_too_much(void **state)
{
	static struct model m;
	size_t mean;

	(void)state;
	model_init(&m, 500, 16, 100 * MS);
	m.noise_us = 30 * MS;
	m.refuses = true;
	(void)model_run(&m, 20 * S);
	mean = model_run(&m, 100 * S);
	assert_in_range(mean, 11, 17);
	assert_true(m.done >= 11000); /* of 16000 */
	assert_true(m.refused * 50 < m.done);
	m.servers = 64;
	(void)model_run(&m, 20 * S);
	mean = model_run(&m, 100 * S);
	assert_in_range(mean, 44, 70);
	assert_true(m.refused * 50 < m.done);
}

/* ---- what is fast enough is not slowed down ---- */

static void a_fast_receiver_gets_as_much_as_without_a_limit(void **state)
{
	static struct model m;
	size_t with, without;

	(void)state;
	model_init(&m, 64, 1, 30); /* 33,000 a second, one after the other */
	m.noise_us = 25;
	m.way_us = 200;
	(void)model_run(&m, S / 10);
	(void)model_run(&m, 2 * S);
	with = m.done;
	assert_int_equal(m.least, 64);
	model_init(&m, 64, 1, 30);
	m.noise_us = 25;
	m.way_us = 200;
	m.fixed = m.limit = 64;
	(void)model_run(&m, S / 10);
	(void)model_run(&m, 2 * S);
	without = m.done;
	assert_true(with * 100 >= without * 98);
}

static void a_far_receiver_with_room_gets_all_there_may_be(void **state)
{
	static struct model m;

	(void)state;
	model_init(&m, 64, 500, 150 * MS);
	m.noise_us = 70 * MS;
	(void)model_run(&m, 10 * S);
	assert_in_range(model_run(&m, 60 * S), 63, 64);
	/* slower by itself, not by what we send: known again after a moment */
	m.work_us = 600 * MS;
	(void)model_run(&m, 60 * S);
	assert_in_range(model_run(&m, 60 * S), 60, 64);
}

static void it_does_not_rise_for_what_is_not_there(void **state)
{
	static struct model m;

	(void)state;
	model_init(&m, 500, 100, 50 * MS);
	m.demand = 5;
	(void)model_run(&m, 60 * S);
	assert_in_range(m.limit, 5, 10);
	assert_int_equal(m.c.base_us / MS, 50);
}

/* ---- single answers ---- */

static void note(struct concurrency *c, int kind, int64_t sent_us, int64_t now_us)
{
	struct concurrency_sample s = {.sent_us = sent_us, .now_us = now_us, .in_flight = c->limit};

	s.kind = kind;
	(void)concurrency_note(c, &s);
}

static void failures_of_requests_sent_before_say_nothing_new(void **state)
{
	struct concurrency c;
	int64_t now = 1000 * S;
	int i;

	(void)state;
	concurrency_init(&c, 64);
	for (i = 0; i < 1000 && c.limit < 64; i++, now += MS)
		note(&c, CONCURRENCY_ANSWERED, now - MS / 2, now);
	assert_int_equal(c.limit, 64);
	for (i = 0; i < 50; i++)
		note(&c, CONCURRENCY_OVERLOADED, now - MS, now + i);
	assert_int_equal(c.limit, 48);
	now += 10 * MS;
	note(&c, CONCURRENCY_OVERLOADED, now - MS, now);
	assert_int_equal(c.limit, 36);
	for (i = 0; i < 200; i++, now += 10 * MS)
		note(&c, CONCURRENCY_OVERLOADED, now - MS, now);
	assert_int_equal(c.limit, 1);
	/* and back, doubling, when the receiver is */
	for (i = 0; i < 200; i++, now += 10 * MS)
		note(&c, CONCURRENCY_ANSWERED, now - MS, now);
	assert_int_equal(c.limit, 64);
}

static void answers_that_speak_of_the_event_change_nothing(void **state)
{
	struct concurrency c, before;
	int64_t now = 1000 * S;
	int i;

	(void)state;
	concurrency_init(&c, 64);
	for (i = 0; i < 25; i++, now += MS)
		note(&c, CONCURRENCY_ANSWERED, now - MS / 2, now);
	before = c;
	for (i = 0; i < 100; i++, now += S)
		note(&c, CONCURRENCY_OTHER, now - MS / 2, now);
	assert_memory_equal(&before, &c, sizeof(c));
}

static void one_at_a_time_stays_one(void **state)
{
	static struct model m;

	(void)state;
	model_init(&m, 1, 4, 20 * MS);
	assert_int_equal(model_run(&m, 10 * S), 1);
	m.refuses = true;
	m.servers = 0;
	assert_int_equal(model_run(&m, 1 * S), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_settles_a_little_above_what_the_receiver_works_on_at_once),
		cmocka_unit_test(it_follows_a_receiver_that_becomes_larger_or_smaller),
		cmocka_unit_test(a_receiver_that_turns_away_is_rarely_given_too_much),
		cmocka_unit_test(a_fast_receiver_gets_as_much_as_without_a_limit),
		cmocka_unit_test(a_far_receiver_with_room_gets_all_there_may_be),
		cmocka_unit_test(it_does_not_rise_for_what_is_not_there),
		cmocka_unit_test(failures_of_requests_sent_before_say_nothing_new),
		cmocka_unit_test(answers_that_speak_of_the_event_change_nothing),
		cmocka_unit_test(one_at_a_time_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
