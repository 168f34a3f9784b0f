/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>

#include "base/attr.h"
#include "sink/backoff.h"

#define S 1000000LL

/* The least and the most of many draws. */
static void extremes(const struct backoff *b, int attempt, int64_t *ret_lo, int64_t *ret_hi)
{
	struct random r;
	int64_t lo = INT64_MAX, hi = INT64_MIN, d;
	int i;

	random_init_seed(&r, 42);
	for (i = 0; i < 20000; i++) {
		d = backoff_delay_us(b, attempt, &r);
		lo = d < lo ? d : lo;
		hi = d > hi ? d : hi;
	}
	*ret_lo = lo;
	*ret_hi = hi;
}

static void a_delay_is_drawn_from_a_tenth_of_the_base_to_the_doubled_bound(void **state)
{
	static const struct {
		struct backoff b;
		int attempt;
		int64_t lo, hi;
	} cases[] = {
		{{5 * S, 300 * S}, 1, S / 2, 5 * S},
		{{5 * S, 300 * S}, 2, S / 2, 10 * S},
		{{5 * S, 300 * S}, 4, S / 2, 40 * S},
		{{5 * S, 300 * S}, 7, S / 2, 300 * S},
		{{5 * S, 300 * S}, INT_MAX, S / 2, 300 * S},
		{{5 * S, 5 * S}, 3, S / 2, 5 * S},
		{{INT64_MAX / 2 + 1, INT64_MAX}, 2, INT64_MAX / 20, INT64_MAX},
	};
	int64_t lo, hi, width;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		extremes(&cases[i].b, cases[i].attempt, &lo, &hi);
		width = cases[i].hi / 100;
		assert_true(lo >= cases[i].lo && lo <= cases[i].lo + width);
		assert_true(hi <= cases[i].hi && hi >= cases[i].hi - width);
	}
}

static void the_smallest_base_gives_no_trouble(void **state)
{
	const struct backoff b = {1, 1};
	struct random r;
	int i;

	(void)state;
	random_init_seed(&r, 1);
	for (i = 0; i < 100; i++)
		assert_in_range(backoff_delay_us(&b, 1 + i, &r), 0, 1);
}

static void retry_after_lengthens_a_delay_but_never_beyond_the_maximum(void **state)
{
	const struct backoff b = {5 * S, 300 * S};
	static const struct {
		int64_t own_us, after_s, want_us;
	} cases[] = {
		{2 * S, -1, 2 * S},          {2 * S, 0, 2 * S},           {2 * S, 1, 2 * S},
		{2 * S, 7, 7 * S},           {2 * S, 300, 300 * S},       {2 * S, 301, 300 * S},
		{2 * S, 344532505, 300 * S}, {2 * S, INT64_MAX, 300 * S}, {400 * S, -1, 300 * S},
		{2 * S, INT64_MIN, 2 * S},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(backoff_with_retry_after_us(&b, cases[i].own_us, cases[i].after_s),
				 cases[i].want_us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delay_is_drawn_from_a_tenth_of_the_base_to_the_doubled_bound),
		cmocka_unit_test(the_smallest_base_gives_no_trouble),
		cmocka_unit_test(retry_after_lengthens_a_delay_but_never_beyond_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
