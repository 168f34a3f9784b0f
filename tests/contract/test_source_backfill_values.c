/* SPDX-License-Identifier: MIT */
/* Which rows a backfill reads of every source, and what of them; see test_source_backfill.c. */
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
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 4), 3);
	lines = rows_read(lab);
	assert_int_equal(rows_count_lines(lines), 3);
	assert_int_equal(rows_count(lines, 3), 1);
	/* the key is always there; unknown is not true */
	r.where = "v > 'v5'";
	r.columns = (struct string_list){.items = columns, .count = 1};
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 4), 3);
	assert_int_equal(rows_count_lines(rows_read(lab)), 3);
	columns[0] = (char[]){"id"};
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 100), 3);
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

static void what_the_pipeline_filters_out_is_not_read(void **state)
{
	struct rows_lab *lab = *state;
	const struct backfill_request r = {.where = "id > 3"};
	const char *lines;

	lab->table.where[OP_INSERT] = (char[]){"NEW.id % 2 = 0 OR NEW.id = 7"};
	rows_fill(lab, 10);
	(void)rows_read(lab);
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 3), 5);
	lines = rows_read(lab);
	assert_int_equal(rows_count(lines, 2), 0);
	assert_int_equal(rows_count(lines, 4), 1);
	assert_int_equal(rows_count(lines, 5), 0);
	assert_int_equal(rows_count(lines, 7), 1);
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
		"INSERT INTO x VALUES (1, 42, 1.5, 0.1, 1e300, b'101', '2026-03-01 "
		"12:00:00.123456', "
		"'2026-03-01 12:00:00.5', 'q\"\\n\\\\ \\'é', 'caf\xc3\xa9', x'00ff0a', x'5c27', "
		"'b', "
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

/* MySQL has no UUID. A loan until the next call. */
static const char *for_server(const char *sql)
{
	static char text[4096];
	const char *server = getenv("TEST_MY_SERVER");
	const char *type = strstr(sql, "UUID");

	if (!type || !server || strcmp(server, "mysql") != 0)
		return sql;
	(void)snprintf(text, sizeof(text), "%.*sCHAR(36)%s", (int)(type - sql), sql,
		       type + strlen("UUID"));
	return text;
}

/* The same texts but for the name of the operation. */
static void a_row_reads_as_its_insert_was_captured(void **state)
{
	struct rows_lab *lab = *state;
	const char *table = for_server(tables_of_values[lab->type]),
		   *insert = strstr(table, "INSERT");
	char *captured;
	char *at;

	rows_exec(lab, 0, "%.*s", (int)(insert - table), table);
	rows_install(lab, "x");
	rows_exec(lab, 0, "%s", insert);
	captured = mem_strdup(rows_read(lab));
	assert_true(rows_count_lines(captured) >= 3);
	assert_non_null(strstr(captured, "insert! {\"id\":3} "));
	assert_int_equal(
		rows_finish(lab, rows_create(lab, &(struct backfill_request){.table = "x"}), 2),
		(int64_t)rows_count_lines(captured));
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
		"CREATE TABLE k (a text COLLATE \"C\", b timestamptz, c bytea, d numeric, PRIMARY "
		"KEY "
		"(a, b, c, d));"
		"INSERT INTO k SELECT a, '2026-03-01'::timestamptz + b * interval '1 us', c, d "
		"FROM "
		"unnest(ARRAY['', 'a', 'A', 'é', E'q\"\\\\''']) a, generate_series(0, 1) b, "
		"unnest(ARRAY['\\x'::bytea, '\\x00ff']) c, unnest(ARRAY[1.5, -2, 1e30]) d;",
	[SOURCE_MYSQL] =
		"CREATE TABLE k (a VARCHAR(20) CHARACTER SET latin1, b DATETIME(6), c "
		"VARBINARY(9), d "
		"DECIMAL(40,10), u BIGINT UNSIGNED, i UUID, f DOUBLE, PRIMARY KEY (a, b, c, d, u, "
		"i, "
		"f));"
		"INSERT INTO k SELECT a, '2026-03-01 00:00:00.000001' + INTERVAL b MICROSECOND, c, "
		"d, "
		"18446744073709551615 - b, CONCAT('0000000', b, '-0000-0000-0000-00000000000', b), "
		"0.1 "
		"* b FROM (SELECT '' AS a UNION ALL SELECT 'a' UNION ALL SELECT 'B' UNION ALL "
		"SELECT "
		"'caf\xc3\xa9' UNION ALL SELECT 'q\"\\\\\\'') a, (SELECT 0 AS b UNION ALL SELECT "
		"1) b, "
		"(SELECT '' AS c UNION ALL SELECT x'00ff') c, (SELECT 1.5 AS d UNION ALL SELECT -2 "
		"UNION ALL SELECT 1e25) d;",
	[SOURCE_SQLITE] =
		"CREATE TABLE k (a TEXT COLLATE NOCASE, b, c REAL, d INTEGER, PRIMARY KEY (a, b, "
		"c, d)) "
		"WITHOUT ROWID;"
		"INSERT INTO k SELECT a.column1, b.column1, c.column1, d.column1 FROM (VALUES "
		"(''), "
		"('a'), ('B'), ('\xc3\xa9'), ('nul' || char(0) || 'x')) a, (VALUES (1), ('1'), "
		"(x'00ff'), "
		"(1.5)) b, (VALUES (0.1), (9e999)) c, (VALUES (-9223372036854775808), (1)) d;",
};

/* A walk in steps of one row that would lose or double what a key cannot tell apart. */
static void keys_of_all_kinds_are_walked_row_by_row(void **state)
{
	struct rows_lab *lab = *state;
	const struct backfill_request r = {.table = "k"};
	char *lines, *line, *next;
	int64_t rows;

	rows_exec(lab, 0, "%s", for_server(tables_of_keys[lab->type]));
	rows_install(lab, "k");
	rows = lab->type == SOURCE_SQLITE ? 80 : 60;
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 1), rows);
	lines = mem_strdup(rows_read(lab));
	assert_int_equal(rows_count_lines(lines), rows);
	for (line = lines; *line; line = next) {
		next = strchr(line, '\n') + 1;
		next[-1] = '\0';
		assert_null(strstr(next, line));
	}
	mem_free(lines);
	assert_int_equal(rows_finish(lab, rows_create(lab, &r), 7), rows);
}

/* ---- which ---- */

#ifndef TEST_ONLY
#define TEST_ONLY SOURCE_FAKE /* all whose server is there */
#endif

static const struct rows_test table[] = {
	{"only_the_wanted_rows_and_columns_are_read", only_the_wanted_rows_and_columns_are_read,
	 ROWS_SQL},
	{"what_the_pipeline_filters_out_is_not_read", what_the_pipeline_filters_out_is_not_read,
	 ROWS_SQL},
	{"mistakes_are_told_when_the_job_is_made", mistakes_are_told_when_the_job_is_made,
	 ROWS_SQL},
	{"a_table_without_primary_key_is_refused_with_the_reason",
	 a_table_without_primary_key_is_refused_with_the_reason, ROWS_SQL},
	{"a_row_reads_as_its_insert_was_captured", a_row_reads_as_its_insert_was_captured,
	 ROWS_SQL},
	{"keys_of_all_kinds_are_walked_row_by_row", keys_of_all_kinds_are_walked_row_by_row,
	 ROWS_SQL},
};

int main(void)
{
	return rows_run("values", table, ARRAY_LEN(table), TEST_ONLY);
}
