/* SPDX-License-Identifier: MIT */
/*
 * The tables that the configuration means, as the catalog of a database describes them: names
 * looked up, "*" expanded, columns and keys known. What is wrong with one is noted in it, so that
 * every problem can be told and not only the first. Filled by each kind of database
 * (pg_tables.h, my_tables.h, sqlite_tables.h). One thread.
 */
#ifndef SOURCE_TABLES_H
#define SOURCE_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/op.h"
#include "config/settings.h"

#define TABLE_NAME_BYTES                                                                           \
	65 /* the longest name any of the databases gives, in characters, and NUL */

struct table_name {
	char *schema;
	char *name;
};

struct table {
	size_t pipeline; /* in settings.pipelines */
	const struct table_settings *settings;
	char *schema; /* "" where the database has none */
	char *name;
	char label[2 * TABLE_NAME_BYTES]; /* schema.name, for messages */
	char oid[16];                     /* PostgreSQL only */
	struct string_list columns;       /* in order */
	struct string_list types; /* of the columns, as the database spells them; or empty */
	struct string_list key;   /* as configured, else the primary key; count 0: none */
	struct table_name *parts; /* partitions that can be truncated by themselves */
	size_t part_count;
	enum err_code problem; /* ERR_OK: can be captured; ERR_NOT_FOUND, ERR_CONFIG: message */
	char message[256];
	char hint[256]; /* "" or what to do */
};

struct tables {
	struct table *items;
	size_t count;
	size_t cap;
};

/* Free everything inside; t is empty then. */
void tables_done(struct tables *t);

/* A new table at the end; *ret_t is a loan until the next tables_add. Errors: ERR_NOMEM. */
enum err_code tables_add(struct tables *t, size_t pipeline, const struct table_settings *settings,
			 const char *schema, const char *name, struct table **ret_t,
			 struct err *e) ATTR_MUST_CHECK;

/* Take the last table off again and free it. */
void tables_pop(struct tables *t);

/* Is the table in the list for this pipeline? An explicit entry comes before "*" and wins. */
bool tables_has(const struct tables *t, size_t pipeline, const char *schema, const char *name);

/* Note a problem, unless there is one already. hint "" for none. */
void table_refuse(struct table *t, enum err_code code, const char *message, const char *hint);

/* Refuse t when key, columns or exclude name a column that it has not. */
void table_refuse_unknown_columns(struct table *t);

/* The database's error e about t's row filter for op, made a mistake of the configuration. Returns
 * ERR_CONFIG. */
enum err_code table_filter_error(const struct table *t, const char *pipeline, enum op op,
				 struct err *e) ATTR_MUST_CHECK;

/* Append a name to a list of t. Errors: ERR_NOMEM. */
enum err_code table_list_add(struct string_list *l, const char *s, struct err *e) ATTR_MUST_CHECK;

/* Take the configured key, when there is one. Errors: ERR_NOMEM. */
enum err_code table_take_configured_key(struct table *t, bool *ret_taken,
					struct err *e) ATTR_MUST_CHECK;

/* Call fn for every entry of the tables of every pipeline of the source: per pipeline the named
 * ones first, so that theirs is the entry that counts, then those with "*". Stops at an error. */
typedef enum err_code (*table_entry_fn)(void *ctx, size_t pipeline,
					const struct table_settings *settings, struct err *e);
enum err_code tables_each_entry(const struct settings *s, size_t source, table_entry_fn fn,
				void *ctx, struct err *e) ATTR_MUST_CHECK;

#endif
