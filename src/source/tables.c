/* SPDX-License-Identifier: MIT */
#include "source/tables.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/field.h"
#include "config/suggest.h"

static void table_done(struct table *t)
{
	size_t i;

	for (i = 0; i < t->part_count; i++) {
		mem_free(t->parts[i].schema);
		mem_free(t->parts[i].name);
	}
	mem_free(t->parts);
	string_list_done(&t->columns);
	string_list_done(&t->types);
	string_list_done(&t->key);
	mem_free(t->schema);
	mem_free(t->name);
}

void tables_done(struct tables *t)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		table_done(&t->items[i]);
	mem_free(t->items);
	*t = (struct tables){0};
}

static struct table *push(struct tables *t)
{
	size_t cap = t->cap ? t->cap * 2 : 16;
	struct table *items;

	if (t->count == t->cap) {
		items = mem_realloc(t->items, cap * sizeof(*items));
		if (!items)
			return NULL;
		t->items = items;
		t->cap = cap;
	}
	t->items[t->count] = (struct table){0};
	return &t->items[t->count++];
}

/* Only the name that was asked for exists to make a table from. */
enum err_code tables_add(struct tables *list, size_t pipeline,
			 const struct table_settings *settings, const char *schema,
			 const char *name, struct table **ret_t, struct err *e)
{
	struct table *t = push(list);

	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for table %s", name);
	t->pipeline = pipeline;
	t->settings = settings;
	t->schema = mem_strdup(schema);
	t->name = mem_strdup(name);
	if (!t->schema || !t->name)
		return err_set(e, ERR_NOMEM, "no memory for table %s", name);
	(void)snprintf(t->label, sizeof(t->label), "%.64s%s%.64s", schema, *schema ? "." : "",
		       name);
	*ret_t = t;
	return ERR_OK;
}

void tables_pop(struct tables *t)
{
	table_done(&t->items[--t->count]);
}

bool tables_has(const struct tables *t, size_t pipeline, const char *schema, const char *name)
{
	size_t i;

	for (i = 0; i < t->count; i++)
		if (t->items[i].pipeline == pipeline && strcmp(t->items[i].name, name) == 0 &&
		    strcmp(t->items[i].schema, schema) == 0)
			return true;
	return false;
}

void table_refuse(struct table *t, enum err_code code, const char *message, const char *hint)
{
	if (t->problem != ERR_OK)
		return;
	t->problem = code;
	(void)snprintf(t->message, sizeof(t->message), "%s", message);
	(void)snprintf(t->hint, sizeof(t->hint), "%s", hint);
}

static void refuse_unknown(struct table *t, const struct string_list *names, const char *setting)
{
	char message[256], hint[256];
	struct suggest near;
	size_t i, k;

	for (i = 0; i < names->count; i++) {
		if (string_list_has(&t->columns, names->items[i]))
			continue;
		suggest_init(&near, text_of(names->items[i]));
		for (k = 0; k < t->columns.count; k++)
			suggest_add(&near, t->columns.items[k]);
		(void)snprintf(message, sizeof(message), "has no column \"%.64s\", named in %s",
			       names->items[i], setting);
		hint[0] = '\0';
		if (suggest_best(&near))
			(void)snprintf(hint, sizeof(hint), "did you mean \"%.64s\"?",
				       suggest_best(&near));
		table_refuse(t, ERR_CONFIG, message, hint);
	}
}

void table_refuse_unknown_columns(struct table *t)
{
	refuse_unknown(t, &t->settings->key, "key");
	refuse_unknown(t, &t->settings->columns, "columns");
	refuse_unknown(t, &t->settings->exclude, "exclude");
}

enum err_code table_filter_error(const struct table *t, const char *pipeline, enum op op,
				 struct err *e)
{
	(void)err_prefix(e, "%s, pipeline %s, where for %s", t->label, pipeline, op_name(op));
	if (e)
		e->code = ERR_CONFIG;
	return ERR_CONFIG;
}

enum err_code table_list_add(struct string_list *l, const char *s, struct err *e)
{
	if (string_list_add(l, text_of(s)) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a list of columns");
	return ERR_OK;
}

enum err_code table_take_configured_key(struct table *t, bool *ret_taken, struct err *e)
{
	const struct string_list *key = &t->settings->key;
	enum err_code code = ERR_OK;
	size_t i;

	*ret_taken = key->count > 0;
	for (i = 0; i < key->count && code == ERR_OK; i++)
		code = table_list_add(&t->key, key->items[i], e);
	return code;
}

enum err_code tables_each_entry(const struct settings *s, size_t source, table_entry_fn fn,
				void *ctx, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i, k;
	int stars;

	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];

		if (p->source != source)
			continue;
		for (stars = 0; stars < 2; stars++)
			for (k = 0; k < p->table_count && code == ERR_OK; k++)
				if ((strcmp(p->tables[k].table, "*") == 0) == stars)
					code = fn(ctx, i, &p->tables[k], e);
	}
	return code;
}
