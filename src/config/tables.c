/* SPDX-License-Identifier: MIT */
/*
 * Tables: names like users, sales.orders, sales.*, "Mixed Case"."odd.name", and what is said of
 * each.
 */
#include <strings.h>

#include "base/mem.h"
#include "config/field.h"
#include "config/loading.h"
#include "config/suggest.h"
#include "config/value.h"
#include "config/where.h"

#define TABLES_NAME_BYTES_MAX 512
#define TABLES_TEXT_BYTES_MAX 65536
#define TABLES_IDENTIFIER_MAX 64 /* the most that any database takes */

/* Take what stands in double quotes, each quote within it doubled, off the front of *t. */
static const char *take_quoted(struct text *t, struct buf *out)
{
	bool closed = false;
	size_t i;

	for (i = 1; i < t->len && !closed; i++) {
		closed = t->s[i] == '"' && (i + 1 == t->len || t->s[i + 1] != '"');
		if (!closed)
			buf_add_char(out, t->s[i]);
		if (!closed && t->s[i] == '"')
			i++;
	}
	if (!closed)
		return "a double quote that is never closed";
	*t = (struct text){t->s + i, t->len - i};
	return NULL;
}

/* Take what stands before the next point off the front of *t. */
static const char *take_bare(struct text *t, struct buf *out)
{
	size_t i;

	for (i = 0; i < t->len && t->s[i] != '.'; i++) {
		if (t->s[i] == '"' || (unsigned char)t->s[i] <= ' ')
			return "spaces and quotes need a name in double quotes";
		buf_add_char(out, t->s[i]);
	}
	*t = (struct text){t->s + i, t->len - i};
	return NULL;
}

/* Take one part of a name off the front of *t into out: up to a point, or a whole quoted
 * identifier. Returns a complaint or NULL; *ret_quoted tells that * is no wildcard. */
static const char *take_part(struct text *t, struct buf *out, bool *ret_quoted)
{
	bool quoted = t->len && t->s[0] == '"';
	const char *complaint = quoted ? take_quoted(t, out) : take_bare(t, out);

	if (complaint)
		return complaint;
	*ret_quoted = quoted;
	if (t->len && t->s[0] != '.')
		return "a table is TABLE or SCHEMA.TABLE";
	if (!out->len)
		return "a table is TABLE or SCHEMA.TABLE: a name is missing";
	if (quoted && !strcmp(buf_str(out), "*"))
		return "no table is called *: leave the quotes out to mean all tables";
	return out->len > TABLES_IDENTIFIER_MAX ? "a name is longer than 64 bytes" : NULL;
}

/* One or two parts. "*" is allowed as the last one. */
static const char *take_name(struct text name, struct buf parts[static 2], size_t *ret_count)
{
	struct text rest = value_trim(name);
	const char *complaint = NULL;
	size_t count = 0;
	bool quoted;

	do {
		if (count == 2)
			return "a table is TABLE or SCHEMA.TABLE";
		if (count) /* the point */
			rest = (struct text){rest.s + 1, rest.len - 1};
		complaint = take_part(&rest, &parts[count], &quoted);
		if (complaint)
			return complaint;
		if (!quoted && strchr(buf_str(&parts[count]), '*') &&
		    (strcmp(buf_str(&parts[count]), "*") != 0 || rest.len))
			return "* stands for all tables of a schema, as in SCHEMA.*, not for a "
			       "part of a name";
		count++;
	} while (rest.len);
	*ret_count = count;
	return NULL;
}

/* SQLite's files have one schema each; one that is attached by the application is not seen here.
 * Nothing is left of "main", so that a table has one name. */
static void table_schema_check(struct loading *l, struct table_settings *t, struct node n,
			       const struct path *path)
{
	if (!t->schema || !l->tables_source || l->tables_source->type != SOURCE_SQLITE)
		return;
	if (strcasecmp(t->schema, "main") != 0)
		loading_mistake(l, n, path, "sqlite has no schema but main: write %s", t->table);
	mem_free(t->schema);
	t->schema = NULL;
}

static void table_name_set(struct loading *l, struct table_settings *t, struct text name,
			   struct node n, const struct path *path)
{
	struct buf parts[2];
	size_t count = 0;
	const char *complaint;

	buf_init(&parts[0], TABLES_NAME_BYTES_MAX);
	buf_init(&parts[1], TABLES_NAME_BYTES_MAX);
	complaint = take_name(name, parts, &count);
	if (buf_error(&parts[0]) == ERR_NOMEM || buf_error(&parts[1]) == ERR_NOMEM) {
		l->error = ERR_NOMEM;
	} else if (complaint) {
		loading_mistake(l, n, path, "%s", complaint);
	} else {
		t->table = buf_take(&parts[count - 1]);
		if (count == 2)
			t->schema = buf_take(&parts[0]);
		if (!t->table || (count == 2 && !t->schema))
			l->error = ERR_NOMEM;
		else
			table_schema_check(l, t, n, path);
	}
	buf_done(&parts[0]);
	buf_done(&parts[1]);
}

void table_name_read(struct loading *l, struct table_settings *t, struct node n,
		     const struct path *path)
{
	struct buf text;

	buf_init(&text, TABLES_TEXT_BYTES_MAX);
	if (loading_text(l, n, path, &text))
		table_name_set(l, t, buf_text(&text), n, path);
	buf_done(&text);
}

static void where_set(struct loading *l, struct table_settings *t, struct text sql,
		      enum where_form form, enum op op, struct node n, const struct path *path)
{
	struct buf out;
	struct err e;
	enum err_code code;

	buf_init(&out, TABLES_TEXT_BYTES_MAX);
	code = where_write(sql, l->tables_source ? l->tables_source->type : SOURCE_POSTGRES, form,
			   op, &out, &e);
	if (loading_note(l, n, path, code, &e)) {
		t->where[op] = buf_take(&out);
		if (!t->where[op])
			l->error = ERR_NOMEM;
	}
	buf_done(&out);
}

/* where: {insert: SQL, update: SQL, delete: SQL} */
static void where_read_mapping(struct loading *l, struct table_settings *t, struct node n,
			       const struct path *path)
{
	struct suggest near;
	struct path where;
	struct buf text;
	enum op op;
	size_t i;

	if (!loading_mapping(l, n, path))
		return;
	for (i = 0; i < node_count(n); i++) {
		where = path_key(path, node_text(node_key(n, i)));
		if (loading_is_repeated(n, i))
			continue;
		suggest_init(&near, node_text(node_key(n, i)));
		for (op = 0; op < OP_TRUNCATE; op++)
			suggest_add(&near, op_name(op));
		if (!op_parse(node_text(node_key(n, i)), &op) || op == OP_READ) {
			loading_unknown(l, node_key(n, i), &where, "not an operation",
					suggest_best(&near));
			continue;
		}
		if (op == OP_TRUNCATE) {
			loading_mistake(l, node_key(n, i), &where,
					"a truncate has no rows to filter");
			continue;
		}
		buf_init(&text, TABLES_TEXT_BYTES_MAX);
		if (loading_text(l, node_value(n, i), &where, &text))
			where_set(l, t, buf_text(&text), WHERE_OWN, op, node_value(n, i), &where);
		buf_done(&text);
	}
}

void where_read(struct loading *l, struct table_settings *t, struct node n, const struct path *path)
{
	struct buf text;
	enum op op;

	if (node_kind(n) == NODE_MAPPING) {
		where_read_mapping(l, t, n, path);
		return;
	}
	buf_init(&text, TABLES_TEXT_BYTES_MAX);
	if (loading_text(l, n, path, &text)) {
		for (op = 0; op < OP_TRUNCATE; op++)
			where_set(l, t, buf_text(&text), WHERE_SHARED, op, n, path);
	}
	buf_done(&text);
}

/* What the keys of one table mean together. */
static void table_check(struct loading *l, const struct table_settings *t, struct node n,
			const struct path *path)
{
	struct path exclude = path_key(path, TEXT_LIT("exclude"));
	struct path columns = path_key(path, TEXT_LIT("columns"));
	size_t i;

	if (t->columns.count && t->exclude.count)
		loading_mistake(l, node_find_key(n, "exclude"), &exclude,
				"not together with columns");
	for (i = 0; i < t->key.count; i++) {
		if (string_list_has(&t->exclude, t->key.items[i]))
			loading_mistake(l, node_find(n, "exclude"), &exclude,
					"holds %s, which is part of key", t->key.items[i]);
		if (t->columns.count && !string_list_has(&t->columns, t->key.items[i]))
			loading_mistake(l, node_find(n, "columns"), &columns,
					"lacks %s, which is part of key", t->key.items[i]);
	}
}

/* What only a trigger of our own could do. */
static void table_check_audit(struct loading *l, struct node n, const struct path *path)
{
	static const char *const names[] = {"columns", "exclude", "where"};
	struct path where;
	struct node key;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		key = node_find_key(n, names[i]);
		where = path_key(path, text_of(names[i]));
		if (node_is_given(key))
			loading_mistake(
				l, key, &where,
				"not with audit_table: the triggers that fill it are yours");
	}
}

static void table_read_mapping(struct loading *l, struct table_settings *t, struct node n,
			       const struct path *path)
{
	struct scope scope = {.path = *path, .sections = {"tables"}, .base = {[KEY_IN_TABLE] = t}};
	size_t before = loading_mistake_count(l);

	scope_read(l, &scope, n);
	if (!node_is_given(node_find_key(n, "name"))) {
		struct path name = path_key(path, TEXT_LIT("name"));

		loading_mistake(l, n, &name, "required");
	}
	if (l->tables_source && l->tables_source->audit_table)
		table_check_audit(l, n, path);
	if (loading_mistake_count(l) == before)
		table_check(l, t, n, path);
}

static bool is_same_name(const char *a, const char *b)
{
	return text_eq(text_of(a), text_of(b));
}

static void table_check_repeated(struct loading *l, const struct pipeline_settings *p,
				 const struct table_settings *t, struct node n,
				 const struct path *path)
{
	size_t i;

	for (i = 0; t->table && i < p->table_count; i++) {
		const struct table_settings *other = &p->tables[i];

		if (other != t && is_same_name(other->table, t->table) &&
		    is_same_name(other->schema, t->schema))
			loading_mistake(l, n, path, "this table is given twice, first in line %d",
					other->line);
	}
}

/* The next table of p, whose array has room. */
static struct table_settings *table_begin(struct pipeline_settings *p, struct node n)
{
	struct table_settings *t = &p->tables[p->table_count];

	t->line = node_line(n);
	return t;
}

static void table_end(struct loading *l, struct pipeline_settings *p, struct node n,
		      const struct path *path)
{
	table_check_repeated(l, p, &p->tables[p->table_count], n, path);
	p->table_count++;
}

static void table_read(struct loading *l, struct pipeline_settings *p, struct node n,
		       const struct path *path)
{
	struct table_settings *t = table_begin(p, n);

	if (node_kind(n) == NODE_MAPPING)
		table_read_mapping(l, t, n, path);
	else
		table_name_read(l, t, n, path);
	table_end(l, p, n, path);
}

/* "users, sales.orders": names without quotes, commas between. */
static void tables_read_text(struct loading *l, struct pipeline_settings *p, struct text names,
			     struct node n, const struct path *path)
{
	struct text part;
	const char *comma;
	size_t count = 1, i;

	for (i = 0; i < names.len; i++)
		count += names.s[i] == ',';
	if (count > DOCUMENT_ENTRIES_MAX) {
		loading_mistake(l, n, path, "too many tables: at most 1000 are allowed");
		return;
	}
	p->tables = loading_array(l, count, sizeof(*p->tables));
	for (i = 0; p->tables && i < count; i++) {
		comma = memchr(names.s, ',', names.len);
		part = (struct text){names.s, comma ? (size_t)(comma - names.s) : names.len};
		table_name_set(l, table_begin(p, n), part, n, path);
		table_end(l, p, n, path);
		names = (struct text){part.s + part.len + (comma != NULL),
				      names.len - part.len - (comma != NULL)};
	}
}

static void tables_read_list(struct loading *l, struct pipeline_settings *p, struct node n,
			     const struct path *path)
{
	struct path item;
	size_t i;

	if (!node_count(n))
		loading_mistake(l, n, path, "an empty list: no table would be captured");
	p->tables = loading_array(l, node_count(n), sizeof(*p->tables));
	for (i = 0; p->tables && i < node_count(n); i++) {
		item = path_item(path, i);
		table_read(l, p, node_item(n, i), &item);
	}
}

void tables_read(struct loading *l, struct pipeline_settings *p, struct node n,
		 const struct path *path, enum key_type type)
{
	enum node_kind kind = node_kind(n);
	struct buf text;

	if (type == KEY_TABLE) {
		p->tables = loading_array(l, 1, sizeof(*p->tables));
		if (p->tables)
			table_read(l, p, n, path);
		return;
	}
	if (kind == NODE_LIST) {
		tables_read_list(l, p, n, path);
		return;
	}
	if (kind == NODE_MAPPING) {
		loading_mistake(l, n, path, "must be a list of tables, not a mapping");
		return;
	}
	buf_init(&text, TABLES_TEXT_BYTES_MAX);
	if (loading_text(l, n, path, &text))
		tables_read_text(l, p, buf_text(&text), n, path);
	buf_done(&text);
}
