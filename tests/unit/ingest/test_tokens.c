/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/gcra.h"
#include "ingest/tokens.h"

#define S CLOCK_US_PER_S

static struct tokens *tokens_of(int64_t count, int64_t period_us)
{
	static char names[2][4] = {"a", "b"}, values[2][24] = {"token-of-a-thing", "token-of-b"};
	static struct ingest_token items[2];
	static struct ingest_settings s;
	struct tokens *t;
	struct err e;

	items[0] = (struct ingest_token){names[0], {values[0]}};
	items[1] = (struct ingest_token){names[1], {values[1]}};
	s = (struct ingest_settings){.tokens = {items, 2}, .rate_limit = {count, period_us}};
	assert_int_equal(tokens_new(&s, &t, &e), ERR_OK);
	return t;
}

static void a_token_is_found_by_its_whole_value(void **state)
{
	struct tokens *t = tokens_of(0, 0);

	(void)state;
	assert_int_equal(tokens_find(t, "Bearer token-of-a-thing"), 0);
	assert_int_equal(tokens_find(t, "Bearer token-of-b"), 1);
	assert_string_equal(tokens_name(t, 1), "b");
	assert_true(tokens_find(t, "Bearer token-of-") == TOKENS_NONE);
	assert_true(tokens_find(t, "Bearer token-of-bb") == TOKENS_NONE);
	assert_true(tokens_find(t, "Bearer ") == TOKENS_NONE);
	assert_true(tokens_find(t, "Basic token-of-b") == TOKENS_NONE);
	assert_true(tokens_find(t, NULL) == TOKENS_NONE);
	tokens_free(t);
	tokens_free(NULL);
}

static void without_a_limit_all_may_go(void **state)
{
	struct tokens *t = tokens_of(0, 0);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(tokens_take(t, 0, 1), 0);
	tokens_free(t);
}

static void as_many_as_the_limit_at_once_then_evenly(void **state)
{
	struct tokens *t = tokens_of(10, 10 * S);
	int64_t now_us = 1000 * S, taken = 0;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(tokens_take(t, 0, now_us), 0);
	assert_int_equal(tokens_take(t, 0, now_us), S);
	assert_int_equal(tokens_take(t, 1, now_us), 0); /* another token's own */
	assert_int_equal(tokens_take(t, 0, now_us + S - 1), 1);
	assert_int_equal(tokens_take(t, 0, now_us + S), 0);
	assert_int_equal(tokens_take(t, 0, now_us + S), S);
	/* asked all the time, one a second; refusals cost nothing */
	for (i = 0; i < 1000; i++)
		taken += tokens_take(t, 0, now_us + S + i * S / 10) == 0;
	assert_int_equal(taken, 99);
	/* after a pause all at once again, and no more */
	now_us += 500 * S;
	for (i = 0; i < 10; i++)
		assert_int_equal(tokens_take(t, 0, now_us), 0);
	assert_true(tokens_take(t, 0, now_us) > 0);
	tokens_free(t);
}

static void the_arithmetic_takes_several(void **state)
{
	struct gcra g = {.interval_us = 10, .tolerance_us = 30};

	(void)state;
	assert_int_equal(gcra_take(&g, 100, 2), 2);
	assert_int_equal(gcra_take(&g, 100, 9), 2);
	assert_int_equal(gcra_take(&g, 100, 1), 0);
	assert_int_equal(gcra_next_us(&g), 110);
	assert_int_equal(gcra_take(&g, 109, 1), 0);
	assert_int_equal(gcra_take(&g, 110, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_found_by_its_whole_value),
		cmocka_unit_test(without_a_limit_all_may_go),
		cmocka_unit_test(as_many_as_the_limit_at_once_then_evenly),
		cmocka_unit_test(the_arithmetic_takes_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
