/* SPDX-License-Identifier: MIT */
#include "source/pg_webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/pg_admin.h"
#include "source/pg_source.h"

#define TABLE PG_SCHEMA ".webhook"

const char pg_webhook_create_sql[] = "CREATE TABLE IF NOT EXISTS " TABLE " (\n"
				     "\tpipeline text COLLATE \"C\" PRIMARY KEY,\n"
				     "\twebhook text NOT NULL,\n"
				     "\tdisabled boolean NOT NULL,\n"
				     "\tsince_us bigint NOT NULL,\n"
				     "\tfailing_us bigint NOT NULL,\n"
				     "\treason text NOT NULL)";

enum err_code pg_webhook_load(struct pg_conn *c, const char *pipeline, struct standing *ret_s,
			      struct err *e)
{
	static const char sql[] =
		"SELECT disabled, since_us, failing_us, reason, webhook FROM " TABLE
		" WHERE pipeline = $1::text";
	struct standing s = {.disabled = false};
	PGresult *res;
	enum err_code code = pg_conn_query(c, sql, 1, &pipeline, false, &res, e);

	if (code != ERR_OK)
		return code;
	if (PQntuples(res) == 1) {
		s.disabled = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
		s.since_wall_us = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
		s.failing_wall_us = strtoll(PQgetvalue(res, 0, 2), NULL, 10);
		(void)snprintf(s.reason, sizeof(s.reason), "%s", PQgetvalue(res, 0, 3));
		(void)snprintf(s.webhook, sizeof(s.webhook), "%s", PQgetvalue(res, 0, 4));
	}
	PQclear(res);
	*ret_s = s;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code save(struct pg_conn *c, const char *pipeline,
					  const struct standing *s, struct err *e)
{
	static const char sql[] =
		"INSERT INTO " TABLE " AS w (pipeline, disabled, since_us, failing_us, reason, "
		"webhook) VALUES ($1::text, $2::bool, $3::int8, $4::int8, $5::text, $6::text) ON "
		"CONFLICT (pipeline) DO "
		"UPDATE SET disabled = excluded.disabled, since_us = excluded.since_us, "
		"failing_us = excluded.failing_us, reason = excluded.reason, "
		"webhook = excluded.webhook "
		"WHERE w.webhook <> excluded.webhook OR w.since_us <= excluded.since_us";
	char since[24], failing[24];
	const char *const values[] = {pipeline,  s->disabled ? "t" : "f", since, failing, s->reason,
				      s->webhook};
	PGresult *res;
	enum err_code code;

	(void)snprintf(since, sizeof(since), "%lld", (long long)s->since_wall_us);
	(void)snprintf(failing, sizeof(failing), "%lld", (long long)s->failing_wall_us);
	code = pg_conn_query(c, sql, 6, values, false, &res, e);
	if (code == ERR_OK)
		PQclear(res);
	return code;
}

enum err_code pg_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
			       struct err *e)
{
	struct pg_source *s = pg_source_of(base);

	return pg_webhook_load(s->conn, s->pipes[p].pub->settings->name, ret_s, e);
}

enum err_code pg_standing_save(struct source *base, uint32_t p, const struct standing *standing,
			       struct err *e)
{
	struct pg_source *s = pg_source_of(base);

	return save(s->conn, s->pipes[p].pub->settings->name, standing, e);
}

enum err_code pg_standing_decide(const struct settings *s, size_t pipeline,
				 const struct standing *d, struct err *e)
{
	const char *name = s->pipelines[pipeline].name;
	struct standing before, after = *d;
	struct pg_admin a;
	enum err_code code = pg_admin_open(&a, s, s->pipelines[pipeline].source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = pg_webhook_load(a.conn, name, &before, e);
	if (code == ERR_OK) {
		standing_supersede(&after, &before);
		code = save(a.conn, name, &after, e);
	}
	pg_admin_close(&a);
	return code;
}
