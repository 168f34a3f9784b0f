/* SPDX-License-Identifier: MIT */
/* How the capture writes values, and what becomes of rows that are too large. */
#include "pg_fixture.h"

static struct table_settings *users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, age int)");
	return capture(f, 0, NULL, "users");
}

/* ---- values ---- */

static void values_of_every_kind_are_written_as_json(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TYPE pair AS (x int, y text); CREATE TYPE mood AS ENUM ('so', 'so so'); "
	       "CREATE DOMAIN small AS int CHECK (VALUE < 10);"
	       "CREATE TABLE v (id int PRIMARY KEY, c pair, a text[], j json, jb jsonb, b bytea, "
	       "n numeric, n2 numeric, n3 float8, e mood, d small, p point, x xml, iv interval, "
	       "tz timestamptz, r tstzrange, m pair[])");
	capture(f, 0, NULL, "v");
	install(f);
	run(f,
	    "SET timezone = 'UTC'; INSERT INTO v VALUES (1, '(1,\"a,b\")', '{a,NULL,\"q\\\"\"}', "
	    "'{\"k\" :  1}', '{\"k\":  1}', '\\x00ff', 'NaN', 1e400, 'Infinity', 'so so', 3, "
	    "'(1,2)', '<a/>', '1 day 2 hours', '2026-03-01 12:00:00+00', "
	    "'[2026-03-01 12:00:00+00,)', '{\"(1,z)\"}'); SET timezone = 'Asia/Kathmandu'; "
	    "SET xmlbinary = 'hex'; UPDATE v SET p = '(1,3)'");
	assert_string_equal(
		rows(f,
		     "SELECT length(data::json ->> 'n2'), data::json ->> 'n', data::json ->> 'n3', "
		     "data::json ->> 'c', data::json ->> 'a', data::json ->> 'b', "
		     "data::json ->> 'iv', data::json ->> 'tz', data::json ->> 'r', "
		     "data::json ->> 'm', data::json ->> 'j', data::json ->> 'e', "
		     "data::json ->> 'p' "
		     "FROM app_db_listener.outbox ORDER BY id LIMIT 1"),
		"401|NaN|Infinity|{\"x\":1,\"y\":\"a,b\"}|[\"a\",null,\"q\\\"\"]|\\x00ff|"
		"1 day 02:00:00|2026-03-01T12:00:00+00:00|[\"2026-03-01 12:00:00+00\",)|"
		"[{\"x\":1,\"y\":\"z\"}]|{\"k\" :  1}|so so|(1,2)");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "2");
}

static void the_key_of_a_row_is_the_same_text_in_every_session(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE k (at timestamptz, b bytea, x float8, i interval, n int, "
	       "PRIMARY KEY (at, b, x, i))");
	capture(f, 0, NULL, "k");
	install(f);
	run(f, "INSERT INTO k VALUES ('2026-03-01 00:00+00', '\\x00ff', 0.1, '1 day', 1);"
	       "RESET ALL; SET timezone = 'America/New_York'; UPDATE k SET n = 2; "
	       "SET bytea_output = 'escape'; SET intervalstyle = 'sql_standard'; "
	       "SET extra_float_digits = -15; UPDATE k SET n = 3; DELETE FROM k");
	assert_string_equal(rows(f, "SELECT count(*), count(DISTINCT row_key), count(old_key) "
				    "FROM app_db_listener.outbox"),
			    "4|1|0");
	/* and the session keeps what it had set */
	assert_string_equal(rows(f, "SELECT current_setting('timezone'), "
				    "current_setting('bytea_output')"),
			    "America/New_York|escape");
}

static void odd_identifiers_are_kept(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE SCHEMA \"Sch\"\"ema'\"; CREATE TABLE \"Sch\"\"ema'\"."
	       "\"Ta ble.\\with$capture$ \xc3\xa4\" (\"I\"\"d'\\\" int PRIMARY KEY, \"Zwei "
	       "\xe2\x82\xac\" int);"
	       "CREATE TABLE abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk "
	       "(abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk int PRIMARY KEY)");
	capture(f, 0, "Sch\"ema'", "Ta ble.\\with$capture$ \xc3\xa4")->columns =
		LIST("Zwei \xe2\x82\xac");
	capture(f, 0, NULL, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk");
	install(f);
	run(f, "SET standard_conforming_strings = off");
	run(f, "INSERT INTO \"Sch\"\"ema'\".\"Ta ble.\\with$capture$ \xc3\xa4\" VALUES (1, 2); "
	       "INSERT INTO "
	       "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk VALUES (3)");
	assert_string_equal(
		rows(f, "SELECT schema_name, table_name, row_key, data FROM app_db_listener.outbox "
			"ORDER BY id LIMIT 1"),
		"Sch\"ema'|Ta ble.\\with$capture$ \xc3\xa4|{\"I\\\"d'\\\\\":1}|"
		"{\"I\\\"d'\\\\\":1,\"Zwei \xe2\x82\xac\":2}");
	install(f);
	assert_lacks(buf_str(&f->findings), ": installed");
}

/* ---- sizes ---- */

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
			"app_db_listener.outbox ORDER BY id"),
		"insert|t|{\"id\":1}|-|{\"id\":1}|-|16\n"
		"update|t|{\"id\":1}|-|{\"id\":1}|{\"id\":1}|24\n"
		"update|t|{\"id\":2}|{\"id\":1}|{\"id\":2}|{\"id\":1}|32\n"
		"delete|t|{\"id\":2}|-|-|{\"id\":2}|16");
}

static void growth_by_escaping_counts_against_the_cap(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 200000;
	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, repeat(chr(1), 40000), 1), "
	       "(2, repeat('\"', 99000), 2), (3, repeat('y', 150000), 3)");
	assert_string_equal(rows(f, "SELECT row_key, truncated, octet_length(data) FROM "
				    "app_db_listener.outbox ORDER BY id"),
			    "{\"id\":1}|t|8\n{\"id\":2}|f|198026\n{\"id\":3}|f|150026");
}

static void a_row_of_100_mb_is_a_key_only_event(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 4 * 1024 * 1024;
	users(f);
	run(f, "ALTER TABLE users ALTER name SET STORAGE EXTERNAL");
	install(f);
	run(f, "INSERT INTO users VALUES (1, repeat('0123456789', 10000000), 1); "
	       "UPDATE users SET age = 2; DELETE FROM users");
	assert_string_equal(
		rows(f, "SELECT operation, truncated, row_key, bytes FROM "
			"app_db_listener.outbox ORDER BY id"),
		"insert|t|{\"id\":1}|16\nupdate|t|{\"id\":1}|24\ndelete|t|{\"id\":1}|16");
}

static void a_row_that_hides_its_size_by_compression_is_cut_too(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 64 * 1024 * 1024;
	users(f);
	install(f);
	/* 200 MB that are stored in about 2 MB, far below the cap */
	run(f, "INSERT INTO users VALUES (1, repeat(chr(1), 200000000), 1)");
	assert_string_equal(rows(f, "SELECT operation, truncated, row_key, bytes FROM "
				    "app_db_listener.outbox ORDER BY id"),
			    "insert|t|{\"id\":1}|16");
}

static void excluding_the_large_column_brings_the_whole_rest(void **state)
{
	struct fixture *f = *state;

	f->source.max_event_bytes = 65536;
	users(f)->exclude = LIST("name");
	run(f, "ALTER TABLE users ALTER name SET STORAGE EXTERNAL");
	install(f);
	run(f, "INSERT INTO users VALUES (1, repeat('x', 3000000), 1); UPDATE users SET age = 2; "
	       "UPDATE users SET name = name || 'y'");
	assert_string_equal(events(f), "insert|users|{\"id\":1}|-|{\"id\":1,\"age\":1}|-\n"
				       "update|users|{\"id\":1}|-|{\"id\":1,\"age\":2}|"
				       "{\"id\":1,\"age\":1}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values_of_every_kind_are_written_as_json),
		TEST(the_key_of_a_row_is_the_same_text_in_every_session),
		TEST(odd_identifiers_are_kept),
		TEST(rows_over_the_cap_become_key_only_events),
		TEST(growth_by_escaping_counts_against_the_cap),
		TEST(a_row_of_100_mb_is_a_key_only_event),
		TEST(a_row_that_hides_its_size_by_compression_is_cut_too),
		TEST(excluding_the_large_column_brings_the_whole_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
