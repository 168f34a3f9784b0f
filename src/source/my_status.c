/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/my_install.h"
#include "source/my_locks.h"
#include "source/my_webhook.h"

/* Looked at, not tried: taking it, however briefly, could keep a standby from taking over. */
static ATTR_MUST_CHECK enum err_code is_active(struct my_admin *a, bool *ret_active, struct err *e)
{
	int64_t owner;
	enum err_code code =
		my_admin_number(a, 0, &owner, e, "SELECT IS_USED_LOCK(" MY_LOCK_LEADER ")");

	if (code == ERR_OK)
		*ret_active = owner > 0;
	return code;
}

static void status_sql(struct buf *sql, const struct my_admin *a, const char *pipeline)
{
	buf_add_str(sql, "SELECT COUNT(*), COALESCE(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', "
			 "MIN(changed_at)), 0), (SELECT COUNT(*) FROM ");
	my_quote_name(sql, a->database, MY_DEAD_LETTER);
	buf_add_str(sql, " WHERE pipeline = ");
	my_quote_literal(sql, text_of(pipeline));
	buf_add_str(sql, "), (SELECT COUNT(*) FROM ");
	my_quote_name(sql, a->database, MY_INSTALL);
	buf_add_str(sql, " WHERE pipeline = ");
	my_quote_literal(sql, text_of(pipeline));
	buf_add_str(sql, ") FROM ");
	if (!my_audit_table_is(a)) {
		my_schema_outbox(sql, a->database, pipeline);
		return;
	}
	my_audit_table_name(sql, a);
	buf_add_str(sql, " WHERE processed = 0");
}

static ATTR_MUST_CHECK enum err_code pipeline_status(struct my_admin *a, const char *pipeline,
						     struct outbox_status *s, struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];
	struct my_result *r = NULL;
	struct buf sql;
	bool has = false;
	enum err_code code;

	my_schema_outbox_name(pipeline, name);
	code = my_objects_has(a, my_audit_table_is(a) ? MY_DEAD_LETTER : name, &has, e);
	if (code != ERR_OK || !has)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	status_sql(&sql, a, pipeline);
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK && my_result_next(r)) {
		s->rows = my_result_i64(r, 0, 0);
		s->oldest_wall_us = my_result_i64(r, 1, 0);
		s->dead_letters = my_result_i64(r, 2, 0);
		s->installed = my_result_i64(r, 3, 0) > 0;
	}
	my_result_free(r);
	if (code == ERR_OK)
		code = my_webhook_load(a->conn, pipeline, &s->standing, e);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static ATTR_MUST_CHECK enum err_code pipeline_parked(struct my_admin *a, const char *pipeline,
						     int64_t *ret_rows, struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];
	struct buf sql;
	bool has = false;
	enum err_code code;

	*ret_rows = 0;
	my_schema_parked_name(pipeline, name);
	code = my_objects_has(a, name, &has, e);
	if (code != ERR_OK || !has)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT COUNT(*) FROM ");
	my_quote_name(&sql, a->database, name);
	code = buf_error(&sql) == ERR_OK ? my_conn_number(a->conn, buf_str(&sql), 0, ret_rows, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&sql);
	return code;
}

enum err_code my_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e)
{
	struct outbox_status status;
	bool installed = false, active = false;
	struct my_admin a;
	size_t i;
	enum err_code code = my_admin_open(&a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = my_objects_is_installed(&a, &installed, e);
	if (code == ERR_OK)
		code = is_active(&a, &active, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!my_admin_has_pipeline(&a, i))
			continue;
		status = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		(void)snprintf(status.server, sizeof(status.server), "%s", a.server);
		if (installed)
			code = pipeline_status(&a, s->pipelines[i].name, &status, e);
		if (code == ERR_OK && installed)
			code = pipeline_parked(&a, s->pipelines[i].name, &status.parked, e);
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, &status);
	}
	my_admin_close(&a);
	return code;
}
