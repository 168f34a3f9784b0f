/* SPDX-License-Identifier: MIT */
/*
 * The table `parked` as the reader sees it: what is in it, and rows of it as events. How rows get
 * in and out: pg_ack.c. An installation of before there was such a table is read as if it were
 * empty, as long as no pipeline needs one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "source/pg_array.h"
#include "source/pg_source.h"
#include "source/pg_trigger.h"

#define ROWS_EXACT 10000

enum { PARKED_ABSENT, PARKED_DENIED, PARKED_USABLE };

static ATTR_MUST_CHECK enum err_code look(struct pg_source *s, int *ret_state, struct err *e)
{
	static const char sql[] =
		"SELECT CASE WHEN t.oid IS NULL THEN 0 WHEN has_table_privilege(t.oid, 'SELECT') "
		"AND has_table_privilege(t.oid, 'INSERT') AND has_table_privilege(t.oid, 'UPDATE') "
		"AND has_table_privilege(t.oid, 'DELETE') THEN 2 ELSE 1 END "
		"FROM (SELECT pg_catalog.to_regclass('" PG_PARKED "') AS oid) AS t";
	PGresult *res;
	enum err_code code = pg_conn_query(s->conn, sql, 0, NULL, false, &res, e);

	if (code != ERR_OK)
		return code;
	*ret_state = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return ERR_OK;
}

enum err_code pg_parked_refuse(enum err_code code, struct err *e)
{
	if (code == ERR_DENIED)
		return err_set(e, code,
			       "retry_schedule needs table " PG_PARKED ", which this role may not "
			       "use: run app-db-listener install, it grants what is missing");
	return err_set(e, ERR_NOT_FOUND,
		       "retry_schedule needs table " PG_PARKED ", which the version that installed "
		       "here did not have: run app-db-listener install");
}

enum err_code pg_parked_open(struct pg_source *s, struct err *e)
{
	int state = PARKED_ABSENT;
	enum err_code code = look(s, &state, e);
	size_t i;

	s->has_parked = state == PARKED_USABLE;
	for (i = 0; code == ERR_OK && !s->has_parked && i < s->env.pipeline_count; i++)
		if (s->env.pipelines[i].parks)
			code = pg_parked_refuse(state == PARKED_ABSENT ? ERR_NOT_FOUND : ERR_DENIED,
						e);
	return code;
}

/* ---- what there is ---- */

static int64_t due_of(const PGresult *res, int row, int column)
{
	return PQgetisnull(res, row, column) ? 0 : pg_get_wall(PQgetvalue(res, row, column));
}

/* The groups of one page; *ret_from: where the next begins. */
static ATTR_MUST_CHECK enum err_code tell_groups(const PGresult *res, parked_list_fn fn, void *ctx,
						 int64_t *ret_from)
{
	int row, rows = PQntuples(res);
	struct parked_group g;
	enum err_code code = ERR_OK;

	for (row = 0; code == ERR_OK && row < rows; row++) {
		*ret_from = pg_get_i64(PQgetvalue(res, row, 0));
		g = (struct parked_group){
			.row_hash = {(uint64_t)*ret_from,
				     (uint64_t)pg_get_i64(PQgetvalue(res, row, 1))},
			.table_hash = (uint64_t)pg_get_i64(PQgetvalue(res, row, 2)),
			.truncate = *PQgetvalue(res, row, 3),
			.count = pg_get_i64(PQgetvalue(res, row, 4)),
			.due_wall_us = due_of(res, row, 5),
		};
		code = fn(ctx, &g);
	}
	return code;
}

enum err_code pg_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			     struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct pg_call call = pg_source_call(s, PG_STMT_PARKED_LIST);
	int64_t from = INT64_MIN;
	char text[24];
	const char *values[] = {s->pipes[p].pub->settings->name, text};
	enum err_code code = ERR_OK;
	PGresult *res;
	int rows = 1;

	call.n = 2;
	call.values = values;
	call.binary = true;
	while (s->has_parked && code == ERR_OK && rows) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)from);
		code = pg_source_run(s, &call, &res, e);
		if (code != ERR_OK)
			return code;
		rows = PQntuples(res);
		code = tell_groups(res, fn, ctx, &from);
		PQclear(res);
		if (from == INT64_MAX)
			break;
		from++;
	}
	return code;
}

enum err_code pg_parked_count(struct pg_source *s, int64_t *ret_rows, struct err *e)
{
	struct pg_call call = pg_source_call(s, PG_STMT_PARKED_ROWS);
	int64_t rows, estimate;
	PGresult *res;
	enum err_code code;

	*ret_rows = 0;
	if (!s->has_parked)
		return ERR_OK;
	code = pg_source_run(s, &call, &res, e);
	if (code != ERR_OK)
		return code;
	rows = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	estimate = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
	*ret_rows = rows > ROWS_EXACT && estimate > rows ? estimate : rows;
	PQclear(res);
	return ERR_OK;
}

/* ---- events ---- */

#define READ_PARAMS 6

struct reading {
	struct pg_call call;
	const char *values[READ_PARAMS];
	int lengths[READ_PARAMS];
	int formats[READ_PARAMS];
	char after[24], rows[24], bytes[24], overhead[24];
	struct buf *last; /* hashes or a time, in binary */
};

/* The sixth parameter. Errors: ERR_NOMEM. */
static ATTR_MUST_CHECK enum err_code fill_select(struct reading *r, const struct parked_select *sel,
						 struct err *e)
{
	size_t i;

	buf_reset(r->last);
	if (sel->by == PARKED_DUE) {
		pg_put_wall(r->last, sel->due_wall_us);
	} else {
		pg_array_begin(r->last, PG_OID_INT8, sel->hash_count);
		for (i = 0; i < sel->hash_count; i++)
			pg_array_i64(r->last, (int64_t)sel->hashes[i]);
	}
	if (buf_error(r->last) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory to read parked events");
	r->values[5] = buf_str(r->last);
	r->lengths[5] = (int)r->last->len;
	r->formats[5] = 1;
	r->call.n = 6;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code fill(struct reading *r, const struct pg_pipe *pipe,
					  const struct parked_select *sel,
					  const struct source_limit *limit, struct err *e)
{
	(void)snprintf(r->after, sizeof(r->after), "%lld", (long long)sel->after_seq);
	(void)snprintf(r->rows, sizeof(r->rows), "%zu", limit->events + 1);
	(void)snprintf(r->bytes, sizeof(r->bytes), "%zu", limit->bytes);
	(void)snprintf(r->overhead, sizeof(r->overhead), "%zu", batch_overhead(PG_NAME_BYTES));
	r->values[0] = pipe->pub->settings->name;
	r->values[1] = r->after;
	r->values[2] = r->rows;
	r->values[3] = r->bytes;
	r->values[4] = r->overhead;
	r->call.n = 5;
	r->call.values = r->values;
	r->call.lengths = r->lengths;
	r->call.formats = r->formats;
	r->call.binary = true;
	return sel->by == PARKED_ALL ? ERR_OK : fill_select(r, sel, e);
}

enum err_code pg_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			     struct source_limit limit, struct event **out, size_t *ret_count,
			     bool *ret_more, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct batch b = {.limit = limit, .out = out, .now_us = pg_source_now(s)};
	struct reading r = {.last = &s->params[0]};
	PGresult *res;
	enum err_code code;

	*ret_count = 0;
	*ret_more = false;
	if (!s->has_parked)
		return ERR_OK;
	r.call = pg_source_call(s, (enum pg_stmt)(PG_STMT_PARKED_BY_ROW + (int)sel->by));
	code = fill(&r, &s->pipes[p], sel, &limit, e);
	if (code == ERR_OK)
		code = pg_source_run(s, &r.call, &res, e);
	if (code != ERR_OK)
		return code;
	code = pg_batch_add(&b, res, e);
	*ret_more = b.count < (size_t)PQntuples(res);
	PQclear(res);
	if (code != ERR_OK) {
		batch_drop(&b);
		return code;
	}
	*ret_count = b.count;
	return ERR_OK;
}
