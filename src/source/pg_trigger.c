/* SPDX-License-Identifier: MIT */
#include "source/pg_trigger.h"
#include "config/field.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "source/pg_admin.h"
#include "source/pg_quote.h"
#include "source/pg_sequence.h"

/* Triggers of one table fire in the order of their names. Ours goes first: a trigger of the
 * application's that changes the row again would otherwise have its change captured before the one
 * that made it fire. PostgreSQL manual, "Overview of Trigger Behavior". */
void pg_trigger_name(const char *pipeline, enum op op, char out[static PG_NAME_BYTES])
{
	(void)snprintf(out, PG_NAME_BYTES, "!" PG_SCHEMA "_%.40s_%s", pipeline, op_name(op));
}

/* ---- arguments ---- */

static bool is_captured(const struct pg_trigger *t, const char *column)
{
	if (string_list_has(t->key, column))
		return true;
	if (t->columns->count && !string_list_has(t->columns, column))
		return false;
	return !string_list_has(t->exclude, column);
}

/* An element of an array literal. PostgreSQL manual, "Array Input and Output Syntax". */
static void array_element(struct buf *out, const char *s, bool *first)
{
	buf_add_str(out, *first ? "\"" : ",\"");
	*first = false;
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *s);
	}
	buf_add_char(out, '"');
}

/* "" takes every column, +{..} only these, -{..} all but these. With both lists given, the columns
 * without the excluded ones. The key is always in. */
static void column_choice(struct buf *out, const struct pg_trigger *t)
{
	bool only = t->columns->count > 0, first = true;
	const struct string_list *from = only ? t->columns : t->exclude;
	size_t i;

	if (!from->count)
		return;
	buf_add_str(out, only ? "+{" : "-{");
	for (i = 0; i < from->count; i++)
		if (is_captured(t, from->items[i]) == only)
			array_element(out, from->items[i], &first);
	for (i = 0; only && i < t->key->count; i++)
		if (!string_list_has(t->columns, t->key->items[i]))
			array_element(out, t->key->items[i], &first);
	buf_add_char(out, '}');
}

static void key_pairs(struct buf *out, const struct pg_trigger *t, char sep)
{
	size_t i;

	for (i = 0; i < t->key->count; i++) {
		buf_add_char(out, i ? ',' : '{');
		json_quote(out, text_of(t->key->items[i]));
		buf_add_char(out, ':');
		buf_add_char(out, sep);
		buf_add_str(out, t->key->items[i]);
		buf_add_char(out, sep);
	}
}

static int64_t clamp_cap(int64_t bytes)
{
	if (bytes < PG_CAP_MIN_BYTES)
		return PG_CAP_MIN_BYTES;
	return bytes > PG_CAP_MAX_BYTES ? PG_CAP_MAX_BYTES : bytes;
}

void pg_trigger_args(struct buf *out, const struct pg_trigger *t, char sep)
{
	bool row = t->op != OP_TRUNCATE;
	const char *const plain[] = {t->pipeline, t->schema, t->table};
	size_t i;

	for (i = 0; i < ARRAY_LEN(plain); i++) {
		buf_add_str(out, plain[i]);
		buf_add_char(out, sep);
	}
	buf_add_i64(out, clamp_cap(t->cap_bytes));
	buf_add_char(out, sep);
	if (strcmp(t->pipeline, "default") != 0)
		pg_sequence_name(out, t->pipeline);
	buf_add_char(out, sep);
	if (row)
		column_choice(out, t);
	buf_add_char(out, sep);
	buf_add_str(out, t->where ? t->where : "");
	buf_add_char(out, sep);
	if (row)
		key_pairs(out, t, sep);
}

/* ---- statements ---- */

static const char *event_word(enum op op)
{
	static const char *const words[OP_COUNT] = {
		[OP_INSERT] = "INSERT",
		[OP_UPDATE] = "UPDATE",
		[OP_DELETE] = "DELETE",
		[OP_TRUNCATE] = "TRUNCATE",
	};

	return words[op];
}

static void args_as_literals(struct buf *out, const struct pg_trigger *t)
{
	struct buf args;
	const char *at, *end, *stop;
	bool first = true;

	buf_init(&args, PG_SQL_MAX_BYTES);
	pg_trigger_args(&args, t, '\0');
	if (buf_error(&args) != ERR_OK)
		out->error = buf_error(&args);
	at = buf_str(&args);
	for (stop = at + args.len; at < stop; at = end + 1) {
		end = at + strlen(at);
		buf_add_str(out, first ? "\n\t\t" : ",\n\t\t");
		first = false;
		pg_quote_literal(out, (struct text){at, (size_t)(end - at)});
	}
	buf_done(&args);
}

void pg_trigger_create(struct buf *out, const struct pg_trigger *t, bool or_replace)
{
	char name[PG_NAME_BYTES];

	pg_trigger_name(t->pipeline, t->op, name);
	buf_add_str(out, or_replace ? "CREATE OR REPLACE TRIGGER " : "CREATE TRIGGER ");
	pg_quote_ident(out, name);
	buf_add_str(out, "\n\tAFTER ");
	buf_add_str(out, event_word(t->op));
	buf_add_str(out, " ON ");
	pg_quote_name(out, t->on_schema, t->on_table);
	buf_add_str(out, t->op == OP_TRUNCATE ? " FOR EACH STATEMENT" : " FOR EACH ROW");
	if (t->where) {
		buf_add_str(out, "\n\tWHEN (");
		buf_add_str(out, t->where);
		/* on its own line: the filter may end in a comment */
		buf_add_str(out, "\n\t)");
	}
	buf_add_str(out, "\n\tEXECUTE FUNCTION " PG_SCHEMA ".capture(");
	args_as_literals(out, t);
	buf_add_char(out, ')');
}

void pg_trigger_drop(struct buf *out, const char *schema, const char *table, const char *name)
{
	buf_add_str(out, "DROP TRIGGER IF EXISTS ");
	pg_quote_ident(out, name);
	buf_add_str(out, " ON ");
	pg_quote_name(out, schema, table);
}

void pg_trigger_enable(struct buf *out, const struct pg_trigger *t)
{
	char name[PG_NAME_BYTES];

	pg_trigger_name(t->pipeline, t->op, name);
	buf_add_str(out, "ALTER TABLE ");
	pg_quote_name(out, t->on_schema, t->on_table);
	buf_add_str(out, t->always ? " ENABLE ALWAYS TRIGGER " : " ENABLE TRIGGER ");
	pg_quote_ident(out, name);
}

void pg_trigger_filter_probe(struct buf *out, const struct pg_trigger *t)
{
	bool has_new = t->op == OP_INSERT || t->op == OP_UPDATE;
	bool has_old = t->op == OP_DELETE || t->op == OP_UPDATE;

	buf_add_str(out, "SELECT 1 FROM (SELECT 1) AS one");
	if (has_new) {
		buf_add_str(out, ", ");
		pg_quote_name(out, t->schema, t->table);
		buf_add_str(out, " AS new");
	}
	if (has_old) {
		buf_add_str(out, ", ");
		pg_quote_name(out, t->schema, t->table);
		buf_add_str(out, " AS old");
	}
	buf_add_str(out, " WHERE (");
	buf_add_str(out, t->where);
	buf_add_str(out, "\n)");
}
