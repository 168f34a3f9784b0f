/* SPDX-License-Identifier: MIT */
/*
 * One read:
 *
 *   1. one statement gives id and size of the rows in the gaps below the cursor and of those above
 *      it: one statement of READ COMMITTED is one view of the database, so everything visible with
 *      a lower id of the same key is in it
 *   2. what is outstanding is left out, the rest is cut by number and bytes
 *   3. where ids are missing among them another statement looks whether they are still missing: if
 *      not, the read ends in front of the first that came
 *   4. further statements fetch exactly these rows; they are visible and never change
 *
 * The third is for MariaDB: from 10.3 on it collects the open transactions of a view one by one
 * without a lock, so a view may be without a transaction that ended meanwhile and with one that
 * began to wait for its row later and ended too: the second change of a row without the first. What
 * had ended before a statement ended is in every view that begins after it.
 *
 * The gaps come first, then the rows above the cursor, each with a limit of its own: with one limit
 * for both, the outstanding rows that merged gaps span would have to be allowed for above the
 * cursor too. When the first part reaches its limit it holds a whole batch, and what the second
 * part gave stays unseen.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "source/my_source.h"

struct found {
	int64_t id;
	int64_t bytes;
};

struct my_reading {
	struct my_source *s;
	struct my_pipe *pipe;
	struct batch batch;
	struct found *found;
	size_t found_count;
	int64_t *ids; /* those to return, rising */
	size_t id_count;
	size_t gap_limit;
	size_t head_limit;
	int64_t from;     /* rows from this id on are read again; 0: those above the cursor */
	int64_t next;     /* of a reread: all below was looked at */
	int64_t complete; /* every visible row up to here is among ids */
	bool is_cut;      /* there is more */
};

/* Ids are cheap to find, and a read that gives none has to be made again. */
#define AGAIN_SPARE 256

/* ---- which rows ---- */

/* The first id that is not below. */
static int64_t head_of(const struct my_reading *r)
{
	return r->from ? r->from : position_cursor(r->pipe->position) + 1;
}

/* How many outstanding rows the gaps may span. */
static size_t spanned(const struct my_reading *r, const struct position_gap *gaps, size_t n)
{
	size_t outstanding = position_stats(r->pipe->position).outstanding;
	int64_t ids = 0;
	size_t i;

	for (i = 0; i < n; i++)
		ids += gaps[i].hi - gaps[i].lo + 1;
	return (uint64_t)ids < outstanding ? (size_t)ids : outstanding;
}

/* The gaps below the head. */
static const struct position_gap *gaps_below(const struct my_reading *r, size_t *ret_n)
{
	const struct position_gap *gaps = position_gaps(r->pipe->position, ret_n);

	while (*ret_n && gaps[*ret_n - 1].lo >= head_of(r))
		(*ret_n)--;
	return gaps;
}

/* A reread leaves them to the next read: they are in no order to anything. */
static size_t strays_of(const struct my_reading *r)
{
	return r->from ? 0 : r->pipe->stray_count;
}

static void add_gap_ranges(const struct my_reading *r, struct buf *sql)
{
	const struct my_pipe *p = r->pipe;
	size_t i, n;
	const struct position_gap *gaps = gaps_below(r, &n);
	const char * or = "";
	int64_t head = head_of(r);

	for (i = 0; i < n; i++, or = " OR ") {
		buf_add_str(sql, or);
		buf_add_str(sql, "id BETWEEN ");
		buf_add_i64(sql, gaps[i].lo);
		buf_add_str(sql, " AND ");
		buf_add_i64(sql, gaps[i].hi < head ? gaps[i].hi : head - 1);
	}
	if (strays_of(r)) {
		buf_add_str(sql, or);
		my_ack_ids(sql, "id", p->strays, p->stray_count);
	}
}

static void add_gaps(struct my_reading *r, struct buf *sql)
{
	const struct my_pipe *p = r->pipe;
	size_t n;
	const struct position_gap *gaps = gaps_below(r, &n);

	if (!n && !strays_of(r))
		return;
	r->gap_limit = r->batch.limit.events + spanned(r, gaps, n) + strays_of(r);
	buf_add_fmt(sql, "(SELECT id, %s FROM %s WHERE (", p->bytes, buf_str(&p->from));
	add_gap_ranges(r, sql);
	buf_add_fmt(sql, ")%s ORDER BY id LIMIT %zu) UNION ALL ", p->filter, r->gap_limit);
}

static void add_head(struct my_reading *r, struct buf *sql)
{
	const struct my_pipe *p = r->pipe;
	int64_t head = head_of(r);

	r->head_limit = r->batch.limit.events;
	if (r->from)
		r->head_limit += AGAIN_SPARE; /* outstanding ones between them */
	else if (head <= p->held_upto)
		r->head_limit += position_stats(p->position).outstanding;
	buf_add_fmt(sql, "(SELECT id, %s FROM %s WHERE id >= %lld%s ORDER BY id LIMIT %zu)",
		    p->bytes, buf_str(&p->from), (long long)head, p->filter, r->head_limit);
}

static int by_id(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The rows of the statement, rising; nothing promises that the parts come one after the other. */
static ATTR_MUST_CHECK enum err_code keep_found(struct my_reading *r, struct my_result *rows,
						struct err *e)
{
	int64_t head = head_of(r);
	size_t below = 0, count = my_result_rows(rows);
	bool is_rising = true;

	if (!count)
		return ERR_OK;
	r->found = mem_alloc(count * sizeof(*r->found));
	if (!r->found)
		return err_set(e, ERR_NOMEM, "no memory to read");
	while (my_result_next(rows)) {
		struct found f = {.id = my_result_i64(rows, 0, 0),
				  .bytes = my_result_i64(rows, 1, 0)};

		is_rising =
			is_rising && (!r->found_count || r->found[r->found_count - 1].id < f.id);
		below += f.id < head;
		r->found[r->found_count++] = f;
	}
	if (!is_rising)
		qsort(r->found, r->found_count, sizeof(*r->found), by_id);
	r->is_cut = count - below == r->head_limit;
	if (r->is_cut)
		r->next = r->found[r->found_count - 1].id + 1;
	if (r->gap_limit && below == r->gap_limit) {
		r->found_count = below;
		r->is_cut = true;
		r->complete = 0;
		r->next = r->from;
	}
	return ERR_OK;
}

/* From this row on nothing is returned. */
static void cut_before(struct my_reading *r, int64_t id)
{
	r->is_cut = true;
	if (r->complete >= id)
		r->complete = id - 1;
	if (r->next > id)
		r->next = id > r->from ? id : r->from;
}

/* Of the found ones those that are new, until they are enough. */
static ATTR_MUST_CHECK enum err_code choose(struct my_reading *r, struct err *e)
{
	const struct source_limit *limit = &r->batch.limit;
	size_t overhead = batch_overhead(MY_NAME_BYTES), bytes = 0, cost, i;

	if (!r->found_count)
		return ERR_OK;
	r->ids = mem_alloc(r->found_count * sizeof(*r->ids));
	if (!r->ids)
		return err_set(e, ERR_NOMEM, "no memory to read");
	for (i = 0; i < r->found_count; i++) {
		const struct found *f = &r->found[i];

		if (f->id <= 0 || position_is_outstanding(r->pipe->position, f->id))
			continue;
		cost = overhead + (f->bytes > 0 ? (size_t)f->bytes : 0);
		if (r->id_count == limit->events ||
		    (r->id_count && (cost > limit->bytes || bytes > limit->bytes - cost))) {
			cut_before(r, f->id);
			break;
		}
		bytes += cost;
		r->ids[r->id_count++] = f->id;
	}
	return ERR_OK;
}

/* ---- is it all there? ---- */

/* The first id of the statement that is neither among ids nor outstanding; 0: there is none. */
static int64_t first_missed(const struct my_reading *r, struct my_result *rows)
{
	int64_t id;
	size_t at = 0;

	while (my_result_next(rows)) {
		id = my_result_i64(rows, 0, 0);
		while (at < r->id_count && r->ids[at] < id)
			at++;
		if (id > 0 && (at == r->id_count || r->ids[at] != id) &&
		    !position_is_outstanding(r->pipe->position, id))
			return id;
	}
	return 0;
}

static void end_before(struct my_reading *r, int64_t id)
{
	while (r->id_count && r->ids[r->id_count - 1] > id)
		r->id_count--;
	cut_before(r, id);
}

static ATTR_MUST_CHECK enum err_code look_again(struct my_reading *r, struct err *e)
{
	const struct my_pipe *p = r->pipe;
	struct buf *sql = &r->s->sql;
	int64_t head = head_of(r), last;
	struct my_result *rows;
	enum err_code code;
	size_t n;

	if (!r->id_count)
		return ERR_OK;
	last = r->ids[r->id_count - 1];
	(void)gaps_below(r, &n);
	if (!n && !strays_of(r) && last - head + 1 == (int64_t)r->id_count)
		return ERR_OK; /* nothing is missing */
	buf_reset(sql);
	buf_add_fmt(sql, "SELECT id FROM %s WHERE (", buf_str(&p->from));
	add_gap_ranges(r, sql);
	buf_add_fmt(sql, "%sid BETWEEN %lld AND %lld)%s AND id <= %lld ORDER BY id LIMIT %zu",
		    n || strays_of(r) ? " OR " : "", (long long)head, (long long)last, p->filter,
		    (long long)last, r->id_count + position_stats(p->position).outstanding + 1);
	code = my_conn_query_buf(r->s->conn, sql, &rows, e);
	if (code != ERR_OK)
		return code;
	last = first_missed(r, rows);
	my_result_free(rows);
	if (last)
		end_before(r, last);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find(struct my_reading *r, struct err *e)
{
	struct buf *sql = &r->s->sql;
	struct my_result *rows;
	enum err_code code;

	buf_reset(sql);
	add_gaps(r, sql);
	add_head(r, sql);
	code = my_conn_query_buf(r->s->conn, sql, &rows, e);
	if (code != ERR_OK)
		return code;
	code = keep_found(r, rows, e);
	my_result_free(rows);
	if (code == ERR_OK)
		code = choose(r, e);
	return code == ERR_OK ? look_again(r, e) : code;
}

/* ---- their texts ---- */

/* Nearly all ids of a range: naming the range is shorter. What committed since the first statement
 * may come along; it is left out, as its place may be behind others. */
static bool is_dense(const int64_t *ids, size_t n)
{
	return (uint64_t)(ids[n - 1] - ids[0]) < n + n / 8 + 8;
}

static ATTR_MUST_CHECK enum err_code fetch(struct my_reading *r, const int64_t *ids, size_t n,
					   struct err *e)
{
	struct buf *sql = &r->s->sql;
	struct my_pipe *p = r->pipe;
	struct my_result *rows;
	enum err_code code;

	buf_reset(sql);
	buf_add_str(sql, "SELECT ");
	if (p->audit)
		my_audit_columns(p, sql);
	else
		my_events_columns(sql);
	buf_add_fmt(sql, " FROM %s FORCE INDEX (PRIMARY) WHERE ", buf_str(&p->relation));
	if (is_dense(ids, n))
		buf_add_fmt(sql, "id BETWEEN %lld AND %lld", (long long)ids[0],
			    (long long)ids[n - 1]);
	else
		my_ack_ids(sql, "id", ids, n);
	buf_add_str(sql, " ORDER BY id");
	code = my_conn_query_buf(r->s->conn, sql, &rows, e);
	if (code != ERR_OK)
		return code;
	if (p->audit)
		code = my_audit_add(p, &r->batch, rows, ids, n, e);
	else
		code = my_events_add(&r->batch, rows, ids, n, e);
	my_result_free(rows);
	return code;
}

static ATTR_MUST_CHECK enum err_code fetch_all(struct my_reading *r, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t at, n;

	for (at = 0; code == ERR_OK && !r->batch.is_full && at < r->id_count; at += n) {
		n = r->id_count - at < MY_IDS_MAX ? r->id_count - at : MY_IDS_MAX;
		code = fetch(r, r->ids + at, n, e);
	}
	return code;
}

/* ---- the whole ---- */

/* A failure behind the first rows: they are seen, so they must be handed on, and the next read
 * fails again or not. Only a lost connection drops them: the next open forgets that they were seen.
 */
static bool is_kept(const struct my_reading *r, enum err_code code)
{
	return r->batch.count && (code == ERR_NOMEM || code == ERR_OK);
}

/* What cannot come any more is no gap. */
static void close_gaps(struct my_reading *r)
{
	struct my_owners *o = &r->pipe->owners;

	if (r->from || !o->closable || r->complete < o->closable || r->batch.is_full)
		return;
	position_close_gaps(r->pipe->position, o->closable);
	o->closable = 0;
}

static ATTR_MUST_CHECK enum err_code read_all(struct my_reading *r, struct err *e)
{
	enum err_code code = my_owners_look(r->s, e);
	bool more = false;

	if (code == ERR_OK)
		code = find(r, e);
	if (code == ERR_NOT_FOUND && !r->pipe->audit)
		return err_prefix(e, "the installation is damaged: run app-db-listener install");
	if (code == ERR_OK)
		code = fetch_all(r, e);
	if (code == ERR_OK)
		close_gaps(r);
	if (code == ERR_OK && r->pipe->audit)
		code = my_audit_after(r->s, r->pipe, &more, e);
	r->is_cut = r->is_cut || more;
	return code;
}

/* Would another read find rows at once? */
static bool has_more(const struct my_reading *r, enum err_code code)
{
	if (r->pipe->audit && my_audit_is_stuck(r->pipe->audit))
		return false;
	return r->is_cut || r->batch.is_full || code != ERR_OK;
}

enum err_code my_read(struct source *base, uint32_t p, struct source_limit limit,
		      struct event **out, size_t *ret_count, bool *ret_more, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct my_reading r = {.s = s, .pipe = &s->pipes[p], .complete = INT64_MAX};
	enum err_code code;

	r.batch = (struct batch){.position = r.pipe->position,
				 .limit = limit,
				 .out = out,
				 .now_us = my_source_now(s)};
	code = read_all(&r, e);
	if (code == ERR_OK && !r.is_cut)
		r.pipe->stray_count = 0;
	mem_free(r.found);
	mem_free(r.ids);
	if (code != ERR_OK && !is_kept(&r, code)) {
		batch_drop(&r.batch);
		return code;
	}
	*ret_count = r.batch.count;
	*ret_more = has_more(&r, code);
	poll_looked(&s->poll, r.batch.count > 0 || *ret_more);
	return ERR_OK;
}

enum err_code my_reread(struct source *base, uint32_t p, struct source_limit limit, int64_t *from,
			struct event **out, size_t *ret_count, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct my_reading r = {.s = s, .pipe = &s->pipes[p], .from = *from, .next = INT64_MAX};
	enum err_code code;

	r.batch = (struct batch){.position = r.pipe->position,
				 .limit = limit,
				 .out = out,
				 .now_us = my_source_now(s)};
	code = find(&r, e);
	if (code == ERR_OK)
		code = fetch_all(&r, e);
	mem_free(r.found);
	mem_free(r.ids);
	if (code != ERR_OK && !is_kept(&r, code)) {
		batch_drop(&r.batch);
		return code;
	}
	*ret_count = r.batch.count;
	if (r.batch.is_full || code != ERR_OK)
		r.next = r.batch.last_id + 1;
	if (r.next > *from)
		*from = r.next;
	return ERR_OK;
}
