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

/* ---- privileges that are taken away ---- */

static void two_roles(struct fixture *f)
{
	run(f, "DROP ROLE IF EXISTS adbl_daemon; DROP ROLE IF EXISTS adbl_app; "
	       "CREATE ROLE adbl_daemon LOGIN; CREATE ROLE adbl_app LOGIN");
	users(f);
	run(f, "GRANT ALL ON users TO adbl_app");
	f->source.user = (char *)(uintptr_t) "adbl_daemon";
}

static void drop_roles(struct fixture *f)
{
	run(f, "DROP OWNED BY adbl_app, adbl_daemon; DROP ROLE adbl_app, adbl_daemon");
}

/* An application's session that begins now writes in every way; "" or how it failed. */
static const char *try_writes(const struct fixture *f)
{
	PGconn *app = fixture_connect(f->database, "adbl_app");
	const char *state = try_on(app, "INSERT INTO users VALUES (1, 'x'); "
					"UPDATE users SET name = repeat('y', 100000); "
					"DELETE FROM users; TRUNCATE users");

	PQfinish(app);
	return state;
}

#define OUTBOX "app_db_listener.outbox"
#define SEQUENCE "app_db_listener.outbox_id_seq"

/* What fails the writes, the finding, and what it says is to be run. */
static const struct hurt {
	const char *sql, *finding, *repair;
} hurts[] = {
	{"REVOKE INSERT ON " OUTBOX " FROM adbl_daemon",
	 "FAIL app_db_listener.capture: belongs to role adbl_daemon, which may not INSERT on "
	 "app_db_listener.outbox: writes to captured tables fail",
	 "GRANT INSERT ON app_db_listener.outbox TO adbl_daemon"},
	{"REVOKE USAGE ON SCHEMA app_db_listener FROM adbl_daemon",
	 "which may not use schema app_db_listener",
	 "GRANT USAGE ON SCHEMA app_db_listener TO adbl_daemon"},
	{"REVOKE USAGE ON SEQUENCE " SEQUENCE " FROM adbl_daemon",
	 "which may not use sequence app_db_listener.outbox_id_seq",
	 "GRANT USAGE ON SEQUENCE app_db_listener.outbox_id_seq TO adbl_daemon"},
	{"ALTER TABLE " OUTBOX " ENABLE ROW LEVEL SECURITY",
	 "FAIL app_db_listener.outbox: has row level security",
	 "ALTER TABLE app_db_listener.outbox DISABLE ROW LEVEL SECURITY"},
	{"REVOKE EXECUTE ON FUNCTION pg_try_advisory_xact_lock_shared(int, int) FROM PUBLIC",
	 "which may not call pg_try_advisory_xact_lock_shared(integer,integer)",
	 "GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_xact_lock_shared(integer,integer) "
	 "TO adbl_daemon"},
	{"REVOKE EXECUTE ON FUNCTION pg_notification_queue_usage() FROM PUBLIC",
	 "which may not call pg_notification_queue_usage()",
	 "GRANT EXECUTE ON FUNCTION pg_catalog.pg_notification_queue_usage() TO adbl_daemon"},
	{"REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC",
	 "which may not call pg_notify(text,text)",
	 "GRANT EXECUTE ON FUNCTION pg_catalog.pg_notify(text,text) TO adbl_daemon"},
};

static void what_takes_the_triggers_rights_away_is_told_with_its_repair(void **state)
{
	struct fixture *f = *state;
	PGconn *asleep = fixture_connect(f->database, fixture_env("TEST_PG_USER"));
	size_t i;

	two_roles(f);
	f->options.user = "postgres";
	install(f);
	run_on(asleep, "SELECT pg_advisory_lock(1633968748, 1)"); /* so that writers notify */
	assert_string_equal(try_writes(f), "");
	for (i = 0; i < ARRAY_LEN(hurts); i++) {
		assert_lacks(check(f), "FAIL");
		run(f, hurts[i].sql);
		assert_string_equal(try_writes(f), "42501");
		assert_has(check(f), hurts[i].finding);
		assert_has(check(f), hurts[i].repair);
		run(f, hurts[i].repair);
		assert_string_equal(try_writes(f), "");
	}
	run(f, "GRANT EXECUTE ON FUNCTION pg_try_advisory_xact_lock_shared(int, int), "
	       "pg_notification_queue_usage(), pg_notify(text, text) TO PUBLIC");
	PQfinish(asleep);
	assert_int_equal(try_uninstall(f), ERR_OK);
	drop_roles(f);
}

static void what_only_the_daemon_needs_hurts_no_writer(void **state)
{
	static const char *const sql[] = {
		"REVOKE SELECT, DELETE ON " OUTBOX " FROM adbl_daemon",
		"REVOKE ALL ON app_db_listener.dead_letter, app_db_listener.install, "
		"app_db_listener.captured FROM adbl_daemon",
		"REVOKE SELECT ON SEQUENCE " SEQUENCE " FROM adbl_daemon",
		"GRANT UPDATE ON SEQUENCE " SEQUENCE " TO adbl_daemon; "
		"REVOKE USAGE ON SEQUENCE " SEQUENCE " FROM adbl_daemon",
		"REVOKE ALL ON FUNCTION app_db_listener.capture() FROM adbl_daemon",
		"REVOKE SELECT ON pg_class, pg_attribute, pg_namespace FROM PUBLIC",
		"ALTER ROLE adbl_daemon NOLOGIN",
	};
	struct fixture *f = *state;
	size_t i;

	two_roles(f);
	f->options.user = "postgres";
	install(f);
	for (i = 0; i < ARRAY_LEN(sql); i++) {
		run(f, sql[i]);
		assert_string_equal(try_writes(f), "");
		assert_lacks(check(f), "writes to captured tables fail");
	}
	run(f, "GRANT SELECT ON pg_class, pg_attribute, pg_namespace TO PUBLIC");
	assert_int_equal(try_uninstall(f), ERR_OK);
	drop_roles(f);
}

/* As after the output of `install --print`, which the daemon's role had made and somebody else has
 * run. */
static void a_role_without_its_grants_is_told_each_of_them(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "DROP ROLE IF EXISTS \"adbl Daemon\"; CREATE ROLE \"adbl Daemon\" LOGIN");
	f->source.user = (char *)(uintptr_t) "adbl Daemon";
	assert_has(check(f), "FAIL role adbl Daemon: may not use schema app_db_listener (GRANT "
			     "USAGE ON SCHEMA app_db_listener TO \"adbl Daemon\"; install");
	assert_has(buf_str(&f->findings), "may not DELETE on app_db_listener.outbox (GRANT DELETE "
					  "ON app_db_listener.outbox TO \"adbl Daemon\"; install");
	assert_has(buf_str(&f->findings), "may not use sequence outbox_id_seq (GRANT USAGE, SELECT "
					  "ON SEQUENCE app_db_listener.outbox_id_seq TO \"adbl");
	/* with the schema alone the rest is looked at */
	run(f, "GRANT USAGE ON SCHEMA app_db_listener TO \"adbl Daemon\"; "
	       "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 7");
	assert_lacks(check(f), "may not use schema");
	assert_has(buf_str(&f->findings), "has CACHE 7");
	assert_has(buf_str(&f->findings), "may not SELECT on app_db_listener.install");
	f->source.user = (char *)(uintptr_t) "postgres";
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, "DROP OWNED BY \"adbl Daemon\"; DROP ROLE \"adbl Daemon\"");
}

static void with_an_owner_of_its_own_nothing_taken_from_the_daemon_hurts(void **state)
{
	struct fixture *f = *state;
	char sql[128];

	two_roles(f);
	run(f, "DROP ROLE IF EXISTS adbl_owner; CREATE ROLE adbl_owner LOGIN; "
	       "GRANT TRIGGER ON users TO adbl_owner");
	(void)snprintf(sql, sizeof(sql), "GRANT CREATE ON DATABASE %s TO adbl_owner", f->database);
	run(f, sql);
	f->options.user = "adbl_owner";
	install(f);
	assert_lacks(check(f), "FAIL");
	run(f, "REVOKE ALL ON ALL TABLES IN SCHEMA app_db_listener FROM adbl_daemon; "
	       "REVOKE ALL ON ALL SEQUENCES IN SCHEMA app_db_listener FROM adbl_daemon; "
	       "REVOKE ALL ON SCHEMA app_db_listener FROM adbl_daemon");
	assert_string_equal(try_writes(f), "");
	assert_has(check(f), "FAIL role adbl_daemon: may not INSERT on app_db_listener.outbox");
	assert_lacks(check(f), "writes to captured tables fail");
	install(f);
	assert_lacks(check(f), "FAIL");
	f->options.user = "postgres";
	assert_int_equal(try_uninstall(f), ERR_OK);
	drop_roles(f);
	run(f, "DROP OWNED BY adbl_owner; DROP ROLE adbl_owner");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_daemons_role_gets_what_it_needs_and_the_function),
		TEST(a_role_that_does_not_exist_is_said_before_anything_is_made),
		TEST(an_owner_without_superuser_can_install),
		TEST(a_schema_that_somebody_else_prepared_is_refused),
		TEST(a_role_without_its_grants_is_told_each_of_them),
		TEST(missing_rights_are_an_error_and_nothing_is_installed),
		TEST(what_takes_the_triggers_rights_away_is_told_with_its_repair),
		TEST(what_only_the_daemon_needs_hurts_no_writer),
		TEST(with_an_owner_of_its_own_nothing_taken_from_the_daemon_hurts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
