/* SPDX-License-Identifier: MIT */
/*
 * Tests on SQLite: a file of one's own in a directory of one's own, the pipelines "default" and
 * "second", and the operator's commands with what they said. Failures end the test.
 */
#ifndef TEST_SQLITETEST_H
#define TEST_SQLITETEST_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "source/admin.h"

#define SQLITETEST_TABLES 8

struct sqlitetest {
	char directory[128];
	char path[160];
	sqlite3 *db; /* the application's */
	struct source_settings source;
	struct settings settings; /* of one source */
	struct pipeline_settings pipelines[2];
	struct table_settings tables[2][SQLITETEST_TABLES];
	struct install_options options; /* of every command */
	struct buf said;                /* findings, one a line: "fail users: message; hint" */
	struct buf sql;                 /* what --print printed */
	struct err e;                   /* of the last command */
};

/* Make the file, in this journal mode. Nothing is captured or installed. */
void sqlitetest_open(struct sqlitetest *t, const char *journal_mode);
/* Close and remove everything. */
void sqlitetest_close(struct sqlitetest *t);

/* Another connection of an application; sqlite3_close it. */
sqlite3 *sqlitetest_connect(const struct sqlitetest *t);

void sqlitetest_exec(sqlite3 *db, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The one number, or the one text (free it; NULL for NULL), that the query returns. */
int64_t sqlitetest_i64(sqlite3 *db, const char *fmt, ...) ATTR_PRINTF(2, 3);
char *sqlitetest_text(sqlite3 *db, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Capture a table: its settings, for more of them. name is copied. */
struct table_settings *sqlitetest_capture(struct sqlitetest *t, size_t pipeline, const char *name);

/* The commands. What was said before is forgotten. */
enum err_code sqlitetest_try_install(struct sqlitetest *t);
void sqlitetest_install(struct sqlitetest *t);
enum err_code sqlitetest_uninstall(struct sqlitetest *t);
enum err_code sqlitetest_check(struct sqlitetest *t);

/* Put a row into the outbox by hand: data is this many x. Returns its id. */
int64_t sqlitetest_put(struct sqlitetest *t, const char *pipeline, const char *key, int bytes);

#endif
