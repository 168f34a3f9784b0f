/* SPDX-License-Identifier: MIT */
/* Dead letters: list, replay, purge. */
#include "letter_lab.h"
#include "my_fixture.h"
#include "source/my_locks.h"

static void setup(struct fixture *f)
{
	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text)");
	capture(f, 0, NULL, "users");
	capture(f, 1, NULL, "users");
	install(f);
	run(f, "INSERT INTO app_db_listener_dead_letter (pipeline, id, operation, schema_name, "
	       "table_name, row_key, old_key, changed_at, truncated, bytes, data, old_data, "
	       "attempts, last_status, last_error, died_at) SELECT IF(seq % 2, 'default', "
	       "'second'), seq, 'update', 'shop', IF(seq < 1500, 'users', 'a.b'), CONCAT("
	       "'{\"id\":', seq, '}'), IF(seq = 1, '{\"id\":0}', NULL), '2024-01-02 03:04:05.5', "
	       "seq = 3, 7, CONCAT('{\"id\":', seq, '}'), '{}', 3, 422, 'no', UTC_TIMESTAMP(6) - "
	       "INTERVAL IF(seq < 100, 2, 0) DAY FROM " MYTEST_SEQ(1, 2500));
}

struct listing {
	struct fixture *f;
	int64_t count;
	int64_t last_id;
};

static enum err_code note_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	struct listing *l = ctx;

	(void)e;
	l->count++;
	l->last_id = d->id;
	if (l->count > 2)
		return ERR_OK;
	buf_add_fmt(&l->f->findings,
		    "%lld %d %.*s %.*s %.*s.%.*s %.*s %.*s %d %lld %lld %.*s %.*s\n",
		    (long long)d->id, (int)d->event_id.len, (int)d->pipeline.len, d->pipeline.s,
		    (int)d->operation.len, d->operation.s, (int)d->schema.len, d->schema.s,
		    (int)d->table.len, d->table.s, (int)d->key.len, d->key.s,
		    (int)d->changed_at.len, d->changed_at.s, (int)d->died_at.len,
		    (long long)d->attempts, (long long)d->last_status, (int)d->last_error.len,
		    d->last_error.s, (int)d->data.len, d->data.s ? d->data.s : "-");
	return ERR_OK;
}

static struct listing list(struct fixture *f, const struct dead_letter_filter *filter, bool data)
{
	struct listing l = {.f = f};

	buf_reset(&f->findings);
	if (source_admin_mysql.dead_letter_list(&f->settings, 0, filter, data, note_letter, &l,
						&f->err) != ERR_OK)
		fail_msg("list: %s", f->err.msg);
	return l;
}

static void letters_are_listed_page_by_page(void **state)
{
	struct fixture *f = *state;

	setup(f);
	assert_int_equal(list(f, &(struct dead_letter_filter){0}, false).count, 2500);
	assert_string_equal(buf_str(&f->findings),
			    "1 38 default update shop.users {\"id\":1} 2024-01-02T03:04:05.500000Z "
			    "27 3 422 no \n"
			    "3 38 default update shop.users {\"id\":3} 2024-01-02T03:04:05.500000Z "
			    "27 3 422 no \n");
	assert_int_equal(list(f, &(struct dead_letter_filter){0}, true).count, 2500);
	assert_has(buf_str(&f->findings), "422 no {\"id\":1}\n");
	assert_int_equal(list(f, &(struct dead_letter_filter){.pipeline = "second"}, false).count,
			 1250);
	assert_int_equal(list(f, &(struct dead_letter_filter){.table = "a.b"}, false).count, 1001);
	assert_int_equal(list(f, &(struct dead_letter_filter){.table = "shop.users"}, false).count,
			 1499);
	assert_int_equal(list(f, &(struct dead_letter_filter){.id = 4}, false).count, 1);
	assert_int_equal(list(f, &(struct dead_letter_filter){.limit = 1203}, false).count, 1203);
	assert_int_equal(list(f,
			      &(struct dead_letter_filter){.older_than_us = 86400 * CLOCK_US_PER_S},
			      false)
				 .count,
			 99);
}

static int64_t replay(struct fixture *f, const struct dead_letter_filter *filter)
{
	struct dead_letter_counts n;

	if (source_admin_mysql.dead_letter_replay(&f->settings, 0, filter, false, &n, &f->err) !=
	    ERR_OK)
		fail_msg("replay: %s", f->err.msg);
	return n.moved;
}

static void replayed_letters_go_to_the_end_in_their_order(void **state)
{
	struct fixture *f = *state;

	setup(f);
	run(f, "INSERT INTO users VALUES (1, '')");
	assert_int_equal(
		replay(f, &(struct dead_letter_filter){.pipeline = "default", .limit = 1100}),
		1100);
	assert_string_equal(rows(f, "SELECT COUNT(*), MIN(id), SUM(truncated) FROM "
				    "app_db_listener_outbox WHERE operation = 'update'"),
			    "1100|2|1");
	/* in the order of the old ids */
	assert_string_equal(
		rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox a JOIN app_db_listener_outbox "
			"b ON a.id < b.id WHERE a.operation = 'update' AND b.operation = 'update' "
			"AND JSON_VALUE(a.data, '$.id') + 0 >= JSON_VALUE(b.data, '$.id') + 0"),
		"0");
	assert_string_equal(rows(f, "SELECT row_key, old_key, changed_at, bytes, data, old_data "
				    "FROM app_db_listener_outbox ORDER BY id LIMIT 1, 1"),
			    "{\"id\":1}|{\"id\":0}|2024-01-02 03:04:05.500000|7|{\"id\":1}|{}");
	assert_int_equal(replay(f, &(struct dead_letter_filter){0}), 1400);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), "0");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox_second"), "1251");
	assert_int_equal(replay(f, &(struct dead_letter_filter){0}), 0);
}

static void letters_are_purged(void **state)
{
	struct fixture *f = *state;
	struct dead_letter_counts n;

	setup(f);
	assert_int_equal(
		source_admin_mysql.dead_letter_purge(
			&f->settings, 0, &(struct dead_letter_filter){.table = "a.b"}, &n, &f->err),
		ERR_OK);
	assert_int_equal(n.moved, 1001);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), "1499");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "0");
}

static void unknown_pipelines_and_missing_tables_are_told(void **state)
{
	struct fixture *f = *state;
	struct listing l = {.f = f};
	struct dead_letter_counts n;

	assert_int_equal(source_admin_mysql.dead_letter_purge(
				 &f->settings, 0, &(struct dead_letter_filter){0}, &n, &f->err),
			 ERR_NOT_FOUND);
	assert_has(f->err.msg, "nothing is installed in this database: run install");
	setup(f);
	assert_int_equal(source_admin_mysql.dead_letter_list(
				 &f->settings, 0,
				 &(struct dead_letter_filter){.pipeline = "defualt"}, false,
				 note_letter, &l, &f->err),
			 ERR_NOT_FOUND);
	assert_has(f->err.msg, "no pipeline \"defualt\" here; there is default, second");
}

static void letters_of_an_audit_table_are_set_to_not_processed(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE audit_log (id bigint AUTO_INCREMENT PRIMARY KEY, operation "
	       "varchar(10) NOT NULL, table_name varchar(64), changed_at timestamp NOT NULL ON "
	       "UPDATE CURRENT_TIMESTAMP, data text, old_data text, processed boolean NOT NULL "
	       "DEFAULT FALSE, INDEX (processed));"
	       "INSERT INTO audit_log VALUES (1, 'I', 't', '2024-01-01', '{}', NULL, 1), "
	       "(2, 'I', 't', '2024-01-01', '{}', NULL, 1)");
	f->source.audit_table = (char *)(uintptr_t) "audit_log";
	install(f);
	run(f, "INSERT INTO app_db_listener_dead_letter (pipeline, id, operation, schema_name, "
	       "table_name, changed_at, attempts, last_error, died_at) SELECT 'default', seq, "
	       "'insert', '', 't', NOW(), 1, '', '2024-01-01' FROM " MYTEST_SEQ(2, 3));
	assert_int_equal(replay(f, &(struct dead_letter_filter){0}), 1);
	assert_string_equal(rows(f, "SELECT id, processed FROM audit_log ORDER BY 1"), "1|1\n2|0");
	assert_string_equal(rows(f, "SELECT id FROM audit_log WHERE changed_at = '2024-01-01'"),
			    "1\n2");
	assert_string_equal(rows(f, "SELECT id FROM app_db_listener_dead_letter"), "3");
}

static void lab(struct fixture *f)
{
	setup(f);
	run(f, "DELETE FROM app_db_listener_dead_letter");
	run(f,
	    letter_lab_insert("app_db_listener_dead_letter", "shop", "UTC_TIMESTAMP(6) - INTERVAL ",
			      " MINUTE", "'2024-01-02 03:04:05'"));
}

static void each_filter_finds_its_letters(void **state)
{
	struct fixture *f = *state;

	lab(f);
	letter_lab_filters(&source_admin_mysql, &f->settings);
}

static void changes_that_wait_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "INSERT INTO app_db_listener_outbox (id, operation, schema_name, table_name, "
	       "row_key, changed_at, origin_id) VALUES (100, 'update', 'shop', 'notes', "
	       "'{\"a\":1.0,\"b\":\"42\"}', NOW(), NULL), (101, 'update', 'other', 'users', "
	       "'{\"id\":1}', NOW(), NULL), (102, 'update', 'shop', 'users', '{\"id\":3}', "
	       "NOW(), 3)");
	assert_string_equal(letter_lab_list(&source_admin_mysql, &f->settings, &filter),
			    "(1) (2) (3) 4 (5) 6");
	if (source_admin_mysql.dead_letter_replay(&f->settings, 0, &filter, false, &n, &f->err) !=
	    ERR_OK)
		fail_msg("replay: %s", f->err.msg);
	assert_int_equal(n.moved, 2);
	assert_int_equal(n.superseded, 4);
	assert_string_equal(rows(f, "SELECT GROUP_CONCAT(origin_id ORDER BY id) FROM "
				    "app_db_listener_outbox WHERE id > 102"),
			    "4,6");
}

static void changes_that_are_parked_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	/* newer, by the key before, older by the id that it is known by */
	run(f, "INSERT INTO app_db_listener_parked (id, operation, schema_name, table_name, "
	       "row_key, old_key, changed_at, origin_id, attempts, step, row_hash1, row_hash2, "
	       "table_hash, parked_at) VALUES (100, 'update', 'shop', 'notes', "
	       "'{\"a\":1.0,\"b\":\"42\"}', NULL, NOW(), NULL, 1, 0, 0, 0, 0, NOW()), "
	       "(101, 'update', 'shop', 'users', '{\"id\":9}', '{\"id\":3}', NOW(), NULL, 1, 0, 0, "
	       "0, 0, NOW()), (103, 'update', 'shop', 'users', '{\"id\":1}', NULL, NOW(), 3, 1, 0, "
	       "0, 0, 0, NOW())");
	assert_string_equal(letter_lab_list(&source_admin_mysql, &f->settings, &filter),
			    "(1) (2) (3) (4) (5) 6");
	if (source_admin_mysql.dead_letter_replay(&f->settings, 0, &filter, false, &n, &f->err) !=
	    ERR_OK)
		fail_msg("replay: %s", f->err.msg);
	assert_int_equal(n.moved, 1);
	assert_int_equal(n.superseded, 5);
	/* an installation of before */
	run(f, "DROP TABLE app_db_listener_parked");
	assert_string_equal(letter_lab_list(&source_admin_mysql, &f->settings, &filter),
			    "(1) (2) (3) 4 5");
}

static void in_front_is_the_old_place_and_nobody_may_read_meanwhile(void **state)
{
	struct dead_letter_filter filter = {.table = "users"};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "INSERT INTO app_db_listener_outbox (id, operation, schema_name, table_name, "
	       "changed_at) VALUES (100, 'insert', 'shop', 'users', NOW())");
	assert_string_equal(rows(f, "SELECT GET_LOCK(" MY_LOCK_LEADER ", 0)"), "1");
	assert_int_equal(
		source_admin_mysql.dead_letter_replay(&f->settings, 0, &filter, true, &n, &f->err),
		ERR_BUSY);
	assert_has(f->err.msg, "a daemon is active");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), "6");
	assert_string_equal(rows(f, "SELECT RELEASE_ALL_LOCKS()"), "1");
	assert_int_equal(
		source_admin_mysql.dead_letter_replay(&f->settings, 0, &filter, true, &n, &f->err),
		ERR_OK);
	assert_int_equal(n.moved, 5);
	assert_string_equal(rows(f, "SELECT GROUP_CONCAT(id ORDER BY id), COUNT(origin_id) FROM "
				    "app_db_listener_outbox"),
			    "1,2,3,4,6,100|0");
	/* and the next change comes behind all */
	run(f, "INSERT INTO app_db_listener_outbox (operation, schema_name, table_name, "
	       "changed_at) VALUES ('insert', 'shop', 'users', NOW())");
	assert_string_equal(rows(f, "SELECT MAX(id) FROM app_db_listener_outbox"), "101");
}

static void what_is_no_json_is_listed_as_a_string(void **state)
{
	struct fixture *f = *state;

	lab(f);
	run(f, "UPDATE app_db_listener_dead_letter SET data = '{\"n\":4711 apples}' WHERE id = 1");
	assert_int_equal(list(f, &(struct dead_letter_filter){.id = 1}, true).count, 1);
	assert_has(buf_str(&f->findings), "\"{\\\"n\\\":4711 apples}\"");
}

static void an_outbox_of_before_gets_the_column(void **state)
{
	struct fixture *f = *state;

	lab(f);
	run(f, "ALTER TABLE app_db_listener_outbox DROP COLUMN origin_id");
	install(f);
	assert_int_equal(replay(f, &(struct dead_letter_filter){0}), 6);
	assert_string_equal(rows(f, "SELECT COUNT(origin_id) FROM app_db_listener_outbox"), "6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_filter_finds_its_letters),
		TEST(changes_that_wait_supersede),
		TEST(changes_that_are_parked_supersede),
		TEST(in_front_is_the_old_place_and_nobody_may_read_meanwhile),
		TEST(what_is_no_json_is_listed_as_a_string),
		TEST(an_outbox_of_before_gets_the_column),
		TEST(letters_are_listed_page_by_page),
		TEST(replayed_letters_go_to_the_end_in_their_order),
		TEST(letters_are_purged),
		TEST(unknown_pipelines_and_missing_tables_are_told),
		TEST(letters_of_an_audit_table_are_set_to_not_processed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
