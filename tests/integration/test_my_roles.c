/* SPDX-License-Identifier: MIT */
/* Accounts with as little as they need: the application's, the daemon's, the installer's. */
#include "my_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

/* Run sql with every %s replaced by the database. */
static void run_here(struct fixture *f, const char *sql)
{
	char text[2048];
	size_t used = 0;

	for (; *sql; sql++) {
		assert_true(used + sizeof(f->database) < sizeof(text));
		if (sql[0] == '@' && sql[1] == '@') {
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
						 f->database);
			sql++;
		} else {
			text[used++] = *sql;
		}
	}
	text[used] = '\0';
	run(f, text);
}

static int roles_setup(void **state)
{
	int failed = fixture_setup(state);

	run_here(*state, "DROP USER IF EXISTS app@'%', daemon@'%', daemon@'10.%', installer@'%'; "
			 "CREATE USER app@'%', daemon@'%', daemon@'10.%', installer@'%'");
	return failed;
}

static int roles_teardown(void **state)
{
	run_here(*state, "DROP USER app@'%', daemon@'%', daemon@'10.%', installer@'%'");
	return fixture_teardown(state);
}

static void the_application_needs_no_rights_on_the_outbox(void **state)
{
	struct fixture *f = *state;
	MYSQL *app;

	users(f);
	install(f);
	run_here(f, "GRANT SELECT, INSERT, UPDATE, DELETE ON @@.users TO app@'%'");
	app = fixture_connect(f->database, "app", "utf8mb4");
	run_on(app, "INSERT INTO users VALUES (1, 'a'); UPDATE users SET name = 'b'; DELETE FROM "
		    "users");
	assert_int_equal(try_on(app, "SELECT 1 FROM app_db_listener_outbox"), 1142);
	assert_int_equal(try_on(app, "INSERT INTO app_db_listener_outbox (bytes) VALUES (1)"),
			 1142);
	mysql_close(app);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "3");
}

/* Everything the reader does, as the daemon's account with what install gave it. */
static void the_daemons_account_gets_what_it_needs_and_no_more(void **state)
{
	struct fixture *f = *state;
	MYSQL *c;

	users(f);
	f->source.user = (char *)(uintptr_t) "daemon";
	f->options.user = "root";
	install(f);
	assert_lacks(buf_str(&f->findings), "WARN");
	run(f, "INSERT INTO users VALUES (1, 'a')");
	c = fixture_connect(f->database, "daemon", "utf8mb4");
	run_on(c, "SELECT * FROM app_db_listener_outbox; SELECT * FROM app_db_listener_install; "
		  "SELECT * FROM app_db_listener_captured; INSERT INTO app_db_listener_dead_letter "
		  "(pipeline, id, operation, schema_name, table_name, changed_at, attempts, "
		  "last_error, died_at) VALUES ('default', 1, 'insert', '', '', NOW(), 1, '', "
		  "NOW()); DELETE FROM app_db_listener_dead_letter; DELETE FROM "
		  "app_db_listener_outbox");
	assert_string_equal(rows_on(f, c,
				    "SELECT COUNT(*) FROM information_schema.triggers WHERE "
				    "event_object_schema = DATABASE() AND "
				    "event_object_table = 'users'"),
			    "3");
	assert_int_equal(try_on(c, "SELECT name FROM users"), 1142);
	assert_int_equal(try_on(c, "DELETE FROM app_db_listener_install"), 1142);
	mysql_close(c);
	/* and for its other host */
	assert_string_equal(
		rows(f, "SELECT COUNT(*) FROM information_schema.table_privileges WHERE "
			"grantee = '''daemon''@''10.%'''"),
		rows(f, "SELECT COUNT(*) FROM information_schema.table_privileges WHERE "
			"grantee = '''daemon''@''%'''"));
	/* check as the daemon */
	f->options.user = NULL;
	assert_lacks(check(f), "FAIL");
	assert_has(buf_str(&f->findings), ".users: 3 triggers for pipeline default");
	assert_lacks(buf_str(&f->findings), "has lost");
	run(f, "REVOKE DELETE ON app_db_listener_outbox FROM daemon@'%'");
	assert_has(check(f), "FAIL app_db_listener_outbox: this user may not delete from it");
}

static void an_installer_with_what_is_documented_is_enough(void **state)
{
	struct fixture *f = *state;

	users(f);
	run_here(f, "GRANT CREATE, DROP, ALTER, SELECT, INSERT, UPDATE, DELETE, TRIGGER, "
		    "LOCK TABLES ON @@.* TO installer@'%'; SET GLOBAL "
		    "log_bin_trust_function_creators = 0");
	f->source.user = (char *)(uintptr_t) "daemon";
	f->options.user = "installer";
	assert_int_equal(try_install(f), ERR_DENIED);
	assert_has(f->err.msg, ".users, pipeline default: the binary log is on, and then only "
			       "users with SUPER create triggers; install as one, or let "
			       "everybody: SET GLOBAL log_bin_trust_function_creators = 1");
	run(f, "SET GLOBAL log_bin_trust_function_creators = 1");
	install(f);
	run(f, "SET GLOBAL log_bin_trust_function_creators = 0");
	/* it may not grant: the statements for somebody who may */
	assert_has(buf_str(&f->findings), "WARN daemon: this user may not give the daemon's user "
					  "what it needs");
	assert_has(buf_str(&f->findings), "GRANT SELECT ON `");
	assert_has(buf_str(&f->findings), "TO 'daemon'@'%'; GRANT ");
	run(f, "INSERT INTO users VALUES (1, 'a')");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "1");
}

/* The account that triggers run as must be able to do what they do, or every write fails. */
static void an_installer_whose_triggers_would_fail_is_refused(void **state)
{
	static const struct {
		const char *revoke, *message;
	} cases[] = {
		{"REVOKE INSERT ON @@.app_db_listener_outbox FROM installer@'%'",
		 "could not write to the outbox: every write to a captured table would fail"},
		{"GRANT INSERT ON @@.app_db_listener_outbox TO installer@'%'; REVOKE SELECT ON "
		 "@@.users FROM installer@'%'",
		 ".users: triggers would run as this user, and could not read its rows"},
	};
	struct fixture *f = *state;
	size_t i;

	users(f);
	run(f, "SET GLOBAL log_bin_trust_function_creators = 1");
	install(f);
	run(f, "CREATE TABLE pets (id int PRIMARY KEY)");
	capture(f, 0, NULL, "pets");
	/* table by table, so that single ones can be taken away */
	run_here(f, "GRANT CREATE, TRIGGER ON @@.* TO installer@'%'; GRANT SELECT ON @@.users TO "
		    "installer@'%'; GRANT SELECT ON @@.pets TO installer@'%'; GRANT SELECT, "
		    "INSERT ON @@.app_db_listener_outbox TO installer@'%'; GRANT SELECT, INSERT, "
		    "UPDATE, DELETE ON @@.app_db_listener_install TO installer@'%'; GRANT SELECT, "
		    "INSERT, UPDATE, DELETE ON @@.app_db_listener_captured TO installer@'%'; "
		    "GRANT SELECT ON @@.app_db_listener_dead_letter TO installer@'%'");
	f->source.user = (char *)(uintptr_t) "installer";
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		run_here(f, cases[i].revoke);
		assert_int_equal(try_install(f), ERR_DENIED);
		assert_has(f->err.msg, cases[i].message);
		run(f, "INSERT INTO pets VALUES (1); DELETE FROM pets");
	}
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM information_schema.triggers WHERE "
				    "event_object_schema = DATABASE() AND event_object_table = "
				    "'pets'"),
			    "0");
	run_here(f, "GRANT SELECT ON @@.users TO installer@'%'");
	install(f);
	run(f, "SET GLOBAL log_bin_trust_function_creators = 0; INSERT INTO pets VALUES (1)");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "1");
}

static void a_daemons_account_that_does_not_exist_is_told(void **state)
{
	struct fixture *f = *state;

	users(f);
	f->source.user = (char *)(uintptr_t) "deamon";
	f->options.user = "root";
	assert_int_equal(try_install(f), ERR_NOT_FOUND);
	assert_has(f->err.msg, "the daemon's user \"deamon\" does not exist: CREATE USER it first");
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, roles_setup, roles_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_application_needs_no_rights_on_the_outbox),
		TEST(the_daemons_account_gets_what_it_needs_and_no_more),
		TEST(an_installer_with_what_is_documented_is_enough),
		TEST(an_installer_whose_triggers_would_fail_is_refused),
		TEST(a_daemons_account_that_does_not_exist_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
