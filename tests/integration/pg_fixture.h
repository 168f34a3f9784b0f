/* SPDX-License-Identifier: MIT */
/*
 * For tests of the PostgreSQL commands: a database of its own per test, settings to fill in, and
 * a record of findings and printed SQL. Runs under tests/support/with-postgres.
 */
#ifndef TESTS_PG_FIXTURE_H
#define TESTS_PG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "source/admin.h"
#include "source/pg_conn.h"

#define FIXTURE_TABLES 8
#define FIXTURE_PIPELINES 3

struct fixture {
	char database[48];
	PGconn *super; /* in the test's database */
	struct settings settings;
	struct source_settings source;
	struct pipeline_settings pipelines[FIXTURE_PIPELINES];
	struct table_settings tables[FIXTURE_PIPELINES][FIXTURE_TABLES];
	struct install_options options;
	struct buf findings; /* lines: FAIL public.users: message (hint) */
	struct buf sql;
	struct err err;
	char cell[65536];
};

static inline const char *fixture_env(const char *name)
{
	const char *v = getenv(name);

	if (!v)
		fail_msg("%s is not set: run under tests/support/with-postgres", name);
	return v;
}

static inline PGconn *fixture_connect(const char *database, const char *user)
{
	char text[256];
	PGconn *c;

	(void)snprintf(text, sizeof(text),
		       "host=%s port=%s user='%s' dbname=%s options='-c "
		       "client_min_messages=error'",
		       fixture_env("TEST_PG_HOST"), fixture_env("TEST_PG_PORT"), user, database);
	c = PQconnectdb(text);
	if (PQstatus(c) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(c));
	return c;
}

/* Run sql; "" or its SQLSTATE. */
static inline const char *try_on(PGconn *c, const char *sql)
{
	static char state[8];
	PGresult *res = PQexec(c, sql);
	const char *s = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	(void)snprintf(state, sizeof(state), "%s", s ? s : "");
	if (s && getenv("TEST_VERBOSE"))
		print_message("%s -> %s", sql, PQresultErrorMessage(res));
	PQclear(res);
	return state;
}

static inline void run_on(PGconn *c, const char *sql)
{
	PGresult *res = PQexec(c, sql);

	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(res));
	PQclear(res);
}

static inline void run(struct fixture *f, const char *sql)
{
	run_on(f->super, sql);
}

/* All cells of all rows, "|" between cells, newline between rows, "-" for NULL. */
static inline const char *rows(struct fixture *f, const char *sql)
{
	PGresult *res = PQexec(f->super, sql);
	size_t used = 0;
	int i, k;

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(res));
	f->cell[0] = '\0';
	for (i = 0; i < PQntuples(res); i++) {
		for (k = 0; k < PQnfields(res); k++) {
			used += (size_t)snprintf(f->cell + used, sizeof(f->cell) - used, "%s%s",
						 k ? "|" : (i ? "\n" : ""),
						 PQgetisnull(res, i, k) ? "-"
									: PQgetvalue(res, i, k));
			assert_true(used < sizeof(f->cell));
		}
	}
	PQclear(res);
	return f->cell;
}

#define EVENTS                                                                                     \
	"SELECT operation, table_name, row_key, old_key, data, old_data FROM app_db_listener."     \
	"outbox ORDER BY id"

/* The events since the last call. */
static inline const char *events(struct fixture *f)
{
	const char *text = rows(f, EVENTS);

	run(f, "DELETE FROM app_db_listener.outbox");
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

/* What the fixture's settings hold when nothing is said: every operation, no table. */
static inline int fixture_setup(void **state)
{
	static int number;
	struct fixture *f = calloc(1, sizeof(*f));
	char sql[128];
	PGconn *c;
	enum op op;
	int i;

	(void)snprintf(f->database, sizeof(f->database), "adbl_%d_%d", (int)getpid(), number++);
	c = fixture_connect("postgres", fixture_env("TEST_PG_USER"));
	(void)snprintf(sql, sizeof(sql), "CREATE DATABASE %s", f->database);
	run_on(c, sql);
	PQfinish(c);
	f->super = fixture_connect(f->database, fixture_env("TEST_PG_USER"));
	/* what the application's session has set must not matter: have it unusual throughout */
	run(f, "SET timezone = 'Asia/Kathmandu'; SET datestyle = 'SQL, DMY'; "
	       "SET bytea_output = 'escape'; SET intervalstyle = 'iso_8601'; "
	       "SET extra_float_digits = -5");
	f->source = (struct source_settings){
		.name = (char *)(uintptr_t) "default",
		.type = SOURCE_POSTGRES,
		.host = (char *)(uintptr_t)fixture_env("TEST_PG_HOST"),
		.port = strtol(fixture_env("TEST_PG_PORT"), NULL, 10),
		.user = (char *)(uintptr_t)fixture_env("TEST_PG_USER"),
		.database = f->database,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 60 * CLOCK_US_PER_S,
		.max_event_bytes = 1024 * 1024,
	};
	for (i = 0; i < FIXTURE_PIPELINES; i++) {
		f->pipelines[i].tables = f->tables[i];
		for (op = 0; op < OP_READ; op++)
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
	buf_init(&f->findings, 1 << 20);
	buf_init(&f->sql, 1 << 22);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char sql[128];
	PGconn *c;

	PQfinish(f->super);
	c = fixture_connect("postgres", fixture_env("TEST_PG_USER"));
	(void)snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", f->database);
	run_on(c, sql);
	PQfinish(c);
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
	return source_admin_postgres.install(&f->settings, 0, &f->options, &f->err);
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
	return source_admin_postgres.uninstall(&f->settings, 0, &f->options, &f->err);
}

static inline const char *check(struct fixture *f)
{
	buf_reset(&f->findings);
	if (source_admin_postgres.check(&f->settings, 0, &f->options, &f->err) != ERR_OK)
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
