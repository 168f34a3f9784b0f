/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "source/my_backfill.h"
#include "source/my_source.h"

#define EPOCH_US(COLUMN) "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', " COLUMN ")"

void my_backfill_select(struct buf *out)
{
	buf_add_str(
		out,
		"SELECT id, pipeline, schema_name, table_name, column_names, where_sql, "
		"rate, flush_every, max_concurrent_pages, state, cursor_key, skipped, "
		"skipped_count, rows_done, rows_estimate, " EPOCH_US("created_at") ", " EPOCH_US(
			"updated_at") ", last_error, end_key FROM " MY_BACKFILL);
}

void my_backfill_take(const struct my_result *r, struct my_backfill_row *row)
{
	struct backfill_progress *p = &row->progress;

	*row = (struct my_backfill_row){
		.progress =
			{
				.id = my_result_i64(r, 0, 0),
				.state = BACKFILL_FAILED,
				.rate = my_result_i64(r, 6, 0),
				.flush_every = my_result_i64(r, 7, 1),
				.max_concurrent_pages = my_result_i64(r, 8, 1),
				.skipped = my_result_i64(r, 12, 0),
				.rows_done = my_result_i64(r, 13, 0),
				.rows_estimate = my_result_i64(r, 14, -1),
				.created_wall_us = my_result_i64(r, 15, 0),
				.updated_wall_us = my_result_i64(r, 16, 0),
			},
		.schema = my_result_str(r, 2),
		.table = my_result_str(r, 3),
		.columns = my_result_text(r, 4),
		.where = my_result_text(r, 5),
		.end = my_result_text(r, 18),
		.cursor = my_result_text(r, 10),
		.skipped = my_result_text(r, 11),
	};
	(void)backfill_state_parse(my_result_text(r, 9), &p->state);
	(void)snprintf(p->pipeline, sizeof(p->pipeline), "%s", my_result_str(r, 1));
	(void)snprintf(p->table, sizeof(p->table), "%s.%s", row->schema, row->table);
	(void)snprintf(p->last_error, sizeof(p->last_error), "%s", my_result_str(r, 17));
}

static ATTR_MUST_CHECK enum err_code no_table(enum err_code code, struct err *e)
{
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND,
			       "table " MY_BACKFILL " is not there: run app-db-listener install");
	return code;
}

enum err_code my_backfill_find(struct my_conn *c, int64_t id, bool lock, struct my_result **ret_r,
			       struct my_backfill_row *row, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_backfill_select(&sql);
	buf_add_fmt(&sql, " WHERE id = %lld%s", (long long)id, lock ? " FOR UPDATE" : "");
	code = no_table(my_conn_query_buf(c, &sql, &r, e), e);
	buf_done(&sql);
	if (code == ERR_OK && !my_result_next(r)) {
		my_result_free(r);
		return err_set(e, ERR_NOT_FOUND, "there is no backfill job %lld", (long long)id);
	}
	if (code != ERR_OK)
		return code;
	my_backfill_take(r, row);
	*ret_r = r;
	return ERR_OK;
}

enum err_code my_backfill_put(struct my_conn *c, const struct backfill_progress *p,
			      const char *cursor, const struct string_list *skipped, struct err *e)
{
	struct buf sql, list;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_init(&list, MY_SQL_MAX_BYTES);
	backfill_list_write(&list, skipped);
	buf_add_str(&sql, "UPDATE " MY_BACKFILL " SET state = ");
	my_quote_literal(&sql, text_of(backfill_state_name(p->state)));
	buf_add_str(&sql, ", cursor_key = ");
	my_quote_literal(&sql, *cursor ? text_of(cursor) : TEXT_NONE);
	buf_add_str(&sql, ", skipped = ");
	my_quote_literal(&sql, skipped->count ? buf_text(&list) : TEXT_NONE);
	buf_add_fmt(&sql,
		    ", skipped_count = %lld, rows_done = %lld, updated_at = UTC_TIMESTAMP(6) "
		    "WHERE id = %lld",
		    (long long)p->skipped, (long long)p->rows_done, (long long)p->id);
	if (buf_error(&list) != ERR_OK)
		sql.error = buf_error(&list);
	code = my_conn_exec_buf(c, &sql, NULL, e);
	buf_done(&list);
	buf_done(&sql);
	return code;
}

/* ---- the daemon ---- */

enum err_code my_backfill_load(struct source *base, struct backfill_progress *jobs, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct my_backfill_row row;
	struct my_result *r = NULL;
	enum err_code code;
	size_t i;

	for (i = 0; i < s->env.pipeline_count; i++)
		jobs[i].id = 0;
	buf_reset(&s->sql);
	my_backfill_select(&s->sql);
	buf_add_str(&s->sql, " WHERE state = 'running' ORDER BY id");
	code = no_table(my_conn_query_buf(s->conn, &s->sql, &r, e), e);
	while (code == ERR_OK && my_result_next(r)) {
		my_backfill_take(r, &row);
		for (i = 0; i < s->env.pipeline_count; i++)
			if (!jobs[i].id &&
			    strcmp(s->env.pipelines[i].settings->name, row.progress.pipeline) == 0)
				jobs[i] = row.progress;
	}
	my_result_free(r);
	return code;
}

enum err_code my_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
			       struct err *e)
{
	struct my_source *s = my_source_of(base);
	char cut[sizeof(((struct backfill_progress *)NULL)->last_error)];

	(void)snprintf(cut, sizeof(cut), "%s", why);
	buf_reset(&s->sql);
	buf_add_str(&s->sql, "UPDATE " MY_BACKFILL " SET state = 'failed', updated_at = "
			     "UTC_TIMESTAMP(6), last_error = LEFT(");
	my_quote_literal(&s->sql, text_of(cut));
	buf_add_fmt(&s->sql,
		    ", 255) WHERE state = 'running' AND id = %lld AND pipeline = ", (long long)job);
	my_quote_literal(&s->sql, text_of(s->pipes[p].pub->settings->name));
	return my_conn_exec_buf(s->conn, &s->sql, NULL, e);
}
