/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/mem.h"
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

static void look(struct pg_owners *o, int64_t upto, const pg_owner *holders)
{
	pg_owner *own;
	size_t n = 0;

	while (holders[n])
		n++;
	own = mem_alloc(n * sizeof(*own));
	memcpy(own, holders, n * sizeof(*own));
	pg_owners_begin(o);
	pg_owners_look(o, upto, own, n);
}

/* Two cycles with these holders (0 ends the list): the second settles what the first saw. */
static int64_t step(struct pg_owners *o, int64_t upto, const pg_owner *holders)
{
	int64_t close, first;

	look(o, upto, holders);
	first = pg_owners_settle(o);
	look(o, upto, holders);
	close = pg_owners_settle(o);
	close = first > close ? first : close;
	pg_owners_begin(o);
	(void)pg_owners_settle(o);
	return close;
}

#define STEP(upto, ...) step(&o, upto, (const pg_owner[]){__VA_ARGS__ __VA_OPT__(, ) 0})
#define LOOK(...) look(&o, 1000000, (const pg_owner[]){__VA_ARGS__ __VA_OPT__(, ) 0})

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
	/* 1 is gone, but the gaps were not read to the end */
	look(&o, 15, (const pg_owner[]){2, 0});
	assert_true(pg_owners_may_fill(&o, 10));
	look(&o, 15, (const pg_owner[]){2, 0});
	assert_true(pg_owners_may_fill(&o, 10));
	assert_int_equal(STEP(20, 2), 10);
	pg_owners_done(&o);
}

static void what_ended_behind_the_snapshot_is_read_with_the_next(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	assert_int_equal(STEP(10, 1), 0);
	look(&o, 20, (const pg_owner[]){1, 2, 0});
	assert_int_equal(pg_owners_settle(&o), 0);
	/* 1 may have ended behind this snapshot */
	look(&o, 30, (const pg_owner[]){2, 0});
	assert_true(pg_owners_may_fill(&o, 10));
	assert_int_equal(pg_owners_settle(&o), 0);
	look(&o, 40, (const pg_owner[]){2, 0});
	assert_true(pg_owners_may_fill(&o, 10));
	assert_int_equal(pg_owners_settle(&o), 10);
	pg_owners_done(&o);
}

static void reading_without_a_look_settles_the_last_one(void **state)
{
	struct pg_owners o;

	(void)state;
	pg_owners_init(&o);
	look(&o, 10, (const pg_owner[]){0});
	assert_int_equal(pg_owners_settle(&o), 0);
	pg_owners_begin(&o);
	assert_int_equal(pg_owners_settle(&o), 10);
	pg_owners_begin(&o);
	assert_int_equal(pg_owners_settle(&o), 0);
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

/* Against a model: transactions take ids and end at any moment, also between the snapshot and the
 * look. What the snapshot shows for the first time must not be left out; what is closed must have
 * nothing to come. */
enum { MODEL_IDS = 3000, MODEL_OPEN = 12 };

struct model {
	struct random random;
	pg_owner owner[MODEL_IDS + 1]; /* of each id; 0: it has ended */
	bool unread[MODEL_IDS + 1];    /* it has ended, and was not read since */
	pg_owner open[MODEL_OPEN];
	pg_owner next;
	int64_t ids;
};

static void model_end(struct model *m, size_t slot)
{
	int64_t id;

	for (id = 1; id <= m->ids; id++) {
		if (m->owner[id] == m->open[slot]) {
			m->owner[id] = 0;
			m->unread[id] = true;
		}
	}
	m->open[slot] = m->next++;
}

/* Some slots hold their transaction for long. */
static void model_write(struct model *m)
{
	size_t slot = random_below(&m->random, MODEL_OPEN);

	if (m->ids < MODEL_IDS)
		m->owner[++m->ids] = m->open[slot];
	if (random_below(&m->random, 4 + slot * slot * 4) == 0)
		model_end(m, slot);
}

static void model_cycle(struct model *m, struct pg_owners *o)
{
	static bool shown[MODEL_IDS + 1];
	pg_owner *now = mem_alloc(sizeof(m->open));
	int64_t id, close, upto = m->ids;
	bool is_looking = random_below(&m->random, 3) != 0;

	pg_owners_begin(o);
	memcpy(shown, m->unread, sizeof(shown)); /* the snapshot */
	while (random_below(&m->random, 3))
		model_write(m);
	memcpy(now, m->open, sizeof(m->open));
	if (is_looking)
		pg_owners_look(o, upto, now, MODEL_OPEN);
	else
		mem_free(now);
	for (id = 1; id <= upto; id++) {
		if (is_looking && !pg_owners_may_fill(o, id))
			assert_false(shown[id]);
		m->unread[id] = m->unread[id] && !shown[id];
	}
	if (random_below(&m->random, 4) == 0) /* the batch was full */
		return;
	close = pg_owners_settle(o);
	assert_true(close <= upto);
	for (id = 1; id <= close; id++)
		assert_true(m->owner[id] == 0 && !m->unread[id]);
}

static void marks_agree_with_a_model(void **state)
{
	static struct model m;
	struct pg_owners o;
	size_t slot;
	int seed;

	(void)state;
	for (seed = 1; seed <= 30; seed++) {
		memset(&m, 0, sizeof(m));
		random_init_seed(&m.random, (uint64_t)seed);
		pg_owners_init(&o);
		for (slot = 0, m.next = 1; slot < MODEL_OPEN; slot++)
			m.open[slot] = m.next++;
		while (m.ids < MODEL_IDS) {
			model_write(&m);
			if (random_below(&m.random, 10) == 0)
				model_cycle(&m, &o);
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
		cmocka_unit_test(what_ended_behind_the_snapshot_is_read_with_the_next),
		cmocka_unit_test(reading_without_a_look_settles_the_last_one),
		cmocka_unit_test(a_transaction_that_was_prepared_is_still_waited_for),
		cmocka_unit_test(a_long_transaction_keeps_its_mark_however_many_others_pass),
		cmocka_unit_test(overlapping_transactions_do_not_keep_old_gaps_open_for_ever),
		cmocka_unit_test(forgetting_starts_anew),
		cmocka_unit_test(marks_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
