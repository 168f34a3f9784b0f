/* SPDX-License-Identifier: MIT */
/* How every source removes old dead letters; which sources are there is as in test_source.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "source_lab.h"

static void old_dead_letters_are_purged_in_pieces(void **state)
{
	struct lab *lab = *state;
	struct source_sweep sweep = {.older_than_us = 3600 * CLOCK_US_PER_S, .rows = 2};
	struct reader r;
	int64_t deadline = clock_now_us(clock_system()) + PATIENCE_US, purged = 0;
	int64_t ids[5], other;
	size_t i, steps = 0, others = lab != &lab_kinds[LAB_FAKE];

	for (i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = lab->insert(lab, "default", "1", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 5);
	for (i = 0; i < ARRAY_LEN(ids); i++)
		reader_ack(&r, 0, ids[i], ACK_DEAD);
	if (others) { /* also of the same id */
		other = lab->insert(lab, "second", "1", 10);
		assert_int_equal(reader_read(&r, 1), 1);
		reader_ack(&r, 1, other, ACK_DEAD);
	}
	/* what is not old enough is passed, two by two, up to the end */
	do {
		assert_int_equal(r.s->ops->purge(r.s, 0, &sweep, NULL), ERR_OK);
		assert_int_equal(sweep.purged, 0);
		if (sweep.after_id && others)
			assert_int_equal(sweep.after_id, ids[steps < 2 ? 2 * steps + 1 : 4]);
		steps++;
	} while (sweep.after_id);
	assert_true(steps >= 3 || !others);
	assert_int_equal(lab->count_dead(lab), 5 + others);
	sweep.older_than_us = 0;
	/* clocks count in steps: what died just now may be of this very moment */
	while (purged < 5) {
		assert_true(clock_now_us(clock_system()) < deadline);
		assert_int_equal(r.s->ops->purge(r.s, 0, &sweep, NULL), ERR_OK);
		assert_true(sweep.purged <= 2);
		purged += sweep.purged;
	}
	assert_int_equal(purged, 5);
	/* another pipeline's are none of its business */
	assert_int_equal(lab->count_dead(lab), others);
	reader_free(&r);
}

/* Removed, all that are older, in steps of two at most; at least want of them. */
static int64_t sweep_delivered(struct reader *r, uint32_t p, int64_t age_us, int64_t want)
{
	struct source_sweep sweep = {.older_than_us = age_us, .rows = 2, .delivered = true};
	int64_t deadline = clock_now_us(clock_system()) + PATIENCE_US, purged = 0;

	do {
		assert_true(clock_now_us(clock_system()) < deadline);
		assert_int_equal(r->s->ops->purge(r->s, p, &sweep, NULL), ERR_OK);
		assert_true(sweep.purged <= 2);
		purged += sweep.purged;
	} while (sweep.after_id || purged < want);
	return purged;
}

static void delivered_events_are_kept_for_their_time_where_they_are_to_be(void **state)
{
	struct lab *lab = *state;
	struct pipeline_settings keeps;
	struct reader r;
	int64_t ids[5], other;
	size_t i;

	for (i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = lab->insert(lab, "default", "1", 10);
	other = lab->insert(lab, "second", "1", 10);
	reader_new(&r, lab);
	keeps = *r.shared[0].settings;
	keeps.retain_us = CLOCK_US_PER_S;
	r.shared[0].settings = &keeps;
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 5);
	for (i = 0; i < 4; i++)
		reader_ack(&r, 0, ids[i], ACK_DELIVERED);
	/* what was acknowledged already is not there to be kept again */
	reader_ack(&r, 0, ids[0], ACK_DELIVERED);
	reader_ack(&r, 0, ids[4], ACK_DEAD);
	assert_int_equal(reader_read(&r, 1), 1);
	reader_ack(&r, 1, other, ACK_DELIVERED);
	assert_int_equal(lab->count_rows(lab), 0);
	assert_int_equal(lab->count_dead(lab), 1);
	assert_int_equal(sweep_delivered(&r, 0, 3600 * CLOCK_US_PER_S, 0), 0);
	assert_int_equal(sweep_delivered(&r, 1, 0, 0), 0);
	assert_int_equal(sweep_delivered(&r, 0, 0, 4), 4);
	assert_int_equal(lab->count_dead(lab), 1);
	reader_free(&r);
}

#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
#define KEPT(kind)                                                                                 \
	{                                                                                          \
		"delivered_events_are_kept_for_their_time_where_they_are_to_be",                   \
			delivered_events_are_kept_for_their_time_where_they_are_to_be, lab_setup,  \
			lab_teardown, &lab_kinds[kind]                                             \
	}
#define IN(kind)                                                                                   \
	{                                                                                          \
		"old_dead_letters_are_purged_in_pieces", old_dead_letters_are_purged_in_pieces,    \
			lab_setup, lab_teardown, &lab_kinds[kind]                                  \
	}
#define RUN(kind, is_there, tests)                                                                 \
	((TEST_ONLY == (kind) || TEST_ONLY == LAB_KINDS) && (is_there)                             \
		 ? cmocka_run_group_tests_name(#tests " purging", tests, NULL, NULL)               \
		 : 0)

int main(void)
{
	const struct CMUnitTest fake[] = {IN(LAB_FAKE)};
	const struct CMUnitTest postgres[] = {IN(LAB_POSTGRES), KEPT(LAB_POSTGRES)};
	const struct CMUnitTest mysql[] = {IN(LAB_MYSQL), KEPT(LAB_MYSQL)};
	const struct CMUnitTest sqlite[] = {IN(LAB_SQLITE), KEPT(LAB_SQLITE)};

	return RUN(LAB_FAKE, true, fake) + RUN(LAB_SQLITE, true, sqlite) +
	       RUN(LAB_POSTGRES, getenv("TEST_PG_PORT"), postgres) +
	       RUN(LAB_MYSQL, getenv("TEST_MY_PORT"), mysql);
}
