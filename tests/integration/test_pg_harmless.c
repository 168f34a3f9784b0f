/* SPDX-License-Identifier: MIT */
/* The capture never fails, blocks or endangers the application. */
#include "pg_fixture.h"

static struct table_settings *users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, age int)");
	return capture(f, 0, NULL, "users");
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

/* A really full queue has 8 GB: tests/e2e/soak_notify_queue.sh. Here the server's functions are
 * replaced by ones that behave as with one. */
static void a_queue_that_is_half_full_is_left_alone(void **state)
{
	struct fixture *f = *state;
	PGconn *asleep, *app;

	users(f);
	install(f);
	run(f, "SET allow_system_table_mods = on; "
	       "ALTER FUNCTION pg_catalog.pg_notify(text, text) RENAME TO pg_notify_real; "
	       "ALTER FUNCTION pg_catalog.pg_notification_queue_usage() RENAME TO usage_real; "
	       "CREATE FUNCTION pg_catalog.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS "
	       "$$BEGIN RAISE program_limit_exceeded USING MESSAGE = 'too many notifications'; "
	       "END$$; CREATE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS float8 "
	       "LANGUAGE sql AS 'SELECT 0.5::float8'");
	asleep = fixture_connect(f->database, "postgres");
	run_on(asleep, "SELECT pg_advisory_lock(1633968748, 1)");
	app = fixture_connect(f->database, "postgres");
	run_on(app, "INSERT INTO users VALUES (1)");
	run(f, "CREATE OR REPLACE FUNCTION pg_catalog.pg_notification_queue_usage() RETURNS float8 "
	       "LANGUAGE sql AS 'SELECT 0.49::float8'");
	assert_string_equal(try_on(app, "INSERT INTO users VALUES (2)"), "54000");
	PQfinish(app);
	PQfinish(asleep);
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
	/* the setting goes with the statement */
	assert_string_equal(try_on(f->super,
				   "SET statement_timeout = 100; INSERT INTO users SELECT g, "
				   "repeat('x', 70000) FROM generate_series(1, 100000) g"),
			    "57014");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_dropped_or_renamed_key_column_does_not_fail_writes),
		TEST(a_column_whose_type_changes_does_not_fail_open_sessions),
		TEST(json_that_the_server_cannot_take_apart_is_still_captured),
		TEST(deeply_nested_json_does_not_fail_writes),
		TEST(a_role_without_any_rights_on_the_outbox_can_write),
		TEST(shadowed_functions_and_operators_are_not_called),
		TEST(nobody_else_may_attach_the_function_to_a_table),
		TEST(listening_daemons_are_woken_only_while_they_sleep),
		TEST(a_queue_that_is_half_full_is_left_alone),
		TEST(a_rolled_back_write_leaves_no_event),
		TEST(a_cancelled_statement_stays_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
