/* SPDX-License-Identifier: MIT */
/*
 * Which tables of the database the configuration means: names looked up, "*" expanded, columns and
 * keys read from the catalog. Looking only.
 */
#ifndef SOURCE_PG_TABLES_H
#define SOURCE_PG_TABLES_H

#include "source/pg_admin.h"
#include "source/pg_trigger.h"
#include "source/tables.h"

/* Every table of every pipeline of the source, each pair once; an explicit entry wins over "*".
 * Tables that are missing or cannot be captured are in the list with a problem. The caller calls
 * tables_done, also after an error. Errors: as pg_conn_query; ERR_NOMEM. */
enum err_code pg_tables_load(struct pg_admin *a, struct tables *t, struct err *e) ATTR_MUST_CHECK;

/* The trigger of one operation of a table, on the table itself; a loan of t and s. */
struct pg_trigger pg_table_trigger(const struct pg_admin *a, const struct table *t, enum op op);

/* Prepare every row filter of t without running it. Errors: ERR_CONFIG naming table and pipeline;
 * as pg_conn_prepare when the server is gone. */
enum err_code pg_table_check_filters(struct pg_admin *a, const struct table *t,
				     struct err *e) ATTR_MUST_CHECK;

#endif
