/* SPDX-License-Identifier: MIT */
/*
 * Pages along the primary key, not one result: nothing is held while somebody reads a list in a
 * pager. A batch is one transaction: the letters' rows are locked, put behind the last event of
 * their pipeline's outbox, oldest first, and deleted. So no crash loses or doubles one.
 */
#include "source/my_dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/my_install.h"

#define PAGE_ROWS 1000
#define PAGE_ROWS_WITH_DATA 20 /* rows may be as large as the cap, twice */

/* ---- filters ---- */

static ATTR_MUST_CHECK enum err_code check_pipeline(struct my_admin *a, const char *name,
						    struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql, known;
	bool found = false;
	enum err_code code;

	if (!name)
		return ERR_OK;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_init(&known, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT pipeline FROM ");
	my_quote_name(&sql, a->database, MY_INSTALL);
	buf_add_str(&sql, " ORDER BY pipeline");
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	while (code == ERR_OK && my_result_next(r)) {
		buf_add_fmt(&known, "%s%s", known.len ? ", " : "", my_result_str(r, 0));
		found = found || strcmp(my_result_str(r, 0), name) == 0;
	}
	if (code == ERR_OK && !found)
		code = err_set(e, ERR_NOT_FOUND, "no pipeline \"%s\" here; there is %s", name,
			       known.len ? buf_str(&known) : "none");
	my_result_free(r);
	buf_done(&known);
	buf_done(&sql);
	return code;
}

/* The conditions of f on dead_letter d, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct dead_letter_filter *f)
{
	buf_add_str(out, " WHERE 1");
	if (f->pipeline) {
		buf_add_str(out, " AND d.pipeline = ");
		my_quote_literal(out, text_of(f->pipeline));
	}
	if (f->table) {
		/* a dot may also belong to the table's own name */
		buf_add_str(out, " AND (d.table_name = ");
		my_quote_literal(out, text_of(f->table));
		buf_add_str(out, " OR CONCAT(d.schema_name, '.', d.table_name) = ");
		my_quote_literal(out, text_of(f->table));
		buf_add_char(out, ')');
	}
	if (f->id)
		buf_add_fmt(out, " AND d.id = %lld", (long long)f->id);
	if (f->older_than_us > 0)
		buf_add_fmt(out, " AND d.died_at <= UTC_TIMESTAMP(6) - INTERVAL %lld MICROSECOND",
			    (long long)f->older_than_us);
}

static int64_t page_rows(const struct dead_letter_filter *f, int64_t done, int64_t page)
{
	if (f->limit > 0 && f->limit - done < page)
		return f->limit - done;
	return page;
}

static ATTR_MUST_CHECK enum err_code open_installed(struct my_admin *a, const struct settings *s,
						    size_t source,
						    const struct dead_letter_filter *f,
						    struct err *e)
{
	bool installed = false;
	enum err_code code = my_admin_open(a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = my_objects_has(a, MY_DEAD_LETTER, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK)
		code = check_pipeline(a, f->pipeline, e);
	if (code != ERR_OK)
		my_admin_close(a);
	return code;
}

/* ---- list ---- */

/* Where the next page begins. */
struct place {
	char pipeline[MY_NAME_BYTES];
	int64_t id;
};

static struct dead_letter letter_of(const struct my_result *r)
{
	return (struct dead_letter){
		.id = my_result_i64(r, 0, 0),
		.event_id = my_result_text(r, 1),
		.pipeline = my_result_text(r, 2),
		.operation = my_result_text(r, 3),
		.schema = my_result_text(r, 4),
		.table = my_result_text(r, 5),
		.key = my_result_text(r, 6),
		.changed_at = my_result_text(r, 7),
		.died_at = my_result_text(r, 8),
		.attempts = my_result_i64(r, 9, 0),
		.last_status = my_result_i64(r, 10, 0),
		.last_error = my_result_text(r, 11),
		.data = my_result_text(r, 12),
		.old_data = my_result_text(r, 13),
	};
}

#define UTC_TEXT(column) "DATE_FORMAT(" column ", '%Y-%m-%dT%H:%i:%s.%fZ')"

static void list_sql(struct buf *out, const struct my_admin *a, const struct dead_letter_filter *f,
		     bool with_data, const struct place *p, int64_t rows)
{
	buf_add_str(out, "SELECT d.id, CONCAT(i.install_id, '-', d.id), d.pipeline, d.operation, "
			 "d.schema_name, d.table_name, d.row_key, " UTC_TEXT(
				 "d.changed_at") ", " UTC_TEXT("d.died_at") ", d.attempts, "
									    "d.last_status, "
									    "d.last_error, ");
	buf_add_str(out, with_data ? "d.data, d.old_data" : "NULL, NULL");
	buf_add_str(out, " FROM ");
	my_quote_name(out, a->database, MY_DEAD_LETTER);
	buf_add_str(out, " d LEFT JOIN ");
	my_quote_name(out, a->database, MY_INSTALL);
	buf_add_str(out, " i ON i.pipeline = d.pipeline");
	filter_sql(out, f);
	buf_add_str(out, " AND (d.pipeline > ");
	my_quote_literal(out, text_of(p->pipeline));
	buf_add_str(out, " OR (d.pipeline = ");
	my_quote_literal(out, text_of(p->pipeline));
	buf_add_fmt(out, " AND d.id > %lld)) ORDER BY d.pipeline, d.id LIMIT %lld",
		    (long long)p->id, (long long)rows);
}

/* One page; *ret_rows tells how many came. */
static ATTR_MUST_CHECK enum err_code list_page(struct my_admin *a, const struct buf *sql,
					       struct place *p, dead_letter_fn fn, void *ctx,
					       int64_t *ret_rows, struct err *e)
{
	struct my_result *r = NULL;
	struct dead_letter letter;
	enum err_code code = my_conn_query_buf(a->conn, sql, &r, e);

	if (code != ERR_OK)
		return code;
	*ret_rows = (int64_t)my_result_rows(r);
	while (my_result_next(r)) {
		letter = letter_of(r);
		fn(ctx, &letter);
		(void)snprintf(p->pipeline, sizeof(p->pipeline), "%s", my_result_str(r, 2));
		p->id = letter.id;
	}
	my_result_free(r);
	return ERR_OK;
}

enum err_code my_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e)
{
	int64_t page = with_data ? PAGE_ROWS_WITH_DATA : PAGE_ROWS, want, done = 0, got = 0;
	struct place place = {"", 0};
	struct my_admin a;
	struct buf sql;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	do {
		want = page_rows(f, done, page);
		if (want <= 0)
			break;
		buf_reset(&sql);
		list_sql(&sql, &a, f, with_data, &place, want);
		code = list_page(&a, &sql, &place, fn, ctx, &got, e);
		done += got;
	} while (code == ERR_OK && got == want);
	buf_done(&sql);
	my_admin_close(&a);
	return code;
}

/* ---- moving and deleting ---- */

/* One batch: letters of one pipeline. */
struct batch_call {
	struct my_admin *a;
	struct dead_letter_filter filter; /* pipeline is never NULL */
	int64_t rows;                     /* at most */
	bool replay;
	int64_t done;
	struct buf ids; /* "1, 2, 3" */
};

static ATTR_MUST_CHECK enum err_code pick(struct batch_call *b, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code;

	buf_reset(&b->ids);
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT d.id FROM ");
	my_quote_name(&sql, b->a->database, MY_DEAD_LETTER);
	buf_add_str(&sql, " d");
	/* a letter whose row the operator has removed stays where it is */
	if (b->replay && my_audit_table_is(b->a)) {
		buf_add_str(&sql, " JOIN ");
		my_audit_table_name(&sql, b->a);
		buf_add_str(&sql, " o ON o.id = d.id");
	}
	filter_sql(&sql, &b->filter);
	buf_add_fmt(&sql, " ORDER BY d.id LIMIT %lld FOR UPDATE", (long long)b->rows);
	code = my_conn_query_buf(b->a->conn, &sql, &r, e);
	buf_done(&sql);
	b->done = code == ERR_OK ? (int64_t)my_result_rows(r) : 0;
	while (code == ERR_OK && my_result_next(r))
		buf_add_fmt(&b->ids, "%s%s", b->ids.len ? ", " : "", my_result_str(r, 0));
	my_result_free(r);
	return code;
}

/* " FROM dead_letter WHERE pipeline = ... AND id IN (...)" */
static void picked_sql(struct buf *out, const struct batch_call *b)
{
	buf_add_str(out, " FROM ");
	my_quote_name(out, b->a->database, MY_DEAD_LETTER);
	buf_add_str(out, " WHERE pipeline = ");
	my_quote_literal(out, text_of(b->filter.pipeline));
	buf_add_fmt(out, " AND id IN (%s)", buf_str(&b->ids));
}

static void replay_sql(struct buf *out, const struct batch_call *b)
{
	if (my_audit_table_is(b->a)) {
		buf_add_str(out, "UPDATE ");
		my_audit_table_name(out, b->a);
		buf_add_fmt(out, " SET processed = 0 WHERE id IN (%s)", buf_str(&b->ids));
		return;
	}
	buf_add_str(out, "INSERT INTO ");
	my_schema_outbox(out, b->a->database, b->filter.pipeline);
	buf_add_str(out, " (" MY_EVENT_COLUMNS ") SELECT " MY_EVENT_COLUMNS);
	picked_sql(out, b);
	buf_add_str(out, " ORDER BY id");
}

static ATTR_MUST_CHECK enum err_code batch_work(struct my_conn *conn, void *ctx, struct err *e)
{
	struct batch_call *b = ctx;
	struct buf sql;
	enum err_code code = pick(b, e);

	if (code != ERR_OK || !b->done)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	if (b->replay) {
		replay_sql(&sql, b);
		code = my_conn_exec_buf(conn, &sql, NULL, e);
		buf_reset(&sql);
	}
	if (code == ERR_OK) {
		buf_add_str(&sql, "DELETE");
		picked_sql(&sql, b);
		code = my_conn_exec_buf(conn, &sql, NULL, e);
	}
	buf_done(&sql);
	return code;
}

/* Batches of one pipeline until one is not full. Letters that die meanwhile are not chased for
 * ever: only those that had died when the command began are taken. */
static ATTR_MUST_CHECK enum err_code run_pipeline(struct batch_call *b, int64_t start_us,
						  int64_t older_than_us, int64_t limit,
						  int64_t *count, struct err *e)
{
	enum err_code code = ERR_OK;

	do {
		b->rows = limit > 0 && limit - *count < PAGE_ROWS ? limit - *count : PAGE_ROWS;
		if (b->rows <= 0)
			break;
		b->filter.older_than_us =
			older_than_us + (clock_now_us(b->a->clock) - start_us) + 1;
		code = my_conn_transaction(b->a->conn, batch_work, b, e);
		if (code == ERR_OK)
			*count += b->done;
	} while (code == ERR_OK && b->done == b->rows);
	return code;
}

static ATTR_MUST_CHECK enum err_code find_pipelines(struct my_admin *a,
						    const struct dead_letter_filter *f,
						    struct my_result **ret_r, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT DISTINCT d.pipeline FROM ");
	my_quote_name(&sql, a->database, MY_DEAD_LETTER);
	buf_add_str(&sql, " d");
	filter_sql(&sql, f);
	buf_add_str(&sql, " ORDER BY 1");
	code = my_conn_query_buf(a->conn, &sql, ret_r, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code run_batches(const struct settings *s, size_t source,
						 const struct dead_letter_filter *filter,
						 bool replay, int64_t *ret_count, struct err *e)
{
	struct my_result *pipelines = NULL;
	int64_t start_us, done = 0;
	struct my_admin a;
	struct batch_call b = {.a = &a, .filter = *filter, .replay = replay};
	enum err_code code = open_installed(&a, s, source, filter, e);

	if (code != ERR_OK)
		return code;
	start_us = clock_now_us(a.clock);
	buf_init(&b.ids, MY_SQL_MAX_BYTES);
	code = find_pipelines(&a, filter, &pipelines, e);
	while (code == ERR_OK && my_result_next(pipelines)) {
		b.filter.pipeline = my_result_str(pipelines, 0);
		code = run_pipeline(&b, start_us, filter->older_than_us, filter->limit, &done, e);
	}
	my_result_free(pipelines);
	buf_done(&b.ids);
	my_admin_close(&a);
	*ret_count = done;
	return code;
}

enum err_code my_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, int64_t *ret_count,
				    struct err *e)
{
	return run_batches(s, source, f, true, ret_count, e);
}

enum err_code my_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f, int64_t *ret_count,
				   struct err *e)
{
	return run_batches(s, source, f, false, ret_count, e);
}
