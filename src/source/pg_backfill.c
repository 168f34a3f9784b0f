/* SPDX-License-Identifier: MIT */
#include "source/pg_backfill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/field.h"
#include "source/backfill_table.h"
#include "source/pg_admin.h"
#include "source/pg_source.h"

const char pg_backfill_create_sql[] =
	"CREATE TABLE IF NOT EXISTS " PG_BACKFILL " (\n"
	"\tid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
	"\tpipeline text COLLATE \"C\" NOT NULL,\n"
	"\tschema_name text NOT NULL,\n"
	"\ttable_name text NOT NULL,\n"
	"\tcolumns text,\n"
	"\twhere_sql text,\n"
	"\tkey_columns text NOT NULL,\n"
	"\trate bigint NOT NULL,\n"
	"\tflush_every bigint NOT NULL,\n"
	"\tmax_concurrent_pages bigint NOT NULL,\n"
	"\tstate text NOT NULL,\n"
	"\tcursor_key text,\n"
	"\tuntil_key text,\n"
	"\tskipped text,\n"
	"\trows_done bigint NOT NULL DEFAULT 0,\n"
	"\trows_estimate bigint NOT NULL,\n"
	"\tcreated_at timestamptz NOT NULL DEFAULT clock_timestamp(),\n"
	"\tupdated_at timestamptz NOT NULL DEFAULT clock_timestamp(),\n"
	"\tlast_error text)";

/* ---- rows ---- */

static int64_t number(const PGresult *res, int row, int column)
{
	return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

void pg_backfill_progress(const PGresult *res, int row, struct backfill_progress *ret)
{
	struct backfill_progress p = {
		.id = number(res, row, 0),
		.state = BACKFILL_FAILED, /* of a word that only a later version knows */
		.rate = number(res, row, 4),
		.flush_every = number(res, row, 5),
		.max_concurrent_pages = number(res, row, 6),
		.rows_done = number(res, row, 7),
		.rows_estimate = number(res, row, 8),
		.skipped = number(res, row, 9),
		.created_wall_us = number(res, row, 10),
		.updated_wall_us = number(res, row, 11),
	};

	(void)snprintf(p.pipeline, sizeof(p.pipeline), "%s", PQgetvalue(res, row, 1));
	(void)snprintf(p.table, sizeof(p.table), "%s", PQgetvalue(res, row, 2));
	(void)backfill_state_parse(text_of(PQgetvalue(res, row, 3)), &p.state);
	(void)snprintf(p.last_error, sizeof(p.last_error), "%.255s", PQgetvalue(res, row, 12));
	*ret = p;
}

/* ---- which jobs run ---- */

enum err_code pg_backfill_load(struct source *base, struct backfill_progress *jobs, struct err *e)
{
	static const char sql[] =
		"SELECT DISTINCT ON (pipeline) " PG_BACKFILL_COLUMNS " FROM " PG_BACKFILL
		" WHERE state = 'running' ORDER BY pipeline, id";
	struct pg_source *s = pg_source_of(base);
	struct backfill_progress job;
	PGresult *res;
	size_t p;
	int i;
	enum err_code code = pg_conn_query(s->conn, sql, 0, NULL, false, &res, e);

	if (code != ERR_OK)
		return code;
	for (p = 0; p < s->env.pipeline_count; p++)
		jobs[p].id = 0;
	for (i = 0; i < PQntuples(res); i++) {
		pg_backfill_progress(res, i, &job);
		for (p = 0; p < s->env.pipeline_count; p++)
			if (strcmp(s->env.pipelines[p].settings->name, job.pipeline) == 0)
				jobs[p] = job;
	}
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
			       struct err *e)
{
	static const char sql[] = "UPDATE " PG_BACKFILL " SET state = 'failed', last_error = $2, "
				  "updated_at = pg_catalog.clock_timestamp() "
				  "WHERE id = $1::int8 AND state = 'running'";
	char id[24];
	const char *const values[] = {id, why};
	PGresult *res;
	enum err_code code;

	(void)p;
	(void)snprintf(id, sizeof(id), "%lld", (long long)job);
	code = pg_conn_query(pg_source_of(base)->conn, sql, 2, values, false, &res, e);
	if (code == ERR_OK)
		PQclear(res);
	return code;
}

/* ---- a page ---- */

/* The columns behind PG_BACKFILL_COLUMNS. */
#define JOB_COLUMNS                                                                                \
	PG_BACKFILL_COLUMNS ", schema_name, table_name, where_sql, key_columns, columns, "         \
			    "cursor_key, skipped, until_key"
enum {
	JOB_SCHEMA = PG_BACKFILL_COLUMN_COUNT,
	JOB_TABLE,
	JOB_WHERE,
	JOB_KEY,
	JOB_COLUMNS_WANTED,
	JOB_CURSOR,
	JOB_SKIPPED,
	JOB_UNTIL
};

/* What a page is made from. */
struct job {
	struct pg_source *s;
	uint32_t p;
	PGresult *row;
	struct pg_walk walk;
	struct string_list after;
	struct string_list until;
	struct string_list columns;
};

static const char *text_at(const struct job *j, int column)
{
	return PQgetisnull(j->row, 0, column) ? NULL : PQgetvalue(j->row, 0, column);
}

static void job_done(struct job *j)
{
	PQclear(j->row);
	pg_walk_done(&j->walk);
	string_list_done(&j->after);
	string_list_done(&j->until);
	string_list_done(&j->columns);
}

/* Lock the job. *ret_running: there is something to do. */
static ATTR_MUST_CHECK enum err_code take_job(struct job *j, int64_t id,
					      struct backfill_progress *ret, struct err *e)
{
	static const char sql[] =
		"SELECT " JOB_COLUMNS " FROM " PG_BACKFILL " WHERE id = $1::int8 FOR UPDATE";
	char word[24];
	const char *const values[] = {word};
	enum err_code code;

	(void)snprintf(word, sizeof(word), "%lld", (long long)id);
	code = pg_conn_query(j->s->conn, sql, 1, values, false, &j->row, e);
	if (code != ERR_OK)
		return code;
	if (!PQntuples(j->row))
		return err_set(e, ERR_NOT_FOUND, "the job's row is gone");
	pg_backfill_progress(j->row, 0, ret);
	return ERR_OK;
}

/* A list that the job may have. */
static ATTR_MUST_CHECK enum err_code read_list(const struct job *j, int column,
					       struct string_list *ret, struct err *e)
{
	const char *text = text_at(j, column);

	return text ? backfill_list_read(text_of(text), ret, e) : ERR_OK;
}

static bool is_key(const struct job *j, const struct string_list *values)
{
	return !values->count || values->count == j->walk.key.count;
}

static ATTR_MUST_CHECK enum err_code check_walk(const struct job *j, struct err *e)
{
	struct string_list then = {.count = 0};
	enum err_code code = read_list(j, JOB_KEY, &then, e);
	bool same = then.count == j->walk.key.count && is_key(j, &j->after) && is_key(j, &j->until);
	size_t i;

	for (i = 0; code == ERR_OK && same && i < then.count; i++)
		same = strcmp(then.items[i], j->walk.key.items[i]) == 0;
	string_list_done(&then);
	if (code == ERR_OK && !same)
		code = err_set(e, ERR_CONFIG,
			       "the primary key of %s.%s is another one since: make a new job",
			       text_at(j, JOB_SCHEMA), text_at(j, JOB_TABLE));
	return code;
}

/* A daemon that is stopped in the middle of a page must not keep writers from its rows for longer
 * than this; the server ends the session then (ERR_UNAVAILABLE). A page takes milliseconds: one
 * that takes seconds, behind a slow filter, is given up (ERR_TIMEOUT) and smaller the next time. */
#define PAGE_IDLE_MS 2000
#define PAGE_MAX_MS 5000

static ATTR_MUST_CHECK enum err_code begin_page(struct pg_source *s, struct err *e)
{
	int64_t ms = s->env.settings->statement_timeout_us / CLOCK_US_PER_MS;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_fmt(&sql,
		    "%s; SET LOCAL statement_timeout = %lld; "
		    "SET LOCAL idle_in_transaction_session_timeout = %d",
		    pg_page_begin_sql, (long long)(ms < PAGE_MAX_MS ? ms : PAGE_MAX_MS),
		    PAGE_IDLE_MS);
	code = buf_error(&sql) == ERR_OK ? pg_conn_exec(s->conn, buf_str(&sql), e)
					 : err_set(e, ERR_NOMEM, "no memory for a page");
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code run_page(struct job *j, const struct pg_page *page,
					      struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	pg_page_write(&sql, page);
	code = buf_error(&sql) == ERR_OK ? pg_conn_exec(j->s->conn, buf_str(&sql), e)
					 : err_set(e, ERR_NOMEM, "no memory for a page");
	buf_done(&sql);
	return code;
}

static struct pg_page page_of(struct job *j, const struct table_settings *entry,
			      const struct backfill_page *page)
{
	static const struct string_list none = {.count = 0};
	bool narrow = j->columns.count > 0;

	return (struct pg_page){
		.job = page->job,
		.trigger = {.pipeline = j->s->env.pipelines[j->p].settings->name,
			    .schema = text_at(j, JOB_SCHEMA),
			    .table = text_at(j, JOB_TABLE),
			    .on_schema = text_at(j, JOB_SCHEMA),
			    .on_table = text_at(j, JOB_TABLE),
			    .op = OP_INSERT,
			    .where = entry->where[OP_INSERT],
			    .cap_bytes = j->s->env.settings->max_event_bytes,
			    .columns = narrow ? &j->columns : &entry->columns,
			    .exclude = narrow ? &none : &entry->exclude,
			    .key = entry->key.count ? &entry->key : &j->walk.key},
		.walk = &j->walk,
		.where = text_at(j, JOB_WHERE),
		.after = &j->after,
		.until = &j->until,
		.skipped = text_at(j, JOB_SKIPPED),
		.rows = page->rows,
		.bytes = page->bytes,
		.again = page->again,
	};
}

/* Columns that the configuration has left out since are not read. */
static ATTR_MUST_CHECK enum err_code
check_columns(const struct job *j, const struct table_settings *entry, struct err *e)
{
	size_t i;

	for (i = 0; i < j->columns.count; i++) {
		const char *c = j->columns.items[i];

		if (string_list_has(&entry->key, c) || string_list_has(&j->walk.key, c))
			continue;
		if (string_list_has(&entry->exclude, c) ||
		    (entry->columns.count && !string_list_has(&entry->columns, c)))
			return err_set(
				e, ERR_CONFIG,
				"the configuration leaves column %s out since: make a new job", c);
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code do_page(struct job *j, const struct backfill_page *page,
					     int64_t skipped, struct err *e)
{
	const struct table_settings *entry =
		backfill_entry(j->s->env.pipelines[j->p].settings, "public", text_at(j, JOB_SCHEMA),
			       text_at(j, JOB_TABLE));
	struct pg_page made;
	enum err_code code;

	if (!entry)
		return err_set(e, ERR_CONFIG, "the pipeline does not capture %s.%s any more",
			       text_at(j, JOB_SCHEMA), text_at(j, JOB_TABLE));
	code = pg_walk_load(j->s->conn, text_at(j, JOB_SCHEMA), text_at(j, JOB_TABLE), &entry->key,
			    &j->walk, e);
	if (code == ERR_OK)
		code = read_list(j, JOB_CURSOR, &j->after, e);
	if (code == ERR_OK)
		code = read_list(j, JOB_UNTIL, &j->until, e);
	if (code == ERR_OK)
		code = read_list(j, JOB_COLUMNS_WANTED, &j->columns, e);
	if (code == ERR_OK)
		code = check_walk(j, e);
	if (code == ERR_OK)
		code = check_columns(j, entry, e);
	if (code != ERR_OK)
		return code;
	made = page_of(j, entry, page);
	made.skipped_count = skipped;
	return run_page(j, &made, e);
}

/* What the page left behind, and its end. */
static ATTR_MUST_CHECK enum err_code finish_page(struct job *j, int64_t id,
						 struct backfill_result *r, struct err *e)
{
	static const char sql[] =
		"SELECT " PG_BACKFILL_COLUMNS ", pg_catalog.current_setting('" PG_PAGE_RESULT "') "
		"FROM " PG_BACKFILL " WHERE id = $1::int8";
	char word[24], *at;
	const char *const values[] = {word};
	PGresult *res;
	enum err_code code;

	(void)snprintf(word, sizeof(word), "%lld", (long long)id);
	code = pg_conn_query(j->s->conn, sql, 1, values, false, &res, e);
	if (code != ERR_OK)
		return code;
	pg_backfill_progress(res, 0, &r->progress);
	r->rows = strtoll(PQgetvalue(res, 0, PG_BACKFILL_COLUMN_COUNT), &at, 10);
	r->bytes = strtoll(at, &at, 10);
	r->at_end = strtol(at, NULL, 10) != 0;
	PQclear(res);
	return pg_conn_exec(j->s->conn, "COMMIT", e);
}

enum err_code pg_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e)
{
	struct job j = {.s = pg_source_of(base), .p = p};
	struct backfill_result r = {.rows = 0};
	enum err_code code = begin_page(j.s, e);

	if (code == ERR_OK)
		code = take_job(&j, page->job, &r.progress, e);
	if (code == ERR_OK && r.progress.state == BACKFILL_RUNNING) {
		code = do_page(&j, page, r.progress.skipped, e);
		if (code == ERR_OK)
			code = finish_page(&j, page->job, &r, e);
	} else if (code == ERR_OK) {
		code = pg_conn_exec(j.s->conn, "COMMIT", e);
	}
	job_done(&j);
	if (code == ERR_OK)
		*ret = r;
	else if (code != ERR_UNAVAILABLE && pg_conn_exec(j.s->conn, "ROLLBACK", NULL) != ERR_OK)
		code = ERR_UNAVAILABLE;
	return code;
}
