/* SPDX-License-Identifier: MIT */
/*
 * The row is NEW in every statement, so that the expressions are the triggers' own. Row values are
 * compared as the index is ordered: by the columns' collations, all columns at once
 * (sqlite.org/rowvalue.html, "Row Value Comparisons").
 */
#include "source/sqlite_plan.h"

#include <stdlib.h>
#include <string.h>

#include "config/field.h"
#include "source/backfill_table.h"
#include "source/sqlite_trigger.h"

static ATTR_MUST_CHECK enum err_code no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for a backfill");
}

/* ---- what is captured ---- */

static ATTR_MUST_CHECK enum err_code take_names(struct sqlite_conn *c, const char *sql,
						const char *table, struct string_list *l,
						struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	bool row = true;
	enum err_code code = sqlite_conn_prepare(c, sql, &stmt, e);

	if (code == ERR_OK)
		code = sqlite_conn_bind(c, stmt, 1, table, e);
	while (code == ERR_OK && row) {
		code = sqlite_conn_step(c, stmt, &row, e);
		if (code == ERR_OK && row &&
		    string_list_add(l, sqlite_conn_text(stmt, 0)) != ERR_OK)
			code = no_memory(e);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_columns(struct sqlite_plan *p, struct sqlite_conn *c,
						  struct err *e)
{
	static const char columns_sql[] = "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE "
					  "hidden <> 1 ORDER BY cid";
	static const char key_sql[] =
		"SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0 "
		"ORDER BY pk";
	enum err_code code = take_names(c, columns_sql, p->request->table, &p->all, e);

	if (code == ERR_OK && !p->all.count)
		code = err_set(e, ERR_NOT_FOUND, "no such table");
	if (code == ERR_OK)
		code = take_names(c, key_sql, p->request->table, &p->primary, e);
	if (code == ERR_OK && !p->primary.count)
		code = err_set(e, ERR_CONFIG,
			       "it has no primary key, and without one nothing tells how far a "
			       "backfill is");
	return code;
}

static ATTR_MUST_CHECK enum err_code choose_key(struct sqlite_plan *p,
						const struct table_settings *t, struct err *e)
{
	const struct string_list *from = t->key.count ? &t->key : &p->primary;
	size_t i;

	for (i = 0; i < from->count; i++) {
		if (!string_list_has(&p->all, from->items[i]))
			return err_set(e, ERR_CONFIG, "column %.64s of its configured key is gone",
				       from->items[i]);
		if (string_list_add(&p->key, text_of(from->items[i])) != ERR_OK)
			return no_memory(e);
	}
	return ERR_OK;
}

static bool is_captured(const struct sqlite_plan *p, const struct table_settings *t,
			const char *column)
{
	if (!string_list_has(&p->all, column))
		return false;
	if (string_list_has(&p->key, column))
		return true;
	if (t->columns.count && !string_list_has(&t->columns, column))
		return false;
	return !string_list_has(&t->exclude, column);
}

static ATTR_MUST_CHECK enum err_code choose_columns(struct sqlite_plan *p,
						    const struct table_settings *t, struct err *e)
{
	enum err_code code;
	size_t i;

	if (!p->request->columns.s)
		return ERR_OK;
	code = backfill_list_read(p->request->columns, &p->wanted, e);
	for (i = 0; code == ERR_OK && i < p->wanted.count; i++)
		if (!is_captured(p, t, p->wanted.items[i]))
			code = err_set(e, ERR_USAGE,
				       "column %.64s is not there, or pipeline %s does not capture "
				       "it",
				       p->wanted.items[i], p->request->pipeline->name);
	return code;
}

/* One may end in a comment. */
static void add_filter(struct sqlite_plan *p, const char *where)
{
	if (!where)
		return;
	buf_add_str(&p->filter, p->filter.len ? " AND (" : "(");
	buf_add_str(&p->filter, where);
	buf_add_str(&p->filter, "\n)");
}

enum err_code sqlite_plan_init(struct sqlite_plan *p, struct sqlite_conn *c,
			       const struct sqlite_plan_request *r, struct err *e)
{
	const struct table_settings *t = backfill_entry(r->pipeline, NULL, "", r->table);
	enum err_code code;

	*p = (struct sqlite_plan){.request = r};
	buf_init(&p->filter, SQLITE_SQL_MAX_BYTES);
	if (!t)
		return err_set(e, ERR_CONFIG, "%s: pipeline %s does not capture it", r->table,
			       r->pipeline->name);
	add_filter(p, t->where[OP_INSERT]);
	add_filter(p, r->where);
	code = buf_error(&p->filter) == ERR_OK ? load_columns(p, c, e) : no_memory(e);
	if (code == ERR_OK)
		code = choose_key(p, t, e);
	if (code == ERR_OK)
		code = choose_columns(p, t, e);
	if (code != ERR_OK) {
		(void)err_prefix(e, "%s", r->table);
		return code;
	}
	p->trigger = (struct sqlite_trigger){
		.pipeline = r->pipeline->name,
		.table = r->table,
		.op = OP_INSERT,
		.cap_bytes = r->source->max_event_bytes,
		.all = &p->all,
		.columns = p->wanted.count ? &p->wanted : &t->columns,
		.exclude = &t->exclude,
		.key = &p->key,
	};
	return ERR_OK;
}

void sqlite_plan_done(struct sqlite_plan *p)
{
	string_list_done(&p->all);
	string_list_done(&p->primary);
	string_list_done(&p->key);
	string_list_done(&p->wanted);
	buf_done(&p->filter);
}

/* ---- statements ---- */

/* "NEW.a, NEW.b", each with what is to stand behind it. */
static void add_key(const struct sqlite_plan *p, const char *behind, struct buf *out)
{
	size_t i;

	for (i = 0; i < p->primary.count; i++) {
		buf_add_str(out, i ? ", NEW." : "NEW.");
		sqlite_quote_ident(out, p->primary.items[i]);
		buf_add_str(out, behind);
	}
}

/* "(NEW.a, NEW.b) > (?1, ?2)", or with another operator and the parameters behind these. */
static void add_bound(const struct sqlite_plan *p, const char *operator, size_t first,
		      struct buf *out)
{
	size_t i;

	buf_add_char(out, '(');
	add_key(p, "", out);
	buf_add_fmt(out, ") %s (", operator);
	for (i = 0; i < p->primary.count; i++)
		buf_add_fmt(out, "%s?%zu", i ? ", " : "", first + i);
	buf_add_char(out, ')');
}

static void add_where(const struct sqlite_plan *p, struct buf *out)
{
	buf_add_char(out, '(');
	buf_add_str(out, p->filter.len ? buf_str(&p->filter) : "1");
	buf_add_char(out, ')');
}

static void add_select(const struct sqlite_plan *p, struct buf *out)
{
	buf_add_str(out, "SELECT ");
	add_where(p, out);
	buf_add_str(out, " IS TRUE,\n");
	sqlite_trigger_read(out, &p->trigger, true);
	buf_add_str(out, ",\nCASE WHEN ");
	add_where(p, out);
	buf_add_str(out, " THEN ");
	sqlite_trigger_read(out, &p->trigger, false);
	buf_add_str(out, " END,\n");
	add_key(p, "", out);
	buf_add_str(out, "\nFROM main.");
	sqlite_quote_ident(out, p->request->table);
	buf_add_str(out, " AS NEW");
}

void sqlite_plan_select(const struct sqlite_plan *p, bool is_above, struct buf *out)
{
	add_select(p, out);
	buf_add_str(out, "\nWHERE ");
	add_bound(p, "<=", p->primary.count + 1, out);
	if (is_above) {
		buf_add_str(out, " AND ");
		add_bound(p, ">", 1, out);
	}
	buf_add_str(out, "\nORDER BY ");
	add_key(p, "", out);
}

void sqlite_plan_last(const struct sqlite_plan *p, struct buf *out)
{
	add_select(p, out);
	buf_add_str(out, "\nORDER BY ");
	add_key(p, " DESC", out);
	buf_add_str(out, " LIMIT 1");
}

void sqlite_plan_null_key(const struct sqlite_plan *p, struct buf *out)
{
	size_t i;

	buf_add_char(out, '(');
	for (i = 0; i < p->primary.count; i++) {
		buf_add_str(out, i ? " OR NEW." : "NEW.");
		sqlite_quote_ident(out, p->primary.items[i]);
		buf_add_str(out, " IS NULL");
	}
	buf_add_char(out, ')');
}

/* ---- keys ---- */

static void add_hex(struct buf *out, const unsigned char *s, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		buf_add_char(out, digits[s[i] >> 4]);
		buf_add_char(out, digits[s[i] & 15]);
	}
}

/* false: it is NULL. */
static bool add_value(struct buf *out, sqlite3_stmt *stmt, int column)
{
	const unsigned char *s;

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_INTEGER:
		buf_add_fmt(out, "i%lld", (long long)sqlite3_column_int64(stmt, column));
		return true;
	case SQLITE_FLOAT:
		buf_add_fmt(out, "r%a", sqlite3_column_double(stmt, column));
		return true;
	case SQLITE_TEXT:
		buf_add_char(out, 't');
		s = sqlite3_column_text(stmt, column);
		add_hex(out, s, s ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
		return true;
	case SQLITE_BLOB:
		buf_add_char(out, 'b');
		s = sqlite3_column_blob(stmt, column);
		add_hex(out, s, s ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
		return true;
	default:
		return false;
	}
}

enum err_code sqlite_plan_key(const struct sqlite_plan *p, sqlite3_stmt *stmt, struct buf *out,
			      struct err *e)
{
	size_t i;

	buf_reset(out);
	for (i = 0; i < p->primary.count; i++) {
		buf_add_str(out, i ? ",\"" : "[\"");
		if (!add_value(out, stmt, SQLITE_PLAN_KEY + (int)i))
			return err_set(
				e, ERR_CONFIG,
				"%s: a row has NULL in its primary key, and such rows cannot "
				"be told apart",
				p->request->table);
		buf_add_char(out, '"');
	}
	buf_add_char(out, ']');
	return buf_error(out) == ERR_OK ? ERR_OK : no_memory(e);
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append the bytes that hex means; false: it means none. */
static bool read_hex(struct buf *out, const char *hex)
{
	for (; *hex; hex += 2) {
		if (nibble(hex[0]) < 0 || nibble(hex[1]) < 0)
			return false;
		buf_add_char(out, (char)(nibble(hex[0]) << 4 | nibble(hex[1])));
	}
	return true;
}

/* SQLITE_MISMATCH: no such value. */
static int bind_value(sqlite3_stmt *stmt, int n, const char *value)
{
	struct buf bytes;
	char *end = NULL;
	long long i;
	double d;
	int rc = SQLITE_MISMATCH;

	if (value[0] == 'i') {
		i = strtoll(value + 1, &end, 10);
		return value[1] && !*end ? sqlite3_bind_int64(stmt, n, i) : rc;
	}
	if (value[0] == 'r') {
		d = strtod(value + 1, &end);
		return value[1] && !*end ? sqlite3_bind_double(stmt, n, d) : rc;
	}
	if (value[0] != 't' && value[0] != 'b')
		return rc;
	buf_init(&bytes, SQLITE_SQL_MAX_BYTES);
	if (read_hex(&bytes, value + 1))
		rc = value[0] == 't' ? sqlite3_bind_text(stmt, n, buf_str(&bytes), (int)bytes.len,
							 SQLITE_TRANSIENT)
				     : sqlite3_bind_blob(stmt, n, buf_str(&bytes), (int)bytes.len,
							 SQLITE_TRANSIENT);
	if (buf_error(&bytes) != ERR_OK)
		rc = SQLITE_NOMEM;
	buf_done(&bytes);
	return rc;
}

enum err_code sqlite_plan_bind(const struct sqlite_plan *p, sqlite3_stmt *stmt, bool is_end,
			       struct text key, struct err *e)
{
	int first = is_end ? (int)p->primary.count + 1 : 1;
	struct string_list values = {.count = 0};
	enum err_code code = backfill_list_read(key, &values, e);
	int rc = values.count == p->primary.count ? SQLITE_OK : SQLITE_MISMATCH;
	size_t i;

	for (i = 0; code == ERR_OK && rc == SQLITE_OK && i < values.count; i++)
		rc = bind_value(stmt, first + (int)i, values.items[i]);
	string_list_done(&values);
	if (code != ERR_OK || rc == SQLITE_OK)
		return code;
	if (rc == SQLITE_NOMEM)
		return no_memory(e);
	return err_set(e, ERR_DATA, "%s: the primary key is another than it was",
		       p->request->table);
}
