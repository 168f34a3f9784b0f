/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log_hour.h"
#include "base/random.h"

#define MINUTE_US (60 * CLOCK_US_PER_S)

static void nothing_counted_is_zero(void **state)
{
	struct log_hour h;

	(void)state;
	log_hour_init(&h);
	assert_int_equal(log_hour_sum(&h, 0), 0);
	assert_int_equal(log_hour_sum(&h, 1000 * MINUTE_US), 0);
}

static void a_count_lasts_sixty_minutes(void **state)
{
	struct log_hour h;
	int minute;

	(void)state;
	log_hour_init(&h);
	log_hour_add(&h, 5 * MINUTE_US + 1);
	log_hour_add(&h, 6 * MINUTE_US - 1);
	for (minute = 5; minute < 65; minute++)
		assert_int_equal(log_hour_sum(&h, minute * MINUTE_US), 2);
	assert_int_equal(log_hour_sum(&h, 65 * MINUTE_US), 0);
}

static void a_slot_taken_again_forgets_the_hour_before(void **state)
{
	struct log_hour h;

	(void)state;
	log_hour_init(&h);
	log_hour_add(&h, 7 * MINUTE_US);
	log_hour_add(&h, 67 * MINUTE_US);
	assert_int_equal(log_hour_sum(&h, 67 * MINUTE_US), 1);
}

/* Against the plain list of all times. */
static void the_sum_equals_a_model(void **state)
{
	enum { N = 500 };
	struct log_hour h;
	struct random r;
	int64_t times_us[N], now_us = 0, oldest, want;
	int i, k;

	(void)state;
	random_init_seed(&r, 5);
	log_hour_init(&h);
	for (i = 0; i < N; i++) {
		now_us += (int64_t)random_below(&r, random_below(&r, 30) ? 3 * MINUTE_US
									 : 100 * MINUTE_US);
		times_us[i] = now_us;
		log_hour_add(&h, now_us);
		oldest = now_us / MINUTE_US - LOG_HOUR_MINUTES + 1;
		for (k = 0, want = 0; k <= i; k++)
			want += times_us[k] / MINUTE_US >= oldest;
		assert_int_equal(log_hour_sum(&h, now_us), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_counted_is_zero),
		cmocka_unit_test(a_count_lasts_sixty_minutes),
		cmocka_unit_test(a_slot_taken_again_forgets_the_hour_before),
		cmocka_unit_test(the_sum_equals_a_model),
	};

	return cmocka_run_group_tests_name("base/log_hour", tests, NULL, NULL);
}
