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
	int64_t deadline = clock_now_us(clock_system()) + 10 * CLOCK_US_PER_S, purged = 0;
	int64_t ids[5];
	size_t i;

	for (i = 0; i < ARRAY_LEN(ids); i++)
		ids[i] = lab->insert(lab, "default", "1", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 5);
	for (i = 0; i < ARRAY_LEN(ids); i++)
		reader_ack(&r, 0, ids[i], ACK_DEAD);
	do {
		assert_int_equal(r.s->ops->purge(r.s, 0, &sweep, NULL), ERR_OK);
		assert_int_equal(sweep.purged, 0);
	} while (sweep.after_id);
	assert_int_equal(lab->count_dead(lab), 5);
	/* another pipeline's are none of its business */
	sweep.older_than_us = 0;
	if (lab != &lab_kinds[LAB_FAKE])
		assert_int_equal(r.s->ops->purge(r.s, 1, &sweep, NULL), ERR_OK);
	assert_int_equal(lab->count_dead(lab), 5);
	/* clocks count in steps: what died just now may be of this very moment */
	while (purged < 5) {
		assert_true(clock_now_us(clock_system()) < deadline);
		assert_int_equal(r.s->ops->purge(r.s, 0, &sweep, NULL), ERR_OK);
		assert_true(sweep.purged <= 2);
		purged += sweep.purged;
	}
	assert_int_equal(purged, 5);
	assert_int_equal(lab->count_dead(lab), 0);
	reader_free(&r);
}

#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
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
	const struct CMUnitTest postgres[] = {IN(LAB_POSTGRES)};
	const struct CMUnitTest mysql[] = {IN(LAB_MYSQL)};
	const struct CMUnitTest sqlite[] = {IN(LAB_SQLITE)};

	return RUN(LAB_FAKE, true, fake) + RUN(LAB_SQLITE, true, sqlite) +
	       RUN(LAB_POSTGRES, getenv("TEST_PG_PORT"), postgres) +
	       RUN(LAB_MYSQL, getenv("TEST_MY_PORT"), mysql);
}
