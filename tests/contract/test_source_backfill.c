/* SPDX-License-Identifier: MIT */
/*
 * How every source reads rows that are there already; which sources are there is as in
 * test_source.c. Each test is given the kind of its database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rows_lab.h"

static const struct backfill_request every_row = {.rate = 0};

/* ---- how far ---- */

static void every_row_comes_once_whatever_the_size_of_a_page(void **state)
{
	static const int64_t sizes[] = {1, 2, 3, 4, 6, 7, 100};
	struct rows_lab *lab = *state;
	const char *lines;
	size_t i;
	int64_t id;

	rows_fill(lab, 6);
	(void)rows_read(lab);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(rows_finish(lab, rows_create(lab, &every_row), sizes[i]), 6);
		lines = rows_read(lab);
		assert_int_equal(rows_count_lines(lines), 6);
		for (id = 1; id <= 6; id++)
			assert_int_equal(rows_count(lines, id), 1);
	}
}

static void a_table_may_have_no_row_or_one(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_result r;

	rows_fill(lab, 0);
	r = rows_page(lab, rows_create(lab, &every_row), 10);
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
	assert_string_equal(rows_read(lab), "");
}

static void a_table_may_have_one_row(void **state)
{
	struct rows_lab *lab = *state;

	rows_fill(lab, 1);
	(void)rows_read(lab);
	assert_int_equal(rows_finish(lab, rows_create(lab, &every_row), 1), 1);
	assert_int_equal(rows_count_lines(rows_read(lab)), 1);
}

static void a_job_goes_on_where_the_last_daemon_left_it(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_progress jobs[1];
	struct backfill_result r;
	const char *lines;
	int64_t job, id;

	rows_fill(lab, 10);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	r = rows_page(lab, job, 4);
	assert_int_equal(r.rows, 4);
	assert_int_equal(r.progress.rows_done, 4);
	/* PostgreSQL asks its statistics */
	if (lab->type != SOURCE_POSTGRES)
		assert_int_equal(r.progress.rows_estimate, 10);
	assert_false(r.at_end);
	rows_stop(lab);
	rows_start(lab);
	assert_int_equal(lab->s->ops->backfill_load(lab->s, jobs, &lab->e), ERR_OK);
	assert_int_equal(jobs[0].id, job);
	assert_int_equal(jobs[0].rows_done, 4);
	assert_int_equal(rows_finish(lab, job, 4), 6);
	assert_int_equal(lab->s->ops->backfill_load(lab->s, jobs, &lab->e), ERR_OK);
	assert_int_equal(jobs[0].id, 0);
	lines = rows_read(lab);
	assert_int_equal(rows_count_lines(lines), 10);
	for (id = 1; id <= 10; id++)
		assert_int_equal(rows_count(lines, id), 1);
}

static void an_operators_word_counts_at_the_next_page(void **state)
{
	static const enum backfill_state words[] = {BACKFILL_PAUSED, BACKFILL_CANCELLED};
	struct rows_lab *lab = *state;
	struct backfill_result r;
	int64_t job;
	size_t i;

	rows_fill(lab, 9);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	for (i = 0; i < ARRAY_LEN(words); i++) {
		assert_int_equal(rows_page(lab, job, 3).rows, 3);
		rows_decide(lab, job, words[i]);
		r = rows_page(lab, job, 3);
		assert_int_equal(r.rows, 0);
		assert_int_equal(r.progress.state, words[i]);
		assert_int_equal(r.progress.rows_done, 3 * (int64_t)(i + 1));
		rows_decide(lab, job, BACKFILL_RUNNING);
	}
	assert_int_equal(rows_finish(lab, job, 100), 3);
	assert_int_equal(rows_count_lines(rows_read(lab)), 9);
}

static void a_failed_job_says_why_and_can_go_on(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_result r;
	int64_t job;

	rows_fill(lab, 3);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	rows_start(lab);
	assert_int_equal(lab->s->ops->backfill_fail(lab->s, 0, job, "the table's gone", &lab->e),
			 ERR_OK);
	r = rows_page(lab, job, 3);
	assert_int_equal(r.progress.state, BACKFILL_FAILED);
	assert_string_equal(r.progress.last_error, "the table's gone");
	rows_decide(lab, job, BACKFILL_RUNNING);
	r = rows_page(lab, job, 100);
	assert_int_equal(r.rows, 3);
	assert_string_equal(r.progress.last_error, "");
}

/* ---- beside writers ---- */

static void rows_that_come_and_go_between_pages_are_no_trouble(void **state)
{
	struct rows_lab *lab = *state;
	const char *lines;
	int64_t job;

	rows_fill(lab, 10);
	(void)rows_read(lab);
	rows_exec(lab, 0, "DELETE FROM t WHERE id = 5");
	job = rows_create(lab, &every_row);
	(void)rows_page(lab, job, 3);
	/* the last one that was read, and the next one */
	rows_exec(lab, 0, "DELETE FROM t WHERE id IN (3, 4)");
	rows_exec(lab, 0, "INSERT INTO t VALUES (0, 'behind'), (5, 'ahead'), (11, 'later')");
	(void)rows_finish(lab, job, 3);
	lines = rows_read(lab);
	assert_int_equal(rows_count(lines, 0), 0);
	assert_int_equal(rows_count(lines, 3), 1);
	assert_int_equal(rows_count(lines, 4), 0);
	assert_int_equal(rows_count(lines, 5), 1);
	assert_int_equal(rows_count(lines, 6), 1);
	/* above what was the end when the job was made: no walk behind writers without end */
	assert_int_equal(rows_count(lines, 11), 0);
	assert_non_null(strstr(lines, "ahead"));
}

static void lock_rows(struct rows_lab *lab, int64_t job, int64_t lo, int64_t hi)
{
	if (lab->type == SOURCE_FAKE)
		fake_db_backfill_lock(lab->fake, job, lo, hi);
	else
		rows_exec(lab, 1, "BEGIN; UPDATE t SET v = 'newer' WHERE id BETWEEN %lld AND %lld",
			  (long long)lo, (long long)hi);
}

static void unlock_rows(struct rows_lab *lab, int64_t job)
{
	if (lab->type == SOURCE_FAKE)
		fake_db_backfill_lock(lab->fake, job, 0, 0);
	else
		rows_exec(lab, 1, "COMMIT");
}

static void locked_rows_are_asked_again_neither_lost_nor_doubled(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_result r;
	const char *lines;
	int64_t job, id;

	rows_fill(lab, 10);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	lock_rows(lab, job, 3, 5);
	assert_int_equal(rows_page(lab, job, 4).rows, 2);
	r = rows_page(lab, job, 100);
	/* InnoDB may have locked the row behind them too */
	assert_true(r.progress.skipped >= 3);
	assert_true(r.at_end);
	assert_int_equal(r.progress.state, BACKFILL_RUNNING);
	assert_int_equal(r.progress.rows_done, 10 - r.progress.skipped);
	/* and another daemon knows of them */
	rows_stop(lab);
	assert_int_equal(rows_page(lab, job, 2).rows, 0);
	unlock_rows(lab, job);
	assert_int_equal(rows_finish(lab, job, 2), r.progress.skipped);
	lines = rows_read(lab);
	for (id = 1; id <= 10; id++)
		assert_int_equal(rows_count(lines, id), 1);
	if (lab->type == SOURCE_FAKE)
		return;
	/* an older state behind the change would be a lie */
	assert_null(strstr(lines, "read {\"id\":4} {\"id\":4,\"v\":\"v4\"}"));
	assert_true(strstr(lines, "update {\"id\":4}") < strstr(lines, "read {\"id\":4}"));
}

static void a_locked_row_that_is_deleted_is_done(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_result r;
	int64_t job;

	rows_fill(lab, 4);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	rows_exec(lab, 1, "BEGIN; DELETE FROM t WHERE id IN (1, 3)");
	r = rows_page(lab, job, 100);
	assert_int_equal(r.rows, 2);
	assert_int_equal(r.progress.skipped, 2);
	rows_exec(lab, 1, "COMMIT");
	r = rows_page(lab, job, 100);
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
}

static void the_cursor_waits_when_too_many_rows_are_locked(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_result r;
	const char *lines;
	int64_t job, id;

	rows_fill(lab, BACKFILL_SKIPPED_MAX + 50);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	lock_rows(lab, job, 1, BACKFILL_SKIPPED_MAX + 20);
	r = rows_page(lab, job, 1000);
	assert_int_equal(r.progress.skipped, BACKFILL_SKIPPED_MAX);
	assert_int_equal(r.rows, 0);
	assert_false(r.at_end);
	r = rows_page(lab, job, 1000);
	assert_int_equal(r.progress.skipped, BACKFILL_SKIPPED_MAX);
	unlock_rows(lab, job);
	assert_int_equal(rows_finish(lab, job, 1000), BACKFILL_SKIPPED_MAX + 50);
	lines = rows_read(lab);
	for (id = 1; id <= BACKFILL_SKIPPED_MAX + 50; id++)
		assert_int_equal(rows_count(lines, id), 1);
}

/* SQLite has no locks on rows: who writes has the file. */
static void a_busy_file_is_left_for_later(void **state)
{
	const struct backfill_page page = {.rows = 10, .bytes = BACKFILL_PAGE_BYTES, .job = 1};
	struct rows_lab *lab = *state;
	struct backfill_result r;
	enum err_code code;

	rows_fill(lab, 4);
	(void)rows_read(lab);
	assert_int_equal(rows_create(lab, &every_row), 1);
	rows_exec(lab, 1, "BEGIN IMMEDIATE; UPDATE t SET v = 'newer' WHERE id = 2");
	code = rows_try_page(lab, &page, &r);
	assert_true(code == ERR_TIMEOUT || code == ERR_BUSY);
	rows_exec(lab, 1, "COMMIT");
	assert_int_equal(rows_finish(lab, 1, 10), 4);
	assert_null(strstr(rows_read(lab), "\"v2\""));
}

/* The outbox as the database has it. */
static const char *outbox(const struct rows_lab *lab)
{
	return lab->type == SOURCE_POSTGRES ? "app_db_listener.outbox" : "app_db_listener_outbox";
}

/* A page that breaks off at its third row is as if it had not been begun. */
static void a_page_is_done_as_a_whole_or_not_at_all(void **state)
{
	const struct backfill_page page = {.rows = 10, .bytes = BACKFILL_PAGE_BYTES, .job = 1};
	struct rows_lab *lab = *state;
	struct backfill_result r;
	const char *lines;
	int64_t id;

	rows_fill(lab, 5);
	(void)rows_read(lab);
	assert_int_equal(rows_create(lab, &every_row), 1);
	if (lab->type == SOURCE_POSTGRES)
		rows_exec(lab, 0,
			  "ALTER TABLE app_db_listener.outbox ADD CONSTRAINT broken CHECK "
			  "(row_key <> '{\"id\":3}')");
	else if (lab->type == SOURCE_MYSQL)
		rows_exec(lab, 0,
			  "CREATE TRIGGER broken BEFORE INSERT ON app_db_listener_outbox FOR EACH "
			  "ROW IF NEW.row_key = '{\"id\":3}' THEN SIGNAL SQLSTATE '45000'; END IF");
	else
		rows_exec(lab, 0,
			  "CREATE TRIGGER broken BEFORE INSERT ON app_db_listener_outbox WHEN "
			  "NEW.row_key = '{\"id\":3}' BEGIN SELECT raise(ABORT, 'broken'); END");
	assert_int_not_equal(rows_try_page(lab, &page, &r), ERR_OK);
	assert_string_equal(rows_read(lab), "");
	if (lab->type == SOURCE_POSTGRES)
		rows_exec(lab, 0, "ALTER TABLE %s DROP CONSTRAINT broken", outbox(lab));
	else
		rows_exec(lab, 0, "DROP TRIGGER broken");
	assert_int_equal(rows_finish(lab, 1, 10), 5);
	lines = rows_read(lab);
	for (id = 1; id <= 5; id++)
		assert_int_equal(rows_count(lines, id), 1);
}

/* ---- which ---- */

#ifndef TEST_ONLY
#define TEST_ONLY SOURCE_FAKE /* all whose server is there */
#endif

static const struct rows_test table[] = {
	{"every_row_comes_once_whatever_the_size_of_a_page",
	 every_row_comes_once_whatever_the_size_of_a_page, ROWS_ALL},
	{"a_table_may_have_no_row_or_one", a_table_may_have_no_row_or_one, ROWS_ALL},
	{"a_table_may_have_one_row", a_table_may_have_one_row, ROWS_ALL},
	{"a_job_goes_on_where_the_last_daemon_left_it", a_job_goes_on_where_the_last_daemon_left_it,
	 ROWS_ALL},
	{"an_operators_word_counts_at_the_next_page", an_operators_word_counts_at_the_next_page,
	 ROWS_ALL},
	{"a_failed_job_says_why_and_can_go_on", a_failed_job_says_why_and_can_go_on, ROWS_SQL},
	{"rows_that_come_and_go_between_pages_are_no_trouble",
	 rows_that_come_and_go_between_pages_are_no_trouble, ROWS_SQL},
	{"locked_rows_are_asked_again_neither_lost_nor_doubled",
	 locked_rows_are_asked_again_neither_lost_nor_doubled, ROWS_LOCKS | ROWS_FAKE},
	{"a_locked_row_that_is_deleted_is_done", a_locked_row_that_is_deleted_is_done, ROWS_LOCKS},
	{"the_cursor_waits_when_too_many_rows_are_locked",
	 the_cursor_waits_when_too_many_rows_are_locked, ROWS_LOCKS | ROWS_FAKE},
	{"a_busy_file_is_left_for_later", a_busy_file_is_left_for_later, 1U << SOURCE_SQLITE},
	{"a_page_is_done_as_a_whole_or_not_at_all", a_page_is_done_as_a_whole_or_not_at_all,
	 ROWS_SQL},
};

int main(void)
{
	return rows_run("backfill", table, ARRAY_LEN(table), TEST_ONLY);
}
