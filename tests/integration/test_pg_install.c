/* SPDX-License-Identifier: MIT */
/* install against a real server. */
#include "base/thread.h"
#include "pg_fixture.h"

#define TRIGGERS                                                                                   \
	"SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = "    \
	"t.tgrelid WHERE t.tgname LIKE '!app\\_db\\_listener%' ORDER BY 1, 2"

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

/* ---- install ---- */

static void install_twice_locks_no_table_the_second_time(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;

	users(f);
	install(f);
	assert_has(buf_str(&f->findings),
		   "ok public.users: installed for pipeline default: insert, "
		   "update, delete, truncate");
	writer = fixture_connect(f->database, "postgres");
	run_on(writer, "BEGIN; INSERT INTO users VALUES (1)");
	f->options.give_up_us = CLOCK_US_PER_S;
	install(f);
	assert_has(buf_str(&f->findings), "ok public.users: already installed");
	PQfinish(writer);
}

static void the_outbox_is_as_the_reader_expects_it(void **state)
{
	struct fixture *f = *state;

	users(f);
	capture(f, 1, NULL, "users");
	install(f);
	assert_string_equal(rows(f, "SELECT pipeline, version, length(install_id::text) FROM "
				    "app_db_listener.install ORDER BY 1"),
			    "default|1|36\nsecond|1|36");
	assert_string_equal(rows(f,
				 "SELECT c.relname, q.seqcache FROM pg_sequence q JOIN pg_class c "
				 "ON c.oid = q.seqrelid WHERE c.relnamespace = "
				 "'app_db_listener'::regnamespace ORDER BY 1"),
			    "backfill_id_seq|1\noutbox_id_seq|1\noutbox_second_id_seq|1\n"
			    "parked_seq_seq|1");
	assert_string_equal(rows(f, "SELECT 'autovacuum_vacuum_scale_factor=0' = ANY (reloptions) "
				    "FROM pg_class WHERE oid = 'app_db_listener.outbox'::regclass"),
			    "t");
	assert_string_equal(rows(f, "SELECT pipeline, table_name, length(fingerprint) FROM "
				    "app_db_listener.captured ORDER BY 1"),
			    "default|users|32\nsecond|users|32");
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
	assert_string_equal(rows(f, TRIGGERS), "users|!app_db_listener_default_insert|O\n"
					       "users|!app_db_listener_default_truncate|O\n"
					       "users|!app_db_listener_default_update|O");
	assert_string_equal(rows(f, "SELECT table_name FROM app_db_listener.captured"), "users");
	run(f, "INSERT INTO users VALUES (1), (6)");
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener.outbox"), "{\"id\":6}");
	f->pipelines[0].always = true;
	install(f);
	assert_has(rows(f, TRIGGERS), "users|!app_db_listener_default_insert|A");
	run(f, "INSERT INTO users VALUES (2), (7)");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "2");
}

static void what_was_damaged_is_repaired(void **state)
{
	struct fixture *f = *state;
	PGconn *caching;

	users(f);
	install(f);
	run(f, "ALTER SEQUENCE app_db_listener.outbox_id_seq CACHE 50");
	caching = fixture_connect(f->database, "postgres");
	run_on(caching, "INSERT INTO users VALUES (1)");
	run(f,
	    "ALTER TABLE users DISABLE TRIGGER \"!app_db_listener_default_insert\"; "
	    "DROP TRIGGER \"!app_db_listener_default_update\" ON users; "
	    "CREATE OR REPLACE FUNCTION app_db_listener.capture() RETURNS trigger LANGUAGE plpgsql "
	    "AS 'BEGIN RETURN NULL; END'; GRANT EXECUTE ON FUNCTION app_db_listener.capture() "
	    "TO PUBLIC");
	install(f);
	assert_has(buf_str(&f->findings), "WARN app_db_listener.outbox_id_seq: had CACHE 50");
	assert_has(rows(f, TRIGGERS), "users|!app_db_listener_default_insert|O");
	assert_has(rows(f, TRIGGERS), "users|!app_db_listener_default_update|O");
	run(f, "INSERT INTO users VALUES (2)");
	run_on(caching, "UPDATE users SET name = 'x' WHERE id = 2");
	PQfinish(caching);
	/* the session that had ids in store did not use one of them */
	assert_string_equal(rows(f, "SELECT operation FROM app_db_listener.outbox WHERE row_key = "
				    "'{\"id\":2}' ORDER BY id"),
			    "insert\nupdate");
	assert_lacks(check(f), "FAIL");
}

static void stars_take_ordinary_and_partitioned_tables_and_explicit_entries_win(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY) "
	       "PARTITION BY RANGE (id); CREATE TABLE b1 PARTITION OF b DEFAULT; "
	       "CREATE VIEW c AS SELECT 1 AS x; CREATE UNLOGGED TABLE d (id int); "
	       "CREATE SCHEMA other; CREATE TABLE other.e (id int)");
	capture(f, 0, NULL, "*");
	capture(f, 0, "public", "a")->columns = LIST("id");
	f->pipelines[0].operations[OP_TRUNCATE] = false;
	install(f);
	assert_string_equal(rows(f, "SELECT table_name FROM app_db_listener.captured ORDER BY 1"),
			    "a\nb");
	run(f, "INSERT INTO a VALUES (1, 2)");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener.outbox"), "{\"id\":1}");
}

static void what_cannot_be_captured_is_refused_and_nothing_is_installed(void **state)
{
	static const struct {
		const char *schema, *table, *message;
		enum err_code code;
	} cases[] = {
		{NULL, "v", "is a view", ERR_CONFIG},
		{NULL, "mv", "is a materialised view", ERR_CONFIG},
		{NULL, "un", "is an unlogged table", ERR_CONFIG},
		{NULL, "ft", "is a foreign table", ERR_CONFIG},
		{NULL, "part1", "is a partition", ERR_CONFIG},
		{NULL, "sq", "is a sequence", ERR_CONFIG},
		{"pg_catalog", "pg_class", "is a system catalog", ERR_CONFIG},
		{"app_db_listener", "outbox", "capture its own events", ERR_CONFIG},
		{"app_db_listener", "*", "capture its own events", ERR_CONFIG},
		{NULL, "user", "did you mean public.users?", ERR_NOT_FOUND},
		{"nowhere", "Users", "did you mean public.users?", ERR_NOT_FOUND},
		{"nowhere", "*", "no table in this schema", ERR_NOT_FOUND},
	};
	struct fixture *f = *state;
	size_t i;

	users(f);
	run(f, "CREATE VIEW v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x; "
	       "CREATE UNLOGGED TABLE un (id int); CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s "
	       "FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE ft (id int) SERVER s; "
	       "CREATE TABLE part (id int) PARTITION BY RANGE (id); "
	       "CREATE TABLE part1 PARTITION OF part DEFAULT; CREATE SEQUENCE sq");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f->pipelines[0].table_count = 1;
		capture(f, 0, cases[i].schema, cases[i].table);
		assert_int_equal(try_install(f), cases[i].code);
		assert_int_equal(f->err.code, cases[i].code);
		assert_has(f->err.msg, cases[i].message);
		assert_has(buf_str(&f->findings), "FAIL ");
		assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
					    "'app_db_listener'"),
				    "0");
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
	assert_has(f->err.msg, "public.users, pipeline default: has no column \"naem\", named in "
			       "columns; did you mean \"name\"?");
	t->columns = (struct string_list){0};
	t->key = LIST("idd");
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, "named in key");
	t->key = (struct string_list){0};
	t->where[OP_UPDATE] = (char *)(uintptr_t) "NEW.nosuch = 1";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, "public.users, pipeline default, where for update: ");
	t->where[OP_UPDATE] = (char *)(uintptr_t) "NEW.name + 1 > 2";
	assert_int_equal(try_install(f), ERR_CONFIG);
	t->where[OP_UPDATE] = NULL;
	t->where[OP_INSERT] = (char *)(uintptr_t) "OLD.id = 1";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
				    "'app_db_listener'"),
			    "0");
	/* only CREATE TRIGGER refuses this: none of the table's triggers may stay */
	t->where[OP_INSERT] = NULL;
	t->where[OP_DELETE] = (char *)(uintptr_t) "(SELECT true)";
	assert_int_equal(try_install(f), ERR_CONFIG);
	assert_has(f->err.msg, "public.users, pipeline default: cannot use subquery");
	assert_string_equal(rows(f, TRIGGERS), "");
}

static void a_table_that_cannot_be_locked_is_told_with_who_holds_it(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;

	users(f);
	run(f, "CREATE TABLE pets (id int PRIMARY KEY)");
	capture(f, 0, NULL, "pets");
	writer = fixture_connect(f->database, "postgres");
	run_on(writer, "SET application_name = 'old report'; BEGIN; INSERT INTO users VALUES (1)");
	f->options.lock_timeout_us = 50 * CLOCK_US_PER_MS;
	f->options.give_up_us = CLOCK_US_PER_S;
	assert_int_equal(try_install(f), ERR_TIMEOUT);
	assert_has(f->err.msg, "public.users: no lock after");
	assert_has(f->err.msg, "(old report, idle in transaction");
	/* the other table has all its triggers, this one none */
	assert_string_equal(rows(f,
				 "SELECT c.relname, count(*) FROM pg_trigger t JOIN pg_class c ON "
				 "c.oid = t.tgrelid WHERE tgname LIKE '!app%' GROUP BY 1"),
			    "pets|4");
	run_on(writer, "COMMIT");
	PQfinish(writer);
	install(f);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.captured"), "2");
}

struct release {
	PGconn *c;
	const char *sql;
};

/* When somebody has waited for the lock, and for longer than they do at a time. */
static void release_main(void *arg)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 30 * CLOCK_US_PER_S;
	struct release *r = arg;
	PGresult *res;
	bool waits = false;

	while (!waits && clock_now_us(clock_system()) < deadline_us) {
		res = PQexec(r->c, "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT "
				   "granted");
		waits = PQntuples(res) > 0;
		PQclear(res);
	}
	PQclear(PQexec(r->c, "SELECT pg_sleep(0.7)"));
	PQclear(PQexec(r->c, r->sql));
}

static void install_tries_again_until_the_writer_is_done(void **state)
{
	struct fixture *f = *state;
	struct release r;
	struct thread t;

	users(f);
	r = (struct release){fixture_connect(f->database, "postgres"), "COMMIT"};
	run_on(r.c, "BEGIN; INSERT INTO users VALUES (1)");
	f->options.lock_timeout_us = 50 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&t, "release", 0, release_main, &r, NULL), ERR_OK);
	install(f);
	thread_join(&t);
	PQfinish(r.c);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.captured"), "1");
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
	c->code = source_admin_postgres.install(&c->f->settings, 0, &o, &c->err);
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

static void an_install_that_hangs_keeps_others_out(void **state)
{
	struct fixture *f = *state;

	users(f);
	run(f, "SELECT pg_advisory_lock(1633968748, 3)");
	f->options.give_up_us = 300 * CLOCK_US_PER_MS;
	assert_int_equal(try_install(f), ERR_BUSY);
	assert_has(f->err.msg, "another install or uninstall is running");
}

/* ---- print ---- */

static void printed_sql_changes_nothing_and_does_the_same_when_run(void **state)
{
	struct fixture *f = *state;
	char *sql;

	users(f);
	run(f, "CREATE TABLE \"od\"\"d\ntable\" (\"a\\\" int PRIMARY KEY) PARTITION BY RANGE "
	       "(\"a\\\"); "
	       "CREATE TABLE odd1 PARTITION OF \"od\"\"d\ntable\" DEFAULT");
	capture(f, 1, NULL, "od\"d\ntable");
	f->options.print_only = true;
	install(f);
	assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
				    "'app_db_listener'"),
			    "0");
	sql = mem_strdup(buf_str(&f->sql));
	assert_non_null(sql);
	run(f, sql);
	run(f, sql);
	mem_free(sql);
	run(f, "SELECT pg_advisory_unlock_all(); RESET search_path");
	f->options.print_only = false;
	assert_lacks(check(f), "FAIL");
	assert_lacks(check(f), "WARN");
	install(f);
	assert_lacks(buf_str(&f->findings), ": installed");
	f->options.print_only = true;
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_has(check(f), "ok public.users: 4 triggers");
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, buf_str(&f->sql));
	assert_has(check(f), "FAIL app_db_listener: nothing is installed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(install_twice_locks_no_table_the_second_time),
		TEST(the_outbox_is_as_the_reader_expects_it),
		TEST(a_changed_configuration_changes_the_triggers),
		TEST(what_was_damaged_is_repaired),
		TEST(stars_take_ordinary_and_partitioned_tables_and_explicit_entries_win),
		TEST(what_cannot_be_captured_is_refused_and_nothing_is_installed),
		TEST(wrong_columns_and_filters_are_errors_of_the_configuration),
		TEST(a_table_that_cannot_be_locked_is_told_with_who_holds_it),
		TEST(install_tries_again_until_the_writer_is_done),
		TEST(concurrent_installs_do_not_disturb_each_other),
		TEST(an_install_that_hangs_keeps_others_out),
		TEST(printed_sql_changes_nothing_and_does_the_same_when_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
