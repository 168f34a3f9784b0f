/* SPDX-License-Identifier: MIT */
/* The MySQL/MariaDB reader: the application's writes beside it, gaps, drift, crashes. */
#include "my_conn_fixture.h"

#include <stdlib.h>

#include "base/mem.h"
#include "pgreader.h"

#define PATIENCE_US (60 * CLOCK_US_PER_S)

static char pipeline_name[] = "default";
static struct pipeline_settings pipeline = {.name = pipeline_name};

static void reader_open(struct pgreader *r, const struct mytest *my)
{
	pgreader_open_as(r, &source_mysql, &my->settings);
}

static enum err_code acknowledge(struct pgreader *r, int64_t id, enum ack_outcome outcome)
{
	struct ack ack = {.id = id, .outcome = outcome, .attempts = 1};
	enum err_code code;

	if (outcome == ACK_DEAD)
		ack.reason = mem_strdup("it's \\ no\ngood");
	code = source_mysql.acknowledge(r->s, &ack, 1, NULL);
	mem_free(ack.reason);
	return code;
}

/* ---- never hurt the application ---- */

/* Inserts into the captured table from a session that waits for no lock longer than a second. */
static void insert_must_pass(MYSQL *app, int64_t id)
{
	unsigned number = mytest_try(app, "INSERT INTO items (id) VALUES (%lld)", (long long)id);

	if (number)
		fail_msg("insert %lld: error %u", (long long)id, number);
}

/* Every kind of write of ours stays in an open transaction while the application goes on. */
static void open_transactions_of_ours_block_no_write(void **state)
{
	static const char *const levels[] = {"REPEATABLE READ", "READ COMMITTED", "SERIALIZABLE"};
	static const char *const ours[] = {
		"DELETE FROM app_db_listener_outbox WHERE id IN (1, 2, 999999)",
		"REPLACE INTO app_db_listener_dead_letter (pipeline, id, operation, schema_name, "
		"table_name, changed_at, attempts, last_error, died_at) SELECT STRAIGHT_JOIN 'p', "
		"o.id, operation, schema_name, table_name, changed_at, 1, 'x', NOW(6) FROM (SELECT "
		"3 AS a_id UNION ALL SELECT 4) AS a JOIN app_db_listener_outbox AS o FORCE INDEX "
		"(PRIMARY) ON o.id = a.a_id",
		"DELETE FROM app_db_listener_outbox WHERE id IN (3, 4)",
		"(SELECT id, bytes FROM app_db_listener_outbox FORCE INDEX (PRIMARY) WHERE id "
		"BETWEEN 1 AND 3 ORDER BY id LIMIT 9) UNION ALL (SELECT id, bytes FROM "
		"app_db_listener_outbox FORCE INDEX (PRIMARY) WHERE id > 3 ORDER BY id LIMIT 9)",
	};
	struct mytest *my = *state;
	struct my_conn *c = must_open(my);
	MYSQL *app = mytest_connect(my);
	int64_t id = 100;
	size_t i, k;

	assert_int_equal(my_conn_exec(c, "SET SESSION sql_safe_updates = 1", NULL), ERR_OK);
	for (i = 1; i <= 6; i++)
		insert_must_pass(my->conn, (int64_t)i);
	mytest_exec(app, "SET innodb_lock_wait_timeout = 1");
	assert_int_equal(my_conn_exec(c, "START TRANSACTION", NULL), ERR_OK);
	for (i = 0; i < ARRAY_LEN(ours); i++) {
		assert_int_equal(my_conn_exec(c, ours[i], NULL), ERR_OK);
		for (k = 0; k < ARRAY_LEN(levels); k++) {
			mytest_exec(app, "SET SESSION TRANSACTION ISOLATION LEVEL %s", levels[k]);
			insert_must_pass(app, ++id);
			mytest_exec(app, "START TRANSACTION");
			insert_must_pass(app, ++id);
			mytest_exec(app, "UPDATE items SET n = n + 1 WHERE id = %lld",
				    (long long)id);
			mytest_exec(app, "DELETE FROM items WHERE id = %lld", (long long)id);
			mytest_exec(app, "COMMIT");
		}
	}
	mysql_close(app);
	my_conn_close(c);
}

/* The statistics say that the outbox is empty; a scan would wait for the row of the open
 * transaction, and fail after two seconds. */
static void an_open_transaction_blocks_no_acknowledgement(void **state)
{
	struct mytest *my = *state;
	MYSQL *app = mytest_connect(my);
	static struct pgreader r;
	int64_t first, second;

	mytest_exec(app, "START TRANSACTION");
	insert_must_pass(app, 1);
	first = mytest_put(my->conn, "default", "2", 10);
	second = mytest_put(my->conn, "default", "3", 10);
	mytest_exec(app, "UPDATE items SET n = 5 WHERE id = 1");
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 2);
	assert_int_equal(acknowledge(&r, first, ACK_DELIVERED), ERR_OK);
	assert_int_equal(acknowledge(&r, second, ACK_DEAD), ERR_OK);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_dead_letter "
					      "WHERE last_error = 'it''s \\\\ no\\ngood'"),
			 1);
	mytest_exec(app, "COMMIT");
	mysql_close(app);
	assert_int_equal(pgreader_read(&r), 2);
	pgreader_close(&r);
}

/* A row that somebody locks makes the acknowledgement wait, then fail as a whole; nothing is left
 * half done, and it can be given again. */
static void a_locked_row_fails_the_whole_acknowledgement(void **state)
{
	struct mytest *my = *state;
	MYSQL *admin = mytest_connect(my);
	static struct pgreader r;
	struct ack acks[2];
	enum err_code code;
	int i;

	for (i = 0; i < 2; i++)
		acks[i] = (struct ack){.id = mytest_put(my->conn, "default", "1", 10)};
	acks[0].outcome = ACK_DEAD;
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 2);
	mytest_exec(admin, "START TRANSACTION");
	mytest_exec(admin, "SELECT id FROM app_db_listener_outbox WHERE id = %lld FOR UPDATE",
		    (long long)acks[1].id);
	code = source_mysql.acknowledge(r.s, acks, 2, NULL);
	assert_int_equal(code, ERR_TIMEOUT);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_dead_letter"),
			 0);
	mytest_exec(admin, "ROLLBACK");
	mysql_close(admin);
	assert_int_equal(source_mysql.acknowledge(r.s, acks, 2, NULL), ERR_OK);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_dead_letter"),
			 1);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_outbox"), 0);
	pgreader_close(&r);
}

/* ---- reading ---- */

#define UNION_LOCK "'a union is one view'"

/* When the first part of the union waits for the lock that `holder` has: then let it go on. */
struct between {
	struct thread thread;
	MYSQL *holder;
	MYSQL *writer;
	bool waited;
};

static void insert_between(void *arg)
{
	int64_t deadline = now_us() + PATIENCE_US;
	struct between *b = arg;

	while (!b->waited && now_us() < deadline)
		b->waited = mytest_i64(b->writer, "SELECT COUNT(*) FROM information_schema."
						  "PROCESSLIST WHERE STATE = 'User lock'");
	(void)mytest_try(b->writer, "INSERT INTO items (id) VALUES (2)");
	(void)mytest_try(b->holder, "DO RELEASE_LOCK(" UNION_LOCK ")");
}

/* What the reading rests on: MySQL Reference Manual, "Consistent Nonlocking Reads". The first part
 * takes its time; what is committed meanwhile is not in the second. */
static void a_union_is_one_view(void **state)
{
	struct mytest *my = *state;
	struct between b = {.holder = mytest_connect(my), .writer = mytest_connect(my)};
	struct my_result *r;
	struct my_conn *c;

	my->settings.statement_timeout_us = 2 * PATIENCE_US;
	c = must_open(my);
	mytest_exec(my->conn, "INSERT INTO items (id) VALUES (1)");
	assert_int_equal(mytest_i64(b.holder, "SELECT GET_LOCK(" UNION_LOCK ", 0)"), 1);
	assert_int_equal(thread_start(&b.thread, "between", 0, insert_between, &b, NULL), ERR_OK);
	assert_int_equal(my_conn_query(c,
				       "(SELECT id, GET_LOCK(" UNION_LOCK ", 100) FROM "
				       "app_db_listener_outbox WHERE id BETWEEN 1 AND 1 ORDER BY "
				       "id LIMIT 5) UNION ALL (SELECT id, 0 FROM "
				       "app_db_listener_outbox WHERE id > 1 ORDER BY id LIMIT 5)",
				       &r, NULL),
			 ERR_OK);
	thread_join(&b.thread);
	assert_true(b.waited);
	assert_int_equal(my_result_rows(r), 1);
	my_result_free(r);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM app_db_listener_outbox"), 2);
	mysql_close(b.writer);
	mysql_close(b.holder);
	my_conn_close(c);
}

static void gaps_of_rollbacks_close(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	MYSQL *app = mytest_connect(my);
	int64_t deadline = now_us() + PATIENCE_US;

	mytest_exec(app, "START TRANSACTION");
	insert_must_pass(app, 1);
	(void)mytest_put(my->conn, "default", "2", 10);
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(pgreader_inspect(&r).gaps, 1);
	mytest_exec(app, "ROLLBACK");
	while (pgreader_inspect(&r).gaps) {
		assert_true(now_us() < deadline);
		pgreader_wait(&r, deadline);
		assert_int_equal(pgreader_read(&r), 0);
	}
	mysql_close(app);
	pgreader_close(&r);
}

/* As long as one transaction is open that was there, no gap closes, however often one looks. */
static void an_open_transaction_keeps_its_gap(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	MYSQL *app = mytest_connect(my);
	int64_t until = now_us() + 2 * CLOCK_US_PER_S;

	mytest_exec(app, "START TRANSACTION");
	insert_must_pass(app, 1);
	(void)mytest_put(my->conn, "default", "2", 10);
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 1);
	while (now_us() < until) {
		assert_int_equal(pgreader_read(&r), 0);
		pgreader_wait(&r, until);
		assert_int_equal(pgreader_inspect(&r).gaps, 1);
	}
	mytest_exec(app, "COMMIT");
	assert_int_equal(pgreader_read(&r), 1);
	mysql_close(app);
	pgreader_close(&r);
}

static void a_row_below_closed_gaps_is_found_by_inspecting(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	int64_t deadline = now_us() + PATIENCE_US;

	mytest_exec(my->conn, "ALTER TABLE app_db_listener_outbox AUTO_INCREMENT = 10");
	(void)mytest_put(my->conn, "default", "1", 10);
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 1);
	while (pgreader_inspect(&r).gaps) {
		assert_true(now_us() < deadline);
		pgreader_wait(&r, deadline);
		assert_int_equal(pgreader_read(&r), 0);
	}
	mytest_exec(my->conn,
		    "INSERT INTO app_db_listener_outbox (id, operation, schema_name, table_name, "
		    "changed_at) VALUES (2, 'insert', 's', 't', NOW(6))");
	assert_int_equal(pgreader_read(&r), 0);
	(void)pgreader_inspect(&r);
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.id, 2);
	(void)pgreader_inspect(&r);
	assert_int_equal(pgreader_read(&r), 0);
	pgreader_close(&r);
}

/* Without the right to look at transactions gaps are kept, and merged. */
static void a_user_without_process_keeps_gaps_and_reads_on(void **state)
{
	struct mytest *my = *state, other = as_user(my, (char[]){"secret"});
	static struct pgreader r;
	int64_t i;

	for (i = 1; i <= 600; i++)
		mytest_exec(my->conn,
			    "INSERT INTO app_db_listener_outbox (id, operation, schema_name, "
			    "table_name, changed_at) VALUES (%lld, 'insert', 's', 't', NOW(6))",
			    (long long)i * 2);
	reader_open(&r, &other);
	for (i = 0; i < 600; i += (int64_t)r.count)
		assert_true(pgreader_read(&r) > 0);
	assert_int_equal(pgreader_read(&r), 0);
	assert_in_range(pgreader_inspect(&r).gaps, 64, 256);
	mytest_exec(my->conn, "INSERT INTO app_db_listener_outbox (id, operation, schema_name, "
			      "table_name, changed_at) VALUES (601, 'insert', 's', 't', NOW(6))");
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.id, 601);
	pgreader_close(&r);
}

static void what_is_no_json_becomes_a_string(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;

	mytest_exec(my->conn, "INSERT INTO app_db_listener_outbox (operation, schema_name, "
			      "table_name, row_key, changed_at, bytes, data, old_data) VALUES "
			      "('update', 'shop', 'items', '{\"id\":1}', UTC_TIMESTAMP(6), 30, "
			      "'{\"n\":abc}', '{\"n\":1}')");
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 1);
	assert_true(text_eq(r.events[0]->f.key, TEXT_LIT("{\"id\":1}")));
	assert_true(text_eq(r.events[0]->f.data, TEXT_LIT("\"{\\\"n\\\":abc}\"")));
	assert_true(text_eq(r.events[0]->f.old_data, TEXT_LIT("{\"n\":1}")));
	/* deeper than the server's own parser goes: a JSON column of 31 levels in its row */
	mytest_exec(my->conn, "INSERT INTO app_db_listener_outbox (operation, schema_name, "
			      "table_name, row_key, changed_at, bytes, data) VALUES "
			      "('insert', 'shop', 'items', '{\"id\":2}', UTC_TIMESTAMP(6), 99, "
			      "CONCAT('{\"j\":', REPEAT('[', 31), '18446744073709551615', "
			      "REPEAT(']', 31), '}'))");
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.data.s[0], '{');
	assert_int_equal(r.events[0]->f.data.len, 88);
	pgreader_close(&r);
}

static void one_huge_row_comes_alone(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;

	(void)mytest_put(my->conn, "default", "1", 10);
	(void)mytest_put(my->conn, "default", "2", 12 << 20);
	/* no server takes so long a number for JSON */
	mytest_exec(my->conn,
		    "UPDATE app_db_listener_outbox SET data = CONCAT('\"', REPEAT('1', %d), "
		    "'\"') WHERE row_key = '2'",
		    (12 << 20) - 2);
	(void)mytest_put(my->conn, "default", "3", 10);
	reader_open(&r, my);
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(pgreader_read(&r), 1);
	assert_int_equal(r.events[0]->f.data.len, 12 << 20);
	assert_true(r.more);
	assert_int_equal(pgreader_read(&r), 1);
	assert_false(r.more);
	pgreader_close(&r);
}

/* ---- opening, inspecting ---- */

static void another_installation_is_noticed(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;

	reader_open(&r, my);
	mytest_exec(my->conn, "UPDATE app_db_listener_install SET install_id = UUID()");
	assert_int_equal(source_mysql.inspect(r.s, &(struct source_status){.gaps = 0}, NULL),
			 ERR_UNAVAILABLE);
	pgreader_close(&r);
}

static void drift_is_told(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	struct source_status st;
	int i;

	reader_open(&r, my);
	assert_string_equal(pgreader_inspect(&r).warning, "");
	mytest_exec(my->conn, "DROP TRIGGER items_update");
	st = pgreader_inspect(&r);
	assert_non_null(strstr(st.warning, "items has lost a trigger"));
	for (i = 0; i < 5; i++)
		mytest_exec(my->conn,
			    "INSERT INTO app_db_listener_captured VALUES ('default', DATABASE(), "
			    "'gone%d', '', '', 'a,b', NOW(6))",
			    i);
	st = pgreader_inspect(&r);
	assert_non_null(strstr(st.warning, "gone0 is gone"));
	assert_non_null(strstr(st.warning, "and 3 more"));
	pgreader_close(&r);
}

static void opening_without_an_installation_says_what_to_do(void **state)
{
	struct mytest *my = *state;
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &my->settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	struct err e;

	assert_int_equal(source_mysql.new(&env, &s, NULL), ERR_OK);
	mytest_exec(my->conn, "UPDATE app_db_listener_install SET version = 99");
	assert_int_equal(source_mysql.open(s, &e), ERR_DB);
	assert_non_null(strstr(e.msg, "version 99"));
	mytest_exec(my->conn, "DELETE FROM app_db_listener_install");
	assert_int_equal(source_mysql.open(s, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "app-db-listener install"));
	mytest_exec(my->conn, "DROP TABLE app_db_listener_install");
	assert_int_equal(source_mysql.open(s, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "app-db-listener install"));
	source_mysql.free(s);
}

static void a_restart_changes_the_identity_and_a_reconnect_does_not(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	char first[300];
	int64_t deadline = now_us() + PATIENCE_US;
	int i;

	reader_open(&r, my);
	(void)snprintf(first, sizeof(first), "%s", source_mysql.identity(r.s));
	for (i = 0; i < 5; i++) {
		source_mysql.close(r.s);
		while (source_mysql.open(r.s, NULL) != ERR_OK)
			assert_true(now_us() < deadline);
		assert_string_equal(source_mysql.identity(r.s), first);
	}
	mytest_ctl("kill");
	/* until another second begins, and one more: the server knows its age in seconds */
	for (deadline = now_us() + 3 * CLOCK_US_PER_S; now_us() < deadline;)
		(void)fd_wait(-1, -1, now_us(), deadline);
	mytest_ctl("start");
	assert_int_equal(source_mysql.read(r.s, 0, (struct source_limit){10, 1000}, r.events,
					   &r.count, &r.more, NULL),
			 ERR_UNAVAILABLE);
	source_mysql.close(r.s);
	assert_string_equal(source_mysql.identity(r.s), "");
	assert_int_equal(source_mysql.open(r.s, NULL), ERR_OK);
	assert_string_not_equal(source_mysql.identity(r.s), first);
	mysql_close(my->conn);
	my->conn = mytest_connect(my);
	pgreader_close(&r);
}

static void a_killed_reader_opens_again(void **state)
{
	struct mytest *my = *state;
	static struct pgreader r;
	int64_t deadline = now_us() + PATIENCE_US, id;
	int woken = 0;

	reader_open(&r, my);
	id = mytest_i64(my->conn, "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = "
				  "DATABASE() AND ID <> CONNECTION_ID()");
	mytest_exec(my->conn, "KILL %lld", (long long)id);
	/* the end of the connection ends the wait */
	assert_int_equal(source_mysql.wait(r.s, true, r.wake_fd, deadline, &woken, NULL), ERR_OK);
	assert_int_equal(woken, SOURCE_WOKEN_CHANGE);
	assert_int_equal(source_mysql.read(r.s, 0, (struct source_limit){10, 1000}, r.events,
					   &r.count, &r.more, NULL),
			 ERR_UNAVAILABLE);
	source_mysql.close(r.s);
	while (source_mysql.open(r.s, NULL) != ERR_OK)
		assert_true(now_us() < deadline);
	(void)mytest_put(my->conn, "default", "1", 10);
	assert_int_equal(pgreader_read(&r), 1);
	pgreader_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(open_transactions_of_ours_block_no_write),
		TEST(an_open_transaction_blocks_no_acknowledgement),
		TEST(a_locked_row_fails_the_whole_acknowledgement),
		TEST(a_union_is_one_view),
		TEST(gaps_of_rollbacks_close),
		TEST(an_open_transaction_keeps_its_gap),
		TEST(a_row_below_closed_gaps_is_found_by_inspecting),
		TEST(a_user_without_process_keeps_gaps_and_reads_on),
		TEST(what_is_no_json_becomes_a_string),
		TEST(one_huge_row_comes_alone),
		TEST(another_installation_is_noticed),
		TEST(drift_is_told),
		TEST(opening_without_an_installation_says_what_to_do),
		TEST(a_restart_changes_the_identity_and_a_reconnect_does_not),
		TEST(a_killed_reader_opens_again),
	};

	return cmocka_run_group_tests_name("mysql source", tests, NULL, NULL);
}
