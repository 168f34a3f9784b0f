/* SPDX-License-Identifier: MIT */
/*
 * What a backfill asks of the configuration: which entry of a pipeline's tables means a table, and
 * what an operator's words mean among the tables that the catalog has (source/tables.h).
 */
#ifndef SOURCE_BACKFILL_TABLE_H
#define SOURCE_BACKFILL_TABLE_H

#include "source/backfill.h"
#include "source/tables.h"

/* The entry of p that captures this table; a named one wins over "*". standard: the schema of
 * entries that name none; NULL: the database has no schemas. NULL: it is not captured. */
const struct table_settings *backfill_entry(const struct pipeline_settings *p, const char *standard,
					    const char *schema, const char *table);

/* The one table of pipeline p that `name` means: SCHEMA.TABLE or TABLE. Errors: ERR_USAGE: none
 * (did you mean), several; ERR_CONFIG, ERR_NOT_FOUND: it has a problem. */
enum err_code backfill_find_table(const struct settings *s, const struct tables *tables, size_t p,
				  const char *name, const struct table **ret_t,
				  struct err *e) ATTR_MUST_CHECK;

/* Every wanted column must be one that the pipeline captures of t. Errors: ERR_USAGE. */
enum err_code backfill_check_columns(const struct table *t, const struct string_list *wanted,
				     struct err *e) ATTR_MUST_CHECK;

/* The operator's condition as it is stored: without comments, safe in parentheses. Errors:
 * ERR_USAGE, naming --where; ERR_NOMEM. */
enum err_code backfill_write_where(const char *sql, enum source_type type, struct buf *out,
				   struct err *e) ATTR_MUST_CHECK;

#endif
