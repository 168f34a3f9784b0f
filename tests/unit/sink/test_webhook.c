/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/thread.h"
#include "sink/webhook.h"

static char name[] = "test";
static struct webhook_settings settings;
static struct webhook *w;

static int open_webhook(void **state)
{
	(void)state;
	settings = (struct webhook_settings){
		.name = name,
		.max_in_flight = 10,
		.breaker_failures = 3,
		.breaker_max_delay_us = 60 * CLOCK_US_PER_S,
	};
	return webhook_new(&settings, &w, NULL) != ERR_OK;
}

static int free_webhook(void **state)
{
	(void)state;
	webhook_free(w);
	return 0;
}

static void admission_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(webhook_room(w), 10);
	assert_int_equal(webhook_admit(w, 0, 4), 4);
	assert_int_equal(webhook_admit(w, 0, 100), 6);
	assert_int_equal(webhook_admit(w, 0, 1), 0);
	assert_int_equal(webhook_room(w), 0);
	assert_int_equal(webhook_stats(w).in_flight, 10);
	(void)webhook_leave(w, 3);
	assert_int_equal(webhook_admit(w, 0, 5), 3);
	(void)webhook_leave(w, 10);
	assert_int_equal(webhook_stats(w).max_in_flight, 10);
}

static void leaving_tells_once_that_somebody_was_refused(void **state)
{
	(void)state;
	assert_int_equal(webhook_admit(w, 0, 10), 10);
	assert_false(webhook_leave(w, 1));
	/* who got some is not refused: it asks again when they were not enough */
	assert_int_equal(webhook_admit(w, 0, 2), 1);
	assert_false(webhook_leave(w, 1));
	assert_int_equal(webhook_admit(w, 0, 1), 1);
	assert_int_equal(webhook_admit(w, 0, 1), 0);
	assert_true(webhook_leave(w, 1));
	assert_false(webhook_leave(w, 1));
	assert_false(webhook_leave(w, 8));
}

static void a_paced_one_admits_what_the_rate_allows(void **state)
{
	struct webhook_settings s = settings;
	struct webhook *paced;
	int64_t t = 1000 * CLOCK_US_PER_S;

	(void)state;
	assert_false(webhook_is_paced(w));
	s.rate_limit = (struct rate){10, 10 * CLOCK_US_PER_S};
	s.rate_limit_burst = 3;
	assert_int_equal(webhook_new(&s, &paced, NULL), ERR_OK);
	assert_true(webhook_is_paced(paced));
	assert_int_equal(webhook_admit(paced, t, 5), 0);
	t += 100 * CLOCK_US_PER_S;
	assert_int_equal(webhook_admit(paced, t, 5), 3);
	assert_int_equal(webhook_admit(paced, t, 5), 0);
	assert_true(webhook_next_us(paced) > t);
	/* what has ended does not come back, what was not sent does */
	assert_true(webhook_leave(paced, 1));
	assert_int_equal(webhook_admit(paced, t, 5), 0);
	assert_true(webhook_give_back(paced, 1));
	assert_true(webhook_next_us(paced) <= t);
	assert_int_equal(webhook_admit(paced, t, 5), 1);
	assert_int_equal(webhook_stats(paced).in_flight, 2);
	assert_true(webhook_stats(paced).pace.waits > 0);
	/* what waits for room does not use up the rate */
	t += 1000 * CLOCK_US_PER_S;
	assert_int_equal(webhook_admit(paced, t, 3), 3);
	t += 1000 * CLOCK_US_PER_S;
	assert_int_equal(webhook_admit(paced, t, 3), 3);
	t += 1000 * CLOCK_US_PER_S;
	assert_int_equal(webhook_admit(paced, t, 2), 2);
	assert_int_equal(webhook_room(paced), 0);
	t += 1000 * CLOCK_US_PER_S;
	assert_int_equal(webhook_admit(paced, t, 3), 0);
	assert_true(webhook_next_us(paced) <= t);
	(void)webhook_leave(paced, 10);
	webhook_free(paced);
}

static void record_answer(struct webhook *to, int status, enum answer_phase phase, int64_t now_us)
{
	const struct webhook_attempt a = {
		.outcome = status == 200 ? WEBHOOK_DELIVERED : WEBHOOK_RETRIED,
		.events = 1,
		.status = status,
		.phase = phase,
		.elapsed_us = 1000,
		.reason = "",
		.sent_us = now_us - 1000,
	};

	webhook_record(to, &a);
}

static void an_adaptive_one_admits_what_the_receiver_takes(void **state)
{
	struct webhook_settings s = settings;
	struct webhook *adaptive;
	int64_t t = 1000 * CLOCK_US_PER_S;
	size_t before;
	int i;

	(void)state;
	assert_int_equal(webhook_stats(w).concurrency_limit, 10);
	s.concurrency = WEBHOOK_CONCURRENCY_ADAPTIVE;
	assert_int_equal(webhook_new(&s, &adaptive, NULL), ERR_OK);
	assert_int_equal(webhook_admit(adaptive, 0, 5), 1);
	assert_int_equal(webhook_room(adaptive), 0);
	for (i = 0; i < 300; i++, t += 2000) {
		(void)webhook_admit(adaptive, 0, 10);
		record_answer(adaptive, 200, ANSWER_PHASE_NONE, t);
	}
	assert_int_equal(webhook_stats(adaptive).concurrency_limit, 10);
	assert_int_equal(webhook_stats(adaptive).in_flight, 10);
	/* never asked, or answered for the event's sake: says nothing */
	for (i = 0; i < 50; i++, t += 2000) {
		record_answer(adaptive, 500, ANSWER_PHASE_NONE, t);
		record_answer(adaptive, 404, ANSWER_PHASE_NONE, t);
		record_answer(adaptive, 0, ANSWER_PHASE_LOOKUP, t);
		record_answer(adaptive, 0, ANSWER_PHASE_DENIED, t);
	}
	assert_int_equal(webhook_stats(adaptive).concurrency_limit, 10);
	before = 10;
	for (i = 0; i < 4; i++, t += 2000) {
		static const struct {
			int status;
			enum answer_phase phase;
		} bad[] = {{429, ANSWER_PHASE_NONE},
			   {503, ANSWER_PHASE_NONE},
			   {0, ANSWER_PHASE_FIRST_BYTE},
			   {0, ANSWER_PHASE_CONNECT}};

		record_answer(adaptive, bad[i].status, bad[i].phase, t);
		assert_true(webhook_stats(adaptive).concurrency_limit < before);
		before = webhook_stats(adaptive).concurrency_limit;
	}
	assert_int_equal(webhook_room(adaptive), 0);
	(void)webhook_leave(adaptive, 10);
	webhook_free(adaptive);
}

static void the_first_probe_comes_after_a_second_or_the_maximum(void **state)
{
	const struct breaker_result r = {.answer = {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
					 .now_us = 5};
	int i;

	(void)state;
	for (i = 0; i < 3; i++)
		(void)!breaker_report(webhook_breaker(w), &r);
	assert_int_equal(breaker_next_probe_us(webhook_breaker(w)), 5 + CLOCK_US_PER_S);
	webhook_free(w);
	settings.breaker_max_delay_us = 1000;
	assert_int_equal(webhook_new(&settings, &w, NULL), ERR_OK);
	for (i = 0; i < 3; i++)
		(void)!breaker_report(webhook_breaker(w), &r);
	assert_int_equal(breaker_next_probe_us(webhook_breaker(w)), 1005);
}

static void each_move_of_the_breaker_is_told_once(void **state)
{
	const struct breaker_result bad = {.answer = {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
					   .now_us = 5};
	enum breaker_state s;
	bool probe;
	int i;

	(void)state;
	assert_false(webhook_breaker_moved(w, &s));
	for (i = 0; i < 3; i++)
		(void)!breaker_report(webhook_breaker(w), &bad);
	assert_true(webhook_breaker_moved(w, &s));
	assert_int_equal(s, BREAKER_OPEN);
	assert_int_equal(breaker_admit(webhook_breaker(w), INT64_MAX, 1, &probe), 1);
	assert_false(webhook_breaker_moved(w, &s));
	breaker_enable(webhook_breaker(w), 0);
	assert_true(webhook_breaker_moved(w, &s));
	assert_int_equal(s, BREAKER_CLOSED);
	assert_false(webhook_breaker_moved(w, &s));
}

static void every_attempt_is_counted_where_it_belongs(void **state)
{
	static const struct webhook_attempt attempts[] = {
		{WEBHOOK_DELIVERED, 1, 200, ANSWER_PHASE_NONE, 150, 10, 0, 1, 2, "", 0},
		{WEBHOOK_DELIVERED, 1, 204, ANSWER_PHASE_NONE, 100, 10, 35, 0, 0, "", 0},
		{WEBHOOK_RETRIED, 1, 500, ANSWER_PHASE_NONE, 101, 10, 0, 0, 0, "HTTP 500", 0},
		{WEBHOOK_HELD, 1, 0, ANSWER_PHASE_CONNECT, 9, 10, 0, 0, 0, "connect: no", 0},
		{WEBHOOK_HELD, 1, 0, ANSWER_PHASE_CONNECT, 9, 10, 0, 0, 0, "connect: no", 0},
		{WEBHOOK_REFUSED, 1, 302, ANSWER_PHASE_NONE, 90000000, 10, 0, 0, 0, "HTTP 302", 0},
		{WEBHOOK_EXHAUSTED, 1, 999, ANSWER_PHASE_NONE, 60000000, 10, 0, 0, 0, "HTTP 999",
		 0},
	};
	struct webhook_stats s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(attempts); i++)
		webhook_record(w, &attempts[i]);
	s = webhook_stats(w);
	assert_int_equal(s.attempts, 7);
	assert_int_equal(s.delivered, 2);
	assert_int_equal(s.retried, 1);
	assert_int_equal(s.held, 2);
	assert_int_equal(s.refused, 1);
	assert_int_equal(s.exhausted, 1);
	assert_int_equal(s.bytes_sent, 70);
	assert_int_equal(s.bytes_plain, 95);
	assert_int_equal(s.compressed, 1);
	assert_int_equal(s.cut, 1);
	assert_int_equal(s.key_only, 2);
	assert_int_equal(s.by_class[0], 2);
	assert_int_equal(s.by_class[2], 2);
	assert_int_equal(s.by_class[3], 1);
	assert_int_equal(s.by_class[5], 2);
	assert_int_equal(s.failures_by_phase[ANSWER_PHASE_CONNECT], 2);
	assert_int_equal(s.failures_by_phase[ANSWER_PHASE_NONE], 0);
	assert_int_equal(s.latency_count[0], 1); /* a bound belongs to its bucket */
	assert_int_equal(s.latency_count[1], 2);
	assert_int_equal(s.latency_count[WEBHOOK_LATENCY_BUCKETS - 2], 1);
	assert_int_equal(s.latency_count[WEBHOOK_LATENCY_BUCKETS - 1], 1);
	assert_int_equal(s.latency_sum_us, 150000351);
	assert_string_equal(s.last_error, "HTTP 999");
	webhook_record(w, &attempts[0]);
	assert_string_equal(webhook_stats(w).last_error, "");
}

static void what_was_never_sent_is_no_attempt(void **state)
{
	const struct webhook_attempt a = {
		.outcome = WEBHOOK_OVERSIZED, .events = 1, .bytes = 10, .reason = "too large"};
	struct webhook_stats before = webhook_stats(w), s;

	(void)state;
	webhook_record(w, &a);
	s = webhook_stats(w);
	assert_int_equal(s.oversized, before.oversized + 1);
	assert_int_equal(s.attempts, before.attempts);
	assert_int_equal(s.bytes_sent, before.bytes_sent);
	assert_string_equal(s.last_error, "too large");
}

static void bounds_rise_to_infinity(void **state)
{
	size_t i;

	(void)state;
	for (i = 1; i < WEBHOOK_LATENCY_BUCKETS; i++)
		assert_true(webhook_latency_bound_us[i] > webhook_latency_bound_us[i - 1]);
	assert_true(webhook_latency_bound_us[WEBHOOK_LATENCY_BUCKETS - 1] == INT64_MAX);
}

static void quantiles_are_interpolated(void **state)
{
	int64_t count[WEBHOOK_LATENCY_BUCKETS] = {0};

	(void)state;
	assert_int_equal(webhook_latency_quantile_us(count, 0.5), 0);
	count[3] = 100; /* 500 to 1000 */
	assert_int_equal(webhook_latency_quantile_us(count, 0), 500);
	assert_int_equal(webhook_latency_quantile_us(count, 0.5), 750);
	assert_int_equal(webhook_latency_quantile_us(count, 1), 1000);
	count[0] = 100; /* 0 to 100 */
	assert_int_equal(webhook_latency_quantile_us(count, 0.25), 50);
	assert_int_equal(webhook_latency_quantile_us(count, 0.75), 750);
	count[WEBHOOK_LATENCY_BUCKETS - 1] = 1000;
	assert_int_equal(webhook_latency_quantile_us(count, 0.99), 60000000);
}

static void a_url_for_logs_has_no_secrets(void **state)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{"https://host/path", "https://host/path"},
		{"https://user:secret@host:8443/path?token=s#frag", "https://host:8443/path"},
		{"https://u:s@c@host/", "https://host/"},
		{"https://host/p@th", "https://host/p@th"},
		{"http://host?x=a://b@c", "http://host"},
		{"user:secret@host/x", "host/x"},
		{"https://host/a?b://c", "https://host/a"},
		{"http://[::1]:80/x#y?z", "http://[::1]:80/x"},
		{"http://user@host", "http://host"},
		{"", ""},
	};
	char out[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		webhook_url_redact(cases[i].url, out, sizeof(out));
		assert_string_equal(out, cases[i].want);
	}
	webhook_url_redact("https://host/path", out, 9);
	assert_string_equal(out, "https://");
}

/* ---- from many threads, for the thread sanitizer ---- */

static _Atomic int running;

static void use_main(void *arg)
{
	const struct webhook_attempt a = {
		WEBHOOK_DELIVERED, 1, 200, ANSWER_PHASE_NONE, 1, 1, 0, 0, 0, "", 0};
	struct breaker_result r = {.answer = {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false}};
	enum breaker_state s;
	bool probe;
	size_t n;
	int i;

	(void)arg;
	for (i = 0; i < 2000; i++) {
		n = webhook_admit(w, 0, 3);
		atomic_fetch_add(&running, (int)n);
		assert(atomic_load(&running) <= 10);
		(void)breaker_admit(webhook_breaker(w), i, 1, &probe);
		(void)breaker_next_probe_us(webhook_breaker(w));
		r.now_us = i;
		r.answer.verdict = i % 7 ? ANSWER_RETRY : ANSWER_DELIVERED;
		(void)!breaker_report(webhook_breaker(w), &r);
		if (i % 100 == 0)
			breaker_enable(webhook_breaker(w), 0);
		breaker_cancel(webhook_breaker(w), i);
		webhook_record(w, &a);
		(void)webhook_breaker_moved(w, &s);
		(void)webhook_stats(w);
		(void)webhook_room(w);
		(void)webhook_next_us(w);
		(void)webhook_is_paced(w);
		atomic_fetch_sub(&running, (int)n);
		(void)webhook_leave(w, n);
	}
}

static void many_threads_may_use_it(void **state)
{
	struct thread t[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(thread_start(&t[i], "use", 0, use_main, NULL, NULL), ERR_OK);
	for (i = 0; i < 4; i++)
		thread_join(&t[i]);
	assert_int_equal(webhook_stats(w).in_flight, 0);
	assert_int_equal(webhook_stats(w).delivered, 8000);
}

#define WEBHOOK_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_webhook, free_webhook)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEBHOOK_TEST(admission_is_bounded),
		WEBHOOK_TEST(leaving_tells_once_that_somebody_was_refused),
		WEBHOOK_TEST(a_paced_one_admits_what_the_rate_allows),
		WEBHOOK_TEST(an_adaptive_one_admits_what_the_receiver_takes),
		WEBHOOK_TEST(the_first_probe_comes_after_a_second_or_the_maximum),
		WEBHOOK_TEST(each_move_of_the_breaker_is_told_once),
		WEBHOOK_TEST(every_attempt_is_counted_where_it_belongs),
		WEBHOOK_TEST(what_was_never_sent_is_no_attempt),
		WEBHOOK_TEST(many_threads_may_use_it),
		cmocka_unit_test(bounds_rise_to_infinity),
		cmocka_unit_test(quantiles_are_interpolated),
		cmocka_unit_test(a_url_for_logs_has_no_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
