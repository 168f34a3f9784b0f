/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/thread.h"
#include "sink/handshake.h"

#define S 1000000LL
#define DAY (86400 * S)

static struct handshake *h;

static int open_handshake(void **state)
{
	const struct handshake_options o = {.origin = "events.example.com",
					    .min_delay_us = S,
					    .max_delay_us = 10 * S,
					    .silence_us = DAY};

	(void)state;
	return handshake_new(&o, &h, NULL) != ERR_OK;
}

static int free_handshake(void **state)
{
	(void)state;
	handshake_free(h);
	return 0;
}

static enum handshake_state now_state(void)
{
	return handshake_stats(h).state;
}

static bool answer(int status, const char *origin, const char *rate, int64_t now_us)
{
	const struct handshake_answer a = {
		.status = status, .origin = origin, .rate = rate, .reason = "connect: refused"};

	assert_true(handshake_begin(h, now_us));
	return handshake_report(h, &a, now_us);
}

static void nothing_goes_before_the_receiver_has_agreed(void **state)
{
	(void)state;
	assert_int_equal(now_state(), HANDSHAKE_WANTED);
	assert_false(handshake_admit(h, S));
	assert_true(handshake_begin(h, S));
	/* asked once */
	assert_false(handshake_begin(h, S));
	assert_false(handshake_admit(h, S));
	assert_int_equal(handshake_next_us(h), INT64_MAX);
	assert_true(handshake_report(h, &(struct handshake_answer){.status = 200, .origin = "*"},
				     2 * S));
	assert_true(handshake_admit(h, 2 * S));
	assert_false(handshake_begin(h, 2 * S));
	assert_int_equal(handshake_stats(h).asked_total, 1);
}

static void only_its_own_words_are_consent(void **state)
{
	static const struct {
		int status;
		const char *origin;
		bool agrees;
	} cases[] = {
		{200, "events.example.com", true},
		{204, "Events.Example.COM", true},
		{200, "*", true},
		{200, NULL, false},
		{200, "", false},
		{200, "other.example.com", false},
		{200, "events.example.com, other.example.com", false},
		{200, "*.example.com", false},
		{405, NULL, false},
		{501, NULL, false},
		{404, "*", false},
		{301, "*", false},
		{503, "*", false},
		{0, NULL, false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		handshake_forget(h);
		assert_int_equal(
			answer(cases[i].status, cases[i].origin, NULL, (int64_t)i * 100 * S),
			cases[i].agrees);
		assert_int_equal(now_state(),
				 cases[i].agrees ? HANDSHAKE_ALLOWED : HANDSHAKE_REFUSED);
		assert_int_equal(handshake_stats(h).reason[0] == '\0', cases[i].agrees);
	}
	handshake_forget(h);
	(void)answer(405, NULL, NULL, 10000 * S);
	assert_non_null(strstr(handshake_stats(h).reason, "HTTP 405"));
	assert_non_null(strstr(handshake_stats(h).reason, "does not know OPTIONS"));
	handshake_forget(h);
	(void)answer(200, "erp", NULL, 10000 * S);
	assert_string_equal(handshake_stats(h).reason,
			    "HTTP 200 to OPTIONS with WebHook-Allowed-Origin: erp");
}

static void a_refusal_is_asked_again_ever_more_rarely(void **state)
{
	static const int64_t delays[] = {1, 2, 4, 8, 10, 10};
	int64_t now_us = 100 * S;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(delays); i++) {
		assert_false(answer(403, NULL, NULL, now_us));
		assert_int_equal(handshake_next_us(h), now_us + delays[i] * S);
		assert_false(handshake_begin(h, now_us + delays[i] * S - 1));
		now_us += delays[i] * S;
	}
	assert_true(answer(200, "*", NULL, now_us));
	assert_int_equal(handshake_next_us(h), INT64_MAX);
	/* and from the beginning next time */
	handshake_forget(h);
	assert_false(answer(403, NULL, NULL, now_us));
	assert_int_equal(handshake_next_us(h), now_us + S);
}

static void it_is_not_asked_again_before_the_time_it_asked_for(void **state)
{
	const struct handshake_answer a = {.status = 429, .pause_us = 300 * S};

	(void)state;
	assert_true(handshake_begin(h, S));
	assert_false(handshake_report(h, &a, S));
	assert_false(handshake_begin(h, 301 * S - 1));
	assert_true(handshake_begin(h, 301 * S));
}

static void after_a_day_of_silence_it_is_asked_again(void **state)
{
	int64_t t;

	(void)state;
	assert_true(answer(200, "*", NULL, 0));
	for (t = DAY; t < 10 * DAY; t += DAY)
		assert_true(handshake_admit(h, t));
	t -= DAY;
	assert_false(handshake_admit(h, t + DAY + 1));
	assert_int_equal(now_state(), HANDSHAKE_WANTED);
}

static void what_was_not_asked_after_all_is_asked_at_once(void **state)
{
	(void)state;
	assert_true(handshake_begin(h, S));
	handshake_cancel(h);
	assert_true(handshake_begin(h, S));
	/* an operator's word changes nothing for a question under way */
	handshake_forget(h);
	assert_int_equal(now_state(), HANDSHAKE_ASKED);
}

static void the_rate_is_a_number_or_as_many_as_we_like(void **state)
{
	static const struct {
		const char *text;
		int64_t rate;
	} cases[] = {{"120", 120},       {"*", 0},
		     {NULL, 0},          {"", 0},
		     {"12 a minute", 0}, {"-5", 0},
		     {"0", 0},           {"99999999999999999999999999", 10000000009}};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases) - 1; i++) {
		handshake_forget(h);
		assert_true(answer(200, "*", cases[i].text, 0));
		assert_int_equal(handshake_stats(h).allowed_rate, cases[i].rate);
	}
	handshake_forget(h);
	assert_true(answer(200, "*", cases[i].text, 0));
	assert_true(handshake_stats(h).allowed_rate >= 1000000000);
}

static void states_have_names(void **state)
{
	(void)state;
	assert_string_equal(handshake_state_name(HANDSHAKE_WANTED), "wanted");
	assert_string_equal(handshake_state_name(HANDSHAKE_REFUSED), "refused");
}

static void hammer(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < 300; i++) {
		if (!handshake_admit(h, i * S) && handshake_begin(h, i * S)) {
			if (i % 3)
				(void)handshake_report(
					h,
					&(struct handshake_answer){.status = 200,
								   .origin = i % 2 ? "*" : NULL},
					i * S);
			else
				handshake_cancel(h);
		}
		(void)handshake_next_us(h);
		(void)handshake_stats(h);
		if (i % 50 == 0)
			handshake_forget(h);
	}
}

static void it_may_be_used_from_several_threads(void **state)
{
	struct thread threads[3] = {0};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_int_equal(thread_start(&threads[i], "hammer", 0, hammer, NULL, NULL),
				 ERR_OK);
	for (i = 0; i < 3; i++)
		thread_join(&threads[i]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_handshake, free_handshake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_goes_before_the_receiver_has_agreed),
		TEST(only_its_own_words_are_consent),
		TEST(a_refusal_is_asked_again_ever_more_rarely),
		TEST(it_is_not_asked_again_before_the_time_it_asked_for),
		TEST(after_a_day_of_silence_it_is_asked_again),
		TEST(what_was_not_asked_after_all_is_asked_at_once),
		TEST(the_rate_is_a_number_or_as_many_as_we_like),
		cmocka_unit_test(states_have_names),
		TEST(it_may_be_used_from_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
