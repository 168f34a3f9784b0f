/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

static void a_seed_gives_the_same_sequence(void **state)
{
	struct random a, b, c;
	int i, differ = 0;
	uint64_t v;

	(void)state;
	random_init_seed(&a, 1);
	random_init_seed(&b, 1);
	random_init_seed(&c, 2);
	for (i = 0; i < 100; i++) {
		v = random_u64(&a);
		assert_true(v == random_u64(&b));
		differ += v != random_u64(&c);
	}
	assert_true(differ > 90);
}

/* The first results for seed 1234567 that the authors' reference program prints. */
static void the_sequence_is_that_of_splitmix64(void **state)
{
	static const uint64_t want[] = {6457827717110365317U, 3203168211198807973U,
					9817491932198370423U};
	struct random r;
	int i;

	(void)state;
	random_init_seed(&r, 1234567);
	for (i = 0; i < 3; i++)
		assert_true(random_u64(&r) == want[i]);
}

static void below_stays_below_and_reaches_all(void **state)
{
	struct random r;
	int seen[7] = {0}, i;
	uint64_t v;

	(void)state;
	random_init_seed(&r, 3);
	for (i = 0; i < 7000; i++) {
		v = random_below(&r, 7);
		assert_true(v < 7);
		seen[v]++;
	}
	for (i = 0; i < 7; i++)
		assert_in_range(seen[i], 800, 1200);
	assert_int_equal(random_below(&r, 1), 0);
	assert_int_equal(random_below(&r, 0), 0);
}

static void system_seeds_differ(void **state)
{
	struct random a, b;

	(void)state;
	random_init(&a);
	random_init(&b);
	assert_true(random_u64(&a) != random_u64(&b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_gives_the_same_sequence),
		cmocka_unit_test(the_sequence_is_that_of_splitmix64),
		cmocka_unit_test(below_stays_below_and_reaches_all),
		cmocka_unit_test(system_seeds_differ),
	};

	return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
