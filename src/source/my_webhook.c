/* SPDX-License-Identifier: MIT */
#include "source/my_webhook.h"

#include <stdio.h>

#include "source/my_admin.h"
#include "source/my_schema.h"
#include "source/my_source.h"

#define SQL_BYTES_MAX 4096

enum err_code my_webhook_load(struct my_conn *c, const char *pipeline, struct standing *ret_s,
			      struct err *e)
{
	struct standing s = {.disabled = false};
	struct my_result *r = NULL;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQL_BYTES_MAX);
	buf_add_str(&sql, "SELECT disabled, since_us, failing_us, reason, webhook FROM " MY_WEBHOOK
			  " WHERE pipeline = ");
	my_quote_literal(&sql, text_of(pipeline));
	code = my_conn_query_buf(c, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK && my_result_next(r)) {
		s.disabled = my_result_i64(r, 0, 0) != 0;
		s.since_wall_us = my_result_i64(r, 1, 0);
		s.failing_wall_us = my_result_i64(r, 2, 0);
		(void)snprintf(s.reason, sizeof(s.reason), "%s", my_result_str(r, 3));
		(void)snprintf(s.webhook, sizeof(s.webhook), "%s", my_result_str(r, 4));
	}
	my_result_free(r);
	if (code == ERR_OK)
		*ret_s = s;
	return code;
}

/* A column takes the new value unless a later decision about the same webhook stands there. */
static void add_unless_later(struct buf *sql, const char *column)
{
	buf_add_fmt(sql,
		    "%s = IF(webhook = VALUES(webhook) AND since_us > VALUES(since_us), %s, "
		    "VALUES(%s)), ",
		    column, column, column);
}

/* What the condition looks at comes last: they are assigned one after the other. */
static void add_upsert(struct buf *sql)
{
	buf_add_str(sql, " ON DUPLICATE KEY UPDATE ");
	add_unless_later(sql, "disabled");
	add_unless_later(sql, "failing_us");
	add_unless_later(sql, "reason");
	add_unless_later(sql, "since_us");
	buf_add_str(sql, "webhook = VALUES(webhook)");
}

static ATTR_MUST_CHECK enum err_code save(struct my_conn *c, const char *pipeline,
					  const struct standing *s, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQL_BYTES_MAX);
	buf_add_str(&sql, "INSERT INTO " MY_WEBHOOK
			  " (pipeline, disabled, since_us, failing_us, reason, webhook) VALUES (");
	my_quote_literal(&sql, text_of(pipeline));
	buf_add_fmt(&sql, ", %d, %lld, %lld, ", s->disabled, (long long)s->since_wall_us,
		    (long long)s->failing_wall_us);
	my_quote_literal(&sql, text_of(s->reason));
	buf_add_str(&sql, ", ");
	my_quote_literal(&sql, text_of(s->webhook));
	buf_add_char(&sql, ')');
	add_upsert(&sql);
	code = my_conn_exec_buf(c, &sql, NULL, e);
	buf_done(&sql);
	return code;
}

enum err_code my_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
			       struct err *e)
{
	struct my_source *s = my_source_of(base);

	return my_webhook_load(s->conn, s->pipes[p].pub->settings->name, ret_s, e);
}

enum err_code my_standing_save(struct source *base, uint32_t p, const struct standing *standing,
			       struct err *e)
{
	struct my_source *s = my_source_of(base);

	return save(s->conn, s->pipes[p].pub->settings->name, standing, e);
}

enum err_code my_standing_decide(const struct settings *s, size_t pipeline,
				 const struct standing *d, struct err *e)
{
	const char *name = s->pipelines[pipeline].name;
	struct standing before, after = *d;
	struct my_admin a;
	enum err_code code = my_admin_open(&a, s, s->pipelines[pipeline].source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = my_webhook_load(a.conn, name, &before, e);
	if (code == ERR_OK) {
		standing_supersede(&after, &before);
		code = save(a.conn, name, &after, e);
	}
	my_admin_close(&a);
	return code;
}
