/* SPDX-License-Identifier: MIT */
/* Parked events in SQLite, beyond the contract of sources: what is installed for them. */
#include "parking.h"
#include "sqlite_fixture.h"

#define DUE (1800000000LL * CLOCK_US_PER_S + 7)

static struct parking parking_of(struct fixture *f, bool parks)
{
	return (struct parking){.ops = &source_sqlite,
				.settings = &f->t.source,
				.pipeline = &f->t.pipelines[0],
				.parks = parks};
}

static void fill_and_park(struct fixture *f)
{
	static struct parking k;

	run(f, "CREATE TABLE users (id INTEGER PRIMARY KEY, name, n); CREATE TABLE log (line)");
	capture(f, "users");
	capture(f, "log");
	f->t.source.max_event_bytes = 300000;
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO users VALUES (1, 'it''s \\ \"q\" \xe2\x82\xac', 1.5), (2, x'00ff', "
	       "NULL), (4, 'nul' || char(0) || 'l', 9e999), (5, replace(hex(zeroblob(50000)), "
	       "'00', 'yy'), 1), (6, hex(zeroblob(200000)), 1); UPDATE users SET id = 3 WHERE id = "
	       "1; UPDATE users SET name = 'x' WHERE id < 3; DELETE FROM users WHERE id = 2; "
	       "INSERT INTO log VALUES ('no key')");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 9);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	parking_close(&k);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 0);
	assert_int_equal(
		sqlitetest_i64(f->t.db,
			       "SELECT count(*) FROM app_db_listener_parked WHERE attempts "
			       "= 3 AND last_status = 500 AND last_error IS NULL AND step "
			       "= 1 AND row_hash1 = 11 AND row_hash2 = 0 AND table_hash = "
			       "22 AND due_at = 1800000000000007 AND parked_at > 0"),
		9);
}

static void parked_events_are_as_they_were(void **state)
{
	fill_and_park(*state);
}

/* The encoding must be chosen before anything is in the file. */
static void parked_events_are_as_they_were_in_utf16(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(sqlite3_close(f->t.db), SQLITE_OK);
	assert_int_equal(unlink(f->t.path), 0);
	assert_int_equal(sqlite3_open(f->t.path, &f->t.db), SQLITE_OK);
	run(f, "PRAGMA encoding = 'UTF-16le'");
	fill_and_park(f);
}

static void a_replayed_event_dies_under_its_first_id(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1); UPDATE app_db_listener_outbox SET id = 1000, "
	       "origin_id = 7; UPDATE sqlite_sequence SET seq = 1000 WHERE name = "
	       "'app_db_listener_outbox'");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	parking_expect_death(&k, 7);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT id FROM app_db_listener_dead_letter WHERE "
						 "attempts = 9"),
			 7);
	parking_close(&k);
}

static void expect_letters(struct fixture *f, const char *where, const char *expected)
{
	char sql[300];
	char *got;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT group_concat(id || ':' || data, ' ') FROM (SELECT id, data FROM "
		       "app_db_listener_dead_letter WHERE id %s ORDER BY id)",
		       where);
	got = sqlitetest_text(f->t.db, "%s", sql);
	assert_non_null(got);
	assert_string_equal(got, expected);
	free(got);
}

/* Events 1 to 3 are dead. Two others get the ids 1 and 2; letter 3 was replayed twice, and two
 * others are known as 3 as well. */
static void an_id_that_is_given_again_loses_no_letter(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1), (2), (3); "
	       "UPDATE app_db_listener_outbox SET data = 'a' || id");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	parking_close(&k);
	run(f, "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'app_db_listener_outbox'; "
	       "INSERT INTO log (n) VALUES (4), (5); "
	       "UPDATE app_db_listener_outbox SET data = 'b' || id; "
	       "INSERT INTO app_db_listener_outbox (id, origin_id, operation, table_name, row_key, "
	       "changed_at, data) SELECT n, 3, operation, table_name, row_key, changed_at, CASE "
	       "WHEN n < 12 THEN data ELSE 'c' || n END FROM app_db_listener_dead_letter, "
	       "(SELECT 10 AS n UNION ALL SELECT 11 UNION ALL SELECT 12 UNION ALL SELECT 13) "
	       "WHERE id = 3");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 6);
	parking_bury(&k);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 0);
	expect_letters(f, "< 4", "1:a1 2:a2 3:a3");
	expect_letters(f, "> 3", "14:b1 15:b2 16:c12 17:c13");
	parking_close(&k);
	/* out of what is parked, too, and above what waits */
	run(f, "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'app_db_listener_outbox'; "
	       "INSERT INTO log (n) VALUES (6)");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	run(f, "UPDATE sqlite_sequence SET seq = 50 WHERE name = 'app_db_listener_outbox'; "
	       "INSERT INTO log (n) VALUES (7)");
	parking_expect_death(&k, 1);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT max(id) FROM app_db_listener_dead_letter"),
			 52);
	/* the same event once more is the letter that there is */
	parking_close(&k);
	run(f, "DELETE FROM app_db_listener_outbox; INSERT INTO app_db_listener_outbox (id, "
	       "operation, table_name, row_key, changed_at, data) SELECT id, operation, "
	       "table_name, row_key, changed_at, data FROM app_db_listener_dead_letter WHERE id < "
	       "4");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	assert_int_equal(
		sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_dead_letter"), 8);
	parking_close(&k);
}

static void an_installation_of_before_works_until_it_is_to_park(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a[3];

	install_items(f);
	run(f, "DROP TABLE app_db_listener_parked; INSERT INTO log (n) VALUES (1), (2), (3)");
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_said(f, "warn app_db_listener_parked: this table is missing: retry_schedule needs "
		       "it; run install");
	assert_not_said(f, "fail ");
	f->t.settings.webhooks = &(struct webhook_settings){.retry_schedule.count = 1};
	f->t.settings.webhook_count = 1;
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_said(f, "fail app_db_listener_parked: this table is missing");
	f->t.settings.webhook_count = 0;
	k = parking_of(f, true);
	assert_int_equal(parking_try_open(&k), ERR_NOT_FOUND);
	assert_non_null(strstr(k.e.msg, "run app-db-listener install"));
	k = parking_of(f, false);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	assert_int_equal(parking_rows(&k), 0);
	assert_int_equal(parking_load(&k, &(struct parked_select){.by = PARKED_ALL}, 10), 0);
	/* a schedule that is configured while the daemon runs: nothing is lost by it */
	a[0] = (struct ack){.id = k.events[0]->f.id};
	a[1] = (struct ack){.id = k.events[1]->f.id, .outcome = ACK_DEAD, .attempts = 1};
	a[2] = parking_ack(k.events[2], DUE);
	assert_int_equal(parking_try_give(&k, a, 3), ERR_NOT_FOUND);
	assert_non_null(strstr(k.e.msg, "run app-db-listener install"));
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"), 3);
	parking_give(&k, a, 2);
	parking_close(&k);
	sqlitetest_install(&f->t);
	assert_int_equal(sqlitetest_check(&f->t), ERR_OK);
	assert_not_said(f, "app_db_listener_parked");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	parking_close(&k);
}

static void note_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	if (strcmp(pipeline, "default") == 0)
		*(int64_t *)ctx = s->parked;
	else
		assert_int_equal(s->parked, 0);
}

static void parked_events_are_undelivered_events(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	int64_t parked = -2;

	install_items(f);
	run(f, "INSERT INTO log (n) VALUES (1), (2)");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 2);
	parking_park(&k, DUE);
	parking_close(&k);
	assert_int_equal(source_admin_sqlite.status(&f->t.settings, 0, note_status, &parked, NULL),
			 ERR_OK);
	assert_int_equal(parked, 2);
	f->t.options.keep_data = true;
	assert_error(f, sqlitetest_uninstall(&f->t), ERR_BUSY,
		     "2 events are undelivered: deliver them first");
	f->t.options.keep_data = false;
	sqlitetest_install(&f->t);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_parked"), 2);
	/* a pipeline that is configured no more keeps them */
	f->t.settings.pipelines = &f->t.pipelines[1];
	f->t.settings.pipeline_count = 1;
	sqlitetest_install(&f->t);
	assert_said(f, "warn default: this pipeline is no longer configured and has undelivered "
		       "events");
	assert_int_equal(sqlitetest_uninstall(&f->t), ERR_OK);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM sqlite_master WHERE name "
						 "LIKE '%%app_db_listener%%'"),
			 0);
}

/* More than one page of everything. */
static void many_are_found_once_each(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	install_items(f);
	run(f, "WITH RECURSIVE c (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM c WHERE g < 24000) "
	       "INSERT INTO app_db_listener_parked (id, operation, table_name, attempts, step, "
	       "due_at, row_hash1, row_hash2, table_hash) SELECT g, 'insert', 't', 1, 0, CASE g % "
	       "3 WHEN 0 THEN NULL ELSE 1800000000000000 + g % 7 * 3600000000 END, g * "
	       "2654435761 % 4294967296 - 2000000000, 0, 1 FROM c");
	k = parking_of(f, true);
	parking_open(&k);
	/* all of those with a time, which are many, and a few of them */
	parking_expect_many(&k, 24000, 16000, DUE + 7 * 3600 * CLOCK_US_PER_S);
	parking_expect_many(&k, 24000, 2286, DUE);
	parking_close(&k);
}

/* A lane may be as long as the table: each hash is looked up, nothing is scanned. */
static void reads_go_by_an_index(void **state)
{
	static const struct {
		const char *where, *index;
	} cases[] = {
		{"row_hash1 = 5 AND seq > 7", "(row_hash1=? AND seq>?)"},
		{"row_hash2 = 5 AND seq > 7", "(row_hash2=? AND seq>?)"},
		{"table_hash = 5 AND seq > 7", "(table_hash=? AND seq>?)"},
	};
	struct fixture *f = *state;
	size_t i;

	install_items(f);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		sqlite3_stmt *stmt;
		char sql[256];

		(void)snprintf(sql, sizeof(sql),
			       "EXPLAIN QUERY PLAN SELECT seq FROM app_db_listener_parked WHERE %s "
			       "ORDER BY seq LIMIT 100",
			       cases[i].where);
		assert_int_equal(sqlite3_prepare_v2(f->t.db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_non_null(strstr((const char *)sqlite3_column_text(stmt, 3), cases[i].index));
		/* nor is anything sorted */
		assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
		sqlite3_finalize(stmt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(parked_events_are_as_they_were),
		CASE(parked_events_are_as_they_were_in_utf16),
		CASE(a_replayed_event_dies_under_its_first_id),
		CASE(an_id_that_is_given_again_loses_no_letter),
		CASE(an_installation_of_before_works_until_it_is_to_park),
		CASE(parked_events_are_undelivered_events),
		CASE(many_are_found_once_each),
		CASE(reads_go_by_an_index),
	};

	return cmocka_run_group_tests_name("parked events in sqlite", tests, NULL, NULL);
}
