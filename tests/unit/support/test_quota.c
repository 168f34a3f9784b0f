/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "quota.h"

static void no_stretch_has_more_than_the_limit(void **state)
{
	struct quota q = {.count = 0};
	struct random r;
	int64_t came[10000], now_us = 0;
	size_t n = 0, refused = 0, i;

	(void)state;
	random_init_seed(&r, 7);
	for (i = 0; i < 10000; i++) {
		now_us += (int64_t)random_below(&r, 20);
		if (quota_take(&q, now_us, 30, 400))
			came[n++] = now_us;
		else
			refused++;
		assert_true(n < sizeof(came) / sizeof(came[0]));
	}
	/* as many as may, and no more */
	assert_true(refused > 1000);
	assert_in_range(n, 100000 / 400 * 30 * 9 / 10, 100000 / 400 * 30 + 30);
	for (i = 30; i < n; i++)
		assert_true(came[i] - came[i - 30] >= 400);
}

static void without_a_limit_all_pass(void **state)
{
	struct quota q = {.count = 0};
	int i;

	(void)state;
	for (i = 0; i < 2000; i++)
		assert_true(quota_take(&q, 5, 0, 1000));
	assert_true(quota_take(&q, 5, 1, 1000));
	assert_false(quota_take(&q, 1004, 1, 1000));
	assert_true(quota_take(&q, 1005, 1, 1000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_stretch_has_more_than_the_limit),
		cmocka_unit_test(without_a_limit_all_pass),
	};

	return cmocka_run_group_tests_name("support/quota", tests, NULL, NULL);
}
