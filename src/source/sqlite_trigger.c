/* SPDX-License-Identifier: MIT */
/*
 * The body must not be able to fail, because then the application's statement fails. What that
 * forbids, and what stands here instead:
 *
 * - JSON functions: the application's library may be built without them; json_object raises on a
 *   blob. Instead quote(), which every version has and which takes every value
 *   (source/sqlite_value.h). It ends a text at a NUL: such a text is written by hex().
 * - a function with an argument per column: their number has a limit. Instead ||, in groups, as the
 *   depth of an expression has one too.
 * - values of any size: a text longer than SQLITE_MAX_LENGTH raises. So the row is measured
 *   first, in bytes as stored, and quoted only when it is under the cap; quoting at most trebles.
 * - comparing by the column's collation: it may call a function of the application's, and it
 *   may find equal what differs. Instead BINARY, and the type: 1 and 1.0 are another value.
 *
 * The inner SELECT has no FROM, so that it is not merged with the outer one and everything is
 * computed once (sqlite.org/optoverview.html, "Subquery Flattening").
 */
#include "source/sqlite_trigger.h"

#include <string.h>

#include "base/json.h"
#include "config/field.h"
#include "source/sqlite_conn.h"

#define GROUP 32

static bool is_captured(const struct sqlite_trigger *t, const char *column)
{
	if (string_list_has(t->key, column))
		return true;
	if (t->columns->count && !string_list_has(t->columns, column))
		return false;
	return !string_list_has(t->exclude, column);
}

static bool is_taken(const struct sqlite_trigger *t, const char *column, bool only_key)
{
	return only_key ? string_list_has(t->key, column) : is_captured(t, column);
}

void sqlite_trigger_name(struct buf *out, const struct sqlite_trigger *t)
{
	buf_add_fmt(out, SQLITE_PREFIX "%s.%s.%s", t->pipeline, t->table, op_name(t->op));
}

/* ---- expressions ---- */

static void add_value(struct buf *out, const char *row, const char *column)
{
	buf_add_str(out, row);
	buf_add_char(out, '.');
	sqlite_quote_ident(out, column);
}

/* The value as a literal. */
static void add_literal(struct buf *out, const char *row, const char *column)
{
	buf_add_str(out, "CASE WHEN typeof(");
	add_value(out, row, column);
	buf_add_str(out, ") = 'text' AND instr(");
	add_value(out, row, column);
	buf_add_str(out, ", char(0)) THEN 'T''' || hex(");
	add_value(out, row, column);
	buf_add_str(out, ") || '''' ELSE quote(");
	add_value(out, row, column);
	buf_add_str(out, ") END");
}

/* '{"name":' as an SQL literal. */
static void add_name(struct buf *out, const char *before, const char *column)
{
	struct buf name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&name, before);
	json_quote(&name, text_of(column));
	buf_add_char(&name, ':');
	if (buf_error(&name) != ERR_OK)
		out->error = buf_error(&name);
	sqlite_quote_literal(out, buf_str(&name));
	buf_done(&name);
}

static void begin_term(struct buf *out, size_t i, const char *operator)
{
	if (i % GROUP == 0)
		buf_add_fmt(out, i ? ")\n\t\t%s (" : "(", operator);
	else
		buf_add_fmt(out, "\n\t\t%s ", operator);
}

typedef void (*term_fn)(struct buf *out, const char *row, const char *column, size_t i);

/* A chain of terms, one for each column taken. */
static void add_chain(struct buf *out, const struct sqlite_trigger *t, const char *row,
		      bool only_key, const char *operator, term_fn term)
{
	const struct string_list *from = only_key ? t->key : t->all;
	size_t i, n = 0;

	for (i = 0; i < from->count; i++) {
		if (!is_taken(t, from->items[i], only_key))
			continue;
		begin_term(out, n, operator);
		term(out, row, from->items[i], n);
		n++;
	}
	buf_add_str(out, n ? ")" : "''");
}

static void pair_term(struct buf *out, const char *row, const char *column, size_t i)
{
	add_name(out, i ? "," : "{", column);
	buf_add_str(out, " || ");
	add_literal(out, row, column);
}

static void size_term(struct buf *out, const char *row, const char *column, size_t i)
{
	(void)i;
	buf_add_str(out, "ifnull(length(CAST(");
	add_value(out, row, column);
	buf_add_str(out, " AS BLOB)), 0)");
}

static void change_term(struct buf *out, const char *row, const char *column, size_t i)
{
	(void)row;
	(void)i;
	add_value(out, "NEW", column);
	buf_add_str(out, " IS NOT ");
	add_value(out, "OLD", column);
	buf_add_str(out, " COLLATE BINARY OR typeof(");
	add_value(out, "NEW", column);
	buf_add_str(out, ") <> typeof(");
	add_value(out, "OLD", column);
	buf_add_char(out, ')');
}

/* The row, or its key, as text; NULL when larger than max_bytes. */
static void add_row(struct buf *out, const struct sqlite_trigger *t, const char *row, bool only_key,
		    int64_t max_bytes)
{
	buf_add_str(out, "CASE WHEN ");
	add_chain(out, t, row, only_key, "+", size_term);
	buf_add_fmt(out, " <= %lld THEN\n\t\t", (long long)max_bytes);
	add_chain(out, t, row, only_key, "||", pair_term);
	buf_add_str(out, " || '}' END");
}

/* ---- statements ---- */

static bool has_new(enum op op)
{
	return op == OP_INSERT || op == OP_UPDATE;
}

static bool has_old(enum op op)
{
	return op == OP_UPDATE || op == OP_DELETE;
}

static void add_when(struct buf *out, const struct sqlite_trigger *t)
{
	if (!t->where && t->op != OP_UPDATE)
		return;
	buf_add_str(out, "\nWHEN ");
	if (t->where) {
		buf_add_char(out, '(');
		buf_add_str(out, t->where);
		/* on its own line: the filter may end in a comment */
		buf_add_str(out, "\n)");
	}
	if (t->op != OP_UPDATE)
		return;
	buf_add_str(out, t->where ? " AND (" : "(");
	add_chain(out, t, NULL, false, "OR", change_term);
	buf_add_char(out, ')');
}

static int64_t clamp_cap(int64_t bytes)
{
	if (bytes < SQLITE_CAP_MIN_BYTES)
		return SQLITE_CAP_MIN_BYTES;
	return bytes > SQLITE_CAP_MAX_BYTES ? SQLITE_CAP_MAX_BYTES : bytes;
}

/* SELECT ... AS new_key, ... AS old_key, ... AS new_data, ... AS old_data, without FROM. */
static void add_inner(struct buf *out, const struct sqlite_trigger *t)
{
	static const struct {
		const char *name, *row;
		bool only_key;
	} parts[] = {
		{"new_key", "NEW", true},
		{"old_key", "OLD", true},
		{"new_data", "NEW", false},
		{"old_data", "OLD", false},
	};
	int64_t cap = clamp_cap(t->cap_bytes);
	size_t i;

	buf_add_str(out, "SELECT");
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		bool is_new = parts[i].row[0] == 'N';

		buf_add_str(out, i ? ",\n\t" : "\n\t");
		if (!(is_new ? has_new(t->op) : has_old(t->op)) ||
		    (parts[i].only_key && !t->key->count))
			buf_add_str(out, "NULL");
		else
			add_row(out, t, parts[i].row, parts[i].only_key,
				parts[i].only_key ? SQLITE_KEY_MAX_BYTES : cap);
		buf_add_fmt(out, " AS %s", parts[i].name);
	}
}

/* Which of the columns of the inner SELECT the row of the outbox is made of. */
static void add_outer(struct buf *out, const struct sqlite_trigger *t)
{
	static const char *const key_of[OP_COUNT] = {
		[OP_INSERT] = "new_key, NULL",
		[OP_UPDATE] = ("CASE WHEN old_key IS NOT NULL THEN new_key END,\n\t"
			       "CASE WHEN old_key <> new_key THEN old_key END"),
		[OP_DELETE] = "old_key, NULL",
	};
	static const char *const data_of[OP_COUNT] = {
		[OP_INSERT] = "new_data IS NULL, new_data, NULL",
		[OP_UPDATE] = ("new_data IS NULL OR old_data IS NULL,\n\t"
			       "CASE WHEN old_data IS NOT NULL THEN new_data END,\n\t"
			       "CASE WHEN new_data IS NOT NULL THEN old_data END"),
		[OP_DELETE] = "old_data IS NULL, NULL, old_data",
	};

	buf_add_fmt(out, "%s,\n\t%s\nFROM (", key_of[t->op], data_of[t->op]);
}

void sqlite_trigger_create(struct buf *out, const struct sqlite_trigger *t)
{
	static const char *const words[OP_COUNT] = {
		[OP_INSERT] = "INSERT", [OP_UPDATE] = "UPDATE", [OP_DELETE] = "DELETE"};
	struct buf name;

	buf_init(&name, SQLITE_SQL_MAX_BYTES);
	sqlite_trigger_name(&name, t);
	if (buf_error(&name) != ERR_OK)
		out->error = buf_error(&name);
	buf_add_str(out, "CREATE TRIGGER ");
	sqlite_quote_ident(out, buf_str(&name));
	buf_done(&name);
	buf_add_fmt(out, " AFTER %s ON ", words[t->op]);
	sqlite_quote_ident(out, t->table);
	buf_add_str(out, " FOR EACH ROW");
	add_when(out, t);
	buf_add_str(out, "\nBEGIN\nINSERT INTO ");
	sqlite_outbox_name(out, t->pipeline);
	buf_add_fmt(out,
		    " (operation, table_name, row_key, old_key, truncated, data, old_data)\n"
		    "SELECT '%s', ",
		    op_name(t->op));
	sqlite_quote_literal(out, t->table);
	buf_add_str(out, ", ");
	add_outer(out, t);
	add_inner(out, t);
	buf_add_str(out, ");\nEND");
}

void sqlite_trigger_read(struct buf *out, const struct sqlite_trigger *t, bool only_key)
{
	if (only_key && !t->key->count)
		buf_add_str(out, "NULL");
	else
		add_row(out, t, "NEW", only_key,
			only_key ? SQLITE_KEY_MAX_BYTES : clamp_cap(t->cap_bytes));
}

void sqlite_trigger_filter_probe(struct buf *out, const struct sqlite_trigger *t)
{
	buf_add_str(out, "SELECT 1 FROM (SELECT 1) AS one");
	if (has_new(t->op)) {
		buf_add_str(out, ", ");
		sqlite_quote_ident(out, t->table);
		buf_add_str(out, " AS new");
	}
	if (has_old(t->op)) {
		buf_add_str(out, ", ");
		sqlite_quote_ident(out, t->table);
		buf_add_str(out, " AS old");
	}
	buf_add_str(out, " WHERE (");
	buf_add_str(out, t->where);
	buf_add_str(out, "\n)");
}
