/* SPDX-License-Identifier: MIT */
/* install against a real server. */
#include "base/thread.h"
#include "my_fixture.h"

#define TRIGGERS                                                                                   \
	"SELECT event_object_table, event_manipulation FROM information_schema.triggers WHERE "    \
	"trigger_schema = DATABASE() ORDER BY 1, CONCAT(event_manipulation)"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

static const char *count_tables(struct fixture *f)
{
	return rows(f, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = "
		       "DATABASE() AND table_name LIKE 'app\\_db\\_listener%'");
}

/* ---- install ---- */

static void install_twice_locks_no_table_the_second_time(void **state)
{
	struct fixture *f = *state;
	MYSQL *writer;

	users(f);
	install(f);
	assert_has(buf_str(&f->findings), ".users: installed for pipeline default: insert, update, "
					  "delete");
	writer = fixture_connect(f->database, "root", "utf8mb4");
	run_on(writer, "START TRANSACTION; INSERT INTO users VALUES (1, 'a')");
	f->options.give_up_us = CLOCK_US_PER_S;
	install(f);
	assert_has(buf_str(&f->findings), ".users: already installed");
	mysql_close(writer);
}

static void the_outbox_is_as_the_reader_expects_it(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 1, NULL, "users");
	install(f);
	assert_string_equal(rows(f, "SELECT pipeline, version, length(install_id) FROM "
				    "app_db_listener_install ORDER BY 1"),
			    "default|1|36\nsecond|1|36");
	assert_string_equal(rows(f, "SELECT pipeline, table_name, length(fingerprint), "
				    "LENGTH(trigger_names) - LENGTH(REPLACE(trigger_names, ',', "
				    "'')) FROM app_db_listener_captured ORDER BY 1"),
			    "default|users|32|2\nsecond|users|32|2");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM information_schema.tables WHERE "
				    "table_schema = DATABASE() AND table_name LIKE "
				    "'app\\_db\\_listener\\_outbox%' AND engine = 'InnoDB'"),
			    "2");
}

static void a_changed_configuration_changes_the_triggers(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "CREATE TABLE pets (id int PRIMARY KEY)");
	capture(f, 0, NULL, "pets");
	install(f);
	f->pipelines[0].operations[OP_DELETE] = false;
	f->pipelines[0].table_count = 1;
	f->tables[0][0].where[OP_INSERT] = (char *)(uintptr_t) "NEW.id > 5";
	install(f);
	assert_string_equal(rows(f, TRIGGERS), "users|INSERT\nusers|UPDATE");
	assert_string_equal(rows(f, "SELECT table_name FROM app_db_listener_captured"), "users");
	run(f, "INSERT INTO users VALUES (1, ''), (6, '')");
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener_outbox"), "{\"id\":6}");
	assert_lacks(check(f), "FAIL");
}

static void a_half_installation_is_completed(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run_trigger(f, "UPDATE", "DROP TRIGGER $TRIGGER");
	run(f, "DELETE FROM app_db_listener_captured; DELETE FROM app_db_listener_install;"
	       "DROP TABLE app_db_listener_dead_letter");
	assert_has(check(f), "1 of 3 triggers of pipeline default are missing: changes are lost");
	install(f);
	assert_string_equal(rows(f, TRIGGERS), "users|DELETE\nusers|INSERT\nusers|UPDATE");
	assert_lacks(check(f), "FAIL");
	assert_lacks(check(f), "WARN");
}

static void an_outbox_that_was_dropped_is_a_new_installation(void **state)
{
	struct fixture *f = *state;
	char before[64];

	users(f);
	install(f);
	(void)snprintf(before, sizeof(before), "%.63s",
		       rows(f, "SELECT install_id FROM app_db_listener_install"));
	run(f, "INSERT INTO app_db_listener_dead_letter (pipeline, id, operation, schema_name, "
	       "table_name, changed_at, attempts, last_error, died_at) VALUES ('default', 41, "
	       "'insert', '', '', NOW(), 1, '', NOW()); DROP TABLE app_db_listener_outbox");
	install(f);
	assert_string_not_equal(rows(f, "SELECT install_id FROM app_db_listener_install"), before);
	run(f, "INSERT INTO users VALUES (1, '')");
	assert_string_equal(rows(f, "SELECT id FROM app_db_listener_outbox"), "42");
}

static void new_columns_are_noticed_and_added(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "ALTER TABLE users ADD age int");
	assert_has(check(f), "3 of 3 triggers of pipeline default are not as configured");
	assert_has(check(f), ".users: has other columns since it was installed");
	install(f);
	run(f, "INSERT INTO users VALUES (1, '', 7)");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox"),
			    "{\"id\":1,\"name\":\"\",\"age\":7}");
	assert_lacks(check(f), "WARN");
}

static void a_renamed_table_is_never_captured_twice(void **state)
{
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "RENAME TABLE users TO people");
	f->tables[0][0].table = (char *)(uintptr_t) "people";
	assert_has(check(f), "captures what is not configured");
	install(f);
	assert_string_equal(rows(f, TRIGGERS), "people|DELETE\npeople|INSERT\npeople|UPDATE");
	run(f, "INSERT INTO people VALUES (1, '')");
	assert_string_equal(rows(f, "SELECT table_name FROM app_db_listener_outbox"), "people");
	assert_lacks(check(f), "WARN");
}

static void stars_take_what_can_be_captured_and_explicit_entries_win(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY) "
	       "PARTITION BY HASH (id) PARTITIONS 3; CREATE VIEW c AS SELECT 1 AS x; "
	       "CREATE TABLE d (id int) ENGINE = MyISAM");
	if (!mytest_is_mysql())
		run(f, "CREATE SEQUENCE s");
	capture(f, 0, NULL, "*");
	capture(f, 0, f->database, "a")->columns = LIST("id");
	install(f);
	assert_has(buf_str(&f->findings), ".d: is not captured with the others: has engine MyISAM");
	assert_string_equal(rows(f, "SELECT table_name FROM app_db_listener_captured ORDER BY 1"),
			    "a\nb");
	run(f, "INSERT INTO a VALUES (1, 2); INSERT INTO b VALUES (1), (2), (3)");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox ORDER BY id"),
			    "{\"id\":1}\n{\"id\":1}\n{\"id\":2}\n{\"id\":3}");
}

/* ---- refusals ---- */

static void what_cannot_be_captured_is_refused_and_nothing_is_installed(void **state)
{
	static const struct {
		const char *schema, *table, *message;
		enum err_code code;
	} cases[] = {
		{NULL, "v", "is a view", ERR_CONFIG},
		{NULL, "my", "has engine MyISAM, which has no transactions", ERR_CONFIG},
		{NULL, "me", "has engine MEMORY", ERR_CONFIG},
		{"mysql", "user", "is the server's own", ERR_CONFIG},
		{"information_schema", "tables", "is the server's own", ERR_CONFIG},
		{NULL, "app_db_listener_x", "capture its own events", ERR_CONFIG},
		{NULL, "user", ".users", ERR_NOT_FOUND},
		{"nowhere", "Users", ".users", ERR_NOT_FOUND},
		{"nowhere", "*", "no table in this database", ERR_NOT_FOUND},
		/* MariaDB only */
		{NULL, "sq", "is a sequence", ERR_CONFIG},
		{NULL, "ar", "has engine Aria", ERR_CONFIG},
	};
	struct fixture *f = *state;
	size_t i, n = ARRAY_LEN(cases) - (mytest_is_mysql() ? 2 : 0);

	users(f);
	run(f, "CREATE VIEW v AS SELECT 1 AS x; CREATE TABLE my (id int) ENGINE = MyISAM; CREATE "
	       "TABLE me (id int) ENGINE = MEMORY; CREATE TABLE app_db_listener_x (id int)");
	if (!mytest_is_mysql())
		run(f, "CREATE SEQUENCE sq; CREATE TABLE ar (id int) ENGINE = Aria");
	for (i = 0; i < n; i++) {
		f->pipelines[0].table_count = 1;
		capture(f, 0, cases[i].schema, cases[i].table);
		if (try_install(f) != cases[i].code)
			fail_msg("%s: %s", cases[i].table, f->err.msg);
		assert_int_equal(f->err.code, cases[i].code);
		assert_has(f->err.msg, cases[i].message);
		assert_has(buf_str(&f->findings), "FAIL ");
		assert_string_equal(count_tables(f), "1");
	}
}

static void wrong_columns_and_filters_are_errors_of_the_configuration(void **state)
{
	struct fixture *f = *state;
	struct table_settings *t;

	users(f);
	t = &f->tables[0][0];
	t->columns = LIST("id", "naem");
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, ".users, pipeline default: has no column \"naem\", named in "
			       "columns; did you mean \"name\"?");
	t->columns = (struct string_list){0};
	t->key = LIST("idd");
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, "named in key");
	t->key = (struct string_list){0};
	t->where[OP_UPDATE] = (char *)(uintptr_t) "NEW.nosuch = 1";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, ".users, pipeline default, where for update: ");
	t->where[OP_UPDATE] = NULL;
	t->where[OP_INSERT] = (char *)(uintptr_t) "OLD.id = 1";
	assert_int_equal(try_install(f), ERR_CONFIG);
	t->where[OP_INSERT] = (char *)(uintptr_t) "NEW.id ++ 1 )";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_string_equal(count_tables(f), "0");
}

static void a_database_that_does_not_exist_is_told_with_the_nearest(void **state)
{
	struct fixture *f = *state;
	char wrong[64], want[96];

	(void)snprintf(wrong, sizeof(wrong), "%sx", f->database);
	(void)snprintf(want, sizeof(want), "did you mean \"%s\"?", f->database);
	users(f);
	f->source.database = wrong;
	assert_int_equal(try_install(f), ERR_NOT_FOUND);
	assert_has(f->err.msg, want);
}

/* ---- locks ---- */

static void a_table_that_cannot_be_locked_is_told_with_who_holds_it(void **state)
{
	struct fixture *f = *state;
	MYSQL *writer;

	users(f);
	run(f, "CREATE TABLE pets (id int PRIMARY KEY)");
	capture(f, 0, NULL, "pets");
	writer = fixture_connect(f->database, "root", "utf8mb4");
	run_on(writer, "START TRANSACTION; INSERT INTO users VALUES (1, '')");
	/* a statement has so long, not only its wait */
	f->options.lock_timeout_us = CLOCK_US_PER_S;
	f->options.give_up_us = CLOCK_US_PER_S;
	assert_int_equal(try_install(f), ERR_TIMEOUT);
	assert_has(f->err.msg, ".users: no lock after");
	assert_has(f->err.msg, "; held by connection ");
	/* the other table has all its triggers, this one none */
	assert_string_equal(rows(f, TRIGGERS), "pets|DELETE\npets|INSERT\npets|UPDATE");
	run_on(writer, "COMMIT");
	mysql_close(writer);
	install(f);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_captured"), "2");
}

struct release {
	MYSQL *c;
	const char *sql;
};

static bool anybody_waits(MYSQL *c)
{
	MYSQL_RES *res;
	bool waits;

	if (mysql_query(c, "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting "
			   "for table metadata lock'"))
		return false;
	res = mysql_store_result(c);
	waits = res && mysql_num_rows(res) > 0;
	mysql_free_result(res);
	return waits;
}

/* When somebody has waited for the lock, and for longer than they do at a time. */
static void release_main(void *arg)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 30 * CLOCK_US_PER_S;
	struct release *r = arg;

	while (!anybody_waits(r->c) && clock_now_us(clock_system()) < deadline_us)
		;
	(void)try_on(r->c, "DO SLEEP(0.7)");
	(void)try_on(r->c, r->sql);
}

static void install_tries_again_until_the_writer_is_done(void **state)
{
	struct fixture *f = *state;
	struct release r;
	struct thread t;

	users(f);
	r = (struct release){fixture_connect(f->database, "root", "utf8mb4"), "COMMIT"};
	run_on(r.c, "START TRANSACTION; INSERT INTO users VALUES (1, '')");
	f->options.lock_timeout_us = 300 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&t, "release", 0, release_main, &r, NULL), ERR_OK);
	install(f);
	thread_join(&t);
	mysql_close(r.c);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_captured"), "1");
}

struct concurrent {
	struct fixture *f;
	enum err_code code;
	struct err err;
};

static void concurrent_main(void *arg)
{
	struct concurrent *c = arg;
	struct install_options o = c->f->options;

	o.on_finding = NULL;
	c->code = source_admin_mysql.install(&c->f->settings, 0, &o, &c->err);
}

static void concurrent_installs_do_not_disturb_each_other(void **state)
{
	struct fixture *f = *state;
	struct concurrent c[4];
	struct thread t[4];
	size_t i;

	users(f);
	for (i = 0; i < ARRAY_LEN(t); i++) {
		c[i] = (struct concurrent){.f = f};
		assert_int_equal(thread_start(&t[i], "install", 0, concurrent_main, &c[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < ARRAY_LEN(t); i++) {
		thread_join(&t[i]);
		assert_int_equal(c[i].code, ERR_OK);
	}
	assert_lacks(check(f), "FAIL");
}

/* ---- print ---- */

static void printed_sql_changes_nothing_and_does_the_same_when_run(void **state)
{
	struct fixture *f = *state;
	char path[256], command[1024];
	FILE *file;

	users(f);
	run(f, "CREATE TABLE `od``d\"' $$ t` (`a\\` int PRIMARY KEY, j json)");
	capture(f, 1, NULL, "od`d\"' $$ t");
	f->options.print_only = true;
	install(f);
	assert_string_equal(count_tables(f), "0");
	(void)snprintf(path, sizeof(path), "%s/%s.sql", fixture_env("TEST_MY_DIR"), f->database);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(buf_str(&f->sql), 1, f->sql.len, file), f->sql.len);
	assert_int_equal(fclose(file), 0);
	(void)snprintf(command, sizeof(command), "mariadb --no-defaults -S %s -u root %s <%s",
		       fixture_env("TEST_MY_SOCKET"), f->database, path);
	/* NOLINTNEXTLINE(cert-env33-c): the client, as an operator runs it */
	assert_int_equal(system(command), 0);
	f->options.print_only = false;
	install(f);
	assert_lacks(buf_str(&f->findings), ": installed");
	assert_lacks(check(f), "WARN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(install_twice_locks_no_table_the_second_time),
		TEST(the_outbox_is_as_the_reader_expects_it),
		TEST(a_changed_configuration_changes_the_triggers),
		TEST(a_half_installation_is_completed),
		TEST(an_outbox_that_was_dropped_is_a_new_installation),
		TEST(new_columns_are_noticed_and_added),
		TEST(a_renamed_table_is_never_captured_twice),
		TEST(stars_take_what_can_be_captured_and_explicit_entries_win),
		TEST(what_cannot_be_captured_is_refused_and_nothing_is_installed),
		TEST(wrong_columns_and_filters_are_errors_of_the_configuration),
		TEST(a_database_that_does_not_exist_is_told_with_the_nearest),
		TEST(a_table_that_cannot_be_locked_is_told_with_who_holds_it),
		TEST(install_tries_again_until_the_writer_is_done),
		TEST(concurrent_installs_do_not_disturb_each_other),
		TEST(printed_sql_changes_nothing_and_does_the_same_when_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
