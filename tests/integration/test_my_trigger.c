/* SPDX-License-Identifier: MIT */
/* What the triggers write: keys, filters, columns, names, and rows that are too long. */
#include "my_fixture.h"

static struct table_settings *users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name mediumtext CHARACTER SET utf8mb4, age "
	       "int)");
	return capture(f, 0, NULL, "users");
}

/* ---- operations ---- */

static void each_operation_is_an_event(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a', 5), (2, NULL, NULL); UPDATE users SET age = 6 "
	       "WHERE id = 1; UPDATE users SET age = 6 WHERE id = 1; UPDATE users SET id = 3 WHERE "
	       "id = 2; DELETE FROM users WHERE id = 1");
	assert_string_equal(
		events(f),
		"insert|users|{\"id\":1}|-|{\"id\":1,\"name\":\"a\",\"age\":5}|-\n"
		"insert|users|{\"id\":2}|-|{\"id\":2,\"name\":null,\"age\":null}|-\n"
		"update|users|{\"id\":1}|-|{\"id\":1,\"name\":\"a\",\"age\":6}|"
		"{\"id\":1,\"name\":\"a\",\"age\":5}\n"
		"update|users|{\"id\":3}|{\"id\":2}|{\"id\":3,\"name\":null,\"age\":null}|"
		"{\"id\":2,\"name\":null,\"age\":null}\n"
		"delete|users|{\"id\":1}|-|-|{\"id\":1,\"name\":\"a\",\"age\":6}");
}

static void statements_that_do_several_things_fire_for_each(void **state)
{
	struct fixture *f = *state;
	char path[256], sql[512];
	FILE *file;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a', 1); REPLACE INTO users VALUES (1, 'b', 2);"
	       "INSERT INTO users VALUES (1, 'c', 3) ON DUPLICATE KEY UPDATE age = 4;"
	       "INSERT IGNORE INTO users VALUES (1, 'c', 3)");
	assert_string_equal(rows(f, "SELECT operation, row_key FROM app_db_listener_outbox "
				    "ORDER BY id"),
			    "insert|{\"id\":1}\ndelete|{\"id\":1}\ninsert|{\"id\":1}\n"
			    "update|{\"id\":1}");
	run(f, "DELETE FROM app_db_listener_outbox");
	(void)snprintf(path, sizeof(path), "%s/%s.csv", fixture_env("TEST_MY_DIR"), f->database);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("8\tx\t1\n9\ty\t2\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(sql, sizeof(sql), "LOAD DATA INFILE '%s' INTO TABLE users", path);
	run(f, sql);
	assert_string_equal(rows(f, "SELECT operation, row_key FROM app_db_listener_outbox "
				    "ORDER BY id"),
			    "insert|{\"id\":8}\ninsert|{\"id\":9}");
}

static void a_rollback_takes_the_events_with_it(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "START TRANSACTION; INSERT INTO users VALUES (1, 'a', 5); ROLLBACK");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "0");
}

static void filters_choose_rows(void **state)
{
	struct fixture *f = *state;
	struct table_settings *t = users(f);

	t->where[OP_INSERT] = (char *)(uintptr_t) "NEW.age > 5 OR NEW.name = 'it''s; \"x\"'";
	t->where[OP_UPDATE] = (char *)(uintptr_t) "OLD.age <> NEW.age";
	t->where[OP_DELETE] = (char *)(uintptr_t) "OLD.name IS NULL";
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a', 5), (2, 'a', 6), (3, 'it''s; \"x\"', NULL);"
	       "UPDATE users SET name = 'b' WHERE id = 1; UPDATE users SET age = 7 WHERE id = 1;"
	       "DELETE FROM users WHERE id = 1; UPDATE users SET name = NULL WHERE id = 2;"
	       "DELETE FROM users");
	assert_string_equal(rows(f, "SELECT operation, row_key FROM app_db_listener_outbox "
				    "ORDER BY id"),
			    "insert|{\"id\":2}\ninsert|{\"id\":3}\nupdate|{\"id\":1}\n"
			    "delete|{\"id\":2}");
	install(f);
	assert_has(buf_str(&f->findings), "already installed");
}

static void columns_are_chosen_and_the_key_is_always_in(void **state)
{
	struct fixture *f = *state;

	users(f)->columns = LIST("age");
	run(f, "CREATE TABLE pets (a int, b int, c text, d int, PRIMARY KEY (b, a))");
	capture(f, 0, NULL, "pets")->exclude = LIST("c", "a");
	run(f, "CREATE TABLE logs (line varchar(10))");
	capture(f, 0, NULL, "logs");
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a', 5); UPDATE users SET name = 'b';"
	       "INSERT INTO pets VALUES (1, 2, 'x', 4); UPDATE pets SET c = 'y'; "
	       "UPDATE pets SET a = 9; INSERT INTO logs VALUES ('l'); DELETE FROM logs");
	assert_string_equal(events(f),
			    "insert|users|{\"id\":1}|-|{\"id\":1,\"age\":5}|-\n"
			    "insert|pets|{\"b\":2,\"a\":1}|-|{\"a\":1,\"b\":2,\"d\":4}|-\n"
			    "update|pets|{\"b\":2,\"a\":9}|{\"b\":2,\"a\":1}|"
			    "{\"a\":9,\"b\":2,\"d\":4}|{\"a\":1,\"b\":2,\"d\":4}\n"
			    "insert|logs|-|-|{\"line\":\"l\"}|-\n"
			    "delete|logs|-|-|-|{\"line\":\"l\"}");
}

static void two_pipelines_capture_one_table_each_into_its_outbox(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 2, NULL, "users")->columns = LIST("id");
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a', 5)");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox"),
			    "{\"id\":1,\"name\":\"a\",\"age\":5}");
	assert_string_equal(
		rows(f, "SELECT data FROM app_db_listener_outbox_a_pipeline_whose_name_has_forty_"
			"bytes_00"),
		"{\"id\":1}");
}

/* ---- names ---- */

static void odd_names_are_kept(void **state)
{
	struct fixture *f = *state;
	static const char wide[] =
		"\xc3\xa4"
		"bcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl";
	static const char twin[] =
		"\xc3\xa4"
		"bcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkm";
	char sql[1024];

	run(f,
	    "CREATE TABLE `Ta b`` 'le.\\with\"$$ //\xe2\x82\xac` (`I\"d'\\``` int, `select` int, "
	    "PRIMARY KEY (`I\"d'\\```))");
	(void)snprintf(sql, sizeof(sql),
		       "CREATE TABLE `%s` (`%s` int PRIMARY KEY); CREATE TABLE `%s` (id int "
		       "PRIMARY KEY)",
		       wide, wide, twin);
	run(f, sql);
	capture(f, 0, NULL, "Ta b` 'le.\\with\"$$ //\xe2\x82\xac")->columns = LIST("select");
	capture(f, 0, NULL, wide);
	capture(f, 0, NULL, twin);
	install(f);
	run(f, "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'");
	run(f, "INSERT INTO `Ta b`` 'le.\\with\"$$ //\xe2\x82\xac` VALUES (1, 2)");
	(void)snprintf(sql, sizeof(sql), "INSERT INTO `%s` VALUES (3); INSERT INTO `%s` VALUES (4)",
		       wide, twin);
	run(f, sql);
	(void)snprintf(sql, sizeof(sql),
		       "Ta b` 'le.\\with\"$$ //\xe2\x82\xac|{\"I\\\"d'\\\\`\":1}|"
		       "{\"I\\\"d'\\\\`\":1,\"select\":2}\n"
		       "%s|{\"%s\":3}|{\"%s\":3}\n%s|{\"id\":4}|{\"id\":4}",
		       wide, wide, wide, twin);
	assert_string_equal(rows(f, "SELECT table_name, row_key, data FROM app_db_listener_outbox "
				    "ORDER BY id"),
			    sql);
	assert_string_equal(rows(f,
				 "SELECT COUNT(DISTINCT trigger_name), "
				 "MAX(CHAR_LENGTH(trigger_name)) FROM "
				 "information_schema.triggers WHERE trigger_schema = DATABASE()"),
			    "9|64");
	install(f);
	assert_lacks(buf_str(&f->findings), ": installed");
}

/* ---- lengths ---- */

static void rows_over_the_cap_become_key_only_events(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 4096;
	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, repeat('x', 5000), 1); UPDATE users SET age = 2; "
	       "UPDATE users SET id = 2; DELETE FROM users");
	assert_string_equal(
		rows(f, "SELECT operation, truncated, row_key, old_key, data, old_data, bytes FROM "
			"app_db_listener_outbox ORDER BY id"),
		"insert|1|{\"id\":1}|-|{\"id\":1}|-|16\n"
		"update|1|{\"id\":1}|-|{\"id\":1}|{\"id\":1}|24\n"
		"update|1|{\"id\":2}|{\"id\":1}|{\"id\":2}|{\"id\":1}|32\n"
		"delete|1|{\"id\":2}|-|-|{\"id\":2}|16");
}

static void growth_by_escaping_counts_against_the_cap(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 200000;
	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, repeat(char(1), 40000), 1), "
	       "(2, repeat('\"', 99000), 2), (3, repeat('y', 150000), 3)");
	assert_string_equal(rows(f, "SELECT row_key, truncated, OCTET_LENGTH(data) FROM "
				    "app_db_listener_outbox ORDER BY id"),
			    "{\"id\":1}|1|8\n{\"id\":2}|0|198026\n{\"id\":3}|0|150026");
}

static void a_row_without_a_key_that_is_too_long_is_empty(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 4096;
	run(f, "CREATE TABLE logs (line text)");
	capture(f, 0, NULL, "logs");
	install(f);
	run(f, "INSERT INTO logs VALUES (repeat('x', 5000)); DELETE FROM logs");
	assert_string_equal(rows(f, "SELECT row_key, truncated, data, old_data, bytes FROM "
				    "app_db_listener_outbox ORDER BY id"),
			    "-|1|{}|-|2\n-|1|-|{}|2");
}

static void a_key_that_is_too_long_is_left_out(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE docs (name text, n int, PRIMARY KEY (name(50)))");
	capture(f, 0, NULL, "docs");
	install(f);
	run(f, "INSERT INTO docs VALUES (repeat('x', 10000), 1); UPDATE docs SET n = 2;"
	       "UPDATE docs SET name = repeat('y', 20000); DELETE FROM docs");
	assert_string_equal(rows(f,
				 "SELECT operation, OCTET_LENGTH(row_key), "
				 "OCTET_LENGTH(old_key), truncated, OCTET_LENGTH(data), "
				 "OCTET_LENGTH(old_data) FROM app_db_listener_outbox ORDER BY id"),
			    "insert|10011|-|0|10017|-\nupdate|10011|-|0|10017|10017\n"
			    "update|-|10011|0|20017|10017\ndelete|-|-|0|-|20017");
}

/* A session's max_allowed_packet is the global one when it begins. Lengths all around the limit, in
 * texts that grow sixfold and not at all, and binary: the application's statement never fails, and
 * what is not truncated is whole. */
static void no_length_makes_the_applications_write_fail(void **state)
{
	struct fixture *f = *state;
	static const char *const letters[] = {"'x'", "char(1)", "'\"'"};
	char sql[512], text[96];
	MYSQL *c;
	size_t i;
	int n;

	run(f, "CREATE TABLE t (id int PRIMARY KEY, a longtext, b longblob, n int)");
	capture(f, 0, NULL, "t");
	f->source.max_event_bytes = 1 << 20;
	install(f);
	run(f, "SET GLOBAL max_allowed_packet = 16384");
	c = fixture_connect(f->database, "root", "utf8mb4");
	run(f, "SET GLOBAL max_allowed_packet = DEFAULT");
	assert_string_equal(rows_on(f, c, "SELECT @@max_allowed_packet"), "16384");
	for (i = 0; i < ARRAY_LEN(letters); i++) {
		for (n = 100; n <= 16384; n += n < 2000 ? 950 : 433) {
			(void)snprintf(text, sizeof(text), "repeat(%s, %d)", letters[i], n);
			(void)snprintf(sql, sizeof(sql),
				       "INSERT INTO t VALUES (1, %s, '', 1); UPDATE t SET n = 2; "
				       "UPDATE t SET a = '', b = %s; UPDATE t SET id = 2; "
				       "DELETE FROM t",
				       text, text);
			run_on(c, sql);
		}
	}
	mysql_close(c);
	/* whole, or the key only */
	assert_string_equal(
		rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox WHERE "
			"NOT JSON_VALID(COALESCE(data, '{}')) OR "
			"NOT JSON_VALID(COALESCE(old_data, '{}')) OR row_key NOT IN "
			"('{\"id\":1}', '{\"id\":2}') OR (truncated AND (data <> row_key OR "
			"old_data <> COALESCE(old_key, row_key))) OR (NOT truncated AND "
			"(JSON_LENGTH(data) <> 4 OR JSON_LENGTH(old_data) <> 4))"),
		"0");
	assert_string_equal(rows(f, "SELECT COUNT(*) > 100, SUM(truncated) > 100, "
				    "SUM(NOT truncated) > 40 FROM app_db_listener_outbox"),
			    "1|1|1");
}

/* The smallest there is: nothing fits, not even the key of a wide one. */
static void the_smallest_packet_leaves_the_application_alone(void **state)
{
	struct fixture *f = *state;
	MYSQL *c;

	run(f, "CREATE TABLE t (id varchar(200) PRIMARY KEY, a varchar(200))");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "SET GLOBAL max_allowed_packet = 1024");
	c = fixture_connect(f->database, "root", "utf8mb4");
	run(f, "SET GLOBAL max_allowed_packet = DEFAULT");
	run_on(c, "INSERT INTO t VALUES (repeat('k', 200), repeat(char(1), 200))");
	run_on(c, "UPDATE t SET id = 'k2'");
	run_on(c, "DELETE FROM t");
	mysql_close(c);
	assert_string_equal(rows(f, "SELECT operation, row_key, old_key, truncated, data, old_data "
				    "FROM app_db_listener_outbox ORDER BY id"),
			    "insert|-|-|1|{}|-\nupdate|-|-|1|{}|{}\ndelete|-|-|1|-|{}");
}

static void values_of_100_mb_are_key_only_events(void **state)
{
	struct fixture *f = *state;
	MYSQL *c;

	users(f);
	run(f, "ALTER TABLE users MODIFY name LONGTEXT");
	install(f);
	run(f, "SET GLOBAL max_allowed_packet = 268435456");
	c = fixture_connect(f->database, "root", "utf8mb4");
	run(f, "SET GLOBAL max_allowed_packet = DEFAULT");
	run_on(c, "INSERT INTO users VALUES (1, repeat('0123456789', 10000000), 1)");
	run_on(c, "CREATE TABLE other SELECT id, CONCAT(name, 'x') AS name FROM users");
	/* by a session that could not even send it */
	run(f, "UPDATE users SET age = 2; UPDATE users JOIN other USING (id) SET users.name = "
	       "other.name; DELETE FROM users");
	mysql_close(c);
	assert_string_equal(rows(f, "SELECT operation, truncated, row_key, bytes FROM "
				    "app_db_listener_outbox ORDER BY id"),
			    "insert|1|{\"id\":1}|16\nupdate|1|{\"id\":1}|24\n"
			    "update|1|{\"id\":1}|24\ndelete|1|{\"id\":1}|16");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_operation_is_an_event),
		TEST(statements_that_do_several_things_fire_for_each),
		TEST(a_rollback_takes_the_events_with_it),
		TEST(filters_choose_rows),
		TEST(columns_are_chosen_and_the_key_is_always_in),
		TEST(two_pipelines_capture_one_table_each_into_its_outbox),
		TEST(odd_names_are_kept),
		TEST(rows_over_the_cap_become_key_only_events),
		TEST(growth_by_escaping_counts_against_the_cap),
		TEST(a_row_without_a_key_that_is_too_long_is_empty),
		TEST(a_key_that_is_too_long_is_left_out),
		TEST(no_length_makes_the_applications_write_fail),
		TEST(the_smallest_packet_leaves_the_application_alone),
		TEST(values_of_100_mb_are_key_only_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
