/* SPDX-License-Identifier: MIT */
/* Who may install, and who may do what afterwards. */
#include "pg_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

/* ---- roles ---- */

static void the_daemons_role_gets_what_it_needs_and_the_function(void **state)
{
	struct fixture *f = *state;
	PGconn *d;

	run(f, "DROP ROLE IF EXISTS \"adbl Daemon\"; CREATE ROLE \"adbl Daemon\" LOGIN");
	users(f);
	f->source.user = (char *)(uintptr_t) "adbl Daemon";
	f->options.user = "postgres";
	install(f);
	assert_string_equal(
		rows(f, "SELECT proowner::regrole FROM pg_proc WHERE proname = 'capture'"),
		"\"adbl Daemon\"");
	run(f, "INSERT INTO users VALUES (1, 'x')");
	d = fixture_connect(f->database, "adbl Daemon");
	run_on(d,
	       "SELECT * FROM app_db_listener.install, app_db_listener.captured; "
	       "INSERT INTO app_db_listener.dead_letter SELECT id, pipeline, operation, "
	       "schema_name, table_name, row_key, old_key, changed_at, truncated, data, old_data, "
	       "1, 400, 'x' FROM app_db_listener.outbox; DELETE FROM app_db_listener.outbox; "
	       "SELECT nextval('app_db_listener.outbox_id_seq')");
	assert_string_equal(try_on(d, "SELECT * FROM users"), "42501");
	PQfinish(d);
	f->options.user = NULL;
	assert_lacks(check(f), "FAIL");
	run(f, "REVOKE DELETE ON app_db_listener.outbox FROM \"adbl Daemon\"");
	assert_has(check(f), "FAIL role adbl Daemon: may not DELETE on app_db_listener.outbox");
	f->options.user = "postgres";
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, "DROP OWNED BY \"adbl Daemon\"; DROP ROLE \"adbl Daemon\"");
}

static void a_role_that_does_not_exist_is_said_before_anything_is_made(void **state)
{
	struct fixture *f = *state;

	users(f);
	f->source.user = (char *)(uintptr_t) "nobody_there";
	f->options.user = "postgres";
	assert_int_equal(try_install(f), ERR_NOT_FOUND);
	assert_has(f->err.msg, "\"nobody_there\" does not exist");
	assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
				    "'app_db_listener'"),
			    "0");
}

static void an_owner_without_superuser_can_install(void **state)
{
	struct fixture *f = *state;
	PGconn *o;
	char sql[128];

	run(f, "DROP ROLE IF EXISTS adbl_owner; CREATE ROLE adbl_owner LOGIN");
	(void)snprintf(sql, sizeof(sql), "GRANT CREATE ON DATABASE %s TO adbl_owner", f->database);
	run(f, sql);
	users(f);
	run(f, "ALTER TABLE users OWNER TO adbl_owner");
	f->source.user = (char *)(uintptr_t) "adbl_owner";
	f->pipelines[0].always = true;
	install(f);
	install(f);
	f->pipelines[0].always = false;
	install(f);
	o = fixture_connect(f->database, "adbl_owner");
	run_on(o, "INSERT INTO users VALUES (1)");
	PQfinish(o);
	assert_lacks(check(f), "FAIL");
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, "DROP OWNED BY adbl_owner; DROP ROLE adbl_owner");
}

static void a_schema_that_somebody_else_prepared_is_refused(void **state)
{
	struct fixture *f = *state;

	run(f, "DROP ROLE IF EXISTS adbl_squat; CREATE ROLE adbl_squat; "
	       "CREATE SCHEMA app_db_listener AUTHORIZATION adbl_squat");
	users(f);
	assert_int_equal(try_install(f), ERR_DENIED);
	assert_has(f->err.msg, "belongs to adbl_squat");
	run(f, "DROP OWNED BY adbl_squat; DROP ROLE adbl_squat");
}

static void missing_rights_are_an_error_and_nothing_is_installed(void **state)
{
	struct fixture *f = *state;

	run(f, "DROP ROLE IF EXISTS adbl_weak; CREATE ROLE adbl_weak LOGIN");
	users(f);
	f->options.user = "adbl_weak";
	assert_int_equal(try_install(f), ERR_DENIED);
	assert_has(check(f), "FAIL install: this role may not install");
	assert_has(check(f),
		   "WARN public.users: the installing role may not create triggers on it");
	run(f, "DROP ROLE adbl_weak");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_daemons_role_gets_what_it_needs_and_the_function),
		TEST(a_role_that_does_not_exist_is_said_before_anything_is_made),
		TEST(an_owner_without_superuser_can_install),
		TEST(a_schema_that_somebody_else_prepared_is_refused),
		TEST(missing_rights_are_an_error_and_nothing_is_installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
