/* SPDX-License-Identifier: MIT */
/* Dead letters: listed, put back, thrown away. */
#include "letter_lab.h"
#include "sqlite_fixture.h"

struct list {
	struct buf text;
	int64_t count;
};

static enum err_code take_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	struct list *l = ctx;

	(void)e;
	buf_add_fmt(&l->text, "%.*s %lld", (int)d->pipeline.len, d->pipeline.s, (long long)d->id);
	add_text(&l->text, d->operation);
	add_text(&l->text, d->table);
	add_text(&l->text, d->key);
	buf_add_fmt(&l->text, "|%lld|%lld", (long long)d->attempts, (long long)d->last_status);
	add_text(&l->text, d->last_error);
	add_text(&l->text, d->data);
	add_text(&l->text, d->old_data);
	buf_add_char(&l->text, '\n');
	l->count++;
	return ERR_OK;
}

static enum err_code take_id(void *ctx, const struct dead_letter *d, struct err *e)
{
	int64_t *seen = ctx;

	(void)e;
	assert_true(d->id == 6 ? !d->data.s : d->data.len > 1000000);
	*seen = *seen * 10 + d->id;
	return ERR_OK;
}

static enum err_code list(struct fixture *f, struct list *l, const struct dead_letter_filter *by,
			  bool with_data)
{
	l->count = 0;
	buf_init(&l->text, 1 << 20);
	return source_admin_sqlite.dead_letter_list(&f->t.settings, 0, by, with_data, take_letter,
						    l, &f->t.e);
}

static int64_t count(struct fixture *f, const struct dead_letter_filter *by)
{
	struct list l;

	assert_int_equal(list(f, &l, by, false), ERR_OK);
	buf_done(&l.text);
	return l.count;
}

/* Events 1 to 4 of two tables, all dead. */
static void let_four_die(struct fixture *f)
{
	struct reader r;
	int64_t id;

	run(f, "CREATE TABLE a (id TEXT PRIMARY KEY, v); CREATE TABLE b (id INTEGER PRIMARY KEY)");
	capture(f, "a");
	capture(f, "b");
	sqlitetest_install(&f->t);
	run(f, "INSERT INTO a VALUES ('x''y', x'00'); INSERT INTO b VALUES (1), (2); UPDATE a SET "
	       "v = 9e999");
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 4);
	for (id = 1; id <= 4; id++)
		reader_ack(&r, 0, id, ACK_DEAD);
	reader_free(&r);
}

static void letters_are_listed_as_they_were_sent(void **state)
{
	struct fixture *f = *state;
	struct dead_letter_filter all = {.pipeline = NULL};
	struct list l;

	let_four_die(f);
	assert_int_equal(list(f, &l, &all, true), ERR_OK);
	assert_string_equal(buf_str(&l.text),
			    "default 1|insert|a|{\"id\":\"x'y\"}|4|500|bad \xff bytes|"
			    "{\"id\":\"x'y\",\"v\":\"00\"}|-\n"
			    "default 2|insert|b|{\"id\":1}|4|500|bad \xff bytes|{\"id\":1}|-\n"
			    "default 3|insert|b|{\"id\":2}|4|500|bad \xff bytes|{\"id\":2}|-\n"
			    "default 4|update|a|{\"id\":\"x'y\"}|4|500|bad \xff bytes|"
			    "{\"id\":\"x'y\",\"v\":\"Infinity\"}|{\"id\":\"x'y\",\"v\":\"00\"}\n");
	buf_done(&l.text);
}

static void every_set_field_narrows(void **state)
{
	struct fixture *f = *state;
	struct list l;

	let_four_die(f);
	assert_int_equal(count(f, &(struct dead_letter_filter){.table = "a"}), 2);
	assert_int_equal(count(f, &(struct dead_letter_filter){.table = "main.b"}), 2);
	assert_int_equal(count(f, &(struct dead_letter_filter){.table = "nothing"}), 0);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 3}), 1);
	assert_int_equal(count(f, &(struct dead_letter_filter){.limit = 3}), 3);
	assert_int_equal(count(f, &(struct dead_letter_filter){.pipeline = "second"}), 0);
	assert_int_equal(count(f, &(struct dead_letter_filter){.older_than_us = 3600000000}), 0);
	assert_int_equal(list(f, &l, &(struct dead_letter_filter){.pipeline = "nobody"}, false),
			 ERR_NOT_FOUND);
	assert_string_equal(f->t.e.msg, "no pipeline \"nobody\" here; there is default, second");
	buf_done(&l.text);
}

static void replayed_letters_come_again_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct dead_letter_filter by = {.table = "b"};
	struct dead_letter_counts n;

	let_four_die(f);
	assert_int_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &by, false, &n, NULL),
		ERR_OK);
	assert_int_equal(n.moved, 2);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 0}), 2);
	assert_string_equal(events(f), "insert|b|{\"id\":1}|-|{\"id\":1}|-\n"
				       "insert|b|{\"id\":2}|-|{\"id\":2}|-\n");
	by = (struct dead_letter_filter){.limit = 1};
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &by, &n, NULL),
			 ERR_OK);
	assert_int_equal(n.moved, 1);
	by = (struct dead_letter_filter){.pipeline = "default"};
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &by, &n, NULL),
			 ERR_OK);
	assert_int_equal(n.moved, 1);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 0}), 0);
}

/* More than a page, and of both pipelines. */
static void many_letters_go_in_pages(void **state)
{
	struct fixture *f = *state;
	struct dead_letter_filter all = {.pipeline = NULL}, some = {.limit = 2500};
	struct dead_letter_counts n;

	sqlitetest_install(&f->t);
	run(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2001) "
	       "INSERT INTO app_db_listener_dead_letter (pipeline, id, operation, table_name, "
	       "attempts, died_at) SELECT CASE n % 2 WHEN 0 THEN 'default' ELSE 'second' END, n, "
	       "'insert', 't', 1, 1 FROM c; INSERT INTO app_db_listener_dead_letter (pipeline, id, "
	       "operation, table_name, attempts, died_at) SELECT 'default', id + 10000, operation, "
	       "table_name, attempts, died_at FROM app_db_listener_dead_letter");
	assert_int_equal(count(f, &all), 4002);
	assert_int_equal(count(f, &some), 2500);
	assert_int_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &some, false, &n, NULL),
		ERR_OK);
	assert_int_equal(n.moved, 2500);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"),
			 2500);
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &all, &n, NULL),
			 ERR_OK);
	assert_int_equal(n.moved, 1502);
}

static void without_an_installation_there_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct list l;

	assert_int_equal(list(f, &l, &(struct dead_letter_filter){.id = 0}, false), ERR_NOT_FOUND);
	assert_string_equal(f->t.e.msg, "nothing is installed in this database: run install");
	buf_done(&l.text);
}

static void lab(struct fixture *f)
{
	sqlitetest_install(&f->t);
	run(f, letter_lab_insert("app_db_listener_dead_letter", "",
				 "CAST(strftime('%s', 'now') AS INTEGER) * 1000000 - 60000000 * ",
				 "", "1"));
}

static void each_filter_finds_its_letters(void **state)
{
	struct fixture *f = *state;

	lab(f);
	letter_lab_filters(&source_admin_sqlite, &f->t.settings);
}

static void changes_that_wait_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "INSERT INTO app_db_listener_outbox (id, operation, table_name, row_key, origin_id) "
	       "VALUES (100, 'update', 'notes', '{\"a\":1.0,\"b\":\"42\"}', NULL), "
	       "(101, 'update', 'other', '{\"id\":1}', NULL), "
	       "(102, 'update', 'users', '{\"id\":3}', 3)");
	assert_string_equal(letter_lab_list(&source_admin_sqlite, &f->t.settings, &filter),
			    "(1) (2) (3) 4 (5) 6");
	assert_int_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &filter, false, &n, NULL),
		ERR_OK);
	assert_int_equal(n.moved, 2);
	assert_int_equal(n.superseded, 4);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT sum(origin_id * id) FROM "
						 "app_db_listener_outbox WHERE id > 102"),
			 4 * 103 + 6 * 104);
}

static void changes_that_are_parked_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	/* newer, by the key before, older by the id that it is known by */
	run(f, "INSERT INTO app_db_listener_parked (id, operation, table_name, row_key, old_key, "
	       "origin_id, attempts, step, row_hash1, row_hash2, table_hash) VALUES "
	       "(100, 'update', 'notes', '{\"a\":1.0,\"b\":\"42\"}', NULL, NULL, 1, 0, 0, 0, 0), "
	       "(101, 'update', 'users', '{\"id\":9}', '{\"id\":3}', NULL, 1, 0, 0, 0, 0), "
	       "(103, 'update', 'users', '{\"id\":1}', NULL, 3, 1, 0, 0, 0, 0)");
	assert_string_equal(letter_lab_list(&source_admin_sqlite, &f->t.settings, &filter),
			    "(1) (2) (3) (4) (5) 6");
	assert_int_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &filter, false, &n, NULL),
		ERR_OK);
	assert_int_equal(n.moved, 1);
	assert_int_equal(n.superseded, 5);
	/* an installation of before */
	run(f, "DROP TABLE app_db_listener_parked");
	assert_string_equal(letter_lab_list(&source_admin_sqlite, &f->t.settings, &filter),
			    "(1) (2) (3) 4 5");
}

static void in_front_is_the_old_place_and_nobody_may_read_meanwhile(void **state)
{
	struct dead_letter_filter filter = {.table = "users"};
	struct fixture *f = *state;
	struct dead_letter_counts n;
	struct reader r;

	lab(f);
	fixture_reader(f, &r);
	reader_open(&r);
	assert_int_equal(source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &filter, true,
								&n, &f->t.e),
			 ERR_BUSY);
	assert_non_null(strstr(f->t.e.msg, "a daemon is active"));
	reader_free(&r);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 0}), 6);
	assert_int_equal(source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &filter, true,
								&n, &f->t.e),
			 ERR_OK);
	assert_int_equal(n.moved, 5);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT sum(id) * 10 + count(origin_id) FROM "
						 "app_db_listener_outbox"),
			 160);
}

/* Nothing is held while somebody reads a list. */
static enum err_code write_meanwhile(void *ctx, const struct dead_letter *d, struct err *e)
{
	struct fixture *f = ctx;

	if (d->id == 1)
		run(f, "PRAGMA wal_checkpoint(TRUNCATE); CREATE TABLE meanwhile (id)");
	return d->id < 3 ? ERR_OK : err_set(e, ERR_IO, "the disk is full");
}

static void a_list_holds_nothing_and_ends_when_its_taker_fails(void **state)
{
	struct dead_letter_filter all = {.pipeline = NULL};
	struct fixture *f = *state;

	lab(f);
	assert_int_equal(source_admin_sqlite.dead_letter_list(&f->t.settings, 0, &all, true,
							      write_meanwhile, f, &f->t.e),
			 ERR_IO);
	assert_string_equal(f->t.e.msg, "the disk is full");
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM meanwhile"), 0);
}

static void large_letters_come_in_small_pages(void **state)
{
	struct dead_letter_filter all = {.pipeline = NULL};
	struct fixture *f = *state;
	int64_t seen = 0;

	lab(f);
	run(f, "UPDATE app_db_listener_dead_letter SET data = '{\"a\":' || quote(zeroblob(CASE "
	       "id WHEN 2 THEN 3000000 ELSE 1000000 END)) || '}'");
	assert_int_equal(source_admin_sqlite.dead_letter_list(&f->t.settings, 0, &all, true,
							      take_id, &seen, &f->t.e),
			 ERR_OK);
	assert_int_equal(seen, 123456);
}

static void an_outbox_of_before_gets_the_column(void **state)
{
	struct dead_letter_filter all = {.pipeline = NULL};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "PRAGMA writable_schema = on; UPDATE sqlite_master SET sql = replace(sql, "
	       "', origin_id INTEGER)', ')') WHERE name = 'app_db_listener_outbox'");
	assert_int_not_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &all, false, &n, NULL),
		ERR_OK);
	sqlitetest_install(&f->t);
	assert_int_equal(
		source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &all, false, &n, NULL),
		ERR_OK);
	assert_int_equal(n.moved, 6);
	sqlitetest_install(&f->t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(each_filter_finds_its_letters),
		CASE(changes_that_wait_supersede),
		CASE(changes_that_are_parked_supersede),
		CASE(in_front_is_the_old_place_and_nobody_may_read_meanwhile),
		CASE(a_list_holds_nothing_and_ends_when_its_taker_fails),
		CASE(large_letters_come_in_small_pages),
		CASE(an_outbox_of_before_gets_the_column),
		CASE(letters_are_listed_as_they_were_sent),
		CASE(every_set_field_narrows),
		CASE(replayed_letters_come_again_in_their_order),
		CASE(many_letters_go_in_pages),
		CASE(without_an_installation_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
