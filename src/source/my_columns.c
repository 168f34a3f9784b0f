/* SPDX-License-Identifier: MIT */
#include "source/my_columns.h"

#include <string.h>

#include "base/mem.h"

#define SQL_MAX_BYTES 8192

void my_columns_done(struct my_columns *c)
{
	size_t i;

	for (i = 0; i < c->count; i++) {
		mem_free(c->items[i].name);
		mem_free(c->items[i].data_type);
		mem_free(c->items[i].column_type);
		mem_free(c->items[i].charset);
	}
	mem_free(c->items);
	*c = (struct my_columns){0};
}

/* In MariaDB JSON is another word for LONGTEXT with this check. MariaDB documentation, "JSON Data
 * Type". Oracle's server has check_constraints too, but no column to look for. */
static void select_sql(struct buf *out, bool is_mariadb, const char *schema, const char *table)
{
	buf_add_str(out, "SELECT c.column_name, c.data_type, c.column_type, c.character_set_name, "
			 "c.character_octet_length, c.is_nullable = 'YES', "
			 "COALESCE(c.generation_expression IN ('ROW START', 'ROW END'), 0), ");
	if (is_mariadb)
		buf_add_str(out, "c.data_type LIKE '%text' AND EXISTS (SELECT 1 FROM "
				 "information_schema.check_constraints k WHERE "
				 "k.constraint_schema = c.table_schema AND k.table_name = "
				 "c.table_name AND k.check_clause = CONCAT('json_valid(`', "
				 "REPLACE(c.column_name, '`', '``'), '`)'))");
	else
		buf_add_char(out, '0');
	buf_add_str(out, " FROM information_schema.columns c WHERE c.table_schema = ");
	my_quote_literal(out, text_of(schema));
	buf_add_str(out, " AND c.table_name = ");
	my_quote_literal(out, text_of(table));
	buf_add_str(out, " ORDER BY c.ordinal_position");
}

static bool take_row(struct my_column *c, const struct my_result *r)
{
	*c = (struct my_column){
		.name = mem_strdup(my_result_str(r, 0)),
		.data_type = mem_strdup(my_result_str(r, 1)),
		.column_type = mem_strdup(my_result_str(r, 2)),
		.octets = my_result_i64(r, 4, 0),
		.nullable = my_result_i64(r, 5, 1) != 0,
		.is_period = my_result_i64(r, 6, 0) != 0,
		.is_json = my_result_i64(r, 7, 0) != 0,
	};
	if (my_result_text(r, 3).s) {
		c->charset = mem_strdup(my_result_str(r, 3));
		if (!c->charset)
			return false;
	}
	return c->name && c->data_type && c->column_type;
}

static ATTR_MUST_CHECK enum err_code take(struct my_columns *c, struct my_result *r, struct err *e)
{
	if (my_result_rows(r) == 0)
		return ERR_OK;
	c->items = mem_calloc(my_result_rows(r), sizeof(*c->items));
	if (!c->items)
		return err_set(e, ERR_NOMEM, "no memory for a table's columns");
	while (my_result_next(r))
		if (!take_row(&c->items[c->count++], r))
			return err_set(e, ERR_NOMEM, "no memory for a table's columns");
	return ERR_OK;
}

enum err_code my_columns_load(struct my_conn *conn, const char *schema, const char *table,
			      struct my_columns *c, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;
	struct buf sql;

	*c = (struct my_columns){0};
	buf_init(&sql, SQL_MAX_BYTES);
	select_sql(&sql, my_conn_is_mariadb(conn), schema, table);
	code = my_conn_query_buf(conn, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK)
		code = take(c, r, e);
	my_result_free(r);
	return code;
}
