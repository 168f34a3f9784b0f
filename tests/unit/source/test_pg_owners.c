/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/random.h"
#include "source/pg_owners.h"

static void a_virtual_transaction_is_parsed(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		pg_owner owner;
	} cases[] = {
		{"3/17", true, 3LL << 32 | 17},
		{"3/0", false, 0}, /* its end is visible */
		{"-1/731", true, -(1LL << 32) + 731},
		{"200/4294967295", true, 200LL << 32 | 4294967295LL},
		{"3", false, 0},
		{"", false, 0},
		{"3/x", false, 0},
	};
	pg_owner owner;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		owner = 0;
		assert_int_equal(pg_owner_parse(cases[i].text, &owner), cases[i].ok);
		if (cases[i].ok)
			assert_true(owner == cases[i].owner);
	}
}

/* One look with these holders (0 ends the list), and what may be closed then. */
static int64_t step(struct pg_owners *o, int64_t upto, const pg_owner *holders)
{
	static pg_owner now[64];
	size_t n = 0;

	while (holders[n]) {
		now[n] = holders[n];
		n++;
	}
	pg_owners_look(o, now, n);
	return pg_owners_settle(o, upto);
}

#define STEP(upto, ...) step(&o, upto, (const pg_owner[]){__VA_ARGS__ __VA_OPT__(, ) 0})
#define LOOK(...)                                                                                  \
	pg_owners_look(&o, (pg_owner[]){__VA_ARGS__},                                              \
		       sizeof((pg_owner[]){__VA_ARGS__}) / sizeof(pg_owner))

static void without_holders_all_gaps_close(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10), 10);
	assert_int_equal(STEP(20), 20);
	pg_owners_done(&o);
}

static void a_gap_closes_when_the_holders_of_its_time_are_gone(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1, 2), 0);
	assert_int_equal(STEP(20, 2, 3), 0);
	assert_int_equal(STEP(30, 3, 4), 10); /* 1 and 2 are gone */
	assert_int_equal(STEP(40, 4, 5), 20);
	assert_int_equal(STEP(50), 50);
	pg_owners_done(&o);
}

static void only_gaps_whose_owners_ended_need_reading(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_true(pg_owners_may_fill(&o, 5)); /* nothing is known yet */
	assert_int_equal(STEP(10, 1), 0);
	assert_int_equal(STEP(20, 1, 2), 0);
	LOOK(1, 2, 3);
	assert_false(pg_owners_may_fill(&o, 10));
	assert_false(pg_owners_may_fill(&o, 20));
	assert_true(pg_owners_may_fill(&o, 21));
	LOOK(1, 3);
	assert_false(pg_owners_may_fill(&o, 10));
	assert_true(pg_owners_may_fill(&o, 11));
	LOOK(2, 3);
	assert_true(pg_owners_may_fill(&o, 10));
	pg_owners_done(&o);
}

static void a_look_without_settling_forgets_nothing(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1), 0);
	LOOK(2); /* 1 is gone, but the gaps were not read to the end */
	assert_true(pg_owners_may_fill(&o, 10));
	LOOK(2);
	assert_true(pg_owners_may_fill(&o, 10));
	assert_int_equal(STEP(20, 2), 10);
	pg_owners_done(&o);
}

static void a_transaction_that_was_prepared_is_still_waited_for(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1), 0);
	assert_int_equal(STEP(20, -7), 0);     /* 1 may be -7 now */
	assert_int_equal(STEP(30, -7, -8), 0); /* -8 came later */
	assert_int_equal(STEP(40, -8), 20);
	assert_int_equal(STEP(50), 50);
	pg_owners_done(&o);
}

static void a_long_transaction_keeps_its_mark_however_many_others_pass(void **state)
{
	struct pg_owners o;
	int64_t i;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1), 0);
	for (i = 2; i < 1000; i++) {
		(void)STEP(10 * i, 1, i, i + 1, i + 2);
		assert_true(o.count <= PG_OWNERS_MARKS);
		LOOK(1, i, i + 1, i + 2);
		assert_false(pg_owners_may_fill(&o, 10));
	}
	/* with 1 gone, all but the latest closes */
	assert_true(STEP(10000, 1001) >= 9900);
	pg_owners_done(&o);
}

static void overlapping_transactions_do_not_keep_old_gaps_open_for_ever(void **state)
{
	struct pg_owners o;
	int64_t i, closed = 0, got;

	(void)state;
	pg_owners_init(&o);
	for (i = 1; i < 1000; i++) {
		/* 40 at a time, one ends at each look */
		pg_owner holders[41] = {0};
		int64_t j;

		for (j = 0; j < 40; j++)
			holders[j] = i + j;
		got = step(&o, i, holders);
		closed = got ? got : closed;
		assert_true(closed >= i - 40 * (PG_OWNERS_MARKS + 1));
	}
	assert_true(closed > 0);
	pg_owners_done(&o);
}

static void forgetting_starts_anew(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1), 0);
	pg_owners_reset(&o);
	LOOK(1);
	assert_true(pg_owners_may_fill(&o, 5));
	pg_owners_done(&o);
}

/* Against a model: transactions own ids; a gap may be closed only when its owner has ended before
 * the look, and what is not to be read must not have been filled since it was read. */
enum { MODEL_IDS = 3000, MODEL_OPEN = 12 };

struct model {
	pg_owner owner[MODEL_IDS + 1]; /* of each id; 0: seen */
	pg_owner open[MODEL_OPEN];
	pg_owner next;
	int64_t ids;
	bool filled[MODEL_IDS + 1]; /* its owner has ended and it was not read */
};

static void model_end(struct model *m, size_t slot)
{
	int64_t id;

	for (id = 1; id <= m->ids; id++) {
		if (m->owner[id] == m->open[slot]) {
			m->owner[id] = 0;
			m->filled[id] = true;
		}
	}
	m->open[slot] = m->next++;
}

static void model_look(struct model *m, struct pg_owners *o)
{
	pg_owner now[MODEL_OPEN];
	int64_t id, close;

	memcpy(now, m->open, sizeof(now));
	pg_owners_look(o, now, MODEL_OPEN);
	for (id = 1; id <= m->ids; id++) {
		if (pg_owners_may_fill(o, id))
			m->filled[id] = false;
		assert_false(m->filled[id]);
	}
	close = pg_owners_settle(o, m->ids);
	for (id = 1; id <= close; id++)
		assert_true(m->owner[id] == 0);
}

static void marks_agree_with_a_model(void **state)
{
	struct pg_owners o;
	struct random random;
	static struct model m;
	size_t slot;
	int seed;

	(void)state;
	for (seed = 1; seed <= 20; seed++) {
		memset(&m, 0, sizeof(m));
		random_init_seed(&random, (uint64_t)seed);
		pg_owners_init(&o);
		for (slot = 0, m.next = 1; slot < MODEL_OPEN; slot++)
			m.open[slot] = m.next++;
		while (m.ids < MODEL_IDS) {
			slot = random_below(&random, MODEL_OPEN);
			m.ids++;
			m.owner[m.ids] = m.open[slot];
			/* some slots hold their transaction for long */
			if (random_below(&random, 4 + slot * slot * 4) == 0)
				model_end(&m, slot);
			if (random_below(&random, 10) == 0)
				model_look(&m, &o);
		}
		pg_owners_done(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_virtual_transaction_is_parsed),
		cmocka_unit_test(without_holders_all_gaps_close),
		cmocka_unit_test(a_gap_closes_when_the_holders_of_its_time_are_gone),
		cmocka_unit_test(only_gaps_whose_owners_ended_need_reading),
		cmocka_unit_test(a_look_without_settling_forgets_nothing),
		cmocka_unit_test(a_transaction_that_was_prepared_is_still_waited_for),
		cmocka_unit_test(a_long_transaction_keeps_its_mark_however_many_others_pass),
		cmocka_unit_test(overlapping_transactions_do_not_keep_old_gaps_open_for_ever),
		cmocka_unit_test(forgetting_starts_anew),
		cmocka_unit_test(marks_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
