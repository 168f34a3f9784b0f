/* SPDX-License-Identifier: MIT */
/* The captured tables: there, capturable, and with the triggers that the configuration means. */
#include <stdio.h>
#include <string.h>

#include "source/column_check.h"
#include "source/pg_check.h"
#include "source/pg_install.h"
#include "source/pg_schema.h"

/* ---- one table ---- */

struct counts {
	int wanted;
	int absent;
	int differ;
	int disabled;
};

static ATTR_MUST_CHECK enum err_code count_states(struct pg_admin *a, const struct pg_trigger *t,
						  void *ctx, struct err *e)
{
	enum pg_trigger_state state;
	struct counts *c = ctx;
	enum err_code code = pg_trigger_compare(a, t, &state, e);

	if (code != ERR_OK)
		return code;
	c->wanted++;
	c->absent += state == PG_TRIGGER_ABSENT;
	c->differ += state == PG_TRIGGER_DIFFERS;
	c->disabled += state == PG_TRIGGER_DISABLED;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_triggers(struct pg_admin *a, const struct table *t,
						    struct err *e)
{
	const char *pipeline = a->settings->pipelines[t->pipeline].name;
	struct counts c = {0};
	enum err_code code = pg_table_each_trigger(a, t, count_states, &c, e);

	if (code != ERR_OK)
		return code;
	if (c.absent)
		pg_admin_find(a, FINDING_FAIL, t->label, "run install",
			      "%d of %d triggers of pipeline %s are missing: changes are lost",
			      c.absent, c.wanted, pipeline);
	if (c.differ)
		pg_admin_find(a, FINDING_FAIL, t->label, "run install",
			      "%d of %d triggers of pipeline %s are not as configured", c.differ,
			      c.wanted, pipeline);
	if (c.disabled)
		pg_admin_find(a, FINDING_FAIL, t->label, "run install",
			      "%d of %d triggers of pipeline %s are disabled or not ENABLE ALWAYS "
			      "as configured",
			      c.disabled, c.wanted, pipeline);
	if (!c.absent && !c.differ && !c.disabled)
		pg_admin_find(a, FINDING_OK, t->label, NULL, "%d triggers for pipeline %s",
			      c.wanted, pipeline);
	return ERR_OK;
}

static void check_key(struct pg_admin *a, const struct table *t)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];

	if (t->key.count || p->ordering != ORDERING_KEY)
		return;
	pg_admin_find(a, FINDING_WARN, t->label, "add a primary key, or name columns in key",
		      "has no primary key: its events are delivered one after the other");
}

static ATTR_MUST_CHECK enum err_code check_filters(struct pg_admin *a, const struct table *t,
						   struct err *e)
{
	struct err here;
	enum err_code code = pg_conn_exec(a->conn, "BEGIN READ ONLY", e);

	if (code != ERR_OK)
		return code;
	code = pg_table_check_filters(a, t, &here);
	if (code == ERR_CONFIG) {
		pg_admin_find(a, FINDING_FAIL, t->label, NULL, "%s", here.msg);
		code = ERR_OK;
	}
	if (code != ERR_OK) {
		if (e)
			*e = here;
		return code;
	}
	return pg_conn_exec(a->conn, "ROLLBACK", e);
}

/* Rows of (level, message, hint) about the table with OID $1. */
static ATTR_MUST_CHECK enum err_code check_surroundings(struct pg_admin *a, const struct table *t,
							struct err *e)
{
	static const char sql[] =
		/* row_to_json calls such a cast, with the rights of the function's owner */
		"SELECT 'W', 'column ' || a.attname || ' has a type with a cast to json written in "
		"' "
		"|| l.lanname || ': it runs inside the capture', 'exclude the column, or make sure "
		"who owns the cast' FROM pg_attribute a JOIN pg_cast c ON c.castsource = "
		"a.atttypid "
		"AND c.casttarget = 'json'::regtype JOIN pg_proc f ON f.oid = c.castfunc "
		"JOIN pg_language l ON l.oid = f.prolang WHERE a.attrelid = $1::oid AND "
		"a.attnum > 0 AND l.lanname NOT IN ('c', 'internal') "
		"UNION ALL SELECT 'W', 'has the child table ' || n.nspname || '.' || k.relname || "
		"', whose rows have triggers of their own only', 'capture it too' FROM pg_inherits "
		"i "
		"JOIN pg_class k ON k.oid = i.inhrelid JOIN pg_namespace n ON n.oid = "
		"k.relnamespace WHERE i.inhparent = $1::oid AND NOT k.relispartition AND NOT "
		"EXISTS "
		"(SELECT FROM pg_trigger g WHERE g.tgrelid = k.oid AND g.tgname LIKE "
		"'" PG_SCHEMA "\\_%') "
		"UNION ALL SELECT 'W', 'the installing role may not create triggers on it', "
		"'GRANT TRIGGER, or install as its owner' WHERE NOT "
		"has_table_privilege($1::oid, 'TRIGGER') AND $2 = 'new'";
	bool new_table = false;
	const char *values[2] = {t->oid};
	struct counts c = {0};
	PGresult *res;
	int i;
	enum err_code code = pg_table_each_trigger(a, t, count_states, &c, e);

	if (code != ERR_OK)
		return code;
	new_table = c.absent || c.differ;
	values[1] = new_table ? "new" : "";
	code = pg_admin_query(a, sql, 2, values, &res, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++)
		pg_admin_find(a, FINDING_WARN, t->label, PQgetvalue(res, i, 2), "%s",
			      PQgetvalue(res, i, 1));
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_table(struct pg_admin *a, const struct table *t,
						 bool installed, struct err *e)
{
	enum err_code code;

	if (t->problem != ERR_OK) {
		pg_admin_find(a, FINDING_FAIL, t->label, t->hint[0] ? t->hint : NULL, "%s",
			      t->message);
		return ERR_OK;
	}
	check_key(a, t);
	code = check_filters(a, t, e);
	if (code == ERR_OK)
		code = check_surroundings(a, t, e);
	if (code == ERR_OK && installed)
		code = check_triggers(a, t, e);
	return code;
}

/* ---- all ---- */

static ATTR_MUST_CHECK enum err_code check_drift(struct pg_admin *a, struct err *e)
{
	char label[2 * PG_NAME_BYTES];
	struct err here;
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(a, PG_DRIFT_SQL, 0, NULL, &res, &here);

	if (code == ERR_DENIED || code == ERR_NOT_FOUND)
		return ERR_OK; /* told with the outbox */
	if (code != ERR_OK) {
		if (e)
			*e = here;
		return code;
	}
	for (i = 0; i < PQntuples(res); i++) {
		(void)snprintf(label, sizeof(label), "%.63s.%.63s", PQgetvalue(res, i, 1),
			       PQgetvalue(res, i, 2));
		pg_admin_find(a, FINDING_WARN, label, "run install",
			      "%s since it was installed for pipeline %s", PQgetvalue(res, i, 3),
			      PQgetvalue(res, i, 0));
	}
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_stale(struct pg_admin *a, const struct tables *tables,
						 struct err *e)
{
	char label[2 * PG_NAME_BYTES];
	PGresult *res;
	int i;
	enum err_code code = pg_triggers_installed(a, &res, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++) {
		if (pg_tables_want(a, tables, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1),
				   PQgetvalue(res, i, 2)))
			continue;
		(void)snprintf(label, sizeof(label), "%.63s.%.63s", PQgetvalue(res, i, 0),
			       PQgetvalue(res, i, 1));
		pg_admin_find(a, FINDING_WARN, label, "run install to remove it",
			      "trigger %s captures what is not configured", PQgetvalue(res, i, 2));
	}
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_check_tables(struct pg_admin *a, bool installed, struct err *e)
{
	struct tables tables = {0};
	size_t i;
	enum err_code code = pg_tables_load(a, &tables, e);

	for (i = 0; i < tables.count && code == ERR_OK; i++)
		code = check_table(a, &tables.items[i], installed, e);
	if (code == ERR_OK && installed)
		code = check_drift(a, e);
	if (code == ERR_OK && installed)
		code = check_stale(a, &tables, e);
	if (code == ERR_OK)
		column_check(a->settings, a->source_index, &tables, a->options);
	tables_done(&tables);
	return code;
}
