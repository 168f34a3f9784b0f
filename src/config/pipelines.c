/* SPDX-License-Identifier: MIT */
/*
 * Pipelines, read last: they refer to sources and webhooks by name, and take the tables of their
 * source, or those at the top of the file, when they name none.
 */
#include <stdio.h>

#include "config/field.h"
#include "config/inlets.h"
#include "config/suggest.h"
#include "config/value.h"

#define PIPELINES_NAME_BYTES_MAX 256

/* What a pipeline may refer to: sources or webhooks, seen alike. */
struct pipeline_targets {
	const char *what; /* "source" */
	size_t count;
	const char *(*name)(const struct loading *l, size_t i); /* NULL: its name was a mistake */
};

static const char *source_name(const struct loading *l, size_t i)
{
	return l->settings.sources[i].name;
}

static const char *webhook_name(const struct loading *l, size_t i)
{
	return l->settings.webhooks[i].name;
}

/* The index of name, or count. */
static size_t target_find(const struct loading *l, const struct pipeline_targets *t,
			  struct text name, const char **ret_near)
{
	struct suggest near;
	size_t i;

	suggest_init(&near, name);
	for (i = 0; i < t->count; i++) {
		if (!t->name(l, i))
			continue;
		if (text_eq(text_of(t->name(l, i)), name))
			return i;
		suggest_add(&near, t->name(l, i));
	}
	*ret_near = suggest_best(&near);
	return t->count;
}

/* Resolve n's reference, or the default one when n names none. */
static bool target_read(struct loading *l, const struct pipeline_targets *t, struct node n,
			const struct path *path, size_t *ret)
{
	struct node ref = node_find(n, t->what);
	struct path where = path_key(path, text_of(t->what));
	struct buf name;
	const char *near = NULL;
	char quoted[VALUE_QUOTE_BYTES], message[128];
	size_t found;

	if (!node_is_given(ref)) {
		found = t->count == 1 ? 0 : target_find(l, t, TEXT_LIT("default"), &near);
		if (found == t->count && t->count)
			loading_mistake(l, n, &where, "required: there are %zu", t->count);
		*ret = found;
		return found < t->count;
	}
	buf_init(&name, PIPELINES_NAME_BYTES_MAX);
	found = t->count;
	if (loading_text(l, ref, &where, &name)) {
		found = target_find(l, t, buf_text(&name), &near);
		(void)snprintf(message, sizeof(message), "no %s is called %s", t->what,
			       value_quote(buf_text(&name), quoted));
		if (found == t->count && t->count)
			loading_unknown(l, ref, &where, message, near);
	}
	buf_done(&name);
	*ret = found;
	return found < t->count;
}

/* The tables that n gives under name; false when it gives none. */
static bool tables_from(struct loading *l, struct pipeline_settings *p, struct node n,
			const struct path *path, const char *name, enum key_type type)
{
	struct node tables = node_find(n, name);
	struct path where = path_key(path, text_of(name));

	if (!node_is_given(tables))
		return false;
	if (p->tables)
		loading_mistake(l, node_find_key(n, name), &where,
				"tables are given already: keep one of table and tables");
	else
		tables_read(l, p, tables, &where, type);
	return true;
}

/* Both spellings in one mapping. */
static bool tables_within(struct loading *l, struct pipeline_settings *p, struct node n,
			  const struct path *path)
{
	bool one = tables_from(l, p, n, path, "table", KEY_TABLE);
	bool many = tables_from(l, p, n, path, "tables", KEY_TABLES);

	return one || many;
}

static struct path source_path(const struct loading *l, size_t i)
{
	struct path path = path_of("sources");
	bool is_short = node_is_given(node_find(l->root, "database"));

	if (is_short && i == 0)
		return path_of("database");
	return path_item(&path, i - is_short);
}

/* Whether the i-th source needs no tables: also when its audit_table is a mistake. */
static bool has_audit_table(const struct loading *l, size_t i)
{
	return node_is_given(node_find_key(l->source_nodes[i], "audit_table")) ||
	       node_is_given(node_find_key(node_find(l->root, "listener"), "audit_table"));
}

/* The pipeline's own tables, else its source's, else those at the top. */
static void tables_choose(struct loading *l, struct pipeline_settings *p, struct node n,
			  const struct path *path, bool has_source)
{
	struct path top = path_of(""), where = path_key(path, TEXT_LIT("tables"));
	struct path source;

	l->tables_source = has_source ? &l->settings.sources[p->source] : NULL;
	if (has_source && l->tables_source->type == SOURCE_HTTP) {
		source = source_path(l, p->source);
		inlets_refuse_tables(l, p->source, &source, n, path);
		return;
	}
	if (tables_within(l, p, n, path))
		return;
	if (has_source) {
		source = source_path(l, p->source);
		l->source_tables_used[p->source] = true;
		if (tables_within(l, p, l->source_nodes[p->source], &source))
			return;
	}
	l->top_tables_used = true;
	/* a source that is not known may have some */
	if (!tables_from(l, p, l->root, &top, "tables", KEY_TABLES) &&
	    (has_source ? !has_audit_table(l, p->source)
			: !node_is_given(node_find_key(n, "source")))) {
		if (!node_is_given(n))
			where = path_of("tables");
		loading_mistake(l, node_is_given(n) ? n : l->root, &where,
				"required: which tables to capture");
	}
}

static void pipeline_name_check(struct loading *l, const struct pipeline_settings *p, struct node n,
				const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("name"));
	const struct pipeline_settings *other = l->settings.pipelines;

	if (!node_is_given(node_find_key(n, "name"))) {
		loading_mistake(l, n, &where, "required");
		return;
	}
	for (; p->name && other < p; other++) {
		if (other->name && !strcmp(other->name, p->name))
			loading_mistake(l, node_find(n, "name"), &where,
					"another pipeline is called %s", p->name);
	}
}

static void pipeline_operations_check(struct loading *l, struct node n, const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("operations"));
	struct node operations = node_find_key(n, "operations");

	if (node_is_given(operations) && node_is_given(node_find_key(n, "modes")))
		loading_mistake(l, operations, &where, "means the same as modes: keep one of them");
}

/* TRUNCATE is only told by PostgreSQL, or by whoever fills an audit table. Where nobody asked for
 * it, it is just left out. */
static void pipeline_truncate_check(struct loading *l, struct pipeline_settings *p, struct node n,
				    const struct path *path)
{
	static const char *const names[] = {"modes", "operations"};
	const struct source_settings *s = &l->settings.sources[p->source];
	const struct path listener = path_of("listener");
	struct node at = node_find(node_find(l->root, "listener"), names[0]);
	struct path where = path_key(&listener, text_of(names[0]));
	size_t i;

	if (s->type == SOURCE_POSTGRES || s->type == SOURCE_HTTP || s->audit_table ||
	    !p->operations[OP_TRUNCATE])
		return;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!node_is_given(node_find(n, names[i])))
			continue;
		at = node_find(n, names[i]);
		where = path_key(path, text_of(names[i]));
	}
	if (node_is_given(at))
		loading_mistake(l, at, &where, "truncate is for postgres: %s",
				s->type == SOURCE_MYSQL
					? "in mysql a TRUNCATE fires no trigger, nothing sees it"
					: "sqlite has no TRUNCATE, and DELETE without WHERE is "
					  "captured row by row");
	p->operations[OP_TRUNCATE] = false;
}

/* The rows of an audit table are the operator's: they stay where they are, and what the reader
 * makes of them it makes anew with each read. */
static void pipeline_parking_check(struct loading *l, const struct pipeline_settings *p)
{
	const struct webhook_settings *w = &l->settings.webhooks[p->webhook];
	struct node at = node_find_key(l->source_nodes[p->source], "audit_table");
	struct path where = source_path(l, p->source);

	if (!l->settings.sources[p->source].audit_table || !w->retry_schedule.count)
		return;
	if (!node_is_given(at)) {
		at = node_find_key(node_find(l->root, "listener"), "audit_table");
		where = path_of("listener");
	}
	where = path_key(&where, TEXT_LIT("audit_table"));
	loading_mistake(l, at, &where,
			"not with retry_schedule, which webhook %s has: rows of an audit table "
			"cannot be parked, they stay where they are",
			w->name ? w->name : "");
}

/* Nor do they go anywhere when they are delivered. */
static void pipeline_retain_check(struct loading *l, const struct pipeline_settings *p,
				  struct node n, const struct path *path)
{
	struct node at = node_find_key(n, "retain");
	struct path where = path_key(path, TEXT_LIT("retain"));

	if (!l->settings.sources[p->source].audit_table || !p->retain_us)
		return;
	if (!node_is_given(at)) {
		at = node_find_key(node_find(l->root, "listener"), "retain");
		where = path_of("listener");
		where = path_key(&where, TEXT_LIT("retain"));
	}
	loading_mistake(l, at, &where,
			"not with audit_table: its rows stay where they are, and are yours to "
			"keep");
}

/* What a pipeline may say depends on the kind of its source. */
static void pipeline_type_check(struct loading *l, struct pipeline_settings *p,
				const struct scope *scope, struct node n, const struct path *path)
{
	const struct source_settings *s = &l->settings.sources[p->source];
	struct path where = path_key(path, TEXT_LIT("source"));
	const struct pipeline_settings *other = l->settings.pipelines;

	scope_check_type(l, scope, n, s->type, "");
	pipeline_truncate_check(l, p, n, path);
	pipeline_retain_check(l, p, n, path);
	for (; s->audit_table && other < p; other++) {
		if (other->source == p->source)
			loading_mistake(l, n, &where,
					"an audit_table is read by one pipeline alone, and %s "
					"reads it already",
					other->name ? other->name : "another");
	}
}

static void pipeline_read(struct loading *l, struct node n, const struct path *path)
{
	struct pipeline_settings *p = &l->settings.pipelines[l->settings.pipeline_count];
	const struct pipeline_targets sources = {"source", l->settings.source_count, source_name};
	const struct pipeline_targets webhooks = {"webhook", l->settings.webhook_count,
						  webhook_name};
	struct scope scope = {.path = path_of("listener"),
			      .sections = {"listener"},
			      .base = {[KEY_IN_PIPELINE] = p},
			      .inherited = true};
	struct err e;
	enum err_code code = field_set_defaults(KEY_IN_PIPELINE, p, &e);
	bool has_source;

	l->settings.pipeline_count++;
	if (code == ERR_OK && !node_is_given(n))
		code = field_set(key_find("pipelines", TEXT_LIT("name")), p, TEXT_LIT("default"),
				 &e);
	if (!loading_note(l, n, path, code, &e))
		return;
	scope_read(l, &scope, node_find(l->root, "listener"));
	scope.path = *path;
	scope.sections[1] = "pipelines";
	scope.inherited = false;
	scope_read(l, &scope, n);
	if (node_is_given(n)) {
		pipeline_operations_check(l, n, path);
		pipeline_name_check(l, p, n, path);
	}
	has_source = target_read(l, &sources, n, path, &p->source);
	if (target_read(l, &webhooks, n, path, &p->webhook) && has_source)
		pipeline_parking_check(l, p);
	if (has_source)
		pipeline_type_check(l, p, &scope, n, path);
	tables_choose(l, p, n, path, has_source);
	tenants_check(l, p, n, path);
}

static void source_tables_check(struct loading *l, size_t i, struct node top)
{
	struct node one = node_find_key(l->source_nodes[i], "table");
	struct node many = node_find_key(l->source_nodes[i], "tables");
	struct node given = node_is_given(one) ? one : many;
	struct path path = path_of("tables"), where = source_path(l, i);

	where = path_key(&where, text_of(node_is_given(one) ? "table" : "tables"));
	if (!node_is_given(given))
		return;
	if (node_is_given(top))
		loading_mistake(l, top, &path,
				"tables are given already in line %d: keep one of them",
				node_line(given));
	else if (!l->source_tables_used[i] && !mistakes_any(l->mistakes))
		loading_mistake(l, given, &where,
				"not used: every pipeline of this source has its own");
}

/* Tables that are written down but reach no pipeline, or twice the same one. */
static void tables_check(struct loading *l)
{
	struct node top = node_find_key(l->root, "tables");
	struct path path = path_of("tables");
	size_t i;

	for (i = 0; i < l->settings.source_count; i++)
		source_tables_check(l, i, top);
	if (node_is_given(top) && !l->top_tables_used && !mistakes_any(l->mistakes))
		loading_mistake(l, top, &path, "not used: every pipeline has its own");
}

/* The sum of what the pipelines ask for must fit into the whole; those that ask for 0 share what is
 * left and need at least one. */
static void budget_check(struct loading *l, const struct key *k, const char *name, int64_t whole)
{
	void (*print)(struct buf *, int64_t) = k->type == KEY_SIZE ? value_print_size : buf_add_i64;
	const struct settings *s = &l->settings;
	struct node queue = node_find(l->root, "queue"), at = node_find(queue, name);
	struct path path = path_of("queue");
	struct buf text;
	int64_t total = 0, share;
	size_t i;

	path = path_key(&path, text_of(name));
	buf_init(&text, LOADING_PATH_BYTES * SETTINGS_PIPELINES_MAX);
	print(&text, whole);
	buf_add_str(&text, " is less than the pipelines need: ");
	for (i = 0; i < s->pipeline_count; i++) {
		share = *(const int64_t *)key_field_const(k, &s->pipelines[i]);
		share = share ? share : 1;
		total += share;
		buf_add_fmt(&text, "%s%s ", i ? " + " : "", s->pipelines[i].name);
		print(&text, share);
	}
	buf_add_str(&text, " = ");
	print(&text, total);
	if (buf_error(&text) != ERR_OK)
		l->error = ERR_NOMEM;
	if (total > whole)
		loading_mistake(l, node_is_given(at) ? at : node_find_key(l->root, "pipelines"),
				&path, "%s", buf_str(&text));
	buf_done(&text);
}

static void resolve_inlets(struct loading *l)
{
	struct path paths[SETTINGS_SOURCES_MAX];
	size_t i;

	for (i = 0; i < l->settings.source_count; i++)
		paths[i] = source_path(l, i);
	inlets_resolve(l, paths);
}

static void pipelines_check(struct loading *l)
{
	tables_check(l);
	resolve_inlets(l);
	memory_check(l);
	if (mistakes_any(l->mistakes) || l->error)
		return;
	budget_check(l, key_find("pipelines", TEXT_LIT("capacity")), "capacity",
		     l->settings.queue.capacity);
	budget_check(l, key_find("pipelines", TEXT_LIT("max_bytes")), "max_bytes",
		     l->settings.queue.max_bytes);
}

void pipelines_read(struct loading *l)
{
	struct node many = node_find(l->root, "pipelines");
	struct node none = {l->root.doc, 0};
	struct path path = path_of("pipelines"), item;
	size_t count = node_kind(many) == NODE_LIST ? node_count(many) : 0, i;

	if (count > SETTINGS_PIPELINES_MAX) {
		loading_mistake(l, many, &path, "too many: at most %d are allowed",
				SETTINGS_PIPELINES_MAX);
		return;
	}
	if (!node_is_given(many) &&
	    (l->settings.source_count > 1 || l->settings.webhook_count > 1)) {
		loading_mistake(l, l->root, &path,
				"required when there is more than one source or webhook");
		return;
	}
	l->settings.pipelines = loading_array(l, count + 1, sizeof(*l->settings.pipelines));
	if (!l->settings.pipelines)
		return;
	if (!node_is_given(many))
		pipeline_read(l, none, &path);
	for (i = 0; i < count; i++) {
		item = path_item(&path, i);
		pipeline_read(l, node_item(many, i), &item);
	}
	pipelines_check(l);
}
