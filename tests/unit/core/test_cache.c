/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/thread.h"
#include "core/cache.h"

#define TTL 1000
#define IDLE 100

static struct cache *cache_of(size_t entries, size_t bytes, struct budget *budget)
{
	const struct cache_options o = {.max_entries = entries,
					.max_bytes = bytes,
					.ttl_us = TTL,
					.idle_us = IDLE,
					.budget = budget};
	struct cache *c;

	assert_int_equal(cache_new(&o, &c, NULL), ERR_OK);
	return c;
}

static void put(struct cache *c, const char *key, int value, int64_t now_us)
{
	cache_put(c, text_of(key), &value, sizeof(value), now_us);
}

/* -1: not there. */
static int get(struct cache *c, const char *key, int64_t now_us)
{
	int value;

	return cache_get(c, text_of(key), now_us, &value, sizeof(value)) ? value : -1;
}

static void what_was_put_is_found_until_it_is_replaced(void **state)
{
	struct cache *c = cache_of(10, 1 << 20, NULL);
	short other;

	(void)state;
	assert_int_equal(get(c, "a", 0), -1);
	put(c, "a", 1, 0);
	put(c, "b", 2, 0);
	assert_int_equal(get(c, "a", 1), 1);
	put(c, "a", 3, 2);
	assert_int_equal(get(c, "a", 3), 3);
	assert_int_equal(get(c, "b", 3), 2);
	/* of another size it is another thing */
	assert_false(cache_get(c, text_of("a"), 3, &other, sizeof(other)));
	assert_int_equal(cache_stats(c).entries, 2);
	assert_int_equal(cache_stats(c).hits, 3);
	assert_int_equal(cache_stats(c).misses, 2);
	cache_free(c);
}

static void what_nobody_asks_for_goes(void **state)
{
	struct cache *c = cache_of(10, 1 << 20, NULL);
	int64_t t;

	(void)state;
	put(c, "used", 1, 0);
	put(c, "idle", 2, 0);
	for (t = IDLE / 2; t <= 5 * IDLE; t += IDLE / 2)
		assert_int_equal(get(c, "used", t), 1);
	assert_int_equal(cache_stats(c).entries, 1);
	assert_int_equal(get(c, "idle", 5 * IDLE), -1);
	assert_int_equal(cache_stats(c).idled, 1);
	assert_int_equal(cache_stats(c).expired, 0);
	cache_free(c);
}

static void however_often_it_is_used_it_grows_old(void **state)
{
	struct cache *c = cache_of(10, 1 << 20, NULL);
	int64_t t;

	(void)state;
	put(c, "a", 1, 0);
	for (t = 0; t < TTL; t += IDLE / 2)
		assert_int_equal(get(c, "a", t), 1);
	assert_int_equal(get(c, "a", TTL), -1);
	assert_int_equal(cache_stats(c).expired, 1);
	/* put again it is new */
	put(c, "a", 2, TTL);
	assert_int_equal(get(c, "a", TTL + IDLE - 1), 2);
	cache_tidy(c, TTL + 2 * IDLE);
	assert_int_equal(cache_stats(c).entries, 0);
	cache_free(c);
}

static void without_room_the_least_used_goes_first(void **state)
{
	struct cache *c = cache_of(3, 1 << 20, NULL);
	char large[600] = "";
	size_t one;

	(void)state;
	put(c, "a", 1, 0);
	put(c, "b", 2, 1);
	put(c, "c", 3, 2);
	assert_int_equal(get(c, "a", 3), 1);
	put(c, "d", 4, 4);
	assert_int_equal(get(c, "b", 5), -1);
	assert_int_equal(get(c, "a", 5), 1);
	assert_int_equal(get(c, "c", 5), 3);
	assert_int_equal(cache_stats(c).evicted, 1);
	one = (size_t)cache_stats(c).bytes / 3;
	cache_free(c);
	/* and by bytes; what is larger than all is not kept, and what it replaces is gone */
	c = cache_of(100, 2 * one + 10, NULL);
	put(c, "a", 1, 0);
	put(c, "b", 2, 1);
	put(c, "c", 3, 2);
	assert_int_equal(get(c, "a", 3), -1);
	cache_put(c, text_of("b"), large, sizeof(large), 4);
	assert_int_equal(get(c, "b", 4), -1);
	assert_true((size_t)cache_stats(c).bytes <= 2 * one + 10);
	cache_free(c);
}

static void when_memory_is_short_all_of_it_goes(void **state)
{
	const struct budget_options o = {.max_bytes = 100000};
	struct budget *budget;
	struct cache *c;

	(void)state;
	assert_int_equal(budget_new(&o, &budget, NULL), ERR_OK);
	c = cache_of(10, 1 << 20, budget);
	put(c, "a", 1, 0);
	put(c, "b", 2, 0);
	assert_int_equal(budget_stats(budget).accounts[BUDGET_CACHE].used_bytes,
			 cache_stats(c).bytes);
	budget_charge(budget, BUDGET_QUEUE, 85000);
	assert_int_equal(get(c, "a", 1), -1);
	assert_int_equal(cache_stats(c).cleared, 2);
	put(c, "a", 1, 1);
	assert_int_equal(cache_stats(c).entries, 0);
	assert_int_equal(budget_stats(budget).accounts[BUDGET_CACHE].used_bytes, 0);
	budget_release(budget, BUDGET_QUEUE, 85000);
	put(c, "a", 1, 2);
	assert_int_equal(get(c, "a", 3), 1);
	cache_free(c);
	assert_int_equal(budget_stats(budget).accounts[BUDGET_CACHE].used_bytes, 0);
	budget_free(budget);
}

/* Against a plain list, with every reason to go. */
static void it_never_tells_what_was_not_put(void **state)
{
	struct cache *c = cache_of(20, 1 << 20, NULL);
	int values[50];
	int64_t put_us[50] = {0}, t = 0;
	struct random r;
	char key[16];
	size_t i, k;
	int got;

	(void)state;
	memset(values, -1, sizeof(values));
	random_init_seed(&r, 7);
	for (i = 0; i < 20000; i++) {
		k = random_below(&r, 50);
		t += (int64_t)random_below(&r, 4);
		(void)snprintf(key, sizeof(key), "key %zu", k);
		got = get(c, key, t);
		if (got != -1) {
			assert_int_equal(got, values[k]);
			assert_true(t - put_us[k] < TTL);
		}
		if (random_below(&r, 3) == 0) {
			values[k] = (int)i;
			put_us[k] = t;
			put(c, key, (int)i, t);
		}
		assert_in_range(cache_stats(c).entries, 0, 20);
	}
	assert_true(cache_stats(c).hits > 1000);
	assert_true(cache_stats(c).evicted > 100);
	assert_true(cache_stats(c).idled > 10);
	cache_clear(c);
	assert_int_equal(cache_stats(c).bytes, 0);
	cache_free(c);
}

static void use(void *arg)
{
	struct cache *c = arg;
	char key[16];
	int i, got;

	for (i = 0; i < 3000; i++) {
		(void)snprintf(key, sizeof(key), "%d", i % 17);
		put(c, key, i % 17, i);
		got = get(c, key, i);
		if (got != -1 && got != i % 17)
			cache_clear(c); /* which the test sees */
	}
}

static void several_threads_may_use_it(void **state)
{
	struct cache *c = cache_of(10, 1 << 20, NULL);
	struct thread threads[4];
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		assert_int_equal(thread_start(&threads[i], "user", 0, use, c, NULL), ERR_OK);
	for (i = 0; i < 4; i++)
		thread_join(&threads[i]);
	assert_int_equal(cache_stats(c).cleared, 0);
	assert_int_equal(cache_stats(c).hits + cache_stats(c).misses, 4 * 3000);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found_until_it_is_replaced),
		cmocka_unit_test(what_nobody_asks_for_goes),
		cmocka_unit_test(however_often_it_is_used_it_grows_old),
		cmocka_unit_test(without_room_the_least_used_goes_first),
		cmocka_unit_test(when_memory_is_short_all_of_it_goes),
		cmocka_unit_test(it_never_tells_what_was_not_put),
		cmocka_unit_test(several_threads_may_use_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
