/* SPDX-License-Identifier: MIT */
/*
 * The pages of source/letters.h. A page is kept in memory before anybody gets to see it: a read
 * transaction would keep the WAL from being reset for as long as somebody reads a list in a pager.
 */
#include "source/sqlite_dead_letter.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/letters.h"
#include "source/sqlite_schema.h"
#include "source/sqlite_value.h"

#define JSON_MAX_BYTES (1UL << 30)
#define TEXTS 11

/* ---- filters ---- */

static ATTR_MUST_CHECK enum err_code take_name(void *ctx, sqlite3_stmt *row, struct err *e)
{
	if (string_list_add(ctx, sqlite_conn_text(row, 0)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code list_pipelines(void *ctx, struct string_list *l, struct err *e)
{
	return sqlite_admin_each(ctx, "SELECT pipeline FROM " SQLITE_INSTALL " ORDER BY pipeline",
				 0, NULL, take_name, l, e);
}

/* The table that the page is of, with a column `pipeline`. */
static void table_sql(struct buf *out, const struct letters_page *p)
{
	if (!p->filter->waiting) {
		buf_add_str(out, p->filter->delivered ? SQLITE_DELIVERED : SQLITE_DEAD_LETTER);
		return;
	}
	buf_add_str(out, "(SELECT ");
	sqlite_quote_literal(out, p->pipeline);
	buf_add_str(out, " AS pipeline, * FROM main.");
	sqlite_outbox_name(out, p->pipeline);
	buf_add_char(out, ')');
}

/* The conditions of p on its table d, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct letters_page *p, int64_t now_wall_us)
{
	const struct dead_letter_filter *f = p->filter;

	buf_add_str(out, " WHERE d.pipeline = ");
	sqlite_quote_literal(out, p->pipeline);
	buf_add_fmt(out, " AND d.id > %lld", (long long)p->after_id);
	if (f->table) {
		buf_add_str(out, " AND d.table_name = ");
		sqlite_quote_literal(out,
				     strncmp(f->table, "main.", 5) == 0 ? f->table + 5 : f->table);
	}
	if (f->id)
		buf_add_fmt(out, " AND d.id = %lld", (long long)f->id);
	if (f->older_than_us > 0)
		buf_add_fmt(out, " AND %s <= %lld", letters_time(f),
			    (long long)(now_wall_us - f->older_than_us));
	if (f->since_wall_us)
		buf_add_fmt(out, " AND %s >= %lld", letters_time(f), (long long)f->since_wall_us);
	if (f->until_wall_us)
		buf_add_fmt(out, " AND %s < %lld", letters_time(f), (long long)f->until_wall_us);
	if (f->by_status)
		buf_add_fmt(out, " AND ifnull(d.last_status, 0) BETWEEN %d AND %d", f->status_min,
			    f->status_max);
}

static ATTR_MUST_CHECK enum err_code open_installed(struct sqlite_admin *a,
						    const struct settings *s, size_t source,
						    const struct dead_letter_filter *f,
						    bool is_read_only, struct err *e)
{
	bool installed = false;
	enum err_code code = sqlite_admin_open(a, s, source, NULL, is_read_only, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK && f->delivered)
		code = sqlite_schema_has_table(a, SQLITE_DELIVERED, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND, LETTERS_NONE_KEPT);
	if (code != ERR_OK)
		sqlite_admin_close(a);
	return code;
}

/* ---- a page in memory ---- */

/* The texts of a letter: where each is, and its place in the page's bytes. */
static struct text *letter_text(struct dead_letter *d, size_t i)
{
	struct text *const texts[TEXTS] = {
		&d->event_id,   &d->pipeline, &d->operation,  &d->table, &d->key,      &d->old_key,
		&d->changed_at, &d->died_at,  &d->last_error, &d->data,  &d->old_data,
	};

	return texts[i];
}

struct kept {
	struct dead_letter d; /* of a text only the length counts, and whether there is one */
	size_t at;            /* of the first; the others follow */
};

struct page {
	struct sqlite_admin *a;
	struct kept *rows;
	size_t count;
	size_t room;
	struct buf bytes;
	struct buf json[4]; /* of the row at hand */
};

static ATTR_MUST_CHECK enum err_code to_json(struct page *p, size_t i, sqlite3_stmt *row,
					     int column, struct text *ret_t, struct err *e)
{
	struct text literals = sqlite_conn_text(row, column);

	*ret_t = TEXT_NONE;
	if (!literals.s)
		return ERR_OK;
	buf_reset(&p->json[i]);
	sqlite_value_json(&p->json[i], literals, sqlite_conn_utf16(p->a->conn));
	if (buf_error(&p->json[i]) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a dead letter");
	*ret_t = buf_text(&p->json[i]);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code keep(struct page *p, struct dead_letter *d, struct err *e)
{
	struct kept *k = &p->rows[p->count];
	size_t i;

	assert(p->count < p->room);
	k->at = p->bytes.len;
	k->d = *d;
	for (i = 0; i < TEXTS; i++)
		buf_add_text(&p->bytes, *letter_text(d, i));
	if (buf_error(&p->bytes) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a page of dead letters");
	p->count++;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code take_letter(void *ctx, sqlite3_stmt *row, struct err *e)
{
	char changed[CLOCK_TEXT_BYTES], died[CLOCK_TEXT_BYTES];
	struct page *p = ctx;
	struct dead_letter d = {
		.id = sqlite3_column_int64(row, 0),
		.event_id = sqlite_conn_text(row, 1),
		.pipeline = sqlite_conn_text(row, 2),
		.operation = sqlite_conn_text(row, 3),
		.table = sqlite_conn_text(row, 4),
		.attempts = sqlite3_column_int64(row, 9),
		.last_status = sqlite3_column_int64(row, 10),
		.last_error = sqlite_conn_text(row, 11),
		.truncated = sqlite3_column_int(row, 12),
		.superseded = sqlite3_column_int(row, 13),
	};
	struct {
		int column;
		struct text *to;
	} const json[] = {{5, &d.key}, {6, &d.old_key}, {14, &d.data}, {15, &d.old_data}};
	enum err_code code = ERR_OK;
	size_t i;

	/* the rest of the page is the next one */
	if (p->count && p->bytes.len > LETTERS_PAGE_BYTES)
		return ERR_OK;
	clock_format_wall(sqlite3_column_int64(row, 7), changed);
	clock_format_wall(sqlite3_column_int64(row, 8), died);
	d.changed_at = text_of(changed);
	d.died_at = text_of(died);
	for (i = 0; i < ARRAY_LEN(json) && code == ERR_OK; i++)
		code = to_json(p, i, row, json[i].column, json[i].to, e);
	return code == ERR_OK ? keep(p, &d, e) : code;
}

static ATTR_MUST_CHECK enum err_code show_page(struct page *p, dead_letter_fn fn, void *ctx,
					       struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i, k, at;

	for (i = 0; i < p->count && code == ERR_OK; i++) {
		struct dead_letter *d = &p->rows[i].d;

		for (k = 0, at = p->rows[i].at; k < TEXTS; at += letter_text(d, k++)->len)
			if (letter_text(d, k)->s)
				letter_text(d, k)->s = buf_str(&p->bytes) + at;
		code = fn(ctx, d, e);
	}
	return code;
}

/* ---- pages ---- */

/* Where changes are. Parked ones: only when there is a table for them. */
enum place { PLACE_OUTBOX, PLACE_DEAD, PLACE_PARKED };

/* One part of them: table, key, event id. A change of the key is one of both. (Truncations are not
 * captured.) */
static void changes_sql(struct buf *out, const char *pipeline, const char *key, enum place place)
{
	buf_add_fmt(out, "SELECT table_name, %s AS k, %s AS id FROM ", key,
		    place == PLACE_DEAD ? "id" : "ifnull(origin_id, id)");
	if (place == PLACE_OUTBOX) {
		sqlite_outbox_name(out, pipeline);
		return;
	}
	if (place == PLACE_PARKED) {
		sqlite_parked_name(out, pipeline);
		return;
	}
	buf_add_str(out, SQLITE_DEAD_LETTER " WHERE pipeline = ");
	sqlite_quote_literal(out, pipeline);
}

static void superseded_sql(struct buf *out, const char *pipeline, bool has_parked)
{
	int i, n = has_parked ? 6 : 4;

	/* grouped and joined: one pass over the outbox for each page */
	buf_add_str(out, " LEFT JOIN (SELECT table_name, k, max(id) AS id FROM (");
	for (i = 0; i < n; i++) {
		buf_add_str(out, i ? " UNION ALL " : "");
		changes_sql(out, pipeline, i % 2 ? "old_key" : "row_key", (enum place)(i / 2));
	}
	buf_add_str(out, ") WHERE k IS NOT NULL GROUP BY table_name, k) AS n "
			 "ON n.table_name = d.table_name AND n.k = d.row_key");
}

static void list_sql(struct buf *out, const struct letters_page *p, bool has_parked)
{
	bool ask = p->filter->skip_superseded;

	buf_add_fmt(out,
		    "SELECT d.id, i.install_id || '-' || %s, d.pipeline, d.operation, "
		    "d.table_name, d.row_key, d.old_key, d.changed_at, %s, %s, d.truncated, ",
		    letters_public_id(p->filter), letters_time(p->filter),
		    letters_failure(p->filter));
	buf_add_str(out, ask ? "ifnull(n.id, 0) > d.id, " : "0, ");
	/* a row over the cap holds no data, but its key stands for it */
	buf_add_str(out, p->with_data ? "CASE WHEN d.operation <> 'delete' THEN "
					"ifnull(d.data, ifnull(d.row_key, '{}')) END, "
					"CASE WHEN d.operation <> 'insert' THEN ifnull(d.old_data, "
					"ifnull(ifnull(d.old_key, d.row_key), '{}')) END"
				      : "NULL, NULL");
	buf_add_str(out, " FROM ");
	table_sql(out, p);
	buf_add_str(out, " AS d LEFT JOIN " SQLITE_INSTALL " AS i ON i.pipeline = d.pipeline");
	if (ask)
		superseded_sql(out, p->pipeline, has_parked);
	filter_sql(out, p, clock_wall_us(clock_system()));
	buf_add_fmt(out, " ORDER BY d.id LIMIT %lld", (long long)p->rows);
}

/* Installations of before have no table for them. */
static ATTR_MUST_CHECK enum err_code
look_for_parked(struct sqlite_admin *a, const struct letters_page *p, bool *ret_has, struct err *e)
{
	enum err_code code;
	struct buf name;

	*ret_has = false;
	if (!p->filter->skip_superseded)
		return ERR_OK;
	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_parked_name(&name, p->pipeline);
	code = buf_error(&name) == ERR_OK ? sqlite_schema_has_table(a, buf_str(&name), ret_has, e)
					  : err_set(e, ERR_NOMEM, "no memory for a list");
	buf_done(&name);
	return code;
}

static ATTR_MUST_CHECK enum err_code page_init(struct page *p, struct sqlite_admin *a, int64_t rows,
					       struct err *e)
{
	size_t i;

	*p = (struct page){.a = a, .room = (size_t)rows};
	p->rows = mem_calloc(p->room, sizeof(*p->rows));
	if (!p->rows)
		return err_set(e, ERR_NOMEM, "no memory for a page of dead letters");
	buf_init(&p->bytes, SIZE_MAX / 2);
	for (i = 0; i < ARRAY_LEN(p->json); i++)
		buf_init(&p->json[i], JSON_MAX_BYTES);
	return ERR_OK;
}

static void page_done(struct page *p)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(p->json); i++)
		buf_done(&p->json[i]);
	buf_done(&p->bytes);
	mem_free(p->rows);
}

static ATTR_MUST_CHECK enum err_code list_page(void *ctx, const struct letters_page *wanted,
					       dead_letter_fn fn, void *fn_ctx, struct err *e)
{
	struct page p;
	struct buf sql;
	bool has_parked;
	enum err_code code = look_for_parked(ctx, wanted, &has_parked, e);

	if (code == ERR_OK)
		code = page_init(&p, ctx, wanted->rows, e);
	if (code != ERR_OK)
		return code;
	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	list_sql(&sql, wanted, has_parked);
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a list");
	else
		code = sqlite_admin_each(ctx, buf_str(&sql), 0, NULL, take_letter, &p, e);
	buf_done(&sql);
	if (code == ERR_OK)
		code = show_page(&p, fn, fn_ctx, e);
	page_done(&p);
	return code;
}

/* ---- moving and deleting ---- */

struct moving {
	enum letters_move how;
	const char *pipeline;
	const int64_t *ids;
	size_t count;
	int64_t done;
};

/* " FROM its table WHERE ... id IN (...)" */
static void wanted_sql(struct buf *out, const struct moving *m)
{
	buf_add_fmt(out, " FROM %s WHERE pipeline = ",
		    m->how == LETTERS_AGAIN ? SQLITE_DELIVERED : SQLITE_DEAD_LETTER);
	sqlite_quote_literal(out, m->pipeline);
	buf_add_str(out, " AND id IN (");
	letters_ids(out, m->ids, m->count);
	buf_add_char(out, ')');
}

static void replay_sql(struct buf *out, const struct moving *m)
{
	buf_add_str(out, "INSERT INTO ");
	sqlite_outbox_name(out, m->pipeline);
	/* as they were; otherwise the ids are given in the order of the rows */
	buf_add_fmt(out,
		    " (%s, operation, table_name, row_key, old_key, changed_at, truncated, data, "
		    "old_data) SELECT id, operation, table_name, row_key, old_key, changed_at, "
		    "truncated, data, old_data",
		    m->how == LETTERS_TO_FRONT ? "id" : "origin_id");
	wanted_sql(out, m);
	buf_add_str(out, " ORDER BY id");
}

static ATTR_MUST_CHECK enum err_code move_work(struct sqlite_admin *a, void *ctx, struct err *e)
{
	struct moving *m = ctx;
	enum err_code code = ERR_OK;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	if (m->how != LETTERS_PURGE) {
		replay_sql(&sql, m);
		code = sqlite_admin_run_buf(a, &sql, e);
		buf_reset(&sql);
	}
	buf_add_str(&sql, "DELETE");
	wanted_sql(&sql, m);
	if (code == ERR_OK && m->how != LETTERS_AGAIN)
		code = sqlite_admin_run_buf(a, &sql, e);
	if (code == ERR_OK)
		m->done = sqlite3_changes(sqlite_conn_raw(a->conn));
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code move(void *ctx, enum letters_move how, const char *pipeline,
					  const int64_t *ids, size_t n, int64_t *ret_count,
					  struct err *e)
{
	struct moving m = {.how = how, .pipeline = pipeline, .ids = ids, .count = n};
	enum err_code code = sqlite_admin_transaction(ctx, move_work, &m, e);

	if (code == ERR_OK)
		*ret_count = m.done;
	return code;
}

/* ---- the calls ---- */

static struct letters_db letters_db(struct sqlite_admin *a)
{
	return (struct letters_db){.ctx = a,
				   .clock = a->clock,
				   .pipelines = list_pipelines,
				   .page = list_page,
				   .move = move};
}

enum err_code sqlite_dead_letter_list(const struct settings *s, size_t source,
				      const struct dead_letter_filter *f, bool with_data,
				      dead_letter_fn fn, void *ctx, struct err *e)
{
	struct sqlite_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, true, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	code = letters_list(&db, f, with_data, fn, ctx, e);
	sqlite_admin_close(&a);
	return code;
}

static ATTR_MUST_CHECK enum err_code move_all(const struct settings *s, size_t source,
					      enum letters_move how,
					      const struct dead_letter_filter *f,
					      struct dead_letter_counts *ret, struct err *e)
{
	struct sqlite_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, false, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	/* nobody reads while ids below a reader's cursor come back */
	if (how == LETTERS_TO_FRONT)
		code = sqlite_admin_lock(&a, true, e);
	if (code == ERR_OK)
		code = letters_move(&db, how, f, ret, e);
	sqlite_admin_close(&a);
	return code;
}

enum err_code sqlite_dead_letter_replay(const struct settings *s, size_t source,
					const struct dead_letter_filter *f, bool in_front,
					struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, letters_replay(f, in_front), f, ret, e);
}

enum err_code sqlite_dead_letter_purge(const struct settings *s, size_t source,
				       const struct dead_letter_filter *f,
				       struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, LETTERS_PURGE, f, ret, e);
}
