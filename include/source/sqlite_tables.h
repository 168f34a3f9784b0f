/* SPDX-License-Identifier: MIT */
/*
 * Which tables of the file the configuration means, and the triggers they should have. Looking
 * only.
 */
#ifndef SOURCE_SQLITE_TABLES_H
#define SOURCE_SQLITE_TABLES_H

#include "source/sqlite_admin.h"
#include "source/sqlite_trigger.h"
#include "source/tables.h"

/* Every table of every pipeline of the source, each pair once; an explicit entry wins over "*".
 * Tables that are missing or cannot be captured are in the list with a problem. The caller calls
 * tables_done, also after an error. Errors: as sqlite_conn_exec; ERR_NOMEM. */
enum err_code sqlite_tables_load(struct sqlite_admin *a, struct tables *t,
				 struct err *e) ATTR_MUST_CHECK;

/* Does the pipeline capture op? SQLite has no TRUNCATE. */
bool sqlite_table_wants(const struct sqlite_admin *a, const struct table *t, enum op op);

/* The trigger of one operation of a table; a loan of a and t. */
struct sqlite_trigger sqlite_table_trigger(const struct sqlite_admin *a, const struct table *t,
					   enum op op);

/* Prepare every row filter of t without running it. Errors: ERR_CONFIG naming table and pipeline;
 * as sqlite_conn_prepare when it could not be tried. */
enum err_code sqlite_table_check_filters(struct sqlite_admin *a, const struct table *t,
					 struct err *e) ATTR_MUST_CHECK;

#endif
