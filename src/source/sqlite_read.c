/* SPDX-License-Identifier: MIT */
/*
 * Reading: `id > cursor ORDER BY id`, stepped until the limit is reached, then reset. SQLite has
 * one writer at a time, so ids become visible in their order and nothing commits late. No read
 * transaction outlives a call: it would keep the application's WAL from being reset.
 *
 * Here literals become JSON (source/sqlite_value.h), and here a row whose JSON is over the cap is
 * reduced to its key, as the trigger does with one that is over it as stored.
 */
#include "base/op.h"
#include "source/sqlite_source.h"
#include "source/sqlite_value.h"

#define LOOKED_AT_MAX 10000 /* rows of one call that are all held */

enum column {
	COL_ID,
	COL_OPERATION,
	COL_TABLE,
	COL_CHANGED_AT,
	COL_TRUNCATED,
	COL_KEY,
	COL_OLD_KEY,
	COL_DATA,
	COL_OLD_DATA,
	COL_ORIGIN,
};

/* ---- a row ---- */

/* One of the four texts as JSON, in a buffer that lives until the next row. Out of memory inside
 * SQLite looks like NULL: the type tells. */
static ATTR_MUST_CHECK enum err_code take_json(struct sqlite_source *s, sqlite3_stmt *stmt,
					       enum column col, struct text *ret_t, struct err *e)
{
	struct buf *out = &s->row[col - COL_KEY];
	struct text literals;

	*ret_t = TEXT_NONE;
	if (sqlite3_column_type(stmt, (int)col) == SQLITE_NULL)
		return ERR_OK;
	literals = sqlite_conn_text(stmt, (int)col);
	if (!literals.s)
		return err_set(e, ERR_NOMEM, "no memory for a row of the outbox");
	buf_reset(out);
	sqlite_value_json(out, literals, sqlite_conn_utf16(s->conn));
	if (buf_error(out) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a row of the outbox");
	*ret_t = buf_text(out);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code take_texts(struct sqlite_source *s, sqlite3_stmt *stmt,
						struct event_fields *f, struct err *e)
{
	struct {
		enum column col;
		struct text *to;
	} const parts[] = {
		{COL_KEY, &f->key},
		{COL_OLD_KEY, &f->old_key},
		{COL_DATA, &f->data},
		{COL_OLD_DATA, &f->old_data},
	};
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts) && code == ERR_OK; i++)
		code = take_json(s, stmt, parts[i].col, parts[i].to, e);
	return code;
}

/* A row over the cap goes with its keys alone. */
static void reduce(struct event_fields *f, int64_t cap)
{
	struct text empty = TEXT_LIT("{}"), key = f->key.s ? f->key : empty;

	if (f->data.len > (size_t)cap || f->old_data.len > (size_t)cap)
		f->truncated = true;
	if (!f->truncated)
		return;
	f->data = f->op == OP_DELETE ? TEXT_NONE : key;
	f->old_data = TEXT_NONE;
	if (op_has_old(f->op))
		f->old_data = f->old_key.s ? f->old_key : key;
}

enum err_code sqlite_read_row(struct sqlite_source *s, sqlite3_stmt *stmt, struct event_fields *f,
			      struct err *e)
{
	struct text operation = sqlite_conn_text(stmt, COL_OPERATION);
	enum err_code code;

	*f = (struct event_fields){
		.id = sqlite3_column_int64(stmt, COL_ID),
		.table = sqlite_conn_text(stmt, COL_TABLE),
		.changed_wall_us = sqlite3_column_int64(stmt, COL_CHANGED_AT),
		.truncated = sqlite3_column_int(stmt, COL_TRUNCATED),
		.origin_id = sqlite3_column_int64(stmt, COL_ORIGIN),
	};
	if (!operation.s || !f->table.s)
		return err_set(e, ERR_NOMEM, "no memory for a row of the outbox");
	if (!op_parse(operation, &f->op))
		return err_set(e, ERR_DB, "outbox row %lld has an unknown operation: %.*s",
			       (long long)f->id, (int)operation.len, operation.s);
	code = take_texts(s, stmt, f, e);
	if (code == ERR_OK)
		reduce(f, s->env.settings->max_event_bytes);
	return code;
}

/* ---- a read ---- */

/* Rows that inspect found below the cursor: position has seen them. */
static ATTR_MUST_CHECK enum err_code read_strays(struct sqlite_source *s, struct sqlite_pipe *p,
						 struct batch *b, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_ONE];
	struct position *position = b->position;
	struct event_fields f;
	enum err_code code = ERR_OK;
	size_t done = 0, i;
	bool row;

	b->position = NULL;
	for (; done < p->stray_count && !b->is_full && code == ERR_OK; done += !b->is_full) {
		(void)sqlite3_bind_int64(stmt, 1, p->strays[done]);
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code == ERR_OK && row)
			code = sqlite_read_row(s, stmt, &f, e);
		if (code == ERR_OK && row)
			code = batch_add(b, &f, e);
		(void)sqlite3_reset(stmt);
	}
	b->position = position;
	if (code != ERR_OK)
		return code;
	for (i = done; i < p->stray_count; i++)
		p->strays[i - done] = p->strays[i];
	p->stray_count -= done;
	return ERR_OK;
}

/* The rows behind id `after`. */
static ATTR_MUST_CHECK enum err_code read_head(struct sqlite_source *s, struct sqlite_pipe *p,
					       int64_t after, struct batch *b, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_READ];
	struct event_fields f;
	enum err_code code = ERR_OK;
	bool row = true;
	int rows;

	(void)sqlite3_bind_int64(stmt, 1, after);
	for (rows = 0; code == ERR_OK && !b->is_full; rows++) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		if (rows == LOOKED_AT_MAX) {
			b->is_full = true;
			break;
		}
		code = sqlite_read_row(s, stmt, &f, e);
		if (code == ERR_OK)
			code = batch_add(b, &f, e);
	}
	(void)sqlite3_reset(stmt);
	/* an id that was not there when a later one was will never be */
	position_close_gaps(p->position, position_cursor(p->position));
	return code;
}

void sqlite_read_forget_row(struct sqlite_source *s)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(s->row); i++) {
		if (s->row[i].cap <= 65536)
			continue;
		buf_done(&s->row[i]);
		buf_init(&s->row[i], s->row[i].max_bytes);
	}
}

enum err_code sqlite_read(struct source *base, uint32_t p, struct source_limit limit,
			  struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct sqlite_pipe *pipe = &s->pipes[p];
	struct batch b = {
		.position = pipe->position,
		.limit = limit,
		.out = out,
		.now_us = sqlite_source_now(s),
	};
	enum err_code code = sqlite_source_check(s, e);

	if (code == ERR_OK && pipe->stray_count)
		code = read_strays(s, pipe, &b, e);
	if (code == ERR_OK && !b.is_full)
		code = read_head(s, pipe, position_cursor(pipe->position), &b, e);
	sqlite_read_forget_row(s);
	poll_looked(&s->wake.poll, b.count > 0);
	/* what was read before a failure is a valid batch: positions have seen exactly that */
	if (code != ERR_OK && !b.count)
		return code;
	*ret_count = b.count;
	*ret_more = b.is_full || code != ERR_OK;
	return ERR_OK;
}

enum err_code sqlite_reread(struct source *base, uint32_t p, struct source_limit limit,
			    int64_t *from, struct event **out, size_t *ret_count, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct sqlite_pipe *pipe = &s->pipes[p];
	struct batch b = {
		.position = pipe->position,
		.limit = limit,
		.out = out,
		.now_us = sqlite_source_now(s),
	};
	enum err_code code = sqlite_source_check(s, e);

	if (code == ERR_OK)
		code = read_head(s, pipe, *from - 1, &b, e);
	sqlite_read_forget_row(s);
	if (code != ERR_OK && !b.count)
		return code;
	*ret_count = b.count;
	if (!b.is_full && code == ERR_OK)
		*from = INT64_MAX;
	else if (b.last_id >= *from)
		*from = b.last_id + 1;
	return ERR_OK;
}
