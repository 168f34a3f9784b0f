/* SPDX-License-Identifier: MIT */
/*
 * Order: look at everything and refuse what cannot be; then the schema; then each table in a
 * transaction of its own; then what is no longer configured. A table whose triggers are right
 * already is not locked at all, so that a repeated install costs the application nothing.
 */
#include "source/pg_install.h"

#include <stdio.h>
#include <string.h>

#include "source/pg_quote.h"
#include "source/pg_schema.h"
#include "source/report.h"

/* ---- looking ---- */

static ATTR_MUST_CHECK enum err_code look(struct pg_admin *a, struct tables *tables, struct err *e)
{
	enum err_code code = pg_tables_load(a, tables, e);
	size_t i;

	if (code == ERR_OK)
		code = report_problems(a->options, a->settings, tables, e);
	for (i = 0; i < tables->count && code == ERR_OK; i++)
		code = pg_table_check_filters(a, &tables->items[i], e);
	return code;
}

/* ---- one table ---- */

static ATTR_MUST_CHECK enum err_code put_trigger(struct pg_admin *a, const struct pg_trigger *t,
						 void *ctx, struct err *e)
{
	bool or_replace = a->version >= 140000;
	enum pg_trigger_state state = PG_TRIGGER_ABSENT;
	char name[PG_NAME_BYTES];
	enum err_code code = ERR_OK;
	struct buf sql;

	(void)ctx;
	if (!a->options->print_only)
		code = pg_trigger_compare(a, t, &state, e);
	if (code != ERR_OK || state == PG_TRIGGER_OK)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	if (!or_replace && (state == PG_TRIGGER_DIFFERS || a->options->print_only)) {
		pg_trigger_name(t->pipeline, t->op, name);
		pg_trigger_drop(&sql, t->on_schema, t->on_table, name);
		code = pg_admin_run_buf(a, &sql, e);
		buf_reset(&sql);
	}
	if (code == ERR_OK && state != PG_TRIGGER_DISABLED) {
		pg_trigger_create(&sql, t, or_replace);
		code = pg_admin_run_buf(a, &sql, e);
		buf_reset(&sql);
	}
	/* a replaced trigger keeps being disabled or goes back to ordinary: say which it is */
	if (code == ERR_OK && (t->always || state != PG_TRIGGER_ABSENT)) {
		pg_trigger_enable(&sql, t);
		code = pg_admin_run_buf(a, &sql, e);
	}
	buf_done(&sql);
	return code;
}

struct options_call {
	struct buf options; /* every argument of every trigger */
	struct buf names;   /* array literal content of the triggers on the table itself */
	const struct table *table;
};

static ATTR_MUST_CHECK enum err_code add_options(struct pg_admin *a, const struct pg_trigger *t,
						 void *ctx, struct err *e)
{
	struct options_call *c = ctx;
	char name[PG_NAME_BYTES];

	(void)a;
	(void)e;
	if (t->on_schema != c->table->schema || t->on_table != c->table->name)
		return ERR_OK;
	pg_trigger_name(t->pipeline, t->op, name);
	buf_add_fmt(&c->names, "%s'%s'", c->names.len ? ", " : "", name);
	buf_add_fmt(&c->options, "%s%s\n", op_name(t->op), t->always ? " always" : "");
	pg_trigger_args(&c->options, t, '\n');
	return ERR_OK;
}

static void captured_sql(struct buf *sql, const struct pg_admin *a, const struct table *t,
			 const struct options_call *c)
{
	buf_add_str(sql, "INSERT INTO " PG_SCHEMA ".captured AS c (pipeline, schema_name, "
			 "table_name, fingerprint, options, trigger_names)\n\tSELECT ");
	pg_quote_literal(sql, text_of(a->settings->pipelines[t->pipeline].name));
	buf_add_str(sql, ", n.nspname, k.relname,\n\t" PG_FINGERPRINT("k.oid",
								      "o.options") ",\n"
										   "\to.options, ");
	buf_add_fmt(sql, "ARRAY[%s]::name[]\n\tFROM (SELECT ", buf_str(&c->names));
	pg_quote_literal(sql, buf_text(&c->options));
	buf_add_str(sql, "::text AS options) o, pg_class k JOIN pg_namespace n "
			 "ON n.oid = k.relnamespace\n\tWHERE n.nspname = ");
	pg_quote_literal(sql, text_of(t->schema));
	buf_add_str(sql, " AND k.relname = ");
	pg_quote_literal(sql, text_of(t->name));
	buf_add_str(sql, "\n\tON CONFLICT (pipeline, schema_name, table_name) DO UPDATE SET "
			 "fingerprint = EXCLUDED.fingerprint, options = EXCLUDED.options, "
			 "trigger_names = EXCLUDED.trigger_names, installed_at = now() "
			 "WHERE c.fingerprint <> EXCLUDED.fingerprint");
}

static ATTR_MUST_CHECK enum err_code put_captured(struct pg_admin *a, const struct table *t,
						  struct err *e)
{
	struct options_call c = {.table = t};
	enum err_code code;
	struct buf sql;

	buf_init(&c.options, PG_SQL_MAX_BYTES);
	buf_init(&c.names, PG_SQL_MAX_BYTES);
	buf_init(&sql, PG_SQL_MAX_BYTES);
	code = pg_table_each_trigger(a, t, add_options, &c, e);
	if (code == ERR_OK && (buf_error(&c.options) != ERR_OK || buf_error(&c.names) != ERR_OK))
		code = err_set(e, ERR_NOMEM, "no memory for table %s", t->label);
	if (code == ERR_OK) {
		captured_sql(&sql, a, t, &c);
		code = pg_admin_run_buf(a, &sql, e);
	}
	buf_done(&sql);
	buf_done(&c.names);
	buf_done(&c.options);
	return code;
}

/* Before looking, so that nobody changes what is found. LOCK TABLE asks for the right to write,
 * which a role that may only create triggers has not: the first trigger takes the same lock then.
 */
static ATTR_MUST_CHECK enum err_code lock_table(struct pg_admin *a, const struct table *t,
						struct err *e)
{
	const char *const values[] = {t->oid};
	int64_t may = 1;
	enum err_code code = ERR_OK;
	struct buf sql;

	if (!a->options->print_only)
		code = pg_admin_number(
			a, "SELECT has_table_privilege($1::oid, 'UPDATE, DELETE, TRUNCATE')::int",
			1, values, 0, &may, e);
	if (code != ERR_OK || !may)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_str(&sql, "LOCK TABLE ");
	pg_quote_name(&sql, t->schema, t->name);
	buf_add_str(&sql, " IN SHARE ROW EXCLUSIVE MODE");
	code = pg_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code table_work(struct pg_admin *a, void *ctx, struct err *e)
{
	const struct table *t = ctx;
	enum err_code code = lock_table(a, t, e);

	if (code == ERR_OK)
		code = pg_table_each_trigger(a, t, put_trigger, NULL, e);
	if (code == ERR_OK)
		code = put_captured(a, t, e);
	return code;
}

static ATTR_MUST_CHECK enum err_code count_wrong(struct pg_admin *a, const struct pg_trigger *t,
						 void *ctx, struct err *e)
{
	enum pg_trigger_state state = PG_TRIGGER_ABSENT;
	enum err_code code = pg_trigger_compare(a, t, &state, e);

	if (code == ERR_OK && state != PG_TRIGGER_OK)
		++*(int *)ctx;
	return code;
}

/* Words of the server about this one table, as an error of the configuration. */
static ATTR_MUST_CHECK enum err_code table_error(const struct pg_admin *a, const struct table *t,
						 enum err_code code, struct err *e)
{
	switch (code) {
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
	case ERR_DENIED:
	case ERR_NOMEM:
		break;
	default:
		code = ERR_CONFIG;
	}
	if (e)
		e->code = code;
	(void)err_prefix(e, "%s, pipeline %s", t->label, a->settings->pipelines[t->pipeline].name);
	return code;
}

static void find_installed(struct pg_admin *a, const struct table *t, bool already)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];
	char operations[64] = "";
	size_t used = 0;
	enum op op;

	for (op = 0; op < OP_COUNT; op++)
		if (p->operations[op])
			used += (size_t)snprintf(operations + used, sizeof(operations) - used,
						 "%s%s", used ? ", " : "", op_name(op));
	pg_admin_find(a, FINDING_OK, t->label, NULL, "%s for pipeline %s: %s",
		      already ? "already installed" : "installed", p->name, operations);
}

static ATTR_MUST_CHECK enum err_code install_table(struct pg_admin *a, struct table *t,
						   struct err *e)
{
	enum err_code code = ERR_OK;
	int wrong = 0;

	pg_admin_comment(a, "%s, pipeline %s", t->label, a->settings->pipelines[t->pipeline].name);
	if (!a->options->print_only)
		code = pg_table_each_trigger(a, t, count_wrong, &wrong, e);
	if (code == ERR_OK && !wrong && !a->options->print_only) {
		/* the list may still be behind: columns added since, or restored from elsewhere */
		code = put_captured(a, t, e);
		if (code == ERR_OK)
			find_installed(a, t, true);
		return code;
	}
	if (code == ERR_OK)
		code = pg_admin_transaction(a, t->label, table_work, t, e);
	if (code != ERR_OK)
		return table_error(a, t, code, e);
	find_installed(a, t, false);
	return ERR_OK;
}

/* A table that does not get its lock does not keep the others from theirs. */
static ATTR_MUST_CHECK enum err_code install_tables(struct pg_admin *a, const struct tables *tables,
						    struct err *e)
{
	enum err_code code, first = ERR_OK;
	struct err here;
	size_t i;

	for (i = 0; i < tables->count; i++) {
		code = install_table(a, &tables->items[i], &here);
		if (code == ERR_OK)
			continue;
		pg_admin_find(a, FINDING_FAIL, tables->items[i].label, NULL, "%s", here.msg);
		if (first == ERR_OK) {
			first = code;
			if (e)
				*e = here;
		}
		if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
			break;
	}
	return first;
}

/* ---- what is no longer configured ---- */

static ATTR_MUST_CHECK enum err_code
remove_stale_triggers(struct pg_admin *a, const struct tables *tables, struct err *e)
{
	const char *schema, *table, *name;
	PGresult *res;
	int i;
	enum err_code code = pg_triggers_installed(a, &res, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		schema = PQgetvalue(res, i, 0);
		table = PQgetvalue(res, i, 1);
		name = PQgetvalue(res, i, 2);
		if (pg_tables_want(a, tables, schema, table, name))
			continue;
		pg_admin_comment(a, "%s.%s: no longer configured", schema, table);
		code = pg_trigger_remove(a, schema, table, name, e);
		if (code == ERR_OK)
			pg_admin_find(a, FINDING_OK, table, NULL,
				      "removed trigger %s: no longer configured", name);
	}
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code
remove_stale_captured(struct pg_admin *a, const struct tables *tables, struct err *e)
{
	enum err_code code;
	struct buf sql;
	size_t i;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_str(&sql, "DELETE FROM " PG_SCHEMA ".captured WHERE (pipeline, schema_name, "
			  "table_name) NOT IN (VALUES ");
	for (i = 0; i < tables->count; i++) {
		buf_add_str(&sql, i ? ",\n\t(" : "(");
		pg_quote_literal(&sql,
				 text_of(a->settings->pipelines[tables->items[i].pipeline].name));
		buf_add_str(&sql, ", ");
		pg_quote_literal(&sql, text_of(tables->items[i].schema));
		buf_add_str(&sql, ", ");
		pg_quote_literal(&sql, text_of(tables->items[i].name));
		buf_add_str(&sql, ")");
	}
	buf_add_str(&sql, ")");
	code = tables->count ? pg_admin_run_buf(a, &sql, e)
			     : pg_admin_run(a, "DELETE FROM " PG_SCHEMA ".captured", e);
	buf_done(&sql);
	return code;
}

/* Rows of a pipeline that nobody reads any more stay for ever: say so. */
static ATTR_MUST_CHECK enum err_code find_orphans(struct pg_admin *a, struct err *e)
{
	const struct settings *s = a->settings;
	PGresult *res;
	size_t p;
	int i;
	enum err_code code;

	if (a->options->print_only)
		return ERR_OK;
	code = pg_schema_pipelines_undelivered(a, &res, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++) {
		for (p = 0; p < s->pipeline_count; p++)
			if (strcmp(s->pipelines[p].name, PQgetvalue(res, i, 0)) == 0)
				break;
		if (p == s->pipeline_count)
			pg_admin_find(a, FINDING_WARN, PQgetvalue(res, i, 0),
				      "configure it until they are delivered, or delete them",
				      "this pipeline is no longer configured and has undelivered "
				      "events");
	}
	PQclear(res);
	return ERR_OK;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code install_begin(struct pg_admin *a, struct err *e)
{
	char sql[80];

	if (!a->options->print_only)
		return pg_admin_lock(a, e);
	pg_admin_comment(a, "%s, source %s", a->server, a->source->name);
	(void)snprintf(sql, sizeof(sql), "SELECT pg_advisory_lock(%d, %d)", PG_LOCK_CLASS,
		       PG_LOCK_INSTALL);
	if (pg_admin_run(a, sql, e) != ERR_OK)
		return ERR_INTERNAL;
	return pg_admin_run(a, "SET search_path = pg_catalog", e);
}

enum err_code pg_install(const struct settings *s, size_t source, const struct install_options *o,
			 struct err *e)
{
	struct tables tables = {0};
	struct pg_admin a;
	enum err_code code = pg_admin_open(&a, s, source, o, e);

	if (code != ERR_OK)
		return code;
	code = install_begin(&a, e);
	if (code == ERR_OK)
		code = look(&a, &tables, e);
	if (code == ERR_OK)
		code = pg_schema_install(&a, e);
	if (code == ERR_OK)
		code = install_tables(&a, &tables, e);
	if (code == ERR_OK)
		code = remove_stale_triggers(&a, &tables, e);
	if (code == ERR_OK)
		code = remove_stale_captured(&a, &tables, e);
	if (code == ERR_OK)
		code = find_orphans(&a, e);
	tables_done(&tables);
	pg_admin_close(&a);
	return code;
}
