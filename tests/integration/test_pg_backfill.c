/* SPDX-License-Identifier: MIT */
/* Backfill against a real server: what a page reads, what a job may be. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pg_backfill_lab.h"

#define DIFFERENCES                                                                                \
	"WITH o AS (SELECT row_key, data, bytes, truncated, schema_name, table_name, pipeline, "   \
	"old_key, old_data, origin_id FROM app_db_listener.outbox), w AS (SELECT row_key, data, "  \
	"bytes, truncated, schema_name, table_name, pipeline, old_key, old_data, origin_id FROM "  \
	"was) (TABLE o EXCEPT ALL TABLE w) UNION ALL (TABLE w EXCEPT ALL TABLE o)"

static void a_read_row_is_what_an_insert_of_it_was(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	run(f, "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (gone int, b int, "
	       "\"a \"\"q\" text, key text, r int, fast int, cap int, j json, x jsonb, ts "
	       "timestamptz, "
	       "f float8, n numeric, by bytea, iv interval, arr text[], m mood, secret text, "
	       "PRIMARY KEY (b, \"a \"\"q\")); ALTER TABLE t DROP COLUMN gone");
	f->tables[0][0].exclude = LIST("secret");
	*capture(f, 0, NULL, "t") = (struct table_settings){.table = (char *)(uintptr_t) "t",
							    .exclude = LIST("secret")};
	f->source.max_event_bytes = 200000;
	install(f);
	run(f, "INSERT INTO t VALUES (1, 'x', 'k', 5, 6, 7, '{\"n\": \"\\u0000\"}', '{\"a\":1}', "
	       "now(), "
	       "0.1, 1.50, '\\x0001', '1 day 2 hours', '{a,\"b c\"}', 'happy', 's'); "
	       "INSERT INTO t (b, \"a \"\"q\", key) VALUES (1, E'a\\nb\\\\', NULL), "
	       "(2, 'y', repeat('long', 1000)), (3, 'slow', repeat(chr(1), 70000)), "
	       "(4, 'slow', repeat('z', 150000)), (5, 'cut', repeat('z', 250000)), "
	       "(6, repeat('wide', 600), '')");
	run(f, "CREATE TABLE was AS SELECT * FROM app_db_listener.outbox; "
	       "DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "t", NULL);
	while (walker_page(&w, 2) == BACKFILL_RUNNING)
		;
	assert_string_equal(rows(f, "SELECT count(*), min(operation), max(operation) FROM "
				    "app_db_listener.outbox"),
			    "7|read|read");
	assert_string_equal(rows(f, DIFFERENCES), "");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox WHERE truncated"),
			    "3");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox o, was w WHERE "
				    "o.id <= w.id"),
			    "0");
	walker_close(&w);
}

static const struct {
	const char *columns, *fill;
	int rows;
} keys[] = {
	{"k int PRIMARY KEY", "SELECT g FROM generate_series(-5, 5) g", 11},
	{"k text PRIMARY KEY",
	 "SELECT v FROM unnest('{a,B,b,A,\"\",\" a\",\xc3\xa4,Z,z,a_b,a-b,ab}'::text[]) v", 12},
	{"k text COLLATE \"C\" PRIMARY KEY", "SELECT chr(g) FROM generate_series(33, 80) g", 48},
	{"k uuid PRIMARY KEY", "SELECT gen_random_uuid() FROM generate_series(1, 20)", 20},
	{"k timestamptz PRIMARY KEY",
	 "SELECT '2026-03-01 12:00:00.123456'::timestamptz + g * interval '1.5 "
	 "microsecond' FROM "
	 "generate_series(1, 9, 2) g UNION SELECT 'infinity' UNION SELECT '-infinity'",
	 7},
	{"k float8 PRIMARY KEY",
	 "SELECT v FROM unnest('{0.1,0.30000000000000004,0.3,-1,NaN,Infinity}'::float8[]) "
	 "v",
	 6},
	{"k bytea PRIMARY KEY",
	 "SELECT decode(lpad(to_hex(g), 2, '0'), 'hex') FROM "
	 "generate_series(0, 255, 15) g",
	 18},
	{"k char(3) PRIMARY KEY", "SELECT v FROM unnest('{a,ab,abc,b}'::text[]) v", 4},
	{"k bool PRIMARY KEY", "SELECT v FROM unnest('{t,f}'::bool[]) v", 2},
	{"k numeric(40,20) PRIMARY KEY",
	 "SELECT g + 0.00000000000000000001 FROM "
	 "generate_series(1, 6) g",
	 6},
	{"k int, l text, m date, PRIMARY KEY (l, k, m)",
	 "SELECT g % 3, chr(97 + g % 2), date '2026-01-01' + g FROM generate_series(1, 30) "
	 "g",
	 30},
	{"k int4range PRIMARY KEY", "SELECT int4range(g, g + 2) FROM generate_series(1, 5) g", 5},
};

static void pages_follow_the_key_whatever_it_is_made_of(void **state)
{
	struct fixture *f = *state;
	struct walker w;
	char sql[1024];
	size_t i;

	capture(f, 0, NULL, "t");
	for (i = 0; i < ARRAY_LEN(keys); i++) {
		(void)snprintf(sql, sizeof(sql),
			       "DROP TABLE IF EXISTS t; CREATE TABLE t (%s); "
			       "INSERT INTO t %s",
			       keys[i].columns, keys[i].fill);
		run(f, sql);
		install(f);
		walker_open(&w, f, "public.t", NULL);
		while (walker_page(&w, 3) == BACKFILL_RUNNING)
			assert_true(w.result.rows == 3 || w.result.rows == 2);
		assert_int_equal(w.result.progress.rows_done, keys[i].rows);
		(void)snprintf(sql, sizeof(sql), "%d|%d", keys[i].rows, keys[i].rows);
		assert_string_equal(rows(f, "SELECT count(*), count(DISTINCT row_key) FROM "
					    "app_db_listener.outbox"),
				    sql);
		run(f, "DELETE FROM app_db_listener.outbox");
		walker_close(&w);
	}
}

static void rows_that_come_later_are_not_chased(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	items(f, 5);
	walker_open(&w, f, "items", NULL);
	run(f, "INSERT INTO items VALUES (6, 'later'), (0, 'before')");
	assert_int_equal(walker_page(&w, 2), BACKFILL_RUNNING);
	assert_int_equal(walker_page(&w, 100), BACKFILL_DONE);
	assert_int_equal(w.result.progress.rows_done, 6);
	walker_close(&w);
	run(f, "DELETE FROM items");
	walker_open(&w, f, "items", NULL);
	assert_int_equal(walker_page(&w, 2), BACKFILL_DONE);
	assert_int_equal(w.result.progress.rows_done, 0);
	walker_close(&w);
}

static void locked_rows_are_left_out_and_asked_again(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;
	struct walker w;

	items(f, 10);
	walker_open(&w, f, "items", NULL);
	writer = fixture_connect(f->database, "postgres");
	run_on(writer, "BEGIN; UPDATE items SET v = 'new' WHERE id IN (2, 3); "
		       "DELETE FROM items WHERE id = 4; "
		       "SELECT 1 FROM items WHERE id = 5 FOR UPDATE; "
		       "SELECT 1 FROM items WHERE id = 6 FOR KEY SHARE");
	assert_int_equal(walker_page(&w, 100), BACKFILL_RUNNING);
	assert_true(w.result.at_end);
	assert_int_equal(w.result.rows, 6);
	assert_int_equal(w.result.progress.skipped, 4);
	assert_int_equal(walker_again(&w, 100), BACKFILL_RUNNING);
	assert_int_equal(w.result.rows, 0);
	run_on(writer, "UPDATE items SET id = -3 WHERE id = 3; COMMIT");
	/* 2 is there anew, 3 and 4 are gone, 5 was only locked */
	assert_int_equal(walker_again(&w, 100), BACKFILL_DONE);
	assert_int_equal(w.result.rows, 2);
	assert_int_equal(w.result.progress.rows_done, 8);
	assert_string_equal(rows(f,
				 "SELECT operation, data FROM app_db_listener.outbox WHERE row_key "
				 "= '{\"id\":2}' ORDER BY id"),
			    "update|{\"id\":2,\"v\":\"new\"}\nread|{\"id\":2,\"v\":\"new\"}");
	PQfinish(writer);
	walker_close(&w);
}

static void nobody_is_kept_waiting_by_more_than_a_page(void **state)
{
	struct fixture *f = *state;
	PGconn *writer, *locker;
	struct walker w;

	items(f, 10);
	writer = fixture_connect(f->database, "postgres");
	locker = fixture_connect(f->database, "postgres");
	run_on(writer, "SET lock_timeout = '60s'");
	walker_open(&w, f, "items", NULL);
	assert_int_equal(walker_page(&w, 3), BACKFILL_RUNNING);
	/* between pages nothing is held */
	run_on(writer, "UPDATE items SET v = 'w' WHERE id <= 3");
	run_on(writer, "BEGIN; ALTER TABLE items ADD COLUMN later int");
	assert_int_equal(try_page(&w, 3, false), ERR_TIMEOUT);
	run_on(writer, "COMMIT");
	run_on(locker, "BEGIN; SELECT 1 FROM app_db_listener.backfill FOR UPDATE");
	assert_int_equal(try_page(&w, 3, false), ERR_TIMEOUT);
	run_on(locker, "COMMIT");
	while (walker_page(&w, 3) == BACKFILL_RUNNING)
		;
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox WHERE operation = "
				    "'read'"),
			    "10");
	assert_has(rows(f, "SELECT data FROM app_db_listener.outbox WHERE row_key = '{\"id\":10}'"),
		   "\"later\":null");
	PQfinish(writer);
	PQfinish(locker);
	walker_close(&w);
}

static void a_page_that_takes_seconds_is_given_up(void **state)
{
	static const struct backfill_request r = {
		.where = "NEW.id < 5 OR pg_catalog.pg_sleep(30) IS NULL"};
	struct fixture *f = *state;
	struct walker w;

	items(f, 10);
	walker_open(&w, f, "items", &r);
	assert_int_equal(try_page(&w, 10, false), ERR_TIMEOUT);
	assert_has(f->err.msg, "statement timeout");
	/* nothing of it is left, and a smaller one can be done */
	assert_string_equal(rows(f, "SELECT state, rows_done FROM app_db_listener.backfill"),
			    "running|0");
	assert_int_equal(walker_page(&w, 4), BACKFILL_RUNNING);
	assert_int_equal(w.result.rows, 4);
	walker_close(&w);
}

/* Another process that does one page of a new job, which ends when nobody has lock 77 any more; it
 * exits with what came of it. */
static pid_t slow_page(struct fixture *f)
{
	static const struct backfill_request r = {.where = "public.go()"};
	struct walker w;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	walker_open(&w, f, "items", &r);
	_exit((int)try_page(&w, 10, false));
}

/* Until there is another session that is so, or none. */
static void await_session(struct fixture *f, bool there, const char *is)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND %s", is);
	while ((*rows(f, sql) != '\0') != there)
		assert_true(clock_now_us(clock_system()) < deadline_us);
}

static void a_frozen_daemon_lets_go_of_its_rows(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;
	struct walker w;
	int status;
	pid_t pid;

	items(f, 2);
	run(f, "CREATE FUNCTION public.go() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN WHILE NOT "
	       "pg_catalog.pg_try_advisory_lock_shared(77) LOOP PERFORM pg_catalog.pg_sleep(0.01); "
	       "END LOOP; RETURN true; END $$; SELECT pg_advisory_lock(77)");
	writer = fixture_connect(f->database, "postgres");
	pid = slow_page(f);
	await_session(f, true, "wait_event = 'PgSleep' AND query LIKE 'DO %'");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	run(f, "SELECT pg_advisory_unlock(77)");
	await_session(f, false, "state = 'active' AND query LIKE 'DO %'");
	/* it waits for the server to end the session, if that has not */
	run_on(writer, "SET lock_timeout = '60s'; UPDATE items SET v = 'new'");
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), ERR_UNAVAILABLE);
	assert_string_equal(rows(f, "SELECT state, rows_done FROM app_db_listener.backfill"),
			    "running|0");
	walker_open(&w, f, "items", NULL);
	w.job = 1;
	assert_int_equal(walker_page(&w, 10), BACKFILL_DONE);
	assert_int_equal(w.result.rows, 2);
	PQfinish(writer);
	walker_close(&w);
}

static void skipped_keys_have_a_bound(void **state)
{
	struct fixture *f = *state;
	PGconn *writer;
	struct walker w;

	items(f, 1000);
	walker_open(&w, f, "items", NULL);
	writer = fixture_connect(f->database, "postgres");
	run_on(writer, "BEGIN; UPDATE items SET v = 'new' WHERE id BETWEEN 50 AND 800");
	assert_int_equal(walker_page(&w, 600), BACKFILL_RUNNING);
	assert_int_equal(w.result.progress.skipped, BACKFILL_SKIPPED_MAX);
	assert_int_equal(w.result.rows, 49);
	assert_false(w.result.at_end);
	assert_int_equal(walker_again(&w, 600), BACKFILL_RUNNING);
	assert_int_equal(w.result.rows, 0);
	run_on(writer, "ROLLBACK");
	while (walker_again(&w, 600) == BACKFILL_RUNNING)
		;
	assert_string_equal(rows(f, "SELECT count(*), count(DISTINCT row_key) FROM "
				    "app_db_listener.outbox"),
			    "1000|1000");
	PQfinish(writer);
	walker_close(&w);
}

static void a_page_ends_when_it_is_large(void **state)
{
	struct fixture *f = *state;
	struct backfill_page p;
	struct walker w;

	items(f, 20);
	run(f, "UPDATE items SET v = repeat('x', 1000); DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "items", NULL);
	p = (struct backfill_page){.job = w.job, .rows = 100, .bytes = 3000};
	assert_int_equal(w.s->ops->backfill_page(w.s, 0, &p, &w.result, &f->err), ERR_OK);
	assert_int_equal(w.result.rows, 3);
	assert_false(w.result.at_end);
	assert_int_equal(w.result.bytes, 3 * (1000 + 15 + 8));
	while (walker_page(&w, 100) == BACKFILL_RUNNING)
		;
	assert_int_equal(w.result.progress.rows_done, 20);
	walker_close(&w);
}

static void filters_and_columns_narrow(void **state)
{
	struct fixture *f = *state;
	struct backfill_request r = {
		.where = "v LIKE 'v%' -- all of them\n AND fast > 2 AND NEW.id "
			 "IN (SELECT g FROM pg_catalog.generate_series(1, 8) g)",
		.columns = LIST("fast")};
	struct walker w;

	run(f, "CREATE TABLE t (id int PRIMARY KEY, v text, fast int, cap text)");
	capture(f, 0, NULL, "t")->where[OP_INSERT] = (char *)(uintptr_t) "NEW.id <> 5";
	install(f);
	run(f, "INSERT INTO t SELECT g, 'v' || g, g, 'c' FROM generate_series(1, 10) g; "
	       "DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "t", &r);
	while (walker_page(&w, 3) == BACKFILL_RUNNING)
		;
	assert_string_equal(events(f), "read|t|{\"id\":3}|-|{\"id\":3,\"fast\":3}|-\n"
				       "read|t|{\"id\":4}|-|{\"id\":4,\"fast\":4}|-\n"
				       "read|t|{\"id\":6}|-|{\"id\":6,\"fast\":6}|-\n"
				       "read|t|{\"id\":7}|-|{\"id\":7,\"fast\":7}|-\n"
				       "read|t|{\"id\":8}|-|{\"id\":8,\"fast\":8}|-");
	walker_close(&w);
}

static void partitions_are_walked_as_one_table(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	run(f,
	    "CREATE TABLE t (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY "
	    "LIST (region); CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a'); "
	    "CREATE TABLE t_b (v text, gone int, region text NOT NULL, id int NOT NULL); "
	    "ALTER TABLE t_b DROP COLUMN gone; ALTER TABLE t ATTACH PARTITION t_b DEFAULT");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "INSERT INTO t SELECT g, chr(97 + g % 3), 'v' FROM generate_series(1, 50) g; "
	       "DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "t", NULL);
	while (walker_page(&w, 7) == BACKFILL_RUNNING)
		;
	assert_string_equal(rows(f, "SELECT count(*), count(DISTINCT row_key), min(table_name), "
				    "max(table_name) FROM app_db_listener.outbox"),
			    "50|50|t|t");
	walker_close(&w);
}

/* Triggers of the parent do not see them either. */
static void rows_of_inheriting_tables_are_not_the_parents(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	run(f, "CREATE TABLE t (id int PRIMARY KEY, v text); "
	       "CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t)");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "INSERT INTO t VALUES (1, 'own'), (3, 'own'); "
	       "INSERT INTO child VALUES (2, 'child'), (3, 'child'), (4, 'child'); "
	       "DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "t", NULL);
	assert_string_equal(
		rows(f, "SELECT rows_estimate, until_key FROM app_db_listener.backfill"),
		"2|[\"3\"]");
	while (walker_page(&w, 1) == BACKFILL_RUNNING)
		;
	assert_int_equal(w.result.progress.rows_done, 2);
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener.outbox ORDER BY id"),
			    "{\"id\":1,\"v\":\"own\"}\n{\"id\":3,\"v\":\"own\"}");
	walker_close(&w);
}

static void a_key_of_the_configuration_is_the_events_key(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	run(f, "CREATE TABLE t (id int PRIMARY KEY, owner int); "
	       "CREATE TABLE u (a int NOT NULL, b int NOT NULL, v text, UNIQUE (b, a)); "
	       "CREATE TABLE n (a int NOT NULL, b int, UNIQUE (a, b))");
	capture(f, 0, NULL, "t")->key = LIST("owner");
	capture(f, 0, NULL, "u")->key = LIST("a", "b");
	capture(f, 0, NULL, "n")->key = LIST("a", "b");
	install(f);
	run(f, "INSERT INTO t SELECT g, g % 2 FROM generate_series(1, 4) g; "
	       "INSERT INTO u VALUES (1, 2, 'x'), (2, 1, 'y'); DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "t", NULL);
	while (walker_page(&w, 1) == BACKFILL_RUNNING)
		;
	walker_close(&w);
	assert_string_equal(
		rows(f, "SELECT row_key, data FROM app_db_listener.outbox ORDER BY id"),
		"{\"owner\":1}|{\"id\":1,\"owner\":1}\n{\"owner\":0}|{\"id\":2,\"owner\":0}\n"
		"{\"owner\":1}|{\"id\":3,\"owner\":1}\n{\"owner\":0}|{\"id\":4,\"owner\":0}");
	run(f, "DELETE FROM app_db_listener.outbox");
	walker_open(&w, f, "u", NULL);
	while (walker_page(&w, 1) == BACKFILL_RUNNING)
		;
	walker_close(&w);
	assert_string_equal(rows(f, "SELECT row_key FROM app_db_listener.outbox ORDER BY id"),
			    "{\"a\":2,\"b\":1}\n{\"a\":1,\"b\":2}");
	assert_int_equal(try_create(f, "n", NULL, NULL), ERR_CONFIG);
	assert_has(f->err.msg, "public.n has no primary key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_row_is_what_an_insert_of_it_was),
		TEST(pages_follow_the_key_whatever_it_is_made_of),
		TEST(rows_that_come_later_are_not_chased),
		TEST(locked_rows_are_left_out_and_asked_again),
		TEST(nobody_is_kept_waiting_by_more_than_a_page),
		TEST(a_page_that_takes_seconds_is_given_up),
		TEST(a_frozen_daemon_lets_go_of_its_rows),
		TEST(skipped_keys_have_a_bound),
		TEST(a_page_ends_when_it_is_large),
		TEST(filters_and_columns_narrow),
		TEST(partitions_are_walked_as_one_table),
		TEST(rows_of_inheriting_tables_are_not_the_parents),
		TEST(a_key_of_the_configuration_is_the_events_key),
	};

	return cmocka_run_group_tests_name("source/pg_backfill", tests, NULL, NULL);
}
