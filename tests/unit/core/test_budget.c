/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "core/budget.h"

static struct budget *new_budget(size_t max, size_t reserve)
{
	const struct budget_options o = {.max_bytes = max, .reserve_bytes = reserve};
	struct budget *b = NULL;

	assert_int_equal(budget_new(&o, &b, NULL), ERR_OK);
	return b;
}

static size_t used_by(const struct budget *b, enum budget_account a)
{
	return budget_stats(b).accounts[a].used_bytes;
}

static void each_account_has_its_own_bytes(void **state)
{
	struct budget *b = new_budget(1000, 0);

	(void)state;
	assert_true(budget_take(b, BUDGET_INGEST, 100));
	budget_charge(b, BUDGET_QUEUE, 200);
	budget_release(b, BUDGET_QUEUE, 50);
	budget_charge(b, BUDGET_BODY, 50);
	budget_release(b, BUDGET_QUEUE, 20);
	assert_int_equal(used_by(b, BUDGET_INGEST), 100);
	assert_int_equal(used_by(b, BUDGET_QUEUE), 130);
	assert_int_equal(used_by(b, BUDGET_BODY), 50);
	assert_int_equal(budget_stats(b).used_bytes, 280);
	assert_int_equal(budget_stats(b).peak_bytes, 300);
	budget_free(b);
}

static void what_does_not_fit_is_not_charged(void **state)
{
	struct budget *b = new_budget(1000, 100);

	(void)state;
	assert_true(budget_take(b, BUDGET_INGEST, 900));
	assert_false(budget_take(b, BUDGET_INGEST, 1));
	assert_false(budget_take(b, BUDGET_CACHE, SIZE_MAX));
	assert_int_equal(budget_stats(b).used_bytes, 900);
	assert_int_equal(budget_stats(b).accounts[BUDGET_INGEST].refused, 1);
	assert_int_equal(budget_stats(b).accounts[BUDGET_CACHE].refused, 1);
	budget_release(b, BUDGET_INGEST, 1);
	assert_true(budget_take(b, BUDGET_INGEST, 1));
	budget_charge(b, BUDGET_READ, 5000);
	assert_int_equal(budget_stats(b).used_bytes, 5900);
	budget_free(b);
}

static void one_may_take_past_the_budget_and_then_nobody(void **state)
{
	struct budget *b = new_budget(1000, 100);

	(void)state;
	budget_charge(b, BUDGET_QUEUE, 950);
	assert_true(budget_take_past(b, BUDGET_READ, 50)); /* it fits */
	assert_true(budget_take_past(b, BUDGET_READ, 700));
	assert_false(budget_take_past(b, BUDGET_BACKFILL, 1));
	assert_int_equal(budget_stats(b).used_bytes, 1700);
	assert_int_equal(budget_stats(b).accounts[BUDGET_BACKFILL].refused, 1);
	budget_release(b, BUDGET_READ, 699);
	assert_false(budget_take_past(b, BUDGET_BACKFILL, 1));
	budget_release(b, BUDGET_READ, 1);
	assert_true(budget_take_past(b, BUDGET_BACKFILL, 300));
	assert_int_equal(used_by(b, BUDGET_BACKFILL), 300);
	assert_int_equal(budget_stats(b).peak_bytes, 1700);
	assert_true(budget_take_past(NULL, BUDGET_READ, SIZE_MAX));
	budget_free(b);
}

static void levels_rise_at_70_80_90_and_fall_5_below(void **state)
{
	static const struct {
		size_t used;
		enum budget_level level;
	} steps[] = {
		{699, BUDGET_NORMAL},    {700, BUDGET_ATTENTION}, {650, BUDGET_ATTENTION},
		{649, BUDGET_NORMAL},    {800, BUDGET_ALERT},     {750, BUDGET_ALERT},
		{749, BUDGET_ATTENTION}, {899, BUDGET_ALERT},     {900, BUDGET_CRITICAL},
		{850, BUDGET_CRITICAL},  {849, BUDGET_ALERT},     {2000, BUDGET_CRITICAL},
		{0, BUDGET_NORMAL},
	};
	struct budget *b = new_budget(1000, 0);
	size_t used = 0, i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(steps); used = steps[i++].used) {
		if (steps[i].used > used)
			budget_charge(b, BUDGET_QUEUE, steps[i].used - used);
		else
			budget_release(b, BUDGET_QUEUE, used - steps[i].used);
		assert_int_equal(budget_level(b), steps[i].level);
		assert_int_equal(budget_pauses(b), steps[i].level >= BUDGET_ALERT);
	}
	assert_int_equal(budget_stats(b).reached[BUDGET_NORMAL], 2);
	assert_int_equal(budget_stats(b).reached[BUDGET_ATTENTION], 2);
	assert_int_equal(budget_stats(b).reached[BUDGET_ALERT], 2);
	assert_int_equal(budget_stats(b).reached[BUDGET_CRITICAL], 2);
	budget_free(b);
}

/* A string of who may read: o s i c. */
static void assert_allowed(const struct budget *b, const char *who)
{
	static const char letters[] = "osic";
	char now[5] = "";
	size_t n = 0;
	int p;

	for (p = PRIORITY_OPTIONAL; p <= PRIORITY_CRITICAL; p++)
		if (budget_allows(b, (enum priority)p))
			now[n++] = letters[p];
	assert_string_equal(now, who);
}

static void sources_stop_by_priority_and_go_on_in_the_other_order(void **state)
{
	struct budget *b = new_budget(1000, 0);

	(void)state;
	budget_charge(b, BUDGET_QUEUE, 899);
	assert_allowed(b, "osic");
	budget_charge(b, BUDGET_QUEUE, 1); /* 900 */
	assert_allowed(b, "sic");
	budget_charge(b, BUDGET_QUEUE, 50); /* 950 */
	assert_allowed(b, "ic");
	budget_charge(b, BUDGET_QUEUE, 40); /* 990 */
	assert_allowed(b, "c");
	budget_charge(b, BUDGET_QUEUE, 500);
	assert_allowed(b, "c");
	budget_release(b, BUDGET_QUEUE, 550); /* 940 */
	assert_allowed(b, "c");
	budget_release(b, BUDGET_QUEUE, 1); /* 939 */
	assert_allowed(b, "ic");
	budget_release(b, BUDGET_QUEUE, 40); /* 899 */
	assert_allowed(b, "sic");
	budget_release(b, BUDGET_QUEUE, 50); /* 849 */
	assert_allowed(b, "osic");
	budget_free(b);
}

static void what_is_reserved_is_for_critical_pipelines_only(void **state)
{
	struct budget *b = new_budget(1000, 200);

	(void)state;
	assert_true(budget_take_for(b, BUDGET_READ, PRIORITY_OPTIONAL, 700));
	assert_allowed(b, "sic");
	assert_false(budget_take_for(b, BUDGET_READ, PRIORITY_OPTIONAL, 1));
	assert_true(budget_take_for(b, BUDGET_READ, PRIORITY_STANDARD, 50));
	assert_false(budget_take_for(b, BUDGET_READ, PRIORITY_STANDARD, 1));
	assert_true(budget_take_for(b, BUDGET_READ, PRIORITY_IMPORTANT, 50));
	assert_false(budget_take_for(b, BUDGET_READ, PRIORITY_IMPORTANT, 1));
	assert_false(budget_take(b, BUDGET_INGEST, 1));
	assert_allowed(b, "c");
	assert_true(budget_take_for(b, BUDGET_READ, PRIORITY_CRITICAL, 200));
	assert_false(budget_take_for(b, BUDGET_READ, PRIORITY_CRITICAL, 1));
	budget_charge(b, BUDGET_READ, 100);
	assert_false(budget_take_for(b, BUDGET_READ, PRIORITY_CRITICAL, 1));
	budget_free(b);
}

static void other_bounds_count_at_once(void **state)
{
	const struct budget_options larger = {.max_bytes = 10000};
	const struct budget_options smaller = {.max_bytes = 500};
	struct budget *b = new_budget(1000, 0);

	(void)state;
	budget_charge(b, BUDGET_QUEUE, 950);
	assert_int_equal(budget_level(b), BUDGET_CRITICAL);
	budget_configure(b, &larger);
	assert_int_equal(budget_level(b), BUDGET_NORMAL);
	assert_allowed(b, "osic");
	budget_configure(b, &smaller);
	assert_int_equal(budget_level(b), BUDGET_CRITICAL);
	assert_int_equal(budget_stats(b).used_bytes, 950);
	budget_free(b);
}

static void without_a_budget_all_goes(void **state)
{
	struct budget_watch w = {0};

	(void)state;
	assert_true(budget_take(NULL, BUDGET_INGEST, SIZE_MAX));
	assert_true(budget_take_for(NULL, BUDGET_READ, PRIORITY_OPTIONAL, SIZE_MAX));
	budget_charge(NULL, BUDGET_READ, 1);
	budget_release(NULL, BUDGET_READ, 1);
	assert_int_equal(budget_level(NULL), BUDGET_NORMAL);
	assert_true(budget_allows(NULL, PRIORITY_OPTIONAL));
	assert_false(budget_pauses(NULL));
	assert_int_equal(budget_stats(NULL).max_bytes, 0);
	budget_watch(NULL, &w);
	budget_unwatch(NULL, &w);
	budget_free(NULL);
}

static void names_are_all_there(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < BUDGET_ACCOUNT_COUNT; i++)
		for (k = 0; k < i; k++)
			assert_string_not_equal(budget_account_name((enum budget_account)i),
						budget_account_name((enum budget_account)k));
	for (i = 0; i < BUDGET_LEVEL_COUNT; i++)
		assert_true(strlen(budget_level_name((enum budget_level)i)) > 0);
}

static void count_call(void *ctx)
{
	atomic_fetch_add((atomic_int *)ctx, 1);
}

static void watches_hear_of_changes_and_of_nothing_else(void **state)
{
	struct budget *b = new_budget(1000, 0);
	atomic_int first = 0, second = 0;
	struct budget_watch w1 = {.fn = count_call, .ctx = &first};
	struct budget_watch w2 = {.fn = count_call, .ctx = &second};

	(void)state;
	budget_watch(b, &w1);
	budget_watch(b, &w2);
	budget_charge(b, BUDGET_QUEUE, 699);
	assert_int_equal(first, 0);
	budget_charge(b, BUDGET_QUEUE, 1);
	assert_int_equal(first, 1);
	budget_charge(b, BUDGET_QUEUE, 10);
	budget_release(b, BUDGET_QUEUE, 50);
	assert_int_equal(first, 1);
	budget_release(b, BUDGET_QUEUE, 50);
	assert_int_equal(first, 2);
	budget_unwatch(b, &w1);
	budget_charge(b, BUDGET_QUEUE, 350); /* 960: standard stops too, after critical */
	budget_release(b, BUDGET_QUEUE, 61); /* 899: standard may again, the level is the same */
	assert_int_equal(first, 2);
	assert_int_equal(second, 4);
	budget_unwatch(b, &w2);
	budget_unwatch(b, &w2);
	budget_free(b);
}

/* ---- threads ---- */

#define THREADS 6
#define ROUNDS 4000

struct job {
	struct budget *b;
	unsigned index;
	struct thread thread;
	atomic_int called;
	int wrong; /* an assertion cannot fail in this thread */
};

static void hammer(void *arg)
{
	struct job *j = arg;
	const enum priority p = (enum priority)(j->index % 4);
	const enum budget_account a = (enum budget_account)j->index;
	struct budget_watch w = {.fn = count_call, .ctx = &j->called};
	size_t bytes;
	unsigned i;

	for (i = 0; i < ROUNDS; i++) {
		bytes = (i * 37 + j->index * 91) % 400;
		if (i % 64 == 0)
			budget_watch(j->b, &w);
		if (budget_take_for(j->b, a, p, bytes))
			budget_release(j->b, a, bytes);
		if (budget_take_past(j->b, a, bytes))
			budget_release(j->b, a, bytes);
		if (budget_allows(j->b, p) && !budget_pauses(j->b))
			budget_charge(j->b, a, bytes);
		else
			budget_charge(j->b, a, bytes = 1);
		j->wrong += budget_level(j->b) > BUDGET_CRITICAL;
		j->wrong += budget_stats(j->b).max_bytes != 1000;
		budget_release(j->b, a, bytes);
		if (i % 64 == 63)
			budget_unwatch(j->b, &w);
	}
	budget_unwatch(j->b, &w);
}

static void all_functions_may_be_called_from_all_threads(void **state)
{
	const struct budget_options o = {.max_bytes = 1000, .reserve_bytes = 50};
	struct budget *b = new_budget(1000, 50);
	struct job jobs[THREADS];
	unsigned i;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.b = b, .index = i};
		assert_int_equal(thread_start(&jobs[i].thread, "test", 0, hammer, &jobs[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < 100; i++)
		budget_configure(b, &o);
	for (i = 0; i < THREADS; i++) {
		thread_join(&jobs[i].thread);
		assert_int_equal(jobs[i].wrong, 0);
	}
	assert_int_equal(budget_stats(b).used_bytes, 0);
	assert_int_equal(budget_level(b), BUDGET_NORMAL);
	assert_allowed(b, "osic");
	for (i = 0; i < BUDGET_ACCOUNT_COUNT; i++)
		assert_int_equal(used_by(b, (enum budget_account)i), 0);
	budget_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_account_has_its_own_bytes),
		cmocka_unit_test(what_does_not_fit_is_not_charged),
		cmocka_unit_test(one_may_take_past_the_budget_and_then_nobody),
		cmocka_unit_test(levels_rise_at_70_80_90_and_fall_5_below),
		cmocka_unit_test(sources_stop_by_priority_and_go_on_in_the_other_order),
		cmocka_unit_test(what_is_reserved_is_for_critical_pipelines_only),
		cmocka_unit_test(other_bounds_count_at_once),
		cmocka_unit_test(without_a_budget_all_goes),
		cmocka_unit_test(names_are_all_there),
		cmocka_unit_test(watches_hear_of_changes_and_of_nothing_else),
		cmocka_unit_test(all_functions_may_be_called_from_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
