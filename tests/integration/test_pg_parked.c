/* SPDX-License-Identifier: MIT */
/* Parked events in PostgreSQL, beyond the contract of sources: what is installed for them. */
#include "parking.h"
#include "pg_fixture.h"
#include "pgtest.h"

#define DUE (1800000000LL * CLOCK_US_PER_S + 7)

static struct parking parking_of(struct fixture *f, bool parks)
{
	return (struct parking){.ops = &source_postgres,
				.settings = &f->source,
				.pipeline = &f->pipelines[0],
				.parks = parks};
}

static void users(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
}

static void parked_events_are_as_they_were(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text, n numeric, at timestamptz, "
	       "b bytea, j json, f float8); CREATE TABLE log (line text)");
	capture(f, 0, NULL, "users");
	capture(f, 0, NULL, "log");
	f->source.max_event_bytes = 300000;
	install(f);
	run(f, "INSERT INTO users VALUES (1, E'it''s \\\\ \"q\" \\u20ac\\n\\t', "
	       "123456789012345678901234567890.5, '2026-01-02 03:04:05.678901+02', '\\x00ff', "
	       "'{\"b\": 1,  \"a\":[1.10]}', 'NaN'), (2, NULL, NULL, NULL, NULL, NULL, 1e300); "
	       "UPDATE users SET id = 3 WHERE id = 1; UPDATE users SET name = 'x'; DELETE FROM "
	       "users WHERE id = 2; INSERT INTO log VALUES ('no key'); "
	       "INSERT INTO users VALUES (4, repeat('y', 100000)), (5, repeat('z', 400000)); "
	       "TRUNCATE users, log");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 11);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "0");
	assert_string_equal(rows(f, "SELECT DISTINCT pipeline, attempts, last_status, last_error, "
				    "step, row_hash1, row_hash2, table_hash, extract(epoch FROM "
				    "due_at)::numeric FROM app_db_listener.parked"),
			    "default|3|500|-|1|11|0|22|1800000000.000007");
	parking_close(&k);
}

static void a_replayed_event_dies_under_its_first_id(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1); UPDATE app_db_listener.outbox SET id = 1000, "
	       "origin_id = 7");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	parking_expect_death(&k, 7);
	assert_string_equal(rows(f, "SELECT id, attempts FROM app_db_listener.dead_letter"), "7|9");
	parking_close(&k);
}

#define LETTERS                                                                                    \
	"SELECT string_agg(id || ':' || (data::json ->> 'id'), ' ' ORDER BY id) FROM "             \
	"app_db_listener.dead_letter "

/* Events 1 to 3 are dead. The sequence is set back, so that two others get the ids 1 and 2; letter
 * 3 was replayed twice, and two others are known as 3 as well. */
static void an_id_that_is_given_again_loses_no_letter(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users VALUES (1), (2), (3)");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	parking_close(&k);
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 1, false); "
	       "INSERT INTO users VALUES (4), (5); "
	       "INSERT INTO app_db_listener.outbox (id, origin_id, pipeline, operation, "
	       "schema_name, table_name, row_key, changed_at, bytes, data) SELECT n, 3, pipeline, "
	       "operation, schema_name, table_name, row_key, changed_at, 0, CASE WHEN n < 12 THEN "
	       "data ELSE '{\"id\":' || n || '}' END FROM app_db_listener.dead_letter, "
	       "generate_series(10, 13) AS n WHERE id = 3");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 6);
	parking_bury(&k);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "0");
	assert_string_equal(rows(f, LETTERS "WHERE id < 4"), "1:1 2:2 3:3");
	assert_string_equal(rows(f, LETTERS "WHERE id > 3"), "14:4 15:5 16:12 17:13");
	parking_close(&k);
	/* out of what is parked, too, and above what waits */
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 1, false); "
	       "INSERT INTO users VALUES (6)");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 50); INSERT INTO users VALUES (7)");
	parking_expect_death(&k, 1);
	assert_string_equal(rows(f, LETTERS "WHERE id > 17"), "52:6");
	/* the same event once more is the letter that there is */
	parking_close(&k);
	run(f, "DELETE FROM app_db_listener.outbox; INSERT INTO app_db_listener.outbox (id, "
	       "pipeline, operation, schema_name, table_name, row_key, changed_at, bytes, data) "
	       "SELECT id, pipeline, operation, schema_name, table_name, row_key, changed_at, 0, "
	       "data FROM app_db_listener.dead_letter WHERE id < 4");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.dead_letter"), "8");
	parking_close(&k);
}

static void an_installation_of_before_works_until_it_is_to_park(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a[3];

	users(f);
	install(f);
	run(f, "DROP TABLE app_db_listener.parked; INSERT INTO users VALUES (1), (2), (3)");
	assert_has(check(f), "WARN app_db_listener: table parked is missing: retry_schedule needs "
			     "it (run install)");
	assert_lacks(check(f), "FAIL");
	f->settings.webhooks = &(struct webhook_settings){.retry_schedule.count = 1};
	f->settings.webhook_count = 1;
	assert_has(check(f), "FAIL app_db_listener: table parked is missing");
	f->settings.webhook_count = 0;
	k = parking_of(f, true);
	assert_int_equal(parking_try_open(&k), ERR_NOT_FOUND);
	assert_has(k.e.msg, "run app-db-listener install");
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
	assert_has(k.e.msg, "run app-db-listener install");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.outbox"), "3");
	parking_give(&k, a, 2);
	parking_close(&k);
	install(f);
	assert_lacks(check(f), "WARN");
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

	users(f);
	capture(f, 1, NULL, "users");
	install(f);
	run(f, "INSERT INTO users VALUES (1), (2); DELETE FROM app_db_listener.outbox WHERE "
	       "pipeline = 'second'");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 2);
	parking_park(&k, DUE);
	parking_close(&k);
	assert_int_equal(
		source_admin_postgres.status(&f->settings, 0, note_status, &parked, &f->err),
		ERR_OK);
	assert_int_equal(parked, 2);
	f->options.keep_data = true;
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg,
		   "2 events are undelivered, parked ones included: deliver them first");
	f->options.keep_data = false;
	/* a pipeline that is configured no more keeps them, and so does another install */
	f->settings.pipelines = &f->pipelines[1];
	f->settings.pipeline_count = 1;
	install(f);
	assert_has(buf_str(&f->findings), "WARN default: this pipeline is no longer configured "
					  "and has undelivered events");
	assert_has(check(f), "WARN default: has undelivered events, but is not configured");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.parked"), "2");
	run(f, "DROP TABLE app_db_listener.parked");
	assert_int_equal(
		source_admin_postgres.status(&f->settings, 0, note_status, &parked, &f->err),
		ERR_OK);
	assert_int_equal(try_uninstall(f), ERR_OK);
	install(f);
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, "SELECT count(*) FROM pg_namespace WHERE nspname = "
				    "'app_db_listener'"),
			    "0");
}

/* Everything the reader does, as the daemon's role with what install gave it. */
static void the_daemons_role_gets_what_it_needs(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a[3];

	run(f, "DROP ROLE IF EXISTS adbl_parks; CREATE ROLE adbl_parks LOGIN");
	users(f);
	f->source.user = (char *)(uintptr_t) "adbl_parks";
	f->options.user = "postgres";
	install(f);
	run(f, "INSERT INTO users VALUES (1), (2), (3)");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_park(&k, DUE);
	a[0] = (struct ack){.id = k.events[0]->f.id, .from_parked = true};
	a[1] = parking_ack(k.events[1], DUE + 1);
	a[1].from_parked = true;
	a[2] = a[1];
	a[2].id = k.events[2]->f.id;
	a[2].outcome = ACK_DEAD;
	parking_give(&k, a, 3);
	assert_int_equal(parking_rows(&k), 1);
	parking_close(&k);
	f->options.user = NULL;
	assert_lacks(check(f), "FAIL");
	run(f, "REVOKE UPDATE ON app_db_listener.parked FROM adbl_parks; REVOKE ALL ON SEQUENCE "
	       "app_db_listener.parked_seq_seq FROM adbl_parks");
	assert_has(check(f), "FAIL role adbl_parks: may not UPDATE on app_db_listener.parked");
	assert_lacks(check(f), "parked_seq_seq");
	k = parking_of(f, true);
	assert_int_equal(parking_try_open(&k), ERR_DENIED);
	assert_has(k.e.msg, "run app-db-listener install, it grants what is missing");
	k = parking_of(f, false);
	parking_open(&k);
	parking_close(&k);
	f->options.user = "postgres";
	install(f);
	k = parking_of(f, true);
	parking_open(&k);
	parking_close(&k);
	assert_int_equal(try_uninstall(f), ERR_OK);
	run(f, "DROP OWNED BY adbl_parks; DROP ROLE adbl_parks");
}

/* More than one page of everything. */
static void many_are_found_once_each(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO app_db_listener.parked (id, pipeline, operation, schema_name, "
	       "table_name, changed_at, bytes, attempts, step, due_at, row_hash1, row_hash2, "
	       "table_hash) SELECT g, 'default', 'insert', 's', 't', now(), 10, 1, 0, "
	       "CASE g % 3 WHEN 0 THEN NULL ELSE to_timestamp(1800000000) + g % 7 * "
	       "interval '1 hour' END, hashint8(g), 0, 1 FROM generate_series(1, 24000) AS g");
	k = parking_of(f, true);
	parking_open(&k);
	/* all of those with a time, which are many, and a few of them */
	parking_expect_many(&k, 24000, 16000, DUE + 7 * 3600 * CLOCK_US_PER_S);
	parking_expect_many(&k, 24000, 2286, DUE);
	parking_close(&k);
}

static void a_reason_that_the_database_cannot_spell_is_no_obstacle(void **state)
{
	static struct pgtest latin;
	static struct parking k;
	struct pipeline_settings pipeline = {.name = (char[]){"default"}};
	char reason[] = "HTTP 400: \xe2\x82\xac \xc3\xa9"; /* a euro sign, which LATIN1 has not */
	struct ack a;
	int i;

	(void)state;
	pgtest_open_encoded(&latin, "LATIN1");
	(void)pgtest_put(latin.conn, "default", "1", 10);
	k = (struct parking){.ops = &source_postgres,
			     .settings = &latin.settings,
			     .pipeline = &pipeline,
			     .parks = true};
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	a = parking_ack(k.events[0], DUE);
	for (i = 0; i < 3; i++) { /* parked, put off, and without a reason */
		a.reason = i < 2 ? reason : NULL;
		a.from_parked = i > 0;
		parking_give(&k, &a, 1);
		assert_int_equal(pgtest_i64(latin.conn,
					    "SELECT count(*) FROM app_db_listener.parked WHERE "
					    "last_error %s",
					    i < 2 ? "LIKE 'HTTP 400: %'" : "IS NULL"),
				 1);
	}
	parking_close(&k);
	pgtest_close(&latin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parked_events_are_as_they_were),
		TEST(a_replayed_event_dies_under_its_first_id),
		TEST(an_id_that_is_given_again_loses_no_letter),
		TEST(an_installation_of_before_works_until_it_is_to_park),
		TEST(parked_events_are_undelivered_events),
		TEST(the_daemons_role_gets_what_it_needs),
		TEST(many_are_found_once_each),
		cmocka_unit_test(a_reason_that_the_database_cannot_spell_is_no_obstacle),
	};

	return cmocka_run_group_tests_name("parked events in postgres", tests, NULL, NULL);
}
