/* SPDX-License-Identifier: MIT */
/*
 * Order: look at everything and refuse what cannot be; then our tables; then each captured table;
 * then what is no longer configured. A table whose triggers are right already is not locked at
 * all. There is no transaction around DDL: a half installation is one where triggers are missing,
 * and the next install adds them.
 *
 * A trigger is replaced in one statement where there is one for it (MariaDB), or else under LOCK
 * TABLES: no change slips through uncaptured, and none is captured twice.
 */
#include "source/my_install.h"

#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/report.h"

#define ER_BINLOG_CREATE_ROUTINE 1419

/* ---- looking ---- */

static ATTR_MUST_CHECK enum err_code look_at_audit(struct my_admin *a, struct err *e)
{
	int wrong = 0;
	enum err_code code = my_audit_table_check(a, &wrong, e);

	if (code == ERR_OK && wrong)
		code = err_set(e, ERR_CONFIG, "audit_table %s cannot be read: see the findings",
			       a->source->audit_table);
	return code;
}

static ATTR_MUST_CHECK enum err_code look(struct my_admin *a, struct my_tables *tables,
					  struct err *e)
{
	enum err_code code = my_tables_load(a, tables, e);
	size_t i;

	if (code == ERR_OK && my_audit_table_is(a))
		return look_at_audit(a, e);
	if (code == ERR_OK)
		code = report_problems(a->options, a->settings, &tables->list, e);
	for (i = 0; i < tables->list.count && code == ERR_OK; i++)
		code = my_table_check_filters(a, tables, i, e);
	return code;
}

/* ---- one table ---- */

struct table_call {
	const struct my_tables *tables;
	size_t i;
	size_t stale_count; /* of triggers on the table that nothing wants */
	int wrong;          /* triggers that are missing or differ */
	int differ;
};

static ATTR_MUST_CHECK enum err_code put_trigger(struct my_admin *a, const struct my_trigger *t,
						 void *ctx, struct err *e)
{
	enum my_trigger_state state = MY_TRIGGER_DIFFERS;
	bool or_replace = a->flavour == MY_MARIADB;
	char name[MY_TRIGGER_NAME_BYTES];
	enum err_code code = ERR_OK;
	struct buf sql;

	(void)ctx;
	if (!a->options->print_only)
		code = my_trigger_compare(a, t, &state, e);
	if (code != ERR_OK || state == MY_TRIGGER_OK)
		return code;
	my_trigger_name(t, name);
	buf_init(&sql, MY_SQL_MAX_BYTES);
	if (!or_replace && state == MY_TRIGGER_DIFFERS) {
		my_trigger_drop(&sql, t->schema, name);
		code = my_admin_run_buf(a, &sql, e);
		buf_reset(&sql);
	}
	if (code == ERR_OK) {
		my_trigger_create(&sql, t, or_replace);
		code = my_admin_run_compound(a, &sql, e);
		if (code != ERR_OK && my_conn_error_number(a->conn) == ER_BINLOG_CREATE_ROUTINE)
			code = err_set(
				e, ERR_DENIED,
				"the binary log is on, and then only users with SUPER create "
				"triggers; install as one, or let everybody: SET GLOBAL "
				"log_bin_trust_function_creators = 1");
	}
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_stale(struct my_admin *a, struct table_call *c,
						struct err *e)
{
	struct my_result *r = NULL;
	const struct table *t = &c->tables->list.items[c->i];
	enum err_code code = my_triggers_installed(a, t->schema, t->name, &r, e);
	struct buf sql;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	while (code == ERR_OK && my_result_next(r)) {
		if (my_tables_want(a, c->tables, t->schema, t->name, my_result_str(r, 2)))
			continue;
		buf_reset(&sql);
		my_trigger_drop(&sql, t->schema, my_result_str(r, 2));
		code = my_admin_run_buf(a, &sql, e);
		if (code == ERR_OK)
			my_admin_find(a, FINDING_OK, t->label, NULL,
				      "removed trigger %s: no longer configured",
				      my_result_str(r, 2));
	}
	buf_done(&sql);
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code lock_table(struct my_admin *a, const struct table *t,
						struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "LOCK TABLES ");
	my_quote_name(&sql, t->schema, t->name);
	buf_add_str(&sql, " WRITE");
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

/* Several statements that writers must not come between: what is captured twice, or not at all, in
 * the meantime. One statement that replaces does without. */
static ATTR_MUST_CHECK enum err_code table_work(struct my_admin *a, void *ctx, struct err *e)
{
	struct table_call *c = ctx;
	bool locked = c->stale_count > 0 || (c->differ && a->flavour != MY_MARIADB) ||
		      (a->options->print_only && a->flavour != MY_MARIADB);
	enum err_code code = ERR_OK, after;

	if (locked)
		code = lock_table(a, &c->tables->list.items[c->i], e);
	if (code == ERR_OK && c->stale_count)
		code = drop_stale(a, c, e);
	if (code == ERR_OK)
		code = my_table_each_trigger(a, c->tables, c->i, put_trigger, NULL, e);
	if (!locked)
		return code;
	after = my_admin_run(a, "UNLOCK TABLES", code == ERR_OK ? e : NULL);
	return code == ERR_OK ? after : code;
}

static ATTR_MUST_CHECK enum err_code count_wrong(struct my_admin *a, const struct my_trigger *t,
						 void *ctx, struct err *e)
{
	enum my_trigger_state state = MY_TRIGGER_ABSENT;
	struct table_call *c = ctx;
	enum err_code code = my_trigger_compare(a, t, &state, e);

	if (code != ERR_OK)
		return code;
	c->wrong += state != MY_TRIGGER_OK;
	c->differ += state == MY_TRIGGER_DIFFERS;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code count_stale(struct my_admin *a, struct table_call *c,
						 struct err *e)
{
	const struct table *t = &c->tables->list.items[c->i];
	struct my_result *r = NULL;
	enum err_code code = my_triggers_installed(a, t->schema, t->name, &r, e);

	while (code == ERR_OK && my_result_next(r))
		if (!my_tables_want(a, c->tables, t->schema, t->name, my_result_str(r, 2)))
			c->stale_count++;
	my_result_free(r);
	return code;
}

/* Words of the server about this one table, as an error of the configuration. */
static ATTR_MUST_CHECK enum err_code table_error(const struct my_admin *a, const struct table *t,
						 enum err_code code, struct err *e)
{
	const char *pipeline = a->settings->pipelines[t->pipeline].name;

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
	(void)err_prefix(e, "%s, pipeline %s", t->label, pipeline);
	return code;
}

static void find_installed(struct my_admin *a, const struct table *t, bool already)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];
	char operations[64] = "";
	size_t used = 0;
	enum op op;

	for (op = 0; op < OP_TRUNCATE; op++)
		if (p->operations[op])
			used += (size_t)snprintf(operations + used, sizeof(operations) - used,
						 "%s%s", used ? ", " : "", op_name(op));
	my_admin_find(a, FINDING_OK, t->label, NULL, "%s for pipeline %s: %s",
		      already ? "already installed" : "installed", p->name, operations);
}

static ATTR_MUST_CHECK enum err_code install_table(struct my_admin *a, struct table_call *c,
						   struct err *e)
{
	const struct table *t = &c->tables->list.items[c->i];
	enum err_code code = ERR_OK;
	bool todo;

	my_admin_comment(a, "%s, pipeline %s", t->label, a->settings->pipelines[t->pipeline].name);
	if (!a->options->print_only)
		code = my_table_each_trigger(a, c->tables, c->i, count_wrong, c, e);
	if (code == ERR_OK)
		code = count_stale(a, c, e);
	todo = c->wrong || c->stale_count || a->options->print_only;
	if (code == ERR_OK && todo)
		code = my_admin_locked(a, t->schema, t->name, table_work, c, e);
	if (code != ERR_OK)
		return table_error(a, t, code, e);
	code = my_captured_put(a, c->tables, c->i, e);
	if (code == ERR_OK)
		find_installed(a, t, !todo);
	return code;
}

/* A table that does not get its lock does not keep the others from theirs. */
static ATTR_MUST_CHECK enum err_code install_tables(struct my_admin *a,
						    const struct my_tables *tables, struct err *e)
{
	enum err_code code, first = ERR_OK;
	struct err here;
	size_t i;

	for (i = 0; i < tables->list.count; i++) {
		struct table_call c = {.tables = tables, .i = i};

		code = install_table(a, &c, &here);
		if (code == ERR_OK)
			continue;
		my_admin_find(a, FINDING_FAIL, tables->list.items[i].label, NULL, "%s", here.msg);
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
remove_stale_triggers(struct my_admin *a, const struct my_tables *tables, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_triggers_installed(a, NULL, NULL, &r, e);

	while (code == ERR_OK && my_result_next(r)) {
		const char *schema = my_result_str(r, 0), *table = my_result_str(r, 1);

		if (my_tables_want(a, tables, schema, table, my_result_str(r, 2)))
			continue;
		my_admin_comment(a, "%s.%s: no longer configured", schema, table);
		code = my_trigger_remove(a, schema, table, my_result_str(r, 2), e);
		if (code == ERR_OK)
			my_admin_find(a, FINDING_OK, table, NULL,
				      "removed trigger %s: no longer configured",
				      my_result_str(r, 2));
	}
	my_result_free(r);
	return code;
}

static bool is_configured(const struct my_admin *a, const char *pipeline)
{
	size_t i;

	for (i = 0; i < a->settings->pipeline_count; i++)
		if (strcmp(a->settings->pipelines[i].name, pipeline) == 0)
			return true;
	return false;
}

/* Has the table any row? One that is missing has none. */
static ATTR_MUST_CHECK enum err_code has_rows(struct my_admin *a, const char *table, bool *ret_has,
					      struct err *e)
{
	struct my_result *rows = NULL;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT 1 FROM ");
	my_quote_name(&sql, a->database, table);
	buf_add_str(&sql, " LIMIT 1");
	code = my_conn_query_buf(a->conn, &sql, &rows, e);
	buf_done(&sql);
	if (code == ERR_OK)
		*ret_has = my_result_rows(rows) > 0;
	my_result_free(rows);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static ATTR_MUST_CHECK enum err_code find_orphan(struct my_admin *a, const char *pipeline,
						 struct err *e)
{
	char table[MY_TABLE_NAME_BYTES];
	bool has = false;
	enum err_code code;

	my_schema_outbox_name(pipeline, table);
	code = has_rows(a, table, &has, e);
	my_schema_parked_name(pipeline, table);
	if (code == ERR_OK && !has)
		code = has_rows(a, table, &has, e);
	/* where it is missing, and we may not see what there is */
	if (code == ERR_DENIED)
		code = ERR_OK;
	if (code == ERR_OK && has)
		my_admin_find(a, FINDING_WARN, pipeline,
			      "configure it until they are delivered, or delete them",
			      "this pipeline is no longer configured and has undelivered events");
	return code;
}

/* Rows of a pipeline that nobody reads any more stay for ever: say so. */
enum err_code my_find_orphans(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code;

	if (a->options->print_only)
		return ERR_OK;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT pipeline FROM ");
	my_quote_name(&sql, a->database, MY_INSTALL);
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	while (code == ERR_OK && my_result_next(r))
		if (!is_configured(a, my_result_str(r, 0)))
			code = find_orphan(a, my_result_str(r, 0), e);
	buf_done(&sql);
	my_result_free(r);
	return code;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code install_begin(struct my_admin *a, struct err *e)
{
	if (!a->options->print_only)
		return my_admin_lock(a, e);
	my_admin_comment(a, "%s, source %s", a->server, a->source->name);
	return my_admin_run(a, "SET NAMES utf8mb4", e);
}

static const struct my_tables no_tables;

static ATTR_MUST_CHECK enum err_code install_all(struct my_admin *a, const struct my_tables *tables,
						 struct err *e)
{
	enum err_code code = my_objects_install(a, tables, e);

	if (my_audit_table_is(a))
		return code == ERR_OK ? remove_stale_triggers(a, &no_tables, e) : code;
	if (code == ERR_OK)
		code = my_rights_check(a, tables, e);
	/* is kept with each trigger */
	if (code == ERR_OK)
		code = my_admin_run(a, "SET SESSION sql_mode = '" MY_TRIGGER_SQL_MODE "'", e);
	if (code == ERR_OK)
		code = install_tables(a, tables, e);
	if (code == ERR_OK)
		code = remove_stale_triggers(a, tables, e);
	if (code == ERR_OK)
		code = my_captured_remove_stale(a, tables, e);
	return code == ERR_OK ? my_find_orphans(a, e) : code;
}

enum err_code my_install(const struct settings *s, size_t source, const struct install_options *o,
			 struct err *e)
{
	struct my_tables tables = {0};
	struct my_admin a;
	enum err_code code = my_admin_open(&a, s, source, o, e);

	if (code != ERR_OK)
		return code;
	code = install_begin(&a, e);
	if (code == ERR_OK)
		code = look(&a, &tables, e);
	if (code == ERR_OK)
		code = install_all(&a, &tables, e);
	my_tables_done(&tables);
	my_admin_close(&a);
	return code;
}
