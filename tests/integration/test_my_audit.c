/* SPDX-License-Identifier: MIT */
/* listener.audit_table: an operator's own table read in place of the outbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "mytest.h"
#include "source/my_audit.h"
#include "source/my_source.h"
#include "source/source.h"

#define EVENTS_MAX 50
#define PATIENCE_US (60 * CLOCK_US_PER_S)

struct audit {
	struct mytest my;
	struct pipeline_settings pipeline;
	struct table_settings table;
	struct source_pipeline shared;
	struct source *s;
	struct event *events[EVENTS_MAX];
	size_t count;
	bool more;
};

static char audit_name[] = "trail", pipeline_name[] = "default";

static int setup(void **state)
{
	static struct audit a;

	memset(&a, 0, sizeof(a));
	mytest_open(&a.my);
	mytest_exec(
		a.my.conn,
		"CREATE TABLE trail (id BIGINT AUTO_INCREMENT PRIMARY KEY, operation "
		"VARCHAR(40), table_name VARCHAR(200), changed_at TIMESTAMP(6) NOT NULL DEFAULT "
		"CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), data LONGTEXT, old_data "
		"LONGTEXT, processed BOOLEAN NOT NULL DEFAULT FALSE, KEY todo (processed)) "
		"ENGINE=InnoDB");
	a.my.settings.audit_table = audit_name;
	a.pipeline = (struct pipeline_settings){.name = pipeline_name,
						.operations = {true, true, true, false}};
	a.shared.settings = &a.pipeline;
	*state = &a;
	return 0;
}

static void drop_events(struct audit *a)
{
	while (a->count)
		event_free(a->events[--a->count]);
}

static int teardown(void **state)
{
	struct audit *a = *state;

	drop_events(a);
	if (a->s)
		a->s->ops->free(a->s);
	mytest_close(&a->my);
	return 0;
}

static void start(struct audit *a)
{
	struct source_env env = {.settings = &a->my.settings,
				 .pipelines = &a->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct err e;

	assert_int_equal(source_mysql.new(&env, &a->s, NULL), ERR_OK);
	if (source_mysql.open(a->s, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

/* Until rows come, or there are none: a table that was not met takes a read. */
static size_t read_rows(struct audit *a)
{
	struct source_limit limit = {.events = EVENTS_MAX, .bytes = 1 << 20};
	int64_t deadline = clock_now_us(clock_system()) + PATIENCE_US;
	struct err e;

	do {
		drop_events(a);
		assert_true(clock_now_us(clock_system()) < deadline);
		if (source_mysql.read(a->s, 0, limit, a->events, &a->count, &a->more, &e) != ERR_OK)
			fail_msg("%s", e.msg);
	} while (!a->count && a->more);
	return a->count;
}

static void put(const struct audit *a, const char *operation, const char *table, const char *data,
		const char *old_data)
{
	mytest_exec(a->my.conn,
		    "INSERT INTO trail (operation, table_name, data, old_data) VALUES (%s, '%s', "
		    "%s, %s)",
		    operation, table, data, old_data);
}

static void expect(const struct audit *a, size_t i, enum op op, const char *key, const char *data)
{
	const struct event_fields *f = &a->events[i]->f;

	assert_int_equal(f->op, op);
	if (key)
		assert_string_equal(f->key.s, key);
	else
		assert_null(f->key.s);
	if (data)
		assert_string_equal(f->data.s, data);
	else
		assert_null(f->data.s);
}

static int64_t number(const struct audit *a, const char *sql)
{
	return mytest_i64(a->my.conn, "%s", sql);
}

/* ---- tests ---- */

static void rows_become_events_with_the_primary_key(void **state)
{
	struct audit *a = *state;

	put(a, "'INSERT'", "items", "'{\"id\": 7, \"n\": 1.50}'", "NULL");
	put(a, "'u'", "items", "'{\"id\": 8, \"n\": 2}'", "'{\"id\": 7, \"n\": 1.50}'");
	put(a, "'Delete'", "items", "NULL", "'{\"id\": 12345678901234567890}'");
	start(a);
	assert_int_equal(read_rows(a), 3);
	expect(a, 0, OP_INSERT, "{\"id\":7}", "{\"id\": 7, \"n\": 1.50}");
	expect(a, 1, OP_UPDATE, "{\"id\":8}", "{\"id\": 8, \"n\": 2}");
	assert_string_equal(a->events[1]->f.old_key.s, "{\"id\":7}");
	assert_string_equal(a->events[1]->f.old_data.s, "{\"id\": 7, \"n\": 1.50}");
	expect(a, 2, OP_DELETE, "{\"id\":12345678901234567890}", NULL);
	assert_null(a->events[2]->f.old_key.s);
	assert_string_equal(a->events[0]->f.table.s, "items");
	assert_string_equal(a->events[0]->f.schema.s, a->my.database);
	assert_int_equal(strlen(a->shared.install_id), 36);
	assert_int_equal(read_rows(a), 0);
	assert_false(a->more);
}

static void the_time_is_utc(void **state)
{
	struct audit *a = *state;

	mytest_exec(a->my.conn, "SET time_zone = '+05:45'");
	mytest_exec(a->my.conn,
		    "INSERT INTO trail (operation, table_name, data, changed_at) VALUES ('i', "
		    "'items', '{}', '2026-03-01 05:45:00.123456')");
	start(a);
	assert_int_equal(read_rows(a), 1);
	assert_string_equal(a->events[0]->f.changed_at.s, "2026-03-01T00:00:00.123456Z");
}

static void acknowledging_sets_processed_and_nothing_else(void **state)
{
	struct audit *a = *state;
	struct ack ack = {.id = 0};

	mytest_exec(a->my.conn,
		    "INSERT INTO trail (operation, table_name, data, changed_at) VALUES ('i', "
		    "'items', '{\"id\":1}', '2020-01-01'), ('i', 'items', '{\"id\":2}', "
		    "'2020-01-01')");
	start(a);
	assert_int_equal(read_rows(a), 2);
	ack.id = a->events[0]->f.id;
	assert_int_equal(source_mysql.acknowledge(a->s, &ack, 1, NULL), ERR_OK);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM trail WHERE processed"), 1);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM trail WHERE changed_at = '2020-01-01'"),
			 2);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), 0);
	ack = (struct ack){.id = a->events[1]->f.id,
			   .outcome = ACK_DEAD,
			   .attempts = 3,
			   .last_status = 404,
			   .reason = mem_strdup("it's no good")};
	assert_int_equal(source_mysql.acknowledge(a->s, &ack, 1, NULL), ERR_OK);
	mem_free(ack.reason);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM trail WHERE processed"), 2);
	assert_int_equal(number(a,
				"SELECT COUNT(*) FROM app_db_listener_dead_letter WHERE "
				"last_error = 'it''s no good' AND attempts = 3 AND last_status = "
				"404 AND table_name = 'items' AND data = '{\"id\":2}'"),
			 1);
}

static void an_unknown_operation_goes_to_the_dead_letters_alone(void **state)
{
	struct audit *a = *state;

	put(a, "'i'", "items", "'{\"id\":1}'", "NULL");
	put(a, "'it''s odd'", "items", "'{\"id\":2}'", "NULL");
	put(a, "NULL", "items", "'{\"id\":3}'", "NULL");
	put(a, "'i'", "items", "'{\"id\":4}'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 2);
	expect(a, 0, OP_INSERT, "{\"id\":1}", "{\"id\":1}");
	expect(a, 1, OP_INSERT, "{\"id\":4}", "{\"id\":4}");
	assert_int_equal(number(a, "SELECT COUNT(*) FROM app_db_listener_dead_letter WHERE "
				   "last_error LIKE 'unknown operation: it_s odd'"),
			 1);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), 2);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM trail WHERE processed"), 2);
}

static void operations_nobody_wants_are_only_marked(void **state)
{
	struct audit *a = *state;

	a->pipeline.operations[OP_UPDATE] = false;
	put(a, "'update'", "items", "'{\"id\":1}'", "NULL");
	put(a, "'i'", "items", "'{\"id\":2}'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 1);
	expect(a, 0, OP_INSERT, "{\"id\":2}", "{\"id\":2}");
	assert_int_equal(number(a, "SELECT COUNT(*) FROM trail WHERE processed"), 1);
	assert_int_equal(number(a, "SELECT COUNT(*) FROM app_db_listener_dead_letter"), 0);
}

static void what_is_no_json_becomes_a_json_string(void **state)
{
	struct audit *a = *state;

	put(a, "'i'", "items", "'say \"hi\"\\n'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 1);
	expect(a, 0, OP_INSERT, NULL, "\"say \\\"hi\\\"\\n\"");
}

static void keys_are_the_configured_or_none(void **state)
{
	char *columns[] = {(char[]){"odd \"name"}, (char[]){"b"}, NULL};
	struct audit *a = *state;

	a->table = (struct table_settings){
		.schema = (char[]){"elsewhere"}, .table = (char[]){"things"}, .key = {columns, 2}};
	a->pipeline.tables = &a->table;
	a->pipeline.table_count = 1;
	put(a, "'i'", "elsewhere.things", "'{\"odd \\\\\"name\": \"x\", \"b\": 2}'", "NULL");
	put(a, "'i'", "elsewhere.things", "'{\"b\": 2}'", "NULL");
	put(a, "'i'", "nosuch", "'{\"id\": 2}'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 2);
	expect(a, 0, OP_INSERT, "{\"odd \\\"name\":\"x\",\"b\":2}",
	       "{\"odd \\\"name\": \"x\", \"b\": 2}");
	expect(a, 1, OP_INSERT, NULL, "{\"b\": 2}");
	assert_string_equal(a->events[0]->f.schema.s, "elsewhere");
	assert_string_equal(a->events[0]->f.table.s, "things");
	assert_int_equal(read_rows(a), 1);
	expect(a, 0, OP_INSERT, NULL, "{\"id\": 2}");
}

/* No table can have such a name, and the server refuses to look for it. */
static void a_name_that_no_table_can_have_stops_nothing(void **state)
{
	struct audit *a = *state;

	mytest_exec(a->my.conn, "ALTER TABLE trail CONVERT TO CHARACTER SET utf8mb4");
	put(a, "'i'", "odd \xf0\x9f\x98\x80", "'{\"id\":1}'", "NULL");
	put(a, "'i'", "\xf0\x9f\x98\x80.t", "'{\"id\":2}'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 1);
	expect(a, 0, OP_INSERT, NULL, "{\"id\":1}");
	assert_int_equal(read_rows(a), 1);
	expect(a, 0, OP_INSERT, NULL, "{\"id\":2}");
}

/* Whoever is told that there is more reads again at once. */
static void a_key_that_cannot_be_asked_for_is_asked_for_at_the_pace_of_polls(void **state)
{
	struct source_limit limit = {.events = 2, .bytes = 1 << 20};
	struct audit *a = *state;
	struct my_conn *c;
	int i;

	for (i = 0; i < 5; i++)
		put(a, "'i'", "items", "'{\"id\":1}'", "NULL");
	start(a);
	c = my_source_of(a->s)->conn;
	/* a limit that information_schema alone goes beyond, as a server may have it for all */
	assert_int_equal(my_conn_exec(c, "SET SESSION max_join_size = 12", NULL), ERR_OK);
	for (i = 0; i < 3; i++) {
		assert_int_equal(
			source_mysql.read(a->s, 0, limit, a->events, &a->count, &a->more, NULL),
			ERR_OK);
		assert_int_equal(a->count, 0);
		assert_false(a->more);
		assert_non_null(strstr(my_audit_trouble(my_source_of(a->s)->pipes[0].audit),
				       "cannot ask for the key of items"));
	}
	assert_int_equal(my_conn_exec(c, "SET SESSION max_join_size = DEFAULT", NULL), ERR_OK);
	assert_int_equal(read_rows(a), 5);
	assert_string_equal(my_audit_trouble(my_source_of(a->s)->pipes[0].audit), "");
}

static void a_late_commit_is_found_and_goes_first(void **state)
{
	struct audit *a = *state;
	MYSQL *slow = mytest_connect(&a->my);

	mytest_exec(slow, "START TRANSACTION");
	mytest_exec(slow, "INSERT INTO trail (operation, table_name, data) VALUES ('i', 'items', "
			  "'{\"id\":1}')");
	put(a, "'i'", "items", "'{\"id\":2}'", "NULL");
	start(a);
	assert_int_equal(read_rows(a), 1);
	mytest_exec(slow, "COMMIT");
	mysql_close(slow);
	put(a, "'u'", "items", "'{\"id\":1}'", "NULL");
	assert_int_equal(read_rows(a), 2);
	expect(a, 0, OP_INSERT, "{\"id\":1}", "{\"id\":1}");
	expect(a, 1, OP_UPDATE, "{\"id\":1}", "{\"id\":1}");
}

static struct source_status inspect(struct audit *a)
{
	struct source_status st;
	struct err e;

	if (source_mysql.inspect(a->s, &st, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return st;
}

static void a_missing_index_is_told(void **state)
{
	struct audit *a = *state;

	put(a, "'i'", "items", "'{\"id\":1}'", "NULL");
	start(a);
	assert_string_equal(inspect(a).warning, "");
	assert_int_equal(inspect(a).outbox_rows, 1);
	assert_true(inspect(a).oldest_wall_us > 0);
	source_mysql.close(a->s);
	mytest_exec(a->my.conn, "ALTER TABLE trail DROP KEY todo");
	assert_int_equal(source_mysql.open(a->s, NULL), ERR_OK);
	assert_non_null(strstr(inspect(a).warning, "index"));
	assert_int_equal(inspect(a).outbox_rows, -1);
	assert_int_equal(read_rows(a), 1);
}

static void a_table_that_does_not_fit_is_told(void **state)
{
	struct audit *a = *state;
	struct source_env env = {.settings = &a->my.settings,
				 .pipelines = &a->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct err e;

	mytest_exec(a->my.conn, "ALTER TABLE trail DROP COLUMN old_data");
	assert_int_equal(source_mysql.new(&env, &a->s, NULL), ERR_OK);
	assert_int_equal(source_mysql.open(a->s, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "old_data"));
}

static void words_mean_operations(void **state)
{
	static const struct {
		const char *word;
		int op;
	} words[] = {{"insert", OP_INSERT},
		     {"I", OP_INSERT},
		     {"Update", OP_UPDATE},
		     {"U", OP_UPDATE},
		     {"D", OP_DELETE},
		     {"TRUNCATE", OP_TRUNCATE},
		     {"", -1},
		     {"ins ", -1},
		     {"upsert", -1}};
	enum op op;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(words); i++) {
		bool known = my_audit_op(text_of(words[i].word), &op);

		assert_int_equal(known ? (int)op : -1, words[i].op);
	}
	assert_false(my_audit_op(TEXT_NONE, &op));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_become_events_with_the_primary_key),
		TEST(the_time_is_utc),
		TEST(acknowledging_sets_processed_and_nothing_else),
		TEST(an_unknown_operation_goes_to_the_dead_letters_alone),
		TEST(operations_nobody_wants_are_only_marked),
		TEST(what_is_no_json_becomes_a_json_string),
		TEST(keys_are_the_configured_or_none),
		TEST(a_name_that_no_table_can_have_stops_nothing),
		TEST(a_key_that_cannot_be_asked_for_is_asked_for_at_the_pace_of_polls),
		TEST(a_late_commit_is_found_and_goes_first),
		TEST(a_missing_index_is_told),
		TEST(a_table_that_does_not_fit_is_told),
		cmocka_unit_test(words_mean_operations),
	};

	return cmocka_run_group_tests_name("mysql audit table", tests, NULL, NULL);
}
