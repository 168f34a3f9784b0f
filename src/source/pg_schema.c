/* SPDX-License-Identifier: MIT */
/*
 * Every statement here may be run again on a finished installation and then changes nothing. What
 * needs a strong lock (ALTER SEQUENCE waits for every transaction that took an id) is only run
 * when the catalog says that it is needed.
 */
#include "source/pg_schema.h"

#include <string.h>

#include "source/pg_backfill.h"
#include "source/pg_grants.h"
#include "source/pg_inlet.h"
#include "source/pg_quote.h"
#include "source/pg_sequence.h"
#include "source/pg_webhook.h"

static const char *const table_sql[] = {
	"CREATE TABLE IF NOT EXISTS " PG_SCHEMA ".install (\n"
	"\tpipeline text COLLATE \"C\" PRIMARY KEY,\n"
	"\tinstall_id uuid NOT NULL DEFAULT gen_random_uuid(),\n"
	"\tversion integer NOT NULL,\n"
	"\tinstalled_at timestamptz NOT NULL DEFAULT now(),\n"
	"\tcached_upto bigint)",

	"CREATE TABLE IF NOT EXISTS " PG_SCHEMA ".captured (\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\tschema_name text COLLATE \"C\" NOT NULL,\n"
	"\ttable_name text COLLATE \"C\" NOT NULL,\n"
	"\tfingerprint text NOT NULL,\n"
	"\toptions text NOT NULL,\n"
	"\ttrigger_names name[] NOT NULL,\n"
	"\tinstalled_at timestamptz NOT NULL DEFAULT now(),\n"
	"\tPRIMARY KEY (pipeline, schema_name, table_name))",

	"CREATE TABLE IF NOT EXISTS " PG_SCHEMA ".outbox (\n"
	"\tid bigint NOT NULL,\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\toperation text NOT NULL,\n"
	"\tschema_name text NOT NULL,\n"
	"\ttable_name text NOT NULL,\n"
	"\trow_key text,\n"
	"\told_key text,\n"
	"\tchanged_at timestamptz NOT NULL DEFAULT clock_timestamp(),\n"
	"\tbytes integer NOT NULL,\n"
	"\ttruncated boolean NOT NULL DEFAULT false,\n"
	"\tdata text,\n"
	"\told_data text,\n"
	"\torigin_id bigint,\n"
	"\tPRIMARY KEY (pipeline, id))",

	/* rows live for milliseconds: clean up by number of dead rows, not by share of the table;
	 * and to give the empty end of the file back, VACUUM would lock everybody out */
	"ALTER TABLE " PG_SCHEMA ".outbox SET (\n"
	"\tautovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,\n"
	"\tautovacuum_vacuum_cost_delay = 0,\n"
	"\tautovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,\n"
	"\ttoast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000,\n"
	"\ttoast.autovacuum_vacuum_cost_delay = 0,\n"
	"\tvacuum_truncate = off, toast.vacuum_truncate = off)",

	"CREATE TABLE IF NOT EXISTS " PG_SCHEMA ".dead_letter (\n"
	"\tid bigint NOT NULL,\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\toperation text NOT NULL,\n"
	"\tschema_name text NOT NULL,\n"
	"\ttable_name text NOT NULL,\n"
	"\trow_key text,\n"
	"\told_key text,\n"
	"\tchanged_at timestamptz NOT NULL,\n"
	"\ttruncated boolean NOT NULL DEFAULT false,\n"
	"\tdata text,\n"
	"\told_data text,\n"
	"\tattempts integer NOT NULL,\n"
	"\tlast_status integer,\n"
	"\tlast_error text,\n"
	"\tdied_at timestamptz NOT NULL DEFAULT now(),\n"
	"\tPRIMARY KEY (pipeline, id))",

	/* the index as a constraint, as below; delivered_at alone may be twice there */
	"CREATE TABLE IF NOT EXISTS " PG_DELIVERED " (\n"
	"\tid bigint NOT NULL,\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\toperation text NOT NULL,\n"
	"\tschema_name text NOT NULL,\n"
	"\ttable_name text NOT NULL,\n"
	"\trow_key text,\n"
	"\told_key text,\n"
	"\tchanged_at timestamptz NOT NULL,\n"
	"\ttruncated boolean NOT NULL DEFAULT false,\n"
	"\tdata text,\n"
	"\told_data text,\n"
	"\tdelivered_at timestamptz NOT NULL DEFAULT now(),\n"
	"\tPRIMARY KEY (pipeline, id), UNIQUE (pipeline, delivered_at, id))",

	/* seq tells any two rows apart: as constraints the indexes come with the table, and a
	 * repeated install need not lock it to look for them */
	"CREATE TABLE IF NOT EXISTS " PG_PARKED " (\n"
	"\tseq bigint GENERATED ALWAYS AS IDENTITY,\n"
	"\tid bigint NOT NULL,\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\toperation text NOT NULL,\n"
	"\tschema_name text NOT NULL,\n"
	"\ttable_name text NOT NULL,\n"
	"\trow_key text,\n"
	"\told_key text,\n"
	"\tchanged_at timestamptz NOT NULL,\n"
	"\tbytes integer NOT NULL,\n"
	"\ttruncated boolean NOT NULL DEFAULT false,\n"
	"\tdata text,\n"
	"\told_data text,\n"
	"\torigin_id bigint,\n"
	"\tattempts integer NOT NULL,\n"
	"\tlast_status integer,\n"
	"\tlast_error text,\n"
	"\tstep integer NOT NULL,\n"
	"\tdue_at timestamptz,\n"
	"\trow_hash1 bigint NOT NULL,\n"
	"\trow_hash2 bigint NOT NULL,\n"
	"\ttable_hash bigint NOT NULL,\n"
	"\tparked_at timestamptz NOT NULL DEFAULT now(),\n"
	"\tPRIMARY KEY (pipeline, seq), UNIQUE (pipeline, id),\n"
	"\tUNIQUE (pipeline, row_hash1, seq), UNIQUE (pipeline, row_hash2, seq),\n"
	"\tUNIQUE (pipeline, table_hash, seq), UNIQUE (pipeline, due_at, seq))\n"
	"\tWITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,\n"
	"\ttoast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 5000)",
};

static ATTR_MUST_CHECK enum err_code has_table(struct pg_admin *a, const char *name, bool *ret_has,
					       struct err *e)
{
	const char *const values[] = {name};
	int64_t n;
	enum err_code code = pg_admin_number(
		a,
		"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
		"WHERE n.nspname = '" PG_SCHEMA "' AND c.relname = $1",
		1, values, 0, &n, e);

	if (code == ERR_OK)
		*ret_has = n > 0;
	return code;
}

enum err_code pg_schema_is_installed(struct pg_admin *a, bool *ret_installed, struct err *e)
{
	return has_table(a, "outbox", ret_installed, e);
}

enum err_code pg_schema_has_parked(struct pg_admin *a, bool *ret_has, struct err *e)
{
	return has_table(a, "parked", ret_has, e);
}

enum err_code pg_schema_has_delivered(struct pg_admin *a, bool *ret_has, struct err *e)
{
	return has_table(a, "delivered", ret_has, e);
}

enum err_code pg_schema_has_ingest(struct pg_admin *a, bool *ret_has, struct err *e)
{
	return has_table(a, "ingest_key", ret_has, e);
}

enum err_code pg_schema_pipelines_undelivered(struct pg_admin *a, PGresult **ret_res, struct err *e)
{
	static const char outbox[] =
		"SELECT pipeline FROM " PG_SCHEMA ".install i WHERE EXISTS (SELECT FROM " PG_SCHEMA
		".outbox o WHERE o.pipeline = i.pipeline)";
	static const char both[] =
		"SELECT pipeline FROM " PG_SCHEMA ".install i WHERE EXISTS (SELECT FROM " PG_SCHEMA
		".outbox o WHERE o.pipeline = i.pipeline) OR EXISTS (SELECT FROM " PG_PARKED
		" p WHERE p.pipeline = i.pipeline)";
	bool has = false;
	enum err_code code = pg_schema_has_parked(a, &has, e);

	if (code != ERR_OK)
		return code;
	return pg_admin_query(a, has ? both : outbox, 0, NULL, ret_res, e);
}

/* ---- schema ---- */

/* Somebody who made this schema or a table in it beforehand could let the capture function, which
 * runs with the installer's rights, run triggers of theirs. */
static ATTR_MUST_CHECK enum err_code refuse_foreign_owner(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT pg_get_userbyid(o.owner) FROM ("
		"SELECT nspowner AS owner FROM pg_namespace WHERE nspname = '" PG_SCHEMA "' "
		"UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n "
		"ON n.oid = c.relnamespace WHERE n.nspname = '" PG_SCHEMA "') o "
		"JOIN pg_roles r ON r.oid = o.owner WHERE NOT r.rolsuper "
		"AND r.rolname <> current_user "
		"AND r.oid <> (SELECT datdba FROM pg_database WHERE datname = current_database()) "
		"LIMIT 1";
	PGresult *res;
	enum err_code code = pg_admin_query(a, sql, 0, NULL, &res, e);

	if (code != ERR_OK)
		return code;
	if (PQntuples(res) > 0)
		code = err_set(e, ERR_DENIED,
			       "schema " PG_SCHEMA
			       " or a table in it belongs to %s: install as that "
			       "role, or remove it first",
			       PQgetvalue(res, 0, 0));
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code install_schema(struct pg_admin *a, struct err *e)
{
	int64_t exists;
	enum err_code code = pg_admin_number(
		a, "SELECT count(*) FROM pg_namespace WHERE nspname = '" PG_SCHEMA "'", 0, NULL, 0,
		&exists, e);

	if (code != ERR_OK)
		return code;
	/* IF NOT EXISTS wants the right to create even when there is nothing to create */
	if (!exists || a->options->print_only)
		code = pg_admin_run(a, "CREATE SCHEMA IF NOT EXISTS " PG_SCHEMA, e);
	if (code == ERR_OK)
		code = pg_admin_run(a, "REVOKE ALL ON SCHEMA " PG_SCHEMA " FROM PUBLIC", e);
	return code;
}

/* ---- pipelines ---- */

static ATTR_MUST_CHECK enum err_code install_pipelines(struct pg_admin *a, struct err *e)
{
	const struct settings *s = a->settings;
	enum err_code code = pg_sequence_install_default(a, e);
	struct buf sql;
	size_t i;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!pg_admin_has_pipeline(a, i))
			continue;
		if (strcmp(s->pipelines[i].name, "default") != 0)
			code = pg_sequence_install(a, s->pipelines[i].name, e);
		if (code != ERR_OK)
			break;
		buf_reset(&sql);
		buf_add_str(&sql, "INSERT INTO " PG_SCHEMA ".install (pipeline, version) VALUES (");
		pg_quote_literal(&sql, text_of(s->pipelines[i].name));
		buf_add_fmt(&sql,
			    ", %d)\n\tON CONFLICT (pipeline) DO UPDATE SET version = "
			    "EXCLUDED.version WHERE install.version <> EXCLUDED.version",
			    PG_SCHEMA_VERSION);
		code = pg_admin_run_buf(a, &sql, e);
	}
	buf_done(&sql);
	return code;
}

/* ---- all of it ---- */

/* What installations of before lack. */
static ATTR_MUST_CHECK enum err_code install_columns(struct pg_admin *a, struct err *e)
{
	static const struct {
		const char *table;
		const char *column;
		const char *sql;
	} columns[] = {
		{PG_SCHEMA ".install", "cached_upto",
		 "ALTER TABLE " PG_SCHEMA ".install ADD COLUMN cached_upto bigint"},
		{PG_SCHEMA ".outbox", "origin_id",
		 "ALTER TABLE " PG_SCHEMA ".outbox ADD COLUMN origin_id bigint"},
	};
	enum err_code code = ERR_OK;
	int64_t has;
	size_t i;

	if (a->options->print_only)
		return ERR_OK;
	for (i = 0; i < ARRAY_LEN(columns) && code == ERR_OK; i++) {
		const char *const values[] = {columns[i].table, columns[i].column};

		code = pg_admin_number(a,
				       "SELECT count(*) FROM pg_attribute WHERE attrelid = "
				       "$1::regclass AND attname = $2",
				       2, values, 0, &has, e);
		if (code == ERR_OK && !has)
			code = pg_admin_run(a, columns[i].sql, e);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code install_objects(struct pg_admin *a, void *ctx, struct err *e)
{
	enum err_code code = install_schema(a, e);
	size_t i;

	(void)ctx;
	for (i = 0; i < ARRAY_LEN(table_sql) && code == ERR_OK; i++)
		code = pg_admin_run(a, table_sql[i], e);
	if (code == ERR_OK)
		code = pg_admin_run(a, pg_webhook_create_sql, e);
	if (code == ERR_OK)
		code = pg_admin_run(a, pg_inlet_create_sql, e);
	if (code == ERR_OK)
		code = pg_admin_run(a, pg_backfill_create_sql, e);
	if (code == ERR_OK)
		code = install_columns(a, e);
	if (code == ERR_OK)
		code = install_pipelines(a, e);
	if (code == ERR_OK)
		code = pg_admin_run(a, pg_schema_capture_sql(), e);
	/* who may call it could attach it to a table of theirs, with arguments of theirs */
	if (code == ERR_OK)
		code = pg_admin_run(a, "REVOKE ALL ON FUNCTION " PG_SCHEMA ".capture() FROM PUBLIC",
				    e);
	if (code == ERR_OK)
		code = pg_grants_install(a, e);
	return code;
}

enum err_code pg_schema_install(struct pg_admin *a, struct err *e)
{
	enum err_code code = refuse_foreign_owner(a, e);

	pg_admin_comment(a, "schema, tables, sequences, function");
	if (code == ERR_OK)
		code = pg_admin_transaction(a, PG_SCHEMA ".outbox", install_objects, NULL, e);
	return code;
}
