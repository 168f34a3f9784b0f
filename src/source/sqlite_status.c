/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "source/sqlite_install.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_webhook.h"

static ATTR_MUST_CHECK enum err_code take_status(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct outbox_status *s = ctx;

	(void)e;
	s->rows = sqlite3_column_int64(row, 0);
	s->oldest_wall_us = sqlite3_column_int64(row, 1);
	s->dead_letters = sqlite3_column_int64(row, 2);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code pipeline_status(struct sqlite_admin *a, const char *pipeline,
						     struct outbox_status *s, struct err *e)
{
	const char *const values[] = {pipeline};
	int64_t installed = 0;
	enum err_code code = sqlite_admin_number(
		a, "SELECT count(*) FROM " SQLITE_INSTALL " WHERE pipeline = ?1", 1, values, 0,
		&installed, e);
	struct buf sql;

	if (code != ERR_OK || !installed)
		return code;
	s->installed = true;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT count(*), coalesce(min(changed_at), 0), (SELECT count(*) "
			  "FROM " SQLITE_DEAD_LETTER " WHERE pipeline = ?1) FROM ");
	sqlite_outbox_name(&sql, pipeline);
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = sqlite_admin_each(a, buf_str(&sql), 1, values, take_status, s, e);
	buf_done(&sql);
	if (code == ERR_OK)
		code = sqlite_webhook_load(a->conn, pipeline, &s->standing, e);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum err_code sqlite_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			    struct err *e)
{
	struct outbox_status status;
	bool installed = false, active;
	struct sqlite_admin a;
	size_t i;
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, true, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_schema_is_installed(&a, &installed, e);
	active = sqlite_lock_is_taken(sqlite_conn_file(a.conn), SQLITE_LOCK_LEADER);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!sqlite_admin_has_pipeline(&a, i))
			continue;
		status = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		memcpy(status.server, a.server, sizeof(status.server));
		if (installed)
			code = pipeline_status(&a, s->pipelines[i].name, &status, e);
		if (code == ERR_OK && installed)
			code = sqlite_schema_count_parked(&a, s->pipelines[i].name, &status.parked,
							  e);
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, &status);
	}
	sqlite_admin_close(&a);
	return code;
}
