/* SPDX-License-Identifier: MIT */
/*
 * One step is one transaction of two round trips more than its statement, so that lock_timeout
 * holds for it alone. Whoever has a letter's row (an operator's replay) is waited for a tenth of a
 * second.
 */
#include <stdio.h>
#include <stdlib.h>

#include "source/pg_source.h"

#define BEGIN "BEGIN; SET LOCAL lock_timeout = '100ms'; SET LOCAL synchronous_commit = off"

#define PURGE_SQL                                                                                  \
	"WITH looked AS MATERIALIZED (SELECT id FROM " PG_SCHEMA                                   \
	".dead_letter WHERE pipeline = $1::text AND id > $2::int8 ORDER BY id LIMIT $3::int8), "   \
	"gone AS (DELETE FROM " PG_SCHEMA ".dead_letter AS d USING looked AS l "                   \
	"WHERE d.pipeline = $1::text AND d.id = l.id AND d.died_at < pg_catalog.clock_timestamp()" \
	" - $4::int8 * interval '1 microsecond' RETURNING 1) "                                     \
	"SELECT (SELECT pg_catalog.max(id) FROM looked), "                                         \
	"(SELECT pg_catalog.count(*) FROM gone)"

static ATTR_MUST_CHECK enum err_code run(struct pg_source *s, uint32_t p,
					 const struct source_sweep *sweep, PGresult **ret_res,
					 struct err *e)
{
	char after[24], rows[24], age[24];
	const char *const values[] = {s->pipes[p].pub->settings->name, after, rows, age};
	enum err_code code = pg_conn_exec(s->conn, BEGIN, e);

	if (code != ERR_OK)
		return code;
	(void)snprintf(after, sizeof(after), "%lld", (long long)sweep->after_id);
	(void)snprintf(rows, sizeof(rows), "%lld", (long long)sweep->rows);
	(void)snprintf(age, sizeof(age), "%lld", (long long)sweep->older_than_us);
	code = pg_conn_query(s->conn, sweep->delivered ? pg_retain_purge_sql : PURGE_SQL, 4, values,
			     false, ret_res, e);
	if (code != ERR_OK)
		return pg_conn_exec(s->conn, "ROLLBACK", NULL) == ERR_OK ? code : ERR_UNAVAILABLE;
	code = pg_conn_exec(s->conn, "COMMIT", e);
	if (code != ERR_OK)
		PQclear(*ret_res);
	return code;
}

enum err_code pg_purge(struct source *base, uint32_t p, struct source_sweep *sweep, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	PGresult *res;
	enum err_code code = run(s, p, sweep, &res, e);

	if (code != ERR_OK)
		return code;
	/* NULL, when there was none, is 0 */
	sweep->after_id = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	sweep->purged = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
	PQclear(res);
	return ERR_OK;
}
