/* SPDX-License-Identifier: MIT */
#include "rows_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SQL_MAX (1 << 20)
#define READ_MAX 64
#define LINES_MAX (64UL << 20)
#define PAGES_MAX 1000

static char *word(const char *s)
{
	return (char *)(uintptr_t)s;
}

static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v ? v : "";
}

bool rows_lab_has(enum source_type type)
{
	if (type == SOURCE_POSTGRES)
		return getenv("TEST_PG_PORT") != NULL;
	if (type == SOURCE_MYSQL)
		return getenv("TEST_MY_PORT") != NULL;
	return true;
}

/* ---- connections ---- */

static PGconn *pg_connect(const char *database)
{
	char info[512];
	PGconn *c;

	(void)snprintf(info, sizeof(info), "host=%s port=%s user=%s dbname=%s", env("TEST_PG_HOST"),
		       env("TEST_PG_PORT"), env("TEST_PG_USER"), database);
	c = PQconnectdb(info);
	if (PQstatus(c) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(c));
	return c;
}

static MYSQL *my_connect(const char *database)
{
	MYSQL *c = mysql_init(NULL);

	(void)mysql_options(c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mysql_real_connect(c, env("TEST_MY_HOST"), env("TEST_MY_USER"), NULL, database,
				(unsigned)strtoul(env("TEST_MY_PORT"), NULL, 10), NULL,
				CLIENT_MULTI_STATEMENTS))
		fail_msg("%s", mysql_error(c));
	return c;
}

static void pg_exec(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		fail_msg("%.500s: %s", sql, PQerrorMessage(c));
	PQclear(r);
}

static void my_exec(MYSQL *c, const char *sql)
{
	int more = mysql_query(c, sql);

	while (more == 0) {
		mysql_free_result(mysql_store_result(c));
		more = mysql_next_result(c);
	}
	if (more > 0)
		fail_msg("%.500s: %s", sql, mysql_error(c));
}

static void lite_exec(sqlite3 *c, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(c, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%.500s: %s", sql, why);
}

static void exec(struct rows_lab *lab, int who, const char *sql)
{
	switch (lab->type) {
	case SOURCE_POSTGRES:
		pg_exec(lab->pg[who], sql);
		break;
	case SOURCE_MYSQL:
		my_exec(lab->my[who], sql);
		break;
	case SOURCE_SQLITE:
		lite_exec(lab->lite[who], sql);
		break;
	default:
		fail_msg("this kind has no SQL");
	}
}

void rows_exec(struct rows_lab *lab, int who, const char *fmt, ...)
{
	static char sql[SQL_MAX];
	va_list args;

	va_start(args, fmt);
	assert_true(vsnprintf(sql, sizeof(sql), fmt, args) < (int)sizeof(sql));
	va_end(args);
	exec(lab, who, sql);
}

/* ---- open and close ---- */

static void open_server(struct rows_lab *lab)
{
	bool is_pg = lab->type == SOURCE_POSTGRES;
	char sql[128];
	int i;

	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", lab->database);
	if (is_pg) {
		lab->pg[0] = pg_connect("postgres");
		pg_exec(lab->pg[0], sql);
		PQfinish(lab->pg[0]);
	} else {
		lab->my[0] = my_connect(NULL);
		my_exec(lab->my[0], sql);
		mysql_close(lab->my[0]);
	}
	for (i = 0; i < 2; i++) {
		if (is_pg)
			lab->pg[i] = pg_connect(lab->database);
		else
			lab->my[i] = my_connect(lab->database);
	}
	lab->source.host = word(env(is_pg ? "TEST_PG_HOST" : "TEST_MY_HOST"));
	lab->source.port = strtol(env(is_pg ? "TEST_PG_PORT" : "TEST_MY_PORT"), NULL, 10);
	lab->source.user = word(env(is_pg ? "TEST_PG_USER" : "TEST_MY_USER"));
	lab->source.database = lab->database;
}

static void open_file(struct rows_lab *lab)
{
	const char *tmp = getenv("TMPDIR");
	int i;

	(void)snprintf(lab->path, sizeof(lab->path), "%.80s/%s", tmp && *tmp ? tmp : "/tmp",
		       lab->database);
	for (i = 0; i < 2; i++) {
		assert_int_equal(sqlite3_open(lab->path, &lab->lite[i]), SQLITE_OK);
		assert_int_equal(sqlite3_busy_timeout(lab->lite[i], 60000), SQLITE_OK);
		lite_exec(lab->lite[i], "PRAGMA journal_mode = wal");
	}
	lab->source.path = lab->path;
}

void rows_lab_open(struct rows_lab *lab, enum source_type type)
{
	static int number;
	enum op op;

	*lab = (struct rows_lab){.type = type};
	(void)snprintf(lab->database, sizeof(lab->database), "rows_%d_%d", (int)getpid(), number++);
	lab->source = (struct source_settings){
		.name = word("default"),
		.type = type,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 60 * CLOCK_US_PER_S,
		.poll_interval_us = CLOCK_US_PER_S,
		.batch_size = 1000,
		.max_event_bytes = 1 << 20,
	};
	lab->pipeline = (struct pipeline_settings){
		.name = word("default"), .tables = &lab->table, .table_count = 1};
	for (op = 0; op < OP_TRUNCATE; op++)
		lab->pipeline.operations[op] = true;
	lab->settings = (struct settings){.sources = &lab->source,
					  .source_count = 1,
					  .pipelines = &lab->pipeline,
					  .pipeline_count = 1};
	buf_init(&lab->lines, LINES_MAX);
	lab->admin = source_admin_find(type);
	if (type == SOURCE_SQLITE) {
		open_file(lab);
	} else if (type == SOURCE_FAKE) {
		assert_int_equal(fake_db_new(lab->database, &lab->fake, NULL), ERR_OK);
		lab->source.database = lab->database;
	} else {
		open_server(lab);
	}
}

static void close_file(struct rows_lab *lab)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-journal", "-app-db-listener.lock"};
	char path[256];
	size_t i;

	for (i = 0; i < 2; i++)
		assert_int_equal(sqlite3_close(lab->lite[i]), SQLITE_OK);
	for (i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", lab->path, ends[i]);
		(void)unlink(path);
	}
}

void rows_lab_close(struct rows_lab *lab)
{
	char sql[128];

	rows_stop(lab);
	(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s%s", lab->database,
		       lab->type == SOURCE_POSTGRES ? " WITH (FORCE)" : "");
	switch (lab->type) {
	case SOURCE_POSTGRES:
		PQfinish(lab->pg[0]);
		PQfinish(lab->pg[1]);
		lab->pg[0] = pg_connect("postgres");
		pg_exec(lab->pg[0], sql);
		PQfinish(lab->pg[0]);
		break;
	case SOURCE_MYSQL:
		mysql_close(lab->my[1]);
		my_exec(lab->my[0], sql);
		mysql_close(lab->my[0]);
		break;
	case SOURCE_SQLITE:
		close_file(lab);
		break;
	default:
		fake_db_free(lab->fake);
		break;
	}
	buf_done(&lab->lines);
}

/* ---- tables and jobs ---- */

void rows_install(struct rows_lab *lab, const char *table)
{
	lab->table.table = word(table);
	if (lab->type == SOURCE_POSTGRES)
		lab->table.schema = word("public");
	if (lab->admin->install(&lab->settings, 0, NULL, &lab->e) != ERR_OK)
		fail_msg("install: %s", lab->e.msg);
}

void rows_fill(struct rows_lab *lab, int64_t n)
{
	struct buf sql;
	int64_t i;

	lab->fake_rows = n;
	if (lab->type == SOURCE_FAKE)
		return;
	rows_exec(lab, 0, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100))");
	buf_init(&sql, SQL_MAX);
	for (i = 1; i <= n; i++)
		buf_add_fmt(&sql, "%s(%lld, 'v%lld')", i == 1 ? "INSERT INTO t VALUES " : ", ",
			    (long long)i, (long long)i);
	if (n)
		exec(lab, 0, buf_str(&sql));
	buf_done(&sql);
	rows_install(lab, "t");
}

enum err_code rows_try_create(struct rows_lab *lab, const struct backfill_request *r,
			      int64_t *ret_id)
{
	struct backfill_progress wanted = {.flush_every = 500, .max_concurrent_pages = 2};
	struct backfill_request own = *r;

	own.pipeline = "default";
	own.table = r->table ? r->table : "t";
	own.flush_every = r->flush_every ? r->flush_every : 500;
	own.max_concurrent_pages = 2;
	if (lab->type == SOURCE_FAKE) {
		*ret_id = fake_db_backfill(lab->fake, "default", lab->fake_rows, &wanted);
		return ERR_OK;
	}
	return lab->admin->backfill_create(&lab->settings, 0, &own, ret_id, &lab->e);
}

int64_t rows_create(struct rows_lab *lab, const struct backfill_request *r)
{
	int64_t id = 0;

	if (rows_try_create(lab, r, &id) != ERR_OK)
		fail_msg("create: %s", lab->e.msg);
	assert_true(id > 0);
	return id;
}

void rows_decide(struct rows_lab *lab, int64_t job, enum backfill_state state)
{
	if (lab->type == SOURCE_FAKE)
		fake_db_backfill_decide(lab->fake, job, state);
	else if (lab->admin->backfill_decide(&lab->settings, 0, job, state, &lab->e) != ERR_OK)
		fail_msg("decide: %s", lab->e.msg);
}

/* ---- the daemon ---- */

static int64_t lab_now_us(void *ctx)
{
	const struct rows_lab *lab = ctx;

	return lab->still_us ? lab->still_us : clock_now_us(clock_system());
}

void rows_start(struct rows_lab *lab)
{
	struct source_env e = {.settings = &lab->source,
			       .pipelines = &lab->shared,
			       .pipeline_count = 1,
			       .clock = &lab->clock};

	if (lab->s)
		return;
	lab->clock = (struct clock){lab_now_us, clock_system()->wall_us, lab};
	lab->shared = (struct source_pipeline){.settings = &lab->pipeline};
	if (source_find(lab->type)->new (&e, &lab->s, &lab->e) != ERR_OK ||
	    lab->s->ops->open(lab->s, &lab->e) != ERR_OK)
		fail_msg("%s", lab->e.msg);
}

void rows_stop(struct rows_lab *lab)
{
	if (lab->s)
		lab->s->ops->free(lab->s);
	lab->s = NULL;
}

enum err_code rows_try_page(struct rows_lab *lab, const struct backfill_page *page,
			    struct backfill_result *ret)
{
	rows_start(lab);
	return lab->s->ops->backfill_page(lab->s, 0, page, ret, &lab->e);
}

struct backfill_result rows_page(struct rows_lab *lab, int64_t job, int64_t rows)
{
	const struct backfill_page page = {
		.job = job, .rows = rows, .bytes = BACKFILL_PAGE_BYTES, .again = true};
	struct backfill_result r;
	enum err_code code;

	/* SQLite's pages also end after 10 ms, however many rows that is */
	lab->still_us = clock_now_us(clock_system());
	code = rows_try_page(lab, &page, &r);
	lab->still_us = 0;
	if (code != ERR_OK)
		fail_msg("page: %s", lab->e.msg);
	return r;
}

/* ---- the outbox ---- */

static void add_line(struct rows_lab *lab, const struct event_fields *f)
{
	buf_add_fmt(&lab->lines, "%s%s ", op_name(f->op), f->truncated ? "!" : "");
	buf_add_text(&lab->lines, f->key);
	buf_add_char(&lab->lines, ' ');
	buf_add_text(&lab->lines, f->data);
	buf_add_char(&lab->lines, '\n');
}

const char *rows_read(struct rows_lab *lab)
{
	struct source_limit limit = {.events = READ_MAX, .bytes = 64 << 20};
	struct event *events[READ_MAX];
	struct ack acks[READ_MAX];
	bool more = true;
	size_t n, i;

	buf_reset(&lab->lines);
	rows_start(lab);
	while (more) {
		if (lab->s->ops->read(lab->s, 0, limit, events, &n, &more, &lab->e) != ERR_OK)
			fail_msg("read: %s", lab->e.msg);
		for (i = 0; i < n; i++) {
			add_line(lab, &events[i]->f);
			acks[i] = (struct ack){.id = events[i]->f.id, .outcome = ACK_DELIVERED};
			event_free(events[i]);
		}
		if (n && lab->s->ops->acknowledge(lab->s, acks, n, &lab->e) != ERR_OK)
			fail_msg("acknowledge: %s", lab->e.msg);
	}
	assert_int_equal(buf_error(&lab->lines), ERR_OK);
	return buf_str(&lab->lines);
}

/* ---- tests ---- */

int rows_setup(void **state)
{
	const enum source_type *type = *state;
	struct rows_lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	rows_lab_open(lab, *type);
	*state = lab;
	return 0;
}

int rows_teardown(void **state)
{
	rows_lab_close(*state);
	free(*state);
	return 0;
}

int rows_count(const char *lines, int64_t id)
{
	char line[64];
	int n = 0;

	(void)snprintf(line, sizeof(line), "read {\"id\":%lld} ", (long long)id);
	for (; (lines = strstr(lines, line)); lines++)
		n++;
	return n;
}

size_t rows_count_lines(const char *lines)
{
	size_t n = 0;

	for (; *lines; lines++)
		n += *lines == '\n';
	return n;
}

int64_t rows_finish(struct rows_lab *lab, int64_t job, int64_t rows)
{
	struct backfill_result r = {.rows = 0};
	int64_t n = 0, most = BACKFILL_SKIPPED_MAX;
	int pages = 0;

	do {
		assert_true(++pages < PAGES_MAX);
		r = rows_page(lab, job, rows);
		assert_true(r.rows <= (rows > most ? rows : most));
		most = r.progress.skipped;
		n += r.rows;
	} while (r.progress.state == BACKFILL_RUNNING);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
	assert_true(r.at_end);
	return n;
}

static int run_kind(const char *name, const struct rows_test *tests, size_t count,
		    enum source_type type)
{
	static enum source_type types[] = {SOURCE_POSTGRES, SOURCE_MYSQL, SOURCE_SQLITE,
					   SOURCE_FAKE};
	struct CMUnitTest *list = calloc(count, sizeof(*list));
	size_t i, k = 0, n = 0;
	int failed;

	assert_non_null(list);
	while (types[k] != type)
		k++;
	for (i = 0; i < count; i++)
		if (tests[i].kinds & 1U << type)
			list[n++] = (struct CMUnitTest){.name = tests[i].name,
							.test_func = tests[i].test,
							.setup_func = rows_setup,
							.teardown_func = rows_teardown,
							.initial_state = &types[k]};
	failed = n ? _cmocka_run_group_tests(name, list, n, NULL, NULL) : 0;
	free(list);
	return failed;
}

int rows_run(const char *name, const struct rows_test *tests, size_t count, enum source_type only)
{
	static const enum source_type types[] = {SOURCE_FAKE, SOURCE_SQLITE, SOURCE_POSTGRES,
						 SOURCE_MYSQL};
	int failed = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if ((only == SOURCE_FAKE && rows_lab_has(types[i])) || types[i] == only)
			failed += run_kind(name, tests, count, types[i]);
	return failed;
}
