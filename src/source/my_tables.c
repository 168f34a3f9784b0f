/* SPDX-License-Identifier: MIT */
#include "source/my_tables.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/suggest.h"

/* ---- what cannot be captured ---- */

static void refuse_schema(struct table *t)
{
	static const char *const system[] = {"mysql", "information_schema", "performance_schema",
					     "sys"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(system); i++)
		if (strcasecmp(t->schema, system[i]) == 0)
			table_refuse(t, ERR_CONFIG, "is the server's own", "");
	if (strncmp(t->name, MY_PREFIX, strlen(MY_PREFIX)) == 0)
		table_refuse(t, ERR_CONFIG,
			     "belongs to the outbox itself: it would capture its own events", "");
}

static void refuse_kind(struct table *t, const char *kind)
{
	static const struct {
		const char *kind;
		const char *what;
	} kinds[] = {
		{"VIEW", "is a view: capture the tables behind it"},
		{"SYSTEM VIEW", "is the server's own"},
		{"SEQUENCE", "is a sequence"},
		{"TEMPORARY", "is a temporary table"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			table_refuse(t, ERR_CONFIG, kinds[i].what, "");
}

/* What was written to such a table stays when the transaction is rolled back or the server dies;
 * the event does not. */
static void refuse_engine(struct table *t, const char *engine, const char *transactions)
{
	char message[128];

	if (strcmp(engine, "SPIDER") == 0 || strcmp(engine, "FEDERATED") == 0)
		table_refuse(t, ERR_CONFIG, "lies on another server: others can change it unseen",
			     "capture it there");
	if (strcmp(transactions, "YES") == 0)
		return;
	(void)snprintf(message, sizeof(message),
		       "has engine %.32s, which has no transactions: changes and events could part",
		       *engine ? engine : "?");
	table_refuse(t, ERR_CONFIG, message, "ALTER TABLE ... ENGINE = InnoDB");
}

/* ---- reading the catalog ---- */

static bool is_captured(const struct table *t, const struct my_column *c)
{
	const struct my_trigger only = {
		.only = &t->settings->columns, .exclude = &t->settings->exclude, .key = &t->key};

	return my_trigger_has(&only, c);
}

/* Types that nothing is known about are never guessed. */
static void refuse_types(struct my_admin *a, struct table *t, const struct my_columns *columns)
{
	char message[256];
	size_t i;

	for (i = 0; i < columns->count; i++) {
		const struct my_column *c = &columns->items[i];

		if (my_type_find(a->flavour, c) || !is_captured(t, c))
			continue;
		(void)snprintf(message, sizeof(message),
			       "column %.64s has type %.64s, which cannot be captured", c->name,
			       c->column_type);
		table_refuse(t, ERR_CONFIG, message, "name it in exclude");
	}
}

static ATTR_MUST_CHECK enum err_code load_columns(struct my_admin *a, struct table *t,
						  struct my_columns *columns, struct err *e)
{
	enum err_code code = my_columns_load(a->conn, t->schema, t->name, columns, e);
	size_t i;

	for (i = 0; i < columns->count && code == ERR_OK; i++) {
		code = table_list_add(&t->columns, columns->items[i].name, e);
		if (code == ERR_OK)
			code = table_list_add(&t->types, columns->items[i].column_type, e);
	}
	return code;
}

static bool is_period(const struct my_columns *columns, const char *name)
{
	size_t i;

	for (i = 0; i < columns->count; i++)
		if (strcmp(columns->items[i].name, name) == 0)
			return columns->items[i].is_period;
	return false;
}

/* The end of a row's period is part of the primary key of a system-versioned table, and always the
 * same for a row that is current. */
static ATTR_MUST_CHECK enum err_code load_key(struct my_admin *a, struct table *t,
					      const struct my_columns *columns, struct err *e)
{
	struct my_result *r = NULL;
	bool taken = false;
	enum err_code code = table_take_configured_key(t, &taken, e);

	if (code != ERR_OK || taken)
		return code;
	code = my_admin_query(a, &r, e,
			      "SELECT column_name FROM information_schema.statistics WHERE "
			      "table_schema = $ AND table_name = $ AND index_name = 'PRIMARY' "
			      "ORDER BY seq_in_index",
			      t->schema, t->name);
	while (code == ERR_OK && my_result_next(r))
		if (!is_period(columns, my_result_str(r, 0)))
			code = table_list_add(&t->key, my_result_str(r, 0), e);
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code load_details(struct my_admin *a, struct table *t,
						  struct my_columns *columns, struct err *e)
{
	enum err_code code = load_columns(a, t, columns, e);

	if (code == ERR_OK)
		code = load_key(a, t, columns, e);
	if (code != ERR_OK)
		return code;
	table_refuse_unknown_columns(t);
	if (t->problem == ERR_OK)
		refuse_types(a, t, columns);
	return ERR_OK;
}

/* ---- entries ---- */

struct loading {
	struct my_admin *a;
	struct my_tables *out;
};

/* A new item in both lists. */
static ATTR_MUST_CHECK enum err_code add(struct my_tables *out, size_t pipeline,
					 const struct table_settings *settings, const char *schema,
					 const char *name, struct table **ret_t, struct err *e)
{
	struct my_columns *columns;

	columns = mem_realloc(out->columns, (out->list.count + 1) * sizeof(*columns));
	if (!columns) {
		(void)err_set(e, ERR_NOMEM, "no memory for table %s", name);
		return ERR_NOMEM;
	}
	out->columns = columns;
	columns[out->list.count] = (struct my_columns){0};
	return tables_add(&out->list, pipeline, settings, schema, name, ret_t, e);
}

/* "did you mean" for a table: one of this schema first, then of any that we may see. */
static ATTR_MUST_CHECK enum err_code suggest_table(struct my_admin *a, struct table *t,
						   struct err *e)
{
	struct my_result *r = NULL;
	struct suggest near;
	enum err_code code = my_admin_query(
		a, &r, e,
		"SELECT table_name, CONCAT(table_schema, '.', table_name) FROM "
		"information_schema.tables WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') "
		"AND table_schema NOT IN ('mysql', 'sys', 'performance_schema', "
		"'information_schema') AND table_name NOT LIKE 'app\\_db\\_listener\\_%' "
		"ORDER BY table_schema <> $, 1, 2 LIMIT 10000",
		t->schema);

	if (code != ERR_OK)
		return code;
	suggest_init(&near, text_of(t->name));
	while (my_result_next(r)) {
		const char *best = suggest_best(&near);

		suggest_add(&near, my_result_str(r, 0));
		if (suggest_best(&near) != best)
			(void)snprintf(t->hint, sizeof(t->hint), "did you mean %.129s?",
				       my_result_str(r, 1));
	}
	my_result_free(r);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code add_missing(const struct loading *l, size_t pipeline,
						 const struct table_settings *settings,
						 struct err *e)
{
	const char *schema = settings->schema ? settings->schema : l->a->database;
	bool all = strcmp(settings->table, "*") == 0;
	struct table *t = NULL;
	enum err_code code;

	code = add(l->out, pipeline, settings, schema, settings->table, &t, e);
	if (code != ERR_OK)
		return code;
	refuse_schema(t);
	if (t->problem != ERR_OK)
		return ERR_OK;
	table_refuse(t, ERR_NOT_FOUND,
		     all ? "no table in this database that could be captured" : "no such table",
		     "");
	return suggest_table(l->a, t, e);
}

/* Take the last item off again, because only "*" means it. */
static void drop_last(struct my_admin *a, struct my_tables *out)
{
	struct table *t = &out->list.items[out->list.count - 1];

	my_admin_find(a, FINDING_WARN, t->label, t->hint[0] ? t->hint : NULL,
		      "is not captured with the others: %s", t->message);
	my_columns_done(&out->columns[out->list.count - 1]);
	tables_pop(&out->list);
}

/* One row of find_sql. */
static ATTR_MUST_CHECK enum err_code add_found(const struct loading *l, size_t pipeline,
					       const struct table_settings *settings,
					       const struct my_result *r, struct err *e)
{
	const char *schema = my_result_str(r, 0), *name = my_result_str(r, 1);
	struct my_tables *out = l->out;
	struct table *t = NULL;
	enum err_code code = ERR_OK;

	if (tables_has(&out->list, pipeline, schema, name))
		return ERR_OK;
	code = add(out, pipeline, settings, schema, name, &t, e);
	if (code != ERR_OK)
		return code;
	refuse_schema(t);
	refuse_kind(t, my_result_str(r, 2));
	refuse_engine(t, my_result_str(r, 3), my_result_str(r, 4));
	if (t->problem == ERR_OK)
		code = load_details(l->a, t, &out->columns[out->list.count - 1], e);
	if (code == ERR_OK && t->problem != ERR_OK && strcmp(settings->table, "*") == 0)
		drop_last(l->a, out);
	return code;
}

static ATTR_MUST_CHECK enum err_code
load_entry(void *ctx, size_t pipeline, const struct table_settings *settings, struct err *e)
{
	static const char find_sql[] =
		"SELECT t.table_schema, t.table_name, t.table_type, COALESCE(t.engine, ''), "
		"COALESCE(g.transactions, '') FROM information_schema.tables t LEFT JOIN "
		"information_schema.engines g ON g.engine = t.engine WHERE t.table_schema = $ AND ";
	static const char all_sql[] =
		"t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND t.table_name NOT LIKE "
		"'app\\_db\\_listener\\_%' ORDER BY t.table_name";
	const struct loading *l = ctx;
	const char *schema = settings->schema ? settings->schema : l->a->database;
	bool all = strcmp(settings->table, "*") == 0;
	struct my_result *r = NULL;
	enum err_code code;
	char sql[1024];

	(void)snprintf(sql, sizeof(sql), "%s%s", find_sql, all ? all_sql : "t.table_name = $");
	code = my_admin_query(l->a, &r, e, sql, schema, settings->table);
	if (code == ERR_OK && my_result_rows(r) == 0)
		code = add_missing(l, pipeline, settings, e);
	while (code == ERR_OK && my_result_next(r))
		code = add_found(l, pipeline, settings, r, e);
	my_result_free(r);
	return code;
}

enum err_code my_tables_load(struct my_admin *a, struct my_tables *out, struct err *e)
{
	struct loading l = {a, out};

	*out = (struct my_tables){0};
	return tables_each_entry(a->settings, a->source_index, load_entry, &l, e);
}

void my_tables_done(struct my_tables *t)
{
	size_t i;

	for (i = 0; t->columns && i < t->list.count; i++)
		my_columns_done(&t->columns[i]);
	mem_free(t->columns);
	t->columns = NULL;
	tables_done(&t->list);
}

/* ---- triggers of a table ---- */

struct my_trigger my_table_trigger(const struct my_admin *a, const struct my_tables *tables,
				   size_t i, enum op op, char outbox[static MY_TABLE_NAME_BYTES])
{
	const struct table *t = &tables->list.items[i];
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];

	my_schema_outbox_name(p->name, outbox);
	return (struct my_trigger){
		.flavour = a->flavour,
		.pipeline = p->name,
		.schema = t->schema,
		.table = t->name,
		.outbox_schema = a->database,
		.outbox = outbox,
		.op = op,
		.where = t->settings->where[op],
		.cap_bytes = a->source->max_event_bytes,
		.columns = tables->columns[i].items,
		.column_count = tables->columns[i].count,
		.only = &t->settings->columns,
		.exclude = &t->settings->exclude,
		.key = &t->key,
	};
}

static void probe_sql(struct buf *out, const struct my_trigger *t)
{
	struct buf probe;

	buf_init(&probe, MY_SQL_MAX_BYTES);
	buf_add_str(&probe, "SELECT 1 FROM (SELECT 1) AS one");
	if (t->op != OP_DELETE) {
		buf_add_str(&probe, ", ");
		my_quote_name(&probe, t->schema, t->table);
		buf_add_str(&probe, " AS NEW");
	}
	if (t->op != OP_INSERT) {
		buf_add_str(&probe, ", ");
		my_quote_name(&probe, t->schema, t->table);
		buf_add_str(&probe, " AS OLD");
	}
	buf_add_str(&probe, " WHERE (");
	buf_add_str(&probe, t->where);
	buf_add_str(&probe, "\n)");
	if (buf_error(&probe) != ERR_OK)
		out->error = buf_error(&probe);
	buf_add_str(out, "PREPARE adbl_probe FROM ");
	my_quote_literal(out, buf_text(&probe));
	buf_done(&probe);
}

enum err_code my_table_check_filters(struct my_admin *a, const struct my_tables *tables, size_t i,
				     struct err *e)
{
	const struct table *t = &tables->list.items[i];
	const struct pipeline_settings *p = &a->settings->pipelines[t->pipeline];
	char outbox[MY_TABLE_NAME_BYTES];
	struct my_trigger trigger;
	enum err_code code = ERR_OK;
	struct buf sql;
	enum op op;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (op = 0; op < OP_TRUNCATE && code == ERR_OK; op++) {
		trigger = my_table_trigger(a, tables, i, op, outbox);
		if (!p->operations[op] || !trigger.where)
			continue;
		buf_reset(&sql);
		probe_sql(&sql, &trigger);
		code = my_conn_exec_buf(a->conn, &sql, NULL, e);
		if (code != ERR_OK && code != ERR_UNAVAILABLE && code != ERR_NOMEM)
			code = table_filter_error(t, p->name, op, e);
	}
	buf_done(&sql);
	return code;
}
