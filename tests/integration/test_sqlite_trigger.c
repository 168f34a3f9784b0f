/* SPDX-License-Identifier: MIT */
/* What the triggers capture, and that the application's statements go on as they did. */
#include "sqlite_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE, age)");
}

/* ---- which changes ---- */

static void every_operation_makes_its_event(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, "users");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'Ann', 30); UPDATE users SET age = 31; "
	       "UPDATE users SET id = 2; DELETE FROM users");
	assert_string_equal(
		events(f),
		"insert|users|{\"id\":1}|-|{\"id\":1,\"name\":\"Ann\",\"age\":30}|-\n"
		"update|users|{\"id\":1}|-|{\"id\":1,\"name\":\"Ann\",\"age\":31}|"
		"{\"id\":1,\"name\":\"Ann\",\"age\":30}\n"
		"update|users|{\"id\":2}|{\"id\":1}|{\"id\":2,\"name\":\"Ann\",\"age\":31}|"
		"{\"id\":1,\"name\":\"Ann\",\"age\":31}\n"
		"delete|users|{\"id\":2}|-|-|{\"id\":2,\"name\":\"Ann\",\"age\":31}\n");
}

static void an_update_that_changes_nothing_makes_no_event(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, "users");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a', NULL); UPDATE users SET name = 'a', age = NULL");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 1);
	/* what compares equal but is not the same does: case, and type */
	run(f, "UPDATE users SET name = 'A'; UPDATE users SET age = 1; UPDATE users SET age = 1.0; "
	       "UPDATE users SET age = '1'; UPDATE users SET age = x'31'; UPDATE users SET age = "
	       "NULL; UPDATE users SET age = NULL");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 7);
}

static void a_filter_chooses_rows_and_lists_choose_columns(void **state)
{
	static char adult[] = "NEW.age >= 18 AND NEW.name <> 'x;''y' -- grown up";
	struct fixture *f = *state;
	struct table_settings *t;

	users(f);
	t = capture(f, "users");
	t->where[OP_INSERT] = t->where[OP_UPDATE] = adult;
	add(&t->exclude, "age");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'a', 17), (2, 'b', 18); UPDATE users SET age = 19; "
	       "UPDATE users SET name = 'c' WHERE id = 2; DELETE FROM users");
	assert_string_equal(events(f), "insert|users|{\"id\":2}|-|{\"id\":2,\"name\":\"b\"}|-\n"
				       "update|users|{\"id\":2}|-|{\"id\":2,\"name\":\"c\"}|"
				       "{\"id\":2,\"name\":\"b\"}\n"
				       "delete|users|{\"id\":1}|-|-|{\"id\":1,\"name\":\"a\"}\n"
				       "delete|users|{\"id\":2}|-|-|{\"id\":2,\"name\":\"c\"}\n");
}

static void the_key_can_be_chosen_and_is_always_captured(void **state)
{
	struct fixture *f = *state;
	struct table_settings *t;

	run(f, "CREATE TABLE k (a, b TEXT, c, PRIMARY KEY (b, a)) WITHOUT ROWID; "
	       "CREATE TABLE l (x, y, z)");
	t = capture(f, "k");
	add(&t->columns, "c");
	t = capture(f, "l");
	add(&t->key, "y");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO k VALUES (1, 'b''', 2); INSERT INTO l VALUES (1, NULL, 3), (1, x'00', "
	       "3)");
	assert_string_equal(events(f),
			    "insert|k|{\"b\":\"b'\",\"a\":1}|-|{\"a\":1,\"b\":\"b'\",\"c\":2}|-\n"
			    "insert|l|{\"y\":null}|-|{\"x\":1,\"y\":null,\"z\":3}|-\n"
			    "insert|l|{\"y\":\"00\"}|-|{\"x\":1,\"y\":\"00\",\"z\":3}|-\n");
}

static void a_table_without_a_key_has_events_without_one(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE n (a, b)");
	capture(f, "n");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO n VALUES (1, 2)");
	assert_string_equal(events(f), "insert|n|-|-|{\"a\":1,\"b\":2}|-\n");
}

static void generated_columns_and_strict_tables_are_captured(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE g (id INTEGER PRIMARY KEY, a INT, v AS (a * 2), s AS (a * 3) STORED);"
	       "CREATE TABLE st (id INTEGER PRIMARY KEY, t TEXT, b BLOB, x ANY) STRICT");
	capture(f, "g");
	capture(f, "st");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO g (a) VALUES (2); UPDATE g SET a = 3; INSERT INTO st VALUES (1, 'a', "
	       "x'61', 1.0)");
	assert_string_equal(
		events(f),
		"insert|g|{\"id\":1}|-|{\"id\":1,\"a\":2,\"v\":4,\"s\":6}|-\n"
		"update|g|{\"id\":1}|-|{\"id\":1,\"a\":3,\"v\":6,\"s\":9}|"
		"{\"id\":1,\"a\":2,\"v\":4,\"s\":6}\n"
		"insert|st|{\"id\":1}|-|{\"id\":1,\"t\":\"a\",\"b\":\"61\",\"x\":1.0}|-\n");
}

static void names_may_hold_anything(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE \"T'a\"\"b le.\n\\ \xc3\xa4; --\" (\"i'\"\"d\" INTEGER PRIMARY KEY, "
	       "\"new\" INT, \"\\\x01\" INT, \"select\" INT, \"a]b\" INT, \"\xff\" INT)");
	run(f, "CREATE TABLE \"new\" (\"old\" INTEGER PRIMARY KEY, \"NEW.x\" INT)");
	capture(f, "T'a\"b le.\n\\ \xc3\xa4; --");
	capture(f, "new");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO \"T'a\"\"b le.\n\\ \xc3\xa4; --\" VALUES (1, 2, 3, 4, 5, 6); "
	       "INSERT INTO \"new\" VALUES (1, 2); UPDATE \"new\" SET \"NEW.x\" = 3");
	assert_string_equal(
		events(f),
		"insert|T'a\"b le.\n\\ \xc3\xa4; --|{\"i'\\\"d\":1}|-|{\"i'\\\"d\":1,\"new\":2,"
		"\"\\\\\\u0001\":3,\"select\":4,\"a]b\":5,\"\xef\xbf\xbd\":6}|-\n"
		"insert|new|{\"old\":1}|-|{\"old\":1,\"NEW.x\":2}|-\n"
		"update|new|{\"old\":1}|-|{\"old\":1,\"NEW.x\":3}|{\"old\":1,\"NEW.x\":2}\n");
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_not_said(f, "fail");
}

/* Pipelines and tables of such names would share the names of their triggers otherwise. */
static void triggers_of_all_pipelines_have_names_of_their_own(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE \"second.a\" (id INTEGER "
	       "PRIMARY KEY)");
	capture(f, "second.a");
	capture(f, "a");
	(void)sqlitetest_capture(&f->t, 1, "a");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO a VALUES (1); INSERT INTO \"second.a\" VALUES (2)");
	assert_string_equal(events_of(f, 0), "insert|a|{\"id\":1}|-|{\"id\":1}|-\n"
					     "insert|second.a|{\"id\":2}|-|{\"id\":2}|-\n");
	assert_string_equal(events_of(f, 1), "insert|a|{\"id\":1}|-|{\"id\":1}|-\n");
}

/* ---- size ---- */

static void make_wide(struct fixture *f, int columns)
{
	struct buf sql;
	int i;

	buf_init(&sql, 1 << 20);
	buf_add_str(&sql, "CREATE TABLE w (id INTEGER PRIMARY KEY");
	for (i = 1; i < columns; i++)
		buf_add_fmt(&sql, ", column_%d", i);
	buf_add_char(&sql, ')');
	run(f, buf_str(&sql));
	buf_done(&sql);
}

/* More than a function takes arguments, and deeper than an expression may be. */
static void wide_tables_work(void **state)
{
	static const int widths[] = {2, 33, 200, 1100};
	struct fixture *f = *state;
	const char *got;
	size_t i;

	capture(f, "w");
	for (i = 0; i < ARRAY_LEN(widths); i++) {
		make_wide(f, widths[i]);
		sqlitetest_install(&f->t);
		run(f, "INSERT INTO w (id, column_1) VALUES (1, 'x'); UPDATE w SET column_1 = 'y'; "
		       "DELETE FROM w");
		got = events(f);
		assert_int_equal(
			strncmp(got, "insert|w|{\"id\":1}|-|{\"id\":1,\"column_1\":\"x\"", 40), 0);
		assert_non_null(strstr(got, "\ndelete|w|{\"id\":1}|-|-|{\"id\":1,\"column_1\":"));
		run(f, "DROP TABLE w");
	}
}

static void a_table_too_wide_for_its_triggers_is_refused(void **state)
{
	struct fixture *f = *state;

	make_wide(f, 1999);
	capture(f, "w");
	assert_error(f, sqlitetest_try_install(&f->t), ERR_CONFIG, "so many columns");
	assert_string_equal(attempt(f, "INSERT INTO w (id) VALUES (1)"), "");
}

static void a_row_over_the_cap_comes_with_its_key(void **state)
{
	struct fixture *f = *state;

	f->t.source.max_event_bytes = 2000;
	run(f, "CREATE TABLE b (id INTEGER PRIMARY KEY, v)");
	capture(f, "b");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO b VALUES (1, zeroblob(3000)); UPDATE b SET v = 'x'; UPDATE b SET id = "
	       "2, v = zeroblob(3000); DELETE FROM b");
	assert_string_equal(events(f),
			    "insert|b|{\"id\":1}|-|truncated|{\"id\":1}|-\n"
			    "update|b|{\"id\":1}|-|truncated|{\"id\":1}|{\"id\":1}\n"
			    "update|b|{\"id\":2}|{\"id\":1}|truncated|{\"id\":2}|{\"id\":1}\n"
			    "delete|b|{\"id\":2}|-|truncated|-|{\"id\":2}\n");
	/* under it as stored, over it as JSON */
	run(f, "INSERT INTO b VALUES (3, zeroblob(1500)), (4, replace(hex(zeroblob(400)), '0', "
	       "char(1)))");
	assert_string_equal(events(f), "insert|b|{\"id\":3}|-|truncated|{\"id\":3}|-\n"
				       "insert|b|{\"id\":4}|-|truncated|{\"id\":4}|-\n");
	/* a NUL ends what length() counts of a text */
	run(f, "INSERT INTO b VALUES (5, char(0) || hex(zeroblob(3000)))");
	assert_string_equal(events(f), "insert|b|{\"id\":5}|-|truncated|{\"id\":5}|-\n");
}

static void a_key_that_is_too_long_is_left_out(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE b (id TEXT PRIMARY KEY, v)");
	capture(f, "b");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO b VALUES (hex(zeroblob(40000)), 1); UPDATE b SET id = 'a'");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox "
						 "WHERE row_key IS NULL AND old_key IS NULL AND "
						 "data IS NOT NULL"),
			 2);
}

/* The largest rows SQLite can store must be as writable as before. */
static void the_largest_row_does_not_fail(void **state)
{
	struct fixture *f = *state;

	f->t.source.max_event_bytes = 256LL << 20;
	run(f, "CREATE TABLE b (id INTEGER PRIMARY KEY, v)");
	capture(f, "b");
	sqlitetest_install(&f->t);
	assert_string_equal(attempt(f, "INSERT INTO b VALUES (1, zeroblob(400000000))"), "");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT truncated FROM app_db_listener_outbox"),
			 1);
	/* the worst under the cap: every byte doubles, twice in one row of the outbox */
	run(f, "DELETE FROM app_db_listener_outbox; DELETE FROM b; INSERT INTO b VALUES (1, "
	       "zeroblob(134217000))");
	assert_string_equal(attempt(f, "UPDATE b SET v = zeroblob(134217001)"), "");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT sum(truncated) FROM "
						 "app_db_listener_outbox"),
			 1);
}

/* ---- the application's own doings ---- */

static void replace_upsert_cascades_and_bulk_deletes_are_captured(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE p (id INTEGER PRIMARY KEY, v);"
	       "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE)");
	capture(f, "p");
	capture(f, "c");
	sqlitetest_install(&f->t);
	run(f, "PRAGMA foreign_keys = ON; INSERT INTO p VALUES (1, 'a'); INSERT INTO c VALUES (7, "
	       "1); "
	       "INSERT INTO p VALUES (1, 'b') ON CONFLICT DO UPDATE SET v = excluded.v; "
	       "INSERT OR IGNORE INTO p VALUES (1, 'c'); DELETE FROM p");
	assert_string_equal(events(f),
			    "insert|p|{\"id\":1}|-|{\"id\":1,\"v\":\"a\"}|-\n"
			    "insert|c|{\"id\":7}|-|{\"id\":7,\"p\":1}|-\n"
			    "update|p|{\"id\":1}|-|{\"id\":1,\"v\":\"b\"}|{\"id\":1,\"v\":\"a\"}\n"
			    "delete|c|{\"id\":7}|-|-|{\"id\":7,\"p\":1}\n"
			    "delete|p|{\"id\":1}|-|-|{\"id\":1,\"v\":\"b\"}\n");
	run(f, "PRAGMA recursive_triggers = ON; INSERT INTO p VALUES (2, 'x'); INSERT OR REPLACE "
	       "INTO p VALUES (2, 'y')");
	assert_string_equal(events(f), "insert|p|{\"id\":2}|-|{\"id\":2,\"v\":\"x\"}|-\n"
				       "delete|p|{\"id\":2}|-|-|{\"id\":2,\"v\":\"x\"}\n"
				       "insert|p|{\"id\":2}|-|{\"id\":2,\"v\":\"y\"}|-\n");
}

/* A trigger of the application's that writes to the same row makes two events, the older first. */
static void the_capture_fires_before_the_applications_triggers(void **state)
{
	static const char touch[] =
		"CREATE TRIGGER touch AFTER UPDATE OF v ON u BEGIN UPDATE u SET n = n + 1 WHERE "
		"id = NEW.id; END";
	static const char expected[] = "update|u|{\"id\":1}|-|{\"id\":1,\"v\":\"b\",\"n\":0}|"
				       "{\"id\":1,\"v\":\"a\",\"n\":0}\n"
				       "update|u|{\"id\":1}|-|{\"id\":1,\"v\":\"b\",\"n\":1}|"
				       "{\"id\":1,\"v\":\"b\",\"n\":0}\n";
	struct fixture *f = *state;

	run(f, "CREATE TABLE u (id INTEGER PRIMARY KEY, v, n)");
	run(f, touch);
	capture(f, "u");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO u VALUES (1, 'a', 0)");
	(void)events(f);
	run(f, "UPDATE u SET v = 'b'");
	assert_string_equal(events(f), expected);
	/* one that was made later fires first; check tells, install mends */
	run(f, "DROP TRIGGER touch");
	run(f, touch);
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_said(f, "warn u: a trigger of the application's is newer and fires before");
	sqlitetest_install(&f->t);
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_not_said(f, "is newer");
	run(f, "UPDATE u SET v = 'a', n = 0");
	(void)events(f);
	run(f, "UPDATE u SET n = 0");
	(void)events(f);
	run(f, "UPDATE u SET v = 'b'");
	assert_string_equal(events(f), expected);
}

static void what_the_application_asks_of_its_statement_stays_the_same(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, "users");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (70, 'a', 1), (71, 'b', 1)");
	assert_int_equal(sqlite3_changes(f->t.db), 2);
	assert_int_equal(sqlite3_last_insert_rowid(f->t.db), 71);
	run(f, "UPDATE users SET age = 2");
	assert_int_equal(sqlite3_changes(f->t.db), 2);
	run(f, "BEGIN; INSERT INTO users VALUES (72, 'c', 1); ROLLBACK");
	(void)events(f);
	assert_string_equal(events(f), "");
}

static void limits_and_settings_of_the_application_do_no_harm(void **state)
{
	struct fixture *f = *state;
	char name[24];
	sqlite3 *app;
	int i;

	make_wide(f, 200);
	capture(f, "w");
	sqlitetest_install(&f->t);
	app = sqlitetest_connect(&f->t);
	(void)sqlite3_limit(app, SQLITE_LIMIT_FUNCTION_ARG, 6);
	(void)sqlite3_limit(app, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(app, SQLITE_LIMIT_TRIGGER_DEPTH, 2);
	(void)sqlite3_limit(app, SQLITE_LIMIT_EXPR_DEPTH, 200);
	(void)sqlite3_limit(app, SQLITE_LIMIT_LENGTH, 10 << 20);
	(void)sqlite3_limit(app, SQLITE_LIMIT_SQL_LENGTH, 1000000);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(app, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlitetest_exec(app, "PRAGMA case_sensitive_like = ON; PRAGMA foreign_keys = ON; "
			     "PRAGMA recursive_triggers = ON; PRAGMA reverse_unordered_selects = "
			     "ON; CREATE TEMP TABLE app_db_listener_outbox (x)");
	for (i = 1; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "column_%d", i);
		sqlitetest_exec(app, "INSERT INTO w (%s) VALUES (hex(zeroblob(1000)))", name);
	}
	sqlitetest_exec(app, "UPDATE w SET column_30 = 'x'; DELETE FROM w");
	assert_int_equal(sqlite3_close(app), SQLITE_OK);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"),
			 57);
}

/* Added, renamed and dropped columns; the last is refused by SQLite itself while a trigger has the
 * column, and works after an uninstall. */
static void altering_a_captured_table_breaks_no_write(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, "users");
	sqlitetest_install(&f->t);
	run(f, "ALTER TABLE users ADD COLUMN extra; ALTER TABLE users RENAME COLUMN age TO years; "
	       "INSERT INTO users VALUES (1, 'a', 2, 3)");
	assert_string_equal(events(f), "insert|users|{\"id\":1}|-|{\"id\":1,\"name\":\"a\",\"age\":"
				       "2}|-\n");
	run(f, "ALTER TABLE users RENAME TO people; UPDATE people SET name = 'b'");
	assert_string_equal(events(f), "update|users|{\"id\":1}|-|{\"id\":1,\"name\":\"b\",\"age\":"
				       "2}|{\"id\":1,\"name\":\"a\",\"age\":2}\n");
	assert_non_null(strstr(attempt(f, "ALTER TABLE people DROP COLUMN years"),
			       "error in trigger app_db_listener_default.users."));
	assert_string_equal(attempt(f, "UPDATE people SET name = 'c'"), "");
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	assert_string_equal(attempt(f, "ALTER TABLE people DROP COLUMN years"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_operation_makes_its_event),
		CASE_ROLLBACK(every_operation_makes_its_event),
		CASE(an_update_that_changes_nothing_makes_no_event),
		CASE(a_filter_chooses_rows_and_lists_choose_columns),
		CASE(the_key_can_be_chosen_and_is_always_captured),
		CASE(a_table_without_a_key_has_events_without_one),
		CASE(generated_columns_and_strict_tables_are_captured),
		CASE(names_may_hold_anything),
		CASE(triggers_of_all_pipelines_have_names_of_their_own),
		CASE(wide_tables_work),
		CASE(a_table_too_wide_for_its_triggers_is_refused),
		CASE(a_row_over_the_cap_comes_with_its_key),
		CASE(a_key_that_is_too_long_is_left_out),
		CASE(the_largest_row_does_not_fail),
		CASE(replace_upsert_cascades_and_bulk_deletes_are_captured),
		CASE(the_capture_fires_before_the_applications_triggers),
		CASE(what_the_application_asks_of_its_statement_stays_the_same),
		CASE(limits_and_settings_of_the_application_do_no_harm),
		CASE(altering_a_captured_table_breaks_no_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
