/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/my_audit_table.h"
#include "source/my_install.h"
#include "source/my_locks.h"
#include "source/my_webhook.h"
#include "source/row_count.h"

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

/* What a pipeline's part of the statement needs. */
struct place {
	char outbox[2 * MY_TABLE_NAME_BYTES + 128]; /* quoted, with what limits it to what waits */
	bool exists;
	bool parks;
};

/* (SELECT COUNT(*) of the table, as far as it is told */
static void count_sql(struct buf *sql, const struct my_admin *a, const char *table,
		      const char *pipeline)
{
	buf_add_str(sql, "(SELECT COUNT(*) FROM (SELECT 1 FROM ");
	my_quote_name(sql, a->database, table);
	if (pipeline) {
		buf_add_str(sql, " WHERE pipeline = ");
		my_quote_literal(sql, text_of(pipeline));
	}
	buf_add_str(sql, " LIMIT " ROW_COUNT_LIMIT ") AS x)");
}

#define DIGITS                                                                                     \
	"(SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL "       \
	"SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 "    \
	"UNION ALL SELECT 9) AS "

/* One row with the figures of pipeline k. The points are looked up one by one: an id that is equal
 * to something is found by the key, also where a range would not be. */
static void pipeline_sql(struct buf *sql, const struct my_admin *a, size_t k, const struct place *p)
{
	const char *pipeline = a->settings->pipelines[k].name;
	char parked[MY_TABLE_NAME_BYTES];

	buf_add_fmt(sql,
		    "SELECT %zu, b.n, b.lowest, b.highest, IF(b.n > 10000, (SELECT SUM((SELECT "
		    "COUNT(*) FROM %s AND o.id = b.lowest + (b.highest - b.lowest) * (g1.i * 100 + "
		    "g2.i * 10 + g3.i) DIV " ROW_COUNT_LAST ")) FROM " DIGITS "g1, " DIGITS
		    "g2, " DIGITS "g3), 0), COALESCE((SELECT TIMESTAMPDIFF(MICROSECOND, "
		    "'1970-01-01', o.changed_at) FROM %s ORDER BY o.id LIMIT 1), 0), ",
		    k, p->outbox, p->outbox);
	count_sql(sql, a, MY_DEAD_LETTER, pipeline);
	buf_add_str(sql, ", ");
	my_schema_parked_name(pipeline, parked);
	if (p->parks)
		count_sql(sql, a, parked, NULL);
	else
		buf_add_char(sql, '0');
	buf_add_str(sql, ", (SELECT COUNT(*) FROM ");
	my_quote_name(sql, a->database, MY_INSTALL);
	buf_add_str(sql, " AS i WHERE i.pipeline = ");
	my_quote_literal(sql, text_of(pipeline));
	buf_add_fmt(sql,
		    ") FROM (SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT " ROW_COUNT_LIMIT
		    ") AS x) AS n, COALESCE((SELECT MIN(o.id) FROM %s), 0) AS lowest, "
		    "COALESCE((SELECT MAX(o.id) FROM %s), 0) AS highest) AS b",
		    p->outbox, p->outbox, p->outbox);
}

/* Which of the pipeline's tables are there. */
static ATTR_MUST_CHECK enum err_code place_find(struct my_admin *a, const char *pipeline,
						struct place *p, struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];
	bool audit = my_audit_table_is(a);
	enum err_code code;
	struct buf table;

	my_schema_outbox_name(pipeline, name);
	code = my_objects_has(a, audit ? MY_DEAD_LETTER : name, &p->exists, e);
	my_schema_parked_name(pipeline, name);
	if (code == ERR_OK && p->exists)
		code = my_objects_has(a, name, &p->parks, e);
	if (code != ERR_OK || !p->exists)
		return code;
	buf_init(&table, sizeof(p->outbox));
	if (audit)
		my_audit_table_name(&table, a);
	else
		my_schema_outbox(&table, a->database, pipeline);
	buf_add_str(&table, audit ? " AS o WHERE o.processed = 0" : " AS o WHERE o.id > 0");
	if (buf_error(&table) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		(void)snprintf(p->outbox, sizeof(p->outbox), "%s", buf_str(&table));
	buf_done(&table);
	return code;
}

static void take_row(struct my_result *r, struct outbox_status *s)
{
	const struct row_count count = {.rows = my_result_i64(r, 1, 0),
					.lowest = my_result_i64(r, 2, 0),
					.highest = my_result_i64(r, 3, 0),
					.hits = my_result_i64(r, 4, 0)};

	s->rows = row_count_about(&count, &s->about);
	s->oldest_wall_us = my_result_i64(r, 5, 0);
	s->dead_letters = my_result_i64(r, 6, 0);
	s->parked = my_result_i64(r, 7, 0);
	s->installed = my_result_i64(r, 8, 0) > 0;
}

/* Fill those of all, which is by pipeline, that have their tables. */
static ATTR_MUST_CHECK enum err_code count_all(struct my_admin *a, struct outbox_status *all,
					       struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = ERR_OK;
	struct buf sql;
	size_t i;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (i = 0; i < a->settings->pipeline_count && code == ERR_OK; i++) {
		struct place p = {.exists = false};

		if (!my_admin_has_pipeline(a, i))
			continue;
		code = place_find(a, a->settings->pipelines[i].name, &p, e);
		if (code != ERR_OK || !p.exists)
			continue;
		if (sql.len)
			buf_add_str(&sql, " UNION ALL ");
		pipeline_sql(&sql, a, i, &p);
	}
	if (code == ERR_OK && sql.len)
		code = my_conn_query_buf(a->conn, &sql, &r, e);
	buf_done(&sql);
	while (code == ERR_OK && r && my_result_next(r))
		take_row(r, &all[my_result_i64(r, 0, 0)]);
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code look(struct my_admin *a, struct outbox_status *all,
					  struct err *e)
{
	bool installed = false, active = false;
	size_t i;
	enum err_code code = my_objects_is_installed(a, &installed, e);

	if (code == ERR_OK)
		code = is_active(a, &active, e);
	for (i = 0; i < a->settings->pipeline_count; i++) {
		all[i] = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		(void)snprintf(all[i].server, sizeof(all[i].server), "%s", a->server);
	}
	if (code == ERR_OK && installed)
		code = count_all(a, all, e);
	return code;
}

enum err_code my_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			struct err *e)
{
	struct outbox_status *all = mem_calloc(SETTINGS_PIPELINES_MAX, sizeof(*all));
	struct my_admin a;
	size_t i;
	enum err_code code;

	if (!all)
		return err_set(e, ERR_NOMEM, "no memory for the status");
	code = my_admin_open(&a, s, source, NULL, e);
	if (code != ERR_OK) {
		mem_free(all);
		return code;
	}
	code = look(&a, all, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!my_admin_has_pipeline(&a, i))
			continue;
		if (all[i].rows >= 0)
			code = my_webhook_load(a.conn, s->pipelines[i].name, &all[i].standing, e);
		if (code == ERR_NOT_FOUND)
			code = ERR_OK;
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, &all[i]);
	}
	my_admin_close(&a);
	mem_free(all);
	return code;
}
