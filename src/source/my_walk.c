/* SPDX-License-Identifier: MIT */
/*
 * (a, b) > (1, 2) reads the whole index in MySQL (manual, "Range Optimization of Row Constructor
 * Expressions": only equality is optimized), so conditions are written out:
 *
 *     a > 1 OR a = 1 AND b > 2
 *
 * which are two ranges of the index. Literals carry the character set of their column; the
 * collation is then the column's, as that counts for more than a literal's (MySQL manual,
 * "Collation Coercibility in Expressions").
 */
#include "source/my_walk.h"

#include <stdio.h>
#include <string.h>

#include "config/field.h"
#include "source/backfill.h"

#define SQL_MAX_BYTES 8192

/* ---- which key ---- */

/* Types whose values are ordered as a condition compares them, and told apart by their text. ENUM
 * and SET are ordered by number and compared by text; a FLOAT differs from its own text. */
static bool find_kind(const struct my_column *c, enum my_walk_kind *ret_kind)
{
	static const struct {
		const char *type;
		enum my_walk_kind kind;
	} kinds[] = {
		{"tinyint", MY_WALK_NUMBER},   {"smallint", MY_WALK_NUMBER},
		{"mediumint", MY_WALK_NUMBER}, {"int", MY_WALK_NUMBER},
		{"bigint", MY_WALK_NUMBER},    {"decimal", MY_WALK_NUMBER},
		{"double", MY_WALK_NUMBER},    {"bit", MY_WALK_NUMBER},
		{"year", MY_WALK_NUMBER},      {"date", MY_WALK_QUOTED},
		{"time", MY_WALK_QUOTED},      {"datetime", MY_WALK_QUOTED},
		{"timestamp", MY_WALK_QUOTED}, {"uuid", MY_WALK_QUOTED},
		{"inet4", MY_WALK_QUOTED},     {"inet6", MY_WALK_QUOTED},
		{"char", MY_WALK_HEX},         {"varchar", MY_WALK_HEX},
		{"binary", MY_WALK_HEX},       {"varbinary", MY_WALK_HEX},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].type, c->data_type) != 0)
			continue;
		*ret_kind = kinds[i].kind;
		return true;
	}
	return false;
}

static const struct my_column *find_column(const struct my_columns *columns, const char *name)
{
	size_t i;

	for (i = 0; i < columns->count; i++)
		if (strcmp(columns->items[i].name, name) == 0)
			return &columns->items[i];
	return NULL;
}

static ATTR_MUST_CHECK enum err_code add_column(struct my_walk *w, const struct my_columns *columns,
						const char *name, bool is_prefix, struct err *e)
{
	const struct my_column *c = find_column(columns, name);

	if (!c)
		return err_set(e, ERR_CONFIG, "the columns of its primary key cannot be seen");
	/* always the same for a row that is current */
	if (c->is_period)
		return ERR_OK;
	if (is_prefix)
		return err_set(e, ERR_CONFIG,
			       "its primary key has only the beginning of column %.64s, and rows "
			       "cannot be walked in that order",
			       name);
	if (w->count == MY_WALK_COLUMNS_MAX || !find_kind(c, &w->kinds[w->count]))
		return err_set(
			e, ERR_CONFIG,
			"column %.64s of its primary key is %.64s, and rows cannot be walked "
			"in the order of that",
			name, c->column_type);
	w->columns[w->count++] = c;
	return ERR_OK;
}

enum err_code my_walk_load(struct my_conn *c, const char *schema, const char *table,
			   const struct my_columns *columns, struct my_walk *w, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;
	struct buf sql;

	*w = (struct my_walk){.count = 0};
	buf_init(&sql, SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT COLUMN_NAME, SUB_PART IS NOT NULL FROM "
			  "information_schema.STATISTICS WHERE INDEX_NAME = 'PRIMARY' AND "
			  "TABLE_SCHEMA = ");
	my_quote_literal(&sql, text_of(schema));
	buf_add_str(&sql, " AND TABLE_NAME = ");
	my_quote_literal(&sql, text_of(table));
	buf_add_str(&sql, " ORDER BY SEQ_IN_INDEX");
	code = my_conn_query_buf(c, &sql, &r, e);
	buf_done(&sql);
	while (code == ERR_OK && my_result_next(r))
		code = add_column(w, columns, my_result_str(r, 0), my_result_i64(r, 1, 0) != 0, e);
	my_result_free(r);
	if (code == ERR_OK && !w->count)
		code = err_set(e, ERR_CONFIG,
			       "it has no primary key, and without one nothing tells how far a "
			       "backfill is: ALTER TABLE ... ADD PRIMARY KEY");
	return code;
}

/* ---- the key of a row ---- */

static void add_name(struct buf *out, const struct my_column *c)
{
	buf_add_str(out, "NEW.");
	my_quote_ident(out, c->name);
}

/* A number as text that reads back as the same one. */
static void add_number(struct buf *out, const struct my_column *c)
{
	/* ZEROFILL pads, and BIT is no text */
	bool add_zero = strstr(c->column_type, "zerofill") || strcmp(c->data_type, "bit") == 0;
	bool is_double = strcmp(c->data_type, "double") == 0;

	buf_add_str(out, is_double ? "CAST(" : "");
	add_name(out, c);
	buf_add_str(out, is_double ? " AS DOUBLE)" : (add_zero ? " + 0" : ""));
}

void my_walk_key(struct buf *out, const struct my_walk *w)
{
	static const char tags[] = {
		[MY_WALK_NUMBER] = 'n', [MY_WALK_QUOTED] = 'q', [MY_WALK_HEX] = 'x'};
	size_t i;

	buf_add_str(out, "CONCAT(");
	for (i = 0; i < w->count; i++) {
		buf_add_fmt(out, "'%s\"%c', ", i ? "\"," : "[", tags[w->kinds[i]]);
		if (w->kinds[i] == MY_WALK_NUMBER) {
			add_number(out, w->columns[i]);
		} else {
			buf_add_str(out, w->kinds[i] == MY_WALK_HEX ? "HEX(" : "(");
			add_name(out, w->columns[i]);
			buf_add_char(out, ')');
		}
		buf_add_str(out, ", ");
	}
	buf_add_str(out, "'\"]')");
}

void my_walk_order(struct buf *out, const struct my_walk *w)
{
	size_t i;

	for (i = 0; i < w->count; i++) {
		buf_add_str(out, i ? ", " : "");
		add_name(out, w->columns[i]);
	}
}

/* ---- conditions ---- */

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789+-.eE")] == '\0';
}

static bool is_hex(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	return s[n] == '\0' && n % 2 == 0;
}

/* value behind its tag, as a literal; false: it is none of this column. */
static bool add_literal(struct buf *out, const struct my_walk *w, size_t i, const char *value)
{
	const struct my_column *c = w->columns[i];

	switch (w->kinds[i]) {
	case MY_WALK_NUMBER:
		buf_add_str(out, value + 1);
		return value[0] == 'n' && is_number(value + 1);
	case MY_WALK_QUOTED:
		my_quote_literal(out, text_of(value + 1));
		return value[0] == 'q';
	case MY_WALK_HEX:
		if (c->charset)
			buf_add_fmt(out, "_%s ", c->charset);
		buf_add_fmt(out, "x'%s'", value + 1);
		return value[0] == 'x' && is_hex(value + 1);
	}
	return false;
}

/* a = 1 AND b = 2 AND ... of the first n, then c OPERATOR 3; operator NULL: no more. */
static bool add_term(struct buf *out, const struct my_walk *w, const struct string_list *values,
		     size_t n, const char *operator)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < n + (operator!= NULL); i++) {
		buf_add_str(out, i ? " AND " : "");
		add_name(out, w->columns[i]);
		buf_add_fmt(out, " %s ", i < n ? "=" : operator);
		ok &= add_literal(out, w, i, values->items[i]);
	}
	return ok;
}

/* strict: "<" or ">", NULL: none; equal: the key itself too. */
static ATTR_MUST_CHECK enum err_code add_condition(struct buf *out, const struct my_walk *w,
						   const char *key, const char *strict, bool equal,
						   struct err *e)
{
	struct string_list values = {0};
	enum err_code code = backfill_list_read(text_of(key), &values, e);
	bool ok = values.count == w->count;
	size_t i;

	buf_add_char(out, '(');
	for (i = 0; ok && strict && i < w->count; i++) {
		buf_add_str(out, i ? " OR " : "");
		ok &= add_term(out, w, &values, i, strict);
	}
	if (ok && equal) {
		buf_add_str(out, strict ? " OR " : "");
		ok &= add_term(out, w, &values, w->count, NULL);
	}
	buf_add_char(out, ')');
	string_list_done(&values);
	if (code == ERR_OK && !ok)
		code = err_set(e, ERR_DATA, "the primary key is another than it was");
	return code;
}

enum err_code my_walk_above(struct buf *out, const struct my_walk *w, const char *key,
			    struct err *e)
{
	return add_condition(out, w, key, ">", false, e);
}

enum err_code my_walk_upto(struct buf *out, const struct my_walk *w, const char *key, struct err *e)
{
	return add_condition(out, w, key, "<", true, e);
}

enum err_code my_walk_is(struct buf *out, const struct my_walk *w, const char *key, struct err *e)
{
	return add_condition(out, w, key, NULL, true, e);
}
