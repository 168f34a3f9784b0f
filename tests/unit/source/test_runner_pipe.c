/* SPDX-License-Identifier: MIT */
/*
 * Between one read and the ring, with a source of one row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/packed.h"
#include "core/share.h"
#include "source/runner_pipe.h"

#define MAX_BYTES (8UL << 20)

static char row[50000];
static struct share own = {.step = 1}; /* of the tenant of all */

static enum err_code read_one(struct source *s, uint32_t p, struct source_limit limit,
			      struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	static int64_t id;
	const struct event_fields f = {.id = ++id,
				       .table = TEXT_LIT("items"),
				       .key = TEXT_LIT("{\"id\":1}"),
				       .data = text_of(row)};

	(void)s;
	(void)p;
	(void)limit;
	*ret_count = 1;
	*ret_more = true;
	assert_int_equal(event_new(&f, &out[0], e), ERR_OK);
	out[0]->share = &own;
	share_take(&own, out[0]->bytes);
	return ERR_OK;
}

static const struct source_ops ops = {.read = read_one};

/* The one event in the ring after a read, with so much of the memory in use by others. */
static size_t bytes_in_ring(size_t used, struct runner_pipe *p, struct budget *budget,
			    struct acks *acks)
{
	struct source source = {&ops};
	struct event *ev;
	size_t bytes;
	bool did_read;

	budget_charge(budget, BUDGET_LOG, used);
	assert_int_equal(runner_pipe_read(p, &source, acks, 0, &did_read, NULL), ERR_OK);
	assert_true(did_read);
	budget_release(budget, BUDGET_LOG, used);
	assert_int_equal(ring_take(p->ring, 0, &ev, 1), 1);
	bytes = ev->bytes;
	assert_int_equal(packed_is(&ev->f), bytes < sizeof(row));
	ring_settle(p->ring, ev, EVENT_DELIVERED);
	event_free(ev);
	/* what was counted is what is given back */
	assert_int_equal(own.events, 0);
	assert_int_equal(own.bytes, 0);
	return bytes;
}

/* What they take in the ring does not tell how large their bodies get. */
static void two_in_flight_are_too_many(struct runner_pipe *p, struct budget *budget,
				       struct acks *acks)
{
	struct source source = {&ops};
	struct event *evs[2];
	bool did_read;
	size_t i;

	budget_charge(budget, BUDGET_LOG, MAX_BYTES * 85 / 100);
	for (i = 0; i < 2; i++)
		assert_int_equal(runner_pipe_read(p, &source, acks, 0, &did_read, NULL), ERR_OK);
	assert_int_equal(ring_stats(p->ring).events, 2);
	assert_true(ring_stats(p->ring).bytes < 4000);
	for (i = 0; i < 2; i++) {
		assert_int_equal(ring_take(p->ring, 0, evs, 2), 1);
		ring_settle(p->ring, evs[0], EVENT_DELIVERED);
		event_free(evs[0]);
	}
	budget_release(budget, BUDGET_LOG, MAX_BYTES * 85 / 100);
}

static void large_rows_wait_compressed_when_memory_is_short(void **state)
{
	const struct budget_options bo = {.max_bytes = MAX_BYTES};
	const struct pipeline_settings settings = {.priority = PRIORITY_CRITICAL};
	/* two bodies are over it */
	struct ring_options ro = {.capacity = 10,
				  .max_bytes = MAX_BYTES,
				  .max_inflight_bytes = sizeof(row),
				  .order = ORDERING_NONE};
	struct runner_pipeline rp = {.settings = &settings};
	struct runner_pipe p;
	struct budget *budget;
	struct acks *acks;

	(void)state;
	memset(row, 'x', sizeof(row) - 1);
	assert_int_equal(budget_new(&bo, &budget, NULL), ERR_OK);
	ro.budget = budget;
	assert_int_equal(ring_new(&ro, &rp.ring, NULL), ERR_OK);
	assert_int_equal(acks_new(-1, 10, &acks, NULL), ERR_OK);
	memset(&p, 0, sizeof(p));
	assert_int_equal(runner_pipe_init(&p, &rp, 0, 10, clock_system(), NULL), ERR_OK);
	p.budget = (struct runner_budget){.budget = budget, .priority = PRIORITY_CRITICAL};
	assert_true(bytes_in_ring(0, &p, budget, acks) > sizeof(row));
	assert_int_equal(p.packed_events, 0);
	assert_true(bytes_in_ring(MAX_BYTES * 85 / 100, &p, budget, acks) < 2000);
	assert_int_equal(p.packed_events, 1);
	assert_true(p.packed_saved_bytes > 48000);
	assert_true(bytes_in_ring(0, &p, budget, acks) > sizeof(row));
	two_in_flight_are_too_many(&p, budget, acks);
	acks_unreserve(acks, 5);
	runner_pipe_done(&p);
	acks_free(acks);
	ring_free(rp.ring);
	budget_free(budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_rows_wait_compressed_when_memory_is_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
