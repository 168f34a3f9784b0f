/* SPDX-License-Identifier: MIT */
#include "source/pg_tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/suggest.h"

/* ---- what cannot be captured ---- */

static void refuse_kind(struct table *t, char kind, char persistence)
{
	static const struct {
		char kind;
		const char *what;
	} kinds[] = {
		{'v', "is a view: capture the tables behind it"},
		{'m', "is a materialised view: its refresh fires no triggers"},
		{'f', "is a foreign table: others can change it unseen"},
		{'S', "is a sequence"},
		{'i', "is an index"},
		{'I', "is an index"},
		{'c', "is a composite type"},
		{'t', "is a TOAST table"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kind == kind)
			table_refuse(t, ERR_CONFIG, kinds[i].what, "");
	if (persistence == 't')
		table_refuse(t, ERR_CONFIG, "is a temporary table", "");
	if (persistence == 'u')
		table_refuse(t, ERR_CONFIG,
			     "is an unlogged table: a crash empties it without a trace",
			     "ALTER TABLE ... SET LOGGED");
}

static void refuse_schema(struct table *t)
{
	if (strcmp(t->schema, PG_SCHEMA) == 0)
		table_refuse(t, ERR_CONFIG,
			     "belongs to the outbox itself: it would capture its own events", "");
	if (strncmp(t->schema, "pg_", 3) == 0 || strcmp(t->schema, "information_schema") == 0)
		table_refuse(t, ERR_CONFIG, "is a system catalog", "");
}

/* ---- reading the catalog ---- */

static ATTR_MUST_CHECK enum err_code load_columns(struct pg_admin *a, struct table *t,
						  struct err *e)
{
	const char *const values[] = {t->oid};
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(
		a,
		"SELECT attname FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 "
		"AND NOT attisdropped ORDER BY attnum",
		1, values, &res, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++)
		code = table_list_add(&t->columns, PQgetvalue(res, i, 0), e);
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_key(struct pg_admin *a, struct table *t, struct err *e)
{
	const char *const values[] = {t->oid};
	PGresult *res;
	bool taken = false;
	int i;
	enum err_code code = table_take_configured_key(t, &taken, e);

	if (code != ERR_OK || taken)
		return code;
	code = pg_admin_query(
		a,
		"SELECT a.attname FROM pg_index i "
		"CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(num, pos) "
		"JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num "
		"WHERE i.indrelid = $1::oid AND i.indisprimary "
		"AND k.pos <= i.indnkeyatts ORDER BY k.pos",
		1, values, &res, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++)
		code = table_list_add(&t->key, PQgetvalue(res, i, 0), e);
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_partitions(struct pg_admin *a, struct table *t,
						     struct err *e)
{
	const char *const values[] = {t->oid};
	struct table_name *p;
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(
		a,
		"SELECT n.nspname, c.relname FROM pg_partition_tree($1::oid) p "
		"JOIN pg_class c ON c.oid = p.relid JOIN pg_namespace n ON n.oid = c.relnamespace "
		"WHERE p.level > 0 AND c.relkind IN ('r', 'p') ORDER BY 1, 2",
		1, values, &res, e);

	if (code != ERR_OK)
		return code;
	t->parts = mem_calloc((size_t)PQntuples(res), sizeof(*t->parts));
	if (!t->parts)
		code = err_set(e, ERR_NOMEM, "no memory for the partitions of %s", t->label);
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		p = &t->parts[t->part_count++];
		p->schema = mem_strdup(PQgetvalue(res, i, 0));
		p->name = mem_strdup(PQgetvalue(res, i, 1));
		if (!p->schema || !p->name)
			code = err_set(e, ERR_NOMEM, "no memory for the partitions of %s",
				       t->label);
	}
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_details(struct pg_admin *a, struct table *t,
						  struct err *e)
{
	enum err_code code = load_columns(a, t, e);

	if (code == ERR_OK)
		code = load_key(a, t, e);
	if (code == ERR_OK)
		code = load_partitions(a, t, e);
	if (code != ERR_OK)
		return code;
	table_refuse_unknown_columns(t);
	return ERR_OK;
}

/* "did you mean" for a table: one of any schema that is called nearly so. */
static ATTR_MUST_CHECK enum err_code suggest_table(struct pg_admin *a, struct table *t,
						   struct err *e)
{
	const char *const values[] = {t->schema};
	struct suggest near;
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(
		a,
		"SELECT n.nspname || '.' || c.relname, c.relname FROM pg_class c "
		"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
		"AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '" PG_SCHEMA
		"') ORDER BY n.nspname <> $1, 1, 2 LIMIT 10000",
		1, values, &res, e);

	if (code != ERR_OK)
		return code;
	suggest_init(&near, text_of(t->name));
	for (i = 0; i < PQntuples(res); i++)
		suggest_add(&near, PQgetvalue(res, i, 1));
	for (i = 0; suggest_best(&near) && i < PQntuples(res); i++) {
		if (PQgetvalue(res, i, 1) != suggest_best(&near))
			continue;
		(void)snprintf(t->hint, sizeof(t->hint), "did you mean %.127s?",
			       PQgetvalue(res, i, 0));
	}
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code add_missing(struct pg_admin *a, struct tables *out,
						 size_t pipeline,
						 const struct table_settings *settings,
						 struct err *e)
{
	const char *schema = settings->schema ? settings->schema : "public";
	bool all = strcmp(settings->table, "*") == 0;
	struct table *t;
	enum err_code code;

	code = tables_add(out, pipeline, settings, schema, settings->table, &t, e);
	if (code != ERR_OK)
		return code;
	refuse_schema(t);
	if (t->problem != ERR_OK)
		return ERR_OK;
	table_refuse(t, ERR_NOT_FOUND, all ? "no table in this schema" : "no such table", "");
	return suggest_table(a, t, e);
}

/* One row of find_sql. */
static ATTR_MUST_CHECK enum err_code add_found(struct pg_admin *a, struct tables *out,
					       size_t pipeline,
					       const struct table_settings *settings, PGresult *res,
					       int row, struct err *e)
{
	const char *schema = PQgetvalue(res, row, 0), *name = PQgetvalue(res, row, 1);
	struct table *t;
	enum err_code code;

	if (tables_has(out, pipeline, schema, name))
		return ERR_OK;
	code = tables_add(out, pipeline, settings, schema, name, &t, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(t->oid, sizeof(t->oid), "%.15s", PQgetvalue(res, row, 2));
	refuse_schema(t);
	refuse_kind(t, PQgetvalue(res, row, 3)[0], PQgetvalue(res, row, 4)[0]);
	if (!PQgetisnull(res, row, 5))
		table_refuse(t, ERR_CONFIG, "is a partition: capture the whole table",
			     PQgetvalue(res, row, 5));
	return t->problem == ERR_OK ? load_details(a, t, e) : ERR_OK;
}

struct loading {
	struct pg_admin *a;
	struct tables *out;
};

static ATTR_MUST_CHECK enum err_code
load_entry(void *ctx, size_t pipeline, const struct table_settings *settings, struct err *e)
{
	const struct loading *l = ctx;
	struct tables *out = l->out;
	struct pg_admin *a = l->a;
	static const char find_sql[] =
		"SELECT n.nspname, c.relname, c.oid, c.relkind, c.relpersistence, "
		"CASE WHEN c.relispartition THEN (SELECT 'it is ' || pn.nspname || '.' || "
		"p.relname "
		"FROM pg_class p JOIN pg_namespace pn ON pn.oid = p.relnamespace "
		"WHERE p.oid = pg_partition_root(c.oid)) END "
		"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = $1 AND CASE WHEN $2 = '*' THEN n.nspname <> '" PG_SCHEMA "' AND "
		"c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition "
		"ELSE c.relname = $2 END ORDER BY c.relname";
	const char *values[] = {settings->schema ? settings->schema : "public", settings->table};
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(a, find_sql, 2, values, &res, e);

	if (code != ERR_OK)
		return code;
	if (PQntuples(res) == 0)
		code = add_missing(a, out, pipeline, settings, e);
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++)
		code = add_found(a, out, pipeline, settings, res, i, e);
	PQclear(res);
	return code;
}

enum err_code pg_tables_load(struct pg_admin *a, struct tables *out, struct err *e)
{
	struct loading l = {a, out};

	*out = (struct tables){0};
	return tables_each_entry(a->settings, a->source_index, load_entry, &l, e);
}

/* ---- triggers of a table ---- */

struct pg_trigger pg_table_trigger(const struct pg_admin *a, const struct table *t, enum op op)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];

	return (struct pg_trigger){
		.pipeline = p->name,
		.schema = t->schema,
		.table = t->name,
		.on_schema = t->schema,
		.on_table = t->name,
		.op = op,
		.where = t->settings->where[op],
		.cap_bytes = a->source->max_event_bytes,
		.columns = &t->settings->columns,
		.exclude = &t->settings->exclude,
		.key = &t->key,
		.always = p->always,
	};
}

enum err_code pg_table_check_filters(struct pg_admin *a, const struct table *t, struct err *e)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];
	struct pg_trigger trigger;
	enum err_code code = ERR_OK;
	struct buf sql;
	enum op op;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		trigger = pg_table_trigger(a, t, op);
		if (!p->operations[op] || !trigger.where)
			continue;
		buf_reset(&sql);
		pg_trigger_filter_probe(&sql, &trigger);
		code = buf_error(&sql);
		if (code == ERR_OK)
			code = pg_conn_prepare(a->conn, "", buf_str(&sql), e);
		if (code != ERR_OK && code != ERR_UNAVAILABLE && code != ERR_NOMEM)
			code = table_filter_error(t, p->name, op, e);
	}
	buf_done(&sql);
	return code;
}
