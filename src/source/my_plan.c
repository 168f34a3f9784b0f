/* SPDX-License-Identifier: MIT */
/*
 * The row is NEW in every statement, so that the expressions are the triggers' own.
 */
#include "source/my_plan.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "config/field.h"
#include "source/my_source.h"

/* SKIP LOCKED: MariaDB documentation, "SELECT ... SKIP LOCKED"; MySQL has it since 8.0.1. */
#define MARIADB_SKIPS 100600

struct my_plan {
	struct my_columns columns;
	struct my_walk walk;
	struct string_list only; /* what is read */
	struct string_list key;  /* of the events: as configured, else the primary key */
	struct my_trigger trigger;
	struct buf from;
	struct buf filter; /* of the configuration and of the job; empty: every row */
	bool skips;
};

/* ---- what is captured ---- */

/* Names as the catalog has them: the server may spell them otherwise than the configuration does.
 */
static bool is_of(const struct my_plan_request *r, const struct table_settings *t)
{
	const char *schema = t->schema ? t->schema : r->source->database;

	return strcasecmp(schema, r->schema) == 0 &&
	       (strcmp(t->table, "*") == 0 || strcasecmp(t->table, r->table) == 0);
}

/* The entry that counts for the table: one that names it before one with "*". */
static const struct table_settings *find_settings(const struct my_plan_request *r)
{
	const struct table_settings *found = NULL;
	size_t i;

	for (i = 0; i < r->pipeline->table_count; i++) {
		const struct table_settings *t = &r->pipeline->tables[i];

		if (is_of(r, t) && (!found || strcmp(found->table, "*") == 0))
			found = t;
	}
	return found;
}

static ATTR_MUST_CHECK enum err_code add_name(struct string_list *l, const char *name,
					      struct err *e)
{
	return string_list_add(l, text_of(name)) == ERR_OK
		       ? ERR_OK
		       : err_set(e, ERR_NOMEM, "no memory for a table's columns");
}

static ATTR_MUST_CHECK enum err_code choose_key(struct my_plan *p, const struct table_settings *t,
						struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i, n = t->key.count ? t->key.count : p->walk.count;

	for (i = 0; code == ERR_OK && i < n; i++)
		code = add_name(&p->key, t->key.count ? t->key.items[i] : p->walk.columns[i]->name,
				e);
	return code;
}

static ATTR_MUST_CHECK enum err_code choose_columns(struct my_plan *p,
						    const struct my_plan_request *r,
						    const struct table_settings *t, struct err *e)
{
	const struct my_trigger captured = {
		.only = &t->columns, .exclude = &t->exclude, .key = &p->key};
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < p->columns.count; i++) {
		const struct my_column *c = &p->columns.items[i];

		if (!my_trigger_has(&captured, c))
			continue;
		if (r->columns->count && !string_list_has(r->columns, c->name) &&
		    !string_list_has(&p->key, c->name))
			continue;
		if (!my_type_find(p->trigger.flavour, c))
			return err_set(e, ERR_CONFIG,
				       "column %.64s has type %.64s, which cannot be "
				       "captured",
				       c->name, c->column_type);
		code = add_name(&p->only, c->name, e);
	}
	for (i = 0; code == ERR_OK && i < r->columns->count; i++)
		if (!string_list_has(&p->only, r->columns->items[i]))
			code = err_set(e, ERR_USAGE,
				       "column %.64s is not there, or pipeline %s does not capture "
				       "it",
				       r->columns->items[i], r->pipeline->name);
	return code;
}

/* One may end in a comment. */
static void add_filter(struct my_plan *p, const char *where)
{
	if (!where)
		return;
	buf_add_str(&p->filter, p->filter.len ? " AND (" : "(");
	buf_add_str(&p->filter, where);
	buf_add_str(&p->filter, "\n)");
}

static bool has_column(const struct my_columns *columns, const char *name)
{
	size_t i;

	for (i = 0; i < columns->count; i++)
		if (strcmp(columns->items[i].name, name) == 0)
			return true;
	return false;
}

static ATTR_MUST_CHECK enum err_code choose(struct my_plan *p, const struct my_plan_request *r,
					    struct err *e)
{
	const struct table_settings *t = find_settings(r);
	enum err_code code;
	size_t i;

	if (!t)
		return err_set(e, ERR_CONFIG, "pipeline %s does not capture it", r->pipeline->name);
	add_filter(p, t->where[OP_INSERT]);
	add_filter(p, r->where);
	code = choose_key(p, t, e);
	for (i = 0; code == ERR_OK && i < p->key.count; i++)
		if (!has_column(&p->columns, p->key.items[i]))
			code = err_set(e, ERR_CONFIG, "column %.64s of its configured key is gone",
				       p->key.items[i]);
	return code == ERR_OK ? choose_columns(p, r, t, e) : code;
}

/* ---- new and free ---- */

static const struct string_list no_columns;

static void fill_in(struct my_plan *p, const struct my_plan_request *r)
{
	p->trigger.op = OP_INSERT;
	p->trigger.cap_bytes = r->source->max_event_bytes;
	p->trigger.columns = p->columns.items;
	p->trigger.column_count = p->columns.count;
	p->trigger.only = &p->only;
	p->trigger.exclude = &no_columns;
	p->trigger.key = &p->key;
	buf_add_str(&p->from, " FROM ");
	my_quote_name(&p->from, r->schema, r->table);
	buf_add_str(&p->from, " AS NEW FORCE INDEX (PRIMARY) WHERE ");
}

enum err_code my_plan_new(struct my_conn *c, const struct my_plan_request *r,
			  struct my_plan **ret_p, struct err *e)
{
	struct my_plan *p = mem_calloc(1, sizeof(*p));
	enum err_code code;

	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for a backfill");
	buf_init(&p->from, MY_SQL_MAX_BYTES);
	buf_init(&p->filter, MY_SQL_MAX_BYTES);
	p->trigger.flavour = my_conn_is_mariadb(c) ? MY_MARIADB : MY_MYSQL;
	p->skips =
		!r->never_skips && (!my_conn_is_mariadb(c) || my_conn_version(c) >= MARIADB_SKIPS);
	code = my_columns_load(c, r->schema, r->table, &p->columns, e);
	if (code == ERR_OK && !p->columns.count)
		code = err_set(e, ERR_NOT_FOUND, "no such table, or none that this user may see");
	if (code == ERR_OK)
		code = my_walk_load(c, r->schema, r->table, &p->columns, &p->walk, e);
	if (code == ERR_OK)
		code = choose(p, r, e);
	if (code == ERR_OK && (buf_error(&p->filter) != ERR_OK))
		code = err_set(e, ERR_NOMEM, "no memory for a backfill");
	if (code != ERR_OK) {
		my_plan_free(p);
		(void)err_prefix(e, "%s.%s", r->schema, r->table);
		return code;
	}
	fill_in(p, r);
	*ret_p = p;
	return ERR_OK;
}

void my_plan_free(struct my_plan *p)
{
	if (!p)
		return;
	my_columns_done(&p->columns);
	string_list_done(&p->only);
	string_list_done(&p->key);
	buf_done(&p->from);
	buf_done(&p->filter);
	mem_free(p);
}

/* ---- statements ---- */

const struct my_walk *my_plan_walk(const struct my_plan *p)
{
	return &p->walk;
}

int64_t my_plan_cap(const struct my_plan *p)
{
	return my_trigger_cap(&p->trigger);
}

bool my_plan_skips(const struct my_plan *p)
{
	return p->skips;
}

static void add_from(const struct my_plan *p, struct buf *out)
{
	buf_add_text(out, buf_text(&p->from));
	if (buf_error(&p->from) != ERR_OK)
		out->error = buf_error(&p->from);
}

void my_plan_look(const struct my_plan *p, struct buf *out)
{
	buf_add_str(out, "SELECT ");
	my_walk_key(out, &p->walk);
	buf_add_str(out, p->filter.len ? ", IF((" : ", ");
	if (p->filter.len) {
		buf_add_text(out, buf_text(&p->filter));
		buf_add_str(out, ") IS TRUE, ");
	}
	my_trigger_size(out, &p->trigger);
	buf_add_str(out, p->filter.len ? ", NULL)" : "");
	add_from(p, out);
}

void my_plan_read(const struct my_plan *p, struct buf *out)
{
	buf_add_str(out, "SELECT ");
	my_walk_key(out, &p->walk);
	buf_add_str(out, ", ");
	my_trigger_read(out, &p->trigger);
	add_from(p, out);
}

void my_plan_last(const struct my_plan *p, struct buf *out)
{
	size_t i;

	buf_add_str(out, "SELECT ");
	my_walk_key(out, &p->walk);
	add_from(p, out);
	buf_add_str(out, "1 ORDER BY ");
	for (i = 0; i < p->walk.count; i++) {
		buf_add_str(out, i ? ", NEW." : "NEW.");
		my_quote_ident(out, p->walk.columns[i]->name);
		buf_add_str(out, " DESC");
	}
	buf_add_str(out, " LIMIT 1");
}

bool my_plan_filters(const struct my_plan *p)
{
	return p->filter.len != 0;
}

void my_plan_filter(const struct my_plan *p, struct buf *out)
{
	if (!p->filter.len)
		return;
	buf_add_str(out, " AND ");
	buf_add_text(out, buf_text(&p->filter));
}

void my_plan_lock(const struct my_plan *p, struct buf *out)
{
	if (p->trigger.flavour == MY_MYSQL)
		buf_add_str(out, p->skips ? " FOR SHARE SKIP LOCKED" : " FOR SHARE NOWAIT");
	else
		buf_add_str(out, p->skips ? " LOCK IN SHARE MODE SKIP LOCKED"
					  : " LOCK IN SHARE MODE NOWAIT");
}
