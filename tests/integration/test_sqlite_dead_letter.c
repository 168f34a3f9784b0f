/* SPDX-License-Identifier: MIT */
/* Dead letters: listed, put back, thrown away. */
#include "sqlite_fixture.h"

struct list {
	struct buf text;
	int64_t count;
};

static void take_letter(void *ctx, const struct dead_letter *d)
{
	struct list *l = ctx;

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
	int64_t n = 0;

	let_four_die(f);
	assert_int_equal(source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &by, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, 2);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 0}), 2);
	assert_string_equal(events(f), "insert|b|{\"id\":1}|-|{\"id\":1}|-\n"
				       "insert|b|{\"id\":2}|-|{\"id\":2}|-\n");
	by = (struct dead_letter_filter){.limit = 1};
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &by, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, 1);
	by = (struct dead_letter_filter){.pipeline = "default"};
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &by, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(count(f, &(struct dead_letter_filter){.id = 0}), 0);
}

/* More than a page, and of both pipelines. */
static void many_letters_go_in_pages(void **state)
{
	struct fixture *f = *state;
	struct dead_letter_filter all = {.pipeline = NULL}, some = {.limit = 2500};
	int64_t n = 0;

	sqlitetest_install(&f->t);
	run(f, "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2001) "
	       "INSERT INTO app_db_listener_dead_letter (pipeline, id, operation, table_name, "
	       "attempts, died_at) SELECT CASE n % 2 WHEN 0 THEN 'default' ELSE 'second' END, n, "
	       "'insert', 't', 1, 1 FROM c; INSERT INTO app_db_listener_dead_letter (pipeline, id, "
	       "operation, table_name, attempts, died_at) SELECT 'default', id + 10000, operation, "
	       "table_name, attempts, died_at FROM app_db_listener_dead_letter");
	assert_int_equal(count(f, &all), 4002);
	assert_int_equal(count(f, &some), 2500);
	assert_int_equal(source_admin_sqlite.dead_letter_replay(&f->t.settings, 0, &some, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, 2500);
	assert_int_equal(sqlitetest_i64(f->t.db, "SELECT count(*) FROM app_db_listener_outbox"),
			 2500);
	assert_int_equal(source_admin_sqlite.dead_letter_purge(&f->t.settings, 0, &all, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, 1502);
}

static void without_an_installation_there_is_nothing(void **state)
{
	struct fixture *f = *state;
	struct list l;

	assert_int_equal(list(f, &l, &(struct dead_letter_filter){.id = 0}, false), ERR_NOT_FOUND);
	assert_string_equal(f->t.e.msg, "nothing is installed in this database: run install");
	buf_done(&l.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(letters_are_listed_as_they_were_sent),       CASE(every_set_field_narrows),
		CASE(replayed_letters_come_again_in_their_order), CASE(many_letters_go_in_pages),
		CASE(without_an_installation_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
