/* SPDX-License-Identifier: MIT */
/* The file that a source of type http makes for itself, and what can happen to it. No server. */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sqlite_fixture.h"

#include "source/inlet.h"

static struct inlet_settings inlet = {.name = (char[]){"lite"}, .is_own = true};

/* The fixture's source becomes one of type http, in a file that is not there yet. */
static void become_http(struct fixture *f)
{
	(void)snprintf(f->t.path, sizeof(f->t.path), "%.120s/ingest.db", f->t.directory);
	f->t.source.type = SOURCE_HTTP;
	f->t.settings.inlets = &inlet;
	f->t.settings.inlet_count = 1;
	f->t.pipelines[0].pushed = f->t.pipelines[1].pushed = true;
}

static enum err_code make(struct fixture *f)
{
	return inlet_make_store(&f->t.settings, 0, &f->t.e);
}

static struct inlet *open_inlet(struct fixture *f)
{
	struct inlet_options o = {
		.settings = &f->t.settings, .clock = clock_system(), .interrupt_fd = -1};
	struct inlet *in = NULL;

	assert_int_equal(inlet_open(&o, &in, &f->t.e), ERR_OK);
	return in;
}

static enum err_code push(struct fixture *f, struct inlet *in, const char *data)
{
	struct inlet_event ev = {
		.op = OP_INSERT, .table = TEXT_LIT("orders"), .data = text_of(data)};
	struct inlet_request r = {.key = TEXT_NONE};
	struct inlet_begun b;
	enum err_code code = inlet_begin(in, &r, &b, &f->t.e);

	if (code == ERR_OK)
		code = inlet_add(in, &ev, &f->t.e);
	return code == ERR_OK ? inlet_commit(in, &f->t.e) : code;
}

static int64_t count(struct fixture *f, const char *sql)
{
	sqlite3 *db = sqlitetest_connect(&f->t);
	int64_t n = sqlitetest_i64(db, "%s", sql);

	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return n;
}

static void the_file_is_made_once_and_is_ours_alone(void **state)
{
	struct fixture *f = *state;
	struct inlet *in;
	struct stat st;

	become_http(f);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{}"), ERR_NOT_FOUND);
	inlet_close(in);
	assert_int_equal(make(f), ERR_OK);
	assert_int_equal(stat(f->t.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{\"n\":1}"), ERR_OK);
	assert_string_equal(inlet_warning(in), "");
	assert_int_equal(make(f), ERR_OK);
	assert_int_equal(push(f, in, "{\"n\":2}"), ERR_OK);
	inlet_close(in);
	assert_int_equal(count(f, "SELECT count(*) FROM app_db_listener_outbox"), 2);
	assert_int_equal(count(f, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = "
				  "'wal'"),
			 1);
	assert_string_equal(events_of(f, 1), "insert|orders|-|-|{\"n\":1}|-\n"
					     "insert|orders|-|-|{\"n\":2}|-\n");
}

static void a_database_of_something_else_is_refused(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	become_http(f);
	assert_int_equal(sqlite3_open(f->t.path, &db), SQLITE_OK);
	sqlitetest_exec(db, "CREATE TABLE customers (id INTEGER PRIMARY KEY)");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_error(f, make(f), ERR_CONFIG, "is a database of something else");
	assert_int_equal(count(f, "SELECT count(*) FROM sqlite_master"), 1);
	assert_int_equal(count(f, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = "
				  "'delete'"),
			 1);
}

static void a_place_where_nothing_can_be_made_is_told(void **state)
{
	struct fixture *f = *state;

	become_http(f);
	(void)snprintf(f->t.path, sizeof(f->t.path), "%.100s/missing/ingest.db", f->t.directory);
	assert_error(f, make(f), ERR_UNAVAILABLE, "cannot make the database file");
	(void)snprintf(f->t.path, sizeof(f->t.path), "%.100s", f->t.directory);
	assert_error(f, make(f), ERR_CONFIG, "is a directory");
}

static void remove_file(const struct fixture *f)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", f->t.path, suffixes[i]);
		(void)unlink(path);
	}
}

/* The way in begins anew when the file is another one. */
static void a_file_that_was_replaced_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct inlet *in;

	become_http(f);
	assert_int_equal(make(f), ERR_OK);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{\"n\":1}"), ERR_OK);
	remove_file(f);
	assert_int_equal(make(f), ERR_OK);
	assert_int_equal(push(f, in, "{\"n\":1}"), ERR_OK);
	assert_string_equal(events(f), "insert|orders|-|-|{\"n\":1}|-\n");
	remove_file(f);
	assert_error(f, push(f, in, "{\"n\":2}"), ERR_UNAVAILABLE, "is gone");
	inlet_close(in);
	assert_int_equal(make(f), ERR_OK);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{\"n\":3}"), ERR_OK);
	inlet_close(in);
	assert_string_equal(events(f), "insert|orders|-|-|{\"n\":3}|-\n");
}

/* As a full disk does, a file size limit makes writes fail; with room again all is well. */
static void no_space_is_an_error_and_then_none(void **state)
{
	static char data[300000];
	struct fixture *f = *state;
	struct rlimit before, small;
	struct inlet *in;

	become_http(f);
	assert_int_equal(make(f), ERR_OK);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{\"n\":1}"), ERR_OK);
	memset(data, '1', sizeof(data) - 1);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 200000, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(push(f, in, data), ERR_UNAVAILABLE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(push(f, in, "{\"n\":2}"), ERR_OK);
	inlet_close(in);
	assert_string_equal(events(f), "insert|orders|-|-|{\"n\":1}|-\n"
				       "insert|orders|-|-|{\"n\":2}|-\n");
}

static int64_t wal_bytes(const struct fixture *f)
{
	struct stat st;
	char path[256];

	(void)snprintf(path, sizeof(path), "%s-wal", f->t.path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* While somebody reads the WAL grows; afterwards it begins anew. */
static void a_wal_that_grew_is_cut_again(void **state)
{
	static char data[1000000];
	struct fixture *f = *state;
	struct inlet *in;
	sqlite3 *reader;
	int i;

	become_http(f);
	assert_int_equal(make(f), ERR_OK);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{}"), ERR_OK);
	reader = sqlitetest_connect(&f->t);
	sqlitetest_exec(reader, "BEGIN");
	assert_int_equal(sqlitetest_i64(reader, "SELECT count(*) FROM app_db_listener_outbox"), 1);
	memset(data, '1', sizeof(data) - 1);
	for (i = 0; i < 20; i++)
		assert_int_equal(push(f, in, data), ERR_OK);
	assert_true(wal_bytes(f) > 20000000);
	sqlitetest_exec(reader, "COMMIT");
	assert_int_equal(push(f, in, "{}"), ERR_OK); /* all of it goes into the file */
	assert_int_equal(push(f, in, "{}"), ERR_OK);
	assert_in_range(wal_bytes(f), 1, 16 << 20);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	inlet_close(in);
	assert_int_equal(count(f, "SELECT count(*) FROM app_db_listener_outbox"), 23);
}

/* A reader who is always there when the WAL could begin anew by chance, and goes when somebody
 * waits for him, which is when the clock is looked at within a commit. */
struct steady_reader {
	struct clock clock;
	sqlite3 *db;
	bool is_committing;
};

static void steady_begin(struct steady_reader *r)
{
	if (sqlite3_get_autocommit(r->db))
		sqlitetest_exec(r->db, "BEGIN");
	assert_true(sqlitetest_i64(r->db, "SELECT count(*) FROM app_db_listener_outbox") >= 0);
}

static int64_t steady_now_us(void *ctx)
{
	const struct steady_reader *r = ctx;

	if (r->is_committing && !sqlite3_get_autocommit(r->db))
		sqlitetest_exec(r->db, "COMMIT");
	return clock_now_us(clock_system());
}

static int64_t steady_wall_us(void *ctx)
{
	(void)ctx;
	return clock_wall_us(clock_system());
}

static void a_wal_with_a_steady_reader_begins_anew(void **state)
{
	static char data[1000000]; /* in two outboxes */
	struct fixture *f = *state;
	struct steady_reader r = {.clock = {steady_now_us, steady_wall_us, &r}};
	struct inlet_options o = {
		.settings = &f->t.settings, .clock = &r.clock, .interrupt_fd = -1};
	struct inlet_event ev = {
		.op = OP_INSERT, .table = TEXT_LIT("orders"), .data = {data, sizeof(data)}};
	struct inlet_request request = {.key = TEXT_NONE};
	struct inlet *in = NULL;
	struct inlet_begun b;
	int i;

	become_http(f);
	assert_int_equal(make(f), ERR_OK);
	assert_int_equal(inlet_open(&o, &in, &f->t.e), ERR_OK);
	r.db = sqlitetest_connect(&f->t);
	memset(data, '1', sizeof(data));
	for (i = 0; i < 30; i++) {
		steady_begin(&r);
		assert_int_equal(inlet_begin(in, &request, &b, &f->t.e), ERR_OK);
		assert_int_equal(inlet_add(in, &ev, &f->t.e), ERR_OK);
		r.is_committing = true;
		assert_int_equal(inlet_commit(in, &f->t.e), ERR_OK);
		r.is_committing = false;
		assert_in_range(wal_bytes(f), 1, 20000000);
	}
	assert_true(wal_bytes(f) > 16000000);
	assert_int_equal(sqlite3_close(r.db), SQLITE_OK);
	inlet_close(in);
	assert_int_equal(count(f, "SELECT count(*) FROM app_db_listener_outbox"), 30);
}

static void a_lock_is_waited_for_and_then_told(void **state)
{
	struct fixture *f = *state;
	struct inlet *in;
	sqlite3 *db;

	become_http(f);
	f->t.source.statement_timeout_us = 20 * CLOCK_US_PER_MS;
	assert_int_equal(make(f), ERR_OK);
	in = open_inlet(f);
	assert_int_equal(push(f, in, "{\"n\":1}"), ERR_OK);
	db = sqlitetest_connect(&f->t);
	sqlitetest_exec(db, "BEGIN IMMEDIATE");
	assert_int_equal(push(f, in, "{\"n\":2}"), ERR_TIMEOUT);
	sqlitetest_exec(db, "ROLLBACK");
	assert_int_equal(push(f, in, "{\"n\":3}"), ERR_OK);
	inlet_close(in);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_string_equal(events(f), "insert|orders|-|-|{\"n\":1}|-\n"
				       "insert|orders|-|-|{\"n\":3}|-\n");
}

/* Old keys go with the requests that come, some at a time. */
static void old_keys_are_removed(void **state)
{
	struct inlet_request r = {.key = TEXT_LIT("new"), .window_us = 3600 * CLOCK_US_PER_S};
	struct fixture *f = *state;
	struct inlet_begun b;
	struct inlet *in;
	sqlite3 *db;

	become_http(f);
	assert_int_equal(make(f), ERR_OK);
	db = sqlitetest_connect(&f->t);
	sqlitetest_exec(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
			    "i < 700) INSERT INTO app_db_listener_ingest_key SELECT 'lite', '', "
			    "'old ' || i, '', i, 1 FROM n");
	sqlitetest_exec(db, "INSERT INTO app_db_listener_ingest_key VALUES ('other', '', 'k', '', "
			    "1, 1)");
	in = open_inlet(f);
	assert_int_equal(inlet_begin(in, &r, &b, NULL), ERR_OK);
	assert_int_equal(inlet_commit(in, NULL), ERR_OK);
	assert_int_equal(sqlitetest_i64(db, "SELECT count(*) FROM app_db_listener_ingest_key"),
			 700 - 500 + 1 + 1);
	assert_int_equal(sqlitetest_i64(db, "SELECT count(*) FROM app_db_listener_ingest_key "
					    "WHERE key = 'old 500'"),
			 0);
	inlet_close(in);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const struct source_admin_ops *ops(void)
{
	return source_admin_find(SOURCE_HTTP);
}

static void count_pipeline(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	int *n = ctx;

	(void)pipeline;
	n[s->installed]++;
}

/* The commands know a file that is not there yet, and take it away again. */
static void commands_know_the_file(void **state)
{
	struct fixture *f = *state;
	int n[2] = {0, 0};

	become_http(f);
	assert_int_equal(ops()->check(&f->t.settings, 0, &f->t.options, &f->t.e), ERR_OK);
	assert_said(f, "is not there yet");
	assert_int_equal(ops()->status(&f->t.settings, 0, count_pipeline, n, &f->t.e), ERR_OK);
	assert_int_equal(n[0], 2);
	assert_int_equal(ops()->uninstall(&f->t.settings, 0, &f->t.options, &f->t.e), ERR_OK);
	assert_said(f, "nothing is installed");
	assert_int_not_equal(access(f->t.path, F_OK), 0);
	assert_int_equal(ops()->install(&f->t.settings, 0, &f->t.options, &f->t.e), ERR_OK);
	assert_said(f, "ready for events");
	buf_reset(&f->t.said);
	assert_int_equal(ops()->check(&f->t.settings, 0, &f->t.options, &f->t.e), ERR_OK);
	assert_not_said(f, "fail ");
	assert_not_said(f, "warn ");
	assert_int_equal(ops()->status(&f->t.settings, 0, count_pipeline, n, &f->t.e), ERR_OK);
	assert_int_equal(n[1], 2);
	assert_int_equal(ops()->uninstall(&f->t.settings, 0, &f->t.options, &f->t.e), ERR_OK);
	assert_int_not_equal(access(f->t.path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_file_is_made_once_and_is_ours_alone),
		CASE(a_database_of_something_else_is_refused),
		CASE(a_place_where_nothing_can_be_made_is_told),
		CASE(a_file_that_was_replaced_is_noticed),
		CASE(no_space_is_an_error_and_then_none),
		CASE(a_wal_that_grew_is_cut_again),
		CASE(a_wal_with_a_steady_reader_begins_anew),
		CASE(a_lock_is_waited_for_and_then_told),
		CASE(old_keys_are_removed),
		CASE(commands_know_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
