/* SPDX-License-Identifier: MIT */
#include "base/op.h"
#include "source/my_source.h"

enum column {
	COL_ID,
	COL_OPERATION,
	COL_SCHEMA,
	COL_TABLE,
	COL_KEY,
	COL_OLD_KEY,
	COL_CHANGED_US,
	COL_TRUNCATED,
	COL_DATA,
	COL_OLD_DATA,
};

/* A column that became a text after install is still written as the number it was, which is no
 * JSON: such a row goes out as a string, until install makes the triggers anew. */
#define VALID(column) "IF(JSON_VALID(" column "), " column ", JSON_QUOTE(" column "))"

void my_events_columns(struct buf *sql)
{
	buf_add_str(sql, "id, operation, schema_name, table_name, ");
	buf_add_str(sql, VALID("row_key") ", " VALID("old_key"));
	buf_add_str(sql, ", TIMESTAMPDIFF(MICROSECOND, '1970-01-01', changed_at), truncated, ");
	buf_add_str(sql, VALID("data") ", " VALID("old_data"));
}

static ATTR_MUST_CHECK enum err_code row_fields(const struct my_result *r,
						struct event_fields *ret_f, struct err *e)
{
	struct text operation = my_result_text(r, COL_OPERATION);
	struct event_fields f = {
		.id = my_result_i64(r, COL_ID, 0),
		.truncated = my_result_i64(r, COL_TRUNCATED, 0),
		.schema = my_result_text(r, COL_SCHEMA),
		.table = my_result_text(r, COL_TABLE),
		.key = my_result_text(r, COL_KEY),
		.old_key = my_result_text(r, COL_OLD_KEY),
		.changed_wall_us = my_result_i64(r, COL_CHANGED_US, 0),
		.data = my_result_text(r, COL_DATA),
		.old_data = my_result_text(r, COL_OLD_DATA),
	};

	if (!op_parse(operation, &f.op))
		return err_set(e, ERR_DB, "outbox row %lld has an unknown operation: %.*s",
			       (long long)f.id, (int)operation.len, operation.s);
	*ret_f = f;
	return ERR_OK;
}

enum err_code my_events_add(struct batch *b, struct my_result *r, const int64_t *ids, size_t n,
			    struct err *e)
{
	struct event_fields f;
	enum err_code code = ERR_OK;
	size_t i = 0;
	int64_t id;

	while (code == ERR_OK && !b->is_full && my_result_next(r)) {
		id = my_result_i64(r, COL_ID, 0);
		while (i < n && ids[i] < id)
			i++;
		if (i == n || ids[i] != id)
			continue;
		code = row_fields(r, &f, e);
		if (code == ERR_OK)
			code = batch_add(b, &f, e);
	}
	return code;
}
