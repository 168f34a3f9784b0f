/* SPDX-License-Identifier: MIT */
/*
 * For tests of the MySQL/MariaDB commands: a database of its own per test, settings to fill in, and
 * a record of findings and printed SQL. Runs under tests/support/with-mariadb.
 */
#ifndef TESTS_MY_FIXTURE_H
#define TESTS_MY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mytest.h"
#include "source/admin.h"
#include "source/my_conn.h"

#define FIXTURE_TABLES 8
#define FIXTURE_PIPELINES 3

struct fixture {
	char database[48];
	MYSQL *super; /* in the test's database */
	struct settings settings;
	struct source_settings source;
	struct pipeline_settings pipelines[FIXTURE_PIPELINES];
	struct table_settings tables[FIXTURE_PIPELINES][FIXTURE_TABLES];
	struct install_options options;
	struct buf findings; /* lines: FAIL shop.users: message (hint) */
	struct buf sql;
	struct err err;
	char cell[1 << 20];
};

static inline const char *fixture_env(const char *name)
{
	const char *v = getenv(name);

	if (!v)
		fail_msg("%s is not set: run under tests/support/with-mariadb", name);
	return v;
}

/* Another connection as user; charset as the application would have it. */
static inline MYSQL *fixture_connect(const char *database, const char *user, const char *charset)
{
	MYSQL *c = mysql_init(NULL);

	assert_non_null(c);
	mysql_options(c, MYSQL_SET_CHARSET_NAME, charset);
	if (!mysql_real_connect(c, fixture_env("TEST_MY_HOST"), user, NULL, database,
				(unsigned)strtoul(fixture_env("TEST_MY_PORT"), NULL, 10), NULL,
				CLIENT_MULTI_STATEMENTS))
		fail_msg("%s", mysql_error(c));
	return c;
}

/* Fetch and drop what is left of several statements; the number of the first error, or 0. */
static inline unsigned drain(MYSQL *c)
{
	MYSQL_RES *res;
	int more;

	do {
		res = mysql_store_result(c);
		if (!res && mysql_errno(c))
			return mysql_errno(c);
		mysql_free_result(res);
		more = mysql_next_result(c);
	} while (more == 0);
	return more > 0 ? mysql_errno(c) : 0;
}

/* Run statements with semicolons between; 0 or the error's number. */
static inline unsigned try_on(MYSQL *c, const char *sql)
{
	unsigned number;

	if (mysql_query(c, sql))
		number = mysql_errno(c);
	else
		number = drain(c);
	if (number && getenv("TEST_VERBOSE"))
		print_message("%s -> %s\n", sql, mysql_error(c));
	return number;
}

static inline void run_on(MYSQL *c, const char *sql)
{
	if (try_on(c, sql))
		fail_msg("%.2000s: %s", sql, mysql_error(c));
}

static inline void run(struct fixture *f, const char *sql)
{
	run_on(f->super, sql);
}

/* All cells of all rows, "|" between cells, newline between rows, "-" for NULL. */
static inline const char *rows_on(struct fixture *f, MYSQL *c, const char *sql)
{
	unsigned i, columns;
	size_t used = 0;
	MYSQL_RES *res;
	MYSQL_ROW row;
	bool first = true;

	if (mysql_query(c, sql) || !(res = mysql_store_result(c)))
		fail_msg("%.2000s: %s", sql, mysql_error(c));
	columns = mysql_num_fields(res);
	f->cell[0] = '\0';
	while ((row = mysql_fetch_row(res))) {
		for (i = 0; i < columns; i++) {
			used += (size_t)snprintf(f->cell + used, sizeof(f->cell) - used, "%s%s",
						 i ? "|" : (first ? "" : "\n"),
						 row[i] ? row[i] : "-");
			assert_true(used < sizeof(f->cell));
		}
		first = false;
	}
	mysql_free_result(res);
	return f->cell;
}

static inline const char *rows(struct fixture *f, const char *sql)
{
	return rows_on(f, f->super, sql);
}

#define EVENTS                                                                                     \
	"SELECT operation, table_name, row_key, old_key, data, old_data FROM "                     \
	"app_db_listener_outbox ORDER BY id"

/* Run sql with every $TRIGGER replaced by the name of the trigger for that event, of which there is
 * one. */
static inline void run_trigger(struct fixture *f, const char *event, const char *sql)
{
	char name[256], find[256];
	const char *mark;
	struct buf text;

	(void)snprintf(find, sizeof(find),
		       "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema "
		       "= DATABASE() AND event_manipulation = '%s'",
		       event);
	(void)snprintf(name, sizeof(name), "%s", rows(f, find));
	buf_init(&text, 1 << 16);
	for (; (mark = strstr(sql, "$TRIGGER")); sql = mark + strlen("$TRIGGER")) {
		buf_add(&text, sql, (size_t)(mark - sql));
		buf_add_str(&text, name);
	}
	buf_add_str(&text, sql);
	run(f, buf_str(&text));
	buf_done(&text);
}

/* The events since the last call. */
static inline const char *events(struct fixture *f)
{
	const char *text = rows(f, EVENTS);

	run(f, "DELETE FROM app_db_listener_outbox");
	return text;
}

static inline void on_finding(void *ctx, const struct finding *fi)
{
	static const char *const level[] = {"ok", "WARN", "FAIL"};
	struct fixture *f = ctx;

	buf_add_fmt(&f->findings, "%s %s: %s%s%s%s\n", level[fi->level], fi->subject, fi->message,
		    fi->hint ? " (" : "", fi->hint ? fi->hint : "", fi->hint ? ")" : "");
}

static inline void on_sql(void *ctx, struct text sql)
{
	buf_add_text(&((struct fixture *)ctx)->sql, sql);
}

static inline void fixture_fill(struct fixture *f)
{
	enum op op;
	int i;

	f->source = (struct source_settings){
		.name = (char *)(uintptr_t) "default",
		.type = SOURCE_MYSQL,
		.host = (char *)(uintptr_t)fixture_env("TEST_MY_HOST"),
		.port = strtol(fixture_env("TEST_MY_PORT"), NULL, 10),
		.user = (char *)(uintptr_t)fixture_env("TEST_MY_USER"),
		.database = f->database,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 60 * CLOCK_US_PER_S,
		.max_event_bytes = 1024 * 1024,
	};
	for (i = 0; i < FIXTURE_PIPELINES; i++) {
		f->pipelines[i].tables = f->tables[i];
		for (op = 0; op < OP_TRUNCATE; op++)
			f->pipelines[i].operations[op] = true;
	}
	f->pipelines[0].name = (char *)(uintptr_t) "default";
	f->pipelines[1].name = (char *)(uintptr_t) "second";
	f->pipelines[2].name = (char *)(uintptr_t) "a_pipeline_whose_name_has_forty_bytes_00";
	f->settings.sources = &f->source;
	f->settings.source_count = 1;
	f->settings.pipelines = f->pipelines;
	f->settings.pipeline_count = 1;
	f->options = (struct install_options){
		.lock_timeout_us = 5 * CLOCK_US_PER_S,
		.give_up_us = 60 * CLOCK_US_PER_S,
		.on_finding = on_finding,
		.on_sql = on_sql,
		.ctx = f,
	};
}

/* What the fixture's settings hold when nothing is said: every operation, no table. */
static inline int fixture_setup(void **state)
{
	static int number;
	struct fixture *f = calloc(1, sizeof(*f));
	char sql[128];
	MYSQL *c;

	assert_non_null(f);
	(void)snprintf(f->database, sizeof(f->database), "adbl_%d_%d", (int)getpid(), number++);
	c = fixture_connect(NULL, fixture_env("TEST_MY_USER"), "utf8mb4");
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", f->database);
	run_on(c, sql);
	mysql_close(c);
	f->super = fixture_connect(f->database, fixture_env("TEST_MY_USER"), "utf8mb4");
	fixture_fill(f);
	buf_init(&f->findings, 1 << 20);
	buf_init(&f->sql, 1 << 22);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s", f->database);
	run(f, sql);
	mysql_close(f->super);
	buf_done(&f->findings);
	buf_done(&f->sql);
	free(f);
	return 0;
}

/* Have pipeline p capture schema.table; returns the entry for more. */
static inline struct table_settings *capture(struct fixture *f, int p, const char *schema,
					     const char *table)
{
	struct table_settings *t = &f->tables[p][f->pipelines[p].table_count++];

	*t = (struct table_settings){.schema = (char *)(uintptr_t)schema,
				     .table = (char *)(uintptr_t)table};
	if (f->settings.pipeline_count < (size_t)p + 1)
		f->settings.pipeline_count = (size_t)p + 1;
	return t;
}

#define LIST(...)                                                                                  \
	(struct string_list)                                                                       \
	{                                                                                          \
		(char **)(uintptr_t)(const char *[]){__VA_ARGS__, NULL},                           \
			sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)                     \
	}

static inline enum err_code try_install(struct fixture *f)
{
	buf_reset(&f->findings);
	buf_reset(&f->sql);
	f->err.msg[0] = '\0';
	return source_admin_mysql.install(&f->settings, 0, &f->options, &f->err);
}

static inline void install(struct fixture *f)
{
	if (try_install(f) != ERR_OK)
		fail_msg("install: %s", f->err.msg);
}

static inline enum err_code try_uninstall(struct fixture *f)
{
	buf_reset(&f->findings);
	buf_reset(&f->sql);
	return source_admin_mysql.uninstall(&f->settings, 0, &f->options, &f->err);
}

static inline const char *check(struct fixture *f)
{
	buf_reset(&f->findings);
	if (source_admin_mysql.check(&f->settings, 0, &f->options, &f->err) != ERR_OK)
		fail_msg("check: %s", f->err.msg);
	return buf_str(&f->findings);
}

static inline void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" is in:\n%s", part, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
