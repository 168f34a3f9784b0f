/* SPDX-License-Identifier: MIT */
/*
 * When a token is fetched, used, replaced and no longer sent: arithmetic on a clock that the test
 * moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sink/token_cache.h"

#define S CLOCK_US_PER_S
#define START (1000 * S)
#define MAX_WAIT (100 * S)

static void store(struct token_cache *c, const char *token, int64_t lifetime_s, int64_t begun_us)
{
	struct buf b;

	buf_init(&b, 100);
	buf_add_str(&b, token);
	token_cache_store(c, &b, lifetime_s, begun_us);
	assert_null(b.data);
}

static void fetch(struct token_cache *c, const char *token, int64_t lifetime_s, int64_t now_us)
{
	assert_int_equal(token_cache_due_us(c, now_us), now_us);
	token_cache_begin(c);
	store(c, token, lifetime_s, now_us);
}

static enum token_state ask(struct token_cache *c, int64_t now_us)
{
	struct token_ticket t = {.fetch = 0};

	return token_cache_ask(c, &t, now_us);
}

static void nothing_is_fetched_before_somebody_asks(void **state)
{
	struct token_cache c;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(token_cache_due_us(&c, START), INT64_MAX);
	assert_int_equal(ask(&c, START), TOKEN_PENDING);
	fetch(&c, "a", 3600, START);
	assert_int_equal(ask(&c, START), TOKEN_READY);
	assert_string_equal(buf_str(&c.token), "a");
	token_cache_done(&c);
}

static void all_who_ask_meanwhile_wait_for_the_same_fetch(void **state)
{
	struct token_ticket before = {.fetch = 0}, during = {.fetch = 0};
	struct token_cache c;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(token_cache_ask(&c, &before, START), TOKEN_PENDING);
	token_cache_begin(&c);
	assert_int_equal(token_cache_ask(&c, &during, START), TOKEN_PENDING);
	assert_int_equal(token_cache_ask(&c, &before, START), TOKEN_PENDING);
	assert_int_equal(before.fetch, during.fetch);
	assert_int_equal(token_cache_due_us(&c, START), INT64_MAX);
	store(&c, "a", 3600, START);
	assert_int_equal(token_cache_ask(&c, &before, START), TOKEN_READY);
	assert_int_equal(token_cache_ask(&c, &during, START), TOKEN_READY);
	/* and no other one is due */
	assert_int_equal(token_cache_due_us(&c, START), c.refresh_us);
	assert_int_equal(c.begun, 1);
	token_cache_done(&c);
}

static void a_token_in_use_is_replaced_before_it_runs_out(void **state)
{
	static const struct {
		int64_t lifetime_s, refresh_us, until_us;
	} cases[] = {
		{3600, 3540 * S, 3595 * S}, /* a minute before its end */
		{300, 240 * S, 295 * S},
		{100, 80 * S, 95 * S}, /* four fifths of its life */
		{10, 8 * S, 9 * S},
		{1, S / 5 * 4, S / 10 * 9},
		{30 * 86400, (30 * 86400 - 60) * S, (30 * 86400 - 5) * S},
	};
	struct token_cache c;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		token_cache_init(&c);
		assert_int_equal(ask(&c, START), TOKEN_PENDING);
		fetch(&c, "a", cases[i].lifetime_s, START);
		/* nobody has used it: it may run out */
		assert_int_equal(token_cache_due_us(&c, START), INT64_MAX);
		assert_int_equal(ask(&c, START), TOKEN_READY);
		assert_int_equal(token_cache_due_us(&c, START), START + cases[i].refresh_us);
		assert_int_equal(ask(&c, START + cases[i].until_us - 1), TOKEN_READY);
		assert_int_equal(c.expires_us, START + cases[i].lifetime_s * S);
		assert_int_equal(ask(&c, START + cases[i].until_us), TOKEN_PENDING);
		token_cache_done(&c);
	}
}

static void while_the_next_is_fetched_the_old_one_is_sent(void **state)
{
	struct token_cache c;
	int64_t now_us;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(ask(&c, START), TOKEN_PENDING);
	fetch(&c, "a", 100, START);
	assert_int_equal(ask(&c, START), TOKEN_READY);
	now_us = c.refresh_us;
	assert_int_equal(token_cache_due_us(&c, now_us), now_us);
	token_cache_begin(&c);
	assert_int_equal(ask(&c, now_us), TOKEN_READY);
	assert_string_equal(buf_str(&c.token), "a");
	store(&c, "b", 100, now_us);
	assert_int_equal(ask(&c, now_us), TOKEN_READY);
	assert_string_equal(buf_str(&c.token), "b");
	assert_int_equal(c.refresh_us, now_us + 80 * S);
	token_cache_done(&c);
}

static void a_failed_refresh_is_repeated_ever_more_slowly(void **state)
{
	static const int64_t waits_s[] = {1, 2, 4, 8, 16, 30, 30};
	struct token_cache c;
	int64_t now_us;
	size_t i;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(ask(&c, START), TOKEN_PENDING);
	fetch(&c, "a", 3600, START);
	assert_int_equal(ask(&c, START), TOKEN_READY);
	now_us = c.refresh_us - 60 * S; /* as if it were long before its end */
	for (i = 0; i < ARRAY_LEN(waits_s); i++) {
		token_cache_begin(&c);
		token_cache_fail(&c, "down", -1, MAX_WAIT, now_us);
		assert_int_equal(c.retry_us, now_us + waits_s[i] * S);
		assert_int_equal(ask(&c, now_us), TOKEN_READY);
	}
	assert_int_equal(token_cache_due_us(&c, now_us), c.refresh_us);
	assert_int_equal(token_cache_due_us(&c, c.refresh_us - 1), c.refresh_us);
	/* it has run out, and who asks then does not wait for the slow repetition */
	now_us = c.until_us;
	assert_int_equal(ask(&c, now_us), TOKEN_PENDING);
	assert_int_equal(token_cache_due_us(&c, now_us), now_us);
	token_cache_done(&c);
}

static void a_failure_is_that_of_all_who_waited(void **state)
{
	struct token_ticket one = {.fetch = 0}, two = {.fetch = 0};
	struct token_cache c;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(token_cache_ask(&c, &one, START), TOKEN_PENDING);
	token_cache_begin(&c);
	assert_int_equal(token_cache_ask(&c, &two, START), TOKEN_PENDING);
	token_cache_fail(&c, "HTTP 500", -1, MAX_WAIT, START);
	assert_int_equal(token_cache_ask(&c, &one, START), TOKEN_FAILED);
	assert_string_equal(c.reason, "HTTP 500");
	/* two looks later, when others have asked again: its fetch has failed all the same */
	assert_int_equal(ask(&c, START + TOKEN_CACHE_FAILED_US), TOKEN_PENDING);
	token_cache_begin(&c);
	assert_int_equal(token_cache_ask(&c, &two, START + TOKEN_CACHE_FAILED_US), TOKEN_FAILED);
	token_cache_done(&c);
}

static void an_endpoint_that_is_down_is_not_asked_at_the_pace_of_events(void **state)
{
	struct token_cache c;
	int i;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(ask(&c, START), TOKEN_PENDING);
	token_cache_begin(&c);
	token_cache_fail(&c, "HTTP 500", -1, MAX_WAIT, START);
	for (i = 0; i < 100; i++)
		assert_int_equal(ask(&c, START + TOKEN_CACHE_FAILED_US - 1), TOKEN_FAILED);
	assert_int_equal(token_cache_due_us(&c, START), INT64_MAX);
	assert_int_equal(ask(&c, START + TOKEN_CACHE_FAILED_US), TOKEN_PENDING);
	token_cache_begin(&c);
	/* Retry-After, within reason */
	token_cache_fail(&c, "HTTP 429", 7, MAX_WAIT, START);
	assert_int_equal(ask(&c, START + 7 * S - 1), TOKEN_FAILED);
	assert_int_equal(ask(&c, START + 7 * S), TOKEN_PENDING);
	token_cache_begin(&c);
	token_cache_fail(&c, "HTTP 429", INT64_MAX, MAX_WAIT, START);
	assert_int_equal(ask(&c, START + MAX_WAIT - 1), TOKEN_FAILED);
	assert_int_equal(ask(&c, START + MAX_WAIT), TOKEN_PENDING);
	token_cache_done(&c);
}

static void a_refused_token_is_replaced_once_a_request(void **state)
{
	struct token_ticket one = {.fetch = 0}, two = {.fetch = 0}, late = {.fetch = 0};
	const int64_t later = START + TOKEN_CACHE_YOUNG_US;
	struct token_cache c;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(ask(&c, START), TOKEN_PENDING);
	fetch(&c, "a", 3600, START);
	assert_int_equal(token_cache_ask(&c, &one, later), TOKEN_READY);
	assert_int_equal(token_cache_ask(&c, &two, later), TOKEN_READY);
	assert_int_equal(token_cache_ask(&c, &late, later), TOKEN_READY);
	assert_true(token_cache_refuse(&c, &one, later));
	assert_int_equal(token_cache_ask(&c, &one, later), TOKEN_PENDING);
	assert_true(token_cache_refuse(&c, &two, later));
	assert_int_equal(token_cache_ask(&c, &two, later), TOKEN_PENDING);
	fetch(&c, "b", 3600, later);
	assert_int_equal(token_cache_ask(&c, &one, later), TOKEN_READY);
	assert_int_equal(token_cache_ask(&c, &two, later), TOKEN_READY);
	/* its answer comes in only now, and another token is there already */
	assert_true(token_cache_refuse(&c, &late, later));
	assert_int_equal(token_cache_ask(&c, &late, later), TOKEN_READY);
	assert_int_equal(c.begun, 2);
	/* no request is sent a third time */
	assert_false(token_cache_refuse(&c, &one, later));
	assert_false(token_cache_refuse(&c, &late, later));
	token_cache_done(&c);
}

/* A receiver that refuses every token must not have one fetched for each event. */
static void a_token_that_has_just_come_is_not_replaced(void **state)
{
	struct token_ticket one = {.fetch = 0}, none = {.fetch = 0};
	struct token_cache c;

	(void)state;
	token_cache_init(&c);
	assert_int_equal(token_cache_ask(&c, &one, START), TOKEN_PENDING);
	assert_false(token_cache_refuse(&c, &none, START)); /* it never got one */
	fetch(&c, "a", 3600, START);
	assert_int_equal(token_cache_ask(&c, &one, START), TOKEN_READY);
	assert_false(token_cache_refuse(&c, &one, START + TOKEN_CACHE_YOUNG_US - 1));
	assert_int_equal(ask(&c, START), TOKEN_READY);
	token_cache_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_fetched_before_somebody_asks),
		cmocka_unit_test(all_who_ask_meanwhile_wait_for_the_same_fetch),
		cmocka_unit_test(a_token_in_use_is_replaced_before_it_runs_out),
		cmocka_unit_test(while_the_next_is_fetched_the_old_one_is_sent),
		cmocka_unit_test(a_failed_refresh_is_repeated_ever_more_slowly),
		cmocka_unit_test(a_failure_is_that_of_all_who_waited),
		cmocka_unit_test(an_endpoint_that_is_down_is_not_asked_at_the_pace_of_events),
		cmocka_unit_test(a_refused_token_is_replaced_once_a_request),
		cmocka_unit_test(a_token_that_has_just_come_is_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
