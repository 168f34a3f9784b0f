/* SPDX-License-Identifier: MIT */
/*
 * Drift, and the safety net under the gap rule: the oldest rows of the outbox are compared with
 * what we know. A row below the cursor that is neither outstanding nor in a gap was never read: an
 * AUTO_INCREMENT set back, rows restored by hand. It is a stray, and the next read asks for it.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_drift.h"
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

static ATTR_MUST_CHECK enum err_code look_for_drift(struct my_source *s, struct my_result *captured,
						    struct drift *d, struct err *e)
{
	enum err_code code = ERR_OK;
	const char *problem;

	while (code == ERR_OK && my_result_next(captured)) {
		struct my_captured c = {
			.schema = my_result_str(captured, 0),
			.table = my_result_str(captured, 1),
			.fingerprint = my_result_str(captured, 2),
			.trigger_names = my_result_str(captured, 3),
		};

		code = my_drift_look(s->conn, &c, &problem, e);
		if (code == ERR_OK && problem)
			add_drift(d, captured, problem);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code ask_captured(struct my_source *s, struct my_result **ret_r,
						  struct err *e)
{
	size_t i;

	buf_reset(&s->sql);
	buf_add_str(&s->sql,
		    "SELECT schema_name, table_name, fingerprint, trigger_names FROM " MY_CAPTURED
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
	buf_add_fmt(&s->sql, "SELECT COUNT(*) FROM (SELECT 1 FROM %s WHERE id > 0%s LIMIT %d) AS t",
		    buf_str(&p->from), p->filter, COUNT_EXACT + 1);
	code = figure(s, -1, &n, e);
	if (code == ERR_OK && n > COUNT_EXACT) {
		buf_reset(&s->sql);
		buf_add_fmt(&s->sql, "SELECT MAX(id) - MIN(id) + 1 FROM %s WHERE id > 0%s",
			    buf_str(&p->from), p->filter);
		code = figure(s, n, &span, e);
		n = span > n ? span : n;
	}
	p->pub->outbox_rows = n;
	if (code == ERR_OK && n >= 0)
		st->outbox_rows = (st->outbox_rows > 0 ? st->outbox_rows : 0) + n;
	return code;
}

static ATTR_MUST_CHECK enum err_code count_parked(struct my_source *s, const struct my_pipe *p,
						  struct source_status *st, struct err *e)
{
	struct err own;
	int64_t n;
	enum err_code code = my_parked_count(s, p, &n, &own);

	if (is_fatal(code))
		return err_set(e, code, "%s", own.msg);
	if (code != ERR_OK)
		st->parked = -1;
	else if (st->parked >= 0)
		st->parked += n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code count_letters(struct my_source *s, struct source_status *st,
						   struct err *e)
{
	buf_reset(&s->sql);
	/* exact while it is cheap */
	buf_add_str(&s->sql,
		    "SELECT IF(n > 10000, GREATEST(n, COALESCE((SELECT table_rows FROM "
		    "information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
		    "'" MY_DEAD_LETTER
		    "'), 0)), n) FROM (SELECT COUNT(*) AS n FROM (SELECT 1 FROM " MY_DEAD_LETTER
		    " LIMIT 10001) AS t) AS c");
	return figure(s, -1, &st->dead_letters, e);
}

/* Ids of the rows, rising, that position knows nothing of become strays. */
static void find_strays(struct my_pipe *p, struct my_result *r)
{
	int64_t id;

	p->stray_count = 0;
	while (p->stray_count < MY_STRAYS_MAX && my_result_next(r)) {
		id = my_result_i64(r, 0, 0);
		if (!position_is_left(p->position, id) &&
		    !position_is_outstanding(p->position, id) &&
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
		    "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', changed_at) FROM %s WHERE "
		    "id > 0%s ORDER BY id LIMIT 1",
		    buf_str(&p->from), p->filter);
	code = figure(s, 0, &wall_us, e);
	if (code != ERR_OK)
		return code;
	if (wall_us && (!st->oldest_wall_us || wall_us < st->oldest_wall_us))
		st->oldest_wall_us = wall_us;
	buf_reset(&s->sql);
	buf_add_fmt(&s->sql, "SELECT id FROM %s WHERE id > 0%s ORDER BY id LIMIT %d",
		    buf_str(&p->from), p->filter, OLDEST_ROWS);
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code != ERR_OK)
		return is_fatal(code) ? code : ERR_OK;
	find_strays(p, r);
	my_result_free(r);
	return ERR_OK;
}

/* ---- the whole ---- */

static void inspect_audit(struct my_pipe *p, struct source_status *st)
{
	if (!my_audit_has_index(p->audit))
		warn(st, "the audit table has no index on (processed, id): it is read slowly");
	if (my_audit_trouble(p->audit)[0])
		warn(st, my_audit_trouble(p->audit));
	/* keys may have been altered */
	my_audit_reset(p->audit);
}

static ATTR_MUST_CHECK enum err_code inspect_pipe(struct my_source *s, struct my_pipe *p,
						  struct source_status *st, struct err *e)
{
	struct position_stats pos = position_stats(p->position);
	/* first: rows of another installation must not become strays of this one */
	enum err_code code = my_source_check_install(s, p, e);

	st->gaps += (int64_t)pos.gaps;
	st->late += pos.late;
	if (code == ERR_OK && p->audit)
		inspect_audit(p, st);
	/* without an index each of these would look at every row of the table */
	if (code != ERR_OK || (p->audit && !my_audit_has_index(p->audit)))
		return code;
	code = count_rows(s, p, st, e);
	if (code == ERR_OK)
		code = count_parked(s, p, st, e);
	return code == ERR_OK ? inspect_oldest(s, p, st, e) : code;
}

enum err_code my_inspect(struct source *base, struct source_status *ret_status, struct err *e)
{
	struct my_source *s = my_source_of(base);
	struct source_status st = s->status;
	enum err_code code = ERR_OK;
	size_t i;

	st.warning[0] = '\0';
	st.oldest_wall_us = st.gaps = st.late = st.parked = 0;
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
