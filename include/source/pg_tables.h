/* SPDX-License-Identifier: MIT */
/*
 * Which tables of the database the configuration means: names looked up, "*" expanded, columns and
 * keys read from the catalog. Looking only.
 */
#ifndef SOURCE_PG_TABLES_H
#define SOURCE_PG_TABLES_H

#include "source/pg_admin.h"
#include "source/pg_trigger.h"

struct pg_table_name {
	char *schema;
	char *name;
};

struct pg_table {
	size_t pipeline; /* in settings.pipelines */
	const struct table_settings *settings;
	char *schema;
	char *name;
	char label[2 * PG_NAME_BYTES]; /* schema.name, for messages */
	char oid[16];
	struct string_list live;          /* columns in order */
	struct string_list key;           /* as configured, else the primary key; count 0: none */
	struct pg_table_name *partitions; /* that can be truncated by themselves */
	size_t partition_count;
	enum err_code problem; /* ERR_OK: can be captured; ERR_NOT_FOUND, ERR_CONFIG: message */
	char message[256];
	char hint[256]; /* "" or what to do */
};

struct pg_tables {
	struct pg_table *items;
	size_t count;
	size_t cap;
};

/* Every table of every pipeline of the source, each pair once; an explicit entry wins over "*".
 * Tables that are missing or cannot be captured are in the list with a problem. The caller calls
 * pg_tables_done, also after an error. Errors: as pg_conn_query; ERR_NOMEM. */
enum err_code pg_tables_load(struct pg_admin *a, struct pg_tables *t,
			     struct err *e) ATTR_MUST_CHECK;
void pg_tables_done(struct pg_tables *t);

/* The trigger of one operation of a table, on the table itself; a loan of t and s. */
struct pg_trigger pg_table_trigger(const struct pg_admin *a, const struct pg_table *t, enum op op);

/* Prepare every row filter of t without running it. Errors: ERR_CONFIG naming table and pipeline;
 * as pg_conn_prepare when the server is gone. */
enum err_code pg_table_check_filters(struct pg_admin *a, const struct pg_table *t,
				     struct err *e) ATTR_MUST_CHECK;

#endif
