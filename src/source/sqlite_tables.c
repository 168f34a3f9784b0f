/* SPDX-License-Identifier: MIT */
#include "source/sqlite_tables.h"

#include <stdio.h>
#include <string.h>

#include "config/field.h"
#include "config/suggest.h"

struct loading {
	struct sqlite_admin *a;
	struct tables *out;

	size_t pipeline;
	const struct table_settings *settings;
	bool any;
};

/* ---- what cannot be captured ---- */

static bool is_ours(const char *name)
{
	return sqlite3_strnicmp(name, SQLITE_PREFIX, sizeof(SQLITE_PREFIX) - 1) == 0;
}

static void refuse_name(struct table *t)
{
	if (is_ours(t->name))
		table_refuse(t, ERR_CONFIG,
			     "belongs to the outbox itself: it would capture its own events", "");
	if (sqlite3_strnicmp(t->name, "sqlite_", 7) == 0)
		table_refuse(t, ERR_CONFIG, "is a system table", "");
}

static void refuse_kind(struct table *t, const char *kind)
{
	static const struct {
		const char *kind, *what, *hint;
	} kinds[] = {
		{"view", "is a view: capture the tables behind it", ""},
		{"virtual", "is a virtual table: SQLite fires no triggers for it",
		 "capture the table that it is filled from"},
		{"shadow", "is the storage of a virtual table",
		 "capture the table that it is filled from"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			table_refuse(t, ERR_CONFIG, kinds[i].what, kinds[i].hint);
}

/* The only schema with a file that is the configured one. */
static bool is_main(const struct table_settings *settings)
{
	return !settings->schema || !*settings->schema ||
	       sqlite3_stricmp(settings->schema, "main") == 0;
}

/* ---- columns and key ---- */

static const char *column_str(sqlite3_stmt *row, int column)
{
	const char *s = (const char *)sqlite3_column_text(row, column);

	return s ? s : "";
}

static ATTR_MUST_CHECK enum err_code take_column(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct table *t = ctx;
	enum err_code code = table_list_add(&t->columns, column_str(row, 0), e);

	if (code == ERR_OK)
		code = table_list_add(&t->types, column_str(row, 1), e);
	return code;
}

static ATTR_MUST_CHECK enum err_code take_key(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct table *t = ctx;

	return table_list_add(&t->key, column_str(row, 0), e);
}

static ATTR_MUST_CHECK enum err_code load_details(struct sqlite_admin *a, struct table *t,
						  struct err *e)
{
	/* generated columns too, hidden or not; 1 are those of virtual tables */
	static const char columns_sql[] = "SELECT name, type FROM pragma_table_xinfo(?1, 'main') "
					  "WHERE hidden <> 1 ORDER BY cid";
	static const char key_sql[] = "SELECT name FROM pragma_table_xinfo(?1, 'main') "
				      "WHERE pk > 0 ORDER BY pk";
	const char *const values[] = {t->name};
	bool taken = false;
	enum err_code code = sqlite_admin_each(a, columns_sql, 1, values, take_column, t, e);

	if (code == ERR_OK)
		code = table_take_configured_key(t, &taken, e);
	if (code == ERR_OK && !taken)
		code = sqlite_admin_each(a, key_sql, 1, values, take_key, t, e);
	if (code == ERR_OK)
		table_refuse_unknown_columns(t);
	return code;
}

static ATTR_MUST_CHECK enum err_code refuse_long_trigger(struct sqlite_admin *a, struct table *t,
							 struct err *e)
{
	enum err_code code = ERR_OK;
	struct sqlite_trigger trigger;
	struct buf sql;
	enum op op;

	buf_init(&sql, SQLITE_TRIGGER_MAX_BYTES);
	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		if (!sqlite_table_wants(a, t, op))
			continue;
		buf_reset(&sql);
		trigger = sqlite_table_trigger(a, t, op);
		sqlite_trigger_create(&sql, &trigger);
		if (buf_error(&sql) == ERR_FULL)
			table_refuse(t, ERR_CONFIG,
				     "has so many columns that its triggers would be too long",
				     "name those to capture in columns");
		else if (buf_error(&sql) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a trigger");
	}
	buf_done(&sql);
	return code;
}

/* ---- names ---- */

static ATTR_MUST_CHECK enum err_code take_name(void *ctx, sqlite3_stmt *row, struct err *e)
{
	return table_list_add(ctx, column_str(row, 0), e);
}

/* "did you mean" for a table. */
static ATTR_MUST_CHECK enum err_code suggest_table(struct sqlite_admin *a, struct table *t,
						   struct err *e)
{
	struct string_list names = {0};
	struct suggest near;
	size_t i;
	enum err_code code = sqlite_admin_each(
		a,
		"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
		"AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
		"AND name NOT LIKE 'app\\_db\\_listener\\_%' ESCAPE '\\' ORDER BY name LIMIT 10000",
		0, NULL, take_name, &names, e);

	suggest_init(&near, text_of(t->name));
	for (i = 0; i < names.count; i++)
		suggest_add(&near, names.items[i]);
	if (code == ERR_OK && suggest_best(&near))
		(void)snprintf(t->hint, sizeof(t->hint), "did you mean %.127s?",
			       suggest_best(&near));
	string_list_done(&names);
	return code;
}

static ATTR_MUST_CHECK enum err_code add_missing(struct loading *l, struct err *e)
{
	bool all = strcmp(l->settings->table, "*") == 0, in_main = is_main(l->settings);
	struct table *t;
	enum err_code code =
		tables_add(l->out, l->pipeline, l->settings, in_main ? "" : l->settings->schema,
			   l->settings->table, &t, e);

	if (code != ERR_OK)
		return code;
	if (!in_main) {
		table_refuse(t, ERR_CONFIG, "has a schema: an attached database is not captured",
			     "leave the schema out, and give the other file as a source");
		return ERR_OK;
	}
	refuse_name(t);
	if (t->problem != ERR_OK)
		return ERR_OK;
	table_refuse(t, ERR_NOT_FOUND, all ? "no table in this file" : "no such table", "");
	return suggest_table(l->a, t, e);
}

static ATTR_MUST_CHECK enum err_code add_found(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct loading *l = ctx;
	const char *name = column_str(row, 0);
	struct table *t;
	enum err_code code;

	l->any = true;
	if (tables_has(l->out, l->pipeline, "", name))
		return ERR_OK;
	code = tables_add(l->out, l->pipeline, l->settings, "", name, &t, e);
	if (code != ERR_OK)
		return code;
	refuse_name(t);
	refuse_kind(t, column_str(row, 1));
	if (t->problem != ERR_OK)
		return ERR_OK;
	code = load_details(l->a, t, e);
	if (code == ERR_OK && t->problem == ERR_OK)
		code = refuse_long_trigger(l->a, t, e);
	return code;
}

static ATTR_MUST_CHECK enum err_code
load_entry(void *ctx, size_t pipeline, const struct table_settings *settings, struct err *e)
{
	static const char sql[] =
		"SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND CASE WHEN "
		"?1 = '*' THEN type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
		"AND name NOT LIKE 'app\\_db\\_listener\\_%' ESCAPE '\\' "
		"ELSE name = ?1 END ORDER BY name";
	const char *const values[] = {settings->table};
	struct loading *l = ctx;
	enum err_code code = ERR_OK;

	l->pipeline = pipeline;
	l->settings = settings;
	l->any = false;
	if (is_main(settings))
		code = sqlite_admin_each(l->a, sql, 1, values, add_found, l, e);
	if (code == ERR_OK && !l->any)
		code = add_missing(l, e);
	return code;
}

enum err_code sqlite_tables_load(struct sqlite_admin *a, struct tables *out, struct err *e)
{
	struct loading l = {.a = a, .out = out};

	*out = (struct tables){0};
	return tables_each_entry(a->settings, a->source_index, load_entry, &l, e);
}

/* ---- triggers of a table ---- */

bool sqlite_table_wants(const struct sqlite_admin *a, const struct table *t, enum op op)
{
	return op < OP_TRUNCATE && a->settings->pipelines[t->pipeline].operations[op];
}

struct sqlite_trigger sqlite_table_trigger(const struct sqlite_admin *a, const struct table *t,
					   enum op op)
{
	return (struct sqlite_trigger){
		.pipeline = a->settings->pipelines[t->pipeline].name,
		.table = t->name,
		.op = op,
		.where = t->settings->where[op],
		.cap_bytes = a->source->max_event_bytes,
		.all = &t->columns,
		.columns = &t->settings->columns,
		.exclude = &t->settings->exclude,
		.key = &t->key,
	};
}

static ATTR_MUST_CHECK enum err_code check_filter(struct sqlite_admin *a, const struct buf *sql,
						  struct err *e)
{
	sqlite3_stmt *stmt;
	enum err_code code = buf_error(sql);

	if (code != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	code = sqlite_conn_prepare(a->conn, buf_str(sql), &stmt, e);
	if (code == ERR_OK)
		(void)sqlite3_finalize(stmt);
	return code;
}

enum err_code sqlite_table_check_filters(struct sqlite_admin *a, const struct table *t,
					 struct err *e)
{
	const char *pipeline = a->settings->pipelines[t->pipeline].name;
	struct sqlite_trigger trigger;
	enum err_code code = ERR_OK;
	struct buf sql;
	enum op op;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	for (op = 0; op < OP_COUNT && code == ERR_OK; op++) {
		trigger = sqlite_table_trigger(a, t, op);
		if (!sqlite_table_wants(a, t, op) || !trigger.where)
			continue;
		buf_reset(&sql);
		sqlite_trigger_filter_probe(&sql, &trigger);
		code = check_filter(a, &sql, e);
		if (code == ERR_DB || code == ERR_NOT_FOUND)
			code = table_filter_error(t, pipeline, op, e);
	}
	buf_done(&sql);
	return code;
}
