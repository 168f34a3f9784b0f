/* SPDX-License-Identifier: MIT */
/* What the capture records of the application's statements. */
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

static void a_partition_truncated_alone_is_an_event_of_its_root_that_names_it(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "TRUNCATE m1");
	assert_string_equal(rows(f, "SELECT schema_name, bytes FROM app_db_listener.outbox"),
			    "public|12");
	assert_string_equal(events(f), "truncate|m|-|-|\"m1\"|\"public\"");
	run(f, "TRUNCATE m2");
	assert_string_equal(events(f), "truncate|m|-|-|\"m2\"|\"public\"\n"
				       "truncate|m|-|-|\"m2d\"|\"public\"");
	run(f, "TRUNCATE m");
	assert_has(events(f), "truncate|m|-|-|-|-\ntruncate|m|-|-|\"m1\"|\"public\"\n");
}

/* It is not the root's any more, nor the root's trigger's: its name says so. */
static void a_detached_partition_or_renamed_root_goes_by_its_own_name(void **state)
{
	struct fixture *f = *state;

	partitioned(f);
	run(f, "ALTER TABLE m DETACH PARTITION m2; TRUNCATE m2");
	assert_string_equal(events(f), "truncate|m2|-|-|-|-\ntruncate|m2d|-|-|-|-");
	run(f, "ALTER TABLE m RENAME TO n; TRUNCATE m1");
	assert_string_equal(events(f), "truncate|m1|-|-|-|-");
}

static void without_a_look_into_the_catalog_it_goes_by_its_own_name(void **state)
{
	struct fixture *f = *state;
	char sql[128];
	PGconn *c;

	run(f, "DROP ROLE IF EXISTS adbl_blind; CREATE ROLE adbl_blind LOGIN");
	(void)snprintf(sql, sizeof(sql), "GRANT CREATE ON DATABASE %s TO adbl_blind", f->database);
	run(f, sql);
	f->source.user = (char *)(uintptr_t) "adbl_blind";
	f->options.user = "postgres";
	partitioned(f);
	c = fixture_connect(f->database, fixture_env("TEST_PG_USER"));
	run_on(c, "REVOKE SELECT ON pg_class FROM PUBLIC; TRUNCATE m1; "
		  "GRANT SELECT ON pg_class TO PUBLIC; TRUNCATE m1");
	PQfinish(c);
	assert_string_equal(events(f), "truncate|m1|-|-|-|-\n"
				       "truncate|m|-|-|\"m1\"|\"public\"");
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, "DROP OWNED BY adbl_blind; DROP ROLE adbl_blind");
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
		TEST(a_partition_truncated_alone_is_an_event_of_its_root_that_names_it),
		TEST(a_detached_partition_or_renamed_root_goes_by_its_own_name),
		TEST(without_a_look_into_the_catalog_it_goes_by_its_own_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
