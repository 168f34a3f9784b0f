/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "core/gate.h"

#define GATE 5

static bool enter(struct lanes *tables, struct event *events, int64_t id, enum op op)
{
	struct event *ev = &events[id];

	*ev = (struct event){.gate_key = GATE, .f = {.id = id, .op = op}};
	assert_int_equal(lanes_reserve(tables, 1), ERR_OK);
	return gate_enter(tables, ev);
}

/* events[id] leaves; ids from..to pass because of that (none: to < from). */
static void assert_leave(struct lanes *tables, struct event *events, int64_t id, int64_t from,
			 int64_t to)
{
	const struct event *passed = gate_leave(tables, &events[id]);

	for (; from <= to; from++, passed = passed->gate_next) {
		assert_non_null(passed);
		assert_int_equal(passed->f.id, from);
	}
	assert_null(passed);
}

static void the_picture_in_the_header_is_right(void **state)
{
	struct lanes tables = {0};
	struct event events[16];

	(void)state;
	assert_true(enter(&tables, events, 9, OP_TRUNCATE));
	assert_false(enter(&tables, events, 10, OP_INSERT));
	assert_false(enter(&tables, events, 11, OP_INSERT));
	assert_false(enter(&tables, events, 12, OP_TRUNCATE));
	assert_false(enter(&tables, events, 13, OP_INSERT));
	assert_leave(&tables, events, 9, 10, 11);
	assert_leave(&tables, events, 11, 1, 0);
	assert_leave(&tables, events, 10, 12, 12);
	assert_leave(&tables, events, 12, 13, 13);
	assert_leave(&tables, events, 13, 1, 0);
	assert_int_equal(tables.count, 0);
	lanes_done(&tables);
}

static void without_a_barrier_all_pass(void **state)
{
	struct lanes tables = {0};
	struct event events[4];

	(void)state;
	assert_true(enter(&tables, events, 1, OP_INSERT));
	assert_true(enter(&tables, events, 2, OP_DELETE));
	assert_false(enter(&tables, events, 3, OP_TRUNCATE));
	assert_leave(&tables, events, 1, 1, 0);
	assert_leave(&tables, events, 2, 3, 3);
	assert_leave(&tables, events, 3, 1, 0);
	assert_int_equal(tables.count, 0);
	lanes_done(&tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_picture_in_the_header_is_right),
		cmocka_unit_test(without_a_barrier_all_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
