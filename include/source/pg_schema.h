/* SPDX-License-Identifier: MIT */
/*
 * What is installed beside the triggers: schema, tables, sequences, the capture function, grants.
 * docs/postgresql.md explains each.
 */
#ifndef SOURCE_PG_SCHEMA_H
#define SOURCE_PG_SCHEMA_H

#include "source/pg_admin.h"

#define PG_SCHEMA_VERSION 1

/* An SQL expression: the fingerprint of the table with OID `oid` installed with `options`. */
#define PG_FINGERPRINT(oid, options)                                                               \
	"md5(coalesce((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, "             \
	"a.atttypmod),"                                                                            \
	" ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = " oid                      \
	" AND a.attnum > 0 AND NOT a.attisdropped), '') || '|' || " options ")"

/* For the daemon's inspection: one row (pipeline, schema_name, table_name, problem) per captured
 * table that is no longer as it was installed. Needs only what install grants. */
#define PG_DRIFT_SQL                                                                               \
	"SELECT c.pipeline, c.schema_name, c.table_name, "                                         \
	"CASE WHEN k.oid IS NULL THEN 'the table is gone' "                                        \
	"WHEN (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = k.oid AND t.tgenabled <> 'D' "  \
	"AND t.tgname = ANY (c.trigger_names)) < cardinality(c.trigger_names) "                    \
	"THEN 'a trigger is missing or disabled' "                                                 \
	"ELSE 'its columns changed' END AS problem "                                               \
	"FROM " PG_SCHEMA ".captured c LEFT JOIN (pg_class k JOIN pg_namespace n "                 \
	"ON n.oid = k.relnamespace) ON n.nspname = c.schema_name AND k.relname = c.table_name "    \
	"WHERE k.oid IS NULL OR c.fingerprint <> " PG_FINGERPRINT(                                 \
		"k.oid", "c.options") " OR "                                                       \
				      "(SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = "      \
				      "k.oid AND t.tgenabled <> 'D' "                              \
				      "AND t.tgname = ANY (c.trigger_names)) < "                   \
				      "cardinality(c.trigger_names)"

/* Create what is missing, repair what differs: in one transaction, with the usual attempts for
 * locks. Errors: ERR_DENIED (also: the schema exists and belongs to somebody else),
 * ERR_NOT_FOUND (the daemon's role does not exist), ERR_TIMEOUT, ERR_DB, ERR_UNAVAILABLE. */
enum err_code pg_schema_install(struct pg_admin *a, struct err *e) ATTR_MUST_CHECK;

/* Is the outbox there? */
enum err_code pg_schema_is_installed(struct pg_admin *a, bool *ret_installed,
				     struct err *e) ATTR_MUST_CHECK;

/* Is the table of delivered events there? Likewise. */
enum err_code pg_schema_has_delivered(struct pg_admin *a, bool *ret_has,
				      struct err *e) ATTR_MUST_CHECK;
/* Or one of idempotency keys? */
enum err_code pg_schema_has_ingest(struct pg_admin *a, bool *ret_has,
				   struct err *e) ATTR_MUST_CHECK;

/* Is the table of parked events there? An installation of before it was made has none. */
enum err_code pg_schema_has_parked(struct pg_admin *a, bool *ret_has,
				   struct err *e) ATTR_MUST_CHECK;

/* The pipelines that are installed and have undelivered events, parked ones included: *ret_res is
 * the caller's, one column. Errors: as pg_conn_query. */
enum err_code pg_schema_pipelines_undelivered(struct pg_admin *a, PGresult **ret_res,
					      struct err *e) ATTR_MUST_CHECK;

/* The CREATE FUNCTION statement of capture(); never NULL. */
const char *pg_schema_capture_sql(void);

#endif
