/* SPDX-License-Identifier: MIT */
/* uninstall and status against a real server. */
#include "pg_fixture.h"

#define TRIGGERS                                                                                   \
	"SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = "    \
	"t.tgrelid WHERE t.tgname LIKE '!app\\_db\\_listener%' ORDER BY 1, 2"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

/* ---- uninstall ---- */

static void uninstall_leaves_nothing_and_may_be_repeated(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE m (id int PRIMARY KEY) PARTITION BY RANGE (id); "
	       "CREATE TABLE m1 PARTITION OF m DEFAULT; CREATE TABLE gone (id int)");
	capture(f, 1, NULL, "m");
	capture(f, 0, NULL, "gone");
	install(f);
	run(f, "DROP TABLE gone; ALTER TABLE users RENAME TO people");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, TRIGGERS), "");
	assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
				    "'app_db_listener'"),
			    "0");
	run(f, "INSERT INTO people VALUES (1); INSERT INTO m VALUES (1)");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_has(buf_str(&f->findings), "nothing is installed");
}

static void uninstall_is_refused_while_a_daemon_is_active(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "SELECT pg_advisory_lock(1633968748, 2)");
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg, "a daemon is active");
	assert_has(rows(f, TRIGGERS), "users|");
	run(f, "SELECT pg_advisory_unlock_all()");
	assert_int_equal(try_uninstall(f), ERR_OK);
}

static void uninstall_keeps_undelivered_events_when_told_so(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1)");
	f->options.keep_data = true;
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg, "1 events are undelivered");
	assert_has(rows(f, TRIGGERS), "users|");
	run(f, "DELETE FROM app_db_listener.outbox");
	assert_int_equal(try_uninstall(f), ERR_OK);
}

static void writes_go_on_while_uninstall_waits(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;

	users(f);
	install(f);
	writer = fixture_connect(f->database, "postgres");
	run_on(writer, "BEGIN; INSERT INTO users VALUES (1)");
	f->options.lock_timeout_us = 50 * CLOCK_US_PER_MS;
	f->options.give_up_us = 500 * CLOCK_US_PER_MS;
	assert_int_equal(try_uninstall(f), ERR_TIMEOUT);
	run_on(writer, "INSERT INTO users VALUES (2); COMMIT");
	PQfinish(writer);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "2");
}

/* ---- status ---- */

static void on_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	buf_add_fmt(ctx, "%s %d %d %lld %d %lld|", pipeline, s->installed, s->active,
		    (long long)s->rows, s->oldest_wall_us > 1700000000000000,
		    (long long)s->dead_letters);
}

static const char *status(struct fixture *f)
{
	buf_reset(&f->sql);
	assert_int_equal(source_admin_postgres.status(&f->settings, 0, on_status, &f->sql, &f->err),
			 ERR_OK);
	return buf_str(&f->sql);
}

static void status_tells_each_pipelines_rows(void **state)
{
	struct fixture *f = *state;

	users(f);
	assert_string_equal(status(f), "default 0 0 -1 0 0|");
	install(f);
	run(f, "INSERT INTO users VALUES (1), (2); SELECT pg_advisory_lock(1633968748, 2)");
	capture(f, 1, NULL, "users");
	assert_string_equal(status(f), "default 1 1 2 1 0|second 0 1 0 0 0|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(uninstall_leaves_nothing_and_may_be_repeated),
		TEST(uninstall_is_refused_while_a_daemon_is_active),
		TEST(uninstall_keeps_undelivered_events_when_told_so),
		TEST(writes_go_on_while_uninstall_waits),
		TEST(status_tells_each_pipelines_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
