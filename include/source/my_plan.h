/* SPDX-License-Identifier: MIT */
/*
 * How the rows of one backfill job are read from MySQL or MariaDB: the table's columns and primary
 * key as they are now, and what a trigger would make of a row.
 */
#ifndef SOURCE_MY_PLAN_H
#define SOURCE_MY_PLAN_H

#include "source/my_columns.h"
#include "source/my_conn.h"
#include "source/my_trigger.h"
#include "source/my_walk.h"

/* What a plan is made for; every text is a loan. */
struct my_plan_request {
	const struct source_settings *source;
	const struct pipeline_settings *pipeline;
	const char *schema;
	const char *table;
	const struct string_list *columns; /* count 0: those that are captured */
	const char *where;                 /* NULL: every row */
	bool never_skips;                  /* though the server could */
};

struct my_plan;

/* Errors: ERR_NOT_FOUND (no such table), ERR_CONFIG (it is not captured, or has nothing to walk
 * by), ERR_USAGE (a column that there is not), ERR_NOMEM; as my_conn_query. */
enum err_code my_plan_new(struct my_conn *c, const struct my_plan_request *r,
			  struct my_plan **ret_p, struct err *e) ATTR_MUST_CHECK;
void my_plan_free(struct my_plan *p);

const struct my_walk *my_plan_walk(const struct my_plan *p);
/* The most octets that data may have. */
int64_t my_plan_cap(const struct my_plan *p);

/* Append a SELECT without its conditions: key, and size or NULL when the filter does not mean the
 * row. */
void my_plan_look(const struct my_plan *p, struct buf *out);
/* The same: key, row_key and data as a trigger makes them. */
void my_plan_read(const struct my_plan *p, struct buf *out);
/* The last key there is: a SELECT of no or one row. */
void my_plan_last(const struct my_plan *p, struct buf *out);
bool my_plan_filters(const struct my_plan *p);
/* Append " AND (filter)", if there is one. */
void my_plan_filter(const struct my_plan *p, struct buf *out);
/* Append what locks the rows of my_plan_read without waiting. */
void my_plan_lock(const struct my_plan *p, struct buf *out);
/* Are rows that somebody has left out, or does one of them fail the statement with ERR_TIMEOUT?
 */
bool my_plan_skips(const struct my_plan *p);

#endif
