/* SPDX-License-Identifier: MIT */
/*
 * Drift, and the safety net under the gap rule: the oldest rows of the outbox are compared with
 * what we know. A row below the cursor that is neither outstanding nor in a gap was never read: an
 * id from a session that still had some of a CACHE, a sequence set back, rows restored by hand. It
 * is a stray, and the next read returns it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/pg_array.h"
#include "source/pg_source.h"

#define OLDEST_ROWS "2000"
#define DEAD_LETTERS_EXACT 10000
#define TABLES_NAMED 3

void pg_inspect_cache(struct pg_pipe *p, int64_t cache)
{
	struct position_stats st = position_stats(p->position);

	p->cache = cache;
	if (cache > 1 && !p->by_time) {
		p->by_time = true;
		pg_owners_reset(&p->owners);
	} else if (cache <= 1 && p->by_time && p->is_empty && st.outstanding == 0) {
		p->by_time = false;
	}
}

static void warn(struct source_status *st, const char *text)
{
	size_t len = strlen(st->warning);

	(void)snprintf(st->warning + len, sizeof(st->warning) - len, "%s%s", len ? "; " : "", text);
}

static ATTR_MUST_CHECK enum err_code run_by_pipeline(struct pg_source *s, enum pg_stmt stmt,
						     const char *first, const char *second,
						     bool binary, PGresult **ret_res, struct err *e)
{
	struct pg_call call = pg_source_call(s, stmt);
	const char *values[] = {first, second};

	call.n = second ? 2 : 1;
	call.values = values;
	call.binary = binary;
	return pg_source_run(s, &call, ret_res, e);
}

/* ---- drift ---- */

/* "tables a.b has lost its triggers, a.c is gone or renamed, a.d ... and 4 more" */
static ATTR_MUST_CHECK enum err_code inspect_tables(struct pg_source *s, const struct pg_pipe *p,
						    struct source_status *st, struct err *e)
{
	char text[TABLES_NAMED * 160 + 64];
	PGresult *res;
	enum err_code code;
	size_t len;
	int i, n;

	code = run_by_pipeline(s, PG_STMT_TABLES, p->pub->settings->name, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	n = PQntuples(res);
	len = (size_t)snprintf(text, sizeof(text), n == 1 ? "table" : "tables");
	for (i = 0; i < n && i < TABLES_NAMED; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %.127s %s",
					i ? "," : "", PQgetvalue(res, i, 0), PQgetvalue(res, i, 1));
	if (n > TABLES_NAMED)
		(void)snprintf(text + len, sizeof(text) - len, " and %d more", n - TABLES_NAMED);
	if (n > 0)
		warn(st, text);
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code inspect_sequence(struct pg_source *s, struct pg_pipe *p,
						      struct source_status *st, struct err *e)
{
	char sequence[64], text[160];
	PGresult *res;
	enum err_code code;

	pg_source_sequence(p, sequence, sizeof(sequence));
	code = run_by_pipeline(s, PG_STMT_OWNERS, sequence, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	pg_inspect_cache(p, strtoll(PQgetvalue(res, 0, 0), NULL, 10));
	PQclear(res);
	if (p->cache == 0)
		(void)snprintf(text, sizeof(text),
			       "sequence %s is gone: run app-db-listener install", sequence);
	else if (p->by_time)
		(void)snprintf(text, sizeof(text),
			       "sequence %s has or had CACHE %lld: order is uncertain until it has "
			       "CACHE 1 and the outbox was empty",
			       sequence, (long long)p->cache);
	else
		return ERR_OK;
	warn(st, text);
	return ERR_OK;
}

/* ---- figures ---- */

static int64_t cell_i64(const PGresult *res, int col)
{
	return PQgetisnull(res, 0, col) ? -1 : strtoll(PQgetvalue(res, 0, col), NULL, 10);
}

static ATTR_MUST_CHECK enum err_code inspect_outbox(struct pg_source *s, struct source_status *st,
						    struct err *e)
{
	struct pg_call call = pg_source_call(s, PG_STMT_OUTBOX);
	PGresult *res;
	enum err_code code;
	int64_t estimate;

	code = pg_source_run(s, &call, &res, e);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) == 1) {
		st->outbox_rows = cell_i64(res, 0);
		st->dead_rows = cell_i64(res, 1);
		st->dead_letters = cell_i64(res, 2);
		estimate = cell_i64(res, 3);
		if (st->dead_letters > DEAD_LETTERS_EXACT && estimate > st->dead_letters)
			st->dead_letters = estimate;
	}
	PQclear(res);
	return ERR_OK;
}

/* Those of the rows, rising by id, that position knows nothing of become strays. */
static ATTR_MUST_CHECK enum err_code find_strays(struct pg_pipe *p, const PGresult *res,
						 struct err *e)
{
	int64_t id, cursor = position_cursor(p->position);
	int row, rows = PQntuples(res);
	enum err_code code;
	bool is_new;

	for (row = 0; row < rows && p->stray_count < PG_STRAYS_MAX; row++) {
		id = pg_get_i64(PQgetvalue(res, row, 0));
		if (id > cursor || position_is_left(p->position, id))
			break;
		code = position_see(p->position, id, &is_new, e);
		if (code != ERR_OK)
			return code;
		if (is_new)
			p->strays[p->stray_count++] = id;
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code inspect_backlog(struct pg_source *s, struct pg_pipe *p,
						     struct err *e)
{
	enum err_code code;
	PGresult *res;

	code = run_by_pipeline(s, PG_STMT_BACKLOG, p->pub->settings->name, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	p->pub->outbox_rows = PQntuples(res) == 1 ? cell_i64(res, 0) : -1;
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code inspect_oldest(struct pg_source *s, struct pg_pipe *p,
						    struct source_status *st, struct err *e)
{
	enum err_code code;
	PGresult *res;
	int64_t wall_us;

	code = run_by_pipeline(s, PG_STMT_OLDEST, p->pub->settings->name, OLDEST_ROWS, true, &res,
			       e);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) > 0) {
		wall_us = pg_get_wall(PQgetvalue(res, 0, 1));
		if (!st->oldest_wall_us || wall_us < st->oldest_wall_us)
			st->oldest_wall_us = wall_us;
	}
	/* by time no gap is closed, so nothing strays; and ids would be the wrong order */
	if (!p->stray_count && !p->by_time && !p->is_backlog)
		code = find_strays(p, res, e);
	PQclear(res);
	return code;
}

/* ---- the whole ---- */

enum err_code pg_inspect(struct source *base, struct source_status *ret_status, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	struct source_status st = s->status;
	enum err_code code = ERR_OK;
	size_t i;

	st.warning[0] = '\0';
	st.oldest_wall_us = st.gaps = st.late = 0;
	if (s->pooled)
		warn(&st, "connected through a pooler: polling, and a second daemon is not held "
			  "off");
	code = inspect_outbox(s, &st, e);
	if (code == ERR_OK)
		code = pg_parked_count(s, &st.parked, e);
	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++) {
		struct pg_pipe *p = &s->pipes[i];
		struct position_stats pos = position_stats(p->position);

		st.gaps += (int64_t)pos.gaps;
		st.late += pos.late;
		/* first: rows of another installation must not become strays of this one */
		code = pg_source_check_install(s, p, e);
		if (code == ERR_OK)
			code = inspect_sequence(s, p, &st, e);
		if (code == ERR_OK)
			code = inspect_tables(s, p, &st, e);
		if (code == ERR_OK)
			code = inspect_backlog(s, p, e);
		if (code == ERR_OK)
			code = inspect_oldest(s, p, &st, e);
	}
	if (code != ERR_OK)
		return code;
	s->status = st;
	*ret_status = st;
	return ERR_OK;
}
