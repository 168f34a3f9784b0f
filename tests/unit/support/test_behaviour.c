/* SPDX-License-Identifier: MIT */
#include "behaviour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "timers.h"

static struct behaviour b;
static struct random r;

static int setup(void **state)
{
	(void)state;
	behaviour_init(&b);
	random_init_seed(&r, 1);
	return 0;
}

static void set(const char *query)
{
	struct err e = {.msg = ""};

	if (behaviour_set(&b, text_of(query), &e) != ERR_OK)
		fail_msg("%s: %s", query, e.msg);
}

static int status_of(const char *body, int attempt)
{
	return behaviour_at_body(&b, &r, text_of(body), (struct behaviour_load){attempt, 1}).status;
}

static void all_is_well_at_first_and_after_mode_ok(void **state)
{
	(void)state;
	assert_int_equal(status_of("x", 1), 200);
	set("status=503&poison=x&fail_first=3&delay_ms=5");
	assert_int_equal(b.delay_ms, 5);
	set("mode=ok");
	assert_int_equal(status_of("x", 1), 200);
	assert_int_equal(b.delay_ms, 0);
	assert_int_equal(behaviour_at_head(&b, &r), BEHAVIOUR_OK);
}

static void keep_changes_only_what_it_names(void **state)
{
	(void)state;
	set("status=503");
	set("keep=1&delay_ms=7");
	assert_int_equal(status_of("x", 1), 503);
	assert_int_equal(b.delay_ms, 7);
}

static void poison_and_first_attempts_fail_whatever_the_mode(void **state)
{
	(void)state;
	set("poison=evil&fail_first=2");
	assert_int_equal(status_of("some evil here", 9), 500);
	assert_int_equal(status_of("good", 1), 503);
	assert_int_equal(status_of("good", 2), 503);
	assert_int_equal(status_of("good", 3), 200);
}

static void count_and_match_narrow_the_mode(void **state)
{
	(void)state;
	set("mode=hang&match=me&count=2");
	assert_int_equal(
		behaviour_at_body(&b, &r, TEXT_LIT("you"), (struct behaviour_load){1, 1}).mode,
		BEHAVIOUR_OK);
	assert_int_equal(
		behaviour_at_body(&b, &r, TEXT_LIT("me"), (struct behaviour_load){1, 1}).mode,
		BEHAVIOUR_HANG);
	assert_int_equal(
		behaviour_at_body(&b, &r, TEXT_LIT("me"), (struct behaviour_load){1, 1}).mode,
		BEHAVIOUR_HANG);
	assert_int_equal(
		behaviour_at_body(&b, &r, TEXT_LIT("me"), (struct behaviour_load){1, 1}).mode,
		BEHAVIOUR_OK);
}

static void rate_is_a_share(void **state)
{
	int i, failed = 0;

	(void)state;
	set("status=500&rate=0.25");
	for (i = 0; i < 10000; i++)
		failed += status_of("x", 1) == 500;
	assert_in_range(failed, 2300, 2700);
}

static void close_and_early_are_decided_at_the_head(void **state)
{
	(void)state;
	set("mode=close&count=1");
	assert_int_equal(behaviour_at_head(&b, &r), BEHAVIOUR_CLOSE);
	assert_int_equal(behaviour_at_head(&b, &r), BEHAVIOUR_OK);
	set("mode=early");
	assert_int_equal(behaviour_at_head(&b, &r), BEHAVIOUR_EARLY);
	assert_int_equal(
		behaviour_at_body(&b, &r, TEXT_LIT("x"), (struct behaviour_load){1, 1}).mode,
		BEHAVIOUR_OK);
}

static void wrong_settings_are_told_and_change_nothing(void **state)
{
	static const char *const wrong[] = {"mode=bogus",  "status=42",  "status=x",
					    "rate=2",      "rate=",      "colour=1",
					    "delay_ms=-1", "delay_ms=5s"};
	size_t i;

	(void)state;
	set("status=503");
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		struct err e = {.msg = ""};

		if (behaviour_set(&b, text_of(wrong[i]), &e) != ERR_USAGE || !e.msg[0])
			fail_msg("%s was taken", wrong[i]);
		assert_int_equal(status_of("x", 1), 503);
	}
}

static void timers_come_when_they_are_due_in_their_order(void **state)
{
	static struct timer t[200];
	struct timers h = {.heap = NULL};
	struct timer *x;
	int64_t last = -1;
	int i, n = 0;

	(void)state;
	assert_int_equal(timers_next_us(&h), INT64_MAX);
	for (i = 0; i < 200; i++)
		assert_int_equal(timers_set(&h, &t[i], (int64_t)random_below(&r, 1000)), ERR_OK);
	for (i = 0; i < 200; i += 4)
		timers_clear(&h, &t[i]);
	for (i = 1; i < 200; i += 4)
		assert_int_equal(timers_set(&h, &t[i], 2000 - i), ERR_OK);
	for (; (x = timers_pop(&h, 3000)) != NULL; n++) {
		assert_true(x->due_us >= last);
		assert_int_equal(x->at, 0);
		last = x->due_us;
	}
	assert_int_equal(n, 150);
	assert_int_equal(timers_set(&h, &t[0], 50), ERR_OK);
	assert_null(timers_pop(&h, 49));
	assert_ptr_equal(timers_pop(&h, 50), &t[0]);
	timers_clear(&h, &t[0]);
	timers_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup(t, setup)
		TEST(all_is_well_at_first_and_after_mode_ok),
		TEST(keep_changes_only_what_it_names),
		TEST(poison_and_first_attempts_fail_whatever_the_mode),
		TEST(count_and_match_narrow_the_mode),
		TEST(rate_is_a_share),
		TEST(close_and_early_are_decided_at_the_head),
		TEST(wrong_settings_are_told_and_change_nothing),
		TEST(timers_come_when_they_are_due_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
