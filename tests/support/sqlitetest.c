/* SPDX-License-Identifier: MIT */
#include "sqlitetest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/field.h"

#define BUSY_MS 60000
#define SAID_MAX_BYTES (16UL << 20)

/* ---- the file ---- */

static void note_finding(void *ctx, const struct finding *f)
{
	static const char *const levels[] = {
		[FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};
	struct sqlitetest *t = ctx;

	buf_add_fmt(&t->said, "%s %s: %s%s%s\n", levels[f->level], f->subject, f->message,
		    f->hint ? "; " : "", f->hint ? f->hint : "");
}

static void note_sql(void *ctx, struct text sql)
{
	struct sqlitetest *t = ctx;

	buf_add_text(&t->sql, sql);
}

static void fill_settings(struct sqlitetest *t)
{
	static char name[] = "lite";
	size_t p, op;

	t->source = (struct source_settings){
		.name = name,
		.type = SOURCE_SQLITE,
		.path = t->path,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 60 * CLOCK_US_PER_S,
		.poll_interval_us = CLOCK_US_PER_S,
		.batch_size = 1000,
		.max_event_bytes = 1 << 20,
	};
	for (p = 0; p < 2; p++) {
		t->pipelines[p] = (struct pipeline_settings){
			.name = mem_strdup(p ? "second" : "default"),
			.tables = t->tables[p],
		};
		for (op = 0; op < OP_READ; op++)
			t->pipelines[p].operations[op] = true;
	}
	t->settings = (struct settings){.sources = &t->source,
					.source_count = 1,
					.pipelines = t->pipelines,
					.pipeline_count = 2};
	t->options =
		(struct install_options){.on_finding = note_finding, .on_sql = note_sql, .ctx = t};
}

void sqlitetest_open(struct sqlitetest *t, const char *journal_mode)
{
	const char *tmp = getenv("TMPDIR");

	memset(t, 0, sizeof(*t));
	(void)snprintf(t->directory, sizeof(t->directory), "%.80s/sqlite-XXXXXX",
		       tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->directory));
	(void)snprintf(t->path, sizeof(t->path), "%s/app.db", t->directory);
	buf_init(&t->said, SAID_MAX_BYTES);
	buf_init(&t->sql, SAID_MAX_BYTES);
	fill_settings(t);
	assert_int_equal(sqlite3_open(t->path, &t->db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(t->db, BUSY_MS), SQLITE_OK);
	sqlitetest_exec(t->db, "PRAGMA journal_mode = %s", journal_mode);
	sqlitetest_exec(t->db, "CREATE TABLE items (id INTEGER PRIMARY KEY, v)");
}

void sqlitetest_close(struct sqlitetest *t)
{
	char command[sizeof(t->directory) + 16];
	size_t p, i;

	assert_int_equal(sqlite3_close(t->db), SQLITE_OK);
	for (p = 0; p < 2; p++) {
		for (i = 0; i < t->pipelines[p].table_count; i++) {
			mem_free(t->tables[p][i].table);
			string_list_done(&t->tables[p][i].columns);
			string_list_done(&t->tables[p][i].exclude);
			string_list_done(&t->tables[p][i].key);
		}
		mem_free(t->pipelines[p].name);
	}
	buf_done(&t->said);
	buf_done(&t->sql);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", t->directory);
	assert_int_equal(system(command), 0);
}

sqlite3 *sqlitetest_connect(const struct sqlitetest *t)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_busy_timeout(db, BUSY_MS), SQLITE_OK);
	return db;
}

/* ---- statements ---- */

void sqlitetest_exec(sqlite3 *db, const char *fmt, ...)
{
	char *sql, *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&sql, fmt, ap) >= 0);
	va_end(ap);
	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %.300s", why, sql);
	free(sql);
}

static sqlite3_stmt *first_row(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		fail_msg("%s: %.300s", sqlite3_errmsg(db), sql);
	return stmt;
}

int64_t sqlitetest_i64(sqlite3 *db, const char *fmt, ...)
{
	sqlite3_stmt *stmt;
	va_list ap;
	int64_t v;
	char *sql;

	va_start(ap, fmt);
	assert_true(vasprintf(&sql, fmt, ap) >= 0);
	va_end(ap);
	stmt = first_row(db, sql);
	v = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	free(sql);
	return v;
}

char *sqlitetest_text(sqlite3 *db, const char *fmt, ...)
{
	const unsigned char *v;
	sqlite3_stmt *stmt;
	char *sql, *copy;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&sql, fmt, ap) >= 0);
	va_end(ap);
	stmt = first_row(db, sql);
	v = sqlite3_column_text(stmt, 0);
	copy = v ? strdup((const char *)v) : NULL;
	(void)sqlite3_finalize(stmt);
	free(sql);
	return copy;
}

/* ---- commands ---- */

struct table_settings *sqlitetest_capture(struct sqlitetest *t, size_t pipeline, const char *name)
{
	struct pipeline_settings *p = &t->pipelines[pipeline];
	struct table_settings *table = &t->tables[pipeline][p->table_count];

	assert_true(p->table_count < SQLITETEST_TABLES);
	p->table_count++;
	*table = (struct table_settings){.table = mem_strdup(name)};
	assert_non_null(table->table);
	return table;
}

static void forget(struct sqlitetest *t)
{
	buf_reset(&t->said);
	buf_reset(&t->sql);
	t->e = (struct err){.code = ERR_OK};
}

enum err_code sqlitetest_try_install(struct sqlitetest *t)
{
	forget(t);
	return source_admin_sqlite.install(&t->settings, 0, &t->options, &t->e);
}

void sqlitetest_install(struct sqlitetest *t)
{
	if (sqlitetest_try_install(t) != ERR_OK)
		fail_msg("%s", t->e.msg);
}

enum err_code sqlitetest_uninstall(struct sqlitetest *t)
{
	forget(t);
	return source_admin_sqlite.uninstall(&t->settings, 0, &t->options, &t->e);
}

enum err_code sqlitetest_check(struct sqlitetest *t)
{
	forget(t);
	return source_admin_sqlite.check(&t->settings, 0, &t->options, &t->e);
}

int64_t sqlitetest_put(struct sqlitetest *t, const char *pipeline, const char *key, int bytes)
{
	bool is_default = strcmp(pipeline, "default") == 0;

	sqlitetest_exec(t->db,
			"INSERT INTO app_db_listener_outbox%s%s (operation, table_name, row_key, "
			"data) VALUES ('insert', 'items', '%s', replace(hex(zeroblob((%d + 1) / "
			"2)), '0', '1'))",
			is_default ? "" : "_", is_default ? "" : pipeline, key, bytes);
	return sqlite3_last_insert_rowid(t->db);
}
