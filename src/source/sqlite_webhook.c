/* SPDX-License-Identifier: MIT */
#include "source/sqlite_webhook.h"

#include <stdio.h>

#include "source/sqlite_admin.h"
#include "source/sqlite_source.h"

/* Without a WAL a commit that waits for readers shuts new ones out: see sqlite_ack.c. */
#define PATIENCE_US (50 * CLOCK_US_PER_MS)

static void copy(char *out, size_t size, struct text t)
{
	(void)snprintf(out, size, "%.*s", (int)t.len, t.s ? t.s : "");
}

enum err_code sqlite_webhook_load(struct sqlite_conn *c, const char *pipeline,
				  struct standing *ret_s, struct err *e)
{
	static const char sql[] = "SELECT disabled, since_us, failing_us, reason, webhook FROM "
				  "main." SQLITE_WEBHOOK " WHERE pipeline = ?1";
	struct standing s = {.disabled = false};
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	enum err_code code = sqlite_conn_prepare(c, sql, &stmt, e);

	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 1, pipeline, e);
	if (code == ERR_OK)
		code = sqlite_conn_step(c, stmt, &row, e);
	if (code == ERR_OK && row) {
		s.disabled = sqlite3_column_int(stmt, 0) != 0;
		s.since_wall_us = sqlite3_column_int64(stmt, 1);
		s.failing_wall_us = sqlite3_column_int64(stmt, 2);
		copy(s.reason, sizeof(s.reason), sqlite_conn_text(stmt, 3));
		copy(s.webhook, sizeof(s.webhook), sqlite_conn_text(stmt, 4));
	}
	(void)sqlite3_finalize(stmt);
	if (code == ERR_OK)
		*ret_s = s;
	return code;
}

static ATTR_MUST_CHECK enum err_code save(struct sqlite_conn *c, const char *pipeline,
					  const struct standing *s, struct err *e)
{
	static const char sql[] =
		"INSERT INTO main." SQLITE_WEBHOOK
		" AS w (pipeline, disabled, since_us, failing_us, reason, webhook) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (pipeline) DO "
		"UPDATE SET disabled = excluded.disabled, since_us = excluded.since_us, "
		"failing_us = excluded.failing_us, reason = excluded.reason, "
		"webhook = excluded.webhook "
		"WHERE w.webhook <> excluded.webhook OR w.since_us <= excluded.since_us";
	sqlite3_stmt *stmt = NULL;
	bool row;
	enum err_code code = sqlite_conn_prepare(c, sql, &stmt, e);

	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 1, pipeline, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 5, s->reason, e);
	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 6, s->webhook, e);
	if (code == ERR_OK) {
		(void)sqlite3_bind_int(stmt, 2, s->disabled);
		(void)sqlite3_bind_int64(stmt, 3, s->since_wall_us);
		(void)sqlite3_bind_int64(stmt, 4, s->failing_wall_us);
		code = sqlite_conn_step(c, stmt, &row, e);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

enum err_code sqlite_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
				   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);

	return sqlite_webhook_load(s->conn, s->pipes[p].pub->settings->name, ret_s, e);
}

enum err_code sqlite_standing_save(struct source *base, uint32_t p, const struct standing *standing,
				   struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	enum err_code code = sqlite_source_check(s, e);

	if (code != ERR_OK)
		return code;
	sqlite_conn_set_patience(s->conn, PATIENCE_US);
	code = save(s->conn, s->pipes[p].pub->settings->name, standing, e);
	sqlite_conn_set_patience(s->conn, s->env.settings->statement_timeout_us);
	return code;
}

enum err_code sqlite_standing_decide(const struct settings *s, size_t pipeline,
				     const struct standing *d, struct err *e)
{
	const char *name = s->pipelines[pipeline].name;
	struct standing before, after = *d;
	struct sqlite_admin a;
	enum err_code code =
		sqlite_admin_open(&a, s, s->pipelines[pipeline].source, NULL, false, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_webhook_load(a.conn, name, &before, e);
	if (code == ERR_OK) {
		standing_supersede(&after, &before);
		code = save(a.conn, name, &after, e);
	}
	sqlite_admin_close(&a);
	return code;
}
