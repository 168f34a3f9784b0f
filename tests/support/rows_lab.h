/* SPDX-License-Identifier: MIT */
/*
 * For tests of backfill: a database of one's own with what install makes, two connections of an
 * application, jobs, pages, and what they put into the outbox. Failures end the test.
 */
#ifndef TEST_ROWS_LAB_H
#define TEST_ROWS_LAB_H

#include <libpq-fe.h>
#include <mysql.h>
#include <sqlite3.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "source/admin.h"
#include "source/fake.h"
#include "source/source.h"

struct rows_lab {
	enum source_type type;
	struct settings settings;
	struct source_settings source;
	struct pipeline_settings pipeline;
	struct table_settings table;
	const struct source_admin_ops *admin;
	char database[64];
	char path[160];
	PGconn *pg[2];
	MYSQL *my[2];
	sqlite3 *lite[2];
	struct fake_db *fake;
	int64_t fake_rows;
	struct source_pipeline shared;
	struct source *s;   /* the daemon's side; NULL: closed */
	struct clock clock; /* its; stands still at still_us */
	int64_t still_us;
	struct buf lines; /* rows_read */
	struct err e;
};

/* Which are there: the fake and SQLite always, the servers by their environment. */
bool rows_lab_has(enum source_type type);

void rows_lab_open(struct rows_lab *lab, enum source_type type);
void rows_lab_close(struct rows_lab *lab);

/* Statements of the application, by its first or second connection; not for the fake. */
void rows_exec(struct rows_lab *lab, int who, const char *fmt, ...) ATTR_PRINTF(3, 4);

/* A table t (id, v) with the rows 1 to n, captured; n 0: none. */
void rows_fill(struct rows_lab *lab, int64_t n);
/* Capture a table that was made by rows_exec, and install. */
void rows_install(struct rows_lab *lab, const char *table);

/* A job; 500 rows a page and two pages if r does not say. */
int64_t rows_create(struct rows_lab *lab, const struct backfill_request *r);
/* The same; the error is in lab->e. */
enum err_code rows_try_create(struct rows_lab *lab, const struct backfill_request *r,
			      int64_t *ret_id);
void rows_decide(struct rows_lab *lab, int64_t job, enum backfill_state state);

/* The daemon comes and goes. */
void rows_start(struct rows_lab *lab);
void rows_stop(struct rows_lab *lab);

/* One page of so many rows. */
struct backfill_result rows_page(struct rows_lab *lab, int64_t job, int64_t rows);
enum err_code rows_try_page(struct rows_lab *lab, const struct backfill_page *page,
			    struct backfill_result *ret);

/* What the outbox has, acknowledged: one line for each event: "read {"id":1} {"id":1,"v":"x"}",
 * with
 * "!" behind the operation when it is truncated. A loan until the next call. */
const char *rows_read(struct rows_lab *lab);

/* "read {"id":ID} ": how often it is there. */
int rows_count(const char *lines, int64_t id);
size_t rows_count_lines(const char *lines);

/* Pages of so many rows until the job is done; how many rows they put. */
int64_t rows_finish(struct rows_lab *lab, int64_t job, int64_t rows);

/* Tests whose state is a lab of each kind in turn. kinds: 1 << enum source_type, or-ed. */
struct rows_test {
	const char *name;
	void (*test)(void **state);
	unsigned kinds;
};
#define ROWS_FAKE (1U << SOURCE_FAKE)
#define ROWS_SQL (1U << SOURCE_POSTGRES | 1U << SOURCE_MYSQL | 1U << SOURCE_SQLITE)
#define ROWS_ALL (ROWS_SQL | ROWS_FAKE)
/* has locks on rows */
#define ROWS_LOCKS (1U << SOURCE_POSTGRES | 1U << SOURCE_MYSQL)

int rows_setup(void **state);
int rows_teardown(void **state);

/* Run them with every kind that is there, or with one that has to be; only SOURCE_FAKE: every. */
int rows_run(const char *name, const struct rows_test *tests, size_t count, enum source_type only);

#endif
