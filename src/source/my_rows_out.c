/* SPDX-License-Identifier: MIT */
#include "source/my_rows_out.h"

#include "source/my_schema.h"
#include "source/my_source.h"

/* Of one INSERT, as far as single rows allow. */
#define INSERT_BYTES (1024L * 1024)
/* Of a packet, for what is not rows. */
#define SPARE_BYTES 512

void my_rows_out_init(struct my_rows_out *o)
{
	buf_init(&o->insert, MY_SQL_MAX_BYTES);
	buf_init(&o->tuple, MY_SQL_MAX_BYTES);
	o->rows = o->bytes = 0;
}

void my_rows_out_done(struct my_rows_out *o)
{
	buf_done(&o->insert);
	buf_done(&o->tuple);
}

enum err_code my_rows_out_flush(struct my_rows_out *o, struct err *e)
{
	enum err_code code;

	if (buf_error(&o->insert) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
	if (!o->insert.len)
		return ERR_OK;
	code = my_conn_exec_buf(o->conn, &o->insert, NULL, e);
	buf_reset(&o->insert);
	return code;
}

/* As a literal of a session without NO_BACKSLASH_ESCAPES (my_conn.h). It is the server's own UTF-8,
 * and grows less than by my_quote_literal: JSON has backslashes. */
static void add_literal(struct buf *out, struct text t)
{
	size_t i = 0, from;

	if (!t.s) {
		buf_add_str(out, "NULL");
		return;
	}
	buf_add_char(out, '\'');
	while (i < t.len) {
		for (from = i; i < t.len && t.s[i] && t.s[i] != '\'' && t.s[i] != '\\';)
			i++;
		buf_add(out, t.s + from, i - from);
		if (i < t.len) {
			buf_add_char(out, '\\');
			buf_add_char(out, t.s[i] ? t.s[i] : '0');
			i++;
		}
	}
	buf_add_char(out, '\'');
}

/* Returns what the outbox counts of it. */
static size_t build_tuple(struct my_rows_out *o, struct text key, struct text data)
{
	struct text shown = data.s ? data : (key.s ? key : TEXT_LIT("{}"));
	struct buf *out = &o->tuple;

	buf_reset(out);
	buf_add_str(out, "('read', ");
	my_quote_literal(out, text_of(o->schema));
	buf_add_str(out, ", ");
	my_quote_literal(out, text_of(o->table));
	buf_add_str(out, ", ");
	add_literal(out, key);
	buf_add_fmt(out, ", NULL, UTC_TIMESTAMP(6), %d, %zu, ", !data.s, key.len + shown.len);
	add_literal(out, shown);
	buf_add_str(out, ", NULL)");
	return key.len + shown.len;
}

static bool fits(const struct my_rows_out *o, size_t bytes)
{
	return (int64_t)bytes + SPARE_BYTES < o->packet;
}

enum err_code my_rows_out_add(struct my_rows_out *o, struct text key, struct text data,
			      struct err *e)
{
	enum err_code code = ERR_OK;
	size_t bytes;

	if (data.s && (int64_t)data.len > o->cap)
		data = TEXT_NONE;
	bytes = build_tuple(o, key, data);
	/* what the trigger could write, and no statement of ours can hold */
	if (buf_error(&o->tuple) == ERR_FULL || !fits(o, o->tuple.len))
		bytes = build_tuple(o, key, TEXT_NONE);
	if (o->insert.len &&
	    (o->insert.len + o->tuple.len > INSERT_BYTES || !fits(o, o->insert.len + o->tuple.len)))
		code = my_rows_out_flush(o, e);
	if (code != ERR_OK)
		return code;
	if (o->insert.len)
		buf_add_str(&o->insert, ",\n");
	else
		buf_add_fmt(&o->insert, "INSERT INTO %s (" MY_EVENT_COLUMNS ") VALUES ", o->outbox);
	buf_add_text(&o->insert, buf_text(&o->tuple));
	o->rows++;
	o->bytes += (int64_t)bytes;
	return buf_error(&o->insert) == ERR_OK && buf_error(&o->tuple) == ERR_OK
		       ? ERR_OK
		       : err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
}
