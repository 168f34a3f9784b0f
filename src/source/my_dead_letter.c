/* SPDX-License-Identifier: MIT */
/*
 * The pages of source/letters.h. A page is moved in one transaction: the letters' rows are locked,
 * put into their pipeline's outbox, oldest first, and deleted.
 *
 * With an audit table there is no outbox: a letter is put back by processed = 0 on its row, which
 * keeps its id and with it its place.
 */
#include "source/my_dead_letter.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "source/letters.h"
#include "source/my_audit_table.h"
#include "source/my_install.h"
#include "source/my_locks.h"
#include "source/my_source.h"

/* ---- filters ---- */

static ATTR_MUST_CHECK enum err_code list_pipelines(void *ctx, struct string_list *l, struct err *e)
{
	struct my_admin *a = ctx;
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT pipeline FROM ");
	my_quote_name(&sql, a->database, MY_INSTALL);
	buf_add_str(&sql, " UNION SELECT pipeline FROM ");
	my_quote_name(&sql, a->database, MY_DEAD_LETTER);
	buf_add_str(&sql, " ORDER BY pipeline");
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	while (code == ERR_OK && my_result_next(r))
		if (string_list_add(l, my_result_text(r, 0)) != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for a list of pipelines");
	my_result_free(r);
	buf_done(&sql);
	return code;
}

static void wall_sql(struct buf *out, const struct dead_letter_filter *f, const char *comparison,
		     int64_t wall_us)
{
	buf_add_fmt(out, " AND %s %s '1970-01-01' + INTERVAL %lld MICROSECOND", letters_time(f),
		    comparison, (long long)wall_us);
}

/* The conditions of p on its table d, from " WHERE " on. */
static void filter_sql(struct buf *out, const struct letters_page *p)
{
	const struct dead_letter_filter *f = p->filter;

	buf_add_str(out, " WHERE d.pipeline = ");
	my_quote_literal(out, text_of(p->pipeline));
	buf_add_fmt(out, " AND d.id > %lld", (long long)p->after_id);
	if (f->table) {
		/* a dot may also belong to the table's own name */
		buf_add_str(out, " AND (d.table_name = ");
		my_quote_literal(out, text_of(f->table));
		buf_add_str(out, " OR CONCAT(d.schema_name, '.', d.table_name) = ");
		my_quote_literal(out, text_of(f->table));
		buf_add_char(out, ')');
	}
	if (f->id)
		buf_add_fmt(out, " AND d.id = %lld", (long long)f->id);
	if (f->older_than_us > 0)
		buf_add_fmt(out, " AND %s <= UTC_TIMESTAMP(6) - INTERVAL %lld MICROSECOND",
			    letters_time(f), (long long)f->older_than_us);
	if (f->since_wall_us)
		wall_sql(out, f, ">=", f->since_wall_us);
	if (f->until_wall_us)
		wall_sql(out, f, "<", f->until_wall_us);
	if (f->by_status)
		buf_add_fmt(out, " AND COALESCE(d.last_status, 0) BETWEEN %d AND %d", f->status_min,
			    f->status_max);
}

static ATTR_MUST_CHECK enum err_code open_installed(struct my_admin *a, const struct settings *s,
						    size_t source,
						    const struct dead_letter_filter *f,
						    struct err *e)
{
	bool installed = false;
	enum err_code code = my_admin_open(a, s, source, NULL, e);

	if (code != ERR_OK)
		return code;
	code = my_objects_has(a, MY_DEAD_LETTER, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND,
			       "nothing is installed in this database: run install");
	if (code == ERR_OK && f->skip_superseded && my_audit_table_is(a))
		code = err_set(
			e, ERR_CONFIG,
			"an audit table does not tell which row a change belongs to: nothing "
			"is known to be superseded");
	if (code == ERR_OK && (f->delivered || f->waiting) && my_audit_table_is(a))
		code = err_set(e, ERR_CONFIG,
			       f->waiting ? "with an audit table there is no outbox: look into it"
					  : "rows of an audit table are not kept here: set "
					    "processed = 0 in it");
	if (code == ERR_OK && f->delivered)
		code = my_objects_has(a, MY_DELIVERED, &installed, e);
	if (code == ERR_OK && !installed)
		code = err_set(e, ERR_NOT_FOUND, LETTERS_NONE_KEPT);
	if (code != ERR_OK)
		my_admin_close(a);
	return code;
}

/* ---- pages ---- */

/* Its texts are JSON, or the server says that they are not: see my_events.c. */
struct letter_texts {
	struct buf quoted[4];
};

static struct text json_of(struct text t, bool is_sure, struct buf *quoted)
{
	if (!t.s || is_sure || my_events_is_json(t))
		return t;
	buf_reset(quoted);
	json_quote(quoted, t);
	return buf_text(quoted);
}

static struct dead_letter letter_of(const struct my_result *r, struct letter_texts *t)
{
	bool is_sure = my_result_i64(r, 17, 0);

	return (struct dead_letter){
		.id = my_result_i64(r, 0, 0),
		.event_id = my_result_text(r, 1),
		.pipeline = my_result_text(r, 2),
		.operation = my_result_text(r, 3),
		.schema = my_result_text(r, 4),
		.table = my_result_text(r, 5),
		.key = json_of(my_result_text(r, 6), is_sure, &t->quoted[0]),
		.old_key = json_of(my_result_text(r, 7), is_sure, &t->quoted[1]),
		.changed_at = my_result_text(r, 8),
		.died_at = my_result_text(r, 9),
		.attempts = my_result_i64(r, 10, 0),
		.last_status = my_result_i64(r, 11, 0),
		.last_error = my_result_text(r, 12),
		.truncated = my_result_i64(r, 13, 0),
		.superseded = my_result_i64(r, 14, 0),
		.data = json_of(my_result_text(r, 15), is_sure, &t->quoted[2]),
		.old_data = json_of(my_result_text(r, 16), is_sure, &t->quoted[3]),
	};
}

static ATTR_MUST_CHECK enum err_code texts_error(const struct letter_texts *t, struct err *e)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(t->quoted); i++)
		if (buf_error(&t->quoted[i]) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory for a dead letter");
	return ERR_OK;
}

/* Where changes are. Parked ones: only when there is a table for them. */
enum place { PLACE_OUTBOX, PLACE_DEAD, PLACE_PARKED };

/* One part of them: table, key, event id. A change of the key is one of both. (Truncations are not
 * captured.) Keys are compared by a digest: a long text is no key of the table that the server
 * makes of the join's right side. */
static void changes_sql(struct buf *out, const struct my_admin *a, const char *pipeline,
			const char *key, enum place place)
{
	buf_add_fmt(out, "SELECT schema_name, table_name, " MY_DIGEST("%s") " AS k, %s AS id FROM ",
		    key, key, place == PLACE_DEAD ? "id" : "COALESCE(origin_id, id)");
	if (place == PLACE_OUTBOX) {
		my_schema_outbox(out, a->database, pipeline);
		return;
	}
	if (place == PLACE_PARKED) {
		my_schema_parked(out, a->database, pipeline);
		return;
	}
	my_quote_name(out, a->database, MY_DEAD_LETTER);
	buf_add_str(out, " WHERE pipeline = ");
	my_quote_literal(out, text_of(pipeline));
}

static void superseded_sql(struct buf *out, const struct my_admin *a, const char *pipeline,
			   bool has_parked)
{
	int i, n = has_parked ? 6 : 4;

	/* grouped and joined: one pass over the outbox for each page */
	buf_add_str(out, " LEFT JOIN (SELECT schema_name, table_name, k, MAX(id) AS id FROM (");
	for (i = 0; i < n; i++) {
		buf_add_str(out, i ? " UNION ALL " : "");
		changes_sql(out, a, pipeline, i % 2 ? "old_key" : "row_key", (enum place)(i / 2));
	}
	buf_add_str(out, ") AS c GROUP BY schema_name, table_name, k) AS n ON n.schema_name = "
			 "d.schema_name AND n.table_name = d.table_name AND n.k = " MY_DIGEST(
				 "d.row_key"));
}

#define UTC_FORMAT ", '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ')"

static void columns_sql(struct buf *out, const struct letters_page *p)
{
	buf_add_fmt(out,
		    "SELECT d.id, CONCAT(i.install_id, '-', %s), d.pipeline, d.operation, "
		    "d.schema_name, d.table_name, d.row_key, d.old_key, "
		    "DATE_FORMAT(d.changed_at" UTC_FORMAT ", DATE_FORMAT(%s" UTC_FORMAT
		    ", %s, d.truncated, ",
		    letters_public_id(p->filter), letters_time(p->filter),
		    letters_failure(p->filter));
	buf_add_str(out, p->filter->skip_superseded ? "COALESCE(n.id, 0) > d.id, " : "0, ");
	buf_add_str(out, p->with_data ? "d.data, d.old_data" : "NULL, NULL");
	buf_add_str(out, ", COALESCE(JSON_VALID(d.row_key), 1) AND "
			 "COALESCE(JSON_VALID(d.old_key), 1)");
	if (p->with_data)
		buf_add_str(out, " AND COALESCE(JSON_VALID(d.data), 1) AND "
				 "COALESCE(JSON_VALID(d.old_data), 1)");
}

/* The ids of the page; with data as many as its bytes allow. */
static void ids_sql(struct buf *out, const struct my_admin *a, const struct letters_page *p)
{
	buf_add_str(out, "SELECT id, SUM(cost) OVER (ORDER BY id) AS upto, ROW_NUMBER() OVER "
			 "(ORDER BY id) AS nth FROM (SELECT d.id, ");
	buf_add_str(out, p->with_data ? "COALESCE(OCTET_LENGTH(d.data), 0) + "
					"COALESCE(OCTET_LENGTH(d.old_data), 0)"
				      : "0");
	buf_add_str(out, " AS cost FROM ");
	my_letter_table(out, a, p);
	buf_add_str(out, " d");
	filter_sql(out, p);
	buf_add_fmt(out, " ORDER BY d.id LIMIT %lld) AS c", (long long)p->rows);
}

static void list_sql(struct buf *out, const struct my_admin *a, const struct letters_page *p,
		     bool has_parked)
{
	columns_sql(out, p);
	buf_add_str(out, " FROM (");
	ids_sql(out, a, p);
	buf_add_str(out, ") AS g JOIN ");
	my_letter_table(out, a, p);
	buf_add_str(out, " AS d ON d.pipeline = ");
	my_quote_literal(out, text_of(p->pipeline));
	buf_add_str(out, " AND d.id = g.id LEFT JOIN ");
	my_quote_name(out, a->database, MY_INSTALL);
	buf_add_str(out, " AS i ON i.pipeline = d.pipeline");
	if (p->filter->skip_superseded)
		superseded_sql(out, a, p->pipeline, has_parked);
	buf_add_fmt(out, " WHERE g.upto <= %lld OR g.nth = 1 ORDER BY d.id", LETTERS_PAGE_BYTES);
}

/* Installations of before have no table for them. */
static ATTR_MUST_CHECK enum err_code
look_for_parked(struct my_admin *a, const struct letters_page *p, bool *ret_has, struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];

	*ret_has = false;
	if (!p->filter->skip_superseded)
		return ERR_OK;
	my_schema_parked_name(p->pipeline, name);
	return my_objects_has(a, name, ret_has, e);
}

static ATTR_MUST_CHECK enum err_code list_page(void *ctx, const struct letters_page *p,
					       dead_letter_fn fn, void *fn_ctx, struct err *e)
{
	struct my_admin *a = ctx;
	struct my_result *r = NULL;
	struct letter_texts texts;
	struct dead_letter letter;
	bool has_parked;
	struct buf sql;
	bool has = true;
	enum err_code code = look_for_parked(a, p, &has_parked, e);
	size_t i;

	if (code == ERR_OK)
		code = my_letter_table_find(a, p, &has, e);
	if (code != ERR_OK || !has)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (i = 0; i < ARRAY_LEN(texts.quoted); i++)
		buf_init(&texts.quoted[i], SIZE_MAX / 2);
	list_sql(&sql, a, p, has_parked);
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	while (code == ERR_OK && my_result_next(r)) {
		letter = letter_of(r, &texts);
		code = texts_error(&texts, e);
		if (code == ERR_OK)
			code = fn(fn_ctx, &letter, e);
	}
	for (i = 0; i < ARRAY_LEN(texts.quoted); i++)
		buf_done(&texts.quoted[i]);
	my_result_free(r);
	buf_done(&sql);
	return code;
}

/* ---- moving and deleting ---- */

struct moving {
	struct my_admin *a;
	enum letters_move how;
	const char *pipeline;
	const int64_t *wanted;
	size_t wanted_count;
	int64_t done;
	struct buf ids; /* those that are there: "1, 2, 3" */
};

static ATTR_MUST_CHECK enum err_code lock_rows(struct moving *m, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	enum err_code code;

	buf_reset(&m->ids);
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT d.id FROM ");
	my_quote_name(&sql, m->a->database,
		      m->how == LETTERS_AGAIN ? MY_DELIVERED : MY_DEAD_LETTER);
	buf_add_str(&sql, " d");
	/* a letter whose row the operator has removed stays where it is */
	if (m->how != LETTERS_PURGE && my_audit_table_is(m->a)) {
		buf_add_str(&sql, " JOIN ");
		my_audit_table_name(&sql, m->a);
		buf_add_str(&sql, " o ON o.id = d.id");
	}
	buf_add_str(&sql, " WHERE d.pipeline = ");
	my_quote_literal(&sql, text_of(m->pipeline));
	buf_add_str(&sql, " AND d.id IN (");
	letters_ids(&sql, m->wanted, m->wanted_count);
	buf_add_str(&sql, ") ORDER BY d.id FOR UPDATE");
	code = my_conn_query_buf(m->a->conn, &sql, &r, e);
	buf_done(&sql);
	m->done = code == ERR_OK ? (int64_t)my_result_rows(r) : 0;
	while (code == ERR_OK && my_result_next(r))
		buf_add_fmt(&m->ids, "%s%s", m->ids.len ? ", " : "", my_result_str(r, 0));
	my_result_free(r);
	return code;
}

/* " FROM its table WHERE pipeline = ... AND id IN (...)" */
static void locked_sql(struct buf *out, const struct moving *m)
{
	buf_add_str(out, " FROM ");
	my_quote_name(out, m->a->database, m->how == LETTERS_AGAIN ? MY_DELIVERED : MY_DEAD_LETTER);
	buf_add_str(out, " WHERE pipeline = ");
	my_quote_literal(out, text_of(m->pipeline));
	buf_add_fmt(out, " AND id IN (%s)", buf_str(&m->ids));
}

static void replay_sql(struct buf *out, const struct moving *m)
{
	if (my_audit_table_is(m->a)) {
		buf_add_str(out, "UPDATE ");
		my_audit_table_name(out, m->a);
		buf_add_fmt(out, " SET processed = 0, changed_at = changed_at WHERE id IN (%s)",
			    buf_str(&m->ids));
		return;
	}
	buf_add_str(out, "INSERT INTO ");
	my_schema_outbox(out, m->a->database, m->pipeline);
	/* as they were; otherwise the ids are given in the order of the rows */
	buf_add_fmt(out, " (%s, " MY_EVENT_COLUMNS ") SELECT id, " MY_EVENT_COLUMNS,
		    m->how == LETTERS_TO_FRONT ? "id" : "origin_id");
	locked_sql(out, m);
	buf_add_str(out, " ORDER BY id");
}

static ATTR_MUST_CHECK enum err_code move_work(struct my_conn *conn, void *ctx, struct err *e)
{
	struct moving *m = ctx;
	struct buf sql;
	enum err_code code = lock_rows(m, e);

	if (code != ERR_OK || !m->done)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	if (m->how != LETTERS_PURGE) {
		replay_sql(&sql, m);
		code = my_conn_exec_buf(conn, &sql, NULL, e);
		buf_reset(&sql);
	}
	if (code == ERR_OK && m->how != LETTERS_AGAIN) {
		buf_add_str(&sql, "DELETE");
		locked_sql(&sql, m);
		code = my_conn_exec_buf(conn, &sql, NULL, e);
	}
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code move(void *ctx, enum letters_move how, const char *pipeline,
					  const int64_t *ids, size_t n, int64_t *ret_count,
					  struct err *e)
{
	struct my_admin *a = ctx;
	struct moving m = {
		.a = a, .how = how, .pipeline = pipeline, .wanted = ids, .wanted_count = n};
	enum err_code code;

	buf_init(&m.ids, MY_SQL_MAX_BYTES);
	code = my_conn_transaction(a->conn, move_work, &m, e);
	buf_done(&m.ids);
	if (code == ERR_OK)
		*ret_count = m.done;
	return code;
}

/* ---- the calls ---- */

static struct letters_db letters_db(struct my_admin *a)
{
	return (struct letters_db){.ctx = a,
				   .clock = a->clock,
				   .pipelines = list_pipelines,
				   .page = list_page,
				   .move = move};
}

enum err_code my_dead_letter_list(const struct settings *s, size_t source,
				  const struct dead_letter_filter *f, bool with_data,
				  dead_letter_fn fn, void *ctx, struct err *e)
{
	struct my_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	code = letters_list(&db, f, with_data, fn, ctx, e);
	my_admin_close(&a);
	return code;
}

/* Nobody reads while ids below a reader's cursor come back. Until the connection closes. */
static ATTR_MUST_CHECK enum err_code keep_readers_away(struct my_admin *a, struct err *e)
{
	int64_t got;
	enum err_code code =
		my_admin_number(a, 0, &got, e, "SELECT GET_LOCK(" MY_LOCK_LEADER ", 0)");

	if (code == ERR_OK && !got)
		return err_set(
			e, ERR_BUSY,
			"a daemon is active on this database, and has read past their place: "
			"stop it first");
	return code;
}

static ATTR_MUST_CHECK enum err_code move_all(const struct settings *s, size_t source,
					      enum letters_move how,
					      const struct dead_letter_filter *f,
					      struct dead_letter_counts *ret, struct err *e)
{
	struct my_admin a;
	struct letters_db db;
	enum err_code code = open_installed(&a, s, source, f, e);

	if (code != ERR_OK)
		return code;
	db = letters_db(&a);
	if (how == LETTERS_TO_FRONT)
		code = keep_readers_away(&a, e);
	if (code == ERR_OK)
		code = letters_move(&db, how, f, ret, e);
	my_admin_close(&a);
	return code;
}

enum err_code my_dead_letter_replay(const struct settings *s, size_t source,
				    const struct dead_letter_filter *f, bool in_front,
				    struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, letters_replay(f, in_front), f, ret, e);
}

enum err_code my_dead_letter_purge(const struct settings *s, size_t source,
				   const struct dead_letter_filter *f,
				   struct dead_letter_counts *ret, struct err *e)
{
	return move_all(s, source, LETTERS_PURGE, f, ret, e);
}
