/* SPDX-License-Identifier: MIT */
/*
 * The table of delivered events that are kept for a replay. A row gets into it by the statement
 * that takes it out of the outbox, or out of the parked ones, so no crash loses or doubles one;
 * there it has the id that receivers know. The statements: pg_statements.c. A pipeline that keeps
 * nothing runs none of them.
 */
#include <stdlib.h>

#include "source/pg_source.h"

/* Oldest first, by the index on the time. */
const char pg_retain_purge_sql[] =
	"WITH gone AS (DELETE FROM " PG_DELIVERED " WHERE ctid = ANY (ARRAY (SELECT d.ctid "
	"FROM " PG_DELIVERED " AS d WHERE d.pipeline = $1::text AND d.delivered_at < "
	"pg_catalog.clock_timestamp() - $4::int8 * interval '1 microsecond' "
	"ORDER BY d.delivered_at LIMIT $3::int8)) RETURNING 1) "
	"SELECT (count(*) >= $3::int8)::int, count(*), $2::int8 FROM gone";

static ATTR_MUST_CHECK enum err_code refuse(bool exists, struct err *e)
{
	if (exists)
		return err_set(e, ERR_DENIED,
			       "retain needs table " PG_DELIVERED ", which this role may not use: "
			       "run app-db-listener install, it grants what is missing");
	return err_set(e, ERR_NOT_FOUND,
		       "retain needs table " PG_DELIVERED ", which the version that installed here "
		       "did not have: run app-db-listener install");
}

/* *ret_state: 0: no table; 1: one that we may not use; 2: one that we may. */
static ATTR_MUST_CHECK enum err_code look(struct pg_source *s, long *ret_state, struct err *e)
{
	static const char sql[] =
		"SELECT CASE WHEN t.oid IS NULL THEN 0 WHEN has_table_privilege(t.oid, 'SELECT') "
		"AND has_table_privilege(t.oid, 'INSERT') AND has_table_privilege(t.oid, 'UPDATE') "
		"AND has_table_privilege(t.oid, 'DELETE') THEN 2 ELSE 1 END "
		"FROM (SELECT pg_catalog.to_regclass('" PG_DELIVERED "') AS oid) AS t";
	PGresult *res;
	enum err_code code = pg_conn_query(s->conn, sql, 0, NULL, false, &res, e);

	if (code != ERR_OK)
		return code;
	*ret_state = strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_retain_open(struct pg_source *s, struct err *e)
{
	bool wanted = false;
	long state;
	size_t i;
	enum err_code code;

	for (i = 0; i < s->env.pipeline_count; i++)
		wanted |= s->env.pipelines[i].settings->retain_us > 0;
	s->has_delivered = false;
	if (!wanted)
		return ERR_OK;
	code = look(s, &state, e);
	if (code == ERR_OK && state != 2)
		code = refuse(state == 1, e);
	s->has_delivered = code == ERR_OK;
	return code;
}

enum pg_stmt pg_retain_stmt(const struct pg_source *s, uint32_t p, enum pg_stmt stmt)
{
	if (s->env.pipelines[p].settings->retain_us) {
		if (stmt == PG_STMT_DELETE)
			return PG_STMT_KEEP;
		if (stmt == PG_STMT_UNPARK)
			return PG_STMT_KEEP_PARKED;
	}
	return stmt;
}
