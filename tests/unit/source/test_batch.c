/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "source/batch.h"

#define ROOM 4

struct reading {
	struct position *position;
	struct event *out[ROOM];
	struct batch batch;
};

static struct event_fields row(int64_t id)
{
	return (struct event_fields){.id = id,
				     .op = OP_INSERT,
				     .table = TEXT_LIT("items"),
				     .key = TEXT_LIT("{\"id\": 1}"),
				     .changed_wall_us = 1767225600000000,
				     .data = TEXT_LIT("{\"id\": 1}")};
}

static int setup(void **state)
{
	static struct reading r;

	r = (struct reading){0};
	assert_int_equal(position_new(16, &r.position, NULL), ERR_OK);
	r.batch = (struct batch){.position = r.position,
				 .limit = {.events = ROOM, .bytes = 1 << 20},
				 .out = r.out,
				 .now_us = 77};
	*state = &r;
	return 0;
}

static int teardown(void **state)
{
	struct reading *r = *state;

	batch_drop(&r->batch);
	position_free(r->position);
	return 0;
}

static void add(struct reading *r, int64_t id)
{
	struct event_fields f = row(id);

	assert_int_equal(batch_add(&r->batch, &f, NULL), ERR_OK);
}

static void a_row_becomes_an_event(void **state)
{
	struct reading *r = *state;

	add(r, 5);
	assert_int_equal(r->batch.count, 1);
	assert_int_equal(r->batch.last_id, 5);
	assert_int_equal(r->out[0]->read_us, 77);
	assert_true(text_eq(r->out[0]->f.changed_at, TEXT_LIT("2026-01-01T00:00:00.000000Z")));
	assert_int_equal(position_stats(r->position).outstanding, 1);
}

static void an_outstanding_row_is_skipped(void **state)
{
	struct reading *r = *state;

	add(r, 5);
	add(r, 5);
	assert_int_equal(r->batch.count, 1);
	assert_false(r->batch.is_full);
}

static void rows_that_were_seen_are_given_when_there_is_no_position(void **state)
{
	struct reading *r = *state;

	add(r, 5);
	r->batch.position = NULL;
	add(r, 5);
	assert_int_equal(r->batch.count, 2);
}

static void the_count_is_a_limit(void **state)
{
	struct reading *r = *state;
	int64_t id;

	for (id = 1; id <= ROOM; id++)
		add(r, id);
	assert_false(r->batch.is_full);
	add(r, ROOM + 1);
	assert_true(r->batch.is_full);
	assert_int_equal(r->batch.count, ROOM);
	assert_int_equal(position_cursor(r->position), ROOM);
}

static void the_bytes_are_a_limit_and_what_does_not_fit_is_not_seen(void **state)
{
	struct reading *r = *state;

	add(r, 1);
	r->batch.limit.bytes = 2 * r->batch.bytes;
	add(r, 2);
	assert_int_equal(r->batch.count, 2);
	add(r, 3);
	assert_true(r->batch.is_full);
	assert_int_equal(r->batch.count, 2);
	assert_int_equal(position_cursor(r->position), 2);
	/* nothing may be added behind it, however small */
	r->batch.limit.bytes = 1 << 20;
	add(r, 4);
	assert_int_equal(r->batch.count, 2);
}

static void one_larger_row_comes_alone(void **state)
{
	struct reading *r = *state;

	r->batch.limit.bytes = 1;
	add(r, 1);
	assert_int_equal(r->batch.count, 1);
	add(r, 2);
	assert_int_equal(r->batch.count, 1);
	assert_true(r->batch.is_full);
}

static void the_overhead_covers_all_but_the_texts(void **state)
{
	struct reading *r = *state;

	add(r, 1);
	assert_true(r->batch.bytes <= batch_overhead(64) + 2 * strlen("{\"id\": 1}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_row_becomes_an_event, setup, teardown),
		cmocka_unit_test_setup_teardown(an_outstanding_row_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			rows_that_were_seen_are_given_when_there_is_no_position, setup, teardown),
		cmocka_unit_test_setup_teardown(the_count_is_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_bytes_are_a_limit_and_what_does_not_fit_is_not_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(one_larger_row_comes_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(the_overhead_covers_all_but_the_texts, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
