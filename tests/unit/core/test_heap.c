/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/random.h"
#include "core/heap.h"

#define EVENTS 300

static void assert_sorted_pop(struct heap *h, size_t n)
{
	const struct event *before = NULL;

	for (; n > 0; n--) {
		const struct event *peeked = heap_peek(h);
		const struct event *ev;

		assert_int_equal(h->count, n);
		ev = heap_pop(h);
		assert_non_null(ev);
		assert_ptr_equal(ev, peeked);
		assert_null(ev->queue_next);
		assert_null(ev->heap_child);
		if (before)
			assert_true(before->rank < ev->rank ||
				    (before->rank == ev->rank && before->seq < ev->seq));
		before = ev;
	}
	assert_int_equal(h->count, 0);
	assert_null(heap_peek(h));
	assert_null(heap_pop(h));
}

static void it_pops_by_rank_and_then_by_seq(void **state)
{
	static struct event events[EVENTS];
	struct heap h = {0};
	struct random random;
	int i;

	(void)state;
	random_init_seed(&random, 1);
	for (i = 0; i < EVENTS; i++) {
		events[i].rank = (int64_t)random_below(&random, 50) - 25;
		events[i].seq = i;
		heap_push(&h, &events[i]);
	}
	assert_sorted_pop(&h, EVENTS);
	for (i = 0; i < EVENTS; i++) /* and again, in falling order */
		heap_push(&h, &events[EVENTS - 1 - i]);
	for (i = 0; i < EVENTS / 2; i++) {
		struct event *ev = heap_pop(&h);

		ev->rank += 10;
		heap_push(&h, ev);
	}
	assert_sorted_pop(&h, EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_pops_by_rank_and_then_by_seq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
