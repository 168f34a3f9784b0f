/* SPDX-License-Identifier: MIT */
#include "source/pg_backfill.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "source/backfill_table.h"
#include "source/pg_admin.h"
#include "source/pg_quote.h"
#include "source/pg_tables.h"

#define COUNTED_MAX 10000

/* What is missing is told by what has to be done. */
static ATTR_MUST_CHECK enum err_code explain(enum err_code code, struct err *e)
{
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND,
			       "backfill needs table " PG_BACKFILL ", which is not there: run "
			       "app-db-listener install");
	if (code == ERR_DENIED)
		return err_prefix(e, "run app-db-listener install, it grants what is missing");
	return code;
}

/* ---- making a job ---- */

struct making {
	struct pg_admin *a;
	const struct backfill_request *r;
	const struct table *t;
	struct pg_walk walk;
	struct buf where; /* as stored; empty: none */
	struct buf columns;
	struct buf key;
	struct buf until; /* empty: the table is */
	int64_t estimate;
};

static const char *stored_where(const struct making *m)
{
	return m->r->where ? buf_str(&m->where) : NULL;
}

/* FROM the table WHERE both filters mean the row */
static void add_from(struct buf *sql, const struct making *m, const char *configured)
{
	buf_add_str(sql, "SELECT 1 ");
	pg_walk_from(sql, m->t->schema, m->t->name, &m->walk);
	buf_add_str(sql, " WHERE ");
	pg_page_filter(sql, configured, stored_where(m));
}

/* SELECT ... FOR SHARE needs UPDATE of some column. PostgreSQL manual, SELECT, "Privileges". */
static ATTR_MUST_CHECK enum err_code check_rights(struct making *m, struct err *e)
{
	const char *const values[] = {m->t->oid};
	struct buf grant;
	int64_t may;
	enum err_code code = pg_admin_number(m->a,
					     "SELECT (has_table_privilege($1::oid, 'SELECT') AND "
					     "has_any_column_privilege($1::oid, 'UPDATE'))::int",
					     1, values, 0, &may, e);

	if (code != ERR_OK || may)
		return code;
	buf_init(&grant, PG_SQL_MAX_BYTES);
	buf_add_str(&grant, "GRANT SELECT, UPDATE (");
	pg_quote_ident(&grant, m->walk.key.items[0]);
	buf_add_str(&grant, ") ON ");
	pg_quote_name(&grant, m->t->schema, m->t->name);
	buf_add_str(&grant, " TO ");
	pg_quote_ident(&grant, PQuser(pg_conn_raw(m->a->conn)));
	code = err_set(e, ERR_DENIED, "%s: this role may not read and lock its rows, run: %s",
		       m->t->label, buf_str(&grant));
	buf_done(&grant);
	return code;
}

/* The operator's filter alone: the configuration's was looked at by install. */
static ATTR_MUST_CHECK enum err_code check_where(struct making *m, struct err *e)
{
	struct buf sql;
	enum err_code code;

	if (!m->r->where)
		return ERR_OK;
	code = backfill_write_where(m->r->where, SOURCE_POSTGRES, &m->where, e);
	if (code != ERR_OK)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	add_from(&sql, m, NULL);
	code = buf_error(&sql);
	if (code == ERR_OK)
		code = pg_conn_prepare(m->a->conn, "", buf_str(&sql), e);
	else
		code = err_set(e, code, "no memory for a filter");
	buf_done(&sql);
	if (code == ERR_OK || code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return code;
	if (e)
		e->code = ERR_USAGE;
	(void)err_prefix(e, "--where");
	return ERR_USAGE;
}

/* [{"Plan": {"Plan Rows": N, ...}}] */
static int64_t plan_rows(const char *text)
{
	json_t *tree = json_loads(text, 0, NULL);
	json_t *rows =
		json_object_get(json_object_get(json_array_get(tree, 0), "Plan"), "Plan Rows");
	int64_t n = json_is_number(rows) ? (int64_t)json_number_value(rows) : -1;

	json_decref(tree);
	return n;
}

/* A small table has no statistics worth the name, and is counted. */
static ATTR_MUST_CHECK enum err_code count_small(struct making *m, struct err *e)
{
	struct buf sql;
	int64_t n = -1;
	enum err_code code;

	if (m->r->where || m->estimate > COUNTED_MAX)
		return ERR_OK;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT count(*) FROM (");
	add_from(&sql, m, m->t->settings->where[OP_INSERT]);
	buf_add_fmt(&sql, " LIMIT %d) AS few", COUNTED_MAX + 1);
	code = buf_error(&sql) == ERR_OK ? pg_admin_number(m->a, buf_str(&sql), 0, NULL, -1, &n, e)
					 : err_set(e, ERR_NOMEM, "no memory for a filter");
	buf_done(&sql);
	if (code == ERR_OK)
		m->estimate = n;
	return code;
}

static ATTR_MUST_CHECK enum err_code estimate(struct making *m, struct err *e)
{
	struct buf sql;
	PGresult *res = NULL;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_str(&sql, "EXPLAIN (FORMAT JSON) ");
	add_from(&sql, m, m->t->settings->where[OP_INSERT]);
	code = buf_error(&sql) == ERR_OK ? pg_admin_query(m->a, buf_str(&sql), 0, NULL, &res, e)
					 : err_set(e, ERR_NOMEM, "no memory for a filter");
	buf_done(&sql);
	if (code != ERR_OK)
		return code;
	m->estimate = PQntuples(res) ? plan_rows(PQgetvalue(res, 0, 0)) : -1;
	PQclear(res);
	return count_small(m, e);
}

static ATTR_MUST_CHECK enum err_code find_last(struct making *m, struct err *e)
{
	struct buf sql;
	PGresult *res = NULL;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	pg_page_last(&sql, m->t->schema, m->t->name, &m->walk);
	code = buf_error(&sql) == ERR_OK ? pg_admin_query(m->a, buf_str(&sql), 0, NULL, &res, e)
					 : err_set(e, ERR_NOMEM, "no memory for a key");
	buf_done(&sql);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res))
		buf_add_str(&m->until, PQgetvalue(res, 0, 0));
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code insert(struct making *m, int64_t *ret_id, struct err *e)
{
	static const char sql[] =
		"WITH old AS (DELETE FROM " PG_BACKFILL " WHERE state IN ('done', 'cancelled', "
		"'failed') AND updated_at < now() - $10::int4 * interval '1 day') "
		"INSERT INTO " PG_BACKFILL
		" (pipeline, schema_name, table_name, columns, where_sql, "
		"key_columns, rate, flush_every, max_concurrent_pages, state, rows_estimate, "
		"until_key) "
		"VALUES "
		"($1, $2, $3, $4, $5, $6, $7::int8, $8::int8, $9::int8, 'running', $11::int8, $12) "
		"RETURNING id";
	char rate[24], flush[24], pages[24], days[24], rows[24];
	const char *const values[] = {m->r->pipeline,
				      m->t->schema,
				      m->t->name,
				      m->r->columns.count ? buf_str(&m->columns) : NULL,
				      stored_where(m),
				      buf_str(&m->key),
				      rate,
				      flush,
				      pages,
				      days,
				      rows,
				      m->until.len ? buf_str(&m->until) : NULL};

	(void)snprintf(rate, sizeof(rate), "%lld", (long long)m->r->rate);
	(void)snprintf(flush, sizeof(flush), "%lld", (long long)m->r->flush_every);
	(void)snprintf(pages, sizeof(pages), "%lld", (long long)m->r->max_concurrent_pages);
	(void)snprintf(days, sizeof(days), "%d", BACKFILL_KEEP_DAYS);
	(void)snprintf(rows, sizeof(rows), "%lld", (long long)m->estimate);
	return pg_admin_number(m->a, sql, ARRAY_LEN(values), values, 0, ret_id, e);
}

static ATTR_MUST_CHECK enum err_code make(struct making *m, int64_t *ret_id, struct err *e)
{
	enum err_code code = backfill_check_columns(m->t, &m->r->columns, e);

	if (code == ERR_OK)
		code = pg_walk_load(m->a->conn, m->t->schema, m->t->name, &m->t->settings->key,
				    &m->walk, e);
	if (code == ERR_OK)
		code = check_rights(m, e);
	if (code == ERR_OK)
		code = check_where(m, e);
	/* as a page: rows that a policy hides are an error, and keys are the same texts */
	if (code == ERR_OK)
		code = pg_conn_exec(m->a->conn, pg_page_begin_sql, e);
	if (code == ERR_OK)
		code = pg_conn_exec(m->a->conn, "SET LOCAL synchronous_commit = on", e);
	if (code == ERR_OK)
		code = estimate(m, e);
	if (code == ERR_OK)
		code = find_last(m, e);
	if (code != ERR_OK)
		return code;
	backfill_list_write(&m->columns, &m->r->columns);
	backfill_list_write(&m->key, &m->walk.key);
	if (buf_error(&m->columns) != ERR_OK || buf_error(&m->key) != ERR_OK ||
	    buf_error(&m->until) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a job");
	code = insert(m, ret_id, e);
	return code == ERR_OK ? pg_conn_exec(m->a->conn, "COMMIT", e) : explain(code, e);
}

static ATTR_MUST_CHECK enum err_code find_pipeline(const struct settings *s, size_t source,
						   const char *name, size_t *ret_p, struct err *e)
{
	size_t i;

	for (i = 0; i < s->pipeline_count; i++) {
		if (s->pipelines[i].source != source || strcmp(s->pipelines[i].name, name) != 0)
			continue;
		*ret_p = i;
		return ERR_OK;
	}
	return err_set(e, ERR_USAGE, "no pipeline of this source is called %s", name);
}

enum err_code pg_backfill_create(const struct settings *s, size_t source,
				 const struct backfill_request *r, int64_t *ret_id, struct err *e)
{
	struct pg_admin a = {.conn = NULL};
	struct making m = {.a = &a, .r = r, .estimate = -1};
	struct tables tables = {.count = 0};
	size_t p = 0;
	enum err_code code = find_pipeline(s, source, r->pipeline, &p, e);

	if (code == ERR_OK)
		code = pg_admin_open(&a, s, source, NULL, e);
	if (code != ERR_OK)
		return code;
	buf_init(&m.where, PG_SQL_MAX_BYTES);
	buf_init(&m.columns, PG_SQL_MAX_BYTES);
	buf_init(&m.key, PG_SQL_MAX_BYTES);
	buf_init(&m.until, PG_SQL_MAX_BYTES);
	code = pg_tables_load(&a, &tables, e);
	if (code == ERR_OK)
		code = backfill_find_table(s, &tables, p, r->table, &m.t, e);
	if (code == ERR_OK)
		code = make(&m, ret_id, e);
	pg_walk_done(&m.walk);
	buf_done(&m.where);
	buf_done(&m.columns);
	buf_done(&m.key);
	buf_done(&m.until);
	tables_done(&tables);
	pg_admin_close(&a);
	return code;
}

/* ---- looking at jobs ---- */

static struct text text_at(const PGresult *res, int row, int column)
{
	return PQgetisnull(res, row, column) ? TEXT_NONE : text_of(PQgetvalue(res, row, column));
}

static ATTR_MUST_CHECK enum err_code list_rows(const PGresult *res, backfill_job_fn fn, void *ctx,
					       struct err *e)
{
	enum err_code code = ERR_OK;
	struct backfill_job job;
	int i;

	for (i = 0; code == ERR_OK && i < PQntuples(res); i++) {
		pg_backfill_progress(res, i, &job.progress);
		job.where = text_at(res, i, PG_BACKFILL_COLUMN_COUNT);
		job.columns = text_at(res, i, PG_BACKFILL_COLUMN_COUNT + 1);
		job.cursor = text_at(res, i, PG_BACKFILL_COLUMN_COUNT + 2);
		code = fn(ctx, &job, e);
	}
	return code;
}

enum err_code pg_backfill_list(const struct settings *s, size_t source, int64_t id,
			       backfill_job_fn fn, void *ctx, struct err *e)
{
	static const char sql[] =
		"SELECT " PG_BACKFILL_COLUMNS ", where_sql, columns, cursor_key FROM " PG_BACKFILL
		" WHERE $1::int8 IN (0, id) ORDER BY id";
	struct pg_admin a;
	char word[24];
	const char *const values[] = {word};
	PGresult *res = NULL;
	enum err_code code = pg_admin_open(&a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	(void)snprintf(word, sizeof(word), "%lld", (long long)id);
	code = pg_admin_query(&a, sql, 1, values, &res, e);
	pg_admin_close(&a);
	if (code != ERR_OK)
		return explain(code, e);
	if (id && !PQntuples(res))
		code = err_set(e, ERR_NOT_FOUND, "there is no backfill %lld", (long long)id);
	else
		code = list_rows(res, fn, ctx, e);
	PQclear(res);
	return code;
}

/* ---- deciding ---- */

static ATTR_MUST_CHECK enum err_code decide(struct pg_admin *a, const char *id,
					    enum backfill_state state, struct err *e)
{
	static const char look_sql[] =
		"SELECT state FROM " PG_BACKFILL " WHERE id = $1::int8 FOR UPDATE";
	static const char save_sql[] = "UPDATE " PG_BACKFILL " SET state = $2, last_error = NULL, "
				       "updated_at = clock_timestamp() WHERE id = $1::int8";
	const char *const values[] = {id, backfill_state_name(state)};
	enum backfill_state now = BACKFILL_FAILED;
	PGresult *res;
	enum err_code code = pg_admin_query(a, look_sql, 1, values, &res, e);

	if (code != ERR_OK)
		return explain(code, e);
	if (PQntuples(res))
		(void)backfill_state_parse(text_of(PQgetvalue(res, 0, 0)), &now);
	else
		code = err_set(e, ERR_NOT_FOUND, "there is no backfill %s", id);
	PQclear(res);
	if (code == ERR_OK)
		code = backfill_state_allows(now, state, e);
	if (code == ERR_OK)
		code = pg_admin_query(a, save_sql, 2, values, &res, e);
	if (code == ERR_OK)
		PQclear(res);
	return code;
}

enum err_code pg_backfill_decide(const struct settings *s, size_t source, int64_t id,
				 enum backfill_state state, struct err *e)
{
	struct pg_admin a;
	char word[24];
	enum err_code code = pg_admin_open(&a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	(void)snprintf(word, sizeof(word), "%lld", (long long)id);
	code = pg_conn_exec(a.conn, "BEGIN", e);
	if (code == ERR_OK)
		code = decide(&a, word, state, e);
	if (code == ERR_OK)
		code = pg_conn_exec(a.conn, "COMMIT", e);
	pg_admin_close(&a);
	return code;
}
