/* SPDX-License-Identifier: MIT */
/*
 * Which tables of the server the configuration means: names looked up, "*" expanded, columns, their
 * types and keys read from information_schema. Looking only.
 */
#ifndef SOURCE_MY_TABLES_H
#define SOURCE_MY_TABLES_H

#include "source/my_admin.h"
#include "source/my_columns.h"
#include "source/my_schema.h"
#include "source/my_trigger.h"
#include "source/tables.h"

struct my_tables {
	struct tables list;
	struct my_columns *columns; /* of the item with the same index */
};

/* Every table of every pipeline of the source, each pair once; an explicit entry wins over "*".
 * Tables that are missing or cannot be captured are in the list with a problem; those that only
 * "*" means are left out with a finding. The caller calls my_tables_done, also after an error.
 * Errors: as my_conn_query; ERR_NOMEM. */
enum err_code my_tables_load(struct my_admin *a, struct my_tables *t,
			     struct err *e) ATTR_MUST_CHECK;
void my_tables_done(struct my_tables *t);

/* The trigger of one operation of the i-th table. A loan of t, the settings and outbox. */
struct my_trigger my_table_trigger(const struct my_admin *a, const struct my_tables *t, size_t i,
				   enum op op, char outbox[static MY_TABLE_NAME_BYTES]);

/* Prepare every row filter of the i-th table without running it. Errors: ERR_CONFIG naming table
 * and pipeline; as my_conn_exec when the server is gone. */
enum err_code my_table_check_filters(struct my_admin *a, const struct my_tables *t, size_t i,
				     struct err *e) ATTR_MUST_CHECK;

#endif
