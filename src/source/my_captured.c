/* SPDX-License-Identifier: MIT */
/* app_db_listener_captured: what each captured table was like when its triggers were made. */
#include <string.h>

#include "source/my_drift.h"
#include "source/my_install.h"

struct options_call {
	struct buf options;
	struct buf names;
};

static ATTR_MUST_CHECK enum err_code add_options(struct my_admin *a, const struct my_trigger *t,
						 void *ctx, struct err *e)
{
	struct options_call *c = ctx;
	char name[MY_TRIGGER_NAME_BYTES];

	(void)a;
	(void)e;
	my_trigger_name(t, name);
	buf_add_fmt(&c->names, "%s%s", c->names.len ? "," : "", name);
	buf_add_fmt(&c->options, "%s%s%s\n", op_name(t->op), t->where ? " where " : "",
		    t->where ? t->where : "");
	return ERR_OK;
}

static void captured_sql(struct buf *sql, const struct my_admin *a, const struct table *t,
			 const struct options_call *c)
{
	buf_add_str(sql, "INSERT INTO ");
	my_quote_name(sql, a->database, MY_CAPTURED);
	buf_add_str(sql,
		    " (pipeline, schema_name, table_name, fingerprint, options, trigger_names, "
		    "installed_at)\n\tVALUES (");
	my_quote_literal(sql, text_of(a->settings->pipelines[t->pipeline].name));
	buf_add_str(sql, ", ");
	my_quote_literal(sql, text_of(t->schema));
	buf_add_str(sql, ", ");
	my_quote_literal(sql, text_of(t->name));
	buf_add_str(sql, ",\n\tCOALESCE(");
	my_drift_fingerprint(sql, t->schema, t->name);
	buf_add_str(sql, ", ''),\n\t");
	my_quote_literal(sql, buf_text(&c->options));
	buf_add_str(sql, ", ");
	my_quote_literal(sql, buf_text(&c->names));
	buf_add_str(sql, ", UTC_TIMESTAMP(6))\n\tON DUPLICATE KEY UPDATE fingerprint = "
			 "VALUES(fingerprint), options = VALUES(options), trigger_names = "
			 "VALUES(trigger_names)");
}

enum err_code my_captured_put(struct my_admin *a, const struct my_tables *tables, size_t i,
			      struct err *e)
{
	struct options_call c;
	enum err_code code;
	struct buf sql;

	buf_init(&c.options, MY_SQL_MAX_BYTES);
	buf_init(&c.names, MY_SQL_MAX_BYTES);
	buf_init(&sql, MY_SQL_MAX_BYTES);
	code = my_table_each_trigger(a, tables, i, add_options, &c, e);
	if (code == ERR_OK && (buf_error(&c.options) != ERR_OK || buf_error(&c.names) != ERR_OK))
		code = err_set(e, ERR_NOMEM, "no memory for a list of triggers");
	if (code == ERR_OK) {
		captured_sql(&sql, a, &tables->list.items[i], &c);
		code = my_admin_run_buf(a, &sql, e);
	}
	buf_done(&sql);
	buf_done(&c.names);
	buf_done(&c.options);
	return code;
}

enum err_code my_captured_remove_stale(struct my_admin *a, const struct my_tables *tables,
				       struct err *e)
{
	enum err_code code;
	struct buf sql;
	size_t i;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "DELETE FROM ");
	my_quote_name(&sql, a->database, MY_CAPTURED);
	for (i = 0; i < tables->list.count; i++) {
		const struct table *t = &tables->list.items[i];

		buf_add_str(&sql, i ? ",\n\t("
				    : " WHERE (pipeline, schema_name, table_name) NOT IN (\n\t(");
		my_quote_literal(&sql, text_of(a->settings->pipelines[t->pipeline].name));
		buf_add_str(&sql, ", ");
		my_quote_literal(&sql, text_of(t->schema));
		buf_add_str(&sql, ", ");
		my_quote_literal(&sql, text_of(t->name));
		buf_add_char(&sql, ')');
	}
	if (i)
		buf_add_char(&sql, ')');
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}
