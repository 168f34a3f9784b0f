/* SPDX-License-Identifier: MIT */
/* What goes wrong with connections and statements, and what it is called. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/thread.h"
#include "pgtest.h"
#include "silent_port.h"
#include "source/pg_conn.h"

#define PATIENCE_US (60 * CLOCK_US_PER_S)

static int64_t now_us(void)
{
	return clock_now_us(clock_system());
}

static enum err_code open_conn(const struct pgtest *pg, struct pg_conn **ret_c, struct err *e)
{
	struct pg_conn_options o = {.settings = &pg->settings, .clock = clock_system()};

	return pg_conn_open(&o, ret_c, e);
}

static struct pg_conn *must_open(const struct pgtest *pg)
{
	struct pg_conn *c;
	struct err e;

	if (open_conn(pg, &c, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return c;
}

/* That a wake-up of *ret_fd interrupts. */
static struct pg_conn *must_open_for(const struct pgtest *pg, int *ret_fd)
{
	struct pg_conn_options o = {
		.settings = &pg->settings, .clock = clock_system(), .interrupt_fd = ret_fd};
	struct pg_conn *c;

	assert_int_equal(fd_wake_open(ret_fd, NULL), ERR_OK);
	assert_int_equal(pg_conn_open(&o, &c, NULL), ERR_OK);
	return c;
}

static int setup(void **state)
{
	static struct pgtest pg;

	pgtest_open(&pg);
	*state = &pg;
	return 0;
}

static int teardown(void **state)
{
	pgtest_close(*state);
	return 0;
}

/* ---- opening ---- */

static void a_session_is_set_up(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"search_path", "pg_catalog"},
		{"timezone", "UTC"},
		{"client_encoding", "UTF8"},
		{"synchronous_commit", "off"},
		{"statement_timeout", "10s"},
		{"application_name", "app-db-listener"},
		{"idle_session_timeout", "0"},
		{"tcp_keepalives_idle", "15"},
		{"transaction_isolation", "read committed"},
	};
	struct pg_conn *c = must_open(*state);
	bool pooled = true;
	PGresult *res;
	struct err e;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		const char *values[] = {cases[i].name};

		assert_int_equal(
			pg_conn_query(c, "SELECT current_setting($1)", 1, values, false, &res, &e),
			ERR_OK);
		assert_string_equal(PQgetvalue(res, 0, 0), cases[i].value);
		PQclear(res);
	}
	assert_int_equal(pg_conn_is_pooled(c, &pooled, &e), ERR_OK);
	assert_false(pooled);
	pg_conn_close(c);
	pg_conn_close(NULL);
}

static void expect_open(const struct pgtest *pg, enum err_code code, const char *words)
{
	struct pg_conn *c;
	struct err e;

	assert_int_equal(open_conn(pg, &c, &e), code);
	if (!strstr(e.msg, words))
		fail_msg("no \"%s\" in: %s", words, e.msg);
	assert_null(strchr(e.msg, '\n'));
	assert_null(strstr(e.msg, "LOCATION"));
}

/* Put a line in front of pg_hba.conf. */
static void demand_password(const struct pgtest *pg, const char *role)
{
	char path[256], *text;
	struct buf old;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/pg_hba.conf", getenv("TEST_PG_DATA"));
	buf_init(&old, 1 << 20);
	assert_int_equal(fd_read_file(path, &old, NULL), ERR_OK);
	text = buf_take(&old);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "host all %s 127.0.0.1/32 scram-sha-256\n%s", role, text);
	(void)fclose(f);
	free(text);
	pgtest_exec(pg->conn, "SELECT pg_reload_conf()");
}

static void wrong_credentials_are_denied(void **state)
{
	struct pgtest *pg = *state, other = *pg;
	struct pg_conn *c;
	struct err e;

	pgtest_exec(pg->conn,
		    "DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'");
	demand_password(pg, "locked");
	other.settings.user = (char[]){"locked"};
	/* the reload takes a moment */
	{
		int64_t deadline = now_us() + PATIENCE_US;

		while (open_conn(&other, &c, &e) == ERR_OK) {
			pg_conn_close(c);
			assert_true(now_us() < deadline);
		}
	}
	expect_open(&other, ERR_DENIED, "password");
	other.settings.password.value = (char[]){"wrong"};
	expect_open(&other, ERR_DENIED, "28P01");
	other.settings.password.value = (char[]){"right"};
	pg_conn_close(must_open(&other));
	other.settings.user = (char[]){"nobody_of_that_name"};
	expect_open(&other, ERR_DENIED, "nobody_of_that_name");
}

static void a_missing_database_is_not_found(void **state)
{
	struct pgtest other = *(struct pgtest *)*state;

	other.settings.database = (char[]){"no_such_database"};
	expect_open(&other, ERR_NOT_FOUND, "no_such_database");
}

static void a_server_that_is_not_there_is_unavailable(void **state)
{
	struct pgtest other = *(struct pgtest *)*state;

	other.settings.port = 1;
	expect_open(&other, ERR_UNAVAILABLE, "refused");
	other.settings.host = (char[]){"/nowhere"};
	expect_open(&other, ERR_UNAVAILABLE, "/nowhere");
}

static void a_wrong_option_is_a_configuration_error(void **state)
{
	struct pgtest other = *(struct pgtest *)*state;

	other.settings.sslmode = (char[]){"perhaps"};
	expect_open(&other, ERR_CONFIG, "perhaps");
}

static void a_standby_is_unavailable_to_those_who_write(void **state)
{
	struct pgtest *pg = *state, other = *pg;

	pgtest_exec(pg->conn, "ALTER DATABASE %s SET default_transaction_read_only = on",
		    pg->database);
	other.settings.target_session_attrs = (char[]){"read-write"};
	expect_open(&other, ERR_UNAVAILABLE, "read-only");
}

static void connecting_gives_up_at_its_timeout(void **state)
{
	struct pgtest other = *(struct pgtest *)*state;
	int fd = silent_port_open(&other.settings.port);
	int64_t start = now_us();

	other.settings.connect_timeout_us = 200 * CLOCK_US_PER_MS;
	expect_open(&other, ERR_TIMEOUT, "no answer");
	assert_in_range(now_us() - start, 200 * CLOCK_US_PER_MS, PATIENCE_US);
	(void)close(fd);
}

struct waker {
	struct thread thread;
	int64_t at_us;
	int fd;
	void (*act)(struct waker *w);
};

static void wake_later(void *arg)
{
	struct waker *w = arg;
	int64_t now;

	while ((now = now_us()) < w->at_us)
		(void)fd_wait(-1, -1, now, w->at_us);
	w->act(w);
}

static void waker_start(struct waker *w)
{
	w->at_us = now_us() + 100 * CLOCK_US_PER_MS;
	assert_int_equal(thread_start(&w->thread, "waker", 0, wake_later, w, NULL), ERR_OK);
}

static void wake_fd(struct waker *w)
{
	fd_wake(w->fd);
}

static void connecting_can_be_interrupted(void **state)
{
	struct pgtest other = *(struct pgtest *)*state;
	struct waker w = {.act = wake_fd};
	struct pg_conn_options o = {
		.settings = &other.settings, .clock = clock_system(), .interrupt_fd = &w.fd};
	int fd = silent_port_open(&other.settings.port);
	struct pg_conn *c;
	struct err e;

	other.settings.connect_timeout_us = 600 * CLOCK_US_PER_S;
	assert_int_equal(fd_wake_open(&w.fd, NULL), ERR_OK);
	waker_start(&w);
	assert_int_equal(pg_conn_open(&o, &c, &e), ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "interrupted");
	thread_join(&w.thread);
	fd_close(&w.fd);
	(void)close(fd);
}

/* ---- statements ---- */

static void errors_of_statements_have_codes(void **state)
{
	static const struct {
		const char *sql;
		enum err_code code;
		const char *words;
	} cases[] = {
		{"SELECT 1 FROM public.nothing", ERR_NOT_FOUND, "42P01"},
		{"SELECT nothing FROM public.items", ERR_NOT_FOUND, "42703"},
		{"SELECT nothing()", ERR_NOT_FOUND, "42883"},
		{"SELECT 1 / 0", ERR_DB, "22012"},
		{"SELEKT", ERR_DB, "42601"},
		{"INSERT INTO public.items VALUES (1), (1)", ERR_DB, "23505"},
		{"SET statement_timeout = 50; SELECT pg_sleep(5)", ERR_TIMEOUT, "57014"},
		{"SET ROLE pg_monitor; CREATE TABLE public.forbidden (x int)", ERR_DENIED, "42501"},
		{"RESET ROLE; SELECT pg_terminate_backend(pg_backend_pid())", ERR_UNAVAILABLE,
		 "terminating connection due to administrator command"},
		{"SELECT 1", ERR_UNAVAILABLE, ""},
	};
	struct pg_conn *c = must_open(*state);
	struct err e;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		enum err_code code = pg_conn_exec(c, cases[i].sql, &e);

		if (code != cases[i].code || !strstr(e.msg, cases[i].words))
			fail_msg("%s: %s: %s", cases[i].sql, err_name(code), e.msg);
		assert_null(strchr(e.msg, '\n'));
	}
	pg_conn_close(c);
}

static void a_message_has_detail_and_hint(void **state)
{
	struct pg_conn *c = must_open(*state);
	struct err e;

	assert_int_equal(pg_conn_exec(c,
				      "DO $$ BEGIN RAISE 'it broke' USING DETAIL = 'the detail', "
				      "HINT = 'the hint'; END $$",
				      &e),
			 ERR_DB);
	assert_string_equal(e.msg, "it broke (SQLSTATE P0001); the detail; hint: the hint");
	pg_conn_close(c);
}

static void a_failed_statement_leaves_the_connection_usable(void **state)
{
	struct pg_conn *c = must_open(*state);
	PGresult *res;

	assert_int_equal(pg_conn_exec(c, "SELECT 1 / 0", NULL), ERR_DB);
	assert_int_equal(pg_conn_query(c, "SELECT 7", 0, NULL, false, &res, NULL), ERR_OK);
	assert_string_equal(PQgetvalue(res, 0, 0), "7");
	PQclear(res);
	pg_conn_close(c);
}

static void a_statement_can_be_interrupted(void **state)
{
	struct pgtest *pg = *state;
	struct waker w = {.act = wake_fd};
	struct pg_conn *c;
	struct err e;

	pg->settings.statement_timeout_us = PATIENCE_US;
	c = must_open_for(pg, &w.fd);
	waker_start(&w);
	assert_int_equal(pg_conn_exec(c, "SELECT pg_sleep(50)", &e), ERR_UNAVAILABLE);
	assert_string_equal(e.msg, "interrupted");
	assert_int_equal(pg_conn_exec(c, "SELECT 1", NULL), ERR_UNAVAILABLE);
	thread_join(&w.thread);
	pg_conn_close(c);
	fd_close(&w.fd);
}

static void crash_server(struct waker *w)
{
	(void)w;
	pgtest_ctl("stop -m immediate");
}

static void a_server_that_crashes_under_a_statement_is_unavailable(void **state)
{
	struct pgtest *pg = *state;
	struct waker w = {.act = crash_server};
	struct pg_conn *c;
	struct err e;

	pg->settings.statement_timeout_us = PATIENCE_US;
	c = must_open(pg);
	waker_start(&w);
	assert_int_equal(pg_conn_exec(c, "SELECT pg_sleep(50)", &e), ERR_UNAVAILABLE);
	thread_join(&w.thread);
	expect_open(pg, ERR_UNAVAILABLE, "refused");
	pgtest_ctl("start");
	pg_conn_close(c);
	PQreset(pg->conn);
}

static void a_server_that_stands_still_holds_nobody_up(void **state)
{
	struct pgtest *pg = *state;
	int64_t start = now_us();
	struct pg_conn *c;
	struct err e;
	pid_t pid;

	pg->settings.statement_timeout_us = CLOCK_US_PER_S; /* enough to open */
	c = must_open(pg);
	pid = PQbackendPID(pg_conn_raw(c));
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(pg_conn_exec(c, "SELECT 1", &e), ERR_UNAVAILABLE);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_string_equal(e.msg, "the server did not answer in time");
	assert_in_range(now_us() - start, 5 * CLOCK_US_PER_S, PATIENCE_US);
	pg_conn_close(c);
}

/* Sending must not wait for ever either, when the server does not read. */
static void a_large_statement_to_a_still_server_holds_nobody_up(void **state)
{
	struct pgtest *pg = *state;
	struct waker w = {.act = wake_fd};
	struct pg_conn *c = must_open_for(pg, &w.fd);
	size_t size = 64UL << 20;
	char *text = malloc(size + 1);
	const char *values[] = {text};
	struct err e = {.msg = ""};
	PGresult *res;
	pid_t pid;

	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	pid = PQbackendPID(pg_conn_raw(c));
	assert_int_equal(kill(pid, SIGSTOP), 0);
	waker_start(&w);
	assert_int_equal(pg_conn_query(c, "SELECT $1::text", 1, values, false, &res, &e),
			 ERR_UNAVAILABLE);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_string_equal(e.msg, "interrupted");
	thread_join(&w.thread);
	pg_conn_close(c);
	fd_close(&w.fd);
	free(text);
}

static void a_pipeline_is_all_or_none(void **state)
{
	struct pgtest *pg = *state;
	struct pg_conn *c = must_open(pg);
	struct pg_call calls[3] = {
		{.sql = "INSERT INTO public.items VALUES (1) RETURNING id"},
		{.sql = "INSERT INTO public.items VALUES (2)"},
		{.sql = "INSERT INTO public.items VALUES (3) RETURNING id"},
	};
	PGresult *results[3];
	struct err e;

	assert_int_equal(pg_conn_pipeline(c, calls, 3, results, &e), ERR_OK);
	assert_string_equal(PQgetvalue(results[0], 0, 0), "1");
	assert_null(results[1]);
	assert_string_equal(PQgetvalue(results[2], 0, 0), "3");
	PQclear(results[0]);
	PQclear(results[2]);
	calls[0].sql = "INSERT INTO public.items VALUES (4) RETURNING id";
	calls[2].sql = "INSERT INTO public.items VALUES (5)";
	assert_int_equal(pg_conn_pipeline(c, calls, 3, results, &e), ERR_DB);
	assert_non_null(strstr(e.msg, "23505"));
	assert_null(results[0]);
	assert_int_equal(pgtest_i64(pg->conn, "SELECT count(*) FROM items"), 3);
	assert_int_equal(pg_conn_exec(c, "SELECT 1", &e), ERR_OK);
	calls[0].sql = "SELECT pg_terminate_backend(pg_backend_pid())";
	assert_int_equal(pg_conn_pipeline(c, calls, 1, NULL, &e), ERR_UNAVAILABLE);
	assert_int_equal(pg_conn_pipeline(c, calls, 1, NULL, &e), ERR_UNAVAILABLE);
	pg_conn_close(c);
}

static void an_idle_connection_tells_why_it_was_closed(void **state)
{
	struct pgtest *pg = *state;
	struct pg_conn *c = must_open(pg);
	enum err_code code = ERR_OK;
	int64_t deadline = now_us() + PATIENCE_US;
	struct err e;
	int got;

	pgtest_exec(pg->conn, "SELECT pg_terminate_backend(%d)", PQbackendPID(pg_conn_raw(c)));
	while (code == ERR_OK && now_us() < deadline) {
		assert_int_equal(pg_conn_wait(c, -1, deadline, &got, &e), ERR_OK);
		code = pg_conn_consume(c, &e);
		(void)PQnotifies(pg_conn_raw(c));
	}
	assert_int_equal(code, ERR_UNAVAILABLE);
	assert_string_equal(e.msg,
			    "connection lost: terminating connection due to administrator command");
	pg_conn_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_is_set_up),
		TEST(wrong_credentials_are_denied),
		TEST(a_missing_database_is_not_found),
		TEST(a_server_that_is_not_there_is_unavailable),
		TEST(a_wrong_option_is_a_configuration_error),
		TEST(a_standby_is_unavailable_to_those_who_write),
		TEST(connecting_gives_up_at_its_timeout),
		TEST(connecting_can_be_interrupted),
		TEST(errors_of_statements_have_codes),
		TEST(a_message_has_detail_and_hint),
		TEST(a_failed_statement_leaves_the_connection_usable),
		TEST(a_statement_can_be_interrupted),
		TEST(a_server_that_crashes_under_a_statement_is_unavailable),
		TEST(a_server_that_stands_still_holds_nobody_up),
		TEST(a_large_statement_to_a_still_server_holds_nobody_up),
		TEST(a_pipeline_is_all_or_none),
		TEST(an_idle_connection_tells_why_it_was_closed),
	};

	return cmocka_run_group_tests_name("pg_conn", tests, NULL, NULL);
}
