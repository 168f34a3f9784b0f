/* SPDX-License-Identifier: MIT */
/*
 * An outbox for each pipeline: reading by id needs no second index then, a dead destination slows
 * down nobody else's, and the order of ids is the pipeline's own. AUTOINCREMENT: without it SQLite
 * gives the ids of deleted rows out again.
 */
#include "source/sqlite_schema.h"

#include <string.h>

/* Microseconds since 1970; the clock SQLite has is in milliseconds, and julianday is in every
 * version. */
#define NOW_US "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"

#define CREATE "CREATE TABLE IF NOT EXISTS "
#define EVENT_COLUMNS                                                                              \
	"\toperation TEXT NOT NULL,\n"                                                             \
	"\ttable_name TEXT NOT NULL,\n"                                                            \
	"\trow_key TEXT,\n"                                                                        \
	"\told_key TEXT,\n"                                                                        \
	"\tchanged_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                    \
	"\ttruncated INTEGER NOT NULL DEFAULT 0,\n"                                                \
	"\tdata TEXT,\n"                                                                           \
	"\told_data TEXT"

#define INSTALL_BODY                                                                               \
	" (\n"                                                                                     \
	"\tpipeline TEXT NOT NULL PRIMARY KEY,\n"                                                  \
	"\tinstall_id TEXT NOT NULL,\n"                                                            \
	"\tversion INTEGER NOT NULL,\n"                                                            \
	"\tinstalled_at INTEGER NOT NULL DEFAULT (" NOW_US "))"
#define CAPTURED_BODY                                                                              \
	" (\n"                                                                                     \
	"\tpipeline TEXT NOT NULL,\n"                                                              \
	"\ttable_name TEXT NOT NULL,\n"                                                            \
	"\tfingerprint TEXT NOT NULL,\n"                                                           \
	"\toptions TEXT NOT NULL,\n"                                                               \
	"\ttrigger_names TEXT NOT NULL,\n"                                                         \
	"\tinstalled_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                  \
	"\tPRIMARY KEY (pipeline, table_name))"
/* Without origin_id it is one of before; with it, the same whether created or altered. */
#define OUTBOX_COLUMNS " (\n\tid INTEGER PRIMARY KEY AUTOINCREMENT,\n" EVENT_COLUMNS
#define OUTBOX_BODY_BEFORE OUTBOX_COLUMNS ")"
#define OUTBOX_BODY OUTBOX_COLUMNS ", origin_id INTEGER)"
#define DEAD_LETTER_BODY                                                                           \
	" (\n"                                                                                     \
	"\tpipeline TEXT NOT NULL,\n"                                                              \
	"\tid INTEGER NOT NULL,\n" EVENT_COLUMNS ",\n"                                             \
	"\tattempts INTEGER NOT NULL,\n"                                                           \
	"\tlast_status INTEGER,\n"                                                                 \
	"\tlast_error TEXT,\n"                                                                     \
	"\tdied_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                       \
	"\tPRIMARY KEY (pipeline, id))"

/* seq tells any two rows apart: as constraints the indexes are part of the table */
#define PARKED_BODY                                                                                \
	" (\n"                                                                                     \
	"\tseq INTEGER PRIMARY KEY AUTOINCREMENT,\n"                                               \
	"\tid INTEGER NOT NULL UNIQUE,\n" EVENT_COLUMNS ",\n"                                      \
	"\torigin_id INTEGER,\n"                                                                   \
	"\tattempts INTEGER NOT NULL,\n"                                                           \
	"\tlast_status INTEGER,\n"                                                                 \
	"\tlast_error TEXT,\n"                                                                     \
	"\tstep INTEGER NOT NULL,\n"                                                               \
	"\tdue_at INTEGER,\n"                                                                      \
	"\trow_hash1 INTEGER NOT NULL,\n"                                                          \
	"\trow_hash2 INTEGER NOT NULL,\n"                                                          \
	"\ttable_hash INTEGER NOT NULL,\n"                                                         \
	"\tparked_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                     \
	"\tUNIQUE (row_hash1, seq), UNIQUE (row_hash2, seq),\n"                                    \
	"\tUNIQUE (table_hash, seq), UNIQUE (due_at, seq))"

#define DELIVERED_BODY                                                                             \
	" (\n"                                                                                     \
	"\tpipeline TEXT NOT NULL,\n"                                                              \
	"\tid INTEGER NOT NULL,\n" EVENT_COLUMNS ",\n"                                             \
	"\tdelivered_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                  \
	"\tPRIMARY KEY (pipeline, id), UNIQUE (pipeline, delivered_at, id))"

#define WEBHOOK_BODY                                                                               \
	" (\n"                                                                                     \
	"\tpipeline TEXT NOT NULL PRIMARY KEY,\n"                                                  \
	"\twebhook TEXT NOT NULL,\n"                                                               \
	"\tdisabled INTEGER NOT NULL,\n"                                                           \
	"\tsince_us INTEGER NOT NULL,\n"                                                           \
	"\tfailing_us INTEGER NOT NULL,\n"                                                         \
	"\treason TEXT NOT NULL)"

#define BACKFILL_BODY                                                                              \
	" (\n"                                                                                     \
	"\tid INTEGER PRIMARY KEY AUTOINCREMENT,\n"                                                \
	"\tpipeline TEXT NOT NULL,\n"                                                              \
	"\ttable_name TEXT NOT NULL,\n"                                                            \
	"\tcolumn_names TEXT,\n"                                                                   \
	"\twhere_sql TEXT,\n"                                                                      \
	"\trate INTEGER NOT NULL,\n"                                                               \
	"\tflush_every INTEGER NOT NULL,\n"                                                        \
	"\tmax_concurrent_pages INTEGER NOT NULL,\n"                                               \
	"\tstate TEXT NOT NULL,\n"                                                                 \
	"\tend_key TEXT,\n"                                                                        \
	"\tcursor_key TEXT,\n"                                                                     \
	"\trows_done INTEGER NOT NULL DEFAULT 0,\n"                                                \
	"\trows_estimate INTEGER NOT NULL,\n"                                                      \
	"\tcreated_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                    \
	"\tupdated_at INTEGER NOT NULL DEFAULT (" NOW_US "),\n"                                    \
	"\tlast_error TEXT NOT NULL DEFAULT '')"

/* Only where events are pushed. */
#define INGEST_KEY_BODY                                                                            \
	" (\n"                                                                                     \
	"\tsource TEXT NOT NULL,\n"                                                                \
	"\ttoken TEXT NOT NULL,\n"                                                                 \
	"\tkey TEXT NOT NULL,\n"                                                                   \
	"\tdigest TEXT NOT NULL,\n"                                                                \
	"\tcreated_at INTEGER NOT NULL,\n"                                                         \
	"\tevents INTEGER NOT NULL,\n"                                                             \
	"\tPRIMARY KEY (source, token, key), UNIQUE (source, created_at, token, key))"

static const struct {
	const char *name;
	const char *body;
} tables[] = {
	{SQLITE_INSTALL, INSTALL_BODY},         {SQLITE_CAPTURED, CAPTURED_BODY},
	{SQLITE_DEAD_LETTER, DEAD_LETTER_BODY}, {SQLITE_DELIVERED, DELIVERED_BODY},
	{SQLITE_WEBHOOK, WEBHOOK_BODY},         {SQLITE_BACKFILL, BACKFILL_BODY},
};

/* A random UUID (RFC 9562, version 4) as an expression, so that a printed script makes its own. */
#define NEW_UUID                                                                                   \
	"lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || "                        \
	"substr(hex(randomblob(2)), 2) || '-' || substr('89AB', 1 + (random() & 3), 1) || "        \
	"substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"

const char sqlite_drift_sql[] =
	"SELECT pipeline, table_name, problem FROM (SELECT c.pipeline, c.table_name, CASE "
	"WHEN NOT EXISTS (SELECT 1 FROM main.sqlite_master AS m WHERE m.type = 'table' "
	"AND m.name = c.table_name) THEN 'is gone or renamed' "
	"WHEN NOT EXISTS (SELECT 1 " SQLITE_TRIGGERS_OF_C ") THEN 'has lost its triggers' "
	"WHEN " SQLITE_TRIGGERS_NOW " IS NOT c.options "
	"THEN 'has triggers that were dropped or changed' "
	"WHEN " SQLITE_COLUMNS_NOW " IS NOT c.fingerprint THEN 'has other columns' "
	"WHEN EXISTS (SELECT 1 FROM main.sqlite_master AS n WHERE n.type = 'trigger' "
	"AND n.tbl_name = c.table_name AND substr(n.name, 1, 16) <> '" SQLITE_PREFIX "' "
	"AND n.rowid > (SELECT min(g.rowid) " SQLITE_TRIGGERS_OF_C ")) "
	"THEN 'has a newer trigger that fires before the capture' "
	"END AS problem FROM " SQLITE_CAPTURED " AS c) WHERE problem IS NOT NULL "
	"ORDER BY pipeline, table_name";

/* ---- looking ---- */

enum err_code sqlite_schema_has_table(struct sqlite_admin *a, const char *name, bool *ret_has,
				      struct err *e)
{
	const char *const values[] = {name};
	int64_t n = 0;
	enum err_code code = sqlite_admin_number(
		a, "SELECT count(*) FROM main.sqlite_master WHERE type = 'table' AND name = ?1", 1,
		values, 0, &n, e);

	if (code == ERR_OK)
		*ret_has = n > 0;
	return code;
}

enum err_code sqlite_schema_is_installed(struct sqlite_admin *a, bool *ret_installed, struct err *e)
{
	return sqlite_schema_has_table(a, SQLITE_INSTALL, ret_installed, e);
}

enum err_code sqlite_schema_count_parked(struct sqlite_admin *a, const char *pipeline,
					 int64_t *ret_rows, struct err *e)
{
	bool has = false;
	enum err_code code;
	struct buf sql;

	*ret_rows = 0;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&sql, pipeline);
	code = buf_error(&sql) == ERR_OK ? sqlite_schema_has_table(a, buf_str(&sql), &has, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_reset(&sql);
	buf_add_str(&sql, "SELECT count(*) FROM main.");
	sqlite_parked_name(&sql, pipeline);
	if (code == ERR_OK && has)
		code = buf_error(&sql) == ERR_OK
			       ? sqlite_admin_number(a, buf_str(&sql), 0, NULL, 0, ret_rows, e)
			       : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&sql);
	return code;
}

/* ---- creating ---- */

/* A table of ours that somebody else made would make the triggers fail, and with them the
 * application. SQLite keeps the statement as it was, but for IF NOT EXISTS. */
static ATTR_MUST_CHECK enum err_code refuse_foreign(struct sqlite_admin *a, const char *name,
						    const char *body, struct err *e)
{
	const char *const values[] = {name, body};
	int64_t foreign = 0;
	enum err_code code = sqlite_admin_number(
		a,
		"SELECT count(*) FROM main.sqlite_master WHERE name = ?1 COLLATE NOCASE "
		"AND coalesce(sql, '') <> 'CREATE TABLE ' || ?1 || ?2",
		2, values, 0, &foreign, e);

	if (code == ERR_OK && foreign)
		return err_set(e, ERR_CONFIG,
			       "there is a table or an index %s that install did not make, or that "
			       "was changed since: rename or drop it",
			       name);
	return code;
}

static ATTR_MUST_CHECK enum err_code create(struct sqlite_admin *a, const char *name,
					    const char *body, struct err *e)
{
	enum err_code code = refuse_foreign(a, name, body, e);
	struct buf sql;

	if (code != ERR_OK)
		return code;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_fmt(&sql, CREATE "%s%s", name, body);
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code create_parked(struct sqlite_admin *a, const char *pipeline,
						   struct err *e)
{
	enum err_code code;
	struct buf name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&name, pipeline);
	if (buf_error(&name) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = create(a, buf_str(&name), PARKED_BODY, e);
	buf_done(&name);
	return code;
}

/* An outbox as it was made before gets what it lacks. */
static ATTR_MUST_CHECK enum err_code put_origin(struct sqlite_admin *a, const char *name,
						struct err *e)
{
	const char *const values[] = {name, OUTBOX_BODY_BEFORE};
	int64_t lacks = 0;
	struct buf sql;
	enum err_code code = sqlite_admin_number(a,
						 "SELECT count(*) FROM main.sqlite_master WHERE "
						 "name = ?1 AND sql = 'CREATE TABLE ' || ?1 || ?2",
						 2, values, 0, &lacks, e);

	if (code != ERR_OK || !lacks)
		return code;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_fmt(&sql, "ALTER TABLE %s ADD COLUMN origin_id INTEGER", name);
	code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code create_outbox(struct sqlite_admin *a, const char *pipeline,
						   struct err *e)
{
	enum err_code code;
	struct buf text;

	buf_init(&text, SQLITE_SQL_MAX_BYTES);
	sqlite_outbox_name(&text, pipeline);
	if (buf_error(&text) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = put_origin(a, buf_str(&text), e);
	if (code == ERR_OK)
		code = create(a, buf_str(&text), OUTBOX_BODY, e);
	buf_reset(&text);
	buf_add_fmt(&text,
		    "INSERT INTO " SQLITE_INSTALL
		    " (pipeline, install_id, version) VALUES ('%s', " NEW_UUID
		    ", %d)\n\tON CONFLICT (pipeline) DO UPDATE SET version = "
		    "excluded.version WHERE version <> excluded.version",
		    pipeline, SQLITE_SCHEMA_VERSION);
	if (code == ERR_OK)
		code = sqlite_admin_run_buf(a, &text, e);
	buf_done(&text);
	return code;
}

enum err_code sqlite_schema_install(struct sqlite_admin *a, struct err *e)
{
	const struct settings *s = a->settings;
	enum err_code code = ERR_OK;
	size_t i;

	sqlite_admin_comment(a, "tables");
	for (i = 0; i < ARRAY_LEN(tables) && code == ERR_OK; i++)
		code = create(a, tables[i].name, tables[i].body, e);
	if (code == ERR_OK && source_admin_takes_events(s, a->source_index))
		code = create(a, SQLITE_INGEST_KEY, INGEST_KEY_BODY, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!sqlite_admin_has_pipeline(a, i))
			continue;
		code = create_outbox(a, s->pipelines[i].name, e);
		if (code == ERR_OK)
			code = create_parked(a, s->pipelines[i].name, e);
	}
	return code;
}
