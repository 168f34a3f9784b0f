/* SPDX-License-Identifier: MIT */
/*
 * One read, all of it with one snapshot:
 *
 *   1. rows above the cursor
 *   2. when there are gaps below the cursor: the rows in them
 *   3. what the gaps gave, then the rows of 1
 *
 * One snapshot, because what a transaction changed becomes visible at once, in gaps and above the
 * cursor: two snapshots could show a later change of a key without the earlier. When the gaps alone
 * fill the batch, the rows of 1 are dropped, unseen.
 *
 * The gaps are asked for in pieces of a bounded number of ids, lowest first, so that one statement
 * sorts a bounded number of rows whatever plan it gets.
 *
 * Who holds the outbox (pg_owners.c) tells which gaps to leave out and which to close. Looking
 * costs more than reading a few small gaps. So narrow gaps are all read each time, and the holders
 * looked at now and then; only wide ones (a transaction stays open for long) make a look at every
 * read pay off. pg_locks is no part of the snapshot: it shows the present.
 *
 * All this rests on ids that rise with every change of a key, and so on a sequence with CACHE 1.
 * With another CACHE the order is in the times: a change's is taken while its transaction holds the
 * row. Then one statement reads above the cursor and the gaps together by time, and no gap is
 * closed, for a session may sit on its ids as long as it lives. That costs a look at every row of
 * the outbox for each read. ALTER SEQUENCE, which install does, waits for every transaction that
 * has drawn an id, and makes the sessions drop those that they have in store. So all rows up to the
 * sequence's value of that moment, which install writes down, come before all behind it: they are
 * read by time first, once after each open, and then the others by id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/pg_array.h"
#include "source/pg_read.h"

#define LOOK_US (50 * CLOCK_US_PER_MS)
#define GAPS_WIDE_COUNT 64
#define GAPS_WIDE_IDS 4096
#define PIECE_GAPS 1000
#define PIECE_ROWS 4096

/* ---- holders ---- */

/* Rows of PG_STMT_OWNERS, in text: virtualtransaction has no other form. */
static ATTR_MUST_CHECK enum err_code keep_holders(struct pg_read *r, const PGresult *res,
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
	pg_inspect_cache(r->pipe, strtoll(PQgetvalue(res, 0, 0), NULL, 10));
	pg_owners_look(&r->pipe->owners, position_cursor(r->pipe->position), holders, n);
	r->pipe->looked_us = pg_source_now(r->s);
	r->has_looked = true;
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

static bool is_look_due(const struct pg_read *r)
{
	return r->is_wide || !r->pipe->looked_us ||
	       pg_source_now(r->s) - r->pipe->looked_us >= LOOK_US;
}

/* ---- gaps ---- */

/* Put the next piece of gaps behind id `after` into the parameters. Returns its last id, 0 when no
 * gap is left. */
static int64_t next_piece(struct pg_read *r, int64_t after)
{
	bool narrow = r->has_looked;
	const struct position_gap *gaps = r->gaps;
	int64_t events = (int64_t)r->batch.limit.events, lo, hi = 0;
	int64_t room = events > PIECE_ROWS ? events : PIECE_ROWS;
	struct position_gap piece[PIECE_GAPS];
	size_t i, count = 0;

	for (i = 0; i < r->gap_count && count < PIECE_GAPS && room > 0; i++) {
		if (gaps[i].hi <= after)
			continue;
		if (narrow && !pg_owners_may_fill(&r->pipe->owners, gaps[i].hi))
			continue;
		lo = gaps[i].lo > after ? gaps[i].lo : after + 1;
		hi = gaps[i].hi;
		piece[count++] = (struct position_gap){.lo = lo, .hi = hi};
		/* no gap gives more rows than one read may return */
		room -= hi - lo < events ? hi - lo + 1 : events;
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

static ATTR_MUST_CHECK enum err_code add_gap_rows(struct pg_read *r, const PGresult *res,
						  struct err *e)
{
	struct batch *b = &r->batch;
	enum err_code code = pg_batch_add(b, res, e);

	if (b->count == b->limit.events)
		b->is_full = true;
	return code;
}

/* The same of all gaps. Where the statement was cut, though rows of merged gaps were outstanding,
 * no later row may be handed on before what is behind the cut: the next read goes on there, as what
 * was seen is no gap any more. */
static ATTR_MUST_CHECK enum err_code add_all_gap_rows(struct pg_read *r, const PGresult *res,
						      struct err *e)
{
	bool is_cut = (size_t)PQntuples(res) == r->batch.limit.events;
	enum err_code code = add_gap_rows(r, res, e);

	r->batch.is_full = r->batch.is_full || is_cut;
	return code;
}

/* Read what the gaps hold, until all are read or the batch is full. */
static ATTR_MUST_CHECK enum err_code read_gaps(struct pg_read *r, struct err *e)
{
	struct batch *b = &r->batch;
	int64_t after = 0, last;
	struct pg_read_call c;
	PGresult *res;
	enum err_code code;
	size_t rows, asked;

	while (!b->is_full && (last = next_piece(r, after)) != 0) {
		asked = b->limit.events - b->count;
		b->last_id = 0;
		code = pg_read_call_ids(&c, r, PG_STMT_READ_GAPS, e);
		if (code == ERR_OK)
			code = pg_source_run(r->s, &c.call, &res, e);
		if (code != ERR_OK)
			return code;
		rows = (size_t)PQntuples(res);
		code = add_gap_rows(r, res, e);
		PQclear(res);
		if (code != ERR_OK)
			return code;
		/* cut by the count though rows were skipped: go on behind the last one */
		after = rows == asked ? b->last_id : last;
	}
	return ERR_OK;
}

static void settle(struct pg_read *r)
{
	int64_t close;

	if (r->batch.is_full || r->pipe->by_time || r->from)
		return;
	close = pg_owners_settle(&r->pipe->owners);
	if (close)
		position_close_gaps(r->pipe->position, close);
}

/* ---- the whole ---- */

/* The gaps as they are now: seeing rows changes position's own. */
static ATTR_MUST_CHECK enum err_code copy_gaps(struct pg_read *r, struct err *e)
{
	const struct position_gap *gaps = position_gaps(r->pipe->position, &r->gap_count);

	while (r->from && r->gap_count && gaps[r->gap_count - 1].lo >= r->from)
		r->gap_count--;
	if (!r->gap_count)
		return ERR_OK;
	r->gaps = mem_alloc(r->gap_count * sizeof(*gaps));
	if (!r->gaps)
		return err_set(e, ERR_NOMEM, "no memory to read gaps");
	memcpy(r->gaps, gaps, r->gap_count * sizeof(*gaps));
	if (r->from && r->gaps[r->gap_count - 1].hi >= r->from)
		r->gaps[r->gap_count - 1].hi = r->from - 1;
	return ERR_OK;
}

enum { CALL_BEGIN, CALL_HEAD, CALL_OWNERS, CALL_GAPS, CALL_COMMIT, CALLS };

struct answer {
	PGresult *head;
	PGresult *owners; /* NULL: not asked */
	PGresult *gaps;   /* NULL: not asked */
};

static void answer_done(struct answer *a)
{
	PQclear(a->head);
	PQclear(a->owners);
	PQclear(a->gaps);
}

/* Beside gaps: begin, the rows above the cursor, perhaps the holders, and when the gaps are few,
 * they and the end, all in one round trip. */
static ATTR_MUST_CHECK enum err_code ask_beside_gaps(struct pg_read *r, struct answer *a,
						     struct err *e)
{
	struct pg_call calls[CALLS] = {
		[CALL_BEGIN] = {.sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}};
	PGresult *results[CALLS] = {NULL};
	bool at_once = !r->is_wide && next_piece(r, 0) == r->gaps[r->gap_count - 1].hi;
	size_t n = CALL_OWNERS, owners_at = 0;
	struct pg_read_call head, gaps;
	char sequence[64];
	const char *values[] = {sequence};
	enum err_code code;

	pg_read_call_head(&head, r);
	calls[CALL_HEAD] = head.call;
	if (r->is_looking) {
		pg_source_sequence(r->pipe, sequence, sizeof(sequence));
		calls[n] = pg_source_call(r->s, PG_STMT_OWNERS);
		calls[n].n = 1;
		calls[n].values = values;
		owners_at = n++;
	}
	if (at_once) {
		code = pg_read_call_ids(&gaps, r, PG_STMT_READ_GAPS, e);
		if (code != ERR_OK)
			return code;
		calls[n++] = gaps.call;
		calls[n++] = (struct pg_call){.sql = "COMMIT"};
	}
	r->in_transaction = true;
	code = pg_conn_pipeline(r->s->conn, calls, n, results, e);
	r->in_transaction = code != ERR_OK || !at_once;
	a->head = results[CALL_HEAD];
	a->owners = owners_at ? results[owners_at] : NULL;
	a->gaps = at_once ? results[n - 2] : NULL;
	return code;
}

static ATTR_MUST_CHECK enum err_code ask(struct pg_read *r, struct answer *a, struct err *e)
{
	struct pg_read_call head;

	if (r->gap_count)
		return ask_beside_gaps(r, a, e);
	pg_read_call_head(&head, r);
	return pg_source_run(r->s, &head.call, &a->head, e);
}

static ATTR_MUST_CHECK enum err_code read_below(struct pg_read *r, const struct answer *a,
						struct err *e)
{
	enum err_code code = ERR_OK;

	if (!r->gap_count)
		return ERR_OK;
	if (a->owners)
		code = keep_holders(r, a->owners, e);
	if (code == ERR_OK)
		code = a->gaps ? add_all_gap_rows(r, a->gaps, e) : read_gaps(r, e);
	if (code == ERR_OK)
		settle(r);
	return code;
}

/* CACHE may have been altered since the last read. */
static void note_cache(const struct pg_read *r, const PGresult *rows)
{
	if (PQntuples(rows) > 0 && !PQgetisnull(rows, 0, PG_COL_CACHE))
		pg_inspect_cache(r->pipe, pg_get_i64(PQgetvalue(rows, 0, PG_COL_CACHE)));
}

/* The rows above the cursor; none when a row in the gaps had no place left. */
static ATTR_MUST_CHECK enum err_code add_head_rows(struct pg_read *r, const PGresult *res,
						   struct err *e)
{
	struct batch *b = &r->batch;
	/* the limit of the statement is the limit of the batch: more may lie behind */
	bool is_cut = (size_t)PQntuples(res) == b->limit.events;
	enum err_code code;

	if (b->is_full || PQntuples(res) == 0)
		return ERR_OK;
	code = pg_batch_add(b, res, e);
	b->is_full = b->is_full || is_cut;
	return code;
}

static ATTR_MUST_CHECK enum err_code read_rows(struct pg_read *r, struct err *e)
{
	struct answer a = {.head = NULL};
	enum err_code code;

	if (!r->from)
		pg_owners_begin(&r->pipe->owners);
	r->is_wide = are_wide(r->gaps, r->gap_count);
	r->is_looking = !r->from && is_look_due(r);
	r->pipe->is_empty = false;
	code = ask(r, &a, e);
	if (code == ERR_OK)
		note_cache(r, a.head);
	if (code != ERR_OK || (r->pipe->by_time && !r->from))
		goto out_answer;
	code = read_below(r, &a, e);
	if (code == ERR_OK)
		code = add_head_rows(r, a.head, e);
	r->pipe->is_empty = !r->from && code == ERR_OK && PQntuples(a.head) == 0 &&
			    !r->batch.is_full && r->batch.count == 0;
out_answer:
	answer_done(&a);
	return code;
}

/* A transaction that cannot be ended is a lost connection to whoever asked. */
static ATTR_MUST_CHECK enum err_code end_transaction(struct pg_read *r, enum err_code code,
						     struct err *e)
{
	struct err own;

	if (!r->in_transaction || code == ERR_UNAVAILABLE)
		return code;
	if (pg_conn_exec(r->s->conn, "COMMIT", &own) == ERR_OK)
		return code;
	return err_set(e, ERR_UNAVAILABLE, "%s", own.msg);
}

/* Everything up to an id that is not yet seen, in the order of time. */
static ATTR_MUST_CHECK enum err_code read_by_time(struct pg_read *r, int64_t upto, struct err *e)
{
	struct buf *lo = &r->s->params[0], *hi = &r->s->params[1];
	const struct position *position = r->pipe->position;
	size_t i, n;
	const struct position_gap *gaps = position_gaps(position, &n);
	struct pg_read_call c;
	PGresult *res;
	enum err_code code;

	buf_reset(lo);
	buf_reset(hi);
	pg_array_begin(lo, PG_OID_INT8, n + 1);
	pg_array_begin(hi, PG_OID_INT8, n + 1);
	for (i = 0; i < n; i++) {
		pg_array_i64(lo, gaps[i].lo);
		pg_array_i64(hi, gaps[i].hi);
	}
	pg_array_i64(lo, position_cursor(position) + 1);
	pg_array_i64(hi, upto);
	code = pg_read_call_ids(&c, r, PG_STMT_READ_BY_TIME, e);
	if (code == ERR_OK)
		code = pg_source_run(r->s, &c.call, &res, e);
	if (code != ERR_OK)
		return code;
	note_cache(r, res);
	code = add_head_rows(r, res, e);
	r->pipe->is_empty = code == ERR_OK && PQntuples(res) == 0;
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code read_backlog(struct pg_read *r, struct err *e)
{
	enum err_code code = read_by_time(r, r->pipe->cached_upto, e);

	if (code != ERR_OK || r->batch.is_full)
		return code;
	r->pipe->is_backlog = false;
	r->batch.is_full = r->batch.count > 0; /* the others come with the next read */
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code read_by_id(struct pg_read *r, struct err *e)
{
	enum err_code code = copy_gaps(r, e);

	if (code == ERR_OK)
		code = read_rows(r, e);
	mem_free(r->gaps);
	return end_transaction(r, code, e);
}

static ATTR_MUST_CHECK enum err_code read_all(struct pg_read *r, struct err *e)
{
	enum err_code code;

	if (r->from)
		return read_by_id(r, e);
	if (r->pipe->stray_count)
		return pg_read_strays(r, e);
	if (r->pipe->is_backlog) {
		code = read_backlog(r, e);
		if (code != ERR_OK || r->batch.is_full)
			return code;
	}
	if (r->pipe->by_time)
		return read_by_time(r, INT64_MAX, e);
	code = read_by_id(r, e);
	if (code == ERR_OK && r->pipe->by_time && r->batch.count == 0)
		code = read_by_time(r, INT64_MAX, e);
	return code;
}

/* A failure behind the first rows: they are seen, so they must be handed on, and the next read
 * fails again or not. Only a lost connection drops them: the next open forgets that they were seen.
 */
static bool is_kept(const struct pg_read *r, enum err_code code)
{
	return r->batch.count && (code == ERR_NOMEM || code == ERR_OK);
}

enum err_code pg_read(struct source *base, uint32_t p, struct source_limit limit,
		      struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct pg_read r = {.s = s, .pipe = &s->pipes[p]};
	enum err_code code;

	code = pg_wake_before_read(s, e);
	if (code != ERR_OK)
		return code;
	r.batch = (struct batch){.position = r.pipe->position,
				 .limit = limit,
				 .out = out,
				 .now_us = pg_source_now(s)};
	code = read_all(&r, e);
	if (code != ERR_OK && !is_kept(&r, code)) {
		batch_drop(&r.batch);
		return code;
	}
	*ret_count = r.batch.count;
	*ret_more = r.batch.is_full || code != ERR_OK;
	pg_wake_after_read(s, r.batch.count > 0 || *ret_more);
	return ERR_OK;
}

enum err_code pg_reread(struct source *base, uint32_t p, struct source_limit limit, int64_t *from,
			struct event **out, size_t *ret_count, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct pg_read r = {.s = s, .pipe = &s->pipes[p], .from = *from};
	enum err_code code;

	r.batch = (struct batch){.position = r.pipe->position,
				 .limit = limit,
				 .out = out,
				 .now_us = pg_source_now(s)};
	code = read_all(&r, e);
	if (code != ERR_OK && !is_kept(&r, code)) {
		batch_drop(&r.batch);
		return code;
	}
	*ret_count = r.batch.count;
	/* behind a large row the server may have left out others: only an empty answer is the end
	 */
	if (r.batch.last_id >= *from)
		*from = r.batch.last_id + 1;
	else if (!r.batch.is_full && code == ERR_OK)
		*from = INT64_MAX;
	return ERR_OK;
}
