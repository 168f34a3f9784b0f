/* SPDX-License-Identifier: MIT */
/*
 * Statements are prepared and not run: the server looks at privileges, and nothing happens. MySQL
 * manual, "CREATE TRIGGER Statement": the definer needs SELECT on the columns that OLD and NEW
 * name, and what the statements of the body need.
 */
#include "source/my_install.h"

static ATTR_MUST_CHECK enum err_code probe_outbox(struct my_admin *a, const char *pipeline,
						  struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "INSERT INTO ");
	my_schema_outbox(&sql, a->database, pipeline);
	buf_add_str(&sql, " (operation, schema_name, table_name, changed_at, row_key, old_key, "
			  "data, old_data, truncated, bytes) VALUES ('', '', '', 0, NULL, NULL, "
			  "COALESCE(row_key, ''), COALESCE(old_key, ''), 0, OCTET_LENGTH(data) + "
			  "OCTET_LENGTH(old_data))");
	code = my_admin_probe(a, &sql, e);
	buf_done(&sql);
	if (code == ERR_DENIED)
		(void)err_prefix(e, "triggers would run as this user, and could not write to the "
				    "outbox: every write to a captured table would fail; it needs "
				    "INSERT and SELECT on it");
	return code;
}

static ATTR_MUST_CHECK enum err_code probe_table(struct my_admin *a, const struct my_tables *t,
						 size_t i, struct err *e)
{
	char outbox[MY_TABLE_NAME_BYTES];
	const struct my_trigger trigger = my_table_trigger(a, t, i, OP_INSERT, outbox);
	struct buf sql;
	enum err_code code;
	size_t k;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT 1");
	for (k = 0; k < trigger.column_count; k++) {
		if (!my_trigger_has(&trigger, &trigger.columns[k]))
			continue;
		buf_add_str(&sql, ", ");
		my_quote_ident(&sql, trigger.columns[k].name);
	}
	buf_add_str(&sql, " FROM ");
	my_quote_name(&sql, trigger.schema, trigger.table);
	code = my_admin_probe(a, &sql, e);
	buf_done(&sql);
	if (code == ERR_DENIED)
		(void)err_prefix(e,
				 "%s: triggers would run as this user, and could not read its "
				 "rows: every write to it would fail; it needs SELECT on it",
				 t->list.items[i].label);
	return code;
}

enum err_code my_rights_check(struct my_admin *a, const struct my_tables *t, struct err *e)
{
	const struct settings *s = a->settings;
	enum err_code code = ERR_OK;
	size_t i;

	if (a->options->print_only)
		return ERR_OK;
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++)
		if (my_admin_has_pipeline(a, i))
			code = probe_outbox(a, s->pipelines[i].name, e);
	for (i = 0; i < t->list.count && code == ERR_OK; i++)
		code = probe_table(a, t, i, e);
	return code;
}
