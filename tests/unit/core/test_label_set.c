/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "core/label_set.h"

static struct label_set *set_of(size_t max)
{
	const struct label_set_options o = {.max_values = max, .counters = 2};
	struct label_set *s = NULL;

	assert_int_equal(label_set_new(&o, &s, NULL), ERR_OK);
	return s;
}

static void count(struct label_set *s, const char *value)
{
	label_add(label_set_find(s, text_of(value)), 0, 1);
}

/* What label_set_each told. */
struct seen {
	size_t labels;
	int64_t sum;
	int64_t other;
	char text[256];
};

static void see(void *ctx, const struct label *l)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);

	seen->labels++;
	seen->sum += label_get(l, 0);
	if (strcmp(label_value(l), LABEL_OTHER) == 0)
		seen->other = label_get(l, 0);
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s=%lld ", label_value(l),
		       (long long)label_get(l, 0));
}

static struct seen look_at(const struct label_set *s)
{
	struct seen seen = {0};

	label_set_each(s, see, &seen);
	return seen;
}

static void each_value_has_its_counters(void **state)
{
	struct label_set *s = set_of(10);
	struct label *users = label_set_find(s, TEXT_LIT("users"));

	(void)state;
	count(s, "users");
	count(s, "orders");
	count(s, "users");
	label_add(users, 1, 7);
	assert_ptr_equal(label_set_find(s, TEXT_LIT("users")), users);
	assert_int_equal(label_get(users, 0), 2);
	assert_int_equal(label_get(users, 1), 7);
	assert_string_equal(look_at(s).text, "users=2 orders=1 ");
	assert_int_equal(label_set_stats(s).values, 2);
	label_set_free(s);
}

static void what_finds_no_place_is_other(void **state)
{
	struct label_set *s = set_of(2);
	char longest[LABEL_VALUE_BYTES + 2];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	count(s, "a");
	label_add(label_set_find(s, (struct text){longest, LABEL_VALUE_BYTES + 1}), 0, 1);
	label_add(label_set_find(s, TEXT_NONE), 0, 1);
	count(s, "");
	assert_int_equal(label_set_stats(s).values, 1);
	count(s, "b");
	count(s, "c");
	count(s, "d");
	count(s, "a");
	assert_string_equal(look_at(s).text, "a=2 b=1 other=5 ");
	label_set_free(s);
}

static void the_longest_value_has_a_place(void **state)
{
	struct label_set *s = set_of(2);
	char longest[LABEL_VALUE_BYTES];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	label_add(label_set_find(s, (struct text){longest, sizeof(longest)}), 0, 1);
	assert_int_equal(label_set_stats(s).values, 1);
	assert_int_equal(strlen(label_value(label_set_find(s, (struct text){longest, 200}))), 200);
	label_set_free(s);
}

/* Two series of one name would make the whole answer to a scrape wrong. */
static void a_value_called_other_is_no_second_series_of_that_name(void **state)
{
	struct label_set *s = set_of(2);

	(void)state;
	count(s, LABEL_OTHER);
	assert_int_equal(label_set_stats(s).values, 0);
	count(s, "a");
	count(s, "b");
	count(s, "c");
	count(s, LABEL_OTHER);
	assert_string_equal(look_at(s).text, "a=1 b=1 other=3 ");
	label_set_free(s);
}

static void twenty_thousand_values_are_ten_thousand_and_other(void **state)
{
	struct label_set *s = set_of(LABEL_SET_MAX);
	struct seen seen;
	char value[32];
	int i, round;

	(void)state;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 20000; i++) {
			(void)snprintf(value, sizeof(value), "public.table_%d", i);
			count(s, value);
		}
	}
	seen = look_at(s);
	assert_int_equal(seen.labels, 10001);
	assert_int_equal(seen.sum, 40000);
	assert_int_equal(seen.other, 20000);
	assert_int_equal(label_set_stats(s).values, 10000);
	label_set_free(s);
}

static void without_a_set_nothing_is_counted(void **state)
{
	(void)state;
	label_add(label_set_find(NULL, TEXT_LIT("a")), 0, 1);
	assert_int_equal(look_at(NULL).labels, 0);
	assert_int_equal(label_set_stats(NULL).max_values, 0);
	label_set_free(NULL);
}

/* ---- many threads ---- */

#define THREADS 4
#define VALUES 3000
#define ROUNDS 4

struct worker {
	struct label_set *set;
	struct thread thread;
	int first;
};

/* Each begins at another value, all use the same. */
static void work(void *arg)
{
	struct worker *w = arg;
	char value[32];
	int i;

	for (i = 0; i < VALUES * ROUNDS; i++) {
		(void)snprintf(value, sizeof(value), "t%d", (w->first + i) % VALUES);
		count(w->set, value);
		if (i % 1000 == 0) {
			(void)look_at(w->set);
			(void)label_set_stats(w->set);
		}
	}
}

static void threads_count_everything_once(void **state)
{
	struct worker w[THREADS];
	struct label_set *s = set_of(2000);
	struct seen seen;
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker){.set = s, .first = i * VALUES / THREADS};
		assert_int_equal(thread_start(&w[i].thread, "count", 0, work, &w[i], NULL), ERR_OK);
	}
	for (i = 0; i < THREADS; i++)
		thread_join(&w[i].thread);
	seen = look_at(s);
	assert_int_equal(seen.sum, (int64_t)THREADS * VALUES * ROUNDS);
	/* all places are used in the end, none twice */
	assert_int_equal(label_set_stats(s).values, 2000);
	assert_int_equal(seen.labels, 2001);
	for (i = 0; i < VALUES; i++) {
		char value[32];
		struct label *l;

		(void)snprintf(value, sizeof(value), "t%d", i);
		l = label_set_find(s, text_of(value));
		assert_true(label_get(l, 0) <= (int64_t)THREADS * ROUNDS ||
			    strcmp(label_value(l), LABEL_OTHER) == 0);
	}
	label_set_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_has_its_counters),
		cmocka_unit_test(what_finds_no_place_is_other),
		cmocka_unit_test(the_longest_value_has_a_place),
		cmocka_unit_test(a_value_called_other_is_no_second_series_of_that_name),
		cmocka_unit_test(twenty_thousand_values_are_ten_thousand_and_other),
		cmocka_unit_test(without_a_set_nothing_is_counted),
		cmocka_unit_test(threads_count_everything_once),
	};

	return cmocka_run_group_tests_name("core/label_set", tests, NULL, NULL);
}
