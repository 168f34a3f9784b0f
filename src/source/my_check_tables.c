/* SPDX-License-Identifier: MIT */
/* The captured tables: there, capturable, and with the triggers that the configuration means. */
#include <stdio.h>
#include <string.h>

#include "source/column_check.h"
#include "source/my_check.h"
#include "source/my_drift.h"
#include "source/my_install.h"

/* ---- one table ---- */

struct counts {
	int wanted;
	int absent;
	int differ;
};

static ATTR_MUST_CHECK enum err_code count_states(struct my_admin *a, const struct my_trigger *t,
						  void *ctx, struct err *e)
{
	enum my_trigger_state state = MY_TRIGGER_ABSENT;
	struct counts *c = ctx;
	enum err_code code = my_trigger_compare(a, t, &state, e);

	if (code != ERR_OK)
		return code;
	c->wanted++;
	c->absent += state == MY_TRIGGER_ABSENT;
	c->differ += state == MY_TRIGGER_DIFFERS;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_triggers(struct my_admin *a, const struct my_tables *ts,
						    size_t i, struct err *e)
{
	const struct table *t = &ts->list.items[i];
	const char *pipeline = a->settings->pipelines[t->pipeline].name;
	struct counts c = {0};
	struct err here;
	enum err_code code = my_table_each_trigger(a, ts, i, count_states, &c, &here);

	if (code == ERR_DENIED) {
		my_admin_find(a, FINDING_WARN, t->label, "GRANT TRIGGER on it",
			      "its triggers are not to be seen by this user");
		return ERR_OK;
	}
	if (code != ERR_OK) {
		if (e)
			*e = here;
		return code;
	}
	if (c.absent)
		my_admin_find(a, FINDING_FAIL, t->label, "run install",
			      "%d of %d triggers of pipeline %s are missing: changes are lost",
			      c.absent, c.wanted, pipeline);
	if (c.differ)
		my_admin_find(a, FINDING_FAIL, t->label, "run install",
			      "%d of %d triggers of pipeline %s are not as configured", c.differ,
			      c.wanted, pipeline);
	if (!c.absent && !c.differ)
		my_admin_find(a, FINDING_OK, t->label, NULL, "%d triggers for pipeline %s",
			      c.wanted, pipeline);
	return ERR_OK;
}

static void check_key(struct my_admin *a, const struct table *t)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];

	if (t->key.count || p->ordering != ORDERING_KEY)
		return;
	my_admin_find(a, FINDING_WARN, t->label, "add a primary key, or name columns in key",
		      "has no primary key: its events are delivered one after the other");
}

static ATTR_MUST_CHECK enum err_code check_filters(struct my_admin *a, const struct my_tables *ts,
						   size_t i, struct err *e)
{
	struct err here;
	enum err_code code = my_table_check_filters(a, ts, i, &here);

	if (code == ERR_CONFIG) {
		my_admin_find(a, FINDING_FAIL, ts->list.items[i].label, NULL, "%s", here.msg);
		return ERR_OK;
	}
	if (code != ERR_OK && e)
		*e = here;
	return code;
}

/* InnoDB changes the rows of a child by itself: no trigger, and nothing in the binary log. MySQL
 * manual, "Foreign Key Constraints": cascaded actions do not activate triggers. */
static ATTR_MUST_CHECK enum err_code check_foreign_keys(struct my_admin *a, const struct table *t,
							struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_admin_query(
		a, &r, e,
		"SELECT constraint_name, delete_rule, update_rule, referenced_table_name FROM "
		"information_schema.referential_constraints WHERE constraint_schema = $ AND "
		"table_name = $ AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN "
		"('CASCADE', 'SET NULL'))",
		t->schema, t->name);

	while (code == ERR_OK && my_result_next(r))
		my_admin_find(a, FINDING_WARN, t->label,
			      "have the application change these rows itself, or the foreign key "
			      "RESTRICT",
			      "foreign key %s (ON DELETE %s, ON UPDATE %s, to %s) changes its rows "
			      "without firing triggers: such changes are not captured",
			      my_result_str(r, 0), my_result_str(r, 1), my_result_str(r, 2),
			      my_result_str(r, 3));
	my_result_free(r);
	return code;
}

/* What must not be dropped or renamed before install has made the triggers without it. */
static void list_columns(struct my_admin *a, const struct my_tables *ts, size_t i)
{
	char outbox[MY_TABLE_NAME_BYTES];
	const struct my_trigger t = my_table_trigger(a, ts, i, OP_UPDATE, outbox);
	struct buf names;
	size_t k;

	buf_init(&names, MY_SQL_MAX_BYTES);
	for (k = 0; k < t.column_count; k++)
		if (my_trigger_has(&t, &t.columns[k]))
			buf_add_fmt(&names, "%s%s", names.len ? ", " : "", t.columns[k].name);
	my_admin_find(a, FINDING_OK, ts->list.items[i].label, NULL,
		      "triggers of pipeline %s name the columns %s", t.pipeline, buf_str(&names));
	buf_done(&names);
}

static ATTR_MUST_CHECK enum err_code check_table(struct my_admin *a, const struct my_tables *ts,
						 size_t i, bool installed, struct err *e)
{
	const struct table *t = &ts->list.items[i];
	enum err_code code;

	if (t->problem != ERR_OK) {
		my_admin_find(a, FINDING_FAIL, t->label, t->hint[0] ? t->hint : NULL, "%s",
			      t->message);
		return ERR_OK;
	}
	check_key(a, t);
	if (a->options->list_tables)
		list_columns(a, ts, i);
	code = check_filters(a, ts, i, e);
	if (code == ERR_OK)
		code = check_foreign_keys(a, t, e);
	if (code == ERR_OK && installed)
		code = check_triggers(a, ts, i, e);
	return code;
}

/* ---- all ---- */

static ATTR_MUST_CHECK enum err_code check_drift(struct my_admin *a, struct err *e)
{
	char label[2 * MY_NAME_BYTES + 2];
	struct my_result *r = NULL;
	const char *problem = NULL;
	struct err here;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT schema_name, table_name, fingerprint, trigger_names, pipeline "
			  "FROM ");
	my_quote_name(&sql, a->database, MY_CAPTURED);
	code = my_conn_query_buf(a->conn, &sql, &r, &here);
	buf_done(&sql);
	while (code == ERR_OK && my_result_next(r)) {
		struct my_captured c = {my_result_str(r, 0), my_result_str(r, 1),
					my_result_str(r, 2), my_result_str(r, 3)};

		code = my_drift_look(a->conn, &c, &problem, &here);
		if (code != ERR_OK || !problem)
			continue;
		(void)snprintf(label, sizeof(label), "%s.%s", c.schema, c.table);
		my_admin_find(a, FINDING_WARN, label, "run install",
			      "%s since it was installed for pipeline %s", problem,
			      my_result_str(r, 4));
	}
	my_result_free(r);
	if (code == ERR_OK || code == ERR_DENIED || code == ERR_NOT_FOUND)
		return ERR_OK; /* told with our tables */
	if (e)
		*e = here;
	return code;
}

/* Triggers that nobody configured, and those whose definer is gone: the server refuses to run these
 * (error 1449), and with them what the application writes. */
static ATTR_MUST_CHECK enum err_code check_installed(struct my_admin *a, const struct my_tables *ts,
						     struct err *e)
{
	char label[2 * MY_NAME_BYTES + 2];
	struct my_result *r = NULL;
	enum err_code code = my_triggers_installed(a, NULL, NULL, &r, e);

	while (code == ERR_OK && my_result_next(r)) {
		const char *schema = my_result_str(r, 0), *table = my_result_str(r, 1);

		(void)snprintf(label, sizeof(label), "%s.%s", schema, table);
		if (!my_tables_want(a, ts, schema, table, my_result_str(r, 2)))
			my_admin_find(a, FINDING_WARN, label, "run install to remove it",
				      "trigger %s captures what is not configured",
				      my_result_str(r, 2));
		if (my_definer_is_gone(a, my_result_str(r, 3)))
			my_admin_find(a, FINDING_FAIL, label,
				      "create that account again, or run install as another one",
				      "the account %s, which trigger %s runs as, does not exist: "
				      "writes to this table fail",
				      my_result_str(r, 3), my_result_str(r, 2));
	}
	my_result_free(r);
	return code;
}

enum err_code my_check_tables(struct my_admin *a, bool installed, struct err *e)
{
	struct my_tables tables = {0};
	size_t i;
	enum err_code code = my_tables_load(a, &tables, e);

	for (i = 0; i < tables.list.count && code == ERR_OK; i++)
		code = check_table(a, &tables, i, installed, e);
	if (code == ERR_OK && installed)
		code = check_drift(a, e);
	if (code == ERR_OK && installed)
		code = check_installed(a, &tables, e);
	if (code == ERR_OK)
		column_check(a->settings, a->source_index, &tables.list, a->options);
	my_tables_done(&tables);
	return code;
}
