/* SPDX-License-Identifier: MIT */
/*
 * What is installed beside the triggers: one outbox per pipeline, the dead letters, and two tables
 * that say what was installed. docs/sqlite.md explains each.
 */
#ifndef SOURCE_SQLITE_SCHEMA_H
#define SOURCE_SQLITE_SCHEMA_H

#include "source/sqlite_admin.h"

/* SQL expressions on the row c of captured: its columns as they are now, and the definitions of its
 * pipeline's triggers on it. */
#define SQLITE_COLUMNS_NOW                                                                         \
	"(SELECT group_concat(quote(x.name) || ' ' || quote(x.type), ', ') FROM "                  \
	"(SELECT name, type FROM pragma_table_xinfo(c.table_name, 'main') WHERE hidden <> 1 "      \
	"ORDER BY cid) AS x)"
#define SQLITE_TRIGGERS_OF_C                                                                       \
	"FROM main.sqlite_master AS g WHERE g.type = 'trigger' AND g.tbl_name = c.table_name "     \
	"AND substr(g.name, 1, length(c.pipeline) + 17) = '" SQLITE_PREFIX                         \
	"' || c.pipeline || '.'"
#define SQLITE_TRIGGERS_NOW                                                                        \
	"(SELECT group_concat(d.sql, char(10, 10)) FROM (SELECT g.sql " SQLITE_TRIGGERS_OF_C       \
	" ORDER BY g.name) AS d)"

/* One row (pipeline, table_name, problem) per captured table that is no longer as it was installed;
 * the problem is fit to stand behind the table's name. */
extern const char sqlite_drift_sql[];

/* Create what is missing. Inside a transaction. Errors: ERR_CONFIG (a table of such a name exists
 * and is not ours), as sqlite_conn_exec. */
enum err_code sqlite_schema_install(struct sqlite_admin *a, struct err *e) ATTR_MUST_CHECK;

/* Is anything of ours there? */
enum err_code sqlite_schema_is_installed(struct sqlite_admin *a, bool *ret_installed,
					 struct err *e) ATTR_MUST_CHECK;

/* How many events of the pipeline are parked; 0 also where there is no table for them. */
enum err_code sqlite_schema_count_parked(struct sqlite_admin *a, const char *pipeline,
					 int64_t *ret_rows, struct err *e) ATTR_MUST_CHECK;

/* Is there a table of this name? */
enum err_code sqlite_schema_has_table(struct sqlite_admin *a, const char *name, bool *ret_has,
				      struct err *e) ATTR_MUST_CHECK;

#endif
