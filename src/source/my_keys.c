/* SPDX-License-Identifier: MIT */
#include "source/my_keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "source/my_quote.h"

#define TABLES_MAX 500
#define KEY_COLUMNS_MAX 16
#define SQL_MAX_BYTES (1UL << 20)

struct my_key {
	char *name;    /* as in table_name */
	char *new_key; /* expressions; "NULL" without a key */
	char *old_key;
};

void my_keys_reset(struct my_keys *k)
{
	while (k->count) {
		struct my_key *t = &k->items[--k->count];

		mem_free(t->name);
		mem_free(t->new_key);
		mem_free(t->old_key);
	}
	mem_free(k->items);
	k->items = NULL;
}

bool my_keys_has(const struct my_keys *k, const char *name)
{
	size_t i;

	if (k->count == TABLES_MAX)
		return true;
	for (i = 0; i < k->count; i++)
		if (strcmp(k->items[i].name, name) == 0)
			return true;
	return false;
}

void my_keys_case(const struct my_keys *k, struct buf *sql, bool is_new)
{
	size_t i;

	if (!k->count) {
		buf_add_str(sql, "NULL");
		return;
	}
	buf_add_str(sql, "CASE table_name");
	for (i = 0; i < k->count; i++) {
		buf_add_str(sql, " WHEN ");
		my_quote_literal(sql, text_of(k->items[i].name));
		buf_add_fmt(sql, " THEN %s", is_new ? k->items[i].new_key : k->items[i].old_key);
	}
	buf_add_str(sql, " END");
}

/* '{"a":' JSON_EXTRACT(...) ',"b":' JSON_EXTRACT(...) '}' as one expression over column. */
static void add_key(struct buf *out, const char *column, const struct string_list *names)
{
	struct buf part;
	size_t i;

	buf_init(&part, SQL_MAX_BYTES);
	buf_add_fmt(out, "CASE WHEN JSON_VALID(%s) THEN CONCAT(", column);
	for (i = 0; i < names->count; i++) {
		buf_reset(&part);
		buf_add_char(&part, i ? ',' : '{');
		json_quote(&part, text_of(names->items[i]));
		buf_add_char(&part, ':');
		my_quote_literal(out, buf_text(&part));
		buf_reset(&part);
		buf_add_str(&part, "$.");
		json_quote(&part, text_of(names->items[i]));
		buf_add_fmt(out, ", JSON_EXTRACT(%s, ", column);
		my_quote_literal(out, buf_text(&part));
		buf_add_str(out, "), ");
	}
	buf_add_str(out, "'}') END");
	if (buf_error(&part) != ERR_OK)
		out->error = ERR_NOMEM;
	buf_done(&part);
}

static char *key_expression(const char *column, const struct string_list *names)
{
	struct buf out;
	char *taken;

	buf_init(&out, SQL_MAX_BYTES);
	if (names->count)
		add_key(&out, column, names);
	else
		buf_add_str(&out, "NULL");
	taken = buf_take(&out);
	buf_done(&out);
	return taken;
}

static const struct string_list *configured_key(const struct pipeline_settings *s,
						const char *schema, const char *table)
{
	size_t i;

	for (i = 0; i < s->table_count; i++) {
		const struct table_settings *t = &s->tables[i];

		if (t->key.count && strcasecmp(t->table, table) == 0 &&
		    (!t->schema || strcasecmp(t->schema, schema) == 0))
			return &t->key;
	}
	return NULL;
}

static ATTR_MUST_CHECK enum err_code add_table(struct my_keys *k, const char *name,
					       const struct string_list *key, struct err *e)
{
	struct my_key t = {.name = mem_strdup(name),
			   .new_key = key_expression("data", key),
			   .old_key = key_expression("old_data", key)};

	if (!k->items)
		k->items = mem_calloc(TABLES_MAX, sizeof(*k->items));
	if (k->items && t.name && t.new_key && t.old_key) {
		k->items[k->count++] = t;
		return ERR_OK;
	}
	mem_free(t.name);
	mem_free(t.new_key);
	mem_free(t.old_key);
	return err_set(e, ERR_NOMEM, "no memory for a key");
}

/* May a schema or a table have the name? information_schema refuses the question with a character
 * that no name has (MySQL manual, "Schema Object Names": beyond U+FFFF). */
static bool is_name(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0xf0)
			return false;
	return true;
}

static ATTR_MUST_CHECK enum err_code ask_primary_key(struct my_conn *c, const char *schema,
						     const char *table, struct my_result **ret_r,
						     struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE "
			  "INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA = ");
	my_quote_literal(&sql, text_of(schema));
	buf_add_str(&sql, " AND TABLE_NAME = ");
	my_quote_literal(&sql, text_of(table));
	buf_add_str(&sql, " ORDER BY SEQ_IN_INDEX");
	code = my_conn_query_buf(c, &sql, ret_r, e);
	buf_done(&sql);
	return code;
}

enum err_code my_keys_learn(struct my_keys *k, struct my_conn *c,
			    const struct pipeline_settings *settings, const struct my_keys_name *n,
			    struct err *e)
{
	const struct string_list *configured = configured_key(settings, n->schema, n->table);
	char *names[KEY_COLUMNS_MAX];
	struct string_list key = {.items = names};
	struct my_result *r = NULL;
	enum err_code code;

	if (configured || !is_name(n->schema) || !is_name(n->table))
		return add_table(k, n->name, configured ? configured : &key, e);
	code = ask_primary_key(c, n->schema, n->table, &r, e);
	if (code != ERR_OK)
		return code;
	/* the names live as long as the result */
	while (key.count < KEY_COLUMNS_MAX && my_result_next(r))
		names[key.count++] = (char *)(uintptr_t)my_result_str(r, 0);
	code = add_table(k, n->name, &key, e);
	my_result_free(r);
	return code;
}
