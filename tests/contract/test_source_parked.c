/* SPDX-License-Identifier: MIT */
/*
 * What every source that can park must do with parked rows, run against each; which of them are
 * there is as in test_source.c. Hashes here are any numbers: what they mean is not the source's
 * matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "source_lab.h"

#define A 0xfedcba9876543210u /* as a signed number it is negative */
#define B 7u
#define C 0x7fffffffffffffffu
#define TABLE 0x8000000000000001u
#define DUE 1790000000123456

static struct ack park(int64_t id, uint64_t hash1, uint64_t hash2, int64_t due_wall_us)
{
	return lab_park(id, hash1, hash2, TABLE, due_wall_us);
}

static void a_parked_row_is_kept_as_it_was(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t id;
	struct ack a;
	const struct event_fields *f;

	reader_begin(&r, lab, 1, &id);
	a = park(id, A, 0, DUE);
	a.attempts = 4;
	a.step = 2;
	a.last_status = 503;
	a.reason = (char[]){"503 Service Unavailable \xff"};
	reader_give(&r, &a, 1);
	assert_int_equal(lab->count_rows(lab), 0);
	assert_int_equal(lab->count_dead(lab), 0);
	reader_read_all_parked(&r, 1);
	assert_int_equal(r.count, 0);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 1, &id);
	f = &r.events[0]->f;
	assert_true(f->parked);
	assert_true(f->parked_seq > 0);
	assert_int_equal(f->parked_due_wall_us, DUE);
	assert_int_equal(f->parked_step, 2);
	assert_int_equal(f->parked_attempts, 4);
	assert_int_equal(f->op, OP_INSERT);
	assert_true(text_eq(f->schema, text_of(lab->schema)));
	assert_true(text_eq(f->table, TEXT_LIT("items")));
	assert_true(text_eq(f->key, TEXT_LIT("{\"id\":0}")));
	assert_true(text_eq(f->data, TEXT_LIT("1111111111")));
	assert_null(f->old_key.s);
	assert_null(f->old_data.s);
	assert_int_equal(f->changed_at.len, CLOCK_TEXT_BYTES - 1);
	reader_free(&r);
}

static void a_parked_row_is_read_from_the_outbox_no_more(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[2];
	struct ack a;

	reader_begin(&r, lab, 2, ids);
	a = park(ids[0], A, 0, DUE);
	reader_give(&r, &a, 1);
	assert_int_equal(reader_read(&r, 0), 0);
	r.s->ops->close(r.s);
	reader_open(&r);
	reader_read(&r, 0);
	reader_expect(&r, 1, &ids[1]);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 1, &ids[0]);
	assert_int_equal(r.events[0]->f.parked_due_wall_us, DUE);
	reader_free(&r);
}

static void rows_are_picked_as_asked(void **state)
{
	static const struct {
		enum parked_by by;
		uint64_t hashes[2];
		size_t hash_count;
		int64_t due;
		size_t expected[5];
		size_t count;
	} cases[] = {
		{PARKED_ALL, {0}, 0, 0, {0, 1, 2, 3, 4}, 5},
		{PARKED_BY_ROW, {A}, 1, 0, {0, 2}, 2},
		{PARKED_BY_ROW, {B}, 1, 0, {1, 2}, 2},
		{PARKED_BY_ROW, {B, A}, 2, 0, {0, 1, 2}, 3},
		{PARKED_BY_ROW, {C, 12}, 2, 0, {3}, 1},
		{PARKED_BY_ROW, {12}, 1, 0, {0}, 0},
		{PARKED_BY_TABLE, {TABLE}, 1, 0, {0, 1, 2, 3}, 4},
		{PARKED_BY_TABLE, {5, TABLE}, 2, 0, {0, 1, 2, 3, 4}, 5},
		{PARKED_DUE, {0}, 0, DUE - 1, {0}, 0},
		{PARKED_DUE, {0}, 0, DUE, {3}, 1},
		{PARKED_DUE, {0}, 0, DUE + 1, {0, 3}, 2},
	};
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[5];
	struct ack acks[5];
	size_t i, k;

	reader_begin(&r, lab, 5, ids);
	acks[0] = park(ids[0], A, 0, DUE + 1);
	acks[1] = park(ids[1], B, 0, 0);
	acks[2] = park(ids[2], B, A, 0);
	acks[3] = park(ids[3], C, 0, DUE);
	acks[4] = park(ids[4], 0, 0, 0); /* a TRUNCATE has no key */
	acks[4].table_hash = 5;
	reader_give(&r, acks, 5);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const struct parked_select sel = {.by = cases[i].by,
						  .hashes = cases[i].hashes,
						  .hash_count = cases[i].hash_count,
						  .due_wall_us = cases[i].due};

		reader_read_parked(&r, 0, &sel, EVENTS_MAX, 1 << 20);
		assert_int_equal(r.count, cases[i].count);
		assert_false(r.more);
		for (k = 0; k < r.count; k++) {
			assert_int_equal(r.events[k]->f.id, ids[cases[i].expected[k]]);
			assert_true(!k ||
				    r.events[k]->f.parked_seq > r.events[k - 1]->f.parked_seq);
		}
	}
	reader_free(&r);
}

static void as_many_hashes_as_are_allowed(void **state)
{
	struct lab *lab = *state;
	uint64_t hashes[PARKED_HASHES_MAX];
	const struct parked_select sel = {
		.by = PARKED_BY_ROW, .hashes = hashes, .hash_count = ARRAY_LEN(hashes)};
	struct reader r;
	int64_t ids[3];
	struct ack acks[3];
	size_t i;

	for (i = 0; i < ARRAY_LEN(hashes); i++)
		hashes[i] = A + i;
	reader_begin(&r, lab, 3, ids);
	acks[0] = park(ids[0], A, 0, DUE);
	acks[1] = park(ids[1], A - 1, 0, DUE);
	acks[2] = park(ids[2], A + ARRAY_LEN(hashes) - 1, 0, DUE);
	reader_give(&r, acks, 3);
	ids[1] = ids[2];
	reader_read_parked(&r, 0, &sel, EVENTS_MAX, 1 << 20);
	reader_expect(&r, 2, ids);
	reader_free(&r);
}

static void pages_follow_each_other(void **state)
{
	struct lab *lab = *state;
	struct parked_select sel = {.by = PARKED_BY_ROW, .hashes = &(uint64_t){A}, .hash_count = 1};
	struct reader r;
	int64_t ids[7];
	struct ack acks[7];
	size_t i;

	reader_begin(&r, lab, 7, ids);
	for (i = 0; i < 7; i++)
		acks[i] = park(ids[i], i % 3 == 1 ? B : A, 0, i ? 0 : DUE);
	reader_give(&r, acks, 7);
	reader_read_parked(&r, 0, &sel, 2, 1 << 20); /* 0 2 | 3 5 | 6 */
	assert_int_equal(r.count, 2);
	assert_true(r.more);
	assert_int_equal(r.events[1]->f.id, ids[2]);
	sel.after_seq = r.events[1]->f.parked_seq;
	reader_read_parked(&r, 0, &sel, 2, 1 << 20);
	assert_int_equal(r.count, 2);
	assert_true(r.more);
	assert_int_equal(r.events[0]->f.id, ids[3]);
	assert_int_equal(r.events[1]->f.id, ids[5]);
	sel.after_seq = r.events[1]->f.parked_seq;
	reader_read_parked(&r, 0, &sel, 2, 1 << 20);
	reader_expect(&r, 1, &ids[6]);
	assert_false(r.more);
	reader_free(&r);
}

static void a_page_keeps_to_the_bytes_but_returns_a_larger_row_alone(void **state)
{
	static const int sizes[] = {1000, 1000, 50000, 1000, 1000};
	static const size_t expected[] = {2, 1, 2};
	struct lab *lab = *state;
	struct parked_select sel = {.by = PARKED_ALL};
	struct reader r;
	struct ack acks[5];
	size_t i, j, bytes;

	for (i = 0; i < 5; i++)
		acks[i] = park(lab->insert(lab, "default", "1", sizes[i]), A, 0, 0);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 5);
	reader_give(&r, acks, 5);
	for (i = 0; i < ARRAY_LEN(expected); i++) {
		reader_read_parked(&r, 0, &sel, EVENTS_MAX, 10000);
		assert_int_equal(r.count, expected[i]);
		assert_int_equal(r.more, i + 1 < ARRAY_LEN(expected));
		for (j = 0, bytes = 0; j < r.count; j++)
			bytes += r.events[j]->bytes;
		assert_true(bytes <= 10000 || r.count == 1);
		sel.after_seq = r.events[r.count - 1]->f.parked_seq;
	}
	reader_free(&r);
}

static void a_rescheduled_row_keeps_its_place(void **state)
{
	struct lab *lab = *state;
	struct parked_select sel = {.by = PARKED_BY_ROW, .hashes = &(uint64_t){B}, .hash_count = 1};
	struct reader r;
	int64_t ids[2];
	struct ack acks[2], again;

	reader_begin(&r, lab, 2, ids);
	acks[0] = park(ids[0], A, B, DUE);
	acks[1] = park(ids[1], A, 0, 0);
	reader_give(&r, acks, 2);
	again = lab_of_parked(ids[0], ACK_PARKED);
	again.due_wall_us = DUE + 5;
	again.step = 1;
	again.attempts = 5;
	again.last_status = 0;
	again.reason = (char[]){"timed out"};
	reader_give(&r, &again, 1);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 2, ids);
	assert_int_equal(r.events[0]->f.parked_due_wall_us, DUE + 5);
	assert_int_equal(r.events[0]->f.parked_step, 1);
	assert_int_equal(r.events[0]->f.parked_attempts, 5);
	assert_int_equal(r.events[1]->f.parked_due_wall_us, 0);
	/* its hashes stay: the ack has none */
	reader_read_parked(&r, 0, &sel, EVENTS_MAX, 1 << 20);
	reader_expect(&r, 1, ids);
	reader_free(&r);
}

static void parked_rows_are_delivered_or_die(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[3];
	struct ack acks[3];

	reader_begin(&r, lab, 3, ids);
	acks[0] = park(ids[0], A, 0, DUE);
	acks[1] = park(ids[1], B, 0, DUE);
	acks[2] = park(ids[2], C, 0, DUE);
	reader_give(&r, acks, 3);
	acks[0] = lab_of_parked(ids[0], ACK_DELIVERED);
	acks[1] = lab_of_parked(ids[1], ACK_DEAD);
	acks[1].attempts = 9;
	acks[1].last_status = 500;
	acks[1].reason = (char[]){"bad \xff bytes"};
	reader_give(&r, acks, 2);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 1, &ids[2]);
	assert_int_equal(lab->count_dead(lab), 1);
	/* again: after a lost answer nobody knows */
	reader_give(&r, acks, 2);
	assert_int_equal(lab->count_dead(lab), 1);
	acks[1].outcome = ACK_PARKED;
	reader_give(&r, acks, 2);
	acks[2] = park(ids[2], C, 0, DUE);
	reader_give(&r, &acks[2], 1);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 1, &ids[2]);
	reader_free(&r);
}

static void acknowledgements_of_all_kinds_keep_the_order_of_parking(void **state)
{
	enum { N = 40 };
	char why[] = "why";
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[N], expected[N], last = 0;
	struct ack acks[N];
	size_t i, n = 0;

	reader_begin(&r, lab, N, ids);
	acks[0] = park(ids[0], A, 0, DUE);
	acks[1] = park(ids[1], A, 0, DUE);
	reader_give(&r, acks, 2);
	acks[0] = lab_of_parked(ids[0], ACK_DELIVERED);
	acks[1] = lab_of_parked(ids[1], ACK_PARKED);
	acks[1].due_wall_us = DUE + 1;
	expected[n++] = ids[1];
	for (i = 2; i < N; i++) {
		/* not in the order of their ids, as workers settle them */
		int64_t id = ids[N + 1 - i];

		if (i % 7 == 5) {
			acks[i] = (struct ack){.id = id, .outcome = ACK_DELIVERED};
			continue;
		}
		if (i % 7 == 6) {
			acks[i] = (struct ack){
				.id = id, .outcome = ACK_DEAD, .attempts = 1, .reason = why};
			continue;
		}
		acks[i] = park(id, i % 2 ? A : B, 0, i % 3 ? 0 : DUE);
		expected[n++] = id;
	}
	reader_give(&r, acks, N);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, n, expected);
	for (i = 0; i < n; i++) {
		assert_true(r.events[i]->f.parked_seq > last);
		last = r.events[i]->f.parked_seq;
	}
	assert_int_equal(lab->count_rows(lab), 0);
	assert_int_equal(lab->count_dead(lab) + (int64_t)n, N - 1 - 5);
	reader_free(&r);
}

struct groups {
	struct parked_group got[8];
	size_t count;
	enum err_code answer;
};

static enum err_code note_group(void *ctx, const struct parked_group *g)
{
	struct groups *gs = ctx;

	assert_true(gs->count < ARRAY_LEN(gs->got));
	gs->got[gs->count++] = *g;
	return gs->answer;
}

static const struct parked_group *find_group(const struct groups *gs, uint64_t h1, uint64_t h2)
{
	size_t i = 0;

	while (i < gs->count && (gs->got[i].row_hash[0] != h1 || gs->got[i].row_hash[1] != h2))
		i++;
	assert_true(i < gs->count);
	return &gs->got[i];
}

static void what_is_parked_is_added_up(void **state)
{
	struct lab *lab = *state;
	struct groups gs = {.count = 0};
	const struct parked_group *g;
	struct reader r;
	int64_t ids[6];
	struct ack acks[6];
	struct err e;

	reader_begin(&r, lab, 6, ids);
	acks[0] = park(ids[0], A, 0, DUE + 7);
	acks[1] = park(ids[1], A, 0, 0);
	acks[2] = park(ids[2], A, 0, DUE);
	acks[3] = park(ids[3], A, B, 0);
	acks[4] = park(ids[4], B, A, 0);
	acks[5] = park(ids[5], C, 0, DUE);
	acks[5].table_hash = 5;
	reader_give(&r, acks, 6);
	r.s->ops->close(r.s);
	reader_open(&r);
	assert_int_equal(r.s->ops->parked_list(r.s, 1, note_group, &gs, &e), ERR_OK);
	assert_int_equal(gs.count, 0);
	assert_int_equal(r.s->ops->parked_list(r.s, 0, note_group, &gs, &e), ERR_OK);
	assert_int_equal(gs.count, 4);
	g = find_group(&gs, A, 0);
	assert_int_equal(g->count, 3);
	assert_int_equal(g->due_wall_us, DUE);
	assert_true(g->table_hash == TABLE);
	assert_false(g->truncate);
	g = find_group(&gs, A, B);
	assert_int_equal(g->count, 1);
	assert_int_equal(g->due_wall_us, 0);
	assert_int_equal(find_group(&gs, B, A)->count, 1);
	assert_true(find_group(&gs, C, 0)->table_hash == 5);
	reader_free(&r);
}

static void a_listing_can_be_stopped(void **state)
{
	struct lab *lab = *state;
	struct groups gs = {.answer = ERR_NOMEM};
	struct reader r;
	int64_t ids[2];
	struct ack acks[2];
	struct err e;

	reader_begin(&r, lab, 2, ids);
	acks[0] = park(ids[0], A, 0, DUE);
	acks[1] = park(ids[1], B, 0, DUE);
	reader_give(&r, acks, 2);
	assert_int_equal(r.s->ops->parked_list(r.s, 0, note_group, &gs, &e), ERR_NOMEM);
	assert_int_equal(gs.count, 1);
	/* and the connection is as good as before */
	gs = (struct groups){.count = 0};
	assert_int_equal(r.s->ops->parked_list(r.s, 0, note_group, &gs, &e), ERR_OK);
	assert_int_equal(gs.count, 2);
	reader_free(&r);
}

static void pipelines_are_parked_apart(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t a = lab->insert(lab, "default", "1", 10), b = lab->insert(lab, "second", "1", 10);
	struct ack acks[2] = {park(a, A, 0, DUE), park(b, A, 0, DUE)};

	acks[1].pipeline = 1;
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 1);
	assert_int_equal(reader_read(&r, 1), 1);
	reader_give(&r, acks, 2);
	reader_read_all_parked(&r, 0);
	reader_expect(&r, 1, &a);
	reader_read_all_parked(&r, 1);
	reader_expect(&r, 1, &b);
	acks[0] = lab_of_parked(a, ACK_DELIVERED);
	reader_give(&r, acks, 1);
	reader_read_all_parked(&r, 0);
	assert_int_equal(r.count, 0);
	reader_read_all_parked(&r, 1);
	reader_expect(&r, 1, &b);
	reader_free(&r);
}

static void inspecting_tells_how_many_are_parked(void **state)
{
	struct lab *lab = *state;
	struct source_status st;
	struct reader r;
	int64_t ids[3];
	struct ack acks[2];

	reader_begin(&r, lab, 3, ids);
	acks[0] = park(ids[0], A, 0, DUE);
	acks[1] = park(ids[1], A, 0, 0);
	reader_give(&r, acks, 2);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	assert_int_equal(st.parked, 2);
	reader_free(&r);
}

/* ---- the run ---- */

#define IN(lab, test)                                                                              \
	{                                                                                          \
#test, test, lab_setup, lab_teardown, lab                                          \
	}
#define ALL_IN(lab)                                                                                \
	IN(lab, a_parked_row_is_kept_as_it_was),                                                   \
		IN(lab, a_parked_row_is_read_from_the_outbox_no_more),                             \
		IN(lab, rows_are_picked_as_asked), IN(lab, as_many_hashes_as_are_allowed),         \
		IN(lab, pages_follow_each_other),                                                  \
		IN(lab, a_page_keeps_to_the_bytes_but_returns_a_larger_row_alone),                 \
		IN(lab, a_rescheduled_row_keeps_its_place),                                        \
		IN(lab, parked_rows_are_delivered_or_die),                                         \
		IN(lab, acknowledgements_of_all_kinds_keep_the_order_of_parking),                  \
		IN(lab, what_is_parked_is_added_up), IN(lab, a_listing_can_be_stopped),            \
		IN(lab, pipelines_are_parked_apart), IN(lab, inspecting_tells_how_many_are_parked)

#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
#define RUN(kind, is_there, tests)                                                                 \
	((TEST_ONLY == (kind) || TEST_ONLY == LAB_KINDS) && (is_there)                             \
		 ? cmocka_run_group_tests_name(#tests " parking", tests, NULL, NULL)               \
		 : 0)

int main(void)
{
	const struct CMUnitTest fake[] = {ALL_IN(&lab_kinds[LAB_FAKE])};
	const struct CMUnitTest postgres[] = {ALL_IN(&lab_kinds[LAB_POSTGRES])};
	const struct CMUnitTest mysql[] = {ALL_IN(&lab_kinds[LAB_MYSQL])};
	const struct CMUnitTest sqlite[] = {ALL_IN(&lab_kinds[LAB_SQLITE])};

	return RUN(LAB_FAKE, true, fake) + RUN(LAB_SQLITE, true, sqlite) +
	       RUN(LAB_POSTGRES, getenv("TEST_PG_PORT"), postgres) +
	       RUN(LAB_MYSQL, getenv("TEST_MY_PORT"), mysql);
}
