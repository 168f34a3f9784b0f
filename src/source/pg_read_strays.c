/* SPDX-License-Identifier: MIT */
/* Reading the rows that pg_inspect.c found below the cursor. */
#include "source/pg_array.h"
#include "source/pg_read.h"

/* Strays up to id are returned, or their rows are gone. */
static void forget_strays(struct pg_read *r, int64_t upto)
{
	const struct batch *b = &r->batch;
	struct pg_pipe *p = r->pipe;
	size_t i, n = 0, at = 0;

	for (; n < p->stray_count && p->strays[n] <= upto; n++) {
		while (at < b->count && b->out[at]->f.id < p->strays[n])
			at++;
		if (at == b->count || b->out[at]->f.id != p->strays[n])
			position_forget(p->position, p->strays[n]);
	}
	for (i = n; i < p->stray_count; i++)
		p->strays[i - n] = p->strays[i];
	p->stray_count -= n;
}

enum err_code pg_read_strays(struct pg_read *r, struct err *e)
{
	struct pg_pipe *p = r->pipe;
	struct pg_read_call c;
	PGresult *res;
	enum err_code code;
	size_t i;
	int j;

	for (j = 0; j < 2; j++) {
		buf_reset(&r->s->params[j]);
		pg_array_begin(&r->s->params[j], PG_OID_INT8, p->stray_count);
		for (i = 0; i < p->stray_count; i++)
			pg_array_i64(&r->s->params[j], p->strays[i]);
	}
	code = pg_read_call_ids(&c, r, PG_STMT_READ_GAPS, e);
	if (code == ERR_OK)
		code = pg_source_run(r->s, &c.call, &res, e);
	if (code != ERR_OK)
		return code;
	r->batch.position = NULL;
	code = pg_batch_add(&r->batch, res, e);
	PQclear(res);
	r->batch.position = p->position;
	if (code == ERR_OK && !r->batch.is_full && r->batch.count < r->batch.limit.events)
		forget_strays(r, INT64_MAX);
	else
		forget_strays(r, r->batch.count ? r->batch.out[r->batch.count - 1]->f.id : 0);
	r->batch.is_full = true; /* what else there is comes with the next read */
	return code;
}
