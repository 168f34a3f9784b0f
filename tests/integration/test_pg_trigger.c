/* SPDX-License-Identifier: MIT */
/* The capture as the application's statements see it: what is recorded, and that nothing fails. */
#include "pg_fixture.h"

static struct table_settings *users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, age int)");
	return capture(f, 0, NULL, "users");
}

/* ---- what is recorded ---- */

static void each_operation_is_recorded_with_its_null_rules(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30); UPDATE users SET age = 31; "
	       "DELETE FROM users; TRUNCATE users");
	assert_string_equal(events(f),
			    "insert|users|{\"id\":1}|-|{\"id\":1,\"name\":\"Ann\",\"age\":30}|-\n"
			    "update|users|{\"id\":1}|-|{\"id\":1,\"name\":\"Ann\",\"age\":31}|"
			    "{\"id\":1,\"name\":\"Ann\",\"age\":30}\n"
			    "delete|users|{\"id\":1}|-|-|{\"id\":1,\"name\":\"Ann\",\"age\":31}\n"
			    "truncate|users|-|-|-|-");
}

static void bytes_and_the_other_columns_are_filled(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f,
	    "INSERT INTO users VALUES (1, '\xc3\xa4\xe2\x82\xac', 30); UPDATE users SET id = 22; "
	    "DELETE FROM users");
	assert_string_equal(
		rows(f, "SELECT id, pipeline, schema_name, truncated, bytes = "
			"coalesce(octet_length(row_key), 0) + coalesce(octet_length(old_key), 0) + "
			"coalesce(octet_length(data), 0) + coalesce(octet_length(old_data), 0), "
			"changed_at > clock_timestamp() - interval '1 min' "
			"FROM app_db_listener.outbox ORDER BY id"),
		"1|default|public|f|t|t\n2|default|public|f|t|t\n3|default|public|f|t|t");
}

static void an_update_that_changes_nothing_makes_no_event(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30), (2, NULL, NULL)");
	(void)events(f);
	run(f, "UPDATE users SET name = name, age = age + 0");
	assert_string_equal(events(f), "");
}

static void a_key_that_changes_is_told_with_the_old_one(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30)");
	(void)events(f);
	run(f, "UPDATE users SET id = 7");
	assert_has(events(f), "update|users|{\"id\":7}|{\"id\":1}|");
}

static void composite_keys_keep_the_order_of_the_index(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE t (a int, b text, c uuid DEFAULT "
	       "'00000000-0000-0000-0000-000000000001', PRIMARY KEY (c, \"b\", a))");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "INSERT INTO t (a, b) VALUES (1, 'x\"y\\z')");
	assert_has(events(f), "|{\"c\":\"00000000-0000-0000-0000-000000000001\","
			      "\"b\":\"x\\\"y\\\\z\",\"a\":1}|");
}

static void a_configured_key_replaces_the_primary_key_and_may_be_null(void **state)
{
	struct fixture *f = *state;

	users(f)->key = LIST("name");
	install(f);
	run(f, "INSERT INTO users VALUES (1, NULL, 30)");
	assert_has(events(f), "insert|users|{\"name\":null}|-|");
}

static void a_table_without_a_key_has_null_keys(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE t (a int)");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "INSERT INTO t VALUES (1); UPDATE t SET a = 2; DELETE FROM t");
	assert_string_equal(events(f),
			    "insert|t|-|-|{\"a\":1}|-\nupdate|t|-|-|{\"a\":2}|{\"a\":1}\n"
			    "delete|t|-|-|-|{\"a\":2}");
}

static void columns_and_exclude_choose_what_leaves_the_database(void **state)
{
	struct fixture *f = *state;

	users(f)->columns = LIST("age");
	run(f, "CREATE TABLE secrets (id int PRIMARY KEY, \"Pass\"\"word\" text, n int)");
	capture(f, 0, NULL, "secrets")->exclude = LIST("Pass\"word", "id");
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30); "
	       "INSERT INTO secrets VALUES (1, 'hidden', 2)");
	assert_string_equal(events(f), "insert|users|{\"id\":1}|-|{\"id\":1,\"age\":30}|-\n"
				       "insert|secrets|{\"id\":1}|-|{\"id\":1,\"n\":2}|-");
	run(f, "UPDATE users SET name = 'Bob'; UPDATE secrets SET \"Pass\"\"word\" = 'x'");
	assert_string_equal(events(f), "");
	run(f, "ALTER TABLE secrets ADD COLUMN added int; UPDATE secrets SET added = 5");
	assert_has(events(f), "{\"id\":1,\"n\":2,\"added\":5}");
}

static void row_filters_apply_per_operation(void **state)
{
	struct fixture *f = *state;
	struct table_settings *t = users(f);

	t->where[OP_INSERT] = (char *)(uintptr_t) "NEW.age > 18 -- adults";
	t->where[OP_UPDATE] = (char *)(uintptr_t) "NEW.age > OLD.age";
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'kid', 3), (2, 'Ann', 30); "
	       "UPDATE users SET age = age - 1; UPDATE users SET age = 31 WHERE id = 2; "
	       "DELETE FROM users WHERE id = 1");
	assert_string_equal(
		rows(f, "SELECT operation, row_key FROM app_db_listener.outbox ORDER BY id"),
		"insert|{\"id\":2}\nupdate|{\"id\":2}\ndelete|{\"id\":1}");
}

static void each_pipeline_has_rows_and_ids_of_its_own(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 1, NULL, "users");
	capture(f, 2, NULL, "users");
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30); TRUNCATE users");
	assert_string_equal(rows(f, "SELECT pipeline, id, operation FROM app_db_listener.outbox "
				    "ORDER BY 1, 2"),
			    "a_pipeline_whose_name_has_forty_bytes_00|1|insert\n"
			    "a_pipeline_whose_name_has_forty_bytes_00|2|truncate\n"
			    "default|1|insert\ndefault|2|truncate\n"
			    "second|1|insert\nsecond|2|truncate");
}

static void every_way_of_writing_is_seen(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, "
	       "n int GENERATED BY DEFAULT AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) "
	       "STORED)");
	capture(f, 0, NULL, "users");
	install(f);
	run(f, "COPY users (id, name) FROM PROGRAM 'printf ''1\\tAnn\\n2\\tBob\\n'''");
	run(f, "INSERT INTO users (id, name) VALUES (1, 'Eve') ON CONFLICT (id) DO UPDATE SET "
	       "name = EXCLUDED.name");
	run(f, "MERGE INTO users u USING (VALUES (2, 'x'), (3, 'Cid')) v(id, name) ON u.id = v.id "
	       "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, name) VALUES (v.id, "
	       "v.name)");
	assert_string_equal(
		rows(f, "SELECT operation, row_key, coalesce(data, old_data)::json ->> 'twice' "
			"FROM app_db_listener.outbox ORDER BY id"),
		"insert|{\"id\":1}|2\ninsert|{\"id\":2}|4\nupdate|{\"id\":1}|2\n"
		"delete|{\"id\":2}|4\ninsert|{\"id\":3}|6");
}

static void foreign_key_cascades_are_seen(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f,
	    "CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES users ON DELETE CASCADE)");
	capture(f, 0, NULL, "pets");
	install(f);
	run(f, "INSERT INTO users VALUES (1); INSERT INTO pets VALUES (5, 1)");
	(void)events(f);
	run(f, "DELETE FROM users");
	assert_has(events(f), "delete|pets|{\"id\":5}");
	run(f, "TRUNCATE users CASCADE");
	assert_string_equal(events(f), "truncate|users|-|-|-|-\ntruncate|pets|-|-|-|-");
}

static void the_replica_role_is_seen_only_with_always(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 1, NULL, "users");
	f->pipelines[1].always = true;
	install(f);
	run(f, "SET session_replication_role = replica; INSERT INTO users VALUES (1); "
	       "TRUNCATE users; RESET session_replication_role");
	assert_string_equal(
		rows(f, "SELECT pipeline, operation FROM app_db_listener.outbox ORDER BY id"),
		"second|insert\nsecond|truncate");
}

/* ---- partitions ---- */

static void partitioned(struct fixture *f)
{
	run(f,
	    "CREATE TABLE m (id int, at int, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
	    "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10);"
	    "CREATE TABLE m2 PARTITION OF m FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);"
	    "CREATE TABLE m2d PARTITION OF m2 DEFAULT;"
	    "CREATE TABLE m3 (v text, gone int, at int NOT NULL, id int NOT NULL);"
	    "ALTER TABLE m3 DROP COLUMN gone");
	capture(f, 0, NULL, "m");
	install(f);
}

static void events_of_partitions_carry_the_name_of_the_root(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "INSERT INTO m VALUES (1, 1, 'a'); INSERT INTO m1 VALUES (2, 2, 'b'); "
	       "INSERT INTO m2d VALUES (3, 13, 'c')");
	assert_string_equal(
		rows(f, "SELECT operation, table_name, row_key FROM app_db_listener.outbox "
			"ORDER BY id"),
		"insert|m|{\"id\":1,\"at\":1}\ninsert|m|{\"id\":2,\"at\":2}\n"
		"insert|m|{\"id\":3,\"at\":13}");
}

static void a_move_between_partitions_is_a_delete_and_an_insert(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "INSERT INTO m VALUES (1, 1, 'a')");
	(void)events(f);
	run(f, "UPDATE m SET at = 12");
	assert_string_equal(events(f),
			    "delete|m|{\"id\":1,\"at\":1}|-|-|{\"id\":1,\"at\":1,\"v\":\"a\"}\n"
			    "insert|m|{\"id\":1,\"at\":12}|-|{\"id\":1,\"at\":12,\"v\":\"a\"}|-");
}

static void attached_partitions_are_captured_and_detached_ones_are_not(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "ALTER TABLE m ATTACH PARTITION m3 FOR VALUES FROM (20) TO (30); "
	       "INSERT INTO m VALUES (4, 24, 'd')");
	assert_has(events(f), "insert|m|{\"id\":4,\"at\":24}|-|{\"v\":\"d\",\"at\":24,\"id\":4}");
	run(f, "ALTER TABLE m DETACH PARTITION m3; INSERT INTO m3 (id, at) VALUES (5, 25)");
	assert_string_equal(events(f), "");
}

static void a_partition_truncated_alone_is_told_by_its_own_name(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "TRUNCATE m1");
	assert_string_equal(events(f), "truncate|m1|-|-|-|-");
	run(f, "TRUNCATE m");
	assert_has(events(f), "truncate|m|-|-|-|-");
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

/* ---- never hurt the application ---- */

static void a_dropped_or_renamed_key_column_does_not_fail_writes(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 1)");
	run(f, "ALTER TABLE users RENAME id TO number");
	run(f, "INSERT INTO users VALUES (2, 'Bob', 2)");
	run(f, "UPDATE users SET age = 5; DELETE FROM users WHERE number = 1");
	run(f, "ALTER TABLE users DROP COLUMN number");
	run(f, "INSERT INTO users VALUES ('Cid', 3); TRUNCATE users");
	assert_string_equal(rows(f, "SELECT operation, row_key FROM app_db_listener.outbox "
				    "ORDER BY id"),
			    "insert|{\"id\":1}\ninsert|{\"id\":null}\nupdate|{\"id\":null}\n"
			    "update|{\"id\":null}\ndelete|{\"id\":null}\ninsert|{\"id\":null}\n"
			    "truncate|-");
	assert_has(check(f), "WARN public.users: ");
}

static void a_column_whose_type_changes_does_not_fail_open_sessions(void **state)
{
	struct fixture *f = *state;
	PGconn *other;

	users(f)->columns = LIST("age");
	capture(f, 1, NULL, "users");
	install(f);
	other = fixture_connect(f->database, "postgres");
	run_on(other, "INSERT INTO users VALUES (1, 'a', 1)");
	run(f, "ALTER TABLE users ALTER id TYPE bigint; ALTER TABLE users ALTER age TYPE text");
	run_on(other, "INSERT INTO users VALUES (2, 'b', 'x'); UPDATE users SET age = 'y'");
	run(f, "ALTER TABLE users ADD COLUMN j json");
	run_on(other, "UPDATE users SET j = '[]'; UPDATE users SET j = '[ ]'; DELETE FROM users");
	PQfinish(other);
}

static void json_that_the_server_cannot_take_apart_is_still_captured(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE docs (id int PRIMARY KEY, j json, n int)");
	capture(f, 0, NULL, "docs");
	capture(f, 1, NULL, "docs")->exclude = LIST("n");
	install(f);
	run(f,
	    "INSERT INTO docs VALUES (1, '{\"a\":\"\\u0000\\ud800\"}', 1); UPDATE docs SET n = 2; "
	    "DELETE FROM docs");
	assert_string_equal(
		rows(f, "SELECT pipeline, operation, row_key, coalesce(data, old_data) FROM "
			"app_db_listener.outbox ORDER BY pipeline, id"),
		"default|insert|{\"id\":1}|{\"id\":1,\"j\":{\"a\":\"\\u0000\\ud800\"},\"n\":1}\n"
		"default|update|{\"id\":1}|{\"id\":1,\"j\":{\"a\":\"\\u0000\\ud800\"},\"n\":2}\n"
		"default|delete|{\"id\":1}|{\"id\":1,\"j\":{\"a\":\"\\u0000\\ud800\"},\"n\":2}\n"
		"second|insert|{\"id\":1}|{\"id\":1,\"j\":{\"a\":\"\\u0000\\ud800\"}}\n"
		"second|delete|{\"id\":1}|{\"id\":1,\"j\":{\"a\":\"\\u0000\\ud800\"}}");
}

static void deeply_nested_json_does_not_fail_writes(void **state)
{
	struct fixture *f = *state;
	char sql[256];
	int depth, low = 1000, high = 100000;

	run(f, "CREATE TABLE docs (id int PRIMARY KEY, j json)");
	/* the deepest that the column takes, up to a handful */
	while (high - low > 4) {
		depth = (low + high) / 2;
		(void)snprintf(sql, sizeof(sql),
			       "INSERT INTO docs VALUES (%d, (repeat('[', %d) || repeat(']', %d))"
			       "::json)",
			       depth, depth, depth);
		if (*try_on(f->super, sql))
			high = depth;
		else
			low = depth;
	}
	capture(f, 0, NULL, "docs");
	install(f);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO docs VALUES (0, (repeat('[', %d) || repeat(']', %d))::json)",
		       low, low);
	run(f, sql);
	assert_string_equal(rows(f, "SELECT operation, row_key FROM app_db_listener.outbox"),
			    "insert|{\"id\":0}");
}

static void a_role_without_any_rights_on_the_outbox_can_write(void **state)
{
	struct fixture *f = *state;
	PGconn *app;

	run(f, "DROP ROLE IF EXISTS adbl_app; CREATE ROLE adbl_app LOGIN; "
	       "CREATE TABLE t (id int PRIMARY KEY, secret text); "
	       "GRANT INSERT (id), SELECT (id), UPDATE (id) ON t TO adbl_app; "
	       "ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; "
	       "CREATE POLICY p ON t USING (true)");
	capture(f, 0, NULL, "t");
	install(f);
	app = fixture_connect(f->database, "adbl_app");
	run_on(app, "SET row_security = off");
	run_on(app, "SET row_security = on; INSERT INTO t VALUES (1); UPDATE t SET id = 2");
	assert_string_equal(try_on(app, "SELECT * FROM app_db_listener.outbox"), "42501");
	assert_string_equal(try_on(app, "INSERT INTO app_db_listener.outbox DEFAULT VALUES"),
			    "42501");
	PQfinish(app);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "2");
	run(f, "DROP OWNED BY adbl_app; DROP ROLE adbl_app");
}

static void shadowed_functions_and_operators_are_not_called(void **state)
{
	struct fixture *f = *state;
	PGconn *app;

	run(f, "DROP ROLE IF EXISTS adbl_evil; CREATE ROLE adbl_evil LOGIN; "
	       "CREATE SCHEMA evil AUTHORIZATION adbl_evil; CREATE TABLE t (id int PRIMARY KEY, "
	       "name text); GRANT ALL ON t TO adbl_evil; CREATE TABLE seen (who text); "
	       "GRANT ALL ON seen TO adbl_evil");
	f->source.max_event_bytes = 1024;
	capture(f, 0, NULL, "t");
	install(f);
	app = fixture_connect(f->database, "adbl_evil");
	run_on(app,
	       "SET search_path = evil, pg_catalog, public;"
	       "CREATE FUNCTION evil.hit(text) RETURNS text LANGUAGE plpgsql AS "
	       "$$BEGIN INSERT INTO public.seen VALUES ($1); RETURN $1; END$$;"
	       "CREATE FUNCTION evil.row_to_json(record) RETURNS json LANGUAGE plpgsql AS "
	       "$$BEGIN PERFORM evil.hit('row_to_json'); RETURN '{}'; END$$;"
	       "CREATE FUNCTION evil.pg_column_size(anyelement) RETURNS int LANGUAGE plpgsql AS "
	       "$$BEGIN PERFORM evil.hit('size'); RETURN 1; END$$;"
	       "CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE plpgsql AS "
	       "$$BEGIN PERFORM evil.hit('lower'); RETURN 'x'; END$$;"
	       "CREATE FUNCTION evil.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS "
	       "$$BEGIN PERFORM evil.hit('nextval'); RETURN 1; END$$;"
	       "CREATE FUNCTION evil.same(text, text) RETURNS bool LANGUAGE plpgsql AS "
	       "$$BEGIN PERFORM evil.hit('='); RETURN false; END$$;"
	       "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);"
	       "CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);"
	       "CREATE TEMP TABLE outbox (id int); CREATE TEMP TABLE pg_class (oid int);"
	       "INSERT INTO public.t VALUES (1, 'a'), (2, pg_catalog.repeat('x', 90000));"
	       "UPDATE public.t SET name = 'b'; DELETE FROM public.t");
	PQfinish(app);
	assert_string_equal(rows(f, "SELECT * FROM seen"), "");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "6");
	run(f, "DROP OWNED BY adbl_evil; DROP ROLE adbl_evil");
}

static void nobody_else_may_attach_the_function_to_a_table(void **state)
{
	struct fixture *f = *state;
	PGconn *app;

	users(f);
	install(f);
	run(f, "DROP ROLE IF EXISTS adbl_own; CREATE ROLE adbl_own LOGIN; CREATE SCHEMA s "
	       "AUTHORIZATION adbl_own; "
	       "GRANT USAGE ON SCHEMA app_db_listener TO adbl_own");
	app = fixture_connect(f->database, "adbl_own");
	run_on(app, "CREATE TABLE s.mine (id int)");
	assert_string_equal(
		try_on(app,
		       "CREATE TRIGGER x AFTER INSERT ON s.mine FOR EACH ROW EXECUTE FUNCTION "
		       "app_db_listener.capture('default','a','b','1024','','all','','','','')"),
		"42501");
	PQfinish(app);
	run(f, "DROP OWNED BY adbl_own; DROP ROLE adbl_own");
}

static void listening_daemons_are_woken_only_while_they_sleep(void **state)
{
	struct fixture *f = *state;
	PGconn *d;
	PGnotify *n;

	users(f);
	install(f);
	d = fixture_connect(f->database, "postgres");
	run_on(d, "LISTEN app_db_listener");
	run(f, "INSERT INTO users VALUES (1)");
	run_on(d, "SELECT pg_advisory_lock(1633968748, 1)");
	assert_null(PQnotifies(d));
	run(f, "INSERT INTO users VALUES (2), (3)");
	run_on(d, "SELECT 1");
	n = PQnotifies(d);
	assert_non_null(n);
	assert_string_equal(n->relname, "app_db_listener");
	PQfreemem(n);
	assert_null(PQnotifies(d));
	PQfinish(d);
}

static void a_rolled_back_write_leaves_no_event(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "BEGIN; INSERT INTO users VALUES (1); SAVEPOINT s; INSERT INTO users VALUES (2); "
	       "ROLLBACK TO s; INSERT INTO users VALUES (3); COMMIT; BEGIN; DELETE FROM users; "
	       "ROLLBACK");
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener.outbox ORDER BY id"),
			    "{\"id\":1}\n{\"id\":3}");
}

static void a_cancelled_statement_stays_cancelled(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "SET statement_timeout = 100");
	assert_string_equal(try_on(f->super, "INSERT INTO users SELECT g, repeat('x', 70000) FROM "
					     "generate_series(1, 100000) g"),
			    "57014");
	run(f, "RESET statement_timeout");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_operation_is_recorded_with_its_null_rules),
		TEST(bytes_and_the_other_columns_are_filled),
		TEST(an_update_that_changes_nothing_makes_no_event),
		TEST(a_key_that_changes_is_told_with_the_old_one),
		TEST(composite_keys_keep_the_order_of_the_index),
		TEST(a_configured_key_replaces_the_primary_key_and_may_be_null),
		TEST(a_table_without_a_key_has_null_keys),
		TEST(columns_and_exclude_choose_what_leaves_the_database),
		TEST(row_filters_apply_per_operation),
		TEST(each_pipeline_has_rows_and_ids_of_its_own),
		TEST(every_way_of_writing_is_seen),
		TEST(foreign_key_cascades_are_seen),
		TEST(the_replica_role_is_seen_only_with_always),
		TEST(events_of_partitions_carry_the_name_of_the_root),
		TEST(a_move_between_partitions_is_a_delete_and_an_insert),
		TEST(attached_partitions_are_captured_and_detached_ones_are_not),
		TEST(a_partition_truncated_alone_is_told_by_its_own_name),
		TEST(values_of_every_kind_are_written_as_json),
		TEST(the_key_of_a_row_is_the_same_text_in_every_session),
		TEST(odd_identifiers_are_kept),
		TEST(rows_over_the_cap_become_key_only_events),
		TEST(growth_by_escaping_counts_against_the_cap),
		TEST(a_row_of_100_mb_is_a_key_only_event),
		TEST(a_row_that_hides_its_size_by_compression_is_cut_too),
		TEST(excluding_the_large_column_brings_the_whole_rest),
		TEST(a_dropped_or_renamed_key_column_does_not_fail_writes),
		TEST(a_column_whose_type_changes_does_not_fail_open_sessions),
		TEST(json_that_the_server_cannot_take_apart_is_still_captured),
		TEST(deeply_nested_json_does_not_fail_writes),
		TEST(a_role_without_any_rights_on_the_outbox_can_write),
		TEST(shadowed_functions_and_operators_are_not_called),
		TEST(nobody_else_may_attach_the_function_to_a_table),
		TEST(listening_daemons_are_woken_only_while_they_sleep),
		TEST(a_rolled_back_write_leaves_no_event),
		TEST(a_cancelled_statement_stays_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
