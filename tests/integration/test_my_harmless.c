/* SPDX-License-Identifier: MIT */
/* What the application does must go on, whatever becomes of the table and of its session. */
#include "base/thread.h"
#include "my_fixture.h"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int AUTO_INCREMENT PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
	install(f);
}

static void the_applications_own_ids_and_counts_are_untouched(void **state)
{
	struct fixture *f = *state;
	MYSQL *c;

	users(f);
	run(f, "CREATE TABLE plain (id int PRIMARY KEY, v int)");
	capture(f, 0, NULL, "plain");
	install(f);
	run(f, "ALTER TABLE app_db_listener_outbox AUTO_INCREMENT = 1000");
	c = fixture_connect(f->database, "root", "utf8mb4");
	run_on(c, "INSERT INTO users (name) VALUES ('a')");
	assert_int_equal(mysql_query(c, "INSERT INTO users (name) VALUES ('b'), ('c')"), 0);
	assert_int_equal(mysql_insert_id(c), 2);
	assert_int_equal(mysql_affected_rows(c), 2);
	assert_int_equal(mysql_warning_count(c), 0);
	assert_string_equal(rows_on(f, c, "SELECT LAST_INSERT_ID()"), "2");
	assert_int_equal(mysql_query(c, "INSERT INTO plain VALUES (7, 1)"), 0);
	assert_int_equal(mysql_insert_id(c), 0);
	assert_string_equal(rows_on(f, c, "SELECT LAST_INSERT_ID()"), "2");
	assert_int_equal(mysql_query(c, "UPDATE plain SET v = 2"), 0);
	assert_int_equal(mysql_affected_rows(c), 1);
	assert_int_equal(mysql_query(c, "UPDATE plain SET v = 2"), 0);
	assert_int_equal(mysql_affected_rows(c), 0);
	mysql_close(c);
}

static void alter_and_rename_keep_capturing(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "ALTER TABLE users ADD age int, MODIFY name varchar(200), ADD INDEX (age), FORCE;"
	       "INSERT INTO users VALUES (1, 'a', 5); RENAME TABLE users TO people; INSERT INTO "
	       "people VALUES (2, 'b', 6); OPTIMIZE TABLE people; DELETE FROM people WHERE id = 1");
	assert_string_equal(rows(f, "SELECT operation, table_name, COALESCE(data, old_data) FROM "
				    "app_db_listener_outbox ORDER BY id"),
			    "insert|users|{\"id\":1,\"name\":\"a\"}\n"
			    "insert|users|{\"id\":2,\"name\":\"b\"}\n"
			    "delete|users|{\"id\":1,\"name\":\"a\"}");
}

static void another_character_set_breaks_no_write(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "INSERT INTO users VALUES (1, 'a'); ALTER TABLE users CONVERT TO CHARACTER SET "
	       "utf16; UPDATE users SET name = 'A'; ALTER TABLE users CONVERT TO CHARACTER SET "
	       "utf8mb4; UPDATE users SET name = 'b'; DELETE FROM users");
	assert_string_equal(rows(f, "SELECT COALESCE(data, old_data) FROM app_db_listener_outbox "
				    "ORDER BY id"),
			    "{\"id\":1,\"name\":\"a\"}\n{\"id\":1,\"name\":\"A\"}\n"
			    "{\"id\":1,\"name\":\"b\"}\n{\"id\":1,\"name\":\"b\"}");
}

/* The one thing that cannot be helped: excluded and installed first, it can. */
static void a_column_is_dropped_after_it_was_excluded(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, age int)");
	capture(f, 0, NULL, "users");
	install(f);
	run(f, "ALTER TABLE users DROP age");
	assert_int_equal(try_on(f->super, "INSERT INTO users VALUES (1, 'a')"), 1054);
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'a')");
	f->tables[0][0].exclude = LIST("name");
	install(f);
	run(f, "ALTER TABLE users DROP name; INSERT INTO users VALUES (2)");
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener_outbox ORDER BY id"),
			    "{\"id\":1}\n{\"id\":2}");
}

static void a_locked_definer_does_no_harm(void **state)
{
	struct fixture *f = *state;

	run(f, "DROP USER IF EXISTS installer@'%'; CREATE USER installer@'%'; GRANT ALL ON *.* TO "
	       "installer@'%'; CREATE "
	       "TABLE users (id int PRIMARY KEY)");
	capture(f, 0, NULL, "users");
	f->options.user = "installer";
	install(f);
	run(f, "ALTER USER installer@'%' ACCOUNT LOCK; INSERT INTO users VALUES (1); DROP USER "
	       "installer@'%'");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "1");
}

/* In strict mode a warning inside a trigger would be the application's error. */
static void filters_that_warn_do_not_fail_in_strict_mode(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, age int)");
	capture(f, 0, NULL, "users")->where[OP_INSERT] =
		(char *)(uintptr_t) "1 / NEW.age > 0 OR NEW.name + 1 > 5";
	install(f);
	run(f, "SET sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO'; INSERT INTO users "
	       "VALUES (1, 'x', 0), (2, '7', 0), (3, 'x', 1)");
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener_outbox ORDER BY id"),
			    "{\"id\":2}\n{\"id\":3}");
}

struct writer {
	struct fixture *f;
	unsigned first_error;
	int done;
	int first;
};

#define WRITER_ROWS 300

static void writer_main(void *arg)
{
	struct writer *w = arg;
	char sql[256];
	MYSQL *c;
	int i;

	c = fixture_connect(w->f->database, "root", "utf8mb4");
	for (i = 0; i < WRITER_ROWS && !w->first_error; i++) {
		(void)snprintf(sql, sizeof(sql),
			       "INSERT INTO users VALUES (%d, 'a'); UPDATE users SET name = 'b' "
			       "WHERE id = %d; DELETE FROM users WHERE id = %d",
			       w->first + i, w->first + i, w->first + i);
		w->first_error = try_on(c, sql);
		w->done++;
	}
	mysql_close(c);
}

/* Writers from begin to end, while triggers are replaced again and again: no statement fails, and
 * each of them is captured exactly once. */
static void replacing_triggers_under_load_loses_and_doubles_nothing(void **state)
{
	static const char *const filters[] = {"NEW.id > 0", "NEW.id >= 0", "NEW.id > -1"};
	struct fixture *f = *state;
	struct writer w[4];
	struct thread t[4];
	int installs;
	size_t i;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
	f->options.lock_timeout_us = 2 * CLOCK_US_PER_S;
	install(f);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		w[i] = (struct writer){.f = f, .first = 1 + (int)i * WRITER_ROWS};
		assert_int_equal(thread_start(&t[i], "writer", 0, writer_main, &w[i], NULL),
				 ERR_OK);
	}
	for (installs = 0; installs < 12; installs++) {
		f->tables[0][0].where[OP_INSERT] =
			(char *)(uintptr_t)filters[installs % ARRAY_LEN(filters)];
		f->tables[0][0].where[OP_UPDATE] = f->tables[0][0].where[OP_INSERT];
		install(f);
	}
	for (i = 0; i < ARRAY_LEN(t); i++) {
		thread_join(&t[i]);
		assert_int_equal(w[i].first_error, 0);
		assert_int_equal(w[i].done, WRITER_ROWS);
	}
	assert_string_equal(rows(f, "SELECT operation, COUNT(*), COUNT(DISTINCT row_key) FROM "
				    "app_db_listener_outbox GROUP BY operation ORDER BY 1"),
			    "delete|1200|1200\ninsert|1200|1200\nupdate|1200|1200");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_applications_own_ids_and_counts_are_untouched),
		TEST(alter_and_rename_keep_capturing),
		TEST(another_character_set_breaks_no_write),
		TEST(a_column_is_dropped_after_it_was_excluded),
		TEST(a_locked_definer_does_no_harm),
		TEST(filters_that_warn_do_not_fail_in_strict_mode),
		TEST(replacing_triggers_under_load_loses_and_doubles_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
