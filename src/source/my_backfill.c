/* SPDX-License-Identifier: MIT */
/*
 * One page: look which keys there are, without locks; lock those rows, and read what a trigger
 * would make of them; insert that.
 *
 * We never wait for anything while rows are locked, so that no deadlock can have a writer in it:
 * SKIP LOCKED leaves out what somebody has (before MariaDB 10.6 NOWAIT fails the statement, and the
 * page is done again with half the rows), the job's row is locked before any other, and the rows
 * are inserted as VALUES. INSERT ... SELECT would take the outbox's AUTO-INC lock to the end of the
 * statement (MySQL manual, "AUTO_INCREMENT Handling in InnoDB", lock mode 1), and a writer that
 * had it before us may be waiting for one of our rows.
 *
 * Under READ COMMITTED there are no gap locks: inserts go on. A row that came, or came to be meant,
 * between the look and the lock is left alone: whoever did that was captured.
 */
#include "source/my_backfill.h"

#include <string.h>

#include "base/mem.h"
#include "config/field.h"
#include "source/my_plan.h"
#include "source/my_rows_out.h"
#include "source/my_source.h"

/* Columns and keys are looked up so often: a table may be altered while it is read. Rows that the
 * old key told apart are found by it for that long too. */
#define PLAN_US CLOCK_US_PER_S
/* Rows of a locking read that the look did not have. */
#define LIMIT_SPARE 16

/* What is known of a job between two pages. */
struct my_job {
	struct my_plan *plan;
	int64_t id;
	int64_t until_us; /* the plan is good */
	int64_t packet;   /* max_allowed_packet */
};

struct entry {
	char *key;
	int64_t bytes;
	bool is_meant; /* by the filter */
};

struct paging {
	struct my_source *s;
	const struct my_pipe *pipe;
	const struct backfill_page *page;
	struct my_backfill_row row;
	struct my_plan *plan;
	struct string_list skipped; /* at the end of the page */
	struct entry *entries;      /* of the last look */
	size_t found, count;        /* all of them, and those that fit in this page */
	char *cursor;               /* where it ends; NULL: where it began */
	int64_t rows;               /* to look at, still */
	bool is_stopped;            /* no more skipped keys could be remembered */
	bool is_locking;            /* rows were asked for */
	bool lock_nothing;          /* all rows are known to be locked: it is one */
	struct buf condition;       /* which rows the last look was about */
	struct my_rows_out out;
	struct backfill_result r;
};

/* ---- the plan ---- */

void my_job_free(struct my_job *j)
{
	if (!j)
		return;
	my_plan_free(j->plan);
	mem_free(j);
}

static ATTR_MUST_CHECK enum err_code make_plan(struct paging *g, struct my_job *j, struct err *e)
{
	static const struct string_list all;
	struct my_plan_request want = {
		.source = g->s->env.settings,
		.pipeline = g->pipe->pub->settings,
		.schema = g->row.schema,
		.table = g->row.table,
		.columns = &all,
		.where = g->row.where.s,
		.never_skips = g->s->never_skips,
	};
	struct string_list columns = {.count = 0};
	enum err_code code = ERR_OK;

	my_plan_free(j->plan);
	j->plan = NULL;
	if (g->row.columns.s) {
		code = backfill_list_read(g->row.columns, &columns, e);
		want.columns = &columns;
	}
	if (code == ERR_OK)
		code = my_conn_number(g->s->conn, "SELECT @@max_allowed_packet", 1024, &j->packet,
				      e);
	if (code == ERR_OK)
		code = my_plan_new(g->s->conn, &want, &j->plan, e);
	string_list_done(&columns);
	return code;
}

static ATTR_MUST_CHECK enum err_code find_plan(struct paging *g, struct err *e)
{
	struct my_job *j = g->s->job;
	int64_t now = my_source_now(g->s);
	enum err_code code = ERR_OK;

	if (!j)
		j = g->s->job = mem_calloc(1, sizeof(*j));
	if (!j)
		return err_set(e, ERR_NOMEM, "no memory for a backfill");
	if (!j->plan || j->id != g->page->job || now >= j->until_us) {
		code = make_plan(g, j, e);
		j->id = g->page->job;
		j->until_us = now + PLAN_US;
	}
	g->plan = j->plan;
	if (code != ERR_OK)
		return code;
	g->out.conn = g->s->conn;
	g->out.outbox = buf_str(&g->pipe->relation);
	g->out.schema = g->row.schema;
	g->out.table = g->row.table;
	g->out.cap = my_plan_cap(j->plan);
	g->out.packet = j->packet;
	return ERR_OK;
}

/* ---- which rows ---- */

static void forget_entries(struct paging *g)
{
	while (g->found)
		mem_free(g->entries[--g->found].key);
	mem_free(g->entries);
	g->entries = NULL;
	g->count = 0;
}

static ATTR_MUST_CHECK enum err_code keep_entries(struct paging *g, struct my_result *r,
						  struct err *e)
{
	size_t n = my_result_rows(r);

	forget_entries(g);
	if (!n)
		return ERR_OK;
	g->entries = mem_calloc(n, sizeof(*g->entries));
	if (!g->entries)
		return err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
	while (my_result_next(r)) {
		struct entry *at = &g->entries[g->found];

		at->key = mem_strdup(my_result_str(r, 0));
		if (!at->key)
			return err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
		at->bytes = my_result_i64(r, 1, -1);
		at->is_meant = at->bytes >= 0;
		g->found++;
	}
	return ERR_OK;
}

static void add_condition(const struct paging *g, struct buf *sql)
{
	buf_add_text(sql, buf_text(&g->condition));
	if (buf_error(&g->condition) != ERR_OK)
		sql->error = buf_error(&g->condition);
}

/* The rows that g->condition is about: at most limit, and as many bytes as the page has left. */
static ATTR_MUST_CHECK enum err_code look(struct paging *g, int64_t limit, struct err *e)
{
	struct buf *sql = &g->s->sql;
	struct my_result *r = NULL;
	int64_t bytes = g->out.bytes;
	enum err_code code;

	buf_reset(sql);
	my_plan_look(g->plan, sql);
	add_condition(g, sql);
	buf_add_str(sql, " ORDER BY ");
	my_walk_order(sql, my_plan_walk(g->plan));
	buf_add_fmt(sql, " LIMIT %lld", (long long)limit);
	code = my_conn_query_buf(g->s->conn, sql, &r, e);
	if (code == ERR_OK)
		code = keep_entries(g, r, e);
	my_result_free(r);
	if (code != ERR_OK)
		return code;
	for (; g->count < g->found && bytes < g->page->bytes; g->count++)
		if (g->entries[g->count].is_meant)
			bytes += g->entries[g->count].bytes;
	return ERR_OK;
}

/* ---- locking ---- */

/* The rows of g->condition up to the last of the entries, locked; *ret_r is the caller's. */
static ATTR_MUST_CHECK enum err_code lock_rows(struct paging *g, struct my_result **ret_r,
					       struct err *e)
{
	struct buf *sql = &g->s->sql;
	const struct my_walk *walk = my_plan_walk(g->plan);
	enum err_code code;

	buf_reset(sql);
	my_plan_read(g->plan, sql);
	add_condition(g, sql);
	buf_add_str(sql, " AND ");
	code = my_walk_upto(sql, walk, g->entries[g->count - 1].key, e);
	my_plan_filter(g->plan, sql);
	buf_add_str(sql, " ORDER BY ");
	my_walk_order(sql, walk);
	buf_add_fmt(sql, " LIMIT %zu", 2 * g->count + LIMIT_SPARE);
	my_plan_lock(g->plan, sql);
	g->is_locking = true;
	return code == ERR_OK ? my_conn_query_buf(g->s->conn, sql, ret_r, e) : code;
}

static ATTR_MUST_CHECK enum err_code skip(struct paging *g, const char *key, struct err *e)
{
	if (g->skipped.count >= BACKFILL_SKIPPED_MAX) {
		g->is_stopped = true;
		return ERR_OK;
	}
	return string_list_add(&g->skipped, text_of(key)) == ERR_OK
		       ? ERR_OK
		       : err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
}

/* Entries from *at up to the one with this key are done: those that are meant and were not locked
 * by us are skipped. key NULL: to the end. False in *ret_found: none of them has the key, and *at
 * stays. */
static ATTR_MUST_CHECK enum err_code pass(struct paging *g, size_t *at, const char *key,
					  bool *ret_found, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t end = *at;

	while (end < g->count && (!key || strcmp(g->entries[end].key, key) != 0))
		end++;
	*ret_found = key && end < g->count;
	if (key && !*ret_found)
		return ERR_OK;
	for (; code == ERR_OK && *at < end; ++*at) {
		if (g->entries[*at].is_meant)
			code = skip(g, g->entries[*at].key, e);
		if (g->is_stopped)
			return ERR_OK;
	}
	return code;
}

/* Lock the rows of the entries and put them into the outbox; *ret_done: so many entries are done,
 * the others are as if they had not been looked at. */
static ATTR_MUST_CHECK enum err_code take_entries(struct paging *g, size_t *ret_done, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = ERR_OK;
	bool found;
	size_t at = 0;

	*ret_done = 0;
	if (!g->count)
		return ERR_OK;
	if (!g->lock_nothing)
		code = lock_rows(g, &r, e);
	while (code == ERR_OK && r && !g->is_stopped && my_result_next(r)) {
		code = pass(g, &at, my_result_str(r, 0), &found, e);
		if (code != ERR_OK || !found || g->is_stopped)
			continue;
		code = my_rows_out_add(&g->out, my_result_text(r, 1), my_result_text(r, 2), e);
		at++;
	}
	if (code == ERR_OK && !g->is_stopped)
		code = pass(g, &at, NULL, &found, e);
	my_result_free(r);
	*ret_done = at;
	return code;
}

/* ---- what was skipped before ---- */

static ATTR_MUST_CHECK enum err_code
add_conditions(struct paging *g, const struct string_list *keys, size_t n, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	buf_reset(&g->condition);
	buf_add_char(&g->condition, '(');
	for (i = 0; code == ERR_OK && i < n; i++) {
		buf_add_str(&g->condition, i ? " OR " : "");
		code = my_walk_is(&g->condition, my_plan_walk(g->plan), keys->items[i], e);
	}
	buf_add_char(&g->condition, ')');
	return code;
}

/* Those that are not looked at now stand in front of those that are locked still. */
static ATTR_MUST_CHECK enum err_code ask_again(struct paging *g, struct err *e)
{
	struct string_list keys = {.count = 0};
	enum err_code code = ERR_OK;
	size_t n, done, i;

	if (g->row.skipped.s)
		code = backfill_list_read(g->row.skipped, &keys, e);
	n = !g->page->again ? 0 : keys.count;
	if ((int64_t)n > g->rows)
		n = (size_t)g->rows;
	for (i = n; code == ERR_OK && i < keys.count; i++)
		code = skip(g, keys.items[i], e);
	if (code == ERR_OK && n) {
		code = add_conditions(g, &keys, n, e);
		if (code == ERR_OK)
			code = look(g, (int64_t)n, e);
		if (code == ERR_OK)
			code = take_entries(g, &done, e);
		for (i = g->count; code == ERR_OK && i < g->found; i++)
			code = skip(g, g->entries[i].key, e);
		g->rows -= (int64_t)n;
	}
	string_list_done(&keys);
	return code;
}

/* ---- the walk ---- */

static ATTR_MUST_CHECK enum err_code walk_on(struct paging *g, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t done = 0;

	g->r.at_end = !g->row.end.s;
	if (g->r.at_end || g->rows <= 0 || g->out.bytes >= g->page->bytes)
		return ERR_OK;
	buf_reset(&g->condition);
	if (g->row.cursor.s) {
		code = my_walk_above(&g->condition, my_plan_walk(g->plan), g->row.cursor.s, e);
		buf_add_str(&g->condition, " AND ");
	}
	if (code == ERR_OK)
		code = my_walk_upto(&g->condition, my_plan_walk(g->plan), g->row.end.s, e);
	if (code == ERR_OK)
		code = look(g, g->rows, e);
	if (code == ERR_OK)
		code = take_entries(g, &done, e);
	if (code != ERR_OK)
		return code;
	g->r.at_end = (int64_t)g->found < g->rows && done == g->found;
	if (!done)
		return ERR_OK;
	g->cursor = mem_strdup(g->entries[done - 1].key);
	return g->cursor ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for a page of a backfill");
}

static ATTR_MUST_CHECK enum err_code write_down(struct paging *g, struct err *e)
{
	struct backfill_progress *p = &g->r.progress;
	const char *before = g->row.cursor.s ? g->row.cursor.s : "";

	*p = g->row.progress;
	g->r.rows = g->out.rows;
	g->r.bytes = g->out.bytes;
	p->rows_done += g->r.rows;
	p->skipped = (int64_t)g->skipped.count;
	p->updated_wall_us = clock_wall_us(g->s->env.clock);
	if (g->r.at_end && !g->skipped.count)
		p->state = BACKFILL_DONE;
	return my_backfill_put(g->s->conn, p, g->cursor ? g->cursor : before, &g->skipped, e);
}

static ATTR_MUST_CHECK enum err_code do_page(struct my_conn *c, void *ctx, struct err *e)
{
	struct paging *g = ctx;
	struct my_result *r = NULL;
	enum err_code code = my_backfill_find(c, g->page->job, true, &r, &g->row, e);

	if (code != ERR_OK)
		return code;
	g->r.progress = g->row.progress;
	if (g->row.progress.state == BACKFILL_RUNNING) {
		code = find_plan(g, e);
		if (code == ERR_OK)
			code = ask_again(g, e);
		if (code == ERR_OK)
			code = walk_on(g, e);
		if (code == ERR_OK)
			code = my_rows_out_flush(&g->out, e);
		if (code == ERR_OK)
			code = write_down(g, e);
	}
	my_result_free(r);
	return code;
}

static void paging_done(struct paging *g)
{
	forget_entries(g);
	string_list_done(&g->skipped);
	mem_free(g->cursor);
	buf_done(&g->condition);
	my_rows_out_done(&g->out);
}

/* Another try, with a new plan or with fewer rows, after what the first one ended with? */
static bool is_worth_another(struct paging *g, bool was_planned, enum err_code code)
{
	bool passes = code == ERR_UNAVAILABLE || code == ERR_NOMEM || code == ERR_TIMEOUT ||
		      code == ERR_BUSY;

	if (code == ERR_TIMEOUT && g->is_locking && !my_plan_skips(g->plan) && !g->lock_nothing)
		return true;
	if (g->s->job)
		g->s->job->until_us = 0;
	return !passes && was_planned;
}

enum err_code my_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e)
{
	struct my_source *s = my_source_of(base);
	int64_t rows = page->rows;
	bool lock_nothing = false, again, was_planned;
	enum err_code code;

	do {
		struct paging g = {.s = s, .pipe = &s->pipes[p], .page = page, .rows = rows};

		g.lock_nothing = lock_nothing;
		buf_init(&g.condition, MY_SQL_MAX_BYTES);
		my_rows_out_init(&g.out);
		was_planned = s->job && s->job->plan && my_source_now(s) < s->job->until_us;
		code = my_conn_transaction(s->conn, do_page, &g, e);
		again = code != ERR_OK && is_worth_another(&g, was_planned, code);
		lock_nothing = again && code == ERR_TIMEOUT && rows == 1;
		if (code == ERR_TIMEOUT && rows > 1)
			rows /= 2;
		if (code == ERR_OK)
			*ret = g.r;
		paging_done(&g);
	} while (again);
	return code;
}
