/* SPDX-License-Identifier: MIT */
/* Parked events in MySQL and MariaDB, beyond the contract of sources: what is installed for them.
 */
#include "my_fixture.h"
#include "parking.h"

#define DUE (1800000000LL * CLOCK_US_PER_S + 7)

static struct parking parking_of(struct fixture *f, bool parks)
{
	return (struct parking){.ops = &source_mysql,
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

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name mediumtext, n decimal(40,10), at "
	       "datetime(6), b blob, f double); CREATE TABLE log (line text)");
	capture(f, 0, NULL, "users");
	capture(f, 0, NULL, "log");
	f->source.max_event_bytes = 300000;
	install(f);
	run(f, "INSERT INTO users VALUES (1, 'it''s \\\\ \"q\" \xe2\x82\xac\n\t', "
	       "123456789012345678901234567890.5, '2026-01-02 03:04:05.678901', x'00ff', 1e300), "
	       "(2, NULL, NULL, NULL, NULL, NULL); UPDATE users SET id = 3 WHERE id = 1; "
	       "UPDATE users SET name = 'x'; DELETE FROM users WHERE id = 2; INSERT INTO log "
	       "VALUES ('no key'); INSERT INTO users (id, name) VALUES (4, REPEAT('y', 100000)), "
	       "(5, REPEAT('z', 400000)); INSERT INTO app_db_listener_outbox (operation, "
	       "schema_name, table_name, row_key, changed_at, data) VALUES ('insert', 's', 't', "
	       "'no JSON', '2026-01-02 03:04:05.678901', '{')");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 10);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "0");
	assert_string_equal(rows(f, "SELECT DISTINCT attempts, last_status, last_error, step, "
				    "row_hash1, row_hash2, table_hash, due_at FROM "
				    "app_db_listener_parked"),
			    "3|500|-|1|11|0|22|2027-01-15 08:00:00.000007");
	parking_close(&k);
}

static void a_replayed_event_dies_under_its_first_id(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users (id) VALUES (1); UPDATE app_db_listener_outbox SET id = 1000, "
	       "origin_id = 7");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	parking_expect_same(&k);
	parking_expect_death(&k, 7);
	assert_string_equal(rows(f, "SELECT id, attempts FROM app_db_listener_dead_letter"), "7|9");
	parking_close(&k);
}

#define LETTERS                                                                                    \
	"SELECT GROUP_CONCAT(id, ':', JSON_EXTRACT(data, '$.id') ORDER BY id SEPARATOR ' ') FROM " \
	"app_db_listener_dead_letter "

/* Events 1 to 3 are dead. Two others get the ids 1 and 2; letter 3 was replayed twice, and two
 * others are known as 3 as well. */
static void an_id_that_is_given_again_loses_no_letter(void **state)
{
	static struct parking k;
	struct fixture *f = *state;

	users(f);
	install(f);
	run(f, "INSERT INTO users (id) VALUES (1), (2), (3)");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	parking_close(&k);
	run(f, "ALTER TABLE app_db_listener_outbox AUTO_INCREMENT = 1; "
	       "INSERT INTO users (id) VALUES (4), (5)");
	run(f, "INSERT INTO app_db_listener_outbox (id, origin_id, operation, schema_name, "
	       "table_name, row_key, changed_at, data) SELECT n, 3, operation, schema_name, "
	       "table_name, row_key, changed_at, IF(n < 12, data, CONCAT('{\"id\":', n, '}')) "
	       "FROM app_db_listener_dead_letter, (SELECT 10 AS n UNION ALL SELECT 11 UNION ALL "
	       "SELECT 12 UNION ALL SELECT 13) AS g WHERE id = 3");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 6);
	parking_bury(&k);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "0");
	assert_string_equal(rows(f, LETTERS "WHERE id < 4"), "1:1 2:2 3:3");
	assert_string_equal(rows(f, LETTERS "WHERE id > 3"), "14:4 15:5 16:12 17:13");
	parking_close(&k);
	/* out of what is parked, too, and above what waits */
	run(f, "ALTER TABLE app_db_listener_outbox AUTO_INCREMENT = 1; "
	       "INSERT INTO users (id) VALUES (6)");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 1);
	parking_park(&k, DUE);
	run(f, "ALTER TABLE app_db_listener_outbox AUTO_INCREMENT = 51; "
	       "INSERT INTO users (id) VALUES (7)");
	parking_expect_death(&k, 1);
	assert_string_equal(rows(f, LETTERS "WHERE id > 17"), "52:6");
	/* the same event once more is the letter that there is */
	parking_close(&k);
	run(f, "DELETE FROM app_db_listener_outbox; INSERT INTO app_db_listener_outbox (id, "
	       "operation, schema_name, table_name, row_key, changed_at, data) SELECT id, "
	       "operation, schema_name, table_name, row_key, changed_at, data FROM "
	       "app_db_listener_dead_letter WHERE id < 4");
	parking_open(&k);
	assert_int_equal(parking_read(&k), 3);
	parking_bury(&k);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), "8");
	parking_close(&k);
}

static void an_installation_of_before_works_until_it_is_to_park(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a[3];

	users(f);
	install(f);
	run(f, "DROP TABLE app_db_listener_parked; INSERT INTO users (id) VALUES (1), (2), (3)");
	assert_has(check(f),
		   "WARN app_db_listener_parked: is missing, or this user may not see it: "
		   "retry_schedule needs it (run install)");
	assert_lacks(check(f), "FAIL");
	f->settings.webhooks = &(struct webhook_settings){.retry_schedule.count = 1};
	f->settings.webhook_count = 1;
	assert_has(check(f), "FAIL app_db_listener_parked: is missing");
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
	assert_lacks(k.e.msg, "damaged");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "3");
	parking_give(&k, a, 2);
	parking_close(&k);
	install(f);
	assert_lacks(check(f), "app_db_listener_parked");
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

/* It comes before any read when a connection is lost with acknowledgements waiting. */
static void acknowledging_without_an_outbox_says_what_to_do(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a = {.id = 1};

	users(f);
	install(f);
	k = parking_of(f, false);
	parking_open(&k);
	run(f, "DROP TABLE app_db_listener_outbox");
	assert_int_equal(parking_try_give(&k, &a, 1), ERR_NOT_FOUND);
	assert_has(k.e.msg, "the installation is damaged: run app-db-listener install");
	parking_close(&k);
}

static void parked_events_are_undelivered_events(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	int64_t parked = -2;

	users(f);
	capture(f, 1, NULL, "users");
	install(f);
	run(f, "INSERT INTO users (id) VALUES (1), (2); DELETE FROM app_db_listener_outbox_second");
	k = parking_of(f, true);
	parking_open(&k);
	assert_int_equal(parking_read(&k), 2);
	parking_park(&k, DUE);
	parking_close(&k);
	assert_int_equal(source_admin_mysql.status(&f->settings, 0, note_status, &parked, &f->err),
			 ERR_OK);
	assert_int_equal(parked, 2);
	f->options.keep_data = true;
	assert_int_equal(try_uninstall(f), ERR_BUSY);
	assert_has(f->err.msg, "2 events are undelivered: deliver them first");
	f->options.keep_data = false;
	/* a pipeline that is configured no more keeps them, and so does another install */
	f->settings.pipelines = &f->pipelines[1];
	f->settings.pipeline_count = 1;
	install(f);
	assert_has(buf_str(&f->findings), "WARN default: this pipeline is no longer configured "
					  "and has undelivered events");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_parked"), "2");
	/* an outbox that is made anew does not give out their ids again */
	f->settings.pipelines = f->pipelines;
	run(f, "DROP TABLE app_db_listener_outbox");
	install(f);
	run(f, "INSERT INTO users (id) VALUES (3)");
	assert_string_equal(rows(f, "SELECT id FROM app_db_listener_outbox"), "3");
	assert_int_equal(try_uninstall(f), ERR_OK);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM information_schema.tables WHERE "
				    "table_schema = DATABASE() AND table_name LIKE "
				    "'app\\_db\\_listener%'"),
			    "0");
}

/* Everything the reader does, as the daemon's account with what install gave it. */
static void the_daemons_account_gets_what_it_needs(void **state)
{
	static struct parking k;
	struct fixture *f = *state;
	struct ack a[3];

	run(f, "DROP USER IF EXISTS adbl_parks@'%'; CREATE USER adbl_parks@'%'");
	users(f);
	f->source.user = (char *)(uintptr_t) "adbl_parks";
	f->options.user = "root";
	install(f);
	run(f, "INSERT INTO users (id) VALUES (1), (2), (3)");
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
	run(f, "REVOKE UPDATE ON app_db_listener_parked FROM adbl_parks@'%'");
	assert_has(check(f), "FAIL app_db_listener_parked: this user may not update it");
	run(f, "REVOKE ALL ON app_db_listener_parked FROM adbl_parks@'%'");
	k = parking_of(f, true);
	assert_int_equal(parking_try_open(&k), ERR_NOT_FOUND);
	assert_has(k.e.msg, "which the daemon's user may not use: run app-db-listener install");
	k = parking_of(f, false);
	parking_open(&k);
	parking_close(&k);
	f->options.user = "root";
	install(f);
	k = parking_of(f, true);
	parking_open(&k);
	parking_close(&k);
	run(f, "DROP USER adbl_parks@'%'");
}

/* More than one page of everything, and more than one statement's worth of acknowledgements. */
static void many_are_found_once_each(void **state)
{
	static struct parking k;
	static struct ack acks[PARKING_MAX];
	struct fixture *f = *state;
	size_t i;

	users(f);
	install(f);
	run(f, "INSERT INTO app_db_listener_parked (id, operation, schema_name, table_name, "
	       "changed_at, bytes, attempts, step, due_at, row_hash1, row_hash2, table_hash, "
	       "parked_at) SELECT seq, 'insert', 's', 't', NOW(6), 10, 1, 0, CASE seq % 3 WHEN 0 "
	       "THEN NULL ELSE TIMESTAMP'2027-01-15 08:00:00' + INTERVAL seq % 7 HOUR END, "
	       "CAST(CRC32(seq) AS SIGNED) - 2000000000, 0, 1, NOW(6) FROM " MYTEST_SEQ(1, 24000));
	k = parking_of(f, true);
	parking_open(&k);
	/* all of those with a time, which are many, and a few of them */
	parking_expect_many(&k, 24000, 16000, DUE + 7 * 3600 * CLOCK_US_PER_S);
	parking_expect_many(&k, 24000, 2286, DUE);
	run(f,
	    "DELETE FROM app_db_listener_parked; ALTER TABLE app_db_listener_outbox "
	    "AUTO_INCREMENT = 100000; INSERT INTO users (id) SELECT seq FROM " MYTEST_SEQ(1, 900));
	assert_int_equal(parking_read(&k), 900);
	for (i = 0; i < k.count; i++)
		acks[i] = parking_ack(k.events[k.count - 1 - i], DUE);
	parking_give(&k, acks, k.count);
	assert_int_equal(parking_load(&k, &(struct parked_select){.by = PARKED_ALL}, PARKING_MAX),
			 900);
	for (i = 0; i < k.count; i++)
		assert_int_equal(k.parked[i]->f.id, k.events[k.count - 1 - i]->f.id);
	for (i = 0; i < k.count; i++) {
		acks[i].from_parked = true;
		acks[i].outcome = i % 2 ? ACK_PARKED : ACK_DEAD;
		acks[i].step = (int)i;
	}
	parking_give(&k, acks, k.count);
	assert_int_equal(parking_load(&k, &(struct parked_select){.by = PARKED_ALL}, PARKING_MAX),
			 450);
	for (i = 0; i < 450; i++)
		assert_int_equal(k.parked[i]->f.parked_step, 2 * i + 1);
	parking_close(&k);
}

/* Its order is that of the acks because they are what is sorted, not what they are joined to. */
static void parking_sorts_no_texts(void **state)
{
	struct fixture *f = *state;
	const char *plan;

	users(f);
	install(f);
	run(f, "INSERT INTO users (id) SELECT seq FROM " MYTEST_SEQ(1, 100));
	plan = rows(f,
		    "EXPLAIN FORMAT = TRADITIONAL SELECT STRAIGHT_JOIN o.data FROM (SELECT 1 AS "
		    "a_id, 0 AS nth UNION "
		    "ALL SELECT 2 AS a_id, 1 AS nth) AS a JOIN app_db_listener_outbox AS o FORCE "
		    "INDEX (PRIMARY) ON o.id = a.a_id ORDER BY a.nth");
	assert_lacks(plan, "Using temporary");
	assert_has(plan, "eq_ref");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(parked_events_are_as_they_were),
		TEST(a_replayed_event_dies_under_its_first_id),
		TEST(an_id_that_is_given_again_loses_no_letter),
		TEST(an_installation_of_before_works_until_it_is_to_park),
		TEST(acknowledging_without_an_outbox_says_what_to_do),
		TEST(parked_events_are_undelivered_events),
		TEST(the_daemons_account_gets_what_it_needs),
		TEST(many_are_found_once_each),
		TEST(parking_sorts_no_texts),
	};

	return cmocka_run_group_tests_name("parked events in mysql", tests, NULL, NULL);
}
