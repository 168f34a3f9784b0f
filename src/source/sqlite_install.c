/* SPDX-License-Identifier: MIT */
/*
 * Order: look at everything and refuse what cannot be; then all changes in one transaction, since
 * SQLite has but one writer: tables, triggers, what is no longer configured. Before it commits, the
 * application's statements are prepared against the new triggers: what could not be
 * prepared would fail for the application.
 */
#include "source/sqlite_install.h"

#include <stdio.h>
#include <string.h>

#include "source/report.h"
#include "source/sqlite_schema.h"

/* ---- looking ---- */

static ATTR_MUST_CHECK enum err_code look(struct sqlite_admin *a, struct tables *tables,
					  struct err *e)
{
	enum err_code code = sqlite_tables_load(a, tables, e);
	size_t i;

	if (code == ERR_OK)
		code = report_problems(a->options, a->settings, tables, e);
	for (i = 0; i < tables->count && code == ERR_OK; i++)
		code = sqlite_table_check_filters(a, &tables->items[i], e);
	return code;
}

/* ---- one table ---- */

struct putting {
	bool changed;
	struct buf names; /* of all triggers, one a line */
};

static ATTR_MUST_CHECK enum err_code
put_trigger(struct sqlite_admin *a, const struct sqlite_trigger *t, void *ctx, struct err *e)
{
	enum sqlite_trigger_state state = SQLITE_TRIGGER_DIFFERS;
	struct putting *p = ctx;
	enum err_code code = ERR_OK;
	struct buf sql, name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_trigger_name(&name, t);
	if (buf_error(&name) != ERR_OK)
		sql.error = buf_error(&name);
	buf_add_fmt(&p->names, "%s%s", p->names.len ? "\n" : "", buf_str(&name));
	if (!a->options->print_only)
		code = sqlite_trigger_compare(a, t, &state, e);
	if (code == ERR_OK && state != SQLITE_TRIGGER_OK) {
		p->changed = true;
		if (state != SQLITE_TRIGGER_ABSENT) {
			buf_add_str(&sql, "DROP TRIGGER IF EXISTS ");
			sqlite_quote_ident(&sql, buf_str(&name));
			code = sqlite_admin_run_buf(a, &sql, e);
			buf_reset(&sql);
		}
		sqlite_trigger_create(&sql, t);
		if (code == ERR_OK)
			code = sqlite_admin_run_buf(a, &sql, e);
	}
	buf_done(&sql);
	buf_done(&name);
	return code;
}

static ATTR_MUST_CHECK enum err_code put_captured(struct sqlite_admin *a, const struct table *t,
						  const struct buf *names, struct err *e)
{
	enum err_code code;
	struct buf sql;

	if (buf_error(names) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for table %s", t->label);
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "INSERT INTO " SQLITE_CAPTURED " AS old (pipeline, table_name, "
			  "fingerprint, options, trigger_names)\n\tSELECT c.pipeline, "
			  "c.table_name, " SQLITE_COLUMNS_NOW ",\n\tifnull(" SQLITE_TRIGGERS_NOW
			  ", ''), c.names\n\tFROM (SELECT ");
	sqlite_quote_literal(&sql, a->settings->pipelines[t->pipeline].name);
	buf_add_str(&sql, " AS pipeline, ");
	sqlite_quote_literal(&sql, t->name);
	buf_add_str(&sql, " AS table_name, ");
	sqlite_quote_literal(&sql, buf_str(names));
	buf_add_str(&sql, " AS names) AS c WHERE true\n\t"
			  "ON CONFLICT (pipeline, table_name) DO UPDATE SET fingerprint = "
			  "excluded.fingerprint, options = excluded.options, trigger_names = "
			  "excluded.trigger_names, installed_at = excluded.installed_at "
			  "WHERE old.fingerprint <> excluded.fingerprint OR old.options <> "
			  "excluded.options OR old.trigger_names <> excluded.trigger_names");
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static void find_installed(struct sqlite_admin *a, const struct table *t, bool already)
{
	char operations[64] = "";
	size_t used = 0;
	enum op op;

	for (op = 0; op < OP_COUNT; op++)
		if (sqlite_table_wants(a, t, op))
			used += (size_t)snprintf(operations + used, sizeof(operations) - used,
						 "%s%s", used ? ", " : "", op_name(op));
	sqlite_admin_find(a, FINDING_OK, t->label, NULL, "%s for pipeline %s: %s",
			  already ? "already installed" : "installed",
			  a->settings->pipelines[t->pipeline].name, operations);
}

/* ---- would the application's statements work? ---- */

/* One statement of each kind, as the application might make it. They are never run. */
static void add_statement(struct buf *sql, const struct table *t, enum op op)
{
	switch (op) {
	case OP_INSERT:
		buf_add_str(sql, "INSERT INTO main.");
		sqlite_quote_ident(sql, t->name);
		buf_add_str(sql, " DEFAULT VALUES");
		break;
	case OP_DELETE:
		buf_add_str(sql, "DELETE FROM main.");
		sqlite_quote_ident(sql, t->name);
		/* without a condition, and before there are triggers, it needs less to be known */
		buf_add_str(sql, " WHERE ");
		sqlite_quote_ident(sql, t->columns.items[0]);
		buf_add_str(sql, " IS NULL");
		break;
	default:
		buf_add_str(sql, "UPDATE main.");
		sqlite_quote_ident(sql, t->name);
		buf_add_str(sql, " SET ");
		sqlite_quote_ident(sql, t->columns.items[0]);
		buf_add_str(sql, " = NULL");
	}
}

/* Bit op of *ret_mask: it can be prepared. It may fail without our doing, as when a trigger calls a
 * function that only the application has. */
static ATTR_MUST_CHECK enum err_code try_statements(struct sqlite_admin *a, const struct table *t,
						    unsigned *ret_mask, struct err *ret_why,
						    struct err *e)
{
	sqlite3_stmt *stmt;
	enum err_code code = ERR_OK;
	struct buf sql;
	enum op op;

	*ret_mask = 0;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	for (op = 0; op < OP_TRUNCATE && code == ERR_OK; op++) {
		buf_reset(&sql);
		add_statement(&sql, t, op);
		if (buf_error(&sql) != ERR_OK) {
			code = err_set(e, ERR_NOMEM, "no memory for a statement");
			break;
		}
		code = sqlite_conn_prepare(a->conn, buf_str(&sql), &stmt, ret_why);
		if (code == ERR_OK) {
			*ret_mask |= 1U << op;
			(void)sqlite3_finalize(stmt);
		} else if (code == ERR_DB || code == ERR_NOT_FOUND || code == ERR_DENIED) {
			code = ERR_OK;
		} else if (e) {
			*e = *ret_why;
		}
	}
	buf_done(&sql);
	return code;
}

/* ---- the transaction ---- */

static ATTR_MUST_CHECK enum err_code put_table(struct sqlite_admin *a, const struct table *t,
					       struct err *e)
{
	unsigned before = 0, after = 0;
	struct putting p = {.changed = false};
	struct err why;
	enum err_code code;

	sqlite_admin_comment(a, "%s, pipeline %s", t->label,
			     a->settings->pipelines[t->pipeline].name);
	buf_init(&p.names, SQLITE_SQL_MAX_BYTES);
	code = try_statements(a, t, &before, &why, e);
	if (code == ERR_OK)
		code = sqlite_table_each_trigger(a, t, put_trigger, &p, e);
	if (code == ERR_OK)
		code = put_captured(a, t, &p.names, e);
	if (code == ERR_OK)
		code = try_statements(a, t, &after, &why, e);
	if (code == ERR_OK && (before & ~after))
		code = err_set(e, ERR_CONFIG,
			       "%s, pipeline %s: with its triggers the application could no longer "
			       "write: %.400s",
			       t->label, a->settings->pipelines[t->pipeline].name, why.msg);
	buf_done(&p.names);
	if (code == ERR_OK)
		find_installed(a, t, !p.changed);
	return code;
}

static ATTR_MUST_CHECK enum err_code remove_stale(struct sqlite_admin *a, const char *name,
						  const char *table, void *ctx, struct err *e)
{
	(void)ctx;
	sqlite_admin_comment(a, "%s: no longer configured", table);
	return sqlite_trigger_remove(a, name, table, ": no longer configured", e);
}

static ATTR_MUST_CHECK enum err_code
remove_stale_captured(struct sqlite_admin *a, const struct tables *tables, struct err *e)
{
	enum err_code code;
	struct buf sql;
	size_t i;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "DELETE FROM " SQLITE_CAPTURED);
	for (i = 0; i < tables->count; i++) {
		buf_add_str(&sql,
			    i ? ",\n\t(" : " WHERE (pipeline, table_name) NOT IN (VALUES\n\t(");
		sqlite_quote_literal(&sql, a->settings->pipelines[tables->items[i].pipeline].name);
		buf_add_str(&sql, ", ");
		sqlite_quote_literal(&sql, tables->items[i].name);
		buf_add_char(&sql, ')');
	}
	if (tables->count)
		buf_add_char(&sql, ')');
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code install_all(struct sqlite_admin *a, void *ctx, struct err *e)
{
	struct tables *tables = ctx;
	enum err_code code = look(a, tables, e);
	size_t i;

	if (code == ERR_OK)
		code = sqlite_schema_install(a, e);
	for (i = 0; i < tables->count && code == ERR_OK; i++)
		code = put_table(a, &tables->items[i], e);
	if (code == ERR_OK)
		code = sqlite_triggers_stale(a, tables, remove_stale, NULL, e);
	if (code == ERR_OK)
		code = remove_stale_captured(a, tables, e);
	return code;
}

/* ---- the whole ---- */

/* Rows of a pipeline that nobody reads any more stay for ever: say so. */
static void find_orphan(struct sqlite_admin *a, const char *pipeline)
{
	sqlite_admin_find(a, FINDING_WARN, pipeline,
			  "configure it until they are delivered, or delete them",
			  "this pipeline is no longer configured and has undelivered events");
}

enum err_code sqlite_install(const struct settings *s, size_t source,
			     const struct install_options *o, struct err *e)
{
	struct tables tables = {0};
	struct sqlite_admin a;
	enum err_code code = sqlite_admin_open(&a, s, source, o, o && o->print_only, e);

	if (code != ERR_OK)
		return code;
	sqlite_admin_comment(&a, "%s, source %s", a.server, a.source->name);
	if (!a.options->print_only)
		code = sqlite_admin_lock(&a, false, e);
	/* what is installed must be there after a power cut */
	if (code == ERR_OK && !a.options->print_only)
		code = sqlite_conn_exec(a.conn, "PRAGMA synchronous = FULL", e);
	if (code == ERR_OK)
		code = sqlite_admin_transaction(&a, install_all, &tables, e);
	if (code == ERR_OK && !a.options->print_only)
		code = sqlite_pipelines_orphaned(&a, find_orphan, e);
	tables_done(&tables);
	sqlite_admin_close(&a);
	return code;
}
