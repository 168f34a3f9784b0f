/* SPDX-License-Identifier: MIT */
/*
 * The commands connect as the daemon does: what they may read, it may.
 */
#include <stdio.h>
#include <string.h>

#include "source/backfill_table.h"
#include "source/my_audit_table.h"
#include "source/my_backfill.h"
#include "source/my_install.h"
#include "source/my_plan.h"

/* Counting a table is given up after so long. */
#define COUNT_MS 2000

/* ---- which table ---- */

/* Others lock rows in their own ways, or not at all. */
static ATTR_MUST_CHECK enum err_code check_engine(struct my_admin *a, const struct table *t,
						  struct err *e)
{
	int64_t n;
	enum err_code code = my_admin_number(
		a, 0, &n, e,
		"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = $ AND "
		"table_name = $ AND engine = 'InnoDB'",
		t->schema, t->name);

	if (code == ERR_OK && !n)
		code = err_set(e, ERR_CONFIG,
			       "%s: only tables of engine InnoDB can be backfilled: in others rows "
			       "cannot be locked one by one",
			       t->label);
	return code;
}

/* ---- can it be read? ---- */

/* With the filter and without, so that it is known whose fault it is. */
static ATTR_MUST_CHECK enum err_code try_plan(struct my_admin *a, const struct my_plan *plan,
					      const struct table *t, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_plan_read(plan, &sql);
	buf_add_char(&sql, '1');
	my_plan_lock(plan, &sql);
	code = my_admin_probe(a, &sql, e);
	if (code == ERR_DENIED)
		code = err_set(e, ERR_DENIED,
			       "%s: the daemon's user may not read its rows: GRANT SELECT ON "
			       "`%s`.`%s` TO it%s",
			       t->label, t->schema, t->name,
			       a->flavour == MY_MYSQL
				       ? "; MySQL before 8.0.22 wants LOCK TABLES too"
				       : "");
	if (code == ERR_OK) {
		buf_reset(&sql);
		my_plan_look(plan, &sql);
		buf_add_char(&sql, '1');
		my_plan_filter(plan, &sql);
		code = my_admin_probe(a, &sql, e);
		if (code == ERR_DB || code == ERR_NOT_FOUND) {
			(void)err_prefix(e, "--where");
			code = ERR_USAGE;
			if (e)
				e->code = code;
		}
	}
	buf_done(&sql);
	return code;
}

/* How many rows; -1: not in a moment, and nothing tells. */
static ATTR_MUST_CHECK enum err_code estimate(struct my_admin *a, const struct my_plan *plan,
					      const struct table *t, int64_t *ret_n, struct err *e)
{
	enum err_code code;
	struct buf sql;

	*ret_n = -1;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	if (a->flavour == MY_MARIADB)
		buf_add_fmt(&sql, "SET STATEMENT max_statement_time = %.3f FOR SELECT",
			    COUNT_MS / 1000.0);
	else
		buf_add_fmt(&sql, "SELECT /*+ MAX_EXECUTION_TIME(%d) */", COUNT_MS);
	buf_add_str(&sql, " COUNT(*) FROM ");
	my_quote_name(&sql, t->schema, t->name);
	buf_add_str(&sql, " AS NEW WHERE 1");
	my_plan_filter(plan, &sql);
	code = buf_error(&sql) == ERR_OK ? my_conn_number(a->conn, buf_str(&sql), -1, ret_n, e)
					 : err_set(e, ERR_NOMEM, "no memory for a statement");
	buf_done(&sql);
	if (code == ERR_TIMEOUT && !my_plan_filters(plan))
		return my_admin_number(a, -1, ret_n, e,
				       "SELECT table_rows FROM information_schema.tables WHERE "
				       "table_schema = $ AND table_name = $",
				       t->schema, t->name);
	return code == ERR_TIMEOUT ? ERR_OK : code;
}

/* The last key, where a walk ends that writers cannot keep going; "": there is no row. */
static ATTR_MUST_CHECK enum err_code find_end(struct my_admin *a, const struct my_plan *plan,
					      struct buf *ret_key, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_plan_last(plan, &sql);
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK && my_result_next(r))
		buf_add_str(ret_key, my_result_str(r, 0));
	my_result_free(r);
	if (code == ERR_OK && buf_error(ret_key) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a key");
	return code;
}

/* ---- the row ---- */

static ATTR_MUST_CHECK enum err_code insert_job(struct my_admin *a, const struct table *t,
						const struct backfill_request *r, int64_t rows,
						const struct buf *end, struct err *e)
{
	struct buf sql, list;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_init(&list, MY_SQL_MAX_BYTES);
	backfill_list_write(&list, &r->columns);
	buf_add_str(&sql, "INSERT INTO " MY_BACKFILL
			  " (pipeline, schema_name, table_name, column_names, where_sql, rate, "
			  "flush_every, max_concurrent_pages, state, rows_estimate, created_at, "
			  "updated_at, end_key) VALUES (");
	my_quote_literal(&sql, text_of(r->pipeline));
	buf_add_str(&sql, ", ");
	my_quote_literal(&sql, text_of(t->schema));
	buf_add_str(&sql, ", ");
	my_quote_literal(&sql, text_of(t->name));
	buf_add_str(&sql, ", ");
	my_quote_literal(&sql, r->columns.count ? buf_text(&list) : TEXT_NONE);
	buf_add_str(&sql, ", ");
	my_quote_literal(&sql, text_of(r->where));
	buf_add_fmt(&sql,
		    ", %lld, %lld, %lld, 'running', %lld, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), ",
		    (long long)r->rate, (long long)r->flush_every,
		    (long long)r->max_concurrent_pages, (long long)rows);
	my_quote_literal(&sql, end->len ? buf_text(end) : TEXT_NONE);
	buf_add_char(&sql, ')');
	if (buf_error(&list) != ERR_OK)
		sql.error = buf_error(&list);
	code = my_conn_exec_buf(a->conn, &sql, NULL, e);
	buf_done(&list);
	buf_done(&sql);
	return code;
}

/* Jobs that ended long ago go. */
static ATTR_MUST_CHECK enum err_code forget_old(struct my_admin *a, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_fmt(&sql,
		    "DELETE FROM " MY_BACKFILL
		    " WHERE state IN ('done', 'cancelled', 'failed') AND updated_at < "
		    "UTC_TIMESTAMP(6) - INTERVAL %d DAY",
		    BACKFILL_KEEP_DAYS);
	code = my_conn_exec_buf(a->conn, &sql, NULL, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code refuse_missing(struct my_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = my_audit_table_is(a)
				     ? err_set(e, ERR_CONFIG,
					       "an audit table is read, and its rows are changes: "
					       "there is nothing to backfill from")
				     : my_objects_has(a, MY_BACKFILL, &has, e);

	if (code == ERR_OK && !has)
		code = err_set(e, ERR_NOT_FOUND,
			       "table " MY_BACKFILL " is not there: run app-db-listener install");
	return code;
}

static ATTR_MUST_CHECK enum err_code create_job(struct my_admin *a, const struct my_tables *tables,
						size_t pipeline, const struct backfill_request *r,
						int64_t *ret_id, struct err *e)
{
	struct my_plan_request want = {.source = a->source,
				       .pipeline = &a->settings->pipelines[pipeline],
				       .columns = &r->columns,
				       .where = r->where};
	const struct table *t = NULL;
	struct my_plan *plan = NULL;
	struct buf end;
	int64_t rows = -1;
	enum err_code code =
		backfill_find_table(a->settings, &tables->list, pipeline, r->table, &t, e);

	if (code == ERR_OK)
		code = backfill_check_columns(t, &r->columns, e);
	if (code == ERR_OK)
		code = check_engine(a, t, e);
	if (code != ERR_OK)
		return code;
	buf_init(&end, MY_SQL_MAX_BYTES);
	want.schema = t->schema;
	want.table = t->name;
	code = my_plan_new(a->conn, &want, &plan, e);
	if (code == ERR_OK)
		code = try_plan(a, plan, t, e);
	if (code == ERR_OK)
		code = estimate(a, plan, t, &rows, e);
	if (code == ERR_OK)
		code = find_end(a, plan, &end, e);
	my_plan_free(plan);
	if (code == ERR_OK)
		code = forget_old(a, e);
	if (code == ERR_OK)
		code = insert_job(a, t, r, rows, &end, e);
	if (code == ERR_OK)
		code = my_conn_number(a->conn, "SELECT LAST_INSERT_ID()", 0, ret_id, e);
	buf_done(&end);
	return code;
}

enum err_code my_backfill_create(const struct settings *s, size_t source,
				 const struct backfill_request *r, int64_t *ret_id, struct err *e)
{
	struct backfill_request own = *r;
	struct my_tables tables = {0};
	struct my_admin a;
	enum err_code code = my_admin_open(&a, s, source, NULL, e);
	struct buf where;
	size_t p = 0;

	if (code != ERR_OK)
		return code;
	buf_init(&where, MY_SQL_MAX_BYTES);
	while (p < s->pipeline_count && strcmp(s->pipelines[p].name, r->pipeline) != 0)
		p++;
	if (p == s->pipeline_count || !my_admin_has_pipeline(&a, p))
		code = err_set(e, ERR_USAGE, "this source has no pipeline %s", r->pipeline);
	if (code == ERR_OK)
		code = refuse_missing(&a, e);
	if (code == ERR_OK && r->where) {
		code = backfill_write_where(r->where, SOURCE_MYSQL, &where, e);
		own.where = buf_str(&where);
	}
	if (code == ERR_OK)
		code = my_tables_load(&a, &tables, e);
	if (code == ERR_OK)
		code = create_job(&a, &tables, p, &own, ret_id, e);
	my_tables_done(&tables);
	buf_done(&where);
	my_admin_close(&a);
	return code;
}

/* ---- list and decide ---- */

static ATTR_MUST_CHECK enum err_code tell(struct my_result *r, backfill_job_fn fn, void *ctx,
					  struct err *e)
{
	struct my_backfill_row row;
	struct backfill_job job;
	enum err_code code = ERR_OK;

	while (code == ERR_OK && my_result_next(r)) {
		my_backfill_take(r, &row);
		job = (struct backfill_job){.progress = row.progress,
					    .where = row.where,
					    .columns = row.columns,
					    .cursor = row.cursor};
		code = fn(ctx, &job, e);
	}
	return code;
}

enum err_code my_backfill_list(const struct settings *s, size_t source, int64_t id,
			       backfill_job_fn fn, void *ctx, struct err *e)
{
	struct my_result *r = NULL;
	struct my_admin a;
	enum err_code code = my_admin_open(&a, s, source, NULL, e);
	struct buf sql;

	if (code != ERR_OK)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_backfill_select(&sql);
	if (id)
		buf_add_fmt(&sql, " WHERE id = %lld", (long long)id);
	buf_add_str(&sql, " ORDER BY id");
	code = refuse_missing(&a, e);
	if (code == ERR_OK)
		code = my_conn_query_buf(a.conn, &sql, &r, e);
	if (code == ERR_OK && id && !my_result_rows(r))
		code = err_set(e, ERR_NOT_FOUND, "there is no backfill job %lld", (long long)id);
	if (code == ERR_OK)
		code = tell(r, fn, ctx, e);
	my_result_free(r);
	buf_done(&sql);
	my_admin_close(&a);
	return code;
}

struct decision {
	int64_t id;
	enum backfill_state state;
};

static ATTR_MUST_CHECK enum err_code decide(struct my_conn *c, void *ctx, struct err *e)
{
	const struct decision *d = ctx;
	struct my_backfill_row row;
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code = my_backfill_find(c, d->id, true, &r, &row, e);

	if (code != ERR_OK)
		return code;
	code = backfill_state_allows(row.progress.state, d->state, e);
	my_result_free(r);
	if (code != ERR_OK)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_fmt(&sql,
		    "UPDATE " MY_BACKFILL " SET state = '%s', last_error = '', updated_at = "
		    "UTC_TIMESTAMP(6) WHERE id = %lld",
		    backfill_state_name(d->state), (long long)d->id);
	code = my_conn_exec_buf(c, &sql, NULL, e);
	buf_done(&sql);
	return code;
}

enum err_code my_backfill_decide(const struct settings *s, size_t source, int64_t id,
				 enum backfill_state state, struct err *e)
{
	struct decision d = {id, state};
	struct my_admin a;
	enum err_code code = my_admin_open(&a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = refuse_missing(&a, e);
	if (code == ERR_OK)
		code = my_conn_transaction(a.conn, decide, &d, e);
	my_admin_close(&a);
	return code;
}
