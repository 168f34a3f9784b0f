/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/mem.h"
#include "source/row_count.h"
#include "source/sqlite_install.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_webhook.h"

static ATTR_MUST_CHECK enum err_code take_status(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct outbox_status *all = ctx, *s = &all[sqlite3_column_int64(row, 0)];
	const struct row_count count = {.rows = sqlite3_column_int64(row, 1),
					.lowest = sqlite3_column_int64(row, 2),
					.highest = sqlite3_column_int64(row, 3),
					.hits = sqlite3_column_int64(row, 4)};

	(void)e;
	s->rows = row_count_about(&count, &s->about);
	s->oldest_wall_us = sqlite3_column_int64(row, 5);
	s->dead_letters = sqlite3_column_int64(row, 6);
	s->parked = sqlite3_column_int64(row, 7);
	s->installed = true;
	return ERR_OK;
}

/* One row with the figures of pipeline k, whose name is parameter nth. */
static void pipeline_sql(struct buf *sql, const char *pipeline, size_t k, int nth, bool parks)
{
	struct buf outbox;

	buf_init(&outbox, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&outbox, "main.");
	sqlite_outbox_name(&outbox, pipeline);
	buf_add_fmt(sql,
		    "SELECT %zu, b.n, b.lowest, b.highest, CASE WHEN b.n > 10000 THEN (SELECT "
		    "sum((SELECT count(*) FROM %s AS o WHERE o.id = b.lowest + (b.highest - "
		    "b.lowest) * g.i / " ROW_COUNT_LAST ")) FROM points AS g) ELSE 0 END, "
		    "ifnull((SELECT o.changed_at FROM %s AS o ORDER BY o.id LIMIT 1), 0), (SELECT "
		    "count(*) FROM (SELECT 1 FROM main." SQLITE_DEAD_LETTER
		    " WHERE pipeline = ?%d LIMIT " ROW_COUNT_LIMIT ")), ",
		    k, buf_str(&outbox), buf_str(&outbox), nth);
	if (parks) {
		buf_add_str(sql, "(SELECT count(*) FROM (SELECT 1 FROM main.");
		sqlite_parked_name(sql, pipeline);
		buf_add_str(sql, " LIMIT " ROW_COUNT_LIMIT "))");
	} else {
		buf_add_char(sql, '0');
	}
	buf_add_fmt(sql,
		    " FROM (SELECT (SELECT count(*) FROM (SELECT 1 FROM %s LIMIT " ROW_COUNT_LIMIT
		    ")) AS n, ifnull((SELECT min(id) FROM %s), 0) AS lowest, "
		    "ifnull((SELECT max(id) FROM %s), 0) AS highest) AS b",
		    buf_str(&outbox), buf_str(&outbox), buf_str(&outbox));
	if (buf_error(&outbox) != ERR_OK)
		sql->error = ERR_NOMEM;
	buf_done(&outbox);
}

/* Is it installed, and can it park? */
static ATTR_MUST_CHECK enum err_code place_find(struct sqlite_admin *a, const char *pipeline,
						bool *ret_installed, bool *ret_parks, struct err *e)
{
	const char *const values[] = {pipeline};
	int64_t installed = 0;
	struct buf name;
	enum err_code code = sqlite_admin_number(
		a, "SELECT count(*) FROM " SQLITE_INSTALL " WHERE pipeline = ?1", 1, values, 0,
		&installed, e);

	*ret_installed = installed > 0;
	*ret_parks = false;
	if (code != ERR_OK || !installed)
		return code;
	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&name, pipeline);
	code = buf_error(&name) == ERR_OK ? sqlite_schema_has_table(a, buf_str(&name), ret_parks, e)
					  : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&name);
	return code;
}

#define POINTS                                                                                     \
	"WITH RECURSIVE points (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM points WHERE i "       \
	"< " ROW_COUNT_LAST ") "

static ATTR_MUST_CHECK enum err_code count_all(struct sqlite_admin *a, struct outbox_status *all,
					       struct err *e)
{
	const char *names[SETTINGS_PIPELINES_MAX];
	enum err_code code = ERR_OK;
	bool installed, parks;
	int count = 0;
	struct buf sql;
	size_t i;

	buf_init(&sql, SETTINGS_PIPELINES_MAX * SQLITE_SQL_MAX_BYTES);
	for (i = 0; i < a->settings->pipeline_count && code == ERR_OK; i++) {
		if (!sqlite_admin_has_pipeline(a, i))
			continue;
		code = place_find(a, a->settings->pipelines[i].name, &installed, &parks, e);
		if (code != ERR_OK || !installed)
			continue;
		names[count++] = a->settings->pipelines[i].name;
		buf_add_str(&sql, count > 1 ? " UNION ALL " : POINTS);
		pipeline_sql(&sql, names[count - 1], i, count, parks);
	}
	if (code == ERR_OK && buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	if (code == ERR_OK && count)
		code = sqlite_admin_each(a, buf_str(&sql), count, names, take_status, all, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code look(struct sqlite_admin *a, struct outbox_status *all,
					  struct err *e)
{
	bool installed = false, active;
	size_t i;
	enum err_code code = sqlite_schema_is_installed(a, &installed, e);

	active = sqlite_lock_is_taken(sqlite_conn_file(a->conn), SQLITE_LOCK_LEADER);
	for (i = 0; i < a->settings->pipeline_count; i++) {
		all[i] = (struct outbox_status){.active = active, .rows = -1, .parked = -1};
		memcpy(all[i].server, a->server, sizeof(all[i].server));
	}
	if (code == ERR_OK && installed)
		code = count_all(a, all, e);
	return code;
}

enum err_code sqlite_status(const struct settings *s, size_t source, outbox_status_fn fn, void *ctx,
			    struct err *e)
{
	struct outbox_status *all = mem_calloc(SETTINGS_PIPELINES_MAX, sizeof(*all));
	struct sqlite_admin a;
	size_t i;
	enum err_code code;

	if (!all)
		return err_set(e, ERR_NOMEM, "no memory for the status");
	code = sqlite_admin_open(&a, s, source, NULL, true, e);
	if (code != ERR_OK) {
		mem_free(all);
		return code;
	}
	code = look(&a, all, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!sqlite_admin_has_pipeline(&a, i))
			continue;
		if (all[i].installed)
			code = sqlite_webhook_load(a.conn, s->pipelines[i].name, &all[i].standing,
						   e);
		if (code == ERR_NOT_FOUND)
			code = ERR_OK;
		if (code == ERR_OK)
			fn(ctx, s->pipelines[i].name, &all[i]);
	}
	sqlite_admin_close(&a);
	mem_free(all);
	return code;
}
