/* SPDX-License-Identifier: MIT */
#include "source/pg_read.h"

#include <stdio.h>
#include <string.h>

#include "source/pg_trigger.h"

static void call_fill(struct pg_read_call *c, struct pg_read *r, enum pg_stmt stmt)
{
	const struct batch *b = &r->batch;
	size_t bytes = b->limit.bytes > b->bytes ? b->limit.bytes - b->bytes : 1;

	memset(c, 0, sizeof(*c));
	(void)snprintf(c->rows, sizeof(c->rows), "%zu", b->limit.events - b->count);
	(void)snprintf(c->bytes, sizeof(c->bytes), "%zu", bytes);
	(void)snprintf(c->overhead, sizeof(c->overhead), "%zu", batch_overhead(PG_NAME_BYTES));
	c->call = pg_source_call(r->s, stmt);
	c->values[0] = r->pipe->pub->settings->name;
	c->values[2] = c->rows;
	c->values[3] = c->bytes;
	c->values[4] = c->overhead;
	c->call.values = c->values;
	c->call.lengths = c->lengths;
	c->call.formats = c->formats;
	c->call.binary = true;
}

void pg_read_call_head(struct pg_read_call *c, struct pg_read *r)
{
	call_fill(c, r, PG_STMT_READ);
	(void)snprintf(c->cursor, sizeof(c->cursor), "%lld",
		       (long long)(r->from ? r->from - 1 : position_cursor(r->pipe->position)));
	c->values[1] = c->cursor;
	c->call.n = 5;
}

enum err_code pg_read_call_ids(struct pg_read_call *c, struct pg_read *r, enum pg_stmt stmt,
			       struct err *e)
{
	const struct buf *lo = &r->s->params[0], *hi = &r->s->params[1];

	if (buf_error(lo) != ERR_OK || buf_error(hi) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory to read gaps");
	call_fill(c, r, stmt);
	c->values[1] = buf_str(lo);
	c->lengths[1] = (int)lo->len;
	c->formats[1] = 1;
	c->values[5] = buf_str(hi);
	c->lengths[5] = (int)hi->len;
	c->formats[5] = 1;
	c->call.n = 6;
	return ERR_OK;
}
