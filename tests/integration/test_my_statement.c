/* SPDX-License-Identifier: MIT */
/* What goes wrong with statements to MariaDB or MySQL, and what it is called. */
#include "my_conn_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

/* How long its next statements may take. */
static void set_time(struct my_conn *c, int ms)
{
	char sql[64];

	if (mytest_is_mysql())
		(void)snprintf(sql, sizeof(sql), "SET max_execution_time = %d", ms);
	else
		(void)snprintf(sql, sizeof(sql), "SET max_statement_time = %f", ms / 1000.0);
	assert_int_equal(my_conn_exec(c, sql, NULL), ERR_OK);
}

static void errors_of_statements_have_codes(void **state)
{
	static const struct {
		const char *sql;
		enum err_code code;
	} cases[] = {
		{"SELECT * FROM nosuch", ERR_NOT_FOUND},
		{"SELECT nosuch FROM items", ERR_NOT_FOUND},
		{"SELECT * FROM nosuch.items", ERR_NOT_FOUND},
		{"DROP TRIGGER nosuch", ERR_NOT_FOUND},
		{"CALL nosuch()", ERR_NOT_FOUND},
		{"SELEKT", ERR_DB},
		{"INSERT INTO items (id) VALUES (1), (1)", ERR_DB},
		{"SELECT 1 FROM (SELECT 1 UNION SELECT 2) AS t WHERE SLEEP(20) = 0", ERR_TIMEOUT},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'with the "
		 "--read-only option'",
		 ERR_UNAVAILABLE},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'with "
		 "--secure-file-priv'",
		 ERR_DB},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1040", ERR_UNAVAILABLE},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1213", ERR_BUSY},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1205", ERR_TIMEOUT},
		{"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1047", ERR_UNAVAILABLE},
	};
	struct my_conn *c = must_open(*state);
	struct err e;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		set_time(c, strstr(cases[i].sql, "SLEEP") ? 100 : 60000);
		if (my_conn_exec(c, cases[i].sql, &e) != cases[i].code)
			fail_msg("%s: %s, %s", cases[i].sql, err_name(e.code), e.msg);
		assert_non_null(strstr(e.msg, "(error "));
		assert_true(my_conn_error_number(c) > 0);
	}
	assert_int_equal(my_conn_exec(c, "DO 1", NULL), ERR_OK);
	assert_int_equal(my_conn_error_number(c), 0);
	my_conn_close(c);
}

static void a_read_only_server_names_itself(void **state)
{
	struct mytest *my = *state, other = as_user(my, (char[]){"secret"});
	struct my_conn *c = must_open(&other);
	struct err e;

	mytest_exec(my->conn, "SET GLOBAL read_only = 1");
	assert_int_equal(my_conn_exec(c, "DELETE FROM items WHERE id = 1", &e), ERR_UNAVAILABLE);
	mytest_exec(my->conn, "SET GLOBAL read_only = 0");
	assert_non_null(strstr(e.msg, "the server is read-only"));
	my_conn_close(c);
}

static enum err_code insert_two(struct my_conn *c, void *ctx, struct err *e)
{
	enum err_code code = my_conn_exec(c, "INSERT INTO items (id) VALUES (1)", e);

	return code == ERR_OK ? my_conn_exec(c, ctx, e) : code;
}

static void a_transaction_is_all_or_none(void **state)
{
	struct mytest *my = *state;
	struct my_conn *c = must_open(my);
	int64_t n = 0;

	assert_int_equal(my_conn_transaction(c, insert_two, (char[]){"SELEKT"}, NULL), ERR_DB);
	assert_int_equal(my_conn_error_number(c), 1064);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM items"), 0);
	assert_int_equal(my_conn_transaction(c, insert_two,
					     (char[]){"INSERT INTO items (id) VALUES (2)"}, NULL),
			 ERR_OK);
	assert_int_equal(mytest_i64(my->conn, "SELECT COUNT(*) FROM items"), 2);
	assert_int_equal(my_conn_number(c, "SELECT NULL", -7, &n, NULL), ERR_OK);
	assert_int_equal(n, -7);
	assert_int_equal(my_conn_number(c, "SELECT 5 FROM items WHERE id = 99", -7, &n, NULL),
			 ERR_OK);
	assert_int_equal(n, -7);
	my_conn_close(c);
}

static void values_come_back_as_they_went(void **state)
{
	static const struct {
		struct text in;
		const char *out;
	} cases[] = {
		{TEXT_LIT("it's \"quoted\" `so`"), NULL},
		{TEXT_LIT("back\\slash\n\ttab"), NULL},
		{TEXT_LIT("\xf0\x9f\x98\x80 \xc3\xa9"), NULL},
		{TEXT_LIT(""), NULL},
		{TEXT_LIT("bad \xff bytes"), "bad ? bytes"},
		{TEXT_LIT("bad \\ \xff bytes"), "bad \\ ? bytes"},
	};
	struct my_conn *c = must_open(*state);
	struct my_result *r;
	struct buf sql;
	size_t i;

	buf_init(&sql, 1000);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&sql);
		buf_add_str(&sql, "SELECT ");
		my_quote_literal(&sql, cases[i].in);
		buf_add_str(&sql, " AS ");
		my_quote_ident(&sql, "odd `name");
		buf_add_str(&sql, ", NULL, ");
		my_quote_literal(&sql, TEXT_NONE);
		assert_int_equal(my_conn_query_buf(c, &sql, &r, NULL), ERR_OK);
		assert_int_equal(my_result_rows(r), 1);
		assert_true(my_result_next(r));
		assert_string_equal(my_result_str(r, 0),
				    cases[i].out ? cases[i].out : cases[i].in.s);
		assert_null(my_result_text(r, 1).s);
		assert_string_equal(my_result_str(r, 2), "");
		assert_false(my_result_next(r));
		my_result_free(r);
	}
	buf_done(&sql);
	my_conn_close(c);
}

/* Larger than the server's max_allowed_packet: that bounds what it takes, not what it sends. */
static void a_row_of_many_megabytes_is_read(void **state)
{
	struct mytest *my = *state;
	struct my_conn *c = must_open(my);
	struct my_result *r;

	mytest_exec(my->conn, "CREATE TABLE large (a LONGTEXT, b LONGTEXT, c LONGTEXT)");
	mytest_exec(my->conn, "INSERT INTO large VALUES (REPEAT('x', 15000000), REPEAT('y', "
			      "15000000), REPEAT('z', 15000000))");
	assert_int_equal(my_conn_query(c, "SELECT a, b, c FROM large", &r, NULL), ERR_OK);
	assert_true(my_result_next(r));
	assert_int_equal(my_result_text(r, 0).len, 15000000);
	assert_int_equal(my_result_text(r, 2).len, 15000000);
	assert_int_equal(my_result_text(r, 2).s[14999999], 'z');
	my_result_free(r);
	my_conn_close(c);
}

static void a_statement_can_be_interrupted(void **state)
{
	struct mytest *my = *state;
	struct waker w = {.act = wake_fd};
	struct err e;

	my->settings.statement_timeout_us = 60 * CLOCK_US_PER_S;
	w.conn = open_interruptible(my, &w);
	waker_start(&w);
	assert_int_equal(my_conn_exec(w.conn, "DO SLEEP(50)", &e), ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "interrupted");
	/* it stays in force */
	assert_int_equal(my_conn_exec(w.conn, "DO 1", &e), ERR_UNAVAILABLE);
	thread_join(&w.thread);
	my_conn_close(w.conn);
	fd_close(&w.fd);
}

static void a_killed_connection_is_unavailable(void **state)
{
	struct mytest *my = *state;
	struct my_conn *c = must_open(my);
	int64_t id, deadline = now_us() + 60 * CLOCK_US_PER_S;

	assert_int_equal(my_conn_number(c, "SELECT CONNECTION_ID()", 0, &id, NULL), ERR_OK);
	mytest_exec(my->conn, "KILL %lld", (long long)id);
	/* the socket tells, without a statement */
	assert_int_equal(fd_wait(my_conn_fd(c), -1, now_us(), deadline), FD_READY);
	assert_int_equal(my_conn_exec(c, "DO 1", NULL), ERR_UNAVAILABLE);
	assert_int_equal(my_conn_exec(c, "DO 1", NULL), ERR_UNAVAILABLE);
	my_conn_close(c);
}

static void a_server_that_crashes_under_a_statement_is_unavailable(void **state)
{
	struct mytest *my = *state;
	struct waker w = {.act = kill_server};
	struct my_conn *c;
	struct err e;

	my->settings.statement_timeout_us = 60 * CLOCK_US_PER_S;
	c = must_open(my);
	waker_start(&w);
	assert_int_equal(my_conn_exec(c, "DO SLEEP(50)", &e), ERR_UNAVAILABLE);
	thread_join(&w.thread);
	my_conn_close(c);
	mytest_ctl("start");
	mysql_close(my->conn);
	my->conn = mytest_connect(my);
}

static pid_t server_pid(void)
{
	char command[512], line[32] = "";
	FILE *f;

	(void)snprintf(command, sizeof(command), "%s pid", getenv("TEST_MY_CTL"));
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	(void)pclose(f);
	return (pid_t)strtol(line, NULL, 10);
}

/* Threads stop one by one. */
static bool is_still(pid_t pid)
{
	char command[256];

	(void)snprintf(command, sizeof(command),
		       "grep -q '^State:.*[^T] (' /proc/%d/task/*/status && exit 1; exit 0",
		       (int)pid);
	return system(command) == 0;
}

static void stop_server(pid_t pid)
{
	int64_t deadline = now_us() + 60 * CLOCK_US_PER_S;

	assert_int_equal(kill(pid, SIGSTOP), 0);
	while (!is_still(pid) && now_us() < deadline)
		(void)fd_wait(-1, -1, now_us(), now_us() + 5 * CLOCK_US_PER_MS);
}

static void a_server_that_stands_still_holds_nobody_up(void **state)
{
	struct mytest *my = *state;
	pid_t pid = server_pid();
	enum err_code code;
	struct my_conn *c;
	struct err e;

	my->settings.statement_timeout_us = CLOCK_US_PER_S;
	c = must_open(my);
	stop_server(pid);
	code = my_conn_exec(c, "DO 1", &e);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(code, ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "the server did not answer in time");
	assert_int_equal(my_conn_exec(c, "DO 1", &e), ERR_UNAVAILABLE);
	my_conn_close(c);
}

/* Sending must not wait for ever either, when the server does not read. */
static void a_large_statement_to_a_still_server_holds_nobody_up(void **state)
{
	struct waker w = {.act = wake_fd};
	pid_t pid = server_pid();
	enum err_code code;
	struct buf sql;
	size_t i;

	buf_init(&sql, 32UL << 20);
	buf_add_str(&sql, "SELECT '");
	for (i = 0; i < 15 << 20; i++)
		buf_add_char(&sql, 'x');
	buf_add_char(&sql, '\'');
	w.conn = open_interruptible(*state, &w);
	stop_server(pid);
	waker_start(&w);
	code = my_conn_exec_buf(w.conn, &sql, NULL, NULL);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(code, ERR_UNAVAILABLE);
	thread_join(&w.thread);
	my_conn_close(w.conn);
	fd_close(&w.fd);
	buf_done(&sql);
}

static void a_statement_that_is_too_large_is_refused(void **state)
{
	struct my_conn *c = must_open(*state);
	struct buf sql, small;
	size_t i;

	buf_init(&sql, 32UL << 20);
	for (i = 0; i < 17 << 20; i++)
		buf_add_char(&sql, ' ');
	assert_int_not_equal(my_conn_exec_buf(c, &sql, NULL, NULL), ERR_OK);
	assert_int_equal(my_conn_exec(c, "DO 1", NULL), ERR_UNAVAILABLE);
	buf_done(&sql);
	/* and one that did not fit its buffer is never sent */
	buf_init(&small, 3);
	buf_add_str(&small, "DO 1");
	assert_int_equal(my_conn_exec_buf(c, &small, NULL, NULL), ERR_NOMEM);
	buf_done(&small);
	my_conn_close(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(errors_of_statements_have_codes),
		TEST(a_read_only_server_names_itself),
		TEST(a_transaction_is_all_or_none),
		TEST(values_come_back_as_they_went),
		TEST(a_row_of_many_megabytes_is_read),
		TEST(a_statement_can_be_interrupted),
		TEST(a_killed_connection_is_unavailable),
		TEST(a_server_that_crashes_under_a_statement_is_unavailable),
		TEST(a_server_that_stands_still_holds_nobody_up),
		TEST(a_large_statement_to_a_still_server_holds_nobody_up),
		TEST(a_statement_that_is_too_large_is_refused),
	};

	return cmocka_run_group_tests_name("mysql statements", tests, NULL, NULL);
}
