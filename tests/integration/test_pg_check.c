/* SPDX-License-Identifier: MIT */
/* check: every finding by its cause, and that nothing is changed. */
#include "pg_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

static void a_good_installation_has_nothing_but_ok(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	assert_lacks(check(f), "FAIL");
	assert_lacks(check(f), "WARN");
	assert_has(check(f), "ok connection: connected to PostgreSQL 1");
	assert_has(check(f), "ok public.users: 4 triggers for pipeline default");
}

static void before_install_the_tables_are_looked_at_already(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE log (line text)");
	capture(f, 0, NULL, "log");
	capture(f, 0, NULL, "usres");
	assert_has(check(f), "FAIL app_db_listener: nothing is installed (run install)");
	assert_has(check(f), "WARN public.log: has no primary key");
	assert_has(check(f), "FAIL public.usres: no such table (did you mean public.users?)");
}

static void check_changes_nothing(void **state)
{
	static const char sql[] =
		"SELECT (SELECT md5(string_agg(x::text, ',' ORDER BY x::text)) FROM ("
		"SELECT t.xmin::text || t.oid AS x FROM pg_class t UNION ALL SELECT t.xmin::text "
		"|| "
		"t.oid FROM pg_trigger t UNION ALL SELECT t.xmin::text || t.oid FROM pg_proc t "
		"UNION ALL SELECT t.xmin::text || t.oid FROM pg_namespace t) s), "
		"(SELECT xact_commit > 0 FROM pg_stat_database WHERE datname = "
		"current_database()), "
		"pg_current_wal_insert_lsn()";
	struct fixture *f = *state;
	char *before;
	int i;

	users(f);
	f->tables[0][0].where[OP_UPDATE] = (char *)(uintptr_t) "NEW.id > OLD.id";
	for (i = 0; i < 2; i++) {
		run(f, "CHECKPOINT");
		before = mem_strdup(rows(f, sql));
		assert_non_null(before);
		*strrchr(before, '|') = '\0'; /* other processes of the server write WAL too */
		(void)check(f);
		assert_has(rows(f, sql), before);
		mem_free(before);
		install(f);
	}
}

static const struct damage {
	const char *sql, *finding;
} damages[] = {
	{"DROP TRIGGER \"!app_db_listener_default_insert\" ON users",
	 "FAIL public.users: 1 of 4 triggers of pipeline default are missing: changes are "
	 "lost"},
	{"ALTER TABLE users DISABLE TRIGGER USER",
	 "FAIL public.users: 4 of 4 triggers of pipeline default are disabled"},
	{"ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50",
	 "FAIL app_db_listener.outbox_id_seq: has CACHE 50"},
	{"ALTER SEQUENCE app_db_listener.outbox_id_seq CYCLE",
	 "FAIL app_db_listener.outbox_id_seq: may start over"},
	{"ALTER TABLE app_db_listener.outbox SET (autovacuum_enabled = false)",
	 "WARN app_db_listener.outbox: autovacuum is off"},
	{"ALTER TABLE app_db_listener.outbox RESET (autovacuum_vacuum_scale_factor)",
	 "WARN app_db_listener.outbox: its autovacuum settings were changed"},
	{"ALTER TABLE app_db_listener.outbox RESET (vacuum_truncate)",
	 "WARN app_db_listener.outbox: VACUUM may truncate it, and locks out all writers"},
	{"ALTER TABLE app_db_listener.outbox SET (toast.vacuum_truncate = true)",
	 "WARN app_db_listener.outbox: VACUUM may truncate its TOAST table"},
	{"DROP TABLE app_db_listener.dead_letter",
	 "FAIL app_db_listener: table dead_letter is missing"},
	{"DELETE FROM app_db_listener.install", "FAIL default: this pipeline is not installed"},
	{"UPDATE app_db_listener.install SET version = 0",
	 "FAIL default: installed by another version"},
	{"GRANT EXECUTE ON FUNCTION app_db_listener.capture() TO PUBLIC",
	 "FAIL app_db_listener.capture: anybody may call it"},
	{"CREATE OR REPLACE FUNCTION app_db_listener.capture() RETURNS trigger LANGUAGE plpgsql "
	 "SECURITY DEFINER AS 'BEGIN RETURN NULL; END'",
	 "WARN app_db_listener.capture: is not the function that this version installs"},
	{"ALTER TABLE users ADD COLUMN more int",
	 "WARN public.users: its columns changed since it was installed"},
	{"ALTER TABLE users DROP CONSTRAINT users_pkey", "WARN public.users: has no primary key"},
	{"ALTER TABLE users RENAME id TO number", "FAIL public.users: 3 of 4 triggers of "
						  "pipeline default are not as configured"},
	{"DROP TABLE users", "WARN public.users: the table is gone"},
	{"ALTER TABLE users RENAME TO people",
	 "WARN public.people: trigger !app_db_listener_default_insert captures what is not"},
	{"CREATE TABLE child () INHERITS (users)", "WARN public.users: has the child table "
						   "public.child"},
	{"CREATE TYPE odd AS (a int); CREATE FUNCTION to_j(odd) RETURNS json LANGUAGE sql "
	 "AS "
	 "$$SELECT '{}'::json$$; CREATE CAST (odd AS json) WITH FUNCTION to_j(odd); "
	 "ALTER TABLE users ADD COLUMN o odd",
	 "WARN public.users: column o has a type with a cast to json written in sql"},
	{"INSERT INTO app_db_listener.install VALUES ('former', DEFAULT, 1); INSERT INTO "
	 "app_db_listener.outbox (id, pipeline, operation, schema_name, table_name, bytes) "
	 "VALUES (1, 'former', 'truncate', 'a', 'b', 0)",
	 "WARN former: has undelivered events, but is not configured"},
};

static void each_damage_is_told(void **state)
{
	struct fixture *f = *state;
	size_t i;

	users(f);
	for (i = 0; i < ARRAY_LEN(damages); i++) {
		install(f);
		run(f, "BEGIN");
		run(f, "COMMIT");
		assert_lacks(check(f), damages[i].finding);
		run(f, damages[i].sql);
		assert_has(check(f), damages[i].finding);
		run(f, "DROP TABLE IF EXISTS child, users, people CASCADE; "
		       "DROP SCHEMA app_db_listener CASCADE; DROP TYPE IF EXISTS odd CASCADE; "
		       "CREATE TABLE users (id int PRIMARY KEY, name text)");
	}
}

static void a_changed_configuration_is_drift(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	f->tables[0][0].where[OP_DELETE] = (char *)(uintptr_t) "OLD.id > 1";
	assert_has(check(f), "FAIL public.users: 1 of 4 triggers of pipeline default are not as");
	f->tables[0][0].where[OP_DELETE] = (char *)(uintptr_t) "OLD.nothing > 1";
	assert_has(check(f), "FAIL public.users: public.users, pipeline default, where for delete: "
			     "column old.nothing does not exist");
	f->tables[0][0].where[OP_DELETE] = NULL;
	f->source.max_event_bytes *= 2;
	assert_has(check(f), "FAIL public.users: 4 of 4");
	f->source.max_event_bytes /= 2;
	f->pipelines[0].always = true;
	assert_has(check(f),
		   "4 of 4 triggers of pipeline default are disabled or not ENABLE ALWAYS");
	f->pipelines[0].always = false;
	f->pipelines[0].operations[OP_UPDATE] = false;
	assert_has(check(f),
		   "WARN public.users: trigger !app_db_listener_default_update captures what "
		   "is not configured");
}

static void a_new_partition_without_its_truncate_trigger_is_told(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE m (id int PRIMARY KEY) PARTITION BY RANGE (id); "
	       "CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (1)");
	capture(f, 0, NULL, "m");
	install(f);
	run(f, "CREATE TABLE m2 PARTITION OF m DEFAULT");
	assert_has(check(f), "FAIL public.m: 1 of 6 triggers of pipeline default are missing");
	run(f, "DROP TABLE m2; ALTER TABLE m DETACH PARTITION m1");
	assert_has(check(f),
		   "WARN public.m1: trigger !app_db_listener_default_truncate captures what "
		   "is not configured");
	install(f);
	assert_lacks(check(f), "WARN");
}

static void a_server_that_cannot_be_reached_is_a_finding_and_an_error(void **state)
{
	struct fixture *f = *state;

	users(f);
	f->source.port = 1;
	buf_reset(&f->findings);
	assert_int_equal(source_admin_postgres.check(&f->settings, 0, &f->options, &f->err),
			 ERR_UNAVAILABLE);
	assert_has(buf_str(&f->findings), "FAIL connection: cannot connect");
	assert_has(f->err.msg, "cannot connect");
}

static void a_wrong_database_is_told(void **state)
{
	struct fixture *f = *state;

	f->source.database = (char *)(uintptr_t) "not_there";
	assert_int_equal(source_admin_postgres.check(&f->settings, 0, &f->options, &f->err),
			 ERR_NOT_FOUND);
	assert_has(f->err.msg, "\"not_there\" does not exist");
}

static void the_ops_of_a_type_are_found(void **state)
{
	(void)state;
	assert_ptr_equal(source_admin_find(SOURCE_POSTGRES), &source_admin_postgres);
	assert_ptr_equal(source_admin_find(SOURCE_MYSQL), &source_admin_mysql);
	assert_ptr_equal(source_admin_find(SOURCE_SQLITE), &source_admin_sqlite);
	assert_null(source_admin_find(SOURCE_FAKE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_installation_has_nothing_but_ok),
		TEST(before_install_the_tables_are_looked_at_already),
		TEST(check_changes_nothing),
		TEST(each_damage_is_told),
		TEST(a_changed_configuration_is_drift),
		TEST(a_new_partition_without_its_truncate_trigger_is_told),
		TEST(a_server_that_cannot_be_reached_is_a_finding_and_an_error),
		TEST(a_wrong_database_is_told),
		cmocka_unit_test(the_ops_of_a_type_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
