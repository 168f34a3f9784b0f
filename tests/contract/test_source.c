/* SPDX-License-Identifier: MIT */
/*
 * What every source must do, run against each. A database with one writer at a time has no late
 * commits, so the tests of those are not among SQLite's. PostgreSQL is there when TEST_PG_PORT is
 * set (tests/support/with-postgres), MySQL when TEST_MY_PORT is (tests/support/with-mariadb);
 * tests/integration/test_*_contract.c see to it that they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/thread.h"
#include "source_lab.h"
#include "standing_contract.h"

/* ---- tests ---- */

static void rows_come_in_order_and_once(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[5];
	size_t i;

	for (i = 0; i < 5; i++)
		ids[i] = lab->insert(lab, "default", "{\"id\":1}", 10);
	reader_new(&r, lab);
	reader_open(&r);
	reader_read(&r, 0);
	reader_expect(&r, 5, ids);
	assert_false(r.more);
	assert_int_equal(reader_read(&r, 0), 0);
	reader_free(&r);
}

static void an_event_is_what_was_written(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	const struct event *ev;
	int64_t id = lab->insert(lab, "default", "{\"id\":1}", 10);

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(strlen(r.shared[0].install_id), 36);
	assert_int_equal(reader_read(&r, 0), 1);
	ev = r.events[0];
	assert_int_equal(ev->f.id, id);
	assert_int_equal(ev->state, EVENT_NEW);
	assert_int_equal(ev->f.op, OP_INSERT);
	assert_true(text_eq(ev->f.schema, text_of(lab->schema)));
	assert_true(text_eq(ev->f.table, TEXT_LIT("items")));
	assert_true(text_eq(ev->f.key, TEXT_LIT("{\"id\":1}")));
	assert_true(text_eq(ev->f.data, TEXT_LIT("1111111111")));
	assert_null(ev->f.old_key.s);
	assert_null(ev->f.old_data.s);
	assert_int_equal(ev->f.changed_at.len, CLOCK_TEXT_BYTES - 1);
	assert_true(ev->read_us > 0);
	reader_free(&r);
}

static void pipelines_are_apart(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t a = lab->insert(lab, "default", "1", 10), b = lab->insert(lab, "second", "1", 10);

	reader_new(&r, lab);
	reader_open(&r);
	reader_read(&r, 1);
	reader_expect(&r, 1, &b);
	reader_read(&r, 0);
	reader_expect(&r, 1, &a);
	reader_ack(&r, 0, a, ACK_DELIVERED);
	assert_int_equal(lab->count_rows(lab), 1);
	reader_free(&r);
}

static void a_read_keeps_to_the_number_of_events(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	size_t i;

	for (i = 0; i < 5; i++)
		(void)lab->insert(lab, "default", "1", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read_limited(&r, 0, 2, 1 << 20), 2);
	assert_true(r.more);
	assert_int_equal(reader_read_limited(&r, 0, 2, 1 << 20), 2);
	assert_true(r.more);
	assert_int_equal(reader_read_limited(&r, 0, 2, 1 << 20), 1);
	assert_false(r.more);
	reader_free(&r);
}

static void a_read_keeps_to_the_bytes_but_returns_a_larger_row_alone(void **state)
{
	static const int sizes[] = {1000, 1000, 50000, 1000, 1000};
	static const size_t expected[] = {2, 1, 2};
	struct lab *lab = *state;
	struct reader r;
	size_t i, j, bytes;

	for (i = 0; i < ARRAY_LEN(sizes); i++)
		(void)lab->insert(lab, "default", "1", sizes[i]);
	reader_new(&r, lab);
	reader_open(&r);
	for (i = 0; i < ARRAY_LEN(expected); i++) {
		assert_int_equal(reader_read_limited(&r, 0, EVENTS_MAX, 10000), expected[i]);
		assert_int_equal(r.more, i + 1 < ARRAY_LEN(expected));
		for (j = 0, bytes = 0; j < r.count; j++)
			bytes += r.events[j]->bytes;
		assert_true(bytes <= 10000 || r.count == 1);
	}
	reader_free(&r);
}

static void an_acknowledged_row_is_gone(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t a = lab->insert(lab, "default", "1", 10), b = lab->insert(lab, "default", "2", 10);

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	reader_ack(&r, 0, a, ACK_DELIVERED);
	assert_int_equal(lab->count_rows(lab), 1);
	assert_int_equal(lab->count_dead(lab), 0);
	reader_ack(&r, 0, b, ACK_DEAD);
	assert_int_equal(lab->count_rows(lab), 0);
	assert_int_equal(lab->count_dead(lab), 1);
	/* again: after a lost answer nobody knows */
	reader_ack(&r, 0, b, ACK_DEAD);
	reader_ack(&r, 0, a, ACK_DELIVERED);
	assert_int_equal(lab->count_dead(lab), 1);
	reader_free(&r);
}

static void acknowledgements_of_all_kinds_go_together(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	struct ack acks[6] = {{.id = 0}};
	size_t i;

	for (i = 0; i < 6; i++) {
		acks[i].pipeline = i % 2;
		acks[i].outcome = i < 3 ? ACK_DELIVERED : ACK_DEAD;
		acks[i].id = lab->insert(lab, i % 2 ? "second" : "default", "1", 10);
	}
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 3);
	assert_int_equal(reader_read(&r, 1), 3);
	assert_int_equal(r.s->ops->acknowledge(r.s, acks, 6, NULL), ERR_OK);
	assert_int_equal(lab->count_rows(lab), 0);
	assert_int_equal(lab->count_dead(lab), 3);
	reader_free(&r);
}

static void what_was_not_acknowledged_comes_again_after_an_open(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t ids[3];

	reader_begin(&r, lab, 3, ids);
	reader_ack(&r, 0, ids[1], ACK_DELIVERED);
	r.s->ops->close(r.s);
	r.s->ops->close(r.s);
	reader_open(&r);
	ids[1] = ids[2];
	reader_read(&r, 0);
	reader_expect(&r, 2, ids);
	reader_free(&r);
}

static void held_rows_do_not_come_again(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t a = lab->insert(lab, "default", "1", 10), b = lab->insert(lab, "default", "2", 10),
		c;

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	r.s->ops->close(r.s);
	reader_open(&r);
	assert_int_equal(r.s->ops->hold(r.s, 0, &a, 1, NULL), ERR_OK);
	reader_read(&r, 0);
	reader_expect(&r, 1, &b);
	/* and the source goes on behind them */
	c = lab->insert(lab, "default", "3", 10);
	reader_await(&r, 0);
	reader_expect(&r, 1, &c);
	reader_ack(&r, 0, a, ACK_DELIVERED);
	assert_int_equal(lab->count_rows(lab), 2);
	reader_free(&r);
}

static void a_late_commit_is_found(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t late = lab->begin(lab, "default", "1"), b = lab->insert(lab, "default", "2", 10);

	reader_new(&r, lab);
	reader_open(&r);
	reader_read(&r, 0);
	reader_expect(&r, 1, &b);
	assert_int_equal(reader_read(&r, 0), 0);
	lab->end(lab, "default", late, true);
	reader_await(&r, 0);
	reader_expect(&r, 1, &late);
	reader_free(&r);
}

static void a_late_commit_goes_before_newer_rows(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t first = lab->insert(lab, "default", "0", 10), ids[2];

	ids[0] = lab->begin(lab, "default", "1");
	(void)lab->insert(lab, "default", "2", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 2);
	assert_int_equal(r.events[0]->f.id, first);
	lab->end(lab, "default", ids[0], true);
	ids[1] = lab->insert(lab, "default", "1", 10); /* a newer change of the same key */
	reader_read(&r, 0);
	reader_expect(&r, 2, ids);
	reader_free(&r);
}

static void a_late_commit_alone_fills_a_small_read(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t late = lab->begin(lab, "default", "1"), newer;

	(void)lab->insert(lab, "default", "2", 10);
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 1);
	lab->end(lab, "default", late, true);
	newer = lab->insert(lab, "default", "1", 10);
	assert_int_equal(reader_read_limited(&r, 0, 1, 1 << 20), 1);
	reader_expect(&r, 1, &late);
	assert_true(r.more);
	assert_int_equal(reader_read_limited(&r, 0, 1, 1 << 20), 1);
	reader_expect(&r, 1, &newer);
	reader_free(&r);
}

static void a_rollback_leaves_nothing(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t gone = lab->begin(lab, "default", "1"), b = lab->insert(lab, "default", "2", 10);

	reader_new(&r, lab);
	reader_open(&r);
	reader_read(&r, 0);
	reader_expect(&r, 1, &b);
	lab->end(lab, "default", gone, false);
	assert_int_equal(reader_read(&r, 0), 0);
	assert_int_equal(reader_read(&r, 0), 0);
	reader_free(&r);
}

struct late_call {
	struct lab *lab;
	struct source *s;
	int wake_fd;
	int64_t at_us;
};

static void insert_later(void *arg)
{
	struct late_call *call = arg;

	lab_wait_until(call->at_us);
	(void)call->lab->insert(call->lab, "default", "1", 10);
}

static void a_commit_wakes_the_reader(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	struct thread t;
	struct late_call call = {.lab = lab};
	int woken;

	/* where there is more than polling, it is not the poll that finds it */
	if (lab->settings.wakeup != SOURCE_WAKEUP_POLL)
		lab->settings.poll_interval_us = 2 * PATIENCE_US;
	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 0);
	assert_int_equal(reader_read(&r, 1), 0);
	call.at_us = clock_now_us(clock_system()) + 200 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&t, "late", 0, insert_later, &call, NULL), ERR_OK);
	reader_await(&r, 0);
	thread_join(&t);
	/* so does one that comes between the reads of two pipelines */
	assert_int_equal(reader_read(&r, 0), 0);
	(void)lab->insert(lab, "default", "2", 10);
	assert_int_equal(reader_read(&r, 1), 0);
	call.at_us += PATIENCE_US;
	assert_int_equal(r.s->ops->wait(r.s, true, r.wake_fd, call.at_us, &woken, NULL), ERR_OK);
	assert_int_equal(woken, SOURCE_WOKEN_CHANGE);
	assert_int_equal(reader_read(&r, 0), 1);
	reader_free(&r);
}

static void the_caller_wakes_the_reader(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t start, far = clock_now_us(clock_system()) + PATIENCE_US;
	int woken, i;

	reader_new(&r, lab);
	reader_open(&r);
	start = clock_now_us(clock_system());
	fd_wake(r.wake_fd);
	assert_int_equal(r.s->ops->wait(r.s, false, r.wake_fd, far, &woken, NULL), ERR_OK);
	assert_int_equal(woken, SOURCE_WOKEN_CALLER);
	for (i = 0; i < 10; i++) {
		assert_int_equal(reader_read(&r, 0), 0);
		assert_int_equal(r.s->ops->wait(r.s, true, r.wake_fd, far, &woken, NULL), ERR_OK);
		if (woken & SOURCE_WOKEN_CALLER)
			break;
	}
	assert_int_equal(woken & SOURCE_WOKEN_CALLER, SOURCE_WOKEN_CALLER);
	assert_true(clock_now_us(clock_system()) < start + PATIENCE_US / 2);
	reader_free(&r);
}

static void a_wait_ends_at_its_deadline(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	int64_t until;
	int woken = -1;

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 0);
	until = clock_now_us(clock_system()) + 30 * CLOCK_US_PER_MS;
	assert_int_equal(r.s->ops->wait(r.s, false, r.wake_fd, until, &woken, NULL), ERR_OK);
	assert_int_equal(woken, 0);
	assert_true(clock_now_us(clock_system()) >= until);
	/* a change is nothing to one without room */
	(void)lab->insert(lab, "default", "1", 10);
	until = clock_now_us(clock_system()) + 30 * CLOCK_US_PER_MS;
	assert_int_equal(r.s->ops->wait(r.s, false, r.wake_fd, until, &woken, NULL), ERR_OK);
	assert_int_equal(woken, 0);
	assert_true(clock_now_us(clock_system()) >= until);
	assert_int_equal(reader_read(&r, 0), 1);
	reader_free(&r);
}

static void a_second_reader_stands_by_and_takes_over(void **state)
{
	struct lab *lab = *state;
	struct reader a, b;
	struct err e;
	int64_t id = lab->insert(lab, "default", "1", 10), deadline;

	reader_new(&a, lab);
	reader_new(&b, lab);
	reader_open(&a);
	assert_int_equal(reader_read(&a, 0), 1);
	assert_int_equal(b.s->ops->open(b.s, &e), ERR_BUSY);
	assert_int_equal(b.s->ops->open(b.s, &e), ERR_BUSY);
	a.s->ops->close(a.s);
	/* the server may need a moment to see it */
	deadline = clock_now_us(clock_system()) + PATIENCE_US;
	while (b.s->ops->open(b.s, &e) == ERR_BUSY)
		assert_true(clock_now_us(clock_system()) < deadline);
	reader_read(&b, 0);
	reader_expect(&b, 1, &id);
	reader_free(&a);
	reader_free(&b);
}

static void interrupt_later(void *arg)
{
	struct late_call *call = arg;

	lab_wait_until(call->at_us);
	call->s->ops->interrupt(call->s);
}

static void an_interrupt_ends_a_wait(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	struct thread t;
	struct late_call call;
	int64_t start = clock_now_us(clock_system());
	enum err_code code;
	int woken;

	reader_new(&r, lab);
	reader_open(&r);
	call.s = r.s;
	call.at_us = start + 100 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&t, "late", 0, interrupt_later, &call, NULL), ERR_OK);
	code = r.s->ops->wait(r.s, false, r.wake_fd, start + PATIENCE_US, &woken, NULL);
	thread_join(&t);
	assert_int_equal(code, ERR_UNAVAILABLE);
	assert_true(clock_now_us(clock_system()) < start + PATIENCE_US / 2);
	/* it stays in force */
	assert_int_equal(r.s->ops->acknowledge(r.s, &(struct ack){.id = 1}, 1, NULL),
			 ERR_UNAVAILABLE);
	reader_free(&r);
}

static void inspecting_tells_what_is_there(void **state)
{
	struct lab *lab = *state;
	struct reader r;
	struct source_status st;
	int64_t id;

	reader_begin(&r, lab, 1, &id);
	reader_ack(&r, 0, id, ACK_DEAD);
	assert_int_equal(r.s->ops->inspect(r.s, &st, NULL), ERR_OK);
	assert_int_equal(st.dead_letters, 1);
	assert_int_equal(st.connections, 1);
	assert_string_equal(st.warning, "");
	assert_true(strlen(st.server) > 0);
	assert_true(strlen(r.s->ops->identity(r.s)) > 0);
	reader_free(&r);
}

/* ---- the run ---- */

#define IN(lab, test)                                                                              \
	{                                                                                          \
#test, test, lab_setup, lab_teardown, lab                                          \
	}
#define ALL_IN(lab)                                                                                \
	IN(lab, rows_come_in_order_and_once), IN(lab, an_event_is_what_was_written),               \
		IN(lab, pipelines_are_apart), IN(lab, a_read_keeps_to_the_number_of_events),       \
		IN(lab, a_read_keeps_to_the_bytes_but_returns_a_larger_row_alone),                 \
		IN(lab, an_acknowledged_row_is_gone),                                              \
		IN(lab, acknowledgements_of_all_kinds_go_together),                                \
		IN(lab, what_was_not_acknowledged_comes_again_after_an_open),                      \
		IN(lab, held_rows_do_not_come_again), IN(lab, a_commit_wakes_the_reader),          \
		IN(lab, the_caller_wakes_the_reader), IN(lab, a_wait_ends_at_its_deadline),        \
		IN(lab, a_second_reader_stands_by_and_takes_over),                                 \
		IN(lab, an_interrupt_ends_a_wait), IN(lab, inspecting_tells_what_is_there),        \
		IN(lab, what_is_known_of_a_webhook_is_kept_by_pipeline)
#define LATE_IN(lab)                                                                               \
	IN(lab, a_late_commit_is_found), IN(lab, a_late_commit_goes_before_newer_rows),            \
		IN(lab, a_late_commit_alone_fills_a_small_read),                                   \
		IN(lab, a_rollback_leaves_nothing)

#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
#define RUN(kind, is_there, tests)                                                                 \
	(TEST_ONLY == (kind) || (TEST_ONLY == LAB_KINDS && (is_there))                             \
		 ? cmocka_run_group_tests_name(#tests " source", tests, NULL, NULL)                \
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
