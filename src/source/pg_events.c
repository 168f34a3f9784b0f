/* SPDX-License-Identifier: MIT */
#include "base/op.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

static struct text column_text(const PGresult *res, int row, enum pg_column col)
{
	if (PQgetisnull(res, row, (int)col))
		return TEXT_NONE;
	return (struct text){PQgetvalue(res, row, (int)col),
			     (size_t)PQgetlength(res, row, (int)col)};
}

/* What only a parked row has. */
static void parked_fields(const PGresult *res, int row, struct event_fields *f)
{
	f->parked = true;
	f->parked_seq = pg_get_i64(PQgetvalue(res, row, PG_COL_SEQ));
	if (!PQgetisnull(res, row, PG_COL_DUE))
		f->parked_due_wall_us = pg_get_wall(PQgetvalue(res, row, PG_COL_DUE));
	f->parked_step = pg_get_i32(PQgetvalue(res, row, PG_COL_STEP));
	f->parked_attempts = pg_get_i32(PQgetvalue(res, row, PG_COL_ATTEMPTS));
}

static ATTR_MUST_CHECK enum err_code row_fields(const PGresult *res, int row,
						struct event_fields *ret_f, struct err *e)
{
	struct text operation = column_text(res, row, PG_COL_OPERATION);
	struct event_fields f = {
		.id = pg_get_i64(PQgetvalue(res, row, PG_COL_ID)),
		.truncated = *PQgetvalue(res, row, PG_COL_TRUNCATED),
		.schema = text_or_none(column_text(res, row, PG_COL_SCHEMA)),
		.table = column_text(res, row, PG_COL_TABLE),
		.key = column_text(res, row, PG_COL_KEY),
		.old_key = column_text(res, row, PG_COL_OLD_KEY),
		.data = column_text(res, row, PG_COL_DATA),
		.old_data = column_text(res, row, PG_COL_OLD_DATA),
	};

	if (!PQgetisnull(res, row, PG_COL_ORIGIN))
		f.origin_id = pg_get_i64(PQgetvalue(res, row, PG_COL_ORIGIN));
	if (!op_parse(operation, &f.op))
		return err_set(e, ERR_DB, "outbox row %lld has an unknown operation: %.*s",
			       (long long)f.id, (int)operation.len, operation.s);
	f.changed_wall_us = pg_get_wall(PQgetvalue(res, row, PG_COL_CHANGED_AT));
	if (PQnfields(res) > PG_COL_ATTEMPTS)
		parked_fields(res, row, &f);
	*ret_f = f;
	return ERR_OK;
}

enum err_code pg_batch_add(struct batch *b, const PGresult *res, struct err *e)
{
	int row, rows = PQntuples(res);
	struct event_fields f;
	enum err_code code;

	for (row = 0; row < rows && !b->is_full; row++) {
		if (!*PQgetvalue(res, row, PG_COL_FITS)) {
			b->is_full = true;
			break;
		}
		code = row_fields(res, row, &f, e);
		if (code == ERR_OK)
			code = batch_add(b, &f, e);
		if (code != ERR_OK)
			return code;
	}
	/* the server leaves out everything behind a row that large */
	if (b->count && b->bytes >= b->limit.bytes)
		b->is_full = true;
	return ERR_OK;
}
