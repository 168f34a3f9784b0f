/* SPDX-License-Identifier: MIT */
#include "source/backfill_table.h"

#include <string.h>

#include "config/field.h"
#include "config/suggest.h"
#include "config/where.h"

static bool is_schema(const struct table_settings *t, const char *standard, const char *schema)
{
	return !standard || strcmp(t->schema ? t->schema : standard, schema) == 0;
}

const struct table_settings *backfill_entry(const struct pipeline_settings *p, const char *standard,
					    const char *schema, const char *table)
{
	const struct table_settings *all = NULL;
	size_t i;

	for (i = 0; i < p->table_count; i++) {
		const struct table_settings *t = &p->tables[i];

		if (!is_schema(t, standard, schema))
			continue;
		if (strcmp(t->table, table) == 0)
			return t;
		if (!all && strcmp(t->table, "*") == 0)
			all = t;
	}
	return all;
}

static ATTR_MUST_CHECK enum err_code not_captured(const struct settings *s,
						  const struct tables *tables, size_t p,
						  const char *name, struct err *e)
{
	struct suggest near;
	size_t i;

	suggest_init(&near, text_of(name));
	for (i = 0; i < tables->count; i++) {
		if (tables->items[i].pipeline != p)
			continue;
		suggest_add(&near, tables->items[i].name);
		suggest_add(&near, tables->items[i].label);
	}
	return err_set(e, ERR_USAGE, "pipeline %s captures no table %s%s%s%s", s->pipelines[p].name,
		       name, suggest_best(&near) ? ", did you mean " : "",
		       suggest_best(&near) ? suggest_best(&near) : "",
		       suggest_best(&near) ? "?" : "");
}

enum err_code backfill_find_table(const struct settings *s, const struct tables *tables, size_t p,
				  const char *name, const struct table **ret_t, struct err *e)
{
	const struct table *found = NULL, *t;
	size_t i;

	for (i = 0; i < tables->count; i++) {
		t = &tables->items[i];
		if (t->pipeline != p || (strcmp(t->label, name) != 0 && strcmp(t->name, name) != 0))
			continue;
		if (found && strcmp(found->label, name) != 0 && strcmp(t->label, name) != 0)
			return err_set(e, ERR_USAGE,
				       "%s and %s are both called %s: name the schema",
				       found->label, t->label, name);
		if (!found || strcmp(t->label, name) == 0)
			found = t;
	}
	if (!found)
		return not_captured(s, tables, p, name, e);
	if (found->problem != ERR_OK)
		return err_set(e, found->problem, "%s %s%s%s", found->label, found->message,
			       found->hint[0] ? "; " : "", found->hint);
	*ret_t = found;
	return ERR_OK;
}

static bool is_captured(const struct table *t, const char *column)
{
	const struct table_settings *c = t->settings;

	if (string_list_has(&t->key, column))
		return true;
	if (c->columns.count && !string_list_has(&c->columns, column))
		return false;
	return !string_list_has(&c->exclude, column);
}

enum err_code backfill_check_columns(const struct table *t, const struct string_list *wanted,
				     struct err *e)
{
	struct suggest near;
	const char *column;
	size_t i, j;

	for (i = 0; i < wanted->count; i++) {
		column = wanted->items[i];
		if (string_list_has(&t->columns, column) && is_captured(t, column))
			continue;
		if (string_list_has(&t->columns, column))
			return err_set(e, ERR_USAGE,
				       "--columns: the configuration leaves column %s of %s out",
				       column, t->label);
		suggest_init(&near, text_of(column));
		for (j = 0; j < t->columns.count; j++)
			suggest_add(&near, t->columns.items[j]);
		return err_set(e, ERR_USAGE, "--columns: %s has no column %s%s%s%s", t->label,
			       column, suggest_best(&near) ? ", did you mean " : "",
			       suggest_best(&near) ? suggest_best(&near) : "",
			       suggest_best(&near) ? "?" : "");
	}
	return ERR_OK;
}

enum err_code backfill_write_where(const char *sql, enum source_type type, struct buf *out,
				   struct err *e)
{
	enum err_code code = where_write(text_of(sql), type, WHERE_OWN, OP_READ, out, e);

	if (code == ERR_OK || code == ERR_NOMEM)
		return code;
	if (e)
		e->code = ERR_USAGE;
	(void)err_prefix(e, "--where");
	return ERR_USAGE;
}
