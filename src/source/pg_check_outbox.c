/* SPDX-License-Identifier: MIT */
/* The installed objects: complete, ours, usable by the daemon's role, ids in order. */
#include <stdlib.h>
#include <string.h>

#include "source/pg_admin.h"
#include "source/pg_check.h"
#include "source/pg_schema.h"
#include "source/pg_trigger.h"

/* One finding per row of sql: column 0 the subject, column 1 the message, column 2 the hint where
 * it is not the same for all. */
static ATTR_MUST_CHECK enum err_code find_rows(struct pg_admin *a, enum finding_level level,
					       const char *hint, const char *sql, int n,
					       const char *const *values, struct err *e)
{
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(a, sql, n, values, &res, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++)
		pg_admin_find(a, level, PQgetvalue(res, i, 0), hint ? hint : PQgetvalue(res, i, 2),
			      "%s", PQgetvalue(res, i, 1));
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_objects(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT '" PG_SCHEMA "', 'table ' || v.name || ' is missing' FROM (VALUES "
		"('install'), ('captured'), ('outbox'), ('dead_letter'), ('webhook')) v(name) "
		"WHERE NOT EXISTS ("
		"SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
		"n.nspname = '" PG_SCHEMA "' AND c.relname = v.name AND c.relkind = 'r') "
		"UNION ALL SELECT '" PG_SCHEMA "', 'function capture is missing' WHERE NOT EXISTS ("
		"SELECT FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE "
		"n.nspname = '" PG_SCHEMA "' AND f.proname = 'capture' AND f.prosecdef)";

	return find_rows(a, FINDING_FAIL, "run install", sql, 0, NULL, e);
}

/* An installation of before parked events has no table for them. */
static ATTR_MUST_CHECK enum err_code check_parked(struct pg_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = pg_schema_has_parked(a, &has, e);

	if (code == ERR_OK && !has)
		pg_admin_find(a, source_admin_needs_parked(a->settings, a->source_index), PG_SCHEMA,
			      "run install", "table parked is missing: retry_schedule needs it");
	return code;
}

/* Nor for delivered ones. */
static ATTR_MUST_CHECK enum err_code check_delivered(struct pg_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = pg_schema_has_delivered(a, &has, e);

	if (code == ERR_OK && !has)
		pg_admin_find(a, source_admin_needs_delivered(a->settings, a->source_index),
			      PG_SCHEMA, "run install",
			      "table delivered is missing: retain needs it");
	return code;
}

/* Nor for the keys of pushed ones. */
static ATTR_MUST_CHECK enum err_code check_ingest(struct pg_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = pg_schema_has_ingest(a, &has, e);

	if (code == ERR_OK && !has && source_admin_takes_events(a->settings, a->source_index))
		pg_admin_find(a, FINDING_FAIL, PG_SCHEMA, "run install",
			      "table ingest_key is missing: a source of type http needs it");
	return code;
}

/* Nor for backfill jobs: nothing but the command needs it. */
static ATTR_MUST_CHECK enum err_code check_backfill(struct pg_admin *a, struct err *e)
{
	static const char sql[] = "SELECT '" PG_SCHEMA
				  "', 'table backfill is missing: the command backfill needs it' "
				  "WHERE to_regclass('" PG_BACKFILL "') IS NULL";

	return find_rows(a, FINDING_WARN, "run install", sql, 0, NULL, e);
}

/* Privileges by catalog, not by trying: the one who checks need not be the daemon. */
static ATTR_MUST_CHECK enum err_code check_privileges(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"WITH r AS (SELECT oid, rolname, ' TO ' || quote_ident(rolname) || '; install with "
		"an owner''s credentials does it' AS hint FROM pg_roles WHERE rolname = "
		"coalesce($1, current_user)), o AS (SELECT c.oid, c.relname, c.relkind FROM "
		"pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = "
		"'" PG_SCHEMA "') "
		"SELECT 'role ' || $1, 'does not exist', 'create it and run install' WHERE $1 IS "
		"NOT NULL AND NOT EXISTS "
		"(SELECT FROM r) "
		"UNION ALL SELECT 'role ' || r.rolname, 'may not use schema " PG_SCHEMA "', "
		"'GRANT USAGE ON SCHEMA " PG_SCHEMA
		"' || r.hint FROM r, pg_namespace n WHERE n.nspname = '" PG_SCHEMA "' AND NOT "
		"has_schema_privilege(r.oid, n.oid, 'USAGE') "
		"UNION ALL SELECT 'role ' || r.rolname, 'may not ' || v.priv || ' on " PG_SCHEMA
		".' || v.name, 'GRANT ' || v.priv || ' ON " PG_SCHEMA
		".' || v.name || r.hint FROM r, (VALUES ('outbox', 'SELECT'), ('outbox', "
		"'INSERT'), "
		"('outbox', 'DELETE'), ('dead_letter', 'SELECT'), ('dead_letter', 'INSERT'), "
		"('dead_letter', 'DELETE'), ('parked', 'SELECT'), ('parked', 'INSERT'), "
		"('parked', 'UPDATE'), ('parked', 'DELETE'), ('delivered', 'SELECT'), "
		"('delivered', 'INSERT'), ('delivered', 'UPDATE'), ('delivered', 'DELETE'), "
		"('ingest_key', 'SELECT'), ('ingest_key', 'INSERT'), "
		"('ingest_key', 'UPDATE'), ('ingest_key', 'DELETE'), ('install', 'SELECT'), "
		"('captured', 'SELECT'), ('webhook', 'SELECT'), ('webhook', 'INSERT'), "
		"('webhook', 'UPDATE'), ('backfill', 'SELECT'), ('backfill', 'INSERT'), "
		"('backfill', 'UPDATE'), ('backfill', 'DELETE')) "
		"v(name, priv) JOIN o ON o.relname = v.name WHERE NOT "
		"has_table_privilege(r.oid, o.oid, v.priv) "
		"UNION ALL SELECT 'role ' || r.rolname, 'may not use sequence ' || o.relname, "
		"format('GRANT USAGE, SELECT ON SEQUENCE " PG_SCHEMA ".%I', o.relname) || r.hint "
		"FROM r, o WHERE o.relkind = 'S' AND o.relname NOT IN ('parked_seq_seq', "
		"'backfill_id_seq') AND NOT "
		"has_sequence_privilege(r.oid, o.oid, 'USAGE')";
	const char *const values[] = {a->source->user};

	return find_rows(a, FINDING_FAIL, NULL, sql, 1, values, e);
}

/* May the one who checks look at what is in the schema? */
static ATTR_MUST_CHECK enum err_code may_look(struct pg_admin *a, bool *ret_may, struct err *e)
{
	int64_t may = 0;
	enum err_code code = pg_admin_number(
		a,
		"SELECT has_schema_privilege(oid, 'USAGE')::int FROM pg_namespace WHERE nspname = "
		"'" PG_SCHEMA "'",
		0, NULL, 0, &may, e);

	*ret_may = may;
	return code;
}

/* What the triggers do with the rights of the function's owner. Of the server's functions those
 * stand here that are called outside a handler: a server that is made safer takes them from PUBLIC.
 * What else the owner or the daemon lacks hurts no writer: tests/integration/test_pg_roles.c. */
static ATTR_MUST_CHECK enum err_code check_capture_rights(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"WITH f AS (SELECT p.proowner AS role, n.oid AS schema, quote_ident(r.rolname) AS "
		"name, r.rolname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
		"JOIN pg_roles r ON r.oid = p.proowner WHERE n.nspname = '" PG_SCHEMA "' "
		"AND p.proname = 'capture'), o AS (SELECT c.oid, c.relkind, c.relrowsecurity, "
		"c.relname, format('%I.%I', '" PG_SCHEMA "', c.relname) AS name FROM pg_class c "
		"JOIN f ON c.relnamespace = f.schema WHERE (c.relkind = 'S' AND c.relname <> "
		"'parked_seq_seq') OR c.relname = 'outbox'), "
		"lacks (what, grant_sql) AS ("
		"SELECT 'use schema " PG_SCHEMA "', 'USAGE ON SCHEMA " PG_SCHEMA "' FROM f "
		"WHERE NOT has_schema_privilege(f.role, f.schema, 'USAGE') "
		"UNION ALL SELECT 'INSERT on ' || o.name, 'INSERT ON ' || o.name FROM f, o "
		"WHERE o.relkind = 'r' AND NOT has_table_privilege(f.role, o.oid, 'INSERT') "
		"UNION ALL SELECT 'use sequence ' || o.name, 'USAGE ON SEQUENCE ' || o.name FROM "
		"f, o "
		"WHERE o.relkind = 'S' AND NOT has_sequence_privilege(f.role, o.oid, "
		"'USAGE, UPDATE') UNION ALL SELECT 'call ' || g.oid::regprocedure, "
		"'EXECUTE ON FUNCTION pg_catalog.' || g.oid::regprocedure FROM f, pg_proc g WHERE "
		"g.oid = ANY ('{nextval(regclass),clock_timestamp(),lower(text),octet_length(text),"
		"\"pg_try_advisory_xact_lock_shared(integer,integer)\",\"pg_notify(text,text)\","
		"pg_notification_queue_usage()}'::regprocedure[]) "
		"AND NOT has_function_privilege(f.role, g.oid, 'EXECUTE')) "
		"SELECT '" PG_SCHEMA
		".capture', 'belongs to role ' || f.rolname || ', which may not ' "
		"|| l.what || ': writes to captured tables fail', "
		"'GRANT ' || l.grant_sql || ' TO ' || f.name FROM f, lacks l "
		"UNION ALL SELECT o.name, 'has row level security: writes to captured tables can "
		"fail, and the daemon does not see every event', 'ALTER TABLE ' || o.name || "
		"' DISABLE ROW LEVEL SECURITY' FROM o WHERE o.relrowsecurity";

	return find_rows(a, FINDING_FAIL, NULL, sql, 0, NULL, e);
}

static ATTR_MUST_CHECK enum err_code check_open_to_public(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT '" PG_SCHEMA ".capture', 'anybody may call it, and with it write to the "
		"outbox' FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE "
		"n.nspname = '" PG_SCHEMA "' AND f.proname = 'capture' AND (f.proacl IS NULL OR "
		"EXISTS (SELECT FROM aclexplode(f.proacl) x WHERE x.grantee = 0))";

	return find_rows(a, FINDING_FAIL, "run install", sql, 0, NULL, e);
}

/* The function as a daemon before or after this one wrote it: install replaces it. */
static ATTR_MUST_CHECK enum err_code check_capture_text(struct pg_admin *a, struct err *e)
{
	static const char quote[] = "$capture$";
	static const char sql[] =
		"SELECT '" PG_SCHEMA ".capture', 'is not the function that this version installs' "
		"FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname = "
		"'" PG_SCHEMA "' AND f.proname = 'capture' AND f.prosrc <> $1";
	const char *begin = strstr(pg_schema_capture_sql(), quote) + sizeof(quote) - 1;
	const char *values[1];
	struct buf body;
	enum err_code code;

	buf_init(&body, PG_SQL_MAX_BYTES);
	buf_add_text(&body, (struct text){begin, (size_t)(strstr(begin, quote) - begin)});
	values[0] = buf_str(&body);
	code = buf_error(&body) == ERR_OK
		       ? find_rows(a, FINDING_WARN, "run install", sql, 1, values, e)
		       : err_set(e, ERR_NOMEM, "no memory to compare a function");
	buf_done(&body);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_sequences(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT '" PG_SCHEMA ".' || c.relname, CASE WHEN q.seqcache <> 1 THEN 'has CACHE ' "
		"|| q.seqcache || ': events of one row can be delivered in the wrong order' "
		"ELSE 'may start over (CYCLE) or counts in other steps than 1' END "
		"FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid "
		"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '" PG_SCHEMA
		"' AND (q.seqcache <> 1 OR q.seqcycle OR q.seqincrement <> 1)";

	return find_rows(a, FINDING_FAIL, "run install", sql, 0, NULL, e);
}

static ATTR_MUST_CHECK enum err_code check_autovacuum(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT '" PG_SCHEMA ".outbox', CASE WHEN current_setting('autovacuum') = 'off' "
		"OR 'autovacuum_enabled=false' = ANY (c.reloptions) THEN 'autovacuum is off: polls "
		"will become slower and slower' ELSE 'its autovacuum settings were changed' END "
		"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
		"n.nspname = '" PG_SCHEMA "' AND c.relname = 'outbox' AND ("
		"current_setting('autovacuum') = 'off' OR c.reloptions IS NULL OR "
		"NOT 'autovacuum_vacuum_scale_factor=0' = ANY (c.reloptions) OR "
		"'autovacuum_enabled=false' = ANY (c.reloptions))";

	return find_rows(a, FINDING_WARN, "run install; set autovacuum = on", sql, 0, NULL, e);
}

/* VACUUM takes ACCESS EXCLUSIVE to cut off the empty end of a table: every writer waits then. The
 * outbox is empty most of the time. PostgreSQL manual, "Storage Parameters". */
static ATTR_MUST_CHECK enum err_code check_vacuum_truncate(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT '" PG_SCHEMA
		".outbox', 'VACUUM may truncate it' || CASE WHEN t.oid <> c.oid "
		"THEN 's TOAST table' ELSE '' END || ', and locks out all writers for that moment' "
		"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class t "
		"ON t.oid IN (c.oid, c.reltoastrelid) WHERE n.nspname = '" PG_SCHEMA "' AND "
		"c.relname = 'outbox' AND NOT EXISTS (SELECT FROM "
		"pg_options_to_table(t.reloptions) o "
		"WHERE o.option_name = 'vacuum_truncate' AND NOT o.option_value::boolean)";

	return find_rows(a, FINDING_WARN, "run install", sql, 0, NULL, e);
}

static bool is_configured(const struct pg_admin *a, const char *pipeline)
{
	size_t i;

	for (i = 0; i < a->settings->pipeline_count; i++)
		if (strcmp(a->settings->pipelines[i].name, pipeline) == 0)
			return true;
	return false;
}

static ATTR_MUST_CHECK enum err_code check_pipelines(struct pg_admin *a, struct err *e)
{
	static const char known_sql[] = "SELECT version FROM " PG_SCHEMA ".install "
					"WHERE pipeline = $1";
	const char *values[1];
	int64_t version;
	PGresult *res;
	size_t p;
	int i;
	enum err_code code = ERR_OK;

	for (p = 0; p < a->settings->pipeline_count && code == ERR_OK; p++) {
		if (!pg_admin_has_pipeline(a, p))
			continue;
		values[0] = a->settings->pipelines[p].name;
		code = pg_admin_number(a, known_sql, 1, values, -1, &version, e);
		if (code == ERR_OK && version != PG_SCHEMA_VERSION)
			pg_admin_find(a, FINDING_FAIL, values[0], "run install",
				      version < 0 ? "this pipeline is not installed"
						  : "installed by another version");
	}
	if (code == ERR_OK)
		code = pg_schema_pipelines_undelivered(a, &res, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res); i++)
		if (!is_configured(a, PQgetvalue(res, i, 0)))
			pg_admin_find(a, FINDING_WARN, PQgetvalue(res, i, 0), NULL,
				      "has undelivered events, but is not configured");
	PQclear(res);
	return ERR_OK;
}

/* By the name of what is in the schema. */
static ATTR_MUST_CHECK enum err_code check_inside(struct pg_admin *a, struct err *e)
{
	struct err here;
	enum err_code code = check_backfill(a, e);

	if (code == ERR_OK)
		code = check_capture_rights(a, e);
	if (code == ERR_OK)
		code = check_open_to_public(a, e);
	if (code == ERR_OK)
		code = check_capture_text(a, e);
	if (code == ERR_OK)
		code = check_sequences(a, e);
	if (code == ERR_OK)
		code = check_autovacuum(a, e);
	if (code == ERR_OK)
		code = check_vacuum_truncate(a, e);
	if (code != ERR_OK)
		return code;
	code = check_pipelines(a, &here);
	if (code == ERR_DENIED || code == ERR_NOT_FOUND)
		return ERR_OK; /* told above as a privilege or an object that is missing */
	if (code != ERR_OK && e)
		*e = here;
	return code;
}

enum err_code pg_check_outbox(struct pg_admin *a, struct err *e)
{
	bool may = false;
	enum err_code code = check_objects(a, e);

	if (code == ERR_OK)
		code = check_parked(a, e);
	if (code == ERR_OK)
		code = check_delivered(a, e);
	if (code == ERR_OK)
		code = check_ingest(a, e);
	if (code == ERR_OK)
		code = check_privileges(a, e);
	if (code == ERR_OK)
		code = may_look(a, &may, e);
	return code == ERR_OK && may ? check_inside(a, e) : code;
}
