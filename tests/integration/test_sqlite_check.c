/* SPDX-License-Identifier: MIT */
/* What check tells, what status shows, and what the daemon notices while it runs. */
#include "sqlite_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
	capture(f, "users");
}

static void check(struct fixture *f)
{
	if (sqlitetest_check(&f->t) != ERR_OK)
		fail_msg("%s", f->t.e.msg);
}

static void an_installation_that_is_well_has_nothing_but_ok(void **state)
{
	struct fixture *f = *state;
	char want[400];

	users(f);
	sqlitetest_install(&f->t);
	check(f);
	(void)snprintf(want, sizeof(want),
		       "ok connection: opened %s with SQLite %s\n"
		       "ok users: 3 triggers for pipeline default\n",
		       f->t.path, sqlite3_libversion());
	assert_string_equal(buf_str(&f->t.said), want);
}

static void a_rollback_journal_is_warned_about(void **state)
{
	struct fixture *f = *state;

	users(f);
	sqlitetest_install(&f->t);
	check(f);
	assert_said(f, "warn journal mode: is not WAL");
}

static void what_is_not_installed_is_told(void **state)
{
	struct fixture *f = *state;

	users(f);
	check(f);
	assert_said(f, "fail app_db_listener: nothing is installed; run install");
	sqlitetest_install(&f->t);
	run(f,
	    "DELETE FROM app_db_listener_install WHERE pipeline = 'second'; DROP TABLE "
	    "app_db_listener_dead_letter; DROP TRIGGER \"app_db_listener_default.users.delete\"");
	check(f);
	assert_said(f, "fail second: this pipeline is not installed; run install");
	assert_said(f, "fail app_db_listener_dead_letter: this table is missing; run install");
	assert_said(f, "fail users: 1 of 3 triggers of pipeline default are missing: changes are "
		       "lost; run install");
	assert_said(f, "warn users: has triggers that were dropped or changed since it was "
		       "installed for pipeline default; run install");
	sqlitetest_install(&f->t);
	check(f);
	assert_not_said(f, "fail");
	assert_not_said(f, "warn");
}

static void what_is_configured_but_cannot_be_is_told(void **state)
{
	static char where[] = "NEW.nmae = 1";
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE VIEW w AS SELECT 1; CREATE TABLE nokey (a)");
	capture(f, "w");
	capture(f, "nokey");
	f->t.tables[0][0].where[OP_INSERT] = where;
	check(f);
	assert_said(f, "fail w: is a view");
	assert_said(f, "fail users: users, pipeline default, where for insert");
	assert_said(f, "warn nokey: has no primary key");
}

static void replace_is_warned_about_where_it_loses_deletes(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE a (id INTEGER PRIMARY KEY, mail TEXT UNIQUE); CREATE TABLE b (id TEXT "
	       "PRIMARY KEY)");
	capture(f, "a");
	capture(f, "b");
	sqlitetest_install(&f->t);
	check(f);
	assert_said(f, "warn a: has a UNIQUE constraint: rows that INSERT OR REPLACE removes");
	assert_not_said(f, "warn b");
}

static void what_is_no_longer_configured_is_told(void **state)
{
	struct fixture *f = *state;

	users(f);
	(void)sqlitetest_capture(&f->t, 1, "users");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a')");
	f->t.settings.pipeline_count = 1;
	check(f);
	assert_said(f, "warn users: trigger app_db_listener_second.users.insert captures what is "
		       "not configured; run install to remove it");
	assert_said(f, "warn second: has undelivered events, but is not configured");
	f->t.settings.pipeline_count = 2;
}

static void a_file_that_is_missing_is_a_finding_too(void **state)
{
	static char missing[] = "/nowhere/app.db";
	struct fixture *f = *state;

	f->t.source.path = missing;
	assert_int_equal(sqlitetest_check(&f->t), ERR_NOT_FOUND);
	assert_said(f, "fail connection: there is no database file /nowhere/app.db");
	f->t.source.path = f->t.path;
}

/* ---- drift, as the daemon sees it ---- */

static const char *warning_of(struct reader *r)
{
	static struct source_status st;
	struct err e;

	if (r->s->ops->inspect(r->s, &st, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return st.warning;
}

static void a_running_daemon_notices_drift(void **state)
{
	static const struct {
		const char *sql, *warning;
	} steps[] = {
		{"ALTER TABLE users ADD COLUMN extra",
		 "table users has other columns: run app-db-listener install"},
		{"DROP TRIGGER \"app_db_listener_default.users.update\"",
		 "table users has triggers that were dropped or changed: run app-db-listener "
		 "install"},
		/* sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes" */
		{"BEGIN; CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO "
		 "new_users SELECT id, name FROM users; DROP TABLE users; ALTER TABLE new_users "
		 "RENAME TO users; COMMIT",
		 "table users has lost its triggers: run app-db-listener install"},
		{"CREATE TRIGGER own AFTER INSERT ON users BEGIN SELECT 1; END",
		 "table users has a newer trigger that fires before the capture: run "
		 "app-db-listener install"},
		{"ALTER TABLE users RENAME TO people",
		 "table users is gone or renamed: run app-db-listener install"},
	};
	struct fixture *f = *state;
	struct reader r;
	size_t i;

	users(f);
	sqlitetest_install(&f->t);
	fixture_reader(f, &r);
	reader_open(&r);
	for (i = 0; i < ARRAY_LEN(steps); i++) {
		assert_string_equal(warning_of(&r), "");
		run(f, steps[i].sql);
		assert_string_equal(warning_of(&r), steps[i].warning);
		if (i + 1 < ARRAY_LEN(steps))
			sqlitetest_install(&f->t);
	}
	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY); DROP TABLE people");
	sqlitetest_install(&f->t);
	assert_string_equal(warning_of(&r), "");
	reader_free(&r);
}

static void an_installation_made_anew_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct source_status st;
	struct reader r;
	struct err e;

	users(f);
	sqlitetest_install(&f->t);
	fixture_reader(f, &r);
	reader_open(&r);
	run(f, "UPDATE app_db_listener_install SET install_id = 'another'");
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "pipeline default was installed anew");
	run(f, "DROP TABLE app_db_listener_install");
	assert_int_equal(r.s->ops->inspect(r.s, &st, &e), ERR_UNAVAILABLE);
	reader_free(&r);
}

/* ---- status ---- */

struct statuses {
	struct outbox_status of[2];
	size_t count;
};

static void take_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	struct statuses *all = ctx;

	assert_string_equal(pipeline, all->count ? "second" : "default");
	all->of[all->count++] = *s;
}

static struct statuses status(struct fixture *f)
{
	struct statuses all = {.count = 0};

	assert_int_equal(source_admin_sqlite.status(&f->t.settings, 0, take_status, &all, NULL),
			 ERR_OK);
	assert_int_equal(all.count, 2);
	return all;
}

static void status_shows_what_is_there(void **state)
{
	struct fixture *f = *state;
	struct statuses all;
	struct reader r;

	all = status(f);
	assert_false(all.of[0].installed);
	assert_int_equal(all.of[0].rows, -1);
	users(f);
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a'), (2, 'b')");
	fixture_reader(f, &r);
	reader_open(&r);
	reader_ack(&r, 0, 1, ACK_DEAD);
	all = status(f);
	assert_true(all.of[0].installed && all.of[0].active);
	assert_int_equal(all.of[0].rows, 1);
	assert_int_equal(all.of[0].dead_letters, 1);
	assert_true(all.of[0].oldest_wall_us > 0);
	assert_int_equal(strncmp(all.of[0].server, "SQLite 3.", 9), 0);
	assert_int_equal(all.of[1].rows, 0);
	reader_free(&r);
	assert_false(status(f).of[0].active);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_installation_that_is_well_has_nothing_but_ok),
		CASE_ROLLBACK(a_rollback_journal_is_warned_about),
		CASE(what_is_not_installed_is_told),
		CASE(what_is_configured_but_cannot_be_is_told),
		CASE(replace_is_warned_about_where_it_loses_deletes),
		CASE(what_is_no_longer_configured_is_told),
		CASE(a_file_that_is_missing_is_a_finding_too),
		CASE(a_running_daemon_notices_drift),
		CASE(an_installation_made_anew_is_noticed),
		CASE(status_shows_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
