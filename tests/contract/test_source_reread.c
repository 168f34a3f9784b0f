/* SPDX-License-Identifier: MIT */
/*
 * Rows that a reader leaves in the outbox and reads again later, for every source. As in
 * test_source.c: databases with a server are there when a variable says so, and
 * tests/integration/test_*_reread_contract.c see to it that they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "source_lab.h"

#define ROWS 30

static void leave(struct reader *r, const int64_t *ids, size_t n, int64_t from)
{
	r->s->ops->leave(r->s, 0, ids, n, from);
}

static int64_t reread(struct reader *r, int64_t from, size_t events)
{
	struct source_limit limit = {.events = events, .bytes = 1 << 20};
	int64_t next = from;
	struct err e;

	reader_drop_events(r);
	if (r->s->ops->reread(r->s, 0, limit, &next, r->events, &r->count, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_true(r->count <= events);
	assert_true(next > from || r->count);
	return next;
}

/* Reread from there on until rows come, or there are none: the place behind them. */
static int64_t reread_some(struct reader *r, int64_t from, size_t events)
{
	reader_drop_events(r);
	while (!r->count && from != INT64_MAX)
		from = reread(r, from, events);
	return from;
}

static void rows_that_were_left_come_again_and_the_others_do_not(void **state)
{
	struct reader r;
	int64_t ids[6], left[3], next;

	reader_begin(&r, *state, 6, ids);
	assert_true(r.s->ops->may_leave(r.s, 0));
	left[0] = ids[1];
	left[1] = ids[3];
	left[2] = ids[4];
	leave(&r, left, 3, ids[1]);
	assert_int_equal(reader_read(&r, 0), 0);
	next = reread_some(&r, ids[1], EVENTS_MAX);
	reader_expect(&r, 3, left);
	leave(&r, NULL, 0, INT64_MAX);
	assert_true(reread_some(&r, next, EVENTS_MAX) == INT64_MAX);
	assert_int_equal(r.count, 0);
	assert_true(reread_some(&r, ids[1], EVENTS_MAX) == INT64_MAX);
	assert_int_equal(r.count, 0);
	reader_free(&r);
}

static void they_come_in_order_and_in_pieces(void **state)
{
	struct reader r;
	int64_t ids[6], next;

	reader_begin(&r, *state, 6, ids);
	leave(&r, ids, 6, ids[0]);
	next = reread_some(&r, ids[0], 2);
	reader_expect(&r, 2, ids);
	next = reread_some(&r, next, 2);
	reader_expect(&r, 2, ids + 2);
	/* taken but for the last: that is left once more */
	leave(&r, ids + 3, 1, ids[3]);
	next = reread_some(&r, ids[3], 2);
	reader_expect(&r, 2, ids + 3);
	(void)reread_some(&r, next, 2);
	reader_expect(&r, 1, ids + 5);
	reader_free(&r);
}

static void a_small_reread_gets_past_rows_that_are_under_way(void **state)
{
	struct reader r;
	int64_t ids[ROWS];

	reader_begin(&r, *state, ROWS, ids);
	leave(&r, ids + ROWS - 1, 1, ids[ROWS - 1]);
	(void)reread_some(&r, ids[0], 4);
	reader_expect(&r, 1, ids + ROWS - 1);
	reader_free(&r);
}

static void a_large_row_under_way_does_not_hide_those_behind_it(void **state)
{
	struct lab *lab = *state;
	struct source_limit limit = {.events = 10, .bytes = 3000};
	struct reader r;
	int64_t large = lab->insert(lab, "default", "1", 50000), next = large;
	int64_t small = lab->insert(lab, "default", "2", 10);
	struct err e;

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	leave(&r, &small, 1, small);
	do {
		reader_drop_events(&r);
		assert_int_equal(r.s->ops->reread(r.s, 0, limit, &next, r.events, &r.count, &e),
				 ERR_OK);
	} while (!r.count && next != INT64_MAX);
	reader_expect(&r, 1, &small);
	reader_free(&r);
}

static void what_is_new_comes_with_them_and_only_once(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[3];

	reader_begin(&r, lab, 2, ids);
	leave(&r, ids + 1, 1, ids[1]);
	ids[2] = lab->insert(lab, "default", "9", 10);
	(void)reread_some(&r, ids[1], EVENTS_MAX);
	reader_expect(&r, 2, ids + 1);
	assert_int_equal(reader_read(&r, 0), 0);
	reader_ack(&r, 0, ids[0], ACK_DELIVERED);
	reader_ack(&r, 0, ids[1], ACK_DELIVERED);
	reader_ack(&r, 0, ids[2], ACK_DELIVERED);
	assert_int_equal(lab->count_rows(lab), 0);
	reader_free(&r);
}

static void inspecting_does_not_take_them_for_lost(void **state)
{
	struct reader r;
	struct source_status st;
	int64_t ids[4];

	reader_begin(&r, *state, 4, ids);
	leave(&r, ids + 2, 2, ids[2]);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	assert_int_equal(reader_read(&r, 0), 0);
	(void)reread_some(&r, ids[2], EVENTS_MAX);
	reader_expect(&r, 2, ids + 2);
	reader_free(&r);
}

static void after_an_open_they_are_rows_like_any_other(void **state)
{
	struct reader r;
	int64_t ids[3];

	reader_begin(&r, *state, 3, ids);
	leave(&r, ids + 1, 2, ids[1]);
	r.s->ops->close(r.s);
	reader_open(&r);
	assert_int_equal(r.s->ops->hold(r.s, 0, ids, 1, NULL), ERR_OK);
	reader_await(&r, 0);
	reader_expect(&r, 2, ids + 1);
	reader_free(&r);
}

static void a_late_commit_goes_before_rows_that_were_left(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[3];

	(void)lab->insert(lab, "default", "0", 10);
	ids[0] = lab->begin(lab, "default", "1");
	ids[1] = lab->insert(lab, "default", "2", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	leave(&r, ids + 1, 1, ids[1]);
	lab->end(lab, "default", ids[0], true);
	ids[2] = lab->insert(lab, "default", "1", 10); /* a newer change of the same key */
	(void)reread_some(&r, ids[1], EVENTS_MAX);
	reader_expect(&r, 3, ids);
	assert_int_equal(reader_read(&r, 0), 0);
	reader_free(&r);
}

static void a_late_commit_between_them_stands_in_its_place(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[3];

	ids[0] = lab->insert(lab, "default", "0", 10);
	ids[1] = lab->begin(lab, "default", "1");
	ids[2] = lab->insert(lab, "default", "2", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	leave(&r, (int64_t[]){ids[0], ids[2]}, 2, ids[0]);
	lab->end(lab, "default", ids[1], true);
	(void)reread_some(&r, ids[0], EVENTS_MAX);
	reader_expect(&r, 3, ids);
	reader_free(&r);
}

#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
#define IN(lab, test)                                                                              \
	{                                                                                          \
#test, test, lab_setup, lab_teardown, lab                                          \
	}
#define ALL_IN(lab)                                                                                \
	IN(lab, rows_that_were_left_come_again_and_the_others_do_not),                             \
		IN(lab, they_come_in_order_and_in_pieces),                                         \
		IN(lab, a_small_reread_gets_past_rows_that_are_under_way),                         \
		IN(lab, a_large_row_under_way_does_not_hide_those_behind_it),                      \
		IN(lab, what_is_new_comes_with_them_and_only_once),                                \
		IN(lab, inspecting_does_not_take_them_for_lost),                                   \
		IN(lab, after_an_open_they_are_rows_like_any_other)
#define LATE_IN(lab)                                                                               \
	IN(lab, a_late_commit_goes_before_rows_that_were_left),                                    \
		IN(lab, a_late_commit_between_them_stands_in_its_place)
#define RUN(kind, is_there, tests)                                                                 \
	((TEST_ONLY == (kind) || TEST_ONLY == LAB_KINDS) && (is_there)                             \
		 ? cmocka_run_group_tests_name(#tests " rereading", tests, NULL, NULL)             \
		 : 0)

int main(void)
{
	const struct CMUnitTest fake[] = {ALL_IN(&lab_kinds[LAB_FAKE]),
					  LATE_IN(&lab_kinds[LAB_FAKE])};
	const struct CMUnitTest postgres[] = {ALL_IN(&lab_kinds[LAB_POSTGRES]),
					      LATE_IN(&lab_kinds[LAB_POSTGRES])};
	const struct CMUnitTest mysql[] = {ALL_IN(&lab_kinds[LAB_MYSQL]),
					   LATE_IN(&lab_kinds[LAB_MYSQL])};
	const struct CMUnitTest sqlite[] = {ALL_IN(&lab_kinds[LAB_SQLITE])};

	return RUN(LAB_FAKE, true, fake) + RUN(LAB_SQLITE, true, sqlite) +
	       RUN(LAB_POSTGRES, getenv("TEST_PG_PORT"), postgres) +
	       RUN(LAB_MYSQL, getenv("TEST_MY_PORT"), mysql);
}
