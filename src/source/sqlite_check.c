/* SPDX-License-Identifier: MIT */
/*
 * The connection is made read-only first, so that nothing below can change anything by mistake.
 */
#include <string.h>

#include "source/column_check.h"
#include "source/sqlite_install.h"
#include "source/sqlite_schema.h"

/* ---- the file ---- */

static void check_file(struct sqlite_admin *a)
{
	sqlite_admin_find(a, FINDING_OK, "connection", NULL, "opened %s with %s",
			  sqlite_conn_file(a->conn)->path, a->server);
	if (!sqlite_conn_is_wal(a->conn))
		sqlite_admin_find(
			a, FINDING_WARN, "journal mode",
			"PRAGMA journal_mode = WAL, once, by the application",
			"is not WAL: the daemon's reads and the application's commits wait "
			"for each other");
}

/* ---- the installed objects ---- */

static ATTR_MUST_CHECK enum err_code check_table_exists(struct sqlite_admin *a, const char *name,
							struct err *e)
{
	bool has = false;
	enum err_code code = sqlite_schema_has_table(a, name, &has, e);

	if (code == ERR_OK && !has)
		sqlite_admin_find(a, FINDING_FAIL, name, "run install", "this table is missing");
	return code;
}

/* An installation of before parked events has no table for them. */
static ATTR_MUST_CHECK enum err_code check_parked(struct sqlite_admin *a, const char *pipeline,
						  struct err *e)
{
	bool has = false;
	enum err_code code;
	struct buf name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&name, pipeline);
	code = buf_error(&name) == ERR_OK ? sqlite_schema_has_table(a, buf_str(&name), &has, e)
					  : err_set(e, ERR_NOMEM, "no memory for a name");
	if (code == ERR_OK && !has)
		sqlite_admin_find(a, source_admin_needs_parked(a->settings, a->source_index),
				  buf_str(&name), "run install",
				  "this table is missing: retry_schedule needs it");
	buf_done(&name);
	return code;
}

/* Nor for delivered ones. */
static ATTR_MUST_CHECK enum err_code check_delivered(struct sqlite_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = sqlite_schema_has_table(a, SQLITE_DELIVERED, &has, e);

	if (code == ERR_OK && !has)
		sqlite_admin_find(a, source_admin_needs_delivered(a->settings, a->source_index),
				  SQLITE_DELIVERED, "run install",
				  "this table is missing: retain needs it");
	return code;
}

/* Nor for backfill jobs. */
static ATTR_MUST_CHECK enum err_code check_backfill(struct sqlite_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = sqlite_schema_has_table(a, SQLITE_BACKFILL, &has, e);

	if (code == ERR_OK && !has)
		sqlite_admin_find(a, FINDING_WARN, SQLITE_BACKFILL, "run install",
				  "this table is missing: backfill needs it");
	return code;
}

/* Nor for keys of what is pushed. */
static ATTR_MUST_CHECK enum err_code check_ingest(struct sqlite_admin *a, struct err *e)
{
	if (!source_admin_takes_events(a->settings, a->source_index))
		return ERR_OK;
	return check_table_exists(a, SQLITE_INGEST_KEY, e);
}

static ATTR_MUST_CHECK enum err_code check_pipeline(struct sqlite_admin *a, const char *pipeline,
						    struct err *e)
{
	const char *const values[] = {pipeline};
	int64_t version;
	enum err_code code;
	struct buf name;

	code = sqlite_admin_number(a, "SELECT version FROM " SQLITE_INSTALL " WHERE pipeline = ?1",
				   1, values, -1, &version, e);
	if (code == ERR_OK && version != SQLITE_SCHEMA_VERSION)
		sqlite_admin_find(a, FINDING_FAIL, pipeline, "run install",
				  version < 0 ? "this pipeline is not installed"
					      : "installed by another version");
	if (code != ERR_OK || version < 0)
		return code;
	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_outbox_name(&name, pipeline);
	code = buf_error(&name) == ERR_OK ? check_table_exists(a, buf_str(&name), e)
					  : err_set(e, ERR_NOMEM, "no memory for a name");
	buf_done(&name);
	return code == ERR_OK ? check_parked(a, pipeline, e) : code;
}

static void find_orphan(struct sqlite_admin *a, const char *pipeline)
{
	sqlite_admin_find(a, FINDING_WARN, pipeline, NULL,
			  "has undelivered events, but is not configured");
}

static ATTR_MUST_CHECK enum err_code check_outbox(struct sqlite_admin *a, struct err *e)
{
	static const char *const names[] = {SQLITE_CAPTURED, SQLITE_DEAD_LETTER, SQLITE_WEBHOOK};
	const struct settings *s = a->settings;
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names) && code == ERR_OK; i++)
		code = check_table_exists(a, names[i], e);
	if (code == ERR_OK)
		code = check_delivered(a, e);
	if (code == ERR_OK)
		code = check_backfill(a, e);
	if (code == ERR_OK)
		code = check_ingest(a, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++)
		if (sqlite_admin_has_pipeline(a, i))
			code = check_pipeline(a, s->pipelines[i].name, e);
	if (code == ERR_OK)
		code = sqlite_pipelines_orphaned(a, find_orphan, e);
	return code;
}

/* ---- one table ---- */

struct counts {
	int wanted, absent, differ, preceded;
};

static ATTR_MUST_CHECK enum err_code
count_states(struct sqlite_admin *a, const struct sqlite_trigger *t, void *ctx, struct err *e)
{
	enum sqlite_trigger_state state;
	struct counts *c = ctx;
	enum err_code code = sqlite_trigger_compare(a, t, &state, e);

	if (code != ERR_OK)
		return code;
	c->wanted++;
	c->absent += state == SQLITE_TRIGGER_ABSENT;
	c->differ += state == SQLITE_TRIGGER_DIFFERS;
	c->preceded += state == SQLITE_TRIGGER_PRECEDED;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_triggers(struct sqlite_admin *a, const struct table *t,
						    struct err *e)
{
	const char *pipeline = a->settings->pipelines[t->pipeline].name;
	struct counts c = {0};
	enum err_code code = sqlite_table_each_trigger(a, t, count_states, &c, e);

	if (code != ERR_OK)
		return code;
	if (c.absent)
		sqlite_admin_find(a, FINDING_FAIL, t->label, "run install",
				  "%d of %d triggers of pipeline %s are missing: changes are lost",
				  c.absent, c.wanted, pipeline);
	if (c.differ)
		sqlite_admin_find(a, FINDING_FAIL, t->label, "run install",
				  "%d of %d triggers of pipeline %s are not as configured",
				  c.differ, c.wanted, pipeline);
	if (c.preceded)
		sqlite_admin_find(a, FINDING_WARN, t->label, "run install: it makes ours anew",
				  "a trigger of the application's is newer and fires before those "
				  "of pipeline %s: if it writes to the same row, events come in "
				  "the wrong order",
				  pipeline);
	if (!c.absent && !c.differ && !c.preceded)
		sqlite_admin_find(a, FINDING_OK, t->label, NULL, "%d triggers for pipeline %s",
				  c.wanted, pipeline);
	return ERR_OK;
}

static void check_key(struct sqlite_admin *a, const struct table *t)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];

	if (t->key.count || p->ordering != ORDERING_KEY)
		return;
	sqlite_admin_find(a, FINDING_WARN, t->label, "add a primary key, or name columns in key",
			  "has no primary key: its events are delivered one after the other");
}

static ATTR_MUST_CHECK enum err_code check_filters(struct sqlite_admin *a, const struct table *t,
						   struct err *e)
{
	struct err here;
	enum err_code code = sqlite_table_check_filters(a, t, &here);

	if (code == ERR_CONFIG) {
		sqlite_admin_find(a, FINDING_FAIL, t->label, NULL, "%s", here.msg);
		return ERR_OK;
	}
	if (code != ERR_OK && e)
		*e = here;
	return code;
}

/* INSERT OR REPLACE removes rows that a UNIQUE constraint stands for without firing their delete
 * triggers, unless the application asked for it. With the primary key alone the new row
 * has the old one's key, and its event tells enough. sqlite.org/lang_conflict.html */
static ATTR_MUST_CHECK enum err_code check_replace(struct sqlite_admin *a, const struct table *t,
						   struct err *e)
{
	const char *const values[] = {t->name};
	int64_t n = 0;
	enum err_code code = sqlite_admin_number(
		a,
		"SELECT count(*) FROM pragma_index_list(?1, 'main') WHERE \"unique\" "
		"AND origin <> 'pk'",
		1, values, 0, &n, e);

	if (code == ERR_OK && n)
		sqlite_admin_find(
			a, FINDING_WARN, t->label,
			"PRAGMA recursive_triggers = ON in the application, or use ON "
			"CONFLICT DO UPDATE",
			"has a UNIQUE constraint: rows that INSERT OR REPLACE removes for "
			"it make no delete event");
	return code;
}

static ATTR_MUST_CHECK enum err_code check_table(struct sqlite_admin *a, const struct table *t,
						 bool installed, struct err *e)
{
	enum err_code code;

	if (t->problem != ERR_OK) {
		sqlite_admin_find(a, FINDING_FAIL, t->label, t->hint[0] ? t->hint : NULL, "%s",
				  t->message);
		return ERR_OK;
	}
	check_key(a, t);
	code = check_filters(a, t, e);
	if (code == ERR_OK)
		code = check_replace(a, t, e);
	if (code == ERR_OK && installed)
		code = check_triggers(a, t, e);
	return code;
}

/* ---- all tables ---- */

static ATTR_MUST_CHECK enum err_code tell_drift(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct sqlite_admin *a = ctx;
	struct text pipeline = sqlite_conn_text(row, 0), table = sqlite_conn_text(row, 1);
	struct text problem = sqlite_conn_text(row, 2);

	if (!pipeline.s || !table.s || !problem.s)
		return err_set(e, ERR_NOMEM, "no memory for a finding");
	sqlite_admin_find(a, FINDING_WARN, table.s, "run install",
			  "%s since it was installed for pipeline %s", problem.s, pipeline.s);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code tell_stale(struct sqlite_admin *a, const char *name,
						const char *table, void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	sqlite_admin_find(a, FINDING_WARN, table, "run install to remove it",
			  "trigger %s captures what is not configured", name);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_tables(struct sqlite_admin *a, bool installed,
						  struct err *e)
{
	struct tables tables = {0};
	bool has_captured = false;
	size_t i;
	enum err_code code = sqlite_tables_load(a, &tables, e);

	for (i = 0; i < tables.count && code == ERR_OK; i++)
		code = check_table(a, &tables.items[i], installed, e);
	if (code == ERR_OK)
		code = sqlite_schema_has_table(a, SQLITE_CAPTURED, &has_captured, e);
	if (code == ERR_OK && has_captured)
		code = sqlite_admin_each(a, sqlite_drift_sql, 0, NULL, tell_drift, a, e);
	if (code == ERR_OK)
		code = sqlite_triggers_stale(a, &tables, tell_stale, NULL, e);
	if (code == ERR_OK)
		column_check(a->settings, a->source_index, &tables, a->options);
	tables_done(&tables);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_all(struct sqlite_admin *a, struct err *e)
{
	bool installed = false;
	enum err_code code;

	check_file(a);
	code = sqlite_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && !installed)
		sqlite_admin_find(a, FINDING_FAIL, "app_db_listener", "run install",
				  "nothing is installed");
	if (code == ERR_OK && installed)
		code = check_outbox(a, e);
	if (code == ERR_OK)
		code = check_tables(a, installed, e);
	return code;
}

enum err_code sqlite_check(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e)
{
	struct sqlite_admin a;
	struct err here;
	enum err_code code = sqlite_admin_open(&a, s, source, o, true, &here);

	if (code != ERR_OK) {
		sqlite_admin_find(&a, FINDING_FAIL, "connection", NULL, "%s", here.msg);
		if (e)
			*e = here;
		return code;
	}
	code = check_all(&a, e);
	sqlite_admin_close(&a);
	return code;
}
