/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/runner_budget.h"

#define KB ((size_t)1024)
#define MB ((size_t)1024 * 1024)

struct fixture {
	struct budget *budget;
	struct ring *ring;
	struct runner_budget b;
};

static struct fixture open_all(size_t max, size_t reserve, enum priority p, size_t max_event)
{
	const struct budget_options o = {.max_bytes = max, .reserve_bytes = reserve};
	const struct ring_options ro = {.capacity = 100, .max_bytes = max};
	struct fixture f = {.budget = NULL};

	assert_int_equal(budget_new(&o, &f.budget, NULL), ERR_OK);
	assert_int_equal(ring_new(&ro, &f.ring, NULL), ERR_OK);
	runner_budget_init(&f.b, f.budget, p, max_event);
	return f;
}

static void close_all(struct fixture *f)
{
	runner_budget_kept(&f->b, 0);
	assert_int_equal(budget_stats(f->budget).accounts[BUDGET_READ].used_bytes, 0);
	ring_free(f->ring);
	budget_free(f->budget);
}

static void push_one(struct ring *r)
{
	const struct event_fields fields = {.id = 1, .table = TEXT_LIT("t")};
	struct event *ev = NULL;

	assert_int_equal(event_new(&fields, &ev, NULL), ERR_OK);
	assert_int_equal(ring_push(r, &ev), ERR_OK);
}

static bool begin(struct fixture *f, struct source_limit *limit)
{
	*limit = (struct source_limit){.events = 1000, .bytes = 2 * MB};
	return runner_budget_begin(&f->b, f->ring, limit);
}

static size_t held(const struct fixture *f)
{
	return budget_stats(f->budget).accounts[BUDGET_READ].used_bytes;
}

static void reads_are_smaller_at_each_level(void **state)
{
	static const struct {
		size_t used, events, bytes;
	} cases[] = {
		{0, 1000, 2 * MB},
		{700 * MB, 500, MB},
		{800 * MB, 250, 512 * KB},
		{900 * MB, 125, 256 * KB},
	};
	struct fixture f = open_all(1000 * MB, 0, PRIORITY_IMPORTANT, 10 * KB);
	struct source_limit limit;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		budget_charge(f.budget, BUDGET_INGEST, cases[i].used);
		assert_true(begin(&f, &limit));
		assert_int_equal(limit.events, cases[i].events);
		assert_int_equal(limit.bytes, cases[i].bytes);
		assert_int_equal(f.b.is_short, i > 0);
		assert_true(held(&f) >= 2 * limit.bytes);
		runner_budget_kept(&f.b, 1000);
		assert_int_equal(held(&f), 1000);
		runner_budget_kept(&f.b, 0);
		assert_int_equal(held(&f), 0);
		budget_release(f.budget, BUDGET_INGEST, cases[i].used);
	}
	close_all(&f);
}

static void a_read_is_no_large_part_of_the_budget(void **state)
{
	struct fixture f = open_all(64 * MB, 0, PRIORITY_STANDARD, 10 * KB);
	struct source_limit limit;

	(void)state;
	assert_true(begin(&f, &limit));
	assert_int_equal(limit.bytes, MB);
	assert_true(held(&f) < 64 * MB / 16);
	close_all(&f);
}

static void a_read_that_does_not_fit_is_made_smaller(void **state)
{
	struct fixture f = open_all(128 * MB, 0, PRIORITY_STANDARD, 10 * KB);
	struct source_limit limit;

	(void)state;
	/* just below 95 % */
	budget_charge(f.budget, BUDGET_INGEST, 128 * MB / 100 * 95 - 600 * KB);
	assert_true(begin(&f, &limit));
	assert_int_equal(limit.bytes, 128 * KB); /* of 256 at this level; it is taken three times */
	assert_true(f.b.is_short);
	close_all(&f);
}

static void room_for_the_largest_row_is_taken_whatever_the_limit(void **state)
{
	struct fixture f = open_all(100 * MB, 0, PRIORITY_STANDARD, 5 * MB);
	struct source_limit limit;

	(void)state;
	assert_true(begin(&f, &limit));
	assert_true(held(&f) >= 2 * 5 * MB);
	close_all(&f);
}

static void optional_stops_and_goes_on(void **state)
{
	struct fixture f = open_all(100 * MB, 0, PRIORITY_OPTIONAL, 10 * KB);
	struct source_limit limit;

	(void)state;
	budget_charge(f.budget, BUDGET_QUEUE, 90 * MB);
	assert_false(begin(&f, &limit));
	assert_int_equal(held(&f), 0);
	budget_release(f.budget, BUDGET_QUEUE, 5 * MB);
	assert_false(begin(&f, &limit));
	budget_release(f.budget, BUDGET_QUEUE, 1);
	assert_true(begin(&f, &limit));
	close_all(&f);
}

static void others_read_a_little_while_their_ring_is_empty(void **state)
{
	struct fixture f = open_all(100 * MB, 0, PRIORITY_STANDARD, 10 * KB);
	struct source_limit limit;

	(void)state;
	budget_charge(f.budget, BUDGET_QUEUE, 96 * MB);
	assert_true(begin(&f, &limit));
	assert_true(limit.bytes <= 64 * KB);
	assert_true(limit.events <= 16);
	runner_budget_kept(&f.b, 0);
	push_one(f.ring);
	assert_false(begin(&f, &limit));
	assert_int_equal(ring_clear(f.ring), 1);
	budget_charge(f.budget, BUDGET_QUEUE, 4 * MB);
	assert_false(begin(&f, &limit));
	close_all(&f);
}

/* 3 x 15 MB beside 21 MB of others in rings, in 64 MB: a dead receiver does not stop who has an
 * empty ring. */
static void a_row_that_might_be_large_does_not_stop_who_has_nothing(void **state)
{
	struct fixture f = open_all(64 * MB, 0, PRIORITY_STANDARD, 15 * MB);
	struct source_limit limit;

	(void)state;
	budget_charge(f.budget, BUDGET_QUEUE, 21 * MB);
	budget_charge(f.budget, BUDGET_READ, 1);
	assert_false(begin(&f, &limit));
	budget_release(f.budget, BUDGET_READ, 1);
	assert_true(begin(&f, &limit));
	runner_budget_kept(&f.b, 0);
	push_one(f.ring);
	assert_false(begin(&f, &limit));
	assert_int_equal(ring_clear(f.ring), 1);
	close_all(&f);
}

static void critical_goes_on_into_what_is_reserved_and_no_further(void **state)
{
	struct fixture f = open_all(100 * MB, 10 * MB, PRIORITY_CRITICAL, 10 * KB);
	struct fixture other = open_all(100 * MB, 10 * MB, PRIORITY_IMPORTANT, 10 * KB);
	struct source_limit limit;

	(void)state;
	other.b.budget = f.budget;
	budget_charge(f.budget, BUDGET_QUEUE, 95 * MB);
	assert_false(begin(&other, &limit));
	push_one(f.ring);
	assert_true(begin(&f, &limit));
	assert_int_equal(limit.bytes, 100 * MB / 64 / 8);
	runner_budget_kept(&f.b, 0);
	budget_charge(f.budget, BUDGET_QUEUE, 5 * MB);
	assert_false(begin(&f, &limit));
	other.b.budget = other.budget;
	close_all(&other);
	close_all(&f);
}

static void with_nothing_in_any_ring_somebody_reads(void **state)
{
	struct fixture f = open_all(8 * MB, 0, PRIORITY_OPTIONAL, MB);
	struct source_limit limit;

	(void)state;
	budget_charge(f.budget, BUDGET_LOG, 7 * MB + MB / 2);
	assert_true(begin(&f, &limit));
	assert_true(limit.bytes <= 64 * KB);
	close_all(&f);
}

/* Two databases, rows that might be as large as the budget can hold once, and nothing in any ring:
 * one reads past the budget, the other when that is done. */
static void the_budget_is_passed_by_one_read_at_most(void **state)
{
	struct fixture f = open_all(64 * MB, 0, PRIORITY_STANDARD, 15 * MB);
	struct fixture others[3];
	struct source_limit limit;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(others); i++) {
		others[i] = open_all(64 * MB, 0, PRIORITY_STANDARD, 15 * MB);
		others[i].b.budget = f.budget;
	}
	assert_true(begin(&f, &limit));
	assert_true(begin(&others[0], &limit));
	assert_false(begin(&others[1], &limit));
	assert_false(begin(&others[2], &limit));
	assert_int_equal(held(&f), 2 * 3 * 15 * MB);
	runner_budget_kept(&f.b, 0);
	assert_true(begin(&others[1], &limit));
	assert_false(begin(&others[2], &limit));
	runner_budget_kept(&others[0].b, 0);
	runner_budget_kept(&others[1].b, 0);
	for (i = 0; i < ARRAY_LEN(others); i++)
		close_all(&others[i]);
	close_all(&f);
}

static void a_page_of_a_backfill_has_an_account_of_its_own(void **state)
{
	struct fixture f = open_all(64 * MB, 0, PRIORITY_STANDARD, MB);
	struct runner_budget page;
	struct source_limit limit = {.events = 500, .bytes = MB};
	struct budget_stats st;

	(void)state;
	f.b.charged = 1;
	budget_charge(f.budget, BUDGET_READ, 1);
	page = runner_budget_of_page(&f.b);
	assert_true(runner_budget_begin(&page, f.ring, &limit));
	st = budget_stats(f.budget);
	assert_int_equal(st.accounts[BUDGET_READ].used_bytes, 1);
	assert_int_equal(st.accounts[BUDGET_BACKFILL].used_bytes, 3 * 2 * MB);
	runner_budget_kept(&page, 0);
	assert_int_equal(budget_stats(f.budget).used_bytes, 1);
	page = runner_budget_of_page(NULL);
	assert_true(runner_budget_begin(&page, f.ring, &limit));
	runner_budget_kept(&page, 0);
	close_all(&f);
}

static void without_a_budget_limits_stay(void **state)
{
	struct runner_budget none;
	struct source_limit limit = {.events = 3, .bytes = 4};

	(void)state;
	runner_budget_init(&none, NULL, PRIORITY_OPTIONAL, MB);
	assert_true(runner_budget_begin(&none, NULL, &limit));
	assert_int_equal(limit.events, 3);
	assert_int_equal(limit.bytes, 4);
	runner_budget_kept(&none, 10);
	runner_budget_kept(&none, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_smaller_at_each_level),
		cmocka_unit_test(a_read_is_no_large_part_of_the_budget),
		cmocka_unit_test(a_read_that_does_not_fit_is_made_smaller),
		cmocka_unit_test(room_for_the_largest_row_is_taken_whatever_the_limit),
		cmocka_unit_test(optional_stops_and_goes_on),
		cmocka_unit_test(others_read_a_little_while_their_ring_is_empty),
		cmocka_unit_test(a_row_that_might_be_large_does_not_stop_who_has_nothing),
		cmocka_unit_test(critical_goes_on_into_what_is_reserved_and_no_further),
		cmocka_unit_test(with_nothing_in_any_ring_somebody_reads),
		cmocka_unit_test(the_budget_is_passed_by_one_read_at_most),
		cmocka_unit_test(a_page_of_a_backfill_has_an_account_of_its_own),
		cmocka_unit_test(without_a_budget_limits_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
