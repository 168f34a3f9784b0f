/* SPDX-License-Identifier: MIT */
/*
 * Pages along the primary key, not a cursor: a cursor would hold a snapshot, and with it the vacuum
 * of the outbox, for as long as somebody reads a list in a pager. Within a pipeline the key's order
 * is the order of the changes.
 *
 * A letter is moved by one statement, so no crash can lose or double it. Pages of one transaction
 * bound the time that locks are held.
 */
#include "source/pg_dead_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/pg_schema.h"
#include "source/pg_trigger.h"

#define PAGE_ROWS 1000
#define PAGE_ROWS_WITH_DATA 20 /* rows may be as large as the cap, twice */

/* ---- filters ---- */

static ATTR_MUST_CHECK enum err_code check_pipeline(struct pg_admin *a, const char *name,
						    struct err *e)
{
	const char *const values[] = {name};
	PGresult *res;
	enum err_code code;

	if (!name)
		return ERR_OK;
	code = pg_admin_query(a,
			      "SELECT bool_or(pipeline = $1), string_agg(pipeline, ', ' ORDER BY "
			      "pipeline) FROM " PG_SCHEMA ".install",
			      1, values, &res, e);
	if (code != ERR_OK)
		return code;
	if (strcmp(PQgetvalue(res, 0, 0), "t") != 0)
		code = err_set(e, ERR_NOT_FOUND, "no pipeline \"%s\" here; there is %s", name,
			       PQgetisnull(res, 0, 1) ? "none" : PQgetvalue(res, 0, 1));
	PQclear(res);
	return code;
}

/* The conditions of f on dead_letter d, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct dead_letter_filter *f)
{
	buf_add_str(out, " WHERE true");
	if (f->pipeline) {
		buf_add_str(out, " AND d.pipeline = ");
		pg_quote_literal(out, text_of(f->pipeline));
	}
	if (f->table) {
		/* a dot may also belong to the table's own name */
		buf_add_str(out, " AND (d.table_name = ");
		pg_quote_literal(out, text_of(f->table));
		buf_add_str(out, " OR d.schema_name || '.' || d.table_name = ");
		pg_quote_literal(out, text_of(f->table));
		buf_add_char(out, ')');
	}
	if (f->id)
		buf_add_fmt(out, " AND d.id = %lld", (long long)f->id);
	if (f->older_than_us > 0)
		buf_add_fmt(out,
			    " AND d.died_at <= clock_timestamp() - "
			    "%lld * interval '1 microsecond'",
			    (long long)f->older_than_us);
}

static int64_t page_rows(const struct dead_letter_filter *f, int64_t done, int64_t page)
{
	if (f->limit > 0 && f->limit - done < page)
		return f->limit - done;
	return page;
}

static ATTR_MUST_CHECK enum err_code open_installed(struct pg_admin *a, const struct settings *s,
						    size_t source,
						    const struct dead_letter_filter *f,
						    struct err *e)
{
	bool installed = false;
	enum err_code code = pg_admin_open(a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = pg_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK)
		code = check_pipeline(a, f->pipeline, e);
	if (code != ERR_OK)
		pg_admin_close(a);
	return code;
}

/* ---- list ---- */

/* Where the next page begins. */
struct place {
	char pipeline[PG_NAME_BYTES];
	char id[24];
};

static struct text cell(const PGresult *res, int row, int column)
{
	if (PQgetisnull(res, row, column))
		return TEXT_NONE;
	return (struct text){PQgetvalue(res, row, column), (size_t)PQgetlength(res, row, column)};
}

static int64_t cell_i64(const PGresult *res, int row, int column)
{
	return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

static struct dead_letter letter_of(const PGresult *res, int row)
{
	return (struct dead_letter){
		.id = cell_i64(res, row, 0),
		.event_id = cell(res, row, 1),
		.pipeline = cell(res, row, 2),
		.operation = cell(res, row, 3),
		.schema = cell(res, row, 4),
		.table = cell(res, row, 5),
		.key = cell(res, row, 6),
		.changed_at = cell(res, row, 7),
		.died_at = cell(res, row, 8),
		.attempts = cell_i64(res, row, 9),
		.last_status = cell_i64(res, row, 10),
		.last_error = cell(res, row, 11),
		.data = cell(res, row, 12),
		.old_data = cell(res, row, 13),
	};
}

#define UTC_TEXT(column)                                                                           \
	"to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

static void list_sql(struct buf *out, const struct dead_letter_filter *f, bool with_data,
		     int64_t rows)
{
	buf_add_str(
		out,
		"SELECT d.id, i.install_id::text || '-' || d.id, d.pipeline, d.operation, "
		"d.schema_name, d.table_name, d.row_key, " UTC_TEXT("d.changed_at") ", " UTC_TEXT(
			"d.died_at") ", d.attempts, d.last_status, d.last_error, ");
	buf_add_str(out, with_data ? "d.data, d.old_data" : "NULL, NULL");
	buf_add_str(out, " FROM " PG_SCHEMA ".dead_letter d LEFT JOIN " PG_SCHEMA
			 ".install i USING (pipeline)");
	filter_sql(out, f);
	buf_add_fmt(out,
		    " AND (d.pipeline, d.id) > ($1, $2::bigint) "
		    "ORDER BY d.pipeline, d.id LIMIT %lld",
		    (long long)rows);
}

static void place_after(struct place *p, const PGresult *res, int row)
{
	(void)snprintf(p->pipeline, sizeof(p->pipeline), "%s", PQgetvalue(res, row, 2));
	(void)snprintf(p->id, sizeof(p->id), "%s", PQgetvalue(res, row, 0));
}

/* One page; *ret_rows tells how many came. */
static ATTR_MUST_CHECK enum err_code list_page(struct pg_admin *a, const struct buf *sql,
					       struct place *p, dead_letter_fn fn, void *ctx,
					       int *ret_rows, struct err *e)
{
	const char *const values[] = {p->pipeline, p->id};
	struct dead_letter letter;
	PGresult *res;
	int i;
	enum err_code code = pg_admin_query(a, buf_str(sql), 2, values, &res, e);

	if (code != ERR_OK)
		return code;
	*ret_rows = PQntuples(res);
	for (i = 0; i < *ret_rows; i++) {
		letter = letter_of(res, i);
		fn(ctx, &letter);
	}
	if (*ret_rows)
		place_after(p, res, *ret_rows - 1);
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e)
{
	int64_t page = with_data ? PAGE_ROWS_WITH_DATA : PAGE_ROWS, want, done = 0;
	struct place place = {"", "0"};
	struct pg_admin a;
	struct buf sql;
	int rows = 0;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	do {
		want = page_rows(f, done, page);
		if (want <= 0)
			break;
		buf_reset(&sql);
		list_sql(&sql, f, with_data, want);
		code = buf_error(&sql) == ERR_OK ? list_page(&a, &sql, &place, fn, ctx, &rows, e)
						 : err_set(e, ERR_NOMEM, "no memory for a list");
		done += rows;
	} while (code == ERR_OK && rows == want);
	buf_done(&sql);
	pg_admin_close(&a);
	return code;
}

/* ---- moving and deleting ---- */

/* Oldest id first, and the outbox gets its new ids in that order: the order of a key among its
 * replayed events is kept. nextval runs over the sorted rows, not before the sort. */
static void replay_sql(struct buf *out, const struct dead_letter_filter *f, int64_t rows)
{
	buf_add_str(out, "WITH picked AS MATERIALIZED (SELECT d.pipeline, d.id FROM " PG_SCHEMA
			 ".dead_letter d");
	filter_sql(out, f);
	buf_add_fmt(out,
		    " ORDER BY d.pipeline, d.id LIMIT %lld FOR UPDATE), "
		    "gone AS (DELETE FROM " PG_SCHEMA ".dead_letter d USING picked p "
		    "WHERE d.pipeline = p.pipeline AND d.id = p.id RETURNING d.*), "
		    "sorted AS MATERIALIZED (SELECT * FROM gone ORDER BY pipeline, id), "
		    "back AS (INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, "
		    "schema_name, table_name, row_key, old_key, changed_at, bytes, truncated, "
		    "data, old_data) SELECT nextval(CASE WHEN pipeline = 'default' THEN "
		    "'" PG_SCHEMA ".outbox_id_seq' ELSE format('" PG_SCHEMA ".%%I', 'outbox_' || "
		    "pipeline || '_id_seq') END::regclass), pipeline, operation, schema_name, "
		    "table_name, row_key, old_key, changed_at, coalesce(octet_length(row_key), 0) "
		    "+ coalesce(octet_length(old_key), 0) + coalesce(octet_length(data), 0) + "
		    "coalesce(octet_length(old_data), 0), truncated, data, old_data FROM sorted "
		    "RETURNING 1) SELECT count(*) FROM back",
		    (long long)rows);
}

static void purge_sql(struct buf *out, const struct dead_letter_filter *f, int64_t rows)
{
	buf_add_str(out, "WITH picked AS MATERIALIZED (SELECT d.pipeline, d.id FROM " PG_SCHEMA
			 ".dead_letter d");
	filter_sql(out, f);
	buf_add_fmt(out,
		    " ORDER BY d.pipeline, d.id LIMIT %lld FOR UPDATE), "
		    "gone AS (DELETE FROM " PG_SCHEMA ".dead_letter d USING picked p "
		    "WHERE d.pipeline = p.pipeline AND d.id = p.id RETURNING 1) "
		    "SELECT count(*) FROM gone",
		    (long long)rows);
}

typedef void (*batch_sql_fn)(struct buf *out, const struct dead_letter_filter *f, int64_t rows);

/* As the triggers do it: tell a reader that sleeps, see source/pg_capture.c. */
static ATTR_MUST_CHECK enum err_code wake_reader(struct pg_admin *a, struct err *e)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT CASE WHEN NOT pg_try_advisory_xact_lock_shared(%d, %d) AND "
		       "pg_notification_queue_usage() < 0.5 THEN pg_notify('%s', '')::text END",
		       PG_LOCK_CLASS, PG_LOCK_WAKE, PG_CHANNEL);
	return pg_conn_exec(a->conn, sql, e);
}

static ATTR_MUST_CHECK enum err_code run_batch(struct pg_admin *a, const char *sql,
					       int64_t *ret_rows, struct err *e)
{
	enum err_code code = pg_conn_exec(a->conn, "BEGIN; SET LOCAL synchronous_commit = on", e);

	if (code != ERR_OK)
		return code;
	code = pg_admin_number(a, sql, 0, NULL, 0, ret_rows, e);
	if (code == ERR_OK)
		code = wake_reader(a, e);
	if (code == ERR_OK)
		return pg_conn_exec(a->conn, "COMMIT", e);
	return pg_conn_exec(a->conn, "ROLLBACK", NULL) == ERR_OK ? code : ERR_UNAVAILABLE;
}

/* In batches until one is not full. Letters that die meanwhile are not chased for ever: only those
 * that had died when the command began are taken. */
static ATTR_MUST_CHECK enum err_code run_batches(const struct settings *s, size_t source,
						 const struct dead_letter_filter *filter,
						 batch_sql_fn make, int64_t *ret_count,
						 struct err *e)
{
	struct dead_letter_filter f = *filter;
	int64_t start_us, rows = 0, want, done = 0;
	struct pg_admin a;
	struct buf sql;
	enum err_code code = open_installed(&a, s, source, &f, e);

	if (code != ERR_OK)
		return code;
	start_us = clock_now_us(a.clock);
	buf_init(&sql, PG_SQL_MAX_BYTES);
	do {
		want = page_rows(&f, done, PAGE_ROWS);
		if (want <= 0)
			break;
		f.older_than_us = filter->older_than_us + (clock_now_us(a.clock) - start_us);
		buf_reset(&sql);
		make(&sql, &f, want);
		code = buf_error(&sql) == ERR_OK ? run_batch(&a, buf_str(&sql), &rows, e)
						 : err_set(e, ERR_NOMEM, "no memory for a batch");
		if (code == ERR_OK)
			done += rows;
	} while (code == ERR_OK && rows == want);
	buf_done(&sql);
	pg_admin_close(&a);
	*ret_count = done;
	return code;
}

enum err_code pg_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, int64_t *ret_count,
				    struct err *e)
{
	return run_batches(s, source, f, replay_sql, ret_count, e);
}

enum err_code pg_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f, int64_t *ret_count,
				   struct err *e)
{
	return run_batches(s, source, f, purge_sql, ret_count, e);
}
