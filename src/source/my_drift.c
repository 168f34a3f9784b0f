/* SPDX-License-Identifier: MIT */
#include "source/my_drift.h"

#include <string.h>

#define SQL_MAX_BYTES 8192
#define COLUMNS                                                                                    \
	"GROUP_CONCAT(column_name, ' ', column_type, ' ', COALESCE(character_set_name, ''), ' ', " \
	"is_nullable ORDER BY ordinal_position)"

static void where_table(struct buf *out, const char *prefix, const char *schema, const char *table)
{
	buf_add_fmt(out, " WHERE %s_schema = ", prefix);
	my_quote_literal(out, text_of(schema));
	buf_add_fmt(out, " AND %s_table = ", prefix);
	my_quote_literal(out, text_of(table));
}

void my_drift_fingerprint(struct buf *out, const char *schema, const char *table)
{
	buf_add_str(out, "(SELECT " MY_DIGEST(COLUMNS) " FROM information_schema.columns WHERE "
						       "table_schema = ");
	my_quote_literal(out, text_of(schema));
	buf_add_str(out, " AND table_name = ");
	my_quote_literal(out, text_of(table));
	buf_add_char(out, ')');
}

/* Is every name of the list (commas between) among the first column of r? */
static bool has_all(struct my_result *r, const char *names)
{
	struct text name;
	size_t wanted = 0, found = 0;
	const char *at, *end;

	for (at = names; *at; at = *end ? end + 1 : end) {
		end = at + strcspn(at, ",");
		wanted++;
	}
	while (my_result_next(r)) {
		name = my_result_text(r, 0);
		for (at = names; *at; at = *end ? end + 1 : end) {
			end = at + strcspn(at, ",");
			found += text_eq(name, (struct text){at, (size_t)(end - at)}) != 0;
		}
	}
	return found >= wanted;
}

static ATTR_MUST_CHECK enum err_code look_columns(struct my_conn *conn, const struct my_captured *c,
						  const char **ret_problem, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT ");
	my_drift_fingerprint(&sql, c->schema, c->table);
	code = my_conn_query_buf(conn, &sql, &r, e);
	buf_done(&sql);
	if (code != ERR_OK)
		return code;
	*ret_problem = NULL;
	if (!my_result_next(r) || !my_result_text(r, 0).s)
		*ret_problem = "is gone, or no longer to be seen";
	else if (strcmp(my_result_str(r, 0), c->fingerprint) != 0)
		*ret_problem = "has other columns";
	my_result_free(r);
	return ERR_OK;
}

enum err_code my_drift_look(struct my_conn *conn, const struct my_captured *c,
			    const char **ret_problem, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code = look_columns(conn, c, ret_problem, e);

	if (code != ERR_OK || *ret_problem)
		return code;
	buf_init(&sql, SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT trigger_name FROM information_schema.triggers");
	where_table(&sql, "event_object", c->schema, c->table);
	code = my_conn_query_buf(conn, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK && !has_all(r, c->trigger_names))
		*ret_problem = "has lost a trigger";
	my_result_free(r);
	return code;
}
