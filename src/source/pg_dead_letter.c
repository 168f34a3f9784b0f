/* SPDX-License-Identifier: MIT */
/*
 * The pages of source/letters.h. No cursor: it would hold a snapshot, and with it the vacuum of the
 * outbox. No FOR UPDATE: it wants the right to update. A letter is moved by one statement, whose
 * DELETE tells which were still there.
 */
#include "source/pg_dead_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/letters.h"
#include "source/pg_quote.h"
#include "source/pg_schema.h"
#include "source/pg_trigger.h"

/* ---- filters ---- */

static ATTR_MUST_CHECK enum err_code list_pipelines(void *ctx, struct string_list *l, struct err *e)
{
	struct pg_admin *a = ctx;
	PGresult *res;
	enum err_code code =
		pg_admin_query(a,
			       "SELECT pipeline FROM " PG_SCHEMA ".install UNION "
			       "SELECT pipeline FROM " PG_SCHEMA ".dead_letter ORDER BY pipeline",
			       0, NULL, &res, e);
	int i;

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++)
		if (string_list_add(l, text_of(PQgetvalue(res, i, 0))) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	PQclear(res);
	return code;
}

static const char *table_of(const struct dead_letter_filter *f)
{
	if (f->waiting)
		return PG_SCHEMA ".outbox";
	return f->delivered ? PG_DELIVERED : PG_SCHEMA ".dead_letter";
}

static void wall_sql(struct buf *out, const struct dead_letter_filter *f, const char *comparison,
		     int64_t wall_us)
{
	buf_add_fmt(out, " AND %s %s timestamptz 'epoch' + %lld * interval '1 microsecond'",
		    letters_time(f), comparison, (long long)wall_us);
}

/* The conditions of p on its table d, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct letters_page *p)
{
	const struct dead_letter_filter *f = p->filter;

	buf_add_str(out, " WHERE d.pipeline = ");
	pg_quote_literal(out, text_of(p->pipeline));
	buf_add_fmt(out, " AND d.id > %lld", (long long)p->after_id);
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
			    " AND %s <= clock_timestamp() - "
			    "%lld * interval '1 microsecond'",
			    letters_time(f), (long long)f->older_than_us);
	if (f->since_wall_us)
		wall_sql(out, f, ">=", f->since_wall_us);
	if (f->until_wall_us)
		wall_sql(out, f, "<", f->until_wall_us);
	if (f->by_status)
		buf_add_fmt(out, " AND coalesce(d.last_status, 0) BETWEEN %d AND %d", f->status_min,
			    f->status_max);
}

static ATTR_MUST_CHECK enum err_code open_installed(struct pg_admin *a, const struct settings *s,
						    size_t source,
						    const struct dead_letter_filter *f,
						    struct err *e)
{
	bool installed = false, has = true;
	enum err_code code = pg_admin_open(a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = pg_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK && f->delivered)
		code = pg_schema_has_delivered(a, &has, e);
	if (code == ERR_OK && !has)
		code = err_set(e, ERR_NOT_FOUND, LETTERS_NONE_KEPT);
	if (code != ERR_OK)
		pg_admin_close(a);
	return code;
}

/* ---- pages ---- */

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

static bool cell_bool(const PGresult *res, int row, int column)
{
	return *PQgetvalue(res, row, column) == 't';
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
		.old_key = cell(res, row, 7),
		.changed_at = cell(res, row, 8),
		.died_at = cell(res, row, 9),
		.attempts = cell_i64(res, row, 10),
		.last_status = cell_i64(res, row, 11),
		.last_error = cell(res, row, 12),
		.truncated = cell_bool(res, row, 13),
		.superseded = cell_bool(res, row, 14),
		.data = cell(res, row, 15),
		.old_data = cell(res, row, 16),
	};
}

/* Each change of the pipeline that waits, is dead or is parked: table, key, event id, whether it is
 * the truncation of a whole table. A change of the key is one of both. */
#define CHANGES(key, id, table)                                                                    \
	"SELECT schema_name, table_name, " key " AS k, " id " AS id, operation = 'truncate' "      \
	"AND data IS NULL AS truncates FROM " PG_SCHEMA "." table " WHERE pipeline = "

static void superseded_sql(struct buf *out, const char *pipeline, bool has_parked)
{
	static const char *const changes[] = {
		CHANGES("row_key", "coalesce(origin_id, id)", "outbox"),
		CHANGES("old_key", "coalesce(origin_id, id)", "outbox"),
		CHANGES("row_key", "id", "dead_letter"),
		CHANGES("old_key", "id", "dead_letter"),
		CHANGES("row_key", "coalesce(origin_id, id)", "parked"),
		CHANGES("old_key", "coalesce(origin_id, id)", "parked"),
	};
	size_t i, n = ARRAY_LEN(changes) - (has_parked ? 0 : 2);

	/* grouped and joined: one pass over the outbox for each page */
	buf_add_str(out, " LEFT JOIN (SELECT schema_name, table_name, k, truncates, max(id) AS id "
			 "FROM (");
	for (i = 0; i < n; i++) {
		buf_add_fmt(out, "%s%s", i ? " UNION ALL " : "", changes[i]);
		pg_quote_literal(out, text_of(pipeline));
	}
	buf_add_str(out, ") AS c GROUP BY 1, 2, 3, 4) AS ");
}

#define UTC_FORMAT "AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

static void list_sql(struct buf *out, const struct letters_page *p, bool has_parked)
{
	buf_add_fmt(out,
		    "SELECT d.id, i.install_id::text || '-' || %s, d.pipeline, d.operation, "
		    "d.schema_name, d.table_name, d.row_key, d.old_key, "
		    "to_char(d.changed_at " UTC_FORMAT ", to_char(%s " UTC_FORMAT ", %s, "
		    "d.truncated, ",
		    letters_public_id(p->filter), letters_time(p->filter),
		    letters_failure(p->filter));
	buf_add_str(out, p->filter->skip_superseded
				 ? "coalesce(n.id, 0) > d.id OR coalesce(t.id, 0) > d.id, "
				 : "false, ");
	buf_add_str(out, p->with_data ? "d.data, d.old_data" : "NULL, NULL");
	buf_add_fmt(out,
		    " FROM (SELECT d.*, sum(coalesce(octet_length(d.data), 0) + "
		    "coalesce(octet_length(d.old_data), 0)) OVER (ORDER BY d.id) AS upto, "
		    "row_number() OVER (ORDER BY d.id) AS nth FROM (SELECT * FROM %s d",
		    table_of(p->filter));
	filter_sql(out, p);
	buf_add_fmt(out,
		    " ORDER BY d.id LIMIT %lld) AS d) AS d LEFT JOIN " PG_SCHEMA
		    ".install i USING (pipeline)",
		    (long long)p->rows);
	if (p->filter->skip_superseded) {
		superseded_sql(out, p->pipeline, has_parked);
		buf_add_str(out, "n ON n.schema_name = d.schema_name AND n.table_name = "
				 "d.table_name AND n.k = d.row_key AND NOT n.truncates");
		superseded_sql(out, p->pipeline, has_parked);
		buf_add_str(out, "t ON t.schema_name = d.schema_name AND t.table_name = "
				 "d.table_name AND t.truncates");
	}
	if (p->with_data)
		buf_add_fmt(out, " WHERE d.upto <= %lld OR d.nth = 1", LETTERS_PAGE_BYTES);
	buf_add_str(out, " ORDER BY d.id");
}

static ATTR_MUST_CHECK enum err_code query_page(struct pg_admin *a, const struct letters_page *p,
						const char *sql, PGresult **ret_res, struct err *e)
{
	/* planned with figures of when the outbox was empty, sorting everything seems cheap */
	return p->filter->waiting ? pg_admin_query_by_key(a, sql, 0, NULL, ret_res, e)
				  : pg_admin_query(a, sql, 0, NULL, ret_res, e);
}

static ATTR_MUST_CHECK enum err_code list_page(void *ctx, const struct letters_page *p,
					       dead_letter_fn fn, void *fn_ctx, struct err *e)
{
	struct pg_admin *a = ctx;
	struct dead_letter letter;
	PGresult *res = NULL;
	bool has_parked = false;
	struct buf sql;
	enum err_code code = ERR_OK;
	int i;

	if (p->filter->skip_superseded)
		code = pg_schema_has_parked(a, &has_parked, e);
	if (code != ERR_OK)
		return code;
	buf_init(&sql, PG_SQL_MAX_BYTES);
	list_sql(&sql, p, has_parked);
	code = buf_error(&sql) == ERR_OK ? query_page(a, p, buf_str(&sql), &res, e)
					 : err_set(e, ERR_NOMEM, "no memory for a list");
	buf_done(&sql);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		letter = letter_of(res, i);
		code = fn(fn_ctx, &letter, e);
	}
	PQclear(res);
	return code;
}

/* ---- moving and deleting ---- */

static void gone_sql(struct buf *out, enum letters_move how, const char *pipeline,
		     const int64_t *ids, size_t n)
{
	bool stays = how == LETTERS_AGAIN;

	buf_add_fmt(out, "WITH gone AS (%s %s d WHERE d.pipeline = ",
		    stays ? "SELECT d.* FROM" : "DELETE FROM",
		    stays ? PG_DELIVERED : PG_SCHEMA ".dead_letter");
	pg_quote_literal(out, text_of(pipeline));
	buf_add_str(out, " AND d.id IN (");
	letters_ids(out, ids, n);
	buf_add_str(out, stays ? "))" : ") RETURNING d.*)");
}

#define SEQUENCE                                                                                   \
	"CASE WHEN pipeline = 'default' THEN 'outbox_id_seq' ELSE 'outbox_' || pipeline || "       \
	"'_id_seq' END"
#define NEXT_ID "nextval(format('" PG_SCHEMA ".%I', " SEQUENCE ")::regclass)"
#define WAS_DRAWN "id <= (SELECT upto FROM drawn)"

/* The outbox gets its new ids in the order of the old: nextval runs over the sorted rows, not
 * before the sort. To the front: what the sequence has yet to give out, as it was set back, may not
 * stand there, or the application's own insert fails with it. */
static void replay_sql(struct buf *out, bool to_front)
{
	buf_add_str(out, ", sorted AS MATERIALIZED (SELECT * FROM gone ORDER BY id), "
			 "drawn AS MATERIALIZED (SELECT coalesce(max(last_value), 0) AS upto FROM "
			 "pg_sequences WHERE schemaname = '" PG_SCHEMA "' AND sequencename = "
			 "(SELECT " SEQUENCE " FROM sorted LIMIT 1)), "
			 "back AS (INSERT INTO " PG_SCHEMA ".outbox (id, origin_id, pipeline, "
			 "operation, schema_name, table_name, row_key, old_key, changed_at, bytes, "
			 "truncated, data, old_data) SELECT ");
	buf_add_str(out, to_front ? "CASE WHEN " WAS_DRAWN " THEN id ELSE " NEXT_ID " END, "
				    "CASE WHEN " WAS_DRAWN " THEN NULL ELSE id END"
				  : NEXT_ID ", id");
	buf_add_str(out,
		    ", pipeline, operation, schema_name, table_name, row_key, old_key, changed_at, "
		    "coalesce(octet_length(row_key), 0) + coalesce(octet_length(old_key), 0) + "
		    "coalesce(octet_length(data), 0) + coalesce(octet_length(old_data), 0), "
		    "truncated, data, old_data FROM sorted RETURNING 1) SELECT count(*) FROM back");
}

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

static ATTR_MUST_CHECK enum err_code run_move(struct pg_admin *a, const char *sql,
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

static ATTR_MUST_CHECK enum err_code move(void *ctx, enum letters_move how, const char *pipeline,
					  const int64_t *ids, size_t n, int64_t *ret_count,
					  struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	gone_sql(&sql, how, pipeline, ids, n);
	if (how == LETTERS_PURGE)
		buf_add_str(&sql, " SELECT count(*) FROM gone");
	else
		replay_sql(&sql, how == LETTERS_TO_FRONT);
	code = buf_error(&sql) == ERR_OK ? run_move(ctx, buf_str(&sql), ret_count, e)
					 : err_set(e, ERR_NOMEM, "no memory for a batch");
	buf_done(&sql);
	return code;
}

/* ---- the calls ---- */

static struct letters_db letters_db(struct pg_admin *a)
{
	return (struct letters_db){.ctx = a,
				   .clock = a->clock,
				   .pipelines = list_pipelines,
				   .page = list_page,
				   .move = move};
}

enum err_code pg_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e)
{
	struct pg_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	code = letters_list(&db, f, with_data, fn, ctx, e);
	pg_admin_close(&a);
	return code;
}

/* Nobody reads while ids below a reader's cursor come back. Until the connection closes. */
static ATTR_MUST_CHECK enum err_code keep_readers_away(struct pg_admin *a, struct err *e)
{
	char sql[96];
	int64_t got;
	enum err_code code;

	if (a->pooled)
		return err_set(
			e, ERR_CONFIG,
			"through a pooler nothing tells whether a daemon is active: name the "
			"server itself, or replay behind");
	(void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d, %d)::int", PG_LOCK_CLASS,
		       PG_LOCK_LEADER);
	code = pg_admin_number(a, sql, 0, NULL, 0, &got, e);
	if (code == ERR_OK && !got)
		return err_set(
			e, ERR_BUSY,
			"a daemon is active on this database, and has read past their place: "
			"stop it first");
	return code;
}

static ATTR_MUST_CHECK enum err_code move_all(const struct settings *s, size_t source,
					      enum letters_move how,
					      const struct dead_letter_filter *f,
					      struct dead_letter_counts *ret, struct err *e)
{
	struct pg_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	if (how == LETTERS_TO_FRONT)
		code = keep_readers_away(&a, e);
	if (code == ERR_OK)
		code = letters_move(&db, how, f, ret, e);
	pg_admin_close(&a);
	return code;
}

enum err_code pg_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, bool in_front,
				    struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, letters_replay(f, in_front), f, ret, e);
}

enum err_code pg_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f,
				   struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, LETTERS_PURGE, f, ret, e);
}
