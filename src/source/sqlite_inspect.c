/* SPDX-License-Identifier: MIT */
/*
 * Drift, figures, and two things that go wrong with files. A row below the cursor that is neither
 * outstanding nor acknowledged was never read: somebody put it there by hand; it is a stray, and
 * the next read returns it. And a sequence that is lower than what was read means that the file
 * went back in time (restored in place, or sqlite_sequence emptied): ids would be given out
 * again. The installation gets a new id then, so that no event's id comes twice.
 *
 * A statement that ends by OR FAIL leaves a sequence that is too low as well. But then the row that
 * was read last is still there: when it goes, sqlite_ack.c raises the sequence.
 */
#include <stdio.h>
#include <string.h>

#include "source/sqlite_schema.h"
#include "source/sqlite_source.h"

#define OLDEST_ROWS 2000

static void warn(struct source_status *st, const char *text)
{
	size_t len = strlen(st->warning);

	(void)snprintf(st->warning + len, sizeof(st->warning) - len, "%s%s", len ? "; " : "", text);
}

/* ---- drift ---- */

static ATTR_MUST_CHECK enum err_code inspect_tables(struct sqlite_source *s,
						    struct source_status *st, struct err *e)
{
	struct text table, problem;
	sqlite3_stmt *stmt;
	char text[224];
	bool row = true;
	int n = 0;
	enum err_code code = sqlite_conn_prepare(s->conn, sqlite_drift_sql, &stmt, e);

	if (code != ERR_OK)
		return code;
	for (; code == ERR_OK; n++) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		if (n)
			continue;
		table = sqlite_conn_text(stmt, 1);
		problem = sqlite_conn_text(stmt, 2);
		(void)snprintf(text, sizeof(text), "table %.*s %.*s: run app-db-listener install",
			       table.len > 100 ? 100 : (int)table.len, table.s ? table.s : "?",
			       (int)problem.len, problem.s ? problem.s : "?");
		warn(st, text);
	}
	(void)sqlite3_finalize(stmt);
	if (code == ERR_OK && n > 1) {
		(void)snprintf(text, sizeof(text), "%d more tables like it", n - 1);
		warn(st, text);
	}
	return code;
}

/* ---- a file that went back in time ---- */

enum err_code sqlite_source_renew(struct sqlite_source *s, struct err *e)
{
	enum err_code code = sqlite_conn_exec(
		s->conn,
		"UPDATE main." SQLITE_INSTALL " SET install_id = lower(hex(randomblob(4)) || '-' "
		"|| hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' || "
		"substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))",
		e);

	if (code == ERR_OK)
		s->epoch++;
	return code;
}

static ATTR_MUST_CHECK enum err_code has_row(struct sqlite_source *s, const struct sqlite_pipe *p,
					     int64_t id, bool *ret_has, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_ONE];
	enum err_code code;

	(void)sqlite3_bind_int64(stmt, 1, id);
	code = sqlite_conn_step(s->conn, stmt, ret_has, e);
	(void)sqlite3_reset(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code inspect_sequence(struct sqlite_source *s,
						      const struct sqlite_pipe *p, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_SEQUENCE];
	int64_t seq = INT64_MAX, cursor = position_cursor(p->position);
	bool row;
	enum err_code code = sqlite_conn_step(s->conn, stmt, &row, e);

	if (code == ERR_OK && row)
		seq = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_reset(stmt);
	if (code != ERR_OK || seq >= cursor)
		return code;
	code = has_row(s, p, cursor, &row, e);
	if (code != ERR_OK || row)
		return code;
	code = sqlite_source_renew(s, e);
	if (code != ERR_OK)
		return code;
	return err_set(e, ERR_UNAVAILABLE,
		       "%s went back in time: it was restored from a backup, or sqlite_sequence "
		       "was changed; events get ids of another series",
		       sqlite_conn_file(s->conn)->path);
}

/* Is p still the installation that was opened? */
static ATTR_MUST_CHECK enum err_code inspect_install(struct sqlite_source *s, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	struct text id;
	bool row;
	size_t i;
	enum err_code code = sqlite_conn_prepare(
		s->conn, "SELECT install_id FROM main." SQLITE_INSTALL " WHERE pipeline = ?1",
		&stmt, e);

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++) {
		const struct source_pipeline *pub = &s->env.pipelines[i];

		code = sqlite_conn_bind(s->conn, stmt, 1, pub->settings->name, e);
		if (code == ERR_OK)
			code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK)
			break;
		id = row ? sqlite_conn_text(stmt, 0) : TEXT_NONE;
		if (!text_eq(id, text_of(pub->install_id)))
			code = err_set(e, ERR_UNAVAILABLE, "pipeline %s was installed anew",
				       pub->settings->name);
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	/* seen while preparing, or, when the schema was known from before, while running */
	if (code == ERR_NOT_FOUND)
		return err_set(e, ERR_UNAVAILABLE, "the installation is gone");
	return code;
}

/* ---- figures and strays ---- */

static ATTR_MUST_CHECK enum err_code inspect_figures(struct sqlite_source *s, struct sqlite_pipe *p,
						     struct source_status *st, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_FIGURES];
	bool row;
	enum err_code code = sqlite_conn_bind(s->conn, stmt, 1, p->pub->settings->name, e);

	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	if (code == ERR_OK && row) {
		p->pub->outbox_rows = sqlite3_column_int64(stmt, 0);
		st->outbox_rows += p->pub->outbox_rows;
		st->dead_letters += sqlite3_column_int64(stmt, 1);
	}
	(void)sqlite3_reset(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code inspect_parked(struct sqlite_source *s,
						    const struct sqlite_pipe *p,
						    struct source_status *st, struct err *e)
{
	int64_t rows = 0;
	enum err_code code = sqlite_parked_count(s, p, &rows, e);

	st->parked += rows;
	return code;
}

static ATTR_MUST_CHECK enum err_code note_stray(struct sqlite_pipe *p, int64_t id, struct err *e)
{
	bool is_new = false;
	enum err_code code = ERR_OK;

	if (id <= position_cursor(p->position) && !position_is_left(p->position, id) &&
	    p->stray_count < SQLITE_STRAYS_MAX)
		code = position_see(p->position, id, &is_new, e);
	if (code == ERR_OK && is_new)
		p->strays[p->stray_count++] = id;
	return code;
}

static ATTR_MUST_CHECK enum err_code inspect_oldest(struct sqlite_source *s, struct sqlite_pipe *p,
						    struct source_status *st, struct err *e)
{
	sqlite3_stmt *stmt = p->stmts[SQLITE_STMT_OLDEST];
	bool row = true, first = true, look = !p->stray_count;
	int64_t wall_us;
	enum err_code code = ERR_OK;

	(void)sqlite3_bind_int(stmt, 1, OLDEST_ROWS);
	for (; code == ERR_OK; first = false) {
		code = sqlite_conn_step(s->conn, stmt, &row, e);
		if (code != ERR_OK || !row)
			break;
		wall_us = sqlite3_column_int64(stmt, 1);
		if (first && (!st->oldest_wall_us || wall_us < st->oldest_wall_us))
			st->oldest_wall_us = wall_us;
		if (look)
			code = note_stray(p, sqlite3_column_int64(stmt, 0), e);
	}
	(void)sqlite3_reset(stmt);
	return code;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code inspect_pipe(struct sqlite_source *s, struct sqlite_pipe *p,
						  struct source_status *st, struct err *e)
{
	struct position_stats pos = position_stats(p->position);
	enum err_code code = inspect_sequence(s, p, e);

	st->gaps += (int64_t)pos.gaps;
	st->late += pos.late;
	if (code == ERR_OK)
		code = inspect_figures(s, p, st, e);
	if (code == ERR_OK)
		code = inspect_parked(s, p, st, e);
	if (code == ERR_OK)
		code = inspect_oldest(s, p, st, e);
	return code;
}

enum err_code sqlite_inspect(struct source *base, struct source_status *ret_status, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct source_status st = s->status;
	enum err_code code = sqlite_source_check(s, e);
	size_t i;

	st.warning[0] = '\0';
	st.outbox_rows = st.dead_letters = st.parked = st.oldest_wall_us = 0;
	st.gaps = st.late = 0;
	if (code == ERR_OK && !sqlite_lock_is_current(sqlite_conn_file(s->conn), s->lock_fd))
		code = err_set(e, ERR_UNAVAILABLE, "the lock file of %s was removed",
			       sqlite_conn_file(s->conn)->path);
	if (code == ERR_OK)
		code = sqlite_conn_look_at_mode(s->conn, e);
	/* first: rows of another installation must not become strays of this one */
	if (code == ERR_OK)
		code = inspect_install(s, e);
	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = inspect_pipe(s, &s->pipes[i], &st, e);
	if (code == ERR_OK)
		code = inspect_tables(s, &st, e);
	if (code != ERR_OK)
		return code;
	s->status = st;
	*ret_status = st;
	return ERR_OK;
}
