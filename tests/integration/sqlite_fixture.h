/* SPDX-License-Identifier: MIT */
/*
 * For tests on SQLite: a file, the commands, and what the reader makes of the outbox. No server.
 */
#ifndef TESTS_SQLITE_FIXTURE_H
#define TESTS_SQLITE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "config/field.h"
#include "source/sqlite_file.h"
#include "source_lab.h"
#include "sqlitetest.h"

struct fixture {
	struct sqlitetest t;
	struct lab lab; /* for the reader: its ops and settings only */
	struct buf text;
};

static inline void fixture_open(struct fixture *f, const char *journal_mode)
{
	sqlitetest_open(&f->t, journal_mode);
	f->lab = (struct lab){.name = "sqlite", .ops = &source_sqlite};
	buf_init(&f->text, 64UL << 20);
}

static inline void fixture_close(struct fixture *f)
{
	buf_done(&f->text);
	sqlitetest_close(&f->t);
}

static inline void run(struct fixture *f, const char *sql)
{
	sqlitetest_exec(f->t.db, "%s", sql);
}

/* Run it; "" or what SQLite says. */
static inline const char *attempt(struct fixture *f, const char *sql)
{
	return sqlite3_exec(f->t.db, sql, NULL, NULL, NULL) == SQLITE_OK ? ""
									 : sqlite3_errmsg(f->t.db);
}

static inline struct table_settings *capture(struct fixture *f, const char *table)
{
	return sqlitetest_capture(&f->t, 0, table);
}

static inline void add(struct string_list *l, const char *s)
{
	assert_int_equal(string_list_add(l, text_of(s)), ERR_OK);
}

/* fork(2) without a connection in it: SQLite's do not survive one. Readers must be closed. The
 * child has none. */
static inline pid_t fixture_fork(struct fixture *f)
{
	pid_t pid;

	assert_int_equal(sqlite3_close(f->t.db), SQLITE_OK);
	pid = fork();
	assert_true(pid >= 0);
	f->t.db = pid ? sqlitetest_connect(&f->t) : NULL;
	return pid;
}

static inline void fixture_reader(struct fixture *f, struct reader *r)
{
	f->lab.settings = f->t.source;
	reader_new(r, &f->lab);
}

static inline void add_text(struct buf *out, struct text t)
{
	buf_add_char(out, '|');
	if (t.s)
		buf_add_text(out, t);
	else
		buf_add_char(out, '-');
}

static inline void add_event(struct buf *out, const struct event *ev)
{
	buf_add_str(out, op_name(ev->f.op));
	add_text(out, ev->f.table);
	add_text(out, ev->f.key);
	add_text(out, ev->f.old_key);
	if (ev->f.truncated)
		buf_add_str(out, "|truncated");
	add_text(out, ev->f.data);
	add_text(out, ev->f.old_data);
	buf_add_char(out, '\n');
}

/* Read, as the daemon would, what pipeline p has, and acknowledge it; one line an event:
 * operation|table|key|old key|[truncated|]data|old data, "-" for none. */
static inline const char *events_of(struct fixture *f, uint32_t p)
{
	struct reader r;
	size_t i;

	buf_reset(&f->text);
	fixture_reader(f, &r);
	reader_open(&r);
	while (reader_read_limited(&r, p, EVENTS_MAX, 1UL << 30))
		for (i = 0; i < r.count; i++) {
			add_event(&f->text, r.events[i]);
			reader_ack(&r, p, r.events[i]->f.id, ACK_DELIVERED);
		}
	reader_free(&r);
	return buf_str(&f->text);
}

static inline const char *events(struct fixture *f)
{
	return events_of(f, 0);
}

static inline void assert_said(struct fixture *f, const char *words)
{
	if (!strstr(buf_str(&f->t.said), words))
		fail_msg("not said: %s\nsaid:\n%s", words, buf_str(&f->t.said));
}

static inline void assert_not_said(struct fixture *f, const char *words)
{
	if (strstr(buf_str(&f->t.said), words))
		fail_msg("said: %s", buf_str(&f->t.said));
}

static inline void assert_error(struct fixture *f, enum err_code got, enum err_code code,
				const char *words)
{
	if (got != code || !strstr(f->t.e.msg, words))
		fail_msg("%s: %s", err_name(got), f->t.e.msg);
}

/* A captured table log, installed. */
static inline void install_items(struct fixture *f)
{
	run(f, "CREATE TABLE log (id INTEGER PRIMARY KEY, writer INT, n INT)");
	capture(f, "log");
	sqlitetest_install(&f->t);
}

/* How a child ended, once it has. */
static inline int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline int fixture_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fixture_open(f, "WAL");
	*state = f;
	return 0;
}

static inline int fixture_set_up_rollback(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fixture_open(f, "DELETE");
	*state = f;
	return 0;
}

static inline int fixture_tear_down(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
#define CASE_ROLLBACK(test)                                                                        \
	{                                                                                          \
#test " (rollback journal)", test, fixture_set_up_rollback, fixture_tear_down,     \
			NULL                                                                       \
	}

#endif
