/* SPDX-License-Identifier: MIT */
#include "rings.h"

#include "core/budget.h"

#define MB ((size_t)1 << 20)
#define PIECE 65536

static struct budget *budget;

static size_t charged(void)
{
	struct budget_stats st = budget_stats(budget);

	assert_int_equal(st.used_bytes, st.accounts[BUDGET_QUEUE].used_bytes);
	return st.used_bytes;
}

static struct ring *open_charged(void)
{
	const struct budget_options o = {.max_bytes = 8 * MB};
	struct ring_options ro = {.capacity = 10000, .max_bytes = 4 * MB, .order = ORDERING_NONE};
	struct ring *r = NULL;

	assert_int_equal(budget_new(&o, &budget, NULL), ERR_OK);
	ro.budget = budget;
	assert_int_equal(ring_new(&ro, &r, NULL), ERR_OK);
	return r;
}

/* What is inside is charged, and no more than two pieces beyond it. */
static void assert_covered(struct ring *r)
{
	size_t bytes = ring_stats(r).bytes;

	assert_true(charged() >= bytes);
	assert_true(charged() <= bytes + 2 * PIECE);
}

static void what_is_inside_is_charged_until_it_has_settled(void **state)
{
	struct ring *r = open_charged();
	struct event *ev;
	int64_t id;

	(void)state;
	for (id = 1; id <= 2000; id++) {
		push(r, event_of_key(id, "{\"id\":1}"));
		assert_covered(r);
	}
	assert_true(charged() > MB / 2);
	for (id = 1; id <= 2000; id++) {
		assert_int_equal(ring_take(r, NOW, &ev, 1), 1);
		assert_covered(r);
		if (id % 3 == 0) {
			ring_retry(r, ev, NOW);
			assert_covered(r);
			assert_int_equal(ring_take(r, NOW, &ev, 1), 1);
		}
		settle(r, ev);
		assert_covered(r);
	}
	assert_int_equal(charged(), 0);
	ring_free(r);
	budget_free(budget);
}

static void what_is_dropped_is_given_back(void **state)
{
	struct ring *r = open_charged();
	struct event *ev;
	int64_t id;

	(void)state;
	for (id = 1; id <= 1000; id++)
		push(r, event_of_key(id, "a"));
	assert_int_equal(ring_take(r, NOW, &ev, 1), 1);
	assert_int_equal(ring_clear(r), 999);
	assert_covered(r);
	assert_int_equal(charged(), PIECE);
	settle(r, ev);
	assert_int_equal(charged(), 0);
	push(r, event_of_key(1, "a"));
	ring_free(r);
	assert_int_equal(charged(), 0);
	budget_free(budget);
}

/* Or every event would be an addition to a number that all threads share. */
static void a_ring_that_stays_full_charges_nothing_more(void **state)
{
	struct ring *r = open_charged();
	size_t before;
	int64_t id;

	(void)state;
	for (id = 1; id <= 500; id++)
		push(r, event_of_key(id, "a"));
	before = charged();
	for (; id <= 1000; id++) {
		settle_next(r, id - 500);
		push(r, event_of_key(id, "a"));
		assert_int_equal(charged(), before);
	}
	ring_free(r);
	budget_free(budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_inside_is_charged_until_it_has_settled),
		cmocka_unit_test(what_is_dropped_is_given_back),
		cmocka_unit_test(a_ring_that_stays_full_charges_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
