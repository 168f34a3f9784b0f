/* SPDX-License-Identifier: MIT */
/*
 * What is installed against what is configured. The arguments of a trigger hold its whole
 * definition, the row filter as text included, so comparing them is comparing everything.
 */
#include <stdio.h>
#include <string.h>

#include "source/pg_install.h"

/* Arguments are compared in the database's encoding. U+0001 separates them on the way: a NUL
 * cannot travel in a text parameter. */
#define ARGS_SEPARATOR '\001'

enum err_code pg_trigger_compare(struct pg_admin *a, const struct pg_trigger *t,
				 enum pg_trigger_state *ret_state, struct err *e)
{
	static const char sql[] =
		"SELECT t.tgargs = (SELECT string_agg(convert_to(x.arg, getdatabaseencoding()) || "
		"decode('00', 'hex'), ''::bytea ORDER BY x.pos) FROM unnest(string_to_array("
		"substr($4, 1, length($4) - 1), chr(1))) WITH ORDINALITY AS x(arg, pos)) "
		"AND f.proname = 'capture' AND fn.nspname = '" PG_SCHEMA "', t.tgenabled "
		"FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
		"JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc f ON f.oid = t.tgfoid "
		"JOIN pg_namespace fn ON fn.oid = f.pronamespace "
		"WHERE n.nspname = $1 AND c.relname = $2 AND t.tgname = $3";
	const char *values[4] = {t->on_schema, t->on_table};
	char name[PG_NAME_BYTES];
	struct buf args;
	PGresult *res = NULL;
	enum err_code code;

	pg_trigger_name(t->pipeline, t->op, name);
	buf_init(&args, PG_SQL_MAX_BYTES);
	pg_trigger_args(&args, t, ARGS_SEPARATOR);
	values[2] = name;
	values[3] = buf_str(&args);
	code = buf_error(&args) == ERR_OK ? pg_admin_query(a, sql, 4, values, &res, e)
					  : err_set(e, ERR_NOMEM, "no memory for a trigger");
	buf_done(&args);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) == 0)
		*ret_state = PG_TRIGGER_ABSENT;
	else if (PQgetvalue(res, 0, 0)[0] != 't')
		*ret_state = PG_TRIGGER_DIFFERS;
	else
		*ret_state = PQgetvalue(res, 0, 1)[0] == (t->always ? 'A' : 'O')
				     ? PG_TRIGGER_OK
				     : PG_TRIGGER_DISABLED;
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_table_each_trigger(struct pg_admin *a, const struct table *t, pg_trigger_fn fn,
				    void *ctx, struct err *e)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];
	struct pg_trigger trigger;
	enum err_code code = ERR_OK;
	enum op op;
	size_t i;

	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		if (!p->operations[op])
			continue;
		trigger = pg_table_trigger(a, t, op);
		code = fn(a, &trigger, ctx, e);
		/* row triggers are cloned to partitions by the server, TRUNCATE triggers are not */
		for (i = 0; op == OP_TRUNCATE && i < t->part_count && code == ERR_OK; i++) {
			trigger.on_schema = t->parts[i].schema;
			trigger.on_table = t->parts[i].name;
			code = fn(a, &trigger, ctx, e);
		}
	}
	return code;
}

enum err_code pg_triggers_installed(struct pg_admin *a, PGresult **ret_res, struct err *e)
{
	/* tgparentid came with PostgreSQL 13; before, clones are marked internal */
	return pg_admin_query(
		a,
		"SELECT n.nspname, c.relname, t.tgname FROM pg_trigger t "
		"JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = "
		"c.relnamespace "
		"JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_namespace fn ON fn.oid = "
		"f.pronamespace "
		"WHERE fn.nspname = '" PG_SCHEMA
		"' AND f.proname = 'capture' AND NOT t.tgisinternal "
		"AND coalesce(to_jsonb(t) ->> 'tgparentid', '0') = '0' ORDER BY 1, 2, 3",
		0, NULL, ret_res, e);
}

static bool table_is(const struct table *t, const char *schema, const char *table)
{
	return strcmp(t->name, table) == 0 && strcmp(t->schema, schema) == 0;
}

static bool partition_is(const struct table *t, const char *schema, const char *table)
{
	size_t i;

	for (i = 0; i < t->part_count; i++)
		if (strcmp(t->parts[i].name, table) == 0 && strcmp(t->parts[i].schema, schema) == 0)
			return true;
	return false;
}

bool pg_tables_want(const struct pg_admin *a, const struct tables *tables, const char *schema,
		    const char *table, const char *trigger)
{
	const struct pipeline_settings *p;
	char name[PG_NAME_BYTES];
	const struct table *t;
	enum op op;
	size_t i;

	for (i = 0; i < tables->count; i++) {
		t = &tables->items[i];
		p = &a->settings->pipelines[t->pipeline];
		for (op = 0; op < OP_COUNT; op++) {
			if (!p->operations[op])
				continue;
			pg_trigger_name(p->name, op, name);
			if (strcmp(name, trigger) != 0)
				continue;
			if (table_is(t, schema, table) ||
			    (op == OP_TRUNCATE && partition_is(t, schema, table)))
				return true;
		}
	}
	return false;
}

struct remove_call {
	const char *schema, *table, *name;
};

static ATTR_MUST_CHECK enum err_code remove_work(struct pg_admin *a, void *ctx, struct err *e)
{
	const struct remove_call *r = ctx;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	pg_trigger_drop(&sql, r->schema, r->table, r->name);
	code = pg_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	/* dropped or renamed since we looked: what is left is found by the next look */
	return code;
}

enum err_code pg_trigger_remove(struct pg_admin *a, const char *schema, const char *table,
				const char *name, struct err *e)
{
	struct remove_call r = {schema, table, name};
	char label[2 * PG_NAME_BYTES];

	(void)snprintf(label, sizeof(label), "%.63s.%.63s", schema, table);
	return pg_admin_transaction(a, label, remove_work, &r, e);
}
