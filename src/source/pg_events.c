/* SPDX-License-Identifier: MIT */
/*
 * Any prefix of the rows is a valid batch, as long as position has seen exactly that prefix: so an
 * event is built first, then seen, then handed on, and the first failure ends the batch.
 */
#include <assert.h>

#include "base/op.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

/* Of a timestamptz: PostgreSQL counts from 2000-01-01. */
#define PG_EPOCH_US (946684800LL * CLOCK_US_PER_S)
#define NAME_BYTES_MAX 63

size_t pg_batch_overhead(void)
{
	static const struct event_fields empty = {.id = 1};

	/* names and time, and a NUL behind each text, whether event_new adds it or not */
	return event_size(&empty) + 2 * NAME_BYTES_MAX + CLOCK_TEXT_BYTES + 8;
}

static struct text column_text(const PGresult *res, int row, enum pg_column col)
{
	if (PQgetisnull(res, row, (int)col))
		return TEXT_NONE;
	return (struct text){PQgetvalue(res, row, (int)col),
			     (size_t)PQgetlength(res, row, (int)col)};
}

static ATTR_MUST_CHECK enum err_code row_event(const PGresult *res, int row, struct event **ret_ev,
					       struct err *e)
{
	struct text operation = column_text(res, row, PG_COL_OPERATION);
	struct event_fields f = {
		.id = pg_get_i64(PQgetvalue(res, row, PG_COL_ID)),
		.truncated = *PQgetvalue(res, row, PG_COL_TRUNCATED),
		.schema = column_text(res, row, PG_COL_SCHEMA),
		.table = column_text(res, row, PG_COL_TABLE),
		.key = column_text(res, row, PG_COL_KEY),
		.old_key = column_text(res, row, PG_COL_OLD_KEY),
		.data = column_text(res, row, PG_COL_DATA),
		.old_data = column_text(res, row, PG_COL_OLD_DATA),
	};
	char changed_at[CLOCK_TEXT_BYTES];

	if (!op_parse(operation, &f.op))
		return err_set(e, ERR_DB, "outbox row %lld has an unknown operation: %.*s",
			       (long long)f.id, (int)operation.len, operation.s);
	f.changed_wall_us = pg_get_i64(PQgetvalue(res, row, PG_COL_CHANGED_AT)) + PG_EPOCH_US;
	clock_format_wall(f.changed_wall_us, changed_at);
	f.changed_at = text_of(changed_at);
	return event_new(&f, ret_ev, e);
}

static ATTR_MUST_CHECK enum err_code add_event(struct pg_batch *b, struct event *ev, struct err *e)
{
	enum err_code code = ERR_OK;
	bool is_new = true;

	if (!b->are_strays)
		code = position_see(b->pipe->position, ev->f.id, &is_new, e);
	if (code != ERR_OK || !is_new) {
		event_free(ev);
		return code;
	}
	ev->read_us = b->now_us;
	b->bytes += ev->bytes;
	b->out[b->count++] = ev;
	return ERR_OK;
}

enum err_code pg_batch_add(struct pg_batch *b, const PGresult *res, struct err *e)
{
	int row, rows = PQntuples(res);
	struct event *ev = NULL;
	enum err_code code;

	for (row = 0; row < rows && !b->is_full; row++) {
		if (b->count == b->limit.events || !*PQgetvalue(res, row, PG_COL_FITS)) {
			b->is_full = true;
			break;
		}
		code = row_event(res, row, &ev, e);
		if (code != ERR_OK)
			return code;
		assert(ev);
		if (b->count && b->bytes + ev->bytes > b->limit.bytes) {
			event_free(ev);
			b->is_full = true;
			break;
		}
		b->last_id = ev->f.id;
		code = add_event(b, ev, e);
		if (code != ERR_OK)
			return code;
	}
	/* the server leaves out everything behind a row that large */
	if (b->count && b->bytes >= b->limit.bytes)
		b->is_full = true;
	return ERR_OK;
}
