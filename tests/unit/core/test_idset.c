/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/random.h"
#include "core/idset.h"

#define IDS 4000

static void add(struct idset *s, int64_t id)
{
	assert_int_equal(idset_reserve(s), ERR_OK);
	idset_add(s, id);
}

static void it_has_what_was_added_and_not_what_was_removed(void **state)
{
	static bool in[IDS + 1];
	struct idset s = {0};
	struct random random;
	size_t count = 0;
	int64_t id;
	int i;

	(void)state;
	random_init_seed(&random, 3);
	for (i = 0; i < 60000; i++) {
		id = 1 + (int64_t)random_below(&random, i < 30000 ? IDS : 50);
		assert_int_equal(idset_has(&s, id), in[id]);
		if (in[id])
			idset_remove(&s, id);
		else
			add(&s, id);
		count += in[id] ? -1UL : 1UL;
		in[id] = !in[id];
		assert_int_equal(s.count, count);
	}
	for (id = 1; id <= IDS; id++)
		assert_int_equal(idset_has(&s, id), in[id]);
	idset_done(&s);
	assert_false(idset_has(&s, 1));
}

static void removing_an_unknown_id_is_fine(void **state)
{
	struct idset s = {0};

	(void)state;
	idset_remove(&s, 5);
	add(&s, 6);
	idset_remove(&s, 5);
	idset_remove(&s, 0);
	idset_remove(&s, -6);
	assert_int_equal(s.count, 1);
	assert_false(idset_has(&s, 0));
	idset_done(&s);
}

/* A window that moves on for ever, as a reader does: the set stays as large as the window needs. */
static void months_of_adding_and_removing_leave_no_rot(void **state)
{
	struct idset s = {0};
	int64_t id;

	(void)state;
	for (id = 1; id < 300000; id++) {
		add(&s, id);
		if (id > 100)
			idset_remove(&s, id - 100);
		assert_true(s.size <= 256);
	}
	idset_done(&s);
}

static void it_gives_memory_back(void **state)
{
	struct idset s = {0};
	int64_t id;

	(void)state;
	for (id = 1; id < 10000; id++)
		add(&s, id);
	for (id = 1; id < 10000; id++)
		idset_remove(&s, id);
	assert_true(s.size <= 64);
	idset_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_what_was_added_and_not_what_was_removed),
		cmocka_unit_test(removing_an_unknown_id_is_fine),
		cmocka_unit_test(months_of_adding_and_removing_leave_no_rot),
		cmocka_unit_test(it_gives_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
