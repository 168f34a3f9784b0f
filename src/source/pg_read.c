/* SPDX-License-Identifier: MIT */
/*
 * One read:
 *
 *   1. rows above the cursor (nothing is seen yet)
 *   2. when there are gaps below the cursor: who holds the outbox (pg_owners.c), then the gaps
 *   3. what the gaps gave, then the rows of 1
 *
 * 2 must come after 1: when a row of 1 changes a key, an older change of that key that committed
 * late was visible before it, and so is visible to the later statement. When the gaps alone fill
 * the batch, the rows of 1 are dropped, unseen. Ids missing within 1 need no such care: their
 * transactions were open when 1 began, and so are later than all that 1 shows of their keys.
 *
 * The gaps are asked for in pieces of a bounded number of ids, lowest first, so that one statement
 * sorts a bounded number of rows whatever plan it gets.
 *
 * Looking at the holders costs more than reading a few small gaps. So narrow gaps are all read each
 * time and the holders looked at now and then; only wide ones (a transaction stays open for long)
 * make a look at every read pay off.
 *
 * All this rests on ids that rise with every change of a key, and so on a sequence with CACHE 1.
 * With another CACHE the order is in the times: a change's is taken while its transaction holds the
 * row. Then one statement, of one snapshot, reads above the cursor and the gaps together by time,
 * and no gap is closed, for a session may sit on its ids as long as it lives. That costs a look at
 * every row of the outbox for each read. ALTER SEQUENCE, which install does, makes the sessions
 * drop the ids that they have in store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

#define LOOK_US (50 * CLOCK_US_PER_MS)
#define GAPS_WIDE_COUNT 64
#define GAPS_WIDE_IDS 4096
#define PIECE_GAPS 1000

struct read {
	struct pg_source *s;
	struct pg_pipe *pipe;
	struct pg_batch batch;
	struct source_limit limit;
	bool looked;
};

/* ---- statements ---- */

/* Parameters 3 to 5 of both reading statements, as text. */
struct read_params {
	char rows[24];
	char bytes[24];
	char overhead[24];
};

static void read_params_fill(struct read_params *t, size_t rows, size_t bytes)
{
	(void)snprintf(t->rows, sizeof(t->rows), "%zu", rows);
	(void)snprintf(t->bytes, sizeof(t->bytes), "%zu", bytes);
	(void)snprintf(t->overhead, sizeof(t->overhead), "%zu", pg_batch_overhead());
}

/* Before the rows are used: CACHE may have been altered since the last read. */
static void note_cache(struct read *r, const PGresult *rows)
{
	if (PQntuples(rows) > 0 && !PQgetisnull(rows, 0, PG_COL_CACHE))
		pg_inspect_cache(r->pipe, pg_get_i64(PQgetvalue(rows, 0, PG_COL_CACHE)));
}

static ATTR_MUST_CHECK enum err_code query_head(struct read *r, PGresult **ret_res, struct err *e)
{
	struct pg_call call = pg_source_call(r->s, PG_STMT_READ);
	struct read_params t;
	char cursor[24];
	const char *values[] = {r->pipe->pub->settings->name, cursor, t.rows, t.bytes, t.overhead};
	enum err_code code;

	read_params_fill(&t, r->limit.events, r->limit.bytes);
	(void)snprintf(cursor, sizeof(cursor), "%lld",
		       (long long)position_cursor(r->pipe->position));
	call.n = ARRAY_LEN(values);
	call.values = values;
	call.binary = true;
	code = pg_source_run(r->s, &call, ret_res, e);
	if (code == ERR_OK)
		note_cache(r, *ret_res);
	return code;
}

/* The rows whose ids lie in the n gaps in s->params, within what the batch has left. */
static ATTR_MUST_CHECK enum err_code query_gaps(struct read *r, enum pg_stmt stmt,
						PGresult **ret_res, struct err *e)
{
	struct pg_call call = pg_source_call(r->s, stmt);
	const struct buf *lo = &r->s->params[0], *hi = &r->s->params[1];
	struct read_params t;
	const char *values[] = {r->pipe->pub->settings->name,
				buf_str(lo),
				t.rows,
				t.bytes,
				t.overhead,
				buf_str(hi)};
	const int lengths[] = {0, (int)lo->len, 0, 0, 0, (int)hi->len};
	const int formats[] = {0, 1, 0, 0, 0, 1};
	const struct pg_batch *b = &r->batch;

	if (buf_error(lo) != ERR_OK || buf_error(hi) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory to read gaps");
	read_params_fill(&t, b->limit.events - b->count,
			 b->limit.bytes > b->bytes ? b->limit.bytes - b->bytes : 1);
	call.n = ARRAY_LEN(values);
	call.values = values;
	call.lengths = lengths;
	call.formats = formats;
	call.binary = true;
	return pg_source_run(r->s, &call, ret_res, e);
}

/* ---- holders ---- */

static ATTR_MUST_CHECK enum err_code keep_holders(struct pg_pipe *p, const PGresult *res,
						  struct err *e)
{
	int row, rows = PQntuples(res);
	pg_owner *holders;
	size_t n = 0;

	holders = mem_calloc((size_t)rows, sizeof(*holders));
	if (!holders)
		return err_set(e, ERR_NOMEM, "no memory for lock holders");
	for (row = 0; row < rows; row++)
		if (!PQgetisnull(res, row, 1) &&
		    pg_owner_parse(PQgetvalue(res, row, 1), &holders[n]))
			n++;
	pg_owners_look(&p->owners, holders, n);
	mem_free(p->holders);
	p->holders = holders;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code look(struct read *r, struct err *e)
{
	struct pg_call call = pg_source_call(r->s, PG_STMT_OWNERS);
	char sequence[64];
	const char *values[] = {sequence};
	PGresult *res;
	enum err_code code;

	pg_source_sequence(r->pipe, sequence, sizeof(sequence));
	call.n = 1;
	call.values = values;
	code = pg_source_run(r->s, &call, &res, e);
	if (code != ERR_OK)
		return code;
	/* text: virtualtransaction has no other form */
	pg_inspect_cache(r->pipe, strtoll(PQgetvalue(res, 0, 0), NULL, 10));
	code = keep_holders(r->pipe, res, e);
	PQclear(res);
	if (code != ERR_OK)
		return code;
	r->looked = true;
	r->pipe->looked_us = pg_source_now(r->s);
	return ERR_OK;
}

static bool are_wide(const struct position_gap *gaps, size_t n)
{
	int64_t ids = 0;
	size_t i;

	if (n > GAPS_WIDE_COUNT)
		return true;
	for (i = 0; i < n; i++)
		ids += gaps[i].hi - gaps[i].lo + 1;
	return ids > GAPS_WIDE_IDS;
}

static bool is_look_due(struct read *r, const struct position_gap *gaps, size_t n)
{
	if (!r->pipe->looked_us || pg_source_now(r->s) - r->pipe->looked_us >= LOOK_US)
		return true;
	return are_wide(gaps, n);
}

/* ---- gaps ---- */

/* Put the next piece of gaps behind id `after` into the parameters. Returns its last id, 0 when no
 * gap is left. */
static int64_t next_piece(struct read *r, const struct position_gap *gaps, size_t n, int64_t after)
{
	bool narrow = r->looked;
	int64_t room = (int64_t)r->limit.events * 4, lo, hi = 0;
	struct position_gap piece[PIECE_GAPS];
	size_t i, count = 0;

	for (i = 0; i < n && count < PIECE_GAPS && room > 0; i++) {
		if (gaps[i].hi <= after)
			continue;
		if (narrow && !pg_owners_may_fill(&r->pipe->owners, gaps[i].hi))
			continue;
		lo = gaps[i].lo > after ? gaps[i].lo : after + 1;
		hi = gaps[i].hi;
		piece[count++] = (struct position_gap){.lo = lo, .hi = hi};
		/* no gap gives more rows than one read may return */
		room -= hi - lo < (int64_t)r->limit.events ? hi - lo + 1 : (int64_t)r->limit.events;
	}
	buf_reset(&r->s->params[0]);
	buf_reset(&r->s->params[1]);
	pg_array_begin(&r->s->params[0], PG_OID_INT8, count);
	pg_array_begin(&r->s->params[1], PG_OID_INT8, count);
	for (i = 0; i < count; i++) {
		pg_array_i64(&r->s->params[0], piece[i].lo);
		pg_array_i64(&r->s->params[1], piece[i].hi);
	}
	return hi;
}

/* Read what the gaps hold, until all are read or the batch is full. */
static ATTR_MUST_CHECK enum err_code read_gaps(struct read *r, const struct position_gap *gaps,
					       size_t n, struct err *e)
{
	struct pg_batch *b = &r->batch;
	int64_t after = 0, last;
	PGresult *res;
	enum err_code code;
	size_t rows, asked;

	while (!b->is_full && (last = next_piece(r, gaps, n, after)) != 0) {
		asked = b->limit.events - b->count;
		b->last_id = 0;
		code = query_gaps(r, PG_STMT_READ_GAPS, &res, e);
		if (code != ERR_OK)
			return code;
		rows = (size_t)PQntuples(res);
		code = pg_batch_add(b, res, e);
		PQclear(res);
		if (code != ERR_OK)
			return code;
		if (b->count == b->limit.events)
			b->is_full = true;
		/* cut by the count though rows were skipped: go on behind the last one */
		after = rows == asked ? b->last_id : last;
	}
	return ERR_OK;
}

/* The gaps as they are now: seeing rows changes position's own. */
static struct position_gap *copy_gaps(const struct pg_pipe *p, size_t *ret_count)
{
	const struct position_gap *gaps = position_gaps(p->position, ret_count);
	struct position_gap *copy = mem_alloc(*ret_count * sizeof(*copy));

	if (copy && *ret_count)
		memcpy(copy, gaps, *ret_count * sizeof(*copy));
	return copy;
}

static ATTR_MUST_CHECK enum err_code read_below(struct read *r, struct err *e)
{
	int64_t cursor = position_cursor(r->pipe->position), close;
	struct position_gap *gaps;
	enum err_code code = ERR_OK;
	size_t n;

	(void)position_gaps(r->pipe->position, &n);
	if (n == 0)
		return ERR_OK;
	gaps = copy_gaps(r->pipe, &n);
	if (!gaps)
		return err_set(e, ERR_NOMEM, "no memory to read gaps");
	if (is_look_due(r, gaps, n))
		code = look(r, e);
	if (code == ERR_OK)
		code = read_gaps(r, gaps, n, e);
	mem_free(gaps);
	if (code != ERR_OK || !r->looked || r->batch.is_full)
		return code;
	close = pg_owners_settle(&r->pipe->owners, cursor);
	if (close)
		position_close_gaps(r->pipe->position, close);
	return ERR_OK;
}

/* ---- strays: see pg_inspect.c ---- */

/* Strays up to id are returned, or their rows are gone. */
static void forget_strays(struct read *r, int64_t upto)
{
	const struct pg_batch *b = &r->batch;
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

static ATTR_MUST_CHECK enum err_code read_strays(struct read *r, struct err *e)
{
	struct pg_pipe *p = r->pipe;
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
	code = query_gaps(r, PG_STMT_READ_GAPS, &res, e);
	if (code != ERR_OK)
		return code;
	r->batch.are_strays = true;
	code = pg_batch_add(&r->batch, res, e);
	PQclear(res);
	r->batch.are_strays = false;
	if (code == ERR_OK && !r->batch.is_full && r->batch.count < r->limit.events)
		forget_strays(r, INT64_MAX);
	else
		forget_strays(r, r->batch.count ? r->batch.out[r->batch.count - 1]->f.id : 0);
	r->batch.is_full = true; /* what else there is comes with the next read */
	return code;
}

/* ---- the whole ---- */

/* Everything that is not yet seen, in the order of time. */
static ATTR_MUST_CHECK enum err_code query_by_time(struct read *r, PGresult **ret_res,
						   struct err *e)
{
	struct buf *lo = &r->s->params[0], *hi = &r->s->params[1];
	const struct position *position = r->pipe->position;
	size_t i, n;
	const struct position_gap *gaps = position_gaps(position, &n);

	buf_reset(lo);
	buf_reset(hi);
	pg_array_begin(lo, PG_OID_INT8, n + 1);
	pg_array_begin(hi, PG_OID_INT8, n + 1);
	for (i = 0; i < n; i++) {
		pg_array_i64(lo, gaps[i].lo);
		pg_array_i64(hi, gaps[i].hi);
	}
	pg_array_i64(lo, position_cursor(position) + 1);
	pg_array_i64(hi, INT64_MAX);
	return query_gaps(r, PG_STMT_READ_BY_TIME, ret_res, e);
}

static ATTR_MUST_CHECK enum err_code read_all(struct read *r, struct err *e)
{
	PGresult *head = NULL;
	enum err_code code = ERR_OK;
	bool any;

	if (r->pipe->stray_count)
		return read_strays(r, e);
	if (!r->pipe->by_time)
		code = query_head(r, &head, e);
	if (code == ERR_OK && r->pipe->by_time) {
		PQclear(head);
		head = NULL;
		code = query_by_time(r, &head, e);
	} else if (code == ERR_OK) {
		code = read_below(r, e);
	}
	any = code == ERR_OK && PQntuples(head) > 0;
	if (any && !r->batch.is_full) {
		/* the limit of the statement is the limit of the batch: more may lie behind */
		bool is_cut = (size_t)PQntuples(head) == r->limit.events;

		code = pg_batch_add(&r->batch, head, e);
		r->batch.is_full = r->batch.is_full || is_cut;
	}
	r->pipe->is_empty = code == ERR_OK && !any && !r->batch.is_full && r->batch.count == 0;
	PQclear(head);
	return code;
}

/* A failure behind the first rows: they are seen, so they must be handed on, and the next read
 * fails again or not. Only a lost connection drops them: the next open forgets that they were seen.
 */
static bool is_kept(const struct read *r, enum err_code code)
{
	return r->batch.count && (code == ERR_NOMEM || code == ERR_OK);
}

enum err_code pg_read(struct source *base, uint32_t p, struct source_limit limit,
		      struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct read r = {.s = s, .pipe = &s->pipes[p], .limit = limit};
	enum err_code code;

	code = pg_wake_before_read(s, e);
	if (code != ERR_OK)
		return code;
	r.batch = (struct pg_batch){
		.pipe = r.pipe, .limit = limit, .out = out, .now_us = pg_source_now(s)};
	code = read_all(&r, e);
	if (code != ERR_OK && !is_kept(&r, code)) {
		while (r.batch.count)
			event_free(out[--r.batch.count]);
		return code;
	}
	*ret_count = r.batch.count;
	*ret_more = r.batch.is_full || code != ERR_OK;
	pg_wake_after_read(s, r.batch.count > 0 || *ret_more);
	return ERR_OK;
}
