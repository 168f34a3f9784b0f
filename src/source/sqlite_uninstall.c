/* SPDX-License-Identifier: MIT */
/*
 * Triggers first: an outbox that is gone under a trigger would make the application's writes fail.
 * All in one transaction, so that no state between is ever seen.
 */
#include "config/field.h"
#include "source/sqlite_install.h"
#include "source/sqlite_schema.h"

static ATTR_MUST_CHECK enum err_code take_name(void *ctx, sqlite3_stmt *row, struct err *e)
{
	if (string_list_add(ctx, sqlite_conn_text(row, 0)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of tables");
	return ERR_OK;
}

/* The outboxes of all pipelines, configured or not, and their tables of parked events. */
static ATTR_MUST_CHECK enum err_code find_undelivered(struct sqlite_admin *a, struct string_list *l,
						      struct err *e)
{
	return sqlite_admin_each(
		a,
		"SELECT name FROM main.sqlite_master WHERE type = 'table' AND name IN (SELECT "
		"'" SQLITE_PREFIX "' || k.column1 || CASE pipeline WHEN 'default' THEN '' ELSE '_' "
		"|| pipeline END FROM " SQLITE_INSTALL ", (VALUES ('outbox'), ('parked')) AS k) "
		"ORDER BY name",
		0, NULL, take_name, l, e);
}

static ATTR_MUST_CHECK enum err_code refuse_undelivered(struct sqlite_admin *a,
							const struct string_list *l, struct err *e)
{
	int64_t rows = 0, n = 0;
	enum err_code code = ERR_OK;
	struct buf sql;
	size_t i;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	for (i = 0; i < l->count && code == ERR_OK; i++) {
		buf_reset(&sql);
		buf_add_str(&sql, "SELECT count(*) FROM ");
		sqlite_quote_ident(&sql, l->items[i]);
		if (buf_error(&sql) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a statement");
		else
			code = sqlite_admin_number(a, buf_str(&sql), 0, NULL, 0, &n, e);
		rows += n;
	}
	buf_done(&sql);
	if (code == ERR_OK && rows)
		return err_set(e, ERR_BUSY, "%lld events are undelivered: deliver them first",
			       (long long)rows);
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_trigger(struct sqlite_admin *a, const char *name,
						  const char *table, void *ctx, struct err *e)
{
	(void)ctx;
	return sqlite_trigger_remove(a, name, table, "", e);
}

static ATTR_MUST_CHECK enum err_code drop_table(struct sqlite_admin *a, const char *name,
						struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "DROP TABLE IF EXISTS ");
	sqlite_quote_ident(&sql, name);
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code uninstall_all(struct sqlite_admin *a, void *ctx, struct err *e)
{
	static const char *const last[] = {SQLITE_DEAD_LETTER, SQLITE_DELIVERED,  SQLITE_WEBHOOK,
					   SQLITE_BACKFILL,    SQLITE_INGEST_KEY, SQLITE_CAPTURED,
					   SQLITE_INSTALL};
	struct string_list l = {0};
	enum err_code code = find_undelivered(a, &l, e);
	size_t i;

	(void)ctx;
	if (code == ERR_OK && a->options->keep_data && !a->options->print_only)
		code = refuse_undelivered(a, &l, e);
	if (code == ERR_OK)
		code = sqlite_triggers_stale(a, NULL, drop_trigger, NULL, e);
	sqlite_admin_comment(a, "tables");
	for (i = 0; i < l.count && code == ERR_OK; i++)
		code = drop_table(a, l.items[i], e);
	for (i = 0; i < ARRAY_LEN(last) && code == ERR_OK; i++)
		code = drop_table(a, last[i], e);
	string_list_done(&l);
	return code;
}

enum err_code sqlite_uninstall(const struct settings *s, size_t source,
			       const struct install_options *o, struct err *e)
{
	bool has = false;
	struct sqlite_admin a;
	enum err_code code = sqlite_admin_open(&a, s, source, o, o && o->print_only, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_schema_is_installed(&a, &has, e);
	if (code == ERR_OK && !has) {
		if (!a.options->print_only)
			sqlite_admin_find(&a, FINDING_OK, a.source->path, NULL,
					  "nothing is installed");
		sqlite_admin_close(&a);
		return code;
	}
	if (code == ERR_OK && !a.options->print_only)
		code = sqlite_admin_lock(&a, true, e);
	if (code == ERR_OK)
		code = sqlite_admin_transaction(&a, uninstall_all, NULL, e);
	if (code == ERR_OK && !a.options->print_only) {
		sqlite_lock_remove(sqlite_conn_file(a.conn));
		sqlite_admin_find(&a, FINDING_OK, a.source->path, NULL, "removed");
	}
	sqlite_admin_close(&a);
	return code;
}
