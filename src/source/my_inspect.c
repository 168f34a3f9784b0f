/* SPDX-License-Identifier: MIT */
/*
 * Drift, and the safety net under the gap rule: the oldest rows of the outbox are compared with
 * what we know. A row below the cursor that is neither outstanding nor in a gap was never read: an
 * AUTO_INCREMENT set back, rows restored by hand. It is a stray, and the next read asks for it.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_source.h"

#define OLDEST_ROWS 2000
#define COUNT_EXACT 10000
#define NAMES_MAX 3

static void warn(struct source_status *st, const char *text)
{
	size_t len = strlen(st->warning);

	(void)snprintf(st->warning + len, sizeof(st->warning) - len, "%s%s", len ? "; " : "", text);
}

/* Figures may fail for want of time or rights; the connection and memory may not. */
static bool is_fatal(enum err_code code)
{
	return code == ERR_UNAVAILABLE || code == ERR_NOMEM;
}

/* ---- drift ---- */

/* One problem of a table; beyond the first few they are only counted. */
struct drift {
	char text[300];
	size_t count;
};

static void add_drift(struct drift *d, const struct my_result *captured, const char *problem)
{
	size_t len = strlen(d->text);

	if (d->count++ >= NAMES_MAX)
		return;
	(void)snprintf(d->text + len, sizeof(d->text) - len, "%s%.40s.%.40s %s", len ? ", " : "",
		       my_result_str(captured, 0), my_result_str(captured, 1), problem);
}

/* How many of the table's triggers are there? Asked by name of schema and table, as the server
 * would otherwise open every table that it has (MariaDB documentation, "Information Schema",
 * optimizing queries). */
static ATTR_MUST_CHECK enum err_code
count_triggers(struct my_source *s, const struct my_result *captured, int64_t *ret_n, struct err *e)
{
	struct my_result *r;
	enum err_code code;

	buf_reset(&s->sql);
	buf_add_str(&s->sql, "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE "
			     "EVENT_OBJECT_SCHEMA = ");
	my_quote_literal(&s->sql, my_result_text(captured, 0));
	buf_add_str(&s->sql, " AND EVENT_OBJECT_TABLE = ");
	my_quote_literal(&s->sql, my_result_text(captured, 1));
	buf_add_str(&s->sql, " AND FIND_IN_SET(CONVERT(TRIGGER_NAME USING utf8mb4), ");
	my_quote_literal(&s->sql, my_result_text(captured, 2));
	buf_add_str(&s->sql, ")");
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code != ERR_OK)
		return code;
	*ret_n = my_result_next(r) ? my_result_i64(r, 0, 0) : 0;
	my_result_free(r);
	return ERR_OK;
}

static int64_t names_in(struct text list)
{
	int64_t n = list.len > 0;
	size_t i;

	for (i = 0; i < list.len; i++)
		n += list.s[i] == ',';
	return n;
}

static ATTR_MUST_CHECK enum err_code look_for_drift(struct my_source *s, struct my_result *captured,
						    struct drift *d, struct err *e)
{
	enum err_code code = ERR_OK;
	int64_t n;

	while (code == ERR_OK && my_result_next(captured)) {
		code = count_triggers(s, captured, &n, e);
		if (code == ERR_OK && n < names_in(my_result_text(captured, 2)))
			add_drift(d, captured, n ? "lacks a trigger" : "has lost its triggers");
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code ask_captured(struct my_source *s, struct my_result **ret_r,
						  struct err *e)
{
	size_t i;

	buf_reset(&s->sql);
	buf_add_str(&s->sql, "SELECT schema_name, table_name, trigger_names FROM " MY_CAPTURED
			     " WHERE pipeline IN (");
	for (i = 0; i < s->env.pipeline_count; i++) {
		if (i)
			buf_add_char(&s->sql, ',');
		my_quote_literal(&s->sql, text_of(s->env.pipelines[i].settings->name));
	}
	buf_add_str(&s->sql, ") ORDER BY schema_name, table_name");
	return my_conn_query_buf(s->conn, &s->sql, ret_r, e);
}

static ATTR_MUST_CHECK enum err_code inspect_tables(struct my_source *s, struct source_status *st,
						    struct err *e)
{
	struct drift d = {.text = ""};
	struct my_result *captured;
	char text[400];
	struct err own;
	enum err_code code = ask_captured(s, &captured, &own);

	if (code == ERR_OK) {
		code = look_for_drift(s, captured, &d, &own);
		my_result_free(captured);
	}
	if (is_fatal(code))
		return err_set(e, code, "%s", own.msg);
	if (code != ERR_OK)
		(void)snprintf(text, sizeof(text), "drift cannot be looked for: %.200s", own.msg);
	else if (d.count > NAMES_MAX)
		(void)snprintf(text, sizeof(text), "%s and %zu more", d.text, d.count - NAMES_MAX);
	else
		(void)snprintf(text, sizeof(text), "%s", d.text);
	if (text[0])
		warn(st, text);
	return ERR_OK;
}

/* ---- figures ---- */

/* The first cell of the statement in s->sql; absent when it could not be had. */
static ATTR_MUST_CHECK enum err_code figure(struct my_source *s, int64_t absent, int64_t *ret_v,
					    struct err *e)
{
	struct my_result *r;
	enum err_code code = my_conn_query_buf(s->conn, &s->sql, &r, e);

	*ret_v = absent;
	if (code != ERR_OK)
		return is_fatal(code) ? code : ERR_OK;
	if (my_result_next(r))
		*ret_v = my_result_i64(r, 0, absent);
	my_result_free(r);
	return ERR_OK;
}

/* Exact up to COUNT_EXACT; beyond that what the ids span, as far as they are not gone. */
static ATTR_MUST_CHECK enum err_code count_rows(struct my_source *s, const struct my_pipe *p,
						struct source_status *st, struct err *e)
{
	enum err_code code;
	int64_t n, span;

	buf_reset(&s->sql);
	buf_add_fmt(&s->sql, "SELECT COUNT(*) FROM (SELECT 1 FROM %s LIMIT %d) AS t",
		    buf_str(&p->relation), COUNT_EXACT + 1);
	code = figure(s, -1, &n, e);
	if (code == ERR_OK && n > COUNT_EXACT) {
		buf_reset(&s->sql);
		buf_add_fmt(&s->sql, "SELECT MAX(id) - MIN(id) + 1 FROM %s", buf_str(&p->relation));
		code = figure(s, n, &span, e);
		n = span > n ? span : n;
	}
	if (code == ERR_OK && n >= 0)
		st->outbox_rows = (st->outbox_rows > 0 ? st->outbox_rows : 0) + n;
	return code;
}

static ATTR_MUST_CHECK enum err_code count_letters(struct my_source *s, struct source_status *st,
						   struct err *e)
{
	buf_reset(&s->sql);
	buf_add_str(&s->sql, "SELECT COUNT(*) FROM " MY_DEAD_LETTER);
	return figure(s, -1, &st->dead_letters, e);
}

/* Ids of the rows, rising, that position knows nothing of become strays. */
static void find_strays(struct my_pipe *p, struct my_result *r)
{
	int64_t id;

	p->stray_count = 0;
	while (p->stray_count < MY_STRAYS_MAX && my_result_next(r)) {
		id = my_result_i64(r, 0, 0);
		if (!position_is_outstanding(p->position, id) &&
		    !position_is_missing(p->position, id))
			p->strays[p->stray_count++] = id;
	}
}

static ATTR_MUST_CHECK enum err_code inspect_oldest(struct my_source *s, struct my_pipe *p,
						    struct source_status *st, struct err *e)
{
	struct my_result *r;
	enum err_code code;
	int64_t wall_us;

	buf_reset(&s->sql);
	buf_add_fmt(&s->sql,
		    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', changed_at) FROM %s ORDER BY "
		    "id LIMIT 1",
		    buf_str(&p->relation));
	code = figure(s, 0, &wall_us, e);
	if (code != ERR_OK)
		return code;
	if (wall_us && (!st->oldest_wall_us || wall_us < st->oldest_wall_us))
		st->oldest_wall_us = wall_us;
	buf_reset(&s->sql);
	buf_add_fmt(&s->sql, "SELECT id FROM %s ORDER BY id LIMIT %d", buf_str(&p->relation),
		    OLDEST_ROWS);
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code != ERR_OK)
		return is_fatal(code) ? code : ERR_OK;
	find_strays(p, r);
	my_result_free(r);
	return ERR_OK;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code inspect_pipe(struct my_source *s, struct my_pipe *p,
						  struct source_status *st, struct err *e)
{
	struct position_stats pos = position_stats(p->position);
	/* first: rows of another installation must not become strays of this one */
	enum err_code code = my_source_check_install(s, p, e);

	st->gaps += (int64_t)pos.gaps;
	st->late += pos.late;
	if (code == ERR_OK)
		code = count_rows(s, p, st, e);
	if (code == ERR_OK)
		code = inspect_oldest(s, p, st, e);
	return code;
}

enum err_code my_inspect(struct source *base, struct source_status *ret_status, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct source_status st = s->status;
	enum err_code code = ERR_OK;
	size_t i;

	st.warning[0] = '\0';
	st.oldest_wall_us = st.gaps = st.late = 0;
	st.outbox_rows = -1;
	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = inspect_pipe(s, &s->pipes[i], &st, e);
	if (code == ERR_OK)
		code = count_letters(s, &st, e);
	if (code == ERR_OK)
		code = inspect_tables(s, &st, e);
	if (code != ERR_OK)
		return code;
	s->status = st;
	*ret_status = st;
	return ERR_OK;
}
