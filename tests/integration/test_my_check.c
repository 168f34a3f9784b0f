/* SPDX-License-Identifier: MIT */
/* check: what it finds, and that it changes nothing. */
#include "my_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

static void nothing_installed_is_a_failure(void **state)
{
	struct fixture *f = *state;

	users(f);
	assert_has(check(f), "nothing is installed (run install)");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM information_schema.tables WHERE "
				    "table_schema = DATABASE()"),
			    "1");
}

static void a_good_installation_has_no_warnings(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	assert_has(check(f), mytest_is_mysql() ? "ok connection: connected to MySQL "
					       : "ok connection: connected to MariaDB ");
	assert_has(check(f), ".users: 3 triggers for pipeline default");
	assert_lacks(check(f), "WARN");
	assert_lacks(check(f), "FAIL");
}

static void the_columns_that_triggers_name_are_listed(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, secret text)");
	capture(f, 0, NULL, "users")->exclude = LIST("secret");
	install(f);
	assert_lacks(check(f), "name the columns");
	f->options.list_tables = true;
	assert_has(check(f), ".users: triggers of pipeline default name the columns id, name\n");
}

static void damage_is_found(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run_trigger(f, "INSERT",
		    "DROP TRIGGER $TRIGGER; CREATE TRIGGER $TRIGGER AFTER INSERT ON users FOR EACH "
		    "ROW DO 1");
	assert_has(check(f), "1 of 3 triggers of pipeline default are not as configured");
	run_trigger(f, "INSERT", "DROP TRIGGER $TRIGGER");
	assert_has(check(f), "1 of 3 triggers of pipeline default are missing");
	assert_has(check(f), ".users: has lost a trigger since it was installed");
	run(f, "DROP TABLE app_db_listener_outbox");
	assert_has(check(f), "FAIL app_db_listener_outbox: is missing: writes to captured tables "
			     "fail");
	run(f, "DROP TABLE app_db_listener_captured; UPDATE app_db_listener_install SET version = "
	       "99");
	assert_has(check(f), "table app_db_listener_captured is missing");
	assert_has(check(f), "FAIL default: installed by another version");
}

/* Created in a session with another sql_mode, its texts would mean something else. */
static void a_trigger_that_was_made_under_another_sql_mode_differs(void **state)
{
	struct fixture *f = *state;
	char sql[16384];

	users(f);
	install(f);
	(void)snprintf(sql, sizeof(sql),
		       "SET sql_mode = 'STRICT_ALL_TABLES'; DROP TRIGGER $TRIGGER; CREATE TRIGGER "
		       "$TRIGGER\n\tAFTER INSERT ON `%s`.`users` FOR EACH ROW\n%s",
		       f->database,
		       rows(f, "SELECT action_statement FROM information_schema.triggers WHERE "
			       "trigger_schema = DATABASE() AND event_manipulation = 'INSERT'"));
	run_trigger(f, "INSERT", sql);
	assert_has(check(f), "1 of 3 triggers of pipeline default are not as configured");
	install(f);
	assert_lacks(check(f), "WARN");
}

static void what_will_not_be_captured_is_told(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE child (id int PRIMARY KEY, u int, CONSTRAINT to_users FOREIGN KEY (u) "
	       "REFERENCES users (id) ON DELETE CASCADE ON UPDATE RESTRICT); CREATE TABLE logs "
	       "(line text)");
	capture(f, 0, NULL, "child");
	capture(f, 0, NULL, "logs");
	install(f);
	assert_has(check(f), ".child: foreign key to_users (ON DELETE CASCADE, ON UPDATE RESTRICT, "
			     "to users) changes its rows without firing triggers");
	assert_has(check(f), ".logs: has no primary key: its events are delivered one after the "
			     "other");
	/* and so it is */
	run(f, "INSERT INTO users VALUES (1, ''); INSERT INTO child VALUES (1, 1); DELETE FROM "
	       "app_db_listener_outbox; DELETE FROM users");
	assert_string_equal(rows(f, "SELECT operation, table_name FROM app_db_listener_outbox"),
			    "delete|users");
}

static void a_definer_that_is_gone_is_a_failure(void **state)
{
	struct fixture *f = *state;

	run(f, "DROP USER IF EXISTS installer@'%'; CREATE USER installer@'%'; GRANT ALL ON *.* TO "
	       "installer@'%'");
	users(f);
	f->options.user = "installer";
	install(f);
	f->options.user = NULL;
	assert_lacks(check(f), "FAIL");
	run(f, "DROP USER installer@'%'");
	assert_int_equal(try_on(f->super, "INSERT INTO users VALUES (1, '')"), 1449);
	assert_has(check(f), "the account installer@%, which trigger app_db_listener_users_");
	/* another one's triggers in their place */
	install(f);
	run(f, "INSERT INTO users VALUES (1, '')");
	assert_lacks(check(f), "FAIL");
}

static void settings_that_hurt_are_told(void **state)
{
	static char lowly[] = "lowly";
	struct fixture *f = *state;
	char *user = f->source.user, sql[160];

	users(f);
	install(f);
	f->source.max_event_bytes = 64 << 20;
	assert_has(check(f), "WARN max_allowed_packet: is 16777216: rows with more than about "
			     "2796202 bytes of text become key-only events");
	f->source.max_event_bytes = 1 << 20;
	run(f, "SET GLOBAL read_only = 1");
	assert_has(check(f), "FAIL connection: this server is read-only");
	run(f, "SET GLOBAL read_only = 0; SET GLOBAL binlog_format = 'STATEMENT'");
	assert_has(check(f), "WARN binary log: is in STATEMENT format");
	(void)snprintf(sql, sizeof(sql), "CREATE USER lowly@'%%'; GRANT ALL ON %s.* TO lowly@'%%'",
		       f->database);
	run(f, sql);
	f->source.user = lowly;
	assert_has(check(f), "FAIL binary log: is in STATEMENT format");
	f->source.user = user;
	run(f, "DROP USER lowly@'%'; SET GLOBAL binlog_format = 'ROW'");
	assert_has(check(f), "ok binary log: log_bin_trust_function_creators is off");
	assert_lacks(check(f), "WARN");
}

static void a_replica_is_told(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, mytest_is_mysql() ? "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1'"
				 : "CHANGE MASTER TO MASTER_HOST = '127.0.0.1'");
	assert_has(check(f), "WARN connection: this server is a replica");
	run(f, mytest_is_mysql() ? "RESET REPLICA ALL" : "RESET SLAVE ALL");
	assert_lacks(check(f), "replica");
}

static void bad_configurations_are_told_one_by_one(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	capture(f, 0, NULL, "usres");
	capture(f, 0, NULL, "app_db_listener_outbox");
	f->tables[0][0].where[OP_INSERT] = (char *)(uintptr_t) "NEW.nosuch = 1";
	assert_has(check(f), ".usres: no such table (did you mean ");
	assert_has(check(f), "app_db_listener_outbox: belongs to the outbox itself");
	assert_has(check(f), "where for insert: Unknown column 'NEW.nosuch'");
}

static void a_server_that_is_not_there_is_a_finding(void **state)
{
	struct fixture *f = *state;

	f->source.port = 1;
	buf_reset(&f->findings);
	assert_int_equal(source_admin_mysql.check(&f->settings, 0, &f->options, &f->err),
			 ERR_UNAVAILABLE);
	assert_has(buf_str(&f->findings), "FAIL connection: ");
}

/* ---- audit table ---- */

static void an_audit_table_is_looked_at(void **state)
{
	struct fixture *f = *state;

	f->source.audit_table = (char *)(uintptr_t) "audit_log";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(buf_str(&f->findings), ".audit_log: no such table, named in audit_table");
	run(f, "CREATE TABLE audit_log (id int, operation date, table_name text, changed_at "
	       "timestamp, data json, processed boolean) ENGINE = MyISAM");
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(buf_str(&f->findings), "column operation has type date");
	assert_has(buf_str(&f->findings), "has no column old_data (ALTER TABLE audit_log ADD "
					  "old_data LONGTEXT");
	assert_has(buf_str(&f->findings), "id is not its primary key");
	assert_has(buf_str(&f->findings), "has engine MyISAM");
	run(f, "DROP TABLE audit_log; CREATE TABLE audit_log (id bigint AUTO_INCREMENT PRIMARY "
	       "KEY, operation "
	       "varchar(10) NOT NULL, table_name varchar(64), changed_at timestamp(6) NOT NULL "
	       "DEFAULT CURRENT_TIMESTAMP(6), data json, old_data json, processed boolean NOT "
	       "NULL DEFAULT FALSE)");
	install(f);
	assert_has(buf_str(&f->findings), "has no index that begins with processed");
	assert_has(buf_str(&f->findings), "(CREATE INDEX processed ON audit_log (processed, id))");
	run(f, "CREATE INDEX processed ON audit_log (processed, id)");
	assert_lacks(check(f), "WARN");
	assert_lacks(check(f), "FAIL");
	assert_string_equal(rows(f, "SELECT table_name FROM information_schema.tables WHERE "
				    "table_schema = DATABASE() ORDER BY 1"),
			    "app_db_listener_dead_letter\napp_db_listener_install\n"
			    "app_db_listener_webhook\naudit_log");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, "SELECT table_name FROM information_schema.tables WHERE "
				    "table_schema = DATABASE()"),
			    "audit_log");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_installed_is_a_failure),
		TEST(a_good_installation_has_no_warnings),
		TEST(the_columns_that_triggers_name_are_listed),
		TEST(damage_is_found),
		TEST(a_trigger_that_was_made_under_another_sql_mode_differs),
		TEST(what_will_not_be_captured_is_told),
		TEST(a_definer_that_is_gone_is_a_failure),
		TEST(settings_that_hurt_are_told),
		TEST(a_replica_is_told),
		TEST(bad_configurations_are_told_one_by_one),
		TEST(a_server_that_is_not_there_is_a_finding),
		TEST(an_audit_table_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
