/* SPDX-License-Identifier: MIT */
/* What is MySQL's and MariaDB's own about backfills; the rest is in tests/contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "rows_lab.h"
#include "source/my_source.h"

static const struct backfill_request every_row = {.rate = 0};

/* ---- servers without SKIP LOCKED ---- */

static void before_mariadb_10_6_locked_rows_are_found_by_halving(void **state)
{
	struct rows_lab *lab = *state;
	const char *lines;
	int64_t job, id;

	rows_fill(lab, 40);
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	rows_start(lab);
	my_source_of(lab->s)->never_skips = true;
	rows_exec(lab, 1, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
	rows_exec(lab, 1, "BEGIN; UPDATE t SET v = 'newer' WHERE id = 20");
	for (id = 0; id < 60; id++)
		(void)rows_page(lab, job, 16);
	assert_int_equal(rows_page(lab, job, 16).progress.skipped, 1);
	rows_exec(lab, 1, "COMMIT");
	(void)rows_finish(lab, job, 16);
	lines = rows_read(lab);
	for (id = 1; id <= 40; id++)
		assert_int_equal(rows_count(lines, id), 1);
	assert_non_null(strstr(lines, "read {\"id\":20} {\"id\":20,\"v\":\"newer\"}"));
}

/* ---- writers ---- */

struct writer {
	MYSQL *conn;
	MYSQL *watch;
	atomic_bool page_ended;
	unsigned error;
};

static bool page_waits(MYSQL *c)
{
	MYSQL_RES *r;
	bool waits;

	if (mysql_query(c, "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK "
			   "WAIT'"))
		return false;
	r = mysql_store_result(c);
	waits = r && mysql_num_rows(r) > 0;
	mysql_free_result(r);
	return waits;
}

/* It has row 20, and wants row 5 when a page waits for it, or has ended. */
static void write_rows(void *arg)
{
	struct writer *w = arg;

	while (!atomic_load(&w->page_ended) && !page_waits(w->watch))
		;
	if (mysql_query(w->conn, "UPDATE t SET v = 'newer' WHERE id = 5") ||
	    mysql_query(w->conn, "COMMIT"))
		w->error = mysql_errno(w->conn);
}

/* A page waits for nothing while it has rows, so nobody can wait for it in a circle. */
static void no_page_and_no_writer_is_the_victim_of_a_deadlock(void **state)
{
	struct rows_lab *lab = *state;
	const struct backfill_page page = {
		.job = 1, .rows = 40, .bytes = BACKFILL_PAGE_BYTES, .again = true};
	struct writer w = {.conn = lab->my[1], .watch = lab->my[0]};
	struct backfill_result r;
	struct thread thread = {0};
	enum err_code code;

	rows_fill(lab, 40);
	(void)rows_read(lab);
	assert_int_equal(rows_create(lab, &every_row), 1);
	rows_exec(lab, 1, "BEGIN; UPDATE t SET v = 'newer' WHERE id = 20");
	assert_int_equal(thread_start(&thread, "writer", 0, write_rows, &w, NULL), ERR_OK);
	code = rows_try_page(lab, &page, &r);
	atomic_store(&w.page_ended, true);
	thread_join(&thread);
	if (code != ERR_OK)
		fail_msg("%s", lab->e.msg);
	assert_int_equal(w.error, 0);
	assert_int_equal(r.progress.skipped, 1);
	assert_int_equal(rows_finish(lab, 1, 40), 1);
}

/* ---- tables ---- */

static void a_table_may_be_altered_between_pages(void **state)
{
	struct rows_lab *lab = *state;
	const char *lines;
	int64_t job;

	rows_fill(lab, 9);
	rows_exec(lab, 0, "ALTER TABLE t ADD COLUMN w INT NOT NULL DEFAULT 7");
	rows_install(lab, "t");
	(void)rows_read(lab);
	job = rows_create(lab, &every_row);
	(void)rows_page(lab, job, 3);
	rows_exec(lab, 0, "ALTER TABLE t DROP COLUMN v");
	(void)rows_page(lab, job, 3);
	rows_exec(lab, 0, "ALTER TABLE t ADD COLUMN x INT NOT NULL DEFAULT 8");
	(void)rows_finish(lab, job, 3);
	lines = rows_read(lab);
	assert_int_equal(rows_count_lines(lines), 9);
	assert_non_null(strstr(lines, "read {\"id\":1} {\"id\":1,\"v\":\"v1\",\"w\":7}\n"));
	assert_non_null(strstr(lines, "read {\"id\":4} {\"id\":4,\"w\":7}\n"));
}

static void another_key_ends_the_job_with_the_reason(void **state)
{
	struct rows_lab *lab = *state;
	struct backfill_page page = {.rows = 3, .bytes = BACKFILL_PAGE_BYTES};
	struct backfill_result r;

	rows_fill(lab, 9);
	(void)rows_read(lab);
	page.job = rows_create(lab, &every_row);
	(void)rows_page(lab, page.job, 3);
	rows_exec(lab, 0, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, v)");
	rows_stop(lab); /* what is known of the table is kept for a second */
	assert_int_equal(rows_try_page(lab, &page, &r), ERR_DATA);
	assert_non_null(strstr(lab->e.msg, "the primary key is another than it was"));
	rows_exec(lab, 0, "ALTER TABLE t DROP PRIMARY KEY");
	assert_int_equal(rows_try_page(lab, &page, &r), ERR_CONFIG);
	assert_non_null(strstr(lab->e.msg, "no primary key"));
}

static void keys_without_an_order_to_walk_in_are_refused(void **state)
{
	static const struct {
		const char *key, *reason;
	} cases[] = {
		{"a ENUM('z', 'a') PRIMARY KEY", "column a of its primary key is enum('z','a')"},
		{"a FLOAT PRIMARY KEY", "column a of its primary key is float"},
		{"b INT, a TEXT, PRIMARY KEY (b, a(10))", "only the beginning of column a"},
	};
	struct rows_lab *lab = *state;
	const struct backfill_request r = {.table = "odd"};
	int64_t id;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		rows_exec(lab, 0, "DROP TABLE IF EXISTS odd; CREATE TABLE odd (%s)", cases[i].key);
		rows_install(lab, "odd");
		assert_int_equal(rows_try_create(lab, &r, &id), ERR_CONFIG);
		if (!strstr(lab->e.msg, cases[i].reason))
			fail_msg("%s", lab->e.msg);
	}
}

static void who_may_not_read_the_rows_is_told_what_to_grant(void **state)
{
	struct rows_lab *lab = *state;
	char clerk[80], *user = lab->source.user;
	int64_t id;

	rows_fill(lab, 2);
	rows_exec(lab, 0, "CREATE USER clerk_%s@'%%'", lab->database);
	rows_exec(lab, 0, "GRANT ALL ON *.* TO clerk_%s@'%%'", lab->database);
	(void)snprintf(clerk, sizeof(clerk), "clerk_%s", lab->database);
	lab->source.user = clerk;
	assert_int_equal(rows_try_create(lab, &every_row, &id), ERR_OK);
	rows_exec(lab, 0, "REVOKE ALL ON *.* FROM clerk_%s@'%%'", lab->database);
	rows_exec(lab, 0,
		  "GRANT SELECT, INSERT, UPDATE, DELETE ON app_db_listener_backfill TO "
		  "clerk_%s@'%%'; GRANT TRIGGER, REFERENCES ON t TO clerk_%s@'%%'",
		  lab->database, lab->database);
	assert_int_equal(rows_try_create(lab, &every_row, &id), ERR_DENIED);
	assert_non_null(strstr(lab->e.msg, "GRANT SELECT ON `"));
	rows_exec(lab, 0, "GRANT SELECT ON t TO clerk_%s@'%%'", lab->database);
	if (rows_try_create(lab, &every_row, &id) != ERR_OK)
		fail_msg("%s", lab->e.msg);
	rows_exec(lab, 0, "DROP USER clerk_%s@'%%'", lab->database);
	lab->source.user = user;
}

#define MY (1U << SOURCE_MYSQL)

static const struct rows_test table[] = {
	{"before_mariadb_10_6_locked_rows_are_found_by_halving",
	 before_mariadb_10_6_locked_rows_are_found_by_halving, MY},
	{"no_page_and_no_writer_is_the_victim_of_a_deadlock",
	 no_page_and_no_writer_is_the_victim_of_a_deadlock, MY},
	{"a_table_may_be_altered_between_pages", a_table_may_be_altered_between_pages, MY},
	{"another_key_ends_the_job_with_the_reason", another_key_ends_the_job_with_the_reason, MY},
	{"keys_without_an_order_to_walk_in_are_refused",
	 keys_without_an_order_to_walk_in_are_refused, MY},
	{"who_may_not_read_the_rows_is_told_what_to_grant",
	 who_may_not_read_the_rows_is_told_what_to_grant, MY},
};

int main(void)
{
	return rows_run("backfill of MySQL", table, ARRAY_LEN(table), SOURCE_MYSQL);
}
