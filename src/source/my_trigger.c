/* SPDX-License-Identifier: MIT */
#include "source/my_trigger.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "config/field.h"
#include "source/my_quote.h"

/* A row whose JSON can by its types not be longer than this (and than the cap) is narrow. */
#define NARROW_MAX_BYTES (1024 * 1024)
/* Raw lengths up to here give a key of at most MY_KEY_MAX_BYTES. */
#define KEY_RAW_MAX_BYTES (MY_KEY_MAX_BYTES / 6 - 100)
#define NAME_MAX_CHARS 64

/* ---- names ---- */

/* FNV-1a over strings with their ends. */
static uint32_t digest_add(uint32_t hash, const char *s)
{
	do
		hash = (hash ^ (unsigned char)*s) * 16777619U;
	while (*s++);
	return hash;
}

/* The first characters of s, complete ones, in at most max bytes. */
static size_t cut_utf8(const char *s, size_t chars)
{
	size_t i = 0;

	while (s[i] && chars--) {
		i++;
		while (((unsigned char)s[i] & 0xC0) == 0x80)
			i++;
	}
	return i;
}

void my_trigger_name(const struct my_trigger *t, char out[static MY_TRIGGER_NAME_BYTES])
{
	size_t fixed = strlen(MY_TRIGGER_PREFIX) + strlen(op_name(t->op)) + 10, len;
	uint32_t hash = 2166136261U;

	hash = digest_add(digest_add(hash, t->outbox_schema), t->pipeline);
	hash = digest_add(digest_add(hash, t->schema), t->table);
	len = cut_utf8(t->table, NAME_MAX_CHARS - fixed);
	(void)snprintf(out, MY_TRIGGER_NAME_BYTES, MY_TRIGGER_PREFIX "%.*s_%s_%08x", (int)len,
		       t->table, op_name(t->op), (unsigned)hash);
	/* lists of these names are kept with commas between */
	for (; *out; out++)
		if ((unsigned char)*out < ' ' || *out == ',')
			*out = '_';
}

/* ---- columns ---- */

bool my_trigger_has(const struct my_trigger *t, const struct my_column *c)
{
	if (string_list_has(t->key, c->name))
		return true;
	if (c->is_period)
		return false;
	if (t->only->count && !string_list_has(t->only, c->name))
		return false;
	return !string_list_has(t->exclude, c->name);
}

static const struct my_type *type_of(const struct my_trigger *t, const struct my_column *c)
{
	const struct my_type *type = my_type_find(t->flavour, c);

	assert(type);
	return type;
}

static const struct my_column *find_column(const struct my_trigger *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->column_count; i++)
		if (strcmp(t->columns[i].name, name) == 0)
			return &t->columns[i];
	assert(!"a key column that the table has not");
	return NULL;
}

/* "name": as JSON, and that as part of an SQL literal. */
static void add_member(struct buf *out, const struct my_trigger *t, const struct my_column *c,
		       const char *row, bool first)
{
	struct buf name;

	buf_init(&name, 4096);
	buf_add_char(&name, first ? '{' : ',');
	json_quote(&name, text_of(c->name));
	buf_add_char(&name, ':');
	if (buf_error(&name) != ERR_OK)
		out->error = buf_error(&name);
	my_quote_literal(out, buf_text(&name));
	buf_add_str(out, ", ");
	my_type_json(out, type_of(t, c), c, row);
	buf_add_char(out, ',');
	buf_done(&name);
}

/* The longest JSON that the captured columns, or those of the key, can give. */
static int64_t longest(const struct my_trigger *t, bool key_only)
{
	int64_t sum = 2;
	size_t i;

	for (i = 0; i < t->column_count; i++) {
		const struct my_column *c = &t->columns[i];

		if (!(key_only ? string_list_has(t->key, c->name) : my_trigger_has(t, c)))
			continue;
		sum += my_type_longest(type_of(t, c), c) + 6 * (int64_t)strlen(c->name) + 4;
	}
	return sum;
}

/* ---- what is long ---- */

/* The sum of the lengths of the columns of one size class; 0 when there is none. */
static void add_lengths(struct buf *out, const struct my_trigger *t, enum my_size size,
			bool key_only, const char *row)
{
	bool first = true;
	size_t i;

	for (i = 0; i < t->column_count; i++) {
		const struct my_column *c = &t->columns[i];

		if (!(key_only ? string_list_has(t->key, c->name) : my_trigger_has(t, c)) ||
		    type_of(t, c)->size != size)
			continue;
		buf_add_str(out, first ? "" : " + ");
		buf_add_fmt(out, "%sOCTET_LENGTH(%s.", c->nullable ? "COALESCE(" : "", row);
		my_quote_ident(out, c->name);
		buf_add_str(out, c->nullable ? "), 0)" : ")");
		first = false;
	}
	if (first)
		buf_add_char(out, '0');
}

/* Everything in the row but values of variable length. */
static int64_t fixed_bytes(const struct my_trigger *t)
{
	int64_t sum = 2;
	size_t i;

	for (i = 0; i < t->column_count; i++)
		if (my_trigger_has(t, &t->columns[i]))
			sum += type_of(t, &t->columns[i])->longest +
			       6 * (int64_t)strlen(t->columns[i].name) + 4;
	return sum;
}

static int64_t clamp_cap(int64_t bytes)
{
	if (bytes < MY_CAP_MIN_BYTES)
		return MY_CAP_MIN_BYTES;
	return bytes > MY_CAP_MAX_BYTES ? MY_CAP_MAX_BYTES : bytes;
}

static bool is_narrow(const struct my_trigger *t)
{
	int64_t n = longest(t, false);

	return n <= NARROW_MAX_BYTES && n <= clamp_cap(t->cap_bytes);
}

/* Can the row be built? Raw lengths against the cap, and the worst that they can become against
 * max_allowed_packet. No subtraction: an unsigned one that goes below 0 is an error. */
static void add_fits(struct buf *out, const struct my_trigger *t, const char *row)
{
	add_lengths(out, t, MY_SIZE_TEXT, false, row);
	buf_add_str(out, " + ");
	add_lengths(out, t, MY_SIZE_BINARY, false, row);
	buf_add_fmt(out, " <= %lld\n\t\tAND 6 * (", (long long)clamp_cap(t->cap_bytes));
	add_lengths(out, t, MY_SIZE_TEXT, false, row);
	buf_add_str(out, ") + 3 * (");
	add_lengths(out, t, MY_SIZE_BINARY, false, row);
	buf_add_fmt(out, ") DIV 2 + %lld < @@max_allowed_packet", (long long)fixed_bytes(t));
}

/* ---- the JSON of a row ---- */

static void add_row(struct buf *out, const struct my_trigger *t, const char *row)
{
	bool first = true;
	size_t i;

	buf_add_str(out, "CONCAT(");
	for (i = 0; i < t->column_count; i++) {
		if (!my_trigger_has(t, &t->columns[i]))
			continue;
		buf_add_str(out, "\n\t\t\t");
		add_member(out, t, &t->columns[i], row, first);
		first = false;
	}
	buf_add_str(out, first ? "'{}')" : " '}')");
}

/* The same for the key; NULL when there is none or it is too long. */
static void add_key(struct buf *out, const struct my_trigger *t, const char *row)
{
	int64_t n = longest(t, true);
	size_t i;

	if (!t->key->count) {
		buf_add_str(out, "NULL");
		return;
	}
	if (n > MY_KEY_MAX_BYTES) {
		buf_add_str(out, "IF(");
		add_lengths(out, t, MY_SIZE_TEXT, true, row);
		buf_add_str(out, " + ");
		add_lengths(out, t, MY_SIZE_BINARY, true, row);
		buf_add_fmt(out, " <= %d AND @@max_allowed_packet > %d, ", KEY_RAW_MAX_BYTES,
			    MY_KEY_MAX_BYTES);
	} else {
		buf_add_fmt(out, "IF(@@max_allowed_packet > %lld, ", (long long)n);
	}
	buf_add_str(out, "CONCAT(");
	for (i = 0; i < t->key->count; i++)
		add_member(out, t, find_column(t, t->key->items[i]), row, i == 0);
	buf_add_str(out, " '}'), NULL)");
}

/* The key in front of an update, when the update changes it. */
static void add_old_key(struct buf *out, const struct my_trigger *t)
{
	const struct my_column *c;
	size_t i;

	if (!t->key->count) {
		buf_add_str(out, "NULL");
		return;
	}
	buf_add_str(out, "IF(");
	for (i = 0; i < t->key->count; i++) {
		c = find_column(t, t->key->items[i]);
		buf_add_str(out, i ? " AND " : "");
		my_type_same(out, type_of(t, c), c);
	}
	buf_add_str(out, ", NULL, ");
	add_key(out, t, "OLD");
	buf_add_char(out, ')');
}

/* ---- the statement ---- */

static bool has_new(const struct my_trigger *t)
{
	return t->op != OP_DELETE;
}

static bool has_old(const struct my_trigger *t)
{
	return t->op != OP_INSERT;
}

/* data or old_data: what was built, or else the key, as far as there is one. */
static void add_data(struct buf *out, const struct my_trigger *t, const char *row, const char *var)
{
	bool is_old = strcmp(row, "OLD") == 0;

	if (is_narrow(t)) {
		buf_add_fmt(out, "COALESCE(IF(@@max_allowed_packet > %lld, ",
			    (long long)longest(t, false));
		add_row(out, t, row);
		buf_add_str(out, ", NULL), ");
	} else {
		buf_add_fmt(out, "COALESCE(%s, ", var);
	}
	buf_add_str(out, is_old && has_new(t) ? "old_key, row_key, '{}')" : "row_key, '{}')");
}

/* A column of the INSERT and its value. Values may use the columns in front of them (MySQL manual,
 * "INSERT Statement": an expression can refer to any column that was set earlier), so a text is
 * made once and measured where it lies. */
static void add_insert(struct buf *out, const struct my_trigger *t)
{
	bool narrow = is_narrow(t);

	buf_add_str(out, "INSERT INTO ");
	my_quote_name(out, t->outbox_schema, t->outbox);
	buf_add_str(out,
		    " (operation, schema_name, table_name, changed_at, row_key, old_key, data, "
		    "old_data, truncated, bytes)\n\tVALUES ('");
	buf_add_str(out, op_name(t->op));
	buf_add_str(out, "', ");
	my_quote_literal(out, text_of(t->schema));
	buf_add_str(out, ", ");
	my_quote_literal(out, text_of(t->table));
	buf_add_str(out, ", UTC_TIMESTAMP(6),\n\t\t");
	add_key(out, t, has_new(t) ? "NEW" : "OLD");
	buf_add_str(out, ",\n\t\t");
	if (t->op == OP_UPDATE)
		add_old_key(out, t);
	else
		buf_add_str(out, "NULL");
	buf_add_str(out, ",\n\t\t");
	if (has_new(t))
		add_data(out, t, "NEW", "adbl_new");
	else
		buf_add_str(out, "NULL");
	buf_add_str(out, ",\n\t\t");
	if (has_old(t))
		add_data(out, t, "OLD", "adbl_old");
	else
		buf_add_str(out, "NULL");
	buf_add_str(out, ",\n\t\t");
	if (narrow)
		buf_add_fmt(out, "@@max_allowed_packet <= %lld", (long long)longest(t, false));
	else
		buf_add_str(out, has_new(t) ? "adbl_new IS NULL" : "adbl_old IS NULL");
	buf_add_str(out, ",\n\t\tCOALESCE(OCTET_LENGTH(row_key), 0)");
	if (t->op == OP_UPDATE)
		buf_add_str(out, " + COALESCE(OCTET_LENGTH(old_key), 0)");
	if (has_new(t))
		buf_add_str(out, " + OCTET_LENGTH(data)");
	if (has_old(t))
		buf_add_str(out, " + OCTET_LENGTH(old_data)");
	buf_add_str(out, ")");
}

/* adbl_new and adbl_old: the texts, or both NULL when one of them is too long. */
static void add_variables(struct buf *out, const struct my_trigger *t)
{
	const char *const rows[] = {"NEW", "OLD"};
	const char *const vars[] = {"adbl_new", "adbl_old"};
	const bool used[] = {has_new(t), has_old(t)};
	bool first = true;
	size_t i;

	buf_add_str(out, "IF ");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		if (!used[i])
			continue;
		buf_add_str(out, first ? "" : "\n\t\tAND ");
		add_fits(out, t, rows[i]);
		first = false;
	}
	buf_add_str(out, " THEN\n");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		if (!used[i])
			continue;
		buf_add_fmt(out, "\t\tSET %s = ", vars[i]);
		add_row(out, t, rows[i]);
		buf_add_str(out, ";\n");
	}
	first = true;
	buf_add_str(out, "\t\tIF ");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		if (!used[i])
			continue;
		buf_add_fmt(out, "%sCOALESCE(OCTET_LENGTH(%s) > %lld, 1)", first ? "" : " OR ",
			    vars[i], (long long)clamp_cap(t->cap_bytes));
		first = false;
	}
	buf_add_str(out, " THEN\n\t\t\tSET adbl_new = NULL, adbl_old = NULL;\n\t\tEND IF;\n"
			 "\tEND IF;\n\t");
}

/* When there is something to tell; *ret_any: there is a condition. */
static void add_condition(struct buf *out, const struct my_trigger *t, bool *ret_any)
{
	const struct my_column *c;
	bool first = true;
	size_t i;

	*ret_any = t->where || t->op == OP_UPDATE;
	if (!*ret_any)
		return;
	buf_add_str(out, "IF ");
	if (t->op == OP_UPDATE) {
		buf_add_str(out, "NOT (");
		for (i = 0; i < t->column_count; i++) {
			c = &t->columns[i];
			if (!my_trigger_has(t, c))
				continue;
			buf_add_str(out, first ? "" : "\n\t\tAND ");
			my_type_same(out, type_of(t, c), c);
			first = false;
		}
		buf_add_str(out, first ? "1)" : ")");
	}
	if (t->where) {
		buf_add_str(out, t->op == OP_UPDATE ? " AND (" : "(");
		buf_add_str(out, t->where);
		/* on its own line: the filter may end in a comment */
		buf_add_str(out, "\n)");
	}
	buf_add_str(out, " THEN\n\t");
}

/* One statement, compound ones with semicolons inside. */
static void add_body(struct buf *out, const struct my_trigger *t)
{
	bool narrow = is_narrow(t), any;

	if (!narrow)
		buf_add_str(out,
			    "BEGIN\n\tDECLARE adbl_new, adbl_old LONGTEXT CHARACTER SET utf8mb4;"
			    "\n\t");
	add_condition(out, t, &any);
	if (!narrow)
		add_variables(out, t);
	add_insert(out, t);
	if (any)
		buf_add_str(out, ";\nEND IF");
	if (!narrow)
		buf_add_str(out, ";\nEND");
}

static const char *const events[OP_COUNT] = {
	[OP_INSERT] = "INSERT",
	[OP_UPDATE] = "UPDATE",
	[OP_DELETE] = "DELETE",
};

void my_trigger_create(struct buf *out, const struct my_trigger *t, bool or_replace)
{
	char name[MY_TRIGGER_NAME_BYTES];

	assert(events[t->op]);
	my_trigger_name(t, name);
	buf_add_str(out, or_replace ? "CREATE OR REPLACE TRIGGER " : "CREATE TRIGGER ");
	my_quote_name(out, t->schema, name);
	buf_add_fmt(out, "\n\tAFTER %s ON ", events[t->op]);
	my_quote_name(out, t->schema, t->table);
	buf_add_str(out, " FOR EACH ROW\n");
	add_body(out, t);
}

void my_trigger_stored(struct buf *out, const struct my_trigger *t)
{
	buf_add_fmt(out, " AFTER %s ON ", events[t->op]);
	my_quote_ident(out, t->table);
	buf_add_str(out, " FOR EACH ROW ");
	add_body(out, t);
}

/* ---- a row that is there already ---- */

void my_trigger_read(struct buf *out, const struct my_trigger *t)
{
	add_key(out, t, "NEW");
	buf_add_str(out, ",\n\t\tIF(");
	if (is_narrow(t))
		buf_add_fmt(out, "@@max_allowed_packet > %lld", (long long)longest(t, false));
	else
		add_fits(out, t, "NEW");
	buf_add_str(out, ", ");
	add_row(out, t, "NEW");
	buf_add_str(out, ", NULL)");
}

void my_trigger_size(struct buf *out, const struct my_trigger *t)
{
	add_lengths(out, t, MY_SIZE_TEXT, false, "NEW");
	buf_add_str(out, " + ");
	add_lengths(out, t, MY_SIZE_BINARY, false, "NEW");
	buf_add_fmt(out, " + %lld", (long long)fixed_bytes(t));
}

int64_t my_trigger_cap(const struct my_trigger *t)
{
	return clamp_cap(t->cap_bytes);
}

void my_trigger_drop(struct buf *out, const char *schema, const char *name)
{
	buf_add_str(out, "DROP TRIGGER IF EXISTS ");
	my_quote_name(out, schema, name);
}
