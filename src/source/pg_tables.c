/* SPDX-License-Identifier: MIT */
#include "source/pg_tables.h"
#include "config/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/pg_near.h"

/* ---- lists ---- */

static void list_done(struct string_list *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		mem_free(l->items[i]);
	mem_free(l->items);
	*l = (struct string_list){0};
}

static ATTR_MUST_CHECK enum err_code list_push(struct string_list *l, const char *s, struct err *e)
{
	char **items = mem_realloc(l->items, (l->count + 2) * sizeof(*items));

	if (items)
		l->items = items;
	if (!items || !(items[l->count] = mem_strdup(s)))
		return err_set(e, ERR_NOMEM, "no memory for a list of columns");
	items[++l->count] = NULL;
	return ERR_OK;
}

static void table_done(struct pg_table *t)
{
	size_t i;

	for (i = 0; i < t->partition_count; i++) {
		mem_free(t->partitions[i].schema);
		mem_free(t->partitions[i].name);
	}
	mem_free(t->partitions);
	list_done(&t->live);
	list_done(&t->key);
	mem_free(t->schema);
	mem_free(t->name);
}

void pg_tables_done(struct pg_tables *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		table_done(&t->items[i]);
	mem_free(t->items);
	*t = (struct pg_tables){0};
}

static struct pg_table *tables_push(struct pg_tables *t)
{
	size_t cap = t->cap ? t->cap * 2 : 16;
	struct pg_table *items;

	if (t->count == t->cap) {
		items = mem_realloc(t->items, cap * sizeof(*items));
		if (!items)
			return NULL;
		t->items = items;
		t->cap = cap;
	}
	t->items[t->count] = (struct pg_table){0};
	return &t->items[t->count++];
}

static struct pg_table *tables_find(struct pg_tables *t, size_t pipeline, const char *schema,
				    const char *name)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->items[i].pipeline == pipeline && strcmp(t->items[i].name, name) == 0 &&
		    strcmp(t->items[i].schema, schema) == 0)
			return &t->items[i];
	return NULL;
}

/* ---- what cannot be captured ---- */

static void refuse(struct pg_table *t, enum err_code code, const char *message, const char *hint)
{
	if (t->problem != ERR_OK)
		return;
	t->problem = code;
	(void)snprintf(t->message, sizeof(t->message), "%s", message);
	(void)snprintf(t->hint, sizeof(t->hint), "%s", hint);
}

static void refuse_kind(struct pg_table *t, char kind, char persistence)
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
			refuse(t, ERR_CONFIG, kinds[i].what, "");
	if (persistence == 't')
		refuse(t, ERR_CONFIG, "is a temporary table", "");
	if (persistence == 'u')
		refuse(t, ERR_CONFIG, "is an unlogged table: a crash empties it without a trace",
		       "ALTER TABLE ... SET LOGGED");
}

static void refuse_schema(struct pg_table *t)
{
	if (strcmp(t->schema, PG_SCHEMA) == 0)
		refuse(t, ERR_CONFIG,
		       "belongs to the outbox itself: it would capture its own events", "");
	if (strncmp(t->schema, "pg_", 3) == 0 || strcmp(t->schema, "information_schema") == 0)
		refuse(t, ERR_CONFIG, "is a system catalog", "");
}

static void refuse_unknown_columns(struct pg_table *t, const struct string_list *names,
				   const char *setting)
{
	char message[256], hint[256];
	const char *near;
	size_t i;

	for (i = 0; i < names->count; i++) {
		if (string_list_has(&t->live, names->items[i]))
			continue;
		near = pg_near(&t->live, names->items[i]);
		(void)snprintf(message, sizeof(message), "has no column \"%.63s\", named in %s",
			       names->items[i], setting);
		hint[0] = '\0';
		if (near)
			(void)snprintf(hint, sizeof(hint), "did you mean \"%.63s\"?", near);
		refuse(t, ERR_CONFIG, message, hint);
	}
}

/* ---- reading the catalog ---- */

static ATTR_MUST_CHECK enum err_code load_columns(struct pg_admin *a, struct pg_table *t,
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
		code = list_push(&t->live, PQgetvalue(res, i, 0), e);
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_key(struct pg_admin *a, struct pg_table *t, struct err *e)
{
	const char *const values[] = {t->oid};
	PGresult *res;
	size_t k;
	int i;
	enum err_code code = ERR_OK;

	if (t->settings->key.count) {
		for (k = 0; k < t->settings->key.count && code == ERR_OK; k++)
			code = list_push(&t->key, t->settings->key.items[k], e);
		return code;
	}
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
		code = list_push(&t->key, PQgetvalue(res, i, 0), e);
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_partitions(struct pg_admin *a, struct pg_table *t,
						     struct err *e)
{
	const char *const values[] = {t->oid};
	struct pg_table_name *p;
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
	t->partitions = mem_calloc((size_t)PQntuples(res), sizeof(*t->partitions));
	if (!t->partitions)
		code = err_set(e, ERR_NOMEM, "no memory for the partitions of %s", t->label);
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		p = &t->partitions[t->partition_count++];
		p->schema = mem_strdup(PQgetvalue(res, i, 0));
		p->name = mem_strdup(PQgetvalue(res, i, 1));
		if (!p->schema || !p->name)
			code = err_set(e, ERR_NOMEM, "no memory for the partitions of %s",
				       t->label);
	}
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_details(struct pg_admin *a, struct pg_table *t,
						  struct err *e)
{
	enum err_code code = load_columns(a, t, e);

	if (code == ERR_OK)
		code = load_key(a, t, e);
	if (code == ERR_OK)
		code = load_partitions(a, t, e);
	if (code != ERR_OK)
		return code;
	refuse_unknown_columns(t, &t->settings->key, "key");
	refuse_unknown_columns(t, &t->settings->columns, "columns");
	refuse_unknown_columns(t, &t->settings->exclude, "exclude");
	return ERR_OK;
}

/* Only the name that was asked for exists to make a table from. */
static ATTR_MUST_CHECK enum err_code table_init(struct pg_table *t, size_t pipeline,
						const struct table_settings *settings,
						const char *schema, const char *name, struct err *e)
{
	t->pipeline = pipeline;
	t->settings = settings;
	t->schema = mem_strdup(schema);
	t->name = mem_strdup(name);
	if (!t->schema || !t->name)
		return err_set(e, ERR_NOMEM, "no memory for table %s", name);
	(void)snprintf(t->label, sizeof(t->label), "%.63s.%.63s", schema, name);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code add_missing(struct pg_admin *a, struct pg_tables *out,
						 size_t pipeline,
						 const struct table_settings *settings,
						 struct err *e)
{
	const char *schema = settings->schema ? settings->schema : "public";
	struct pg_table *t = tables_push(out);
	bool all = strcmp(settings->table, "*") == 0;
	enum err_code code;

	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for table %s", settings->table);
	code = table_init(t, pipeline, settings, schema, settings->table, e);
	if (code != ERR_OK)
		return code;
	refuse_schema(t);
	if (t->problem != ERR_OK)
		return ERR_OK;
	refuse(t, ERR_NOT_FOUND, all ? "no table in this schema" : "no such table", "");
	return pg_near_table(a, schema, settings->table, t->hint, sizeof(t->hint), e);
}

/* One row of find_sql. */
static ATTR_MUST_CHECK enum err_code add_found(struct pg_admin *a, struct pg_tables *out,
					       size_t pipeline,
					       const struct table_settings *settings, PGresult *res,
					       int row, struct err *e)
{
	const char *schema = PQgetvalue(res, row, 0), *name = PQgetvalue(res, row, 1);
	struct pg_table *t;
	enum err_code code;

	if (tables_find(out, pipeline, schema, name))
		return ERR_OK;
	t = tables_push(out);
	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for table %s", name);
	code = table_init(t, pipeline, settings, schema, name, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(t->oid, sizeof(t->oid), "%.15s", PQgetvalue(res, row, 2));
	refuse_schema(t);
	refuse_kind(t, PQgetvalue(res, row, 3)[0], PQgetvalue(res, row, 4)[0]);
	if (!PQgetisnull(res, row, 5))
		refuse(t, ERR_CONFIG, "is a partition: capture the whole table",
		       PQgetvalue(res, row, 5));
	return t->problem == ERR_OK ? load_details(a, t, e) : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code load_entry(struct pg_admin *a, struct pg_tables *out,
						size_t pipeline,
						const struct table_settings *settings,
						struct err *e)
{
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

enum err_code pg_tables_load(struct pg_admin *a, struct pg_tables *out, struct err *e)
{
	const struct pipeline_settings *p;
	enum err_code code = ERR_OK;
	size_t i, k;
	int stars;

	*out = (struct pg_tables){0};
	for (i = 0; i < a->settings->pipeline_count; i++) {
		p = &a->settings->pipelines[i];
		if (!pg_admin_has_pipeline(a, i))
			continue;
		/* named tables first, so that theirs is the entry that counts */
		for (stars = 0; stars < 2; stars++)
			for (k = 0; k < p->table_count && code == ERR_OK; k++)
				if ((strcmp(p->tables[k].table, "*") == 0) == stars)
					code = load_entry(a, out, i, &p->tables[k], e);
	}
	return code;
}

/* ---- triggers of a table ---- */

struct pg_trigger pg_table_trigger(const struct pg_admin *a, const struct pg_table *t, enum op op)
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

enum err_code pg_table_check_filters(struct pg_admin *a, const struct pg_table *t, struct err *e)
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
		if (code != ERR_OK && code != ERR_UNAVAILABLE && code != ERR_NOMEM) {
			(void)err_prefix(e, "%s, pipeline %s, where for %s", t->label, p->name,
					 op_name(op));
			code = ERR_CONFIG;
			if (e)
				e->code = code;
		}
	}
	buf_done(&sql);
	return code;
}
