/* SPDX-License-Identifier: MIT */
/*
 * What is installed against what is configured. SQLite keeps the text of a CREATE TRIGGER, and that
 * is the whole definition. Where ALTER TABLE rewrote it, it is another one.
 */
#include <string.h>

#include "base/mem.h"
#include "config/field.h"
#include "source/sqlite_install.h"
#include "source/sqlite_schema.h"

/* ---- one trigger ---- */

struct comparing {
	const char *sql; /* as configured */
	enum sqlite_trigger_state state;
};

static ATTR_MUST_CHECK enum err_code compare_row(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct text sql = sqlite_conn_text(row, 0);
	struct comparing *c = ctx;

	(void)e;
	if (!text_eq(sql, text_of(c->sql)))
		c->state = SQLITE_TRIGGER_DIFFERS;
	else
		c->state = sqlite3_column_int(row, 1) ? SQLITE_TRIGGER_PRECEDED : SQLITE_TRIGGER_OK;
	return ERR_OK;
}

enum err_code sqlite_trigger_compare(struct sqlite_admin *a, const struct sqlite_trigger *t,
				     enum sqlite_trigger_state *ret_state, struct err *e)
{
	/* triggers fire in the reverse order of their making */
	static const char find_sql[] =
		"SELECT g.sql, EXISTS (SELECT 1 FROM main.sqlite_master AS n WHERE "
		"n.type = 'trigger' AND n.tbl_name = g.tbl_name AND n.rowid > g.rowid "
		"AND substr(n.name, 1, 16) <> '" SQLITE_PREFIX "') FROM main.sqlite_master AS g "
		"WHERE g.type = 'trigger' AND g.name = ?1 COLLATE NOCASE";
	struct comparing c = {.state = SQLITE_TRIGGER_ABSENT};
	const char *values[1];
	struct buf name, sql;
	enum err_code code;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_trigger_name(&name, t);
	sqlite_trigger_create(&sql, t);
	values[0] = buf_str(&name);
	c.sql = buf_str(&sql);
	if (buf_error(&name) != ERR_OK || buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a trigger");
	else
		code = sqlite_admin_each(a, find_sql, 1, values, compare_row, &c, e);
	buf_done(&sql);
	buf_done(&name);
	if (code == ERR_OK)
		*ret_state = c.state;
	return code;
}

enum err_code sqlite_table_each_trigger(struct sqlite_admin *a, const struct table *t,
					sqlite_trigger_fn fn, void *ctx, struct err *e)
{
	struct sqlite_trigger trigger;
	enum err_code code = ERR_OK;
	enum op op;

	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		if (!sqlite_table_wants(a, t, op))
			continue;
		trigger = sqlite_table_trigger(a, t, op);
		code = fn(a, &trigger, ctx, e);
	}
	return code;
}

/* ---- what is no longer wanted ---- */

struct names {
	struct string_list items; /* names and tables by turns */
};

static ATTR_MUST_CHECK enum err_code take_pair(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct string_list *l = ctx;
	int i;

	for (i = 0; i < 2; i++)
		if (string_list_add(l, sqlite_conn_text(row, i)) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory for a list of triggers");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code is_wanted(const struct sqlite_admin *a, const struct table *t,
					       const char *name, const char *table,
					       bool *ret_wanted, struct err *e)
{
	struct sqlite_trigger trigger;
	enum err_code code = ERR_OK;
	struct buf own;
	enum op op;

	if (sqlite3_stricmp(t->name, table) != 0)
		return ERR_OK;
	buf_init(&own, SQLITE_SQL_MAX_BYTES);
	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		if (!sqlite_table_wants(a, t, op))
			continue;
		trigger = sqlite_table_trigger(a, t, op);
		buf_reset(&own);
		sqlite_trigger_name(&own, &trigger);
		if (buf_error(&own) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a name");
		else if (sqlite3_stricmp(buf_str(&own), name) == 0)
			*ret_wanted = true;
	}
	buf_done(&own);
	return code;
}

enum err_code sqlite_triggers_stale(struct sqlite_admin *a, const struct tables *tables,
				    sqlite_stale_fn fn, void *ctx, struct err *e)
{
	struct string_list l = {0};
	enum err_code code = sqlite_admin_each(
		a,
		"SELECT name, tbl_name FROM main.sqlite_master WHERE type = 'trigger' "
		"AND substr(name, 1, 16) = '" SQLITE_PREFIX "' ORDER BY tbl_name, name",
		0, NULL, take_pair, &l, e);
	size_t i, k;

	for (i = 0; i + 1 < l.count && code == ERR_OK; i += 2) {
		bool wanted = false;

		for (k = 0; tables && k < tables->count && code == ERR_OK && !wanted; k++)
			code = is_wanted(a, &tables->items[k], l.items[i], l.items[i + 1], &wanted,
					 e);
		if (code == ERR_OK && !wanted)
			code = fn(a, l.items[i], l.items[i + 1], ctx, e);
	}
	string_list_done(&l);
	return code;
}

enum err_code sqlite_trigger_remove(struct sqlite_admin *a, const char *name, const char *table,
				    const char *why, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "DROP TRIGGER IF EXISTS ");
	sqlite_quote_ident(&sql, name);
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	if (code == ERR_OK)
		sqlite_admin_find(a, FINDING_OK, table, NULL, "removed trigger %s%s", name, why);
	return code;
}

/* ---- pipelines ---- */

static ATTR_MUST_CHECK enum err_code take_one(void *ctx, sqlite3_stmt *row, struct err *e)
{
	if (string_list_add(ctx, sqlite_conn_text(row, 0)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code has_rows(struct sqlite_admin *a, const char *pipeline,
					      bool *ret_has, struct err *e)
{
	struct buf sql;
	int64_t n = 0;
	enum err_code code = ERR_OK;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_outbox_name(&sql, pipeline);
	if (buf_error(&sql) == ERR_OK)
		code = sqlite_schema_has_table(a, buf_str(&sql), ret_has, e);
	buf_reset(&sql);
	buf_add_str(&sql, "SELECT EXISTS (SELECT 1 FROM \"");
	sqlite_outbox_name(&sql, pipeline);
	buf_add_str(&sql, "\")");
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	if (code == ERR_OK && *ret_has) {
		code = sqlite_admin_number(a, buf_str(&sql), 0, NULL, 0, &n, e);
		*ret_has = n > 0;
	}
	buf_done(&sql);
	return code;
}

enum err_code sqlite_pipelines_orphaned(struct sqlite_admin *a, sqlite_orphan_fn fn, struct err *e)
{
	struct string_list l = {0};
	enum err_code code =
		sqlite_admin_each(a, "SELECT pipeline FROM " SQLITE_INSTALL " ORDER BY pipeline", 0,
				  NULL, take_one, &l, e);
	size_t i;

	for (i = 0; i < l.count && code == ERR_OK; i++) {
		bool has = false;
		int64_t parked;

		if (sqlite_admin_is_configured(a, l.items[i]))
			continue;
		code = has_rows(a, l.items[i], &has, e);
		if (code == ERR_OK && !has) {
			code = sqlite_schema_count_parked(a, l.items[i], &parked, e);
			has = parked > 0;
		}
		if (code == ERR_OK && has)
			fn(a, l.items[i]);
	}
	string_list_done(&l);
	return code;
}
