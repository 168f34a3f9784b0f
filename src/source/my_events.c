/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "base/json.h"
#include "base/op.h"
#include "source/my_source.h"

enum column {
	COL_ID,
	COL_OPERATION,
	COL_SCHEMA,
	COL_TABLE,
	COL_KEY,
	COL_OLD_KEY,
	COL_CHANGED_US,
	COL_TRUNCATED,
	COL_DATA,
	COL_OLD_DATA,
	COL_ORIGIN,
	COL_IS_JSON, /* as far as the server can tell */
	/* of a parked row only */
	COL_SEQ,
	COL_DUE_US,
	COL_STEP,
	COL_ATTEMPTS,
};

void my_events_columns(struct buf *sql)
{
	buf_add_str(sql, "id, operation, schema_name, table_name, row_key, old_key, "
			 "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', changed_at), truncated, data, "
			 "old_data, origin_id, COALESCE(JSON_VALID(row_key), 1) AND "
			 "COALESCE(JSON_VALID(old_key), 1) AND COALESCE(JSON_VALID(data), 1) AND "
			 "COALESCE(JSON_VALID(old_data), 1)");
}

/* ---- what is no JSON ----
 * A column that became a text after install is still written as the number it was. Such a row goes
 * out with a string, until install makes the triggers anew. The server's word is not the last: it
 * takes nothing that is nested 32 deep. */

#define TEXTS 4

bool my_events_is_json(struct text t)
{
	json_t *value = json_loadb(
		t.s, t.len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);

	json_decref(value);
	return value;
}

/* Quote those texts of f that are no JSON, into bufs. Errors: ERR_NOMEM. */
static ATTR_MUST_CHECK enum err_code quote_texts(struct event_fields *f, struct buf *bufs,
						 struct err *e)
{
	struct text *const texts[TEXTS] = {&f->key, &f->old_key, &f->data, &f->old_data};
	size_t i;

	for (i = 0; i < TEXTS; i++) {
		if (!texts[i]->s || my_events_is_json(*texts[i]))
			continue;
		json_quote(&bufs[i], *texts[i]);
		if (buf_error(&bufs[i]) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory for an event");
		*texts[i] = buf_text(&bufs[i]);
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code add_quoted(struct batch *b, struct event_fields *f,
						struct err *e)
{
	struct buf bufs[TEXTS];
	enum err_code code;
	size_t i;

	for (i = 0; i < TEXTS; i++)
		buf_init(&bufs[i], SIZE_MAX / 2);
	code = quote_texts(f, bufs, e);
	if (code == ERR_OK)
		code = batch_add(b, f, e);
	for (i = 0; i < TEXTS; i++)
		buf_done(&bufs[i]);
	return code;
}

/* ---- rows ---- */

static ATTR_MUST_CHECK enum err_code row_fields(const struct my_result *r,
						struct event_fields *ret_f, struct err *e)
{
	struct text operation = my_result_text(r, COL_OPERATION);
	struct event_fields f = {
		.id = my_result_i64(r, COL_ID, 0),
		.truncated = my_result_i64(r, COL_TRUNCATED, 0),
		.schema = text_or_none(my_result_text(r, COL_SCHEMA)),
		.table = my_result_text(r, COL_TABLE),
		.key = my_result_text(r, COL_KEY),
		.old_key = my_result_text(r, COL_OLD_KEY),
		.changed_wall_us = my_result_i64(r, COL_CHANGED_US, 0),
		.data = my_result_text(r, COL_DATA),
		.old_data = my_result_text(r, COL_OLD_DATA),
		.origin_id = my_result_i64(r, COL_ORIGIN, 0),
	};

	if (!op_parse(operation, &f.op))
		return err_set(e, ERR_DB, "outbox row %lld has an unknown operation: %.*s",
			       (long long)f.id, (int)operation.len, operation.s);
	*ret_f = f;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code add_fields(struct batch *b, const struct my_result *r,
						struct event_fields *f, struct err *e)
{
	return my_result_i64(r, COL_IS_JSON, 0) ? batch_add(b, f, e) : add_quoted(b, f, e);
}

enum err_code my_events_add_parked(struct batch *b, struct my_result *r, struct err *e)
{
	struct event_fields f;
	enum err_code code = ERR_OK;

	while (code == ERR_OK && !b->is_full && my_result_next(r)) {
		code = row_fields(r, &f, e);
		if (code != ERR_OK)
			break;
		f.parked = true;
		f.parked_seq = my_result_i64(r, COL_SEQ, 0);
		f.parked_due_wall_us = my_result_i64(r, COL_DUE_US, 0);
		f.parked_step = (int)my_result_i64(r, COL_STEP, 0);
		f.parked_attempts = (int)my_result_i64(r, COL_ATTEMPTS, 0);
		code = add_fields(b, r, &f, e);
	}
	return code;
}

enum err_code my_events_add(struct batch *b, struct my_result *r, const int64_t *ids, size_t n,
			    struct err *e)
{
	struct event_fields f;
	enum err_code code = ERR_OK;
	size_t i = 0;
	int64_t id;

	while (code == ERR_OK && !b->is_full && my_result_next(r)) {
		id = my_result_i64(r, COL_ID, 0);
		while (i < n && ids[i] < id)
			i++;
		if (i == n || ids[i] != id)
			continue;
		code = row_fields(r, &f, e);
		if (code == ERR_OK)
			code = add_fields(b, r, &f, e);
	}
	return code;
}
