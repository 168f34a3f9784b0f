/* SPDX-License-Identifier: MIT */
/* Install and uninstall: repeated, printed, refused, in each other's way. */
#include "sqlite_fixture.h"

#include <sys/wait.h>

#define SCHEMA                                                                                     \
	"SELECT group_concat(type || ' ' || name || ' ' || coalesce(sql, ''), char(10)) FROM "     \
	"(SELECT * FROM sqlite_master WHERE name LIKE '%app_db_listener%' ORDER BY type, name)"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
	capture(f, "users");
}

static int64_t count_ours(struct fixture *f)
{
	return sqlitetest_i64(f->t.db, "SELECT count(*) FROM sqlite_master WHERE name LIKE "
				       "'%%app\\_db\\_listener%%' ESCAPE '\\'");
}

/* ---- again and again ---- */

static void installing_twice_changes_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t version;
	char *id, *again;

	users(f);
	sqlitetest_install(&f->t);
	assert_said(f, "ok users: installed for pipeline default: insert, update, delete");
	id = sqlitetest_text(f->t.db, "SELECT group_concat(install_id) FROM "
				      "app_db_listener_install");
	assert_int_equal(strlen(id), 73);
	version = sqlitetest_i64(f->t.db, "PRAGMA data_version");
	sqlitetest_install(&f->t);
	assert_said(f, "ok users: already installed for pipeline default");
	/* not one page was written */
	assert_int_equal(sqlitetest_i64(f->t.db, "PRAGMA data_version"), version);
	again = sqlitetest_text(f->t.db, "SELECT group_concat(install_id) FROM "
					 "app_db_listener_install");
	assert_string_equal(id, again);
	free(id);
	free(again);
}

static void what_is_configured_differently_is_made_anew(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE other (id INTEGER PRIMARY KEY)");
	capture(f, "other");
	sqlitetest_install(&f->t);
	f->t.pipelines[0].operations[OP_DELETE] = false;
	f->t.pipelines[0].table_count = 1;
	add(&f->t.tables[0][0].exclude, "name");
	sqlitetest_install(&f->t);
	assert_said(f, "ok other: removed trigger app_db_listener_default.other.insert: no longer "
		       "configured");
	assert_said(f, "removed trigger app_db_listener_default.users.delete");
	assert_said(f, "ok users: installed for pipeline default: insert, update\n");
	run(f, "INSERT INTO users VALUES (1, 'a'); INSERT INTO other VALUES (1); DELETE FROM "
	       "users");
	assert_string_equal(events(f), "insert|users|{\"id\":1}|-|{\"id\":1}|-\n");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_captured"),
			 1);
	f->t.pipelines[0].table_count = 2; /* for the clean-up */
}

static void a_printed_script_does_what_install_does(void **state)
{
	struct fixture *f = *state;
	char script[200], command[1024], *printed, *installed;
	FILE *file;

	run(f, "CREATE TABLE \"it's;\" (id INTEGER PRIMARY KEY, \"a\nb\" DEFAULT 'x;y')");
	capture(f, "it's;");
	users(f);
	f->t.options.print_only = true;
	sqlitetest_install(&f->t);
	assert_int_equal(count_ours(f), 0);
	(void)snprintf(script, sizeof(script), "%s/install.sql", f->t.directory);
	file = fopen(script, "w");
	assert_non_null(file);
	assert_true(fputs(buf_str(&f->t.sql), file) >= 0);
	assert_int_equal(fclose(file), 0);
	/* twice: it may be repeated */
	(void)snprintf(command, sizeof(command),
		       "sqlite3 -bail '%s' <'%s' && sqlite3 -bail '%s' "
		       "<'%s'",
		       f->t.path, script, f->t.path, script);
	assert_int_equal(system(command), 0);
	printed = sqlitetest_text(f->t.db, "%s", SCHEMA);
	f->t.options.print_only = false;
	sqlitetest_install(&f->t);
	assert_said(f, "ok it's;: already installed");
	assert_said(f, "ok users: already installed");
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	sqlitetest_install(&f->t);
	installed = sqlitetest_text(f->t.db, "%s", SCHEMA);
	assert_string_equal(printed, installed);
	free(printed);
	free(installed);
}

/* ---- refusals ---- */

static void what_cannot_be_captured_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *table;
		enum err_code code;
		const char *words;
	} cases[] = {
		{"view1", ERR_CONFIG, "is a view: capture the tables behind it"},
		{"search", ERR_CONFIG, "is a virtual table: SQLite fires no triggers for it"},
		{"search_content", ERR_CONFIG, "is the storage of a virtual table"},
		{"sqlite_sequence", ERR_CONFIG, "is a system table"},
		{"app_db_listener_outbox", ERR_CONFIG, "belongs to the outbox itself"},
		{"uers", ERR_NOT_FOUND, "no such table; did you mean users?"},
		{"Users", ERR_NOT_FOUND, "did you mean users?"},
	};
	struct fixture *f = *state;
	size_t i;

	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT); CREATE VIEW "
	       "view1 AS SELECT * FROM users; CREATE VIRTUAL TABLE search USING fts5(body)");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		mem_free(capture(f, cases[i].table)->table);
		f->t.pipelines[0].table_count = 1;
		f->t.tables[0][0].table = mem_strdup(cases[i].table);
		assert_error(f, sqlitetest_try_install(&f->t), cases[i].code, cases[i].words);
		assert_said(f, "fail ");
		assert_int_equal(count_ours(f), 0);
		mem_free(f->t.tables[0][0].table);
		f->t.tables[0][0].table = NULL;
		f->t.pipelines[0].table_count = 0;
	}
}

static void a_schema_means_an_attached_file(void **state)
{
	static char main_schema[] = "main", other[] = "aux";
	struct fixture *f = *state;

	users(f);
	f->t.tables[0][0].schema = other;
	assert_error(f, sqlitetest_try_install(&f->t), ERR_CONFIG,
		     "an attached database is not captured");
	f->t.tables[0][0].schema = main_schema;
	sqlitetest_install(&f->t);
}

static void a_star_takes_ordinary_tables_only(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW view1 AS "
	       "SELECT * FROM users; CREATE VIRTUAL TABLE search USING fts5(body)");
	capture(f, "*");
	sqlitetest_install(&f->t);
	assert_string_equal(buf_str(&f->t.said),
			    "ok items: installed for pipeline default: insert, update, delete\n"
			    "ok users: installed for pipeline default: insert, update, delete\n");
}

static void unknown_columns_and_bad_filters_are_refused(void **state)
{
	static char unknown[] = "NEW.nmae = 'x'", syntax[] = "NEW.name = = 1",
		    function[] = "no_such(NEW.name)";
	static char *const filters[] = {unknown, syntax, function};
	static const char *const words[] = {"no such column: NEW.nmae", "syntax error",
					    "no such function: no_such"};
	struct fixture *f = *state;
	size_t i;

	users(f);
	add(&f->t.tables[0][0].exclude, "nmae");
	assert_error(f, sqlitetest_try_install(&f->t), ERR_CONFIG,
		     "users, pipeline default: has no column \"nmae\", named in exclude; did you "
		     "mean \"name\"?");
	string_list_done(&f->t.tables[0][0].exclude);
	for (i = 0; i < ARRAY_LEN(filters); i++) {
		f->t.tables[0][0].where[OP_UPDATE] = filters[i];
		assert_error(f, sqlitetest_try_install(&f->t), ERR_CONFIG, words[i]);
		assert_non_null(strstr(f->t.e.msg, "users, pipeline default, where for update"));
		assert_int_equal(count_ours(f), 0);
	}
}

/* A statement the application makes must still be possible, or nothing is installed. */
static void a_trigger_that_would_break_writes_is_not_installed(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE app_db_listener_outbox (id INTEGER PRIMARY KEY, something)");
	assert_error(f, sqlitetest_try_install(&f->t), ERR_CONFIG,
		     "there is a table or an index app_db_listener_outbox that install did not "
		     "make");
	assert_int_equal(count_ours(f), 1);
	assert_string_equal(attempt(f, "INSERT INTO users VALUES (1, 'a')"), "");
}

static int sort(void *ctx, int a_len, const void *a, int b_len, const void *b)
{
	(void)ctx;
	(void)a;
	(void)b;
	return b_len - a_len;
}

static void call(sqlite3_context *ctx, int n, sqlite3_value **values)
{
	(void)n;
	(void)values;
	sqlite3_result_null(ctx);
}

/* What only the application has is no reason to refuse, and no reason to fail. */
static void the_applications_own_functions_do_not_stand_in_the_way(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sqlite3_create_collation(f->t.db, "own", SQLITE_UTF8, NULL, sort), 0);
	assert_int_equal(
		sqlite3_create_function(f->t.db, "own", 1, SQLITE_UTF8, NULL, call, NULL, NULL), 0);
	users(f);
	run(f, "CREATE TRIGGER own AFTER INSERT ON users BEGIN SELECT own(NEW.id); END; "
	       "CREATE TABLE log (t TEXT PRIMARY KEY COLLATE own)");
	capture(f, "log");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO log VALUES ('x'); UPDATE log SET t = 'y'; INSERT INTO users VALUES (1, "
	       "'a')");
	assert_string_equal(events(f),
			    "insert|log|{\"t\":\"x\"}|-|{\"t\":\"x\"}|-\n"
			    "update|log|{\"t\":\"y\"}|{\"t\":\"x\"}|{\"t\":\"y\"}|{\"t\":\"x\"}\n"
			    "insert|users|{\"id\":1}|-|{\"id\":1,\"name\":\"a\"}|-\n");
}

/* ---- in each other's way ---- */

static void a_writer_is_waited_for_and_then_told_of(void **state)
{
	struct fixture *f = *state;
	sqlite3 *app;

	users(f);
	app = sqlitetest_connect(&f->t);
	sqlitetest_exec(app, "BEGIN IMMEDIATE; INSERT INTO users VALUES (1, 'a')");
	f->t.options.give_up_us = 200 * CLOCK_US_PER_MS;
	assert_error(f, sqlitetest_try_install(&f->t), ERR_TIMEOUT, "tried for 200 ms");
	assert_non_null(strstr(f->t.e.msg, f->t.path));
	sqlitetest_exec(app, "COMMIT");
	sqlitetest_install(&f->t);
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
}

static void two_installs_do_not_run_at_once(void **state)
{
	struct fixture *f = *state;
	struct sqlite_file file;
	int fd;

	users(f);
	assert_int_equal(sqlite_file_look(f->t.path, &file, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_open(&file, &fd, NULL), ERR_OK);
	assert_int_equal(sqlite_lock_take(&file, fd, SQLITE_LOCK_INSTALL, NULL), ERR_OK);
	assert_error(f, sqlitetest_try_install(&f->t), ERR_BUSY,
		     "another install or uninstall is running");
	fd_close(&fd);
	sqlitetest_install(&f->t);
	sqlite_file_done(&file);
}

/* ---- uninstall ---- */

static void uninstall_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	char lock[200];

	users(f);
	(void)sqlitetest_capture(&f->t, 1, "users");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a')");
	(void)snprintf(lock, sizeof(lock), "%s" SQLITE_LOCK_SUFFIX, f->t.path);
	assert_int_equal(access(lock, F_OK), 0);
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	assert_said(f, "ok users: removed trigger app_db_listener_second.users.update\n");
	assert_int_equal(count_ours(f), 0);
	assert_int_not_equal(access(lock, F_OK), 0);
	assert_string_equal(attempt(f, "UPDATE users SET name = 'b'"), "");
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	assert_said(f, "nothing is installed");
}

static void uninstall_refuses_what_would_lose_events(void **state)
{
	struct fixture *f = *state;
	struct reader r;

	users(f);
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a')");
	f->t.options.keep_data = true;
	assert_error(f, sqlitetest_uninstall(&f->t), ERR_BUSY, "1 events are undelivered");
	f->t.options.keep_data = false;
	fixture_reader(f, &r);
	reader_open(&r);
	assert_error(f, sqlitetest_uninstall(&f->t), ERR_BUSY, "a daemon is active");
	reader_free(&r);
	f->t.options.print_only = true;
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	assert_non_null(strstr(buf_str(&f->t.sql), "DROP TRIGGER IF EXISTS"));
	assert_true(count_ours(f) > 0);
	f->t.options.print_only = false;
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
}

/* Writers in other processes go on while triggers come and go: none of their statements fails. */
static void write_until_told(const char *path, int stop_fd)
{
	sqlite3 *db;
	int64_t n = 0;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		_exit(1);
	(void)sqlite3_busy_timeout(db, 120000);
	/* once at least: who has to wait for the lock may be passed over again and again */
	while (!n || !fd_wait(stop_fd, -1, 0, 0)) {
		char sql[160];

		(void)snprintf(sql, sizeof(sql),
			       "BEGIN IMMEDIATE; INSERT INTO users (name) VALUES ('x'); UPDATE "
			       "users SET name = 'y%lld' WHERE id = last_insert_rowid(); COMMIT",
			       (long long)n++);
		if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			_exit(2);
	}
	_exit(sqlite3_close(db) == SQLITE_OK ? 0 : 3);
}

static void writers_do_not_notice_installs(void **state)
{
	struct fixture *f = *state;
	int stop[2], i, status;
	pid_t pids[3];

	users(f);
	assert_int_equal(pipe(stop), 0);
	for (i = 0; i < 3; i++) {
		pids[i] = fixture_fork(f);
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			write_until_told(f->t.path, stop[0]);
	}
	for (i = 0; i < 20; i++) {
		sqlitetest_install(&f->t);
		assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	}
	assert_int_equal(write(stop[1], "x", 1), 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	(void)close(stop[0]);
	(void)close(stop[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(installing_twice_changes_nothing),
		CASE(what_is_configured_differently_is_made_anew),
		CASE(a_printed_script_does_what_install_does),
		CASE(what_cannot_be_captured_is_refused_with_the_reason),
		CASE(a_schema_means_an_attached_file),
		CASE(a_star_takes_ordinary_tables_only),
		CASE(unknown_columns_and_bad_filters_are_refused),
		CASE(a_trigger_that_would_break_writes_is_not_installed),
		CASE(the_applications_own_functions_do_not_stand_in_the_way),
		CASE(a_writer_is_waited_for_and_then_told_of),
		CASE(two_installs_do_not_run_at_once),
		CASE(uninstall_leaves_nothing_behind),
		CASE(uninstall_refuses_what_would_lose_events),
		CASE(writers_do_not_notice_installs),
		CASE_ROLLBACK(writers_do_not_notice_installs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
