/* SPDX-License-Identifier: MIT */
/*
 * The table of parked events as the reader sees it: what is in it, and rows of it as events. How
 * rows get in and out: my_ack.c. One table per pipeline, as with the outbox. An installation of
 * before there was one is read as if it were empty, as long as its pipeline does not need it.
 *
 * A read is two statements, as my_read.c does it: seq and size of the rows that are meant, then
 * those of them that fit.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "source/my_source.h"

#define COUNT_EXACT 10000
#define LIST_ROWS 10000 /* of a page, and all that share the last one's hash */
#define DUE_FEW 10000

void my_parked_due(struct buf *sql, int64_t due_wall_us)
{
	if (due_wall_us)
		buf_add_fmt(sql, "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL %lld MICROSECOND",
			    (long long)due_wall_us);
	else
		buf_add_str(sql, "NULL");
}

/* ---- is it there? ---- */

enum err_code my_parked_refuse(const struct my_pipe *p, struct err *e)
{
	if (p->audit)
		return err_set(e, ERR_DB, "rows of an audit table cannot be parked");
	return err_set(e, ERR_NOT_FOUND,
		       "retry_schedule needs table %s, which the version that installed here did "
		       "not have, or which the daemon's user may not use: run app-db-listener "
		       "install",
		       buf_str(&p->parked));
}

static ATTR_MUST_CHECK enum err_code probe(struct my_source *s, struct my_pipe *p, struct err *e)
{
	struct err own;
	enum err_code code;

	p->has_parked = false;
	if (p->audit)
		return ERR_OK;
	buf_reset(&s->sql);
	buf_add_fmt(&s->sql, "SELECT 1 FROM %s LIMIT 1", buf_str(&p->parked));
	code = my_conn_exec_buf(s->conn, &s->sql, NULL, &own);
	p->has_parked = code == ERR_OK;
	if (code == ERR_NOT_FOUND || code == ERR_DENIED)
		return p->pub->parks ? my_parked_refuse(p, e) : ERR_OK;
	return code == ERR_OK ? code : err_set(e, code, "%s", own.msg);
}

enum err_code my_parked_open(struct my_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = probe(s, &s->pipes[i], e);
	return code;
}

/* ---- what there is ---- */

/* The groups of one page; *ret_from: where the next begins. */
static ATTR_MUST_CHECK enum err_code tell_groups(struct my_result *r, parked_list_fn fn, void *ctx,
						 int64_t *ret_from)
{
	struct parked_group g;
	enum err_code code = ERR_OK;

	while (code == ERR_OK && my_result_next(r)) {
		*ret_from = my_result_i64(r, 0, 0);
		g = (struct parked_group){
			.row_hash = {(uint64_t)*ret_from, (uint64_t)my_result_i64(r, 1, 0)},
			.table_hash = (uint64_t)my_result_i64(r, 2, 0),
			.truncate = my_result_i64(r, 3, 0),
			.count = my_result_i64(r, 4, 0),
			.due_wall_us = my_result_i64(r, 5, 0),
		};
		code = fn(ctx, &g);
	}
	return code;
}

/* All rows with one row_hash1 are in the same page, so that a group is never told in two parts. */
static void list_sql(struct buf *sql, const struct my_pipe *p, int64_t from)
{
	const char *table = buf_str(&p->parked);

	buf_reset(sql);
	buf_add_fmt(sql,
		    "SELECT row_hash1, row_hash2, table_hash, operation = 'truncate', COUNT(*), "
		    "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', MIN(due_at)) FROM %s FORCE INDEX "
		    "(by_row1) WHERE row_hash1 >= %lld AND row_hash1 <= COALESCE((SELECT row_hash1 "
		    "FROM %s FORCE INDEX (by_row1) WHERE row_hash1 >= %lld ORDER BY row_hash1 "
		    "LIMIT 1 OFFSET %d), %lld) GROUP BY 1, 2, 3, 4 ORDER BY 1",
		    table, (long long)from, table, (long long)from, LIST_ROWS - 1,
		    (long long)INT64_MAX);
}

enum err_code my_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			     struct err *e)
{
	struct my_source *s = my_source_of(base);
	const struct my_pipe *pipe = &s->pipes[p];
	int64_t from = INT64_MIN;
	enum err_code code = ERR_OK;
	struct my_result *r;
	size_t rows = 1;

	while (pipe->has_parked && code == ERR_OK && rows) {
		list_sql(&s->sql, pipe, from);
		code = my_conn_query_buf(s->conn, &s->sql, &r, e);
		if (code != ERR_OK)
			return code;
		rows = my_result_rows(r);
		code = tell_groups(r, fn, ctx, &from);
		my_result_free(r);
		if (from == INT64_MAX)
			break;
		from++;
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code number(struct my_source *s, int64_t *ret_v, struct err *e)
{
	if (buf_error(&s->sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	return my_conn_number(s->conn, buf_str(&s->sql), 0, ret_v, e);
}

enum err_code my_parked_count(struct my_source *s, const struct my_pipe *p, int64_t *ret_rows,
			      struct err *e)
{
	int64_t rows = 0, span = 0;
	enum err_code code;

	*ret_rows = 0;
	if (!p->has_parked)
		return ERR_OK;
	buf_reset(&s->sql);
	buf_add_fmt(&s->sql, "SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) AS t",
		    buf_str(&p->parked), COUNT_EXACT + 1);
	code = number(s, &rows, e);
	if (code == ERR_OK && rows > COUNT_EXACT) {
		buf_reset(&s->sql);
		buf_add_fmt(&s->sql, "SELECT MAX(seq) - MIN(seq) + 1 FROM %s", buf_str(&p->parked));
		code = number(s, &span, e);
		if (code == ERR_OK && span > rows)
			rows = span;
	}
	if (code == ERR_OK)
		*ret_rows = rows;
	return code;
}

/* ---- which rows ---- */

struct reading {
	struct my_source *s;
	struct my_pipe *pipe;
	const struct parked_select *sel;
	struct batch batch;
	int64_t *seqs; /* those to return, rising */
	size_t count;
	bool is_cut; /* there is more */
};

/* "(SELECT seq, bytes ... )": the first rows behind after_seq that the condition picks; hash: what
 * stands behind it. */
static void add_pick(struct reading *r, const char *index, const char *condition, int64_t value,
		     const char *order, size_t rows)
{
	buf_add_fmt(&r->s->sql, "(SELECT seq, bytes FROM %s FORCE INDEX (%s) WHERE seq > %lld%s",
		    buf_str(&r->pipe->parked), index, (long long)r->sel->after_seq, condition);
	if (condition[0])
		buf_add_i64(&r->s->sql, value);
	buf_add_fmt(&r->s->sql, " ORDER BY %s LIMIT %zu)", order, rows);
}

static void add_hashes(struct reading *r, const char *index, const char *condition, size_t rows)
{
	size_t i;

	for (i = 0; i < r->sel->hash_count; i++) {
		if (r->s->sql.len)
			buf_add_str(&r->s->sql, " UNION ");
		add_pick(r, index, condition, (int64_t)r->sel->hashes[i], "seq", rows);
	}
}

static void pick_sql(struct reading *r, size_t rows)
{
	struct buf *sql = &r->s->sql;

	buf_reset(sql);
	if (r->sel->by == PARKED_ALL) {
		add_pick(r, "PRIMARY", "", 0, "seq", rows);
		return;
	}
	if (r->sel->by == PARKED_BY_TABLE) {
		add_hashes(r, "by_table", " AND table_hash = ", rows);
	} else {
		add_hashes(r, "by_row1", " AND row_hash1 = ", rows);
		add_hashes(r, "by_row2", " AND row_hash2 = ", rows);
	}
	buf_add_fmt(sql, " ORDER BY seq LIMIT %zu", rows);
}

/* Few are due: they can be sorted. Many are: some will be among the first that are looked at in
 * order. */
static void pick_due_sql(struct reading *r, bool few, size_t rows)
{
	struct buf *sql = &r->s->sql;

	buf_reset(sql);
	buf_add_fmt(sql,
		    "SELECT seq, bytes FROM %s FORCE INDEX (%s) WHERE seq > %lld AND due_at <= ",
		    buf_str(&r->pipe->parked), few ? "by_due" : "PRIMARY",
		    (long long)r->sel->after_seq);
	my_parked_due(sql, r->sel->due_wall_us);
	if (few)
		buf_add_fmt(sql, " ORDER BY due_at LIMIT %d", DUE_FEW);
	else
		buf_add_fmt(sql, " ORDER BY seq LIMIT %zu", rows);
}

struct found {
	int64_t seq;
	int64_t bytes;
};

static int by_seq(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Of the found ones, rising, as many as fit. */
static void choose(struct reading *r, const struct found *found, size_t n)
{
	const struct source_limit *limit = &r->batch.limit;
	size_t overhead = batch_overhead(MY_NAME_BYTES), bytes = 0, cost, i;

	for (i = 0; i < n; i++) {
		cost = overhead + (found[i].bytes > 0 ? (size_t)found[i].bytes : 0);
		if (r->count == limit->events ||
		    (r->count && (cost > limit->bytes || bytes > limit->bytes - cost)))
			break;
		bytes += cost;
		r->seqs[r->count++] = found[i].seq;
	}
	r->is_cut = i < n;
}

static ATTR_MUST_CHECK enum err_code keep(struct reading *r, struct my_result *rows, struct err *e)
{
	size_t n = 0, count = my_result_rows(rows);
	struct found *found;

	if (!count)
		return ERR_OK;
	found = mem_alloc(count * sizeof(*found));
	r->seqs = mem_alloc(count * sizeof(*r->seqs));
	if (!found || !r->seqs) {
		mem_free(found);
		return err_set(e, ERR_NOMEM, "no memory to read parked events");
	}
	while (my_result_next(rows))
		found[n++] = (struct found){.seq = my_result_i64(rows, 0, 0),
					    .bytes = my_result_i64(rows, 1, 0)};
	qsort(found, n, sizeof(*found), by_seq);
	choose(r, found, n);
	mem_free(found);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find(struct reading *r, struct err *e)
{
	size_t want = r->batch.limit.events + 1;
	struct my_result *rows;
	enum err_code code;

	if (r->sel->by == PARKED_DUE)
		pick_due_sql(r, true, want);
	else
		pick_sql(r, want);
	code = my_conn_query_buf(r->s->conn, &r->s->sql, &rows, e);
	if (code == ERR_OK && r->sel->by == PARKED_DUE && my_result_rows(rows) == DUE_FEW) {
		my_result_free(rows);
		pick_due_sql(r, false, want);
		code = my_conn_query_buf(r->s->conn, &r->s->sql, &rows, e);
	}
	if (code != ERR_OK)
		return code;
	code = keep(r, rows, e);
	my_result_free(rows);
	return code;
}

/* ---- their texts ---- */

static ATTR_MUST_CHECK enum err_code fetch(struct reading *r, const int64_t *seqs, size_t n,
					   struct err *e)
{
	struct buf *sql = &r->s->sql;
	struct my_result *rows;
	enum err_code code;

	buf_reset(sql);
	buf_add_str(sql, "SELECT ");
	my_events_columns(sql);
	buf_add_fmt(sql,
		    ", seq, TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at), step, attempts FROM "
		    "%s FORCE INDEX (PRIMARY) WHERE ",
		    buf_str(&r->pipe->parked));
	my_ack_ids(sql, "seq", seqs, n);
	buf_add_str(sql, " ORDER BY seq");
	code = my_conn_query_buf(r->s->conn, sql, &rows, e);
	if (code != ERR_OK)
		return code;
	code = my_events_add_parked(&r->batch, rows, e);
	my_result_free(rows);
	return code;
}

static ATTR_MUST_CHECK enum err_code fetch_all(struct reading *r, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t at, n;

	for (at = 0; code == ERR_OK && !r->batch.is_full && at < r->count; at += n) {
		n = r->count - at < MY_IDS_MAX ? r->count - at : MY_IDS_MAX;
		code = fetch(r, r->seqs + at, n, e);
	}
	return code;
}

enum err_code my_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			     struct source_limit limit, struct event **out, size_t *ret_count,
			     bool *ret_more, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct reading r = {.s = s, .pipe = &s->pipes[p], .sel = sel};
	enum err_code code;

	*ret_count = 0;
	*ret_more = false;
	if (!r.pipe->has_parked)
		return ERR_OK;
	r.batch = (struct batch){.limit = limit, .out = out, .now_us = my_source_now(s)};
	code = find(&r, e);
	if (code == ERR_OK)
		code = fetch_all(&r, e);
	mem_free(r.seqs);
	if (code != ERR_OK) {
		batch_drop(&r.batch);
		return code;
	}
	*ret_count = r.batch.count;
	*ret_more = r.is_cut || r.batch.is_full;
	return ERR_OK;
}
