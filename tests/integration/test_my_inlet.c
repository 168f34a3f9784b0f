/* SPDX-License-Identifier: MIT */
/* Pushed events in MariaDB: a server that goes away, limits, durability. */
#include "inlet_world.h"

static enum err_code push_data(struct world *w, const char *data, struct err *e)
{
	struct inlet_event ev = {.op = OP_INSERT, .table = TEXT_LIT("t"), .data = text_of(data)};
	struct inlet_request r = request_of("k", 1);
	struct inlet_begun b;
	enum err_code code = inlet_begin(w->in, &r, &b, e);

	if (code == ERR_OK && b.outcome == INLET_STORED)
		code = inlet_add(w->in, &ev, e);
	return code == ERR_OK ? inlet_commit(w->in, e) : code;
}

static void a_connection_that_was_lost_is_made_anew(void **state)
{
	struct world *w = *state;

	push(w->in, "{\"id\":1}", "{}");
	mytest_ctl("kill");
	assert_int_equal(push_data(w, "{}", NULL), ERR_UNAVAILABLE);
	assert_int_equal(push_data(w, "{}", NULL), ERR_UNAVAILABLE);
	mytest_ctl("start");
	mysql_close(w->lab->my.conn);
	w->lab->my.conn = mytest_connect(&w->lab->my);
	inlet_close(w->in);
	w->in = open_inlet(w);
	assert_int_equal(push_data(w, "{}", NULL), ERR_OK);
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_DUPLICATE);
	assert_int_equal(rows(w), 4);
}

/* As wait_timeout does: whoever is connected, but for us. */
static void kill_connections(struct world *w)
{
	MYSQL *own = w->lab->my.conn;
	int64_t deadline = clock_now_us(clock_system()) + PATIENCE_US;
	int64_t id;

	do {
		id = mytest_i64(own, "SELECT COALESCE(MAX(id), 0) FROM "
				     "information_schema.processlist WHERE db = DATABASE() AND "
				     "id <> CONNECTION_ID()");
		if (id)
			(void)mytest_try(own, "KILL %lld", (long long)id);
	} while (id && clock_now_us(clock_system()) < deadline);
	assert_int_equal(id, 0);
}

static void a_connection_that_was_idle_for_too_long_is_made_anew(void **state)
{
	struct world *w = *state;

	push(w->in, "{\"id\":1}", "{}");
	kill_connections(w);
	push(w->in, "{\"id\":2}", "{}");
	kill_connections(w);
	assert_int_equal(push_data(w, "{}", NULL), ERR_OK);
	kill_connections(w);
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_DUPLICATE);
	assert_int_equal(rows(w), 6);
	/* within a request: what was added is lost, and whoever sent it has to know */
	assert_int_equal(begin(w->in, "k 2", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	kill_connections(w);
	assert_int_equal(inlet_commit(w->in, NULL), ERR_UNAVAILABLE);
	assert_int_equal(rows(w), 6);
	/* nor is a second request begun on a new connection, without the first */
	assert_int_equal(begin(w->in, NULL, 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	kill_connections(w);
	assert_int_equal(push_data(w, "{}", NULL), ERR_UNAVAILABLE);
	assert_int_equal(rows(w), 6);
}

static void a_server_that_commits_late_is_warned_of(void **state)
{
	struct world *w = *state;

	push(w->in, "{\"id\":1}", "{}");
	assert_non_null(strstr(inlet_warning(w->in), "innodb_flush_log_at_trx_commit at 2"));
	mytest_exec(w->lab->my.conn, "SET GLOBAL innodb_flush_log_at_trx_commit = 1");
	inlet_close(w->in);
	w->in = open_inlet(w);
	push(w->in, "{\"id\":1}", "{}");
	assert_string_equal(inlet_warning(w->in), "");
	mytest_exec(w->lab->my.conn, "SET GLOBAL innodb_flush_log_at_trx_commit = 2");
}

/* What the server would hang up on is refused before it is sent. */
static void an_event_that_the_server_does_not_take_is_too_large(void **state)
{
	static char data[100001];
	struct world *w = *state;
	struct inlet_event large = {.op = OP_INSERT, .table = TEXT_LIT("t")};
	struct err e;
	int i;

	memset(data, '1', sizeof(data) - 1);
	large.data = text_of(data);
	mytest_exec(w->lab->my.conn, "SET GLOBAL max_allowed_packet = 65536");
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	assert_int_equal(inlet_add(w->in, &large, &e), ERR_FULL);
	assert_non_null(strstr(e.msg, "max_allowed_packet allows 65536"));
	data[50000] = '\0';
	large.data = text_of(data);
	for (i = 0; i < 5; i++)
		assert_int_equal(inlet_add(w->in, &large, NULL), ERR_OK);
	data[900] = '\0';
	large.data = text_of(data);
	for (i = 0; i < 300; i++)
		assert_int_equal(inlet_add(w->in, &large, NULL), ERR_OK);
	commit(w->in);
	assert_int_equal(begin(w->in, "k", 1).events, 306);
	assert_int_equal(rows(w), 612);
	mytest_exec(w->lab->my.conn, "SET GLOBAL max_allowed_packet = 16777216");
}

static void what_is_missing_is_told(void **state)
{
	struct world *w = *state;
	struct err e;

	mytest_exec(w->lab->my.conn, "DELETE FROM app_db_listener_install WHERE pipeline = "
				     "'second'");
	assert_int_equal(push_data(w, "{}", &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "run app-db-listener install"));
	mytest_exec(w->lab->my.conn, "DROP TABLE app_db_listener_ingest_key");
	inlet_close(w->in);
	w->in = open_inlet(w);
	assert_int_equal(push_data(w, "{}", &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "ingest_key"));
}

#define IN(test)                                                                                   \
	{                                                                                          \
#test, test, setup, teardown, &lab_kinds[LAB_MYSQL]                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(a_connection_that_was_lost_is_made_anew),
		IN(a_connection_that_was_idle_for_too_long_is_made_anew),
		IN(a_server_that_commits_late_is_warned_of),
		IN(an_event_that_the_server_does_not_take_is_too_large),
		IN(what_is_missing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
