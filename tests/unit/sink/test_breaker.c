/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink/breaker.h"

#define S 1000000LL

static const struct answer ok = {ANSWER_DELIVERED, ANSWER_BLAME_NONE, false, false};
static const struct answer bad_event = {ANSWER_RETRY, ANSWER_BLAME_EVENT, false, false};
static const struct answer down = {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false, false};
static const struct answer refused = {ANSWER_REFUSED, ANSWER_BLAME_EVENT, false, false};
static const struct answer gone = {ANSWER_REFUSED, ANSWER_BLAME_RECEIVER, true, false};
static const struct answer no_token = {ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false, true};

static struct breaker *b;

static int open_breaker(void **state)
{
	const struct breaker_options o = {.failures = 5, .min_delay_us = S, .max_delay_us = 10 * S};

	(void)state;
	return breaker_new(&o, &b, NULL) != ERR_OK;
}

static int free_breaker(void **state)
{
	(void)state;
	breaker_free(b);
	return 0;
}

static enum breaker_ruling report(struct answer a, int64_t now_us)
{
	const struct breaker_result r = {.answer = a, .now_us = now_us, .sent_us = now_us};

	return breaker_report(b, &r);
}

static enum breaker_ruling report_last(struct answer a, int64_t now_us, int64_t failed_us)
{
	const struct breaker_result r = {
		.answer = a, .now_us = now_us, .failed_us = failed_us, .last_attempt = true};

	return breaker_report(b, &r);
}

static enum breaker_ruling report_probe(struct answer a, int64_t now_us)
{
	const struct breaker_result r = {.answer = a, .now_us = now_us, .probe = true};

	return breaker_report(b, &r);
}

static enum breaker_state now_state(void)
{
	return breaker_stats(b).state;
}

static size_t admit(int64_t now_us, size_t want)
{
	bool probe;
	size_t n = breaker_admit(b, now_us, want, &probe);

	assert_int_equal(probe, n && now_state() == BREAKER_HALF_OPEN);
	return n;
}

static void trip(int64_t now_us)
{
	int i;

	for (i = 0; i < 5; i++)
		(void)!report(down, now_us);
	assert_int_equal(now_state(), BREAKER_OPEN);
}

static void closed_it_admits_everything(void **state)
{
	(void)state;
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(admit(S, 64), 64);
	assert_int_equal(admit(S, 0), 0);
	assert_int_equal(breaker_next_probe_us(b), INT64_MAX);
}

static void failures_in_a_row_open_it_whosever_they_are(void **state)
{
	(void)state;
	assert_int_equal(report(down, S), BREAKER_COUNT);
	assert_int_equal(report(bad_event, S), BREAKER_COUNT);
	assert_int_equal(report(bad_event, S), BREAKER_COUNT);
	assert_int_equal(report(down, S), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	/* the one that opens it is held already */
	assert_int_equal(report(bad_event, S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_OPEN);
	assert_int_equal(breaker_stats(b).opened_total, 1);
	assert_int_equal(breaker_stats(b).since_us, S);
	assert_int_equal(admit(S, 64), 0);
}

static void a_definite_answer_ends_a_row_of_failures(void **state)
{
	const struct answer answers[] = {ok, refused};
	int i, k;

	(void)state;
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 4; i++)
			assert_int_equal(report(k % 2 ? down : bad_event, S), BREAKER_COUNT);
		assert_int_equal(report(answers[k % 2], S), BREAKER_COUNT);
		assert_int_equal(breaker_stats(b).failures_in_row, 0);
	}
	assert_int_equal(now_state(), BREAKER_CLOSED);
}

static void an_outage_never_kills_an_event(void **state)
{
	(void)state;
	/* nothing was delivered since it first failed */
	assert_int_equal(report_last(down, 9 * S, 2 * S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_OPEN);
}

static void an_event_without_retries_is_held_in_an_outage_too(void **state)
{
	(void)state;
	(void)!report(ok, S);
	assert_int_equal(report_last(down, 2 * S, 0), BREAKER_HOLD);
}

static void an_event_dies_when_others_got_through_meanwhile(void **state)
{
	(void)state;
	(void)!report(ok, 3 * S);
	assert_int_equal(report_last(down, 9 * S, 2 * S), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	/* a success before its first failure says nothing */
	assert_int_equal(report_last(down, 9 * S, 3 * S), BREAKER_HOLD);
}

static void what_was_sent_before_it_failed_proves_nothing(void **state)
{
	const struct breaker_result straggler = {.answer = ok, .now_us = 3 * S, .sent_us = S};

	(void)state;
	assert_int_equal(breaker_report(b, &straggler), BREAKER_COUNT);
	assert_int_equal(breaker_stats(b).last_success_us, 3 * S);
	assert_int_equal(report_last(down, 9 * S, 2 * S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_OPEN);
}

/* Else a few stops of the receiver, each with two attempts in it, would kill. */
static void the_same_failure_again_is_held_before_the_last_attempt_too(void **state)
{
	struct breaker_result r = {.answer = down, .now_us = 2 * S};

	(void)state;
	assert_int_equal(breaker_report(b, &r), BREAKER_COUNT);
	r.failed_us = 2 * S;
	r.now_us = 3 * S;
	assert_int_equal(breaker_report(b, &r), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(report(ok, 4 * S), BREAKER_COUNT);
	r.failed_us = 3 * S;
	r.now_us = 5 * S;
	assert_int_equal(breaker_report(b, &r), BREAKER_COUNT);
}

static void a_refusal_is_no_delivery(void **state)
{
	(void)state;
	(void)!report(refused, 3 * S);
	assert_int_equal(report_last(down, 9 * S, 2 * S), BREAKER_HOLD);
}

static void an_events_own_failure_counts_however_long_it_lasts(void **state)
{
	(void)state;
	assert_int_equal(report_last(bad_event, 9 * S, 2 * S), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
}

static void one_probe_goes_when_the_delay_has_passed(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(breaker_next_probe_us(b), 11 * S);
	assert_int_equal(admit(11 * S - 1, 64), 0);
	assert_int_equal(admit(11 * S, 0), 0);
	assert_int_equal(admit(11 * S, 64), 1);
	assert_int_equal(now_state(), BREAKER_HALF_OPEN);
	assert_int_equal(breaker_next_probe_us(b), INT64_MAX);
	assert_int_equal(admit(60 * S, 64), 0);
}

static void a_failed_probe_doubles_the_delay_up_to_the_maximum(void **state)
{
	static const int64_t delays[] = {2, 4, 8, 10, 10};
	int64_t now_us = 11 * S;
	size_t i;

	(void)state;
	trip(10 * S);
	for (i = 0; i < 5; i++) {
		assert_int_equal(admit(now_us, 1), 1);
		assert_int_equal(report_probe(down, now_us), BREAKER_HOLD);
		assert_int_equal(breaker_next_probe_us(b), now_us + delays[i] * S);
		now_us += delays[i] * S;
	}
	assert_int_equal(breaker_stats(b).opened_total, 1);
}

static void a_straggler_that_fails_is_held_and_changes_nothing(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(report_last(bad_event, 10 * S + 1, S), BREAKER_HOLD);
	assert_int_equal(breaker_next_probe_us(b), 11 * S);
	assert_int_equal(admit(11 * S, 1), 1);
	assert_int_equal(report(down, 11 * S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_HALF_OPEN);
}

static void a_sign_of_life_closes_it_whoever_brings_it(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(report(ok, 10 * S + 1), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	trip(20 * S);
	assert_int_equal(admit(21 * S, 1), 1);
	assert_int_equal(report_probe(refused, 21 * S), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(admit(21 * S, 7), 7);
	/* and the next outage begins with the short delay */
	trip(30 * S);
	assert_int_equal(breaker_next_probe_us(b), 31 * S);
}

static void a_probe_that_was_not_sent_lets_another_go(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(admit(11 * S, 1), 1);
	breaker_cancel(b, 12 * S);
	assert_int_equal(breaker_next_probe_us(b), 12 * S);
	assert_int_equal(admit(12 * S, 1), 1);
}

static void cancelling_changes_nothing_when_no_probe_is_out(void **state)
{
	(void)state;
	breaker_cancel(b, S);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	trip(10 * S);
	breaker_cancel(b, 10 * S);
	assert_int_equal(breaker_next_probe_us(b), 11 * S);
}

static void gone_disables_until_an_operator_enables(void **state)
{
	(void)state;
	assert_int_equal(report(gone, S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_DISABLED);
	assert_int_equal(admit(INT64_MAX - 1, 9), 0);
	assert_int_equal(breaker_next_probe_us(b), INT64_MAX);
	/* stragglers, good or bad, do not enable it */
	assert_int_equal(report(ok, 2 * S), BREAKER_COUNT);
	assert_int_equal(report_last(down, 2 * S, S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_DISABLED);
	breaker_enable(b, 30 * S);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(breaker_stats(b).failures_in_row, 0);
	assert_int_equal(admit(3 * S, 9), 9);
}

static void a_probe_may_find_the_receiver_gone(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(admit(11 * S, 1), 1);
	assert_int_equal(report_probe(gone, 11 * S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_DISABLED);
}

static void what_says_nothing_of_the_event_is_never_counted(void **state)
{
	(void)state;
	/* a first failure of the receiver counts, this does not */
	assert_int_equal(report(down, S), BREAKER_COUNT);
	assert_int_equal(report(no_token, S), BREAKER_HOLD);
	/* not even when others got through meanwhile */
	assert_int_equal(report(ok, 3 * S), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(report_last(no_token, 4 * S, 2 * S), BREAKER_HOLD);
	assert_int_equal(now_state(), BREAKER_OPEN);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
	assert_string_equal(breaker_state_name(BREAKER_OPEN), "open");
	assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half_open");
	assert_string_equal(breaker_state_name(BREAKER_DISABLED), "disabled");
}

#define BREAKER_TEST(fn) cmocka_unit_test_setup_teardown(fn, open_breaker, free_breaker)

/* ---- pauses ---- */

static enum breaker_ruling report_pause(struct answer a, int64_t now_us, int64_t pause_us,
					bool probe)
{
	const struct breaker_result r = {.answer = a,
					 .now_us = now_us,
					 .sent_us = now_us,
					 .pause_us = pause_us,
					 .probe = probe};

	return breaker_report(b, &r);
}

static void nothing_is_sent_before_the_time_the_receiver_asked_for(void **state)
{
	(void)state;
	assert_int_equal(report_pause(down, 10 * S, 100 * S, false), BREAKER_COUNT);
	assert_int_equal(now_state(), BREAKER_CLOSED);
	assert_int_equal(admit(110 * S - 1, 9), 0);
	assert_int_equal(breaker_next_probe_us(b), 110 * S);
	assert_int_equal(breaker_stats(b).paused_until_us, 110 * S);
	/* what was under way and is delivered does not end it, a shorter one neither */
	(void)!report(ok, 20 * S);
	(void)!report_pause(down, 30 * S, 5 * S, false);
	assert_int_equal(admit(110 * S - 1, 9), 0);
	assert_int_equal(admit(110 * S, 9), 9);
	assert_int_equal(breaker_next_probe_us(b), INT64_MAX);
	assert_int_equal(breaker_stats(b).paused_until_us, 0);
}

static void the_probe_waits_for_the_end_of_a_pause(void **state)
{
	(void)state;
	trip(10 * S);
	assert_int_equal(admit(11 * S, 1), 1);
	assert_int_equal(report_pause(down, 11 * S, 100 * S, true), BREAKER_HOLD);
	assert_int_equal(breaker_next_probe_us(b), 111 * S);
	assert_int_equal(admit(111 * S - 1, 1), 0);
	assert_int_equal(admit(111 * S, 1), 1);
	/* and when the pause is the shorter one, for its own time */
	assert_int_equal(report_pause(down, 111 * S, S, true), BREAKER_HOLD);
	assert_int_equal(breaker_next_probe_us(b), 115 * S);
}

static void an_operator_ends_a_pause(void **state)
{
	(void)state;
	(void)!report_pause(down, 10 * S, 100 * S, false);
	breaker_enable(b, 11 * S);
	assert_int_equal(admit(11 * S, 9), 9);
	breaker_disable(b, 12 * S);
	assert_int_equal(admit(INT64_MAX - 1, 9), 0);
	assert_int_equal(breaker_stats(b).since_us, 12 * S);
	assert_int_equal(breaker_stats(b).next_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BREAKER_TEST(closed_it_admits_everything),
		BREAKER_TEST(failures_in_a_row_open_it_whosever_they_are),
		BREAKER_TEST(a_definite_answer_ends_a_row_of_failures),
		BREAKER_TEST(an_outage_never_kills_an_event),
		BREAKER_TEST(an_event_without_retries_is_held_in_an_outage_too),
		BREAKER_TEST(an_event_dies_when_others_got_through_meanwhile),
		BREAKER_TEST(what_was_sent_before_it_failed_proves_nothing),
		BREAKER_TEST(the_same_failure_again_is_held_before_the_last_attempt_too),
		BREAKER_TEST(a_refusal_is_no_delivery),
		BREAKER_TEST(an_events_own_failure_counts_however_long_it_lasts),
		BREAKER_TEST(one_probe_goes_when_the_delay_has_passed),
		BREAKER_TEST(a_failed_probe_doubles_the_delay_up_to_the_maximum),
		BREAKER_TEST(a_straggler_that_fails_is_held_and_changes_nothing),
		BREAKER_TEST(a_sign_of_life_closes_it_whoever_brings_it),
		BREAKER_TEST(a_probe_that_was_not_sent_lets_another_go),
		BREAKER_TEST(cancelling_changes_nothing_when_no_probe_is_out),
		BREAKER_TEST(gone_disables_until_an_operator_enables),
		BREAKER_TEST(a_probe_may_find_the_receiver_gone),
		cmocka_unit_test_setup_teardown(what_says_nothing_of_the_event_is_never_counted,
						open_breaker, free_breaker),
		cmocka_unit_test(states_have_names),
		cmocka_unit_test_setup_teardown(
			nothing_is_sent_before_the_time_the_receiver_asked_for, open_breaker,
			free_breaker),
		cmocka_unit_test_setup_teardown(the_probe_waits_for_the_end_of_a_pause,
						open_breaker, free_breaker),
		cmocka_unit_test_setup_teardown(an_operator_ends_a_pause, open_breaker,
						free_breaker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
