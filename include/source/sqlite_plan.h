/* SPDX-License-Identifier: MIT */
/*
 * How the rows of one backfill job are read from a SQLite file: the table's columns and primary key
 * as they are now, what a trigger would make of a row, and keys as text that loses nothing.
 *
 * A key is a JSON array with a string for each column, ["i5","t6b31"]: i an integer, r a
 * floating-point number in hexadecimal (C17 7.21.6.1, %a), t the bytes of a text, b those of a
 * blob.
 */
#ifndef SOURCE_SQLITE_PLAN_H
#define SOURCE_SQLITE_PLAN_H

#include "source/sqlite_conn.h"
#include "source/sqlite_trigger.h"

/* What a plan is made for; every text is a loan, for the plan's life. */
struct sqlite_plan_request {
	const struct source_settings *source;
	const struct pipeline_settings *pipeline;
	const char *table;
	struct text columns; /* JSON array of names; TEXT_NONE: those that are captured */
	const char *where;   /* NULL: every row */
};

struct sqlite_plan {
	const struct sqlite_plan_request *request;
	struct string_list all;     /* the table's columns */
	struct string_list primary; /* its primary key: what is walked by */
	struct string_list key;     /* of the events: as configured, else the primary key */
	struct string_list wanted;  /* count 0: those that are captured */
	struct buf filter;          /* of the configuration and of the job; empty: every row */
	struct sqlite_trigger trigger;
};

/* Look the table up. The caller calls sqlite_plan_done, also after an error. Errors: ERR_NOT_FOUND
 * (no such table), ERR_CONFIG (it is not captured, or has no primary key), ERR_USAGE (a column that
 * there is not), ERR_NOMEM; as sqlite_conn_prepare. */
enum err_code sqlite_plan_init(struct sqlite_plan *p, struct sqlite_conn *c,
			       const struct sqlite_plan_request *r, struct err *e) ATTR_MUST_CHECK;
void sqlite_plan_done(struct sqlite_plan *p);

/* Append the SELECT of the rows in the order of the key up to an end, and above a beginning if
 * is_above: does the filter mean the row, row_key, data, and the columns of the key. */
void sqlite_plan_select(const struct sqlite_plan *p, bool is_above, struct buf *out);
#define SQLITE_PLAN_MEANT 0
#define SQLITE_PLAN_ROW_KEY 1
#define SQLITE_PLAN_DATA 2
#define SQLITE_PLAN_KEY 3 /* and those that follow */

/* The same of the last row alone, wherever it is. */
void sqlite_plan_last(const struct sqlite_plan *p, struct buf *out);
/* Append "(a IS NULL OR b IS NULL)" of the key's columns. */
void sqlite_plan_null_key(const struct sqlite_plan *p, struct buf *out);

/* Bind a key to the parameters of the beginning, or of the end. Errors: ERR_DATA (a key of another
 * table), ERR_NOMEM, ERR_DB. */
enum err_code sqlite_plan_bind(const struct sqlite_plan *p, sqlite3_stmt *stmt, bool is_end,
			       struct text key, struct err *e) ATTR_MUST_CHECK;
/* Write the key of the row at hand into out, which is emptied first. Errors: ERR_CONFIG (a value of
 * it is NULL), ERR_NOMEM. */
enum err_code sqlite_plan_key(const struct sqlite_plan *p, sqlite3_stmt *stmt, struct buf *out,
			      struct err *e) ATTR_MUST_CHECK;

#endif
