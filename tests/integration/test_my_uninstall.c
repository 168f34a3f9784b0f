/* SPDX-License-Identifier: MIT */
/* uninstall, and status. */
#include "my_fixture.h"
#include "source/my_locks.h"

#define LEFT                                                                                       \
	"SELECT COUNT(*), (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema " \
	"= DATABASE()) FROM information_schema.tables WHERE table_schema = DATABASE() AND "        \
	"table_name LIKE 'app\\_db\\_listener%'"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

static void everything_is_removed(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 2, NULL, "users");
	install(f);
	run(f, "INSERT INTO users VALUES (1, '')");
	assert_string_equal(rows(f, LEFT), "12|6");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, LEFT), "0|0");
	assert_has(buf_str(&f->findings), "ok users: removed trigger app_db_listener_users_");
	run(f, "INSERT INTO users VALUES (2, '')");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_has(buf_str(&f->findings), "nothing is installed");
	install(f);
	assert_lacks(check(f), "WARN");
}

static void undelivered_events_are_kept_when_asked(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1, '')");
	f->options.keep_data = true;
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg, "1 events are undelivered: deliver them first");
	assert_string_equal(rows(f, LEFT), "8|3");
	run(f, "DELETE FROM app_db_listener_outbox");
	assert_int_equal(try_uninstall(f), ERR_OK);
}

static void an_active_daemon_is_not_disturbed(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "DO GET_LOCK(" MY_LOCK_LEADER ", 0)");
	f->options.give_up_us = 200 * CLOCK_US_PER_MS;
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg, "a daemon is active on this database: stop it first");
	assert_string_equal(rows(f, LEFT), "8|3");
}

static void a_locked_table_keeps_its_outbox(void **state)
{
	struct fixture *f = *state;
	MYSQL *writer;

	users(f);
	install(f);
	writer = fixture_connect(f->database, "root", "utf8mb4");
	run_on(writer, "START TRANSACTION; INSERT INTO users VALUES (1, '')");
	f->options.lock_timeout_us = CLOCK_US_PER_S;
	f->options.give_up_us = CLOCK_US_PER_S;
	assert_int_equal(try_uninstall(f), ERR_TIMEOUT);
	assert_has(f->err.msg, ".users: no lock after");
	run_on(writer, "INSERT INTO users VALUES (2, ''); COMMIT");
	mysql_close(writer);
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, LEFT), "0|0");
}

/* From now on the commands run as a user who has these privileges on the database. */
static void as_half(struct fixture *f, const char *privileges)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "DROP USER IF EXISTS half@'%%'; CREATE USER half@'%%'; GRANT %s ON %s.* TO "
		       "half@'%%'",
		       privileges, f->database);
	run(f, sql);
	f->options.user = "half";
}

static void tables_that_may_not_be_dropped_keep_the_triggers(void **state)
{
	struct fixture *f = *state;
	char before[64];

	users(f);
	install(f);
	(void)snprintf(before, sizeof(before), "%s", rows(f, LEFT));
	as_half(f, "SELECT, INSERT, CREATE, ALTER, TRIGGER");
	run(f, "GRANT SUPER ON *.* TO half@'%'"); /* there is a binary log */
	assert_int_equal(try_uninstall(f), ERR_DENIED);
	assert_has(f->err.msg, "may not drop the tables, so the triggers stay");
	assert_string_equal(rows(f, LEFT), before);
	as_half(f, "SELECT, INSERT, CREATE, ALTER, TRIGGER, DROP");
	run(f, "GRANT SUPER ON *.* TO half@'%'");
	if (try_uninstall(f) != ERR_OK)
		fail_msg("%s", f->err.msg);
	assert_string_equal(rows(f, LEFT), "0|0");
	run(f, "DROP USER half@'%'");
}

/* Without its outbox a trigger makes every write fail. */
static void triggers_that_are_not_to_be_seen_keep_the_outbox(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	as_half(f, "SELECT, INSERT, CREATE, DROP, ALTER");
	assert_int_equal(try_uninstall(f), ERR_DENIED);
	assert_has(f->err.msg, ".users: this user may not see its triggers");
	assert_string_equal(rows(f, LEFT), "8|3");
	run(f, "DROP USER half@'%'");
}

static void note_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	struct fixture *f = ctx;

	assert_int_equal(strncmp(s->server, mytest_is_mysql() ? "MySQL " : "MariaDB ", 6), 0);
	buf_add_fmt(&f->findings, "%s %d %d %lld %lld %d\n", pipeline, s->installed, s->active,
		    (long long)s->rows, (long long)s->dead_letters, s->oldest_wall_us != 0);
}

static const char *status(struct fixture *f)
{
	buf_reset(&f->findings);
	if (source_admin_mysql.status(&f->settings, 0, note_status, f, &f->err) != ERR_OK)
		fail_msg("status: %s", f->err.msg);
	return buf_str(&f->findings);
}

static void status_counts_what_waits(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 1, NULL, "users");
	assert_string_equal(status(f), "default 0 0 -1 0 0\nsecond 0 0 -1 0 0\n");
	install(f);
	run(f, "INSERT INTO users VALUES (1, ''), (2, ''); DELETE FROM "
	       "app_db_listener_outbox_second; INSERT INTO app_db_listener_dead_letter (pipeline, "
	       "id, operation, schema_name, table_name, changed_at, attempts, last_error, died_at) "
	       "VALUES ('second', 1, 'insert', '', '', NOW(), 1, '', NOW());"
	       "DO GET_LOCK(" MY_LOCK_LEADER ", 0)");
	assert_string_equal(status(f), "default 1 1 2 0 1\nsecond 1 1 0 1 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_removed),
		TEST(undelivered_events_are_kept_when_asked),
		TEST(an_active_daemon_is_not_disturbed),
		TEST(a_locked_table_keeps_its_outbox),
		TEST(tables_that_may_not_be_dropped_keep_the_triggers),
		TEST(triggers_that_are_not_to_be_seen_keep_the_outbox),
		TEST(status_counts_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
