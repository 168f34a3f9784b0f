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

#include "base/mem.h"
#include "rows_lab.h"

#define PAGES_MAX 1000

static const struct backfill_request every_row = {.rate = 0};

static int setup(void **state)
{
	const enum source_type *type = *state;
	struct rows_lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	rows_lab_open(lab, *type);
	*state = lab;
	return 0;
}

static int teardown(void **state)
{
	rows_lab_close(*state);
	free(*state);
	return 0;
}

/* Is there "read {"id":ID}"? How often. */
static int count_reads(const char *lines, int64_t id)
{
	char line[64];
	int n = 0;

	(void)snprintf(line, sizeof(line), "read {\"id\":%lld} ", (long long)id);
	for (; (lines = strstr(lines, line)); lines++)
		n++;
	return n;
}

static size_t count_lines(const char *lines)
{
	size_t n = 0;

	for (; *lines; lines++)
		n += *lines == '\n';
	return n;
}

/* Pages of so many rows until the job is done; how many rows they put. */
static int64_t finish(struct rows_lab *lab, int64_t job, int64_t rows)
{
	struct backfill_result r = {.rows = 0};
	int64_t n = 0;
	int pages = 0;

	do {
		assert_true(++pages < PAGES_MAX);
		r = rows_page(lab, job, rows);
		assert_true(r.rows <= rows);
		n += r.rows;
	} while (r.progress.state == BACKFILL_RUNNING);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
	assert_true(r.at_end);
	return n;
}

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
		assert_int_equal(finish(lab, rows_create(lab, &every_row), sizes[i]), 6);
		lines = rows_read(lab);
		assert_int_equal(count_lines(lines), 6);
		for (id = 1; id <= 6; id++)
			assert_int_equal(count_reads(lines, id), 1);
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
	assert_int_equal(finish(lab, rows_create(lab, &every_row), 1), 1);
	assert_int_equal(count_lines(rows_read(lab)), 1);
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
	assert_int_equal(r.progress.rows_estimate, 10);
	assert_false(r.at_end);
	rows_stop(lab);
	rows_start(lab);
	assert_int_equal(lab->s->ops->backfill_load(lab->s, jobs, &lab->e), ERR_OK);
	assert_int_equal(jobs[0].id, job);
	assert_int_equal(jobs[0].rows_done, 4);
	assert_int_equal(finish(lab, job, 4), 6);
	assert_int_equal(lab->s->ops->backfill_load(lab->s, jobs, &lab->e), ERR_OK);
	assert_int_equal(jobs[0].id, 0);
	lines = rows_read(lab);
	assert_int_equal(count_lines(lines), 10);
	for (id = 1; id <= 10; id++)
		assert_int_equal(count_reads(lines, id), 1);
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
	assert_int_equal(finish(lab, job, 100), 3);
	assert_int_equal(count_lines(rows_read(lab)), 9);
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
	rows_exec(lab, 0, "INSERT INTO t VALUES (0, 'behind'), (5, 'ahead'), (11, 'last')");
	(void)finish(lab, job, 3);
	lines = rows_read(lab);
	assert_int_equal(count_reads(lines, 0), 0);
	assert_int_equal(count_reads(lines, 3), 1);
	assert_int_equal(count_reads(lines, 4), 0);
	assert_int_equal(count_reads(lines, 5), 1);
	assert_int_equal(count_reads(lines, 6), 1);
	assert_int_equal(count_reads(lines, 11), 1);
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
	assert_int_equal(finish(lab, job, 2), r.progress.skipped);
	lines = rows_read(lab);
	for (id = 1; id <= 10; id++)
		assert_int_equal(count_reads(lines, id), 1);
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
	assert_int_equal(finish(lab, job, 1000), BACKFILL_SKIPPED_MAX + 50);
	lines = rows_read(lab);
	for (id = 1; id <= BACKFILL_SKIPPED_MAX + 50; id++)
		assert_int_equal(count_reads(lines, id), 1);
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
	assert_int_equal(finish(lab, 1, 10), 4);
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
	assert_int_equal(finish(lab, 1, 10), 5);
	lines = rows_read(lab);
	for (id = 1; id <= 5; id++)
		assert_int_equal(count_reads(lines, id), 1);
}

/* ---- which rows, and what of them ---- */

static void only_the_wanted_rows_and_columns_are_read(void **state)
{
	char *columns[] = {(char[]){"v"}};
	struct rows_lab *lab = *state;
	struct backfill_request r = {.where = "id % 3 = 0 -- every third\n"};
	const char *lines;

	rows_fill(lab, 10);
	(void)rows_read(lab);
	rows_exec(lab, 0, "UPDATE t SET v = NULL WHERE id = 6");
	(void)rows_read(lab);
	assert_int_equal(finish(lab, rows_create(lab, &r), 4), 3);
	lines = rows_read(lab);
	assert_int_equal(count_lines(lines), 3);
	assert_int_equal(count_reads(lines, 3), 1);
	/* the key is always there; unknown is not true */
	r.where = "v > 'v5'";
	r.columns = (struct string_list){.items = columns, .count = 1};
	assert_int_equal(finish(lab, rows_create(lab, &r), 4), 3);
	assert_int_equal(count_lines(rows_read(lab)), 3);
	columns[0] = (char[]){"id"};
	assert_int_equal(finish(lab, rows_create(lab, &r), 100), 3);
	assert_non_null(strstr(rows_read(lab), "read {\"id\":7} {\"id\":7}\n"));
}

static void refuse(struct rows_lab *lab, const struct backfill_request *r, enum err_code want,
		   const char *part)
{
	enum err_code code;
	int64_t id;

	lab->e.msg[0] = '\0';
	code = rows_try_create(lab, r, &id);
	if (code != want || !strstr(lab->e.msg, part))
		fail_msg("%s: %s, without \"%s\"", err_name(code), lab->e.msg, part);
}

static void mistakes_are_told_when_the_job_is_made(void **state)
{
	char *columns[] = {(char[]){"w"}};
	struct rows_lab *lab = *state;
	struct backfill_request r = {.table = "u"};

	rows_fill(lab, 1);
	refuse(lab, &r, ERR_USAGE, "captures no table");
	r = (struct backfill_request){.where = "w = 1"};
	refuse(lab, &r, ERR_USAGE, "--where");
	r = (struct backfill_request){.where = "id = 1) OR (1 = 1"};
	refuse(lab, &r, ERR_USAGE, "--where");
	r = (struct backfill_request){.columns = {.items = columns, .count = 1}};
	refuse(lab, &r, ERR_USAGE, "column");
}

static void a_table_without_primary_key_is_refused_with_the_reason(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_request r = {.table = "logs"};

	rows_exec(lab, 0, "CREATE TABLE logs (line VARCHAR(100))");
	rows_install(lab, "logs");
	refuse(lab, &r, ERR_CONFIG, "primary key");
}

/* ---- values ---- */

static const char *const tables_of_values[] = {
	[SOURCE_POSTGRES] =
		"CREATE TABLE x (id int PRIMARY KEY, b bytea, n numeric, f float8, t text, at "
		"timestamptz, j jsonb, a int[], u uuid);"
		"INSERT INTO x VALUES (1, '\\x00ff', 1.500, 'NaN', E'q\"\\n\\\\', '2026-03-01 "
		"12:00+02', '{\"a\": [1.0]}', '{1,NULL}', '00000000-0000-0000-0000-000000000001');"
		"INSERT INTO x (id) VALUES (2);"
		"INSERT INTO x (id, t) VALUES (3, repeat('x', 3000000));",
	[SOURCE_MYSQL] =
		"CREATE TABLE x (id INT PRIMARY KEY, z INT(6) ZEROFILL, d DECIMAL(20,10), f FLOAT, "
		"g DOUBLE, b BIT(9), at DATETIME(6), ts TIMESTAMP(3) NULL, t TEXT, l VARCHAR(50) "
		"CHARACTER SET latin1, bin VARBINARY(50), lb LONGBLOB, e ENUM('a','b'), j JSON, u "
		"UUID, p POINT, lt LONGTEXT);"
		"INSERT INTO x VALUES (1, 42, 1.5, 0.1, 1e300, b'101', '2026-03-01 12:00:00.123456', "
		"'2026-03-01 12:00:00.5', 'q\"\\n\\\\ \\'é', 'caf\xc3\xa9', x'00ff0a', x'5c27', 'b', "
		"'{\"a\": [1.0]}', '00000000-0000-0000-0000-000000000001', POINT(1, 2), 'x');"
		"INSERT INTO x (id) VALUES (2);"
		"INSERT INTO x (id, lt) VALUES (3, REPEAT('x', 3000000));"
		"INSERT INTO x (id, lt) VALUES (4, REPEAT('\\\\\\'', 100000));",
	[SOURCE_SQLITE] =
		"CREATE TABLE x (id INTEGER PRIMARY KEY, r, t, b, n);"
		"INSERT INTO x VALUES (1, 1.5, 'q\"'||char(10)||'''\\\xc3\xa9', x'00ff', NULL);"
		"INSERT INTO x VALUES (2, 9e999, 'nul' || char(0) || 'in it', 1, -5);"
		"INSERT INTO x VALUES (3, 0.1, printf('%.*c', 3000000, 'x'), 1, 2);",
};

/* The same texts but for the name of the operation. */
static void a_row_reads_as_its_insert_was_captured(void **state)
{
	struct rows_lab *lab = *state;
	const char *table = tables_of_values[lab->type], *insert = strstr(table, "INSERT");
	char *captured;
	char *at;

	rows_exec(lab, 0, "%.*s", (int)(insert - table), table);
	rows_install(lab, "x");
	rows_exec(lab, 0, "%s", insert);
	captured = mem_strdup(rows_read(lab));
	assert_true(count_lines(captured) >= 3);
	assert_non_null(strstr(captured, "insert! {\"id\":3} "));
	assert_int_equal(finish(lab, rows_create(lab, &(struct backfill_request){.table = "x"}), 2),
			 (int64_t)count_lines(captured));
	/* "insert" in front of a line becomes "read" */
	(void)rows_read(lab);
	for (at = captured; *at; at = strchr(at, '\n') + 1) {
		assert_memory_equal(at, "insert", 6);
		memmove(at + 4, at + 6, strlen(at + 6) + 1);
		memcpy(at, "read", 4);
	}
	assert_string_equal(buf_str(&lab->lines), captured);
	mem_free(captured);
}

static const char *const tables_of_keys[] = {
	[SOURCE_POSTGRES] =
		"CREATE TABLE k (a text COLLATE \"C\", b timestamptz, c bytea, d numeric, PRIMARY KEY "
		"(a, b, c, d));"
		"INSERT INTO k SELECT a, '2026-03-01'::timestamptz + b * interval '1 us', c, d FROM "
		"unnest(ARRAY['', 'a', 'A', 'é', E'q\"\\\\''']) a, generate_series(0, 1) b, "
		"unnest(ARRAY['\\x'::bytea, '\\x00ff']) c, unnest(ARRAY[1.5, -2, 1e30]) d;",
	[SOURCE_MYSQL] =
		"CREATE TABLE k (a VARCHAR(20) CHARACTER SET latin1, b DATETIME(6), c VARBINARY(9), d "
		"DECIMAL(40,10), u BIGINT UNSIGNED, i UUID, f DOUBLE, PRIMARY KEY (a, b, c, d, u, i, "
		"f));"
		"INSERT INTO k SELECT a, '2026-03-01 00:00:00.000001' + INTERVAL b MICROSECOND, c, d, "
		"18446744073709551615 - b, CONCAT('0000000', b, '-0000-0000-0000-00000000000', b), 0.1 "
		"* b FROM (SELECT '' AS a UNION ALL SELECT 'a' UNION ALL SELECT 'B' UNION ALL SELECT "
		"'caf\xc3\xa9' UNION ALL SELECT 'q\"\\\\\\'') a, (SELECT 0 AS b UNION ALL SELECT 1) b, "
		"(SELECT '' AS c UNION ALL SELECT x'00ff') c, (SELECT 1.5 AS d UNION ALL SELECT -2 "
		"UNION ALL SELECT 1e25) d;",
	[SOURCE_SQLITE] =
		"CREATE TABLE k (a TEXT COLLATE NOCASE, b, c REAL, d INTEGER, PRIMARY KEY (a, b, c, d)) "
		"WITHOUT ROWID;"
		"INSERT INTO k SELECT a.column1, b.column1, c.column1, d.column1 FROM (VALUES (''), "
		"('a'), ('B'), ('\xc3\xa9'), ('nul' || char(0) || 'x')) a, (VALUES (1), ('1'), (x'00ff'), "
		"(1.5)) b, (VALUES (0.1), (9e999)) c, (VALUES (-9223372036854775808), (1)) d;",
};

/* A walk in steps of one row that would lose or double what a key cannot tell apart. */
static void keys_of_all_kinds_are_walked_row_by_row(void **state)
{
	struct rows_lab *lab = *state;
	const struct backfill_request r = {.table = "k"};
	char *lines, *line, *next;
	int64_t rows;

	rows_exec(lab, 0, "%s", tables_of_keys[lab->type]);
	rows_install(lab, "k");
	rows = lab->type == SOURCE_SQLITE ? 80 : 60;
	assert_int_equal(finish(lab, rows_create(lab, &r), 1), rows);
	lines = mem_strdup(rows_read(lab));
	assert_int_equal(count_lines(lines), rows);
	for (line = lines; *line; line = next) {
		next = strchr(line, '\n') + 1;
		next[-1] = '\0';
		assert_null(strstr(next, line));
	}
	mem_free(lines);
	assert_int_equal(finish(lab, rows_create(lab, &r), 7), rows);
}

/* ---- which ---- */

#ifndef TEST_ONLY
#define TEST_ONLY SOURCE_FAKE /* all whose server is there */
#endif

#define ALL 15
#define FAKE (1 << SOURCE_FAKE)
#define ROWS (ALL & ~(1 << SOURCE_SQLITE)) /* has locks on rows */
#define TEST(name, kinds)                                                                          \
	{                                                                                          \
#name, name, kinds                                                                 \
	}
static const struct {
	const char *name;
	CMUnitTestFunction test;
	unsigned kinds;
} table[] = {
	TEST(every_row_comes_once_whatever_the_size_of_a_page, ALL),
	TEST(a_table_may_have_no_row_or_one, ALL),
	TEST(a_table_may_have_one_row, ALL),
	TEST(a_job_goes_on_where_the_last_daemon_left_it, ALL),
	TEST(an_operators_word_counts_at_the_next_page, ALL),
	TEST(a_failed_job_says_why_and_can_go_on, ALL & ~FAKE),
	TEST(rows_that_come_and_go_between_pages_are_no_trouble, ALL & ~FAKE),
	TEST(locked_rows_are_asked_again_neither_lost_nor_doubled, ROWS),
	TEST(a_locked_row_that_is_deleted_is_done, ROWS & ~FAKE),
	TEST(the_cursor_waits_when_too_many_rows_are_locked, ROWS),
	TEST(a_busy_file_is_left_for_later, 1 << SOURCE_SQLITE),
	TEST(a_page_is_done_as_a_whole_or_not_at_all, ALL & ~FAKE),
	TEST(only_the_wanted_rows_and_columns_are_read, ALL & ~FAKE),
	TEST(mistakes_are_told_when_the_job_is_made, ALL & ~FAKE),
	TEST(a_table_without_primary_key_is_refused_with_the_reason, ALL & ~FAKE),
	TEST(a_row_reads_as_its_insert_was_captured, ALL & ~FAKE),
	TEST(keys_of_all_kinds_are_walked_row_by_row, ALL & ~FAKE),
};

static int run(enum source_type type)
{
	static enum source_type types[] = {SOURCE_POSTGRES, SOURCE_MYSQL, SOURCE_SQLITE,
					   SOURCE_FAKE};
	struct CMUnitTest tests[ARRAY_LEN(table)];
	size_t i, k = 0, n = 0;

	while (types[k] != type)
		k++;
	memset(tests, 0, sizeof(tests));
	for (i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].kinds & 1U << type)
			tests[n++] = (struct CMUnitTest){.name = table[i].name,
							 .test_func = table[i].test,
							 .setup_func = setup,
							 .teardown_func = teardown,
							 .initial_state = &types[k]};
	return _cmocka_run_group_tests("backfill", tests, n, NULL, NULL);
}

int main(void)
{
	static const enum source_type types[] = {SOURCE_FAKE, SOURCE_SQLITE, SOURCE_POSTGRES,
						 SOURCE_MYSQL};
	int failed = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if ((TEST_ONLY == SOURCE_FAKE && rows_lab_has(types[i])) || types[i] == TEST_ONLY)
			failed += run(types[i]);
	return failed;
}
