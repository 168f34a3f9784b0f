/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/pg_install.h"
#include "source/pg_schema.h"
#include "source/pg_webhook.h"

/* Seen in pg_locks, not tried: taking it, however briefly, could keep a standby from taking over.
 */
static ATTR_MUST_CHECK enum err_code is_active(struct pg_admin *a, bool *ret_active, struct err *e)
{
	char sql[320];
	int64_t n;
	enum err_code code;

	(void)snprintf(
		sql, sizeof(sql),
		"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
		"AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE "
		"datname = current_database()) AND classid = %d AND objid = %d "
		"AND objsubid = 2",
		PG_LOCK_CLASS, PG_LOCK_LEADER);
	code = pg_admin_number(a, sql, 0, NULL, 0, &n, e);
	if (code == ERR_OK)
		*ret_active = n > 0;
	return code;
}

static ATTR_MUST_CHECK enum err_code pipeline_status(struct pg_admin *a, const char *pipeline,
						     struct outbox_status *s, struct err *e)
{
	static const char sql[] =
		"SELECT count(*), coalesce((extract(epoch FROM min(changed_at)) * "
		"1000000)::bigint, "
		"0), (SELECT count(*) FROM " PG_SCHEMA ".dead_letter WHERE pipeline = $1), "
		"(SELECT count(*) FROM " PG_SCHEMA ".install WHERE pipeline = $1) "
		"FROM " PG_SCHEMA ".outbox WHERE pipeline = $1";
	const char *const values[] = {pipeline};
	PGresult *res;
	enum err_code code = pg_admin_query(a, sql, 1, values, &res, e);

	if (code != ERR_OK)
		return code;
	s->rows = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	s->oldest_wall_us = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
	s->dead_letters = strtoll(PQgetvalue(res, 0, 2), NULL, 10);
	s->installed = strcmp(PQgetvalue(res, 0, 3), "0") != 0;
	PQclear(res);
	code = pg_webhook_load(a->conn, pipeline, &s->standing, e);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static ATTR_MUST_CHECK enum err_code pipeline_parked(struct pg_admin *a, const char *pipeline,
						     int64_t *ret_rows, struct err *e)
{
	const char *const values[] = {pipeline};
	bool has = false;
	enum err_code code = pg_schema_has_parked(a, &has, e);

	*ret_rows = 0;
	if (code != ERR_OK || !has)
		return code;
	return pg_admin_number(a, "SELECT count(*) FROM " PG_PARKED " WHERE pipeline = $1", 1,
			       values, 0, ret_rows, e);
}

enum err_code pg_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e)
{
	struct outbox_status status;
	struct pg_admin a;
	bool installed = false, active = false;
	size_t i;
	enum err_code code = pg_admin_open(&a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = pg_schema_is_installed(&a, &installed, e);
	if (code == ERR_OK)
		code = is_active(&a, &active, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!pg_admin_has_pipeline(&a, i))
			continue;
		status = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		memcpy(status.server, a.server, sizeof(status.server));
		if (installed)
			code = pipeline_status(&a, s->pipelines[i].name, &status, e);
		if (code == ERR_OK && installed)
			code = pipeline_parked(&a, s->pipelines[i].name, &status.parked, e);
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, &status);
	}
	pg_admin_close(&a);
	return code;
}
