/* SPDX-License-Identifier: MIT */
/*
 * Pages along the primary key: a list read in a pager holds no read transaction, which would keep
 * the WAL from being reset. A page is moved or deleted in one transaction, so no crash can lose or
 * double a letter.
 */
#include "source/sqlite_dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "config/field.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_value.h"

#define PAGE_ROWS 1000
#define PAGE_ROWS_WITH_DATA 20 /* rows may be as large as the cap, twice */
#define JSON_MAX_BYTES (1UL << 30)

/* ---- pipelines ---- */

static ATTR_MUST_CHECK enum err_code take_name(void *ctx, sqlite3_stmt *row, struct err *e)
{
	if (string_list_add(ctx, sqlite_conn_text(row, 0)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code no_such_pipeline(const char *name, const struct string_list *l,
						      struct err *e)
{
	struct buf names;
	enum err_code code;
	size_t i;

	buf_init(&names, ERR_MSG_BYTES);
	for (i = 0; i < l->count; i++)
		buf_add_fmt(&names, "%s%s", i ? ", " : "", l->items[i]);
	code = err_set(e, ERR_NOT_FOUND, "no pipeline \"%s\" here; there is %s", name,
		       l->count ? buf_str(&names) : "none");
	buf_done(&names);
	return code;
}

/* The installed pipelines that f means, in order. */
static ATTR_MUST_CHECK enum err_code find_pipelines(struct sqlite_admin *a,
						    const struct dead_letter_filter *f,
						    struct string_list *l, struct err *e)
{
	bool installed = false;
	enum err_code code = sqlite_schema_is_installed(a, &installed, e);

	if (code == ERR_OK && !installed)
		return err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK)
		code = sqlite_admin_each(
			a, "SELECT pipeline FROM " SQLITE_INSTALL " ORDER BY pipeline", 0, NULL,
			take_name, l, e);
	if (code != ERR_OK || !f->pipeline)
		return code;
	if (!string_list_has(l, f->pipeline))
		return no_such_pipeline(f->pipeline, l, e);
	string_list_done(l);
	if (string_list_add(l, text_of(f->pipeline)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	return ERR_OK;
}

/* ---- filters ---- */

/* The conditions of f on dead_letter d and one pipeline, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct dead_letter_filter *f, const char *pipeline,
		       int64_t now_wall_us)
{
	buf_add_str(out, " WHERE d.pipeline = ");
	sqlite_quote_literal(out, pipeline);
	if (f->table) {
		buf_add_str(out, " AND d.table_name = ");
		sqlite_quote_literal(out,
				     strncmp(f->table, "main.", 5) == 0 ? f->table + 5 : f->table);
	}
	if (f->id)
		buf_add_fmt(out, " AND d.id = %lld", (long long)f->id);
	if (f->older_than_us > 0)
		buf_add_fmt(out, " AND d.died_at <= %lld",
			    (long long)(now_wall_us - f->older_than_us));
}

static int64_t page_rows(const struct dead_letter_filter *f, int64_t done, int64_t page)
{
	if (f->limit > 0 && f->limit - done < page)
		return f->limit - done;
	return page;
}

/* ---- list ---- */

struct listing {
	struct sqlite_admin *a;
	dead_letter_fn fn;
	void *ctx;
	int64_t last_id; /* where the next page begins */
	int64_t rows;    /* of this page */
	struct buf key, data, old_data;
};

static ATTR_MUST_CHECK enum err_code to_json(const struct listing *l, struct buf *out,
					     sqlite3_stmt *row, int column, struct text *ret_t,
					     struct err *e)
{
	struct text literals = sqlite_conn_text(row, column);

	*ret_t = TEXT_NONE;
	if (!literals.s)
		return ERR_OK;
	buf_reset(out);
	sqlite_value_json(out, literals, sqlite_conn_utf16(l->a->conn));
	if (buf_error(out) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a dead letter");
	*ret_t = buf_text(out);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code take_letter(void *ctx, sqlite3_stmt *row, struct err *e)
{
	char changed[CLOCK_TEXT_BYTES], died[CLOCK_TEXT_BYTES];
	struct listing *l = ctx;
	struct dead_letter d = {
		.id = sqlite3_column_int64(row, 0),
		.event_id = sqlite_conn_text(row, 1),
		.pipeline = sqlite_conn_text(row, 2),
		.operation = sqlite_conn_text(row, 3),
		.schema = TEXT_LIT(""),
		.table = sqlite_conn_text(row, 4),
		.attempts = sqlite3_column_int64(row, 8),
		.last_status = sqlite3_column_int64(row, 9),
		.last_error = sqlite_conn_text(row, 10),
	};
	enum err_code code = to_json(l, &l->key, row, 5, &d.key, e);

	clock_format_wall(sqlite3_column_int64(row, 6), changed);
	clock_format_wall(sqlite3_column_int64(row, 7), died);
	d.changed_at = text_of(changed);
	d.died_at = text_of(died);
	if (code == ERR_OK)
		code = to_json(l, &l->data, row, 11, &d.data, e);
	if (code == ERR_OK)
		code = to_json(l, &l->old_data, row, 12, &d.old_data, e);
	if (code != ERR_OK)
		return code;
	l->last_id = d.id;
	l->rows++;
	l->fn(l->ctx, &d);
	return ERR_OK;
}

static void list_sql(struct buf *out, const struct dead_letter_filter *f, const char *pipeline,
		     bool with_data, int64_t after, int64_t rows)
{
	buf_add_str(out, "SELECT d.id, i.install_id || '-' || d.id, d.pipeline, d.operation, "
			 "d.table_name, d.row_key, d.changed_at, d.died_at, d.attempts, "
			 "d.last_status, d.last_error, ");
	/* a row over the cap holds no data, but its key stands for it */
	buf_add_str(out, with_data ? "CASE WHEN d.operation <> 'delete' THEN "
				     "ifnull(d.data, ifnull(d.row_key, '{}')) END, "
				     "CASE WHEN d.operation <> 'insert' THEN ifnull(d.old_data, "
				     "ifnull(ifnull(d.old_key, d.row_key), '{}')) END"
				   : "NULL, NULL");
	buf_add_str(out, " FROM " SQLITE_DEAD_LETTER " AS d LEFT JOIN " SQLITE_INSTALL
			 " AS i ON i.pipeline = d.pipeline");
	filter_sql(out, f, pipeline, clock_wall_us(clock_system()));
	buf_add_fmt(out, " AND d.id > %lld ORDER BY d.id LIMIT %lld", (long long)after,
		    (long long)rows);
}

static ATTR_MUST_CHECK enum err_code list_pipeline(struct listing *l,
						   const struct dead_letter_filter *f,
						   const char *pipeline, bool with_data,
						   int64_t *done, struct err *e)
{
	int64_t page = with_data ? PAGE_ROWS_WITH_DATA : PAGE_ROWS, want;
	enum err_code code = ERR_OK;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	l->last_id = 0;
	do {
		want = page_rows(f, *done, page);
		if (want <= 0)
			break;
		l->rows = 0;
		buf_reset(&sql);
		list_sql(&sql, f, pipeline, with_data, l->last_id, want);
		if (buf_error(&sql) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a list");
		else
			code = sqlite_admin_each(l->a, buf_str(&sql), 0, NULL, take_letter, l, e);
		*done += l->rows;
	} while (code == ERR_OK && l->rows == want);
	buf_done(&sql);
	return code;
}

enum err_code sqlite_dead_letter_list(const struct settings *s, size_t source,
				      const struct dead_letter_filter *f, bool with_data,
				      dead_letter_fn fn, void *ctx, struct err *e)
{
	struct string_list pipelines = {0};
	struct sqlite_admin a;
	struct listing l = {.a = &a, .fn = fn, .ctx = ctx};
	int64_t done = 0;
	size_t i;
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, true, e);

	if (code != ERR_OK)
		return code;
	buf_init(&l.key, JSON_MAX_BYTES);
	buf_init(&l.data, JSON_MAX_BYTES);
	buf_init(&l.old_data, JSON_MAX_BYTES);
	code = find_pipelines(&a, f, &pipelines, e);
	for (i = 0; i < pipelines.count && code == ERR_OK; i++)
		code = list_pipeline(&l, f, pipelines.items[i], with_data, &done, e);
	buf_done(&l.key);
	buf_done(&l.data);
	buf_done(&l.old_data);
	string_list_done(&pipelines);
	sqlite_admin_close(&a);
	return code;
}

/* ---- moving and deleting ---- */

/* One page of one pipeline. */
struct page {
	const struct dead_letter_filter *f;
	const char *pipeline;
	bool replay;
	int64_t start_wall_us; /* letters that die meanwhile are not chased for ever */
	int64_t want;
	int64_t rows;
};

static void page_filter(struct buf *out, const struct page *p)
{
	filter_sql(out, p->f, p->pipeline, p->start_wall_us);
	buf_add_fmt(out, " AND d.died_at <= %lld", (long long)p->start_wall_us);
}

static ATTR_MUST_CHECK enum err_code run_page_sql(struct sqlite_admin *a, const struct page *p,
						  int64_t last, struct err *e)
{
	enum err_code code = ERR_OK;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	if (p->replay) {
		/* oldest first: the outbox gives its new ids in that order */
		buf_add_str(&sql, "INSERT INTO ");
		sqlite_outbox_name(&sql, p->pipeline);
		buf_add_str(&sql, " (operation, table_name, row_key, old_key, changed_at, "
				  "truncated, data, old_data) SELECT operation, table_name, "
				  "row_key, old_key, changed_at, truncated, data, old_data "
				  "FROM " SQLITE_DEAD_LETTER " AS d");
		page_filter(&sql, p);
		buf_add_fmt(&sql, " AND d.id <= %lld ORDER BY d.id", (long long)last);
		code = sqlite_admin_run_buf(a, &sql, e);
		buf_reset(&sql);
	}
	buf_add_str(&sql, "DELETE FROM " SQLITE_DEAD_LETTER " AS d");
	page_filter(&sql, p);
	buf_add_fmt(&sql, " AND d.id <= %lld", (long long)last);
	if (code == ERR_OK)
		code = sqlite_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code run_page(struct sqlite_admin *a, void *ctx, struct err *e)
{
	struct page *p = ctx;
	int64_t last = 0;
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT max(id) FROM (SELECT d.id FROM " SQLITE_DEAD_LETTER " AS d");
	page_filter(&sql, p);
	buf_add_fmt(&sql, " ORDER BY d.id LIMIT %lld)", (long long)p->want);
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a batch");
	else
		code = sqlite_admin_number(a, buf_str(&sql), 0, NULL, 0, &last, e);
	buf_done(&sql);
	p->rows = 0;
	if (code != ERR_OK || !last)
		return code;
	code = run_page_sql(a, p, last, e);
	if (code == ERR_OK)
		p->rows = sqlite3_changes(sqlite_conn_raw(a->conn));
	return code;
}

static ATTR_MUST_CHECK enum err_code run_pages(const struct settings *s, size_t source,
					       const struct dead_letter_filter *f, bool replay,
					       int64_t *ret_count, struct err *e)
{
	struct string_list pipelines = {0};
	struct page p = {.f = f, .replay = replay, .start_wall_us = clock_wall_us(clock_system())};
	struct sqlite_admin a;
	int64_t done = 0;
	size_t i;
	enum err_code code = sqlite_admin_open(&a, s, source, NULL, false, e);

	if (code != ERR_OK)
		return code;
	code = find_pipelines(&a, f, &pipelines, e);
	for (i = 0; i < pipelines.count && code == ERR_OK; i++) {
		p.pipeline = pipelines.items[i];
		do {
			p.want = page_rows(f, done, PAGE_ROWS);
			if (p.want <= 0)
				break;
			code = sqlite_admin_transaction(&a, run_page, &p, e);
			if (code == ERR_OK)
				done += p.rows;
		} while (code == ERR_OK && p.rows == p.want);
	}
	string_list_done(&pipelines);
	sqlite_admin_close(&a);
	*ret_count = done;
	return code;
}

enum err_code sqlite_dead_letter_replay(const struct settings *s, size_t source,
					const struct dead_letter_filter *f, int64_t *ret_count,
					struct err *e)
{
	return run_pages(s, source, f, true, ret_count, e);
}

enum err_code sqlite_dead_letter_purge(const struct settings *s, size_t source,
				       const struct dead_letter_filter *f, int64_t *ret_count,
				       struct err *e)
{
	return run_pages(s, source, f, false, ret_count, e);
}
