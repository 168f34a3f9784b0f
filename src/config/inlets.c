/* SPDX-License-Identifier: MIT */
/*
 * Sources of type http, while they are read like all others and in the end. One with a path stays a
 * source: the file of that path. One with a store is taken out of the list, and its pipelines
 * become pipelines of the store: a database has one reader, which is the store's.
 */
#include <stdio.h>

#include "config/field.h"
#include "config/inlets.h"
#include "config/suggest.h"
#include "config/value.h"

#define PUSHED "applications push the events of a source of type http"

static bool says_http(struct node source)
{
	return text_eq(node_text(node_find(source, "type")), TEXT_LIT("http"));
}

bool inlets_are_all(const struct loading *l)
{
	struct node one = node_find(l->root, "database"), many = node_find(l->root, "sources");
	size_t i, count = node_kind(many) == NODE_LIST ? node_count(many) : 0;

	if (node_is_given(one) && !says_http(one))
		return false;
	for (i = 0; i < count; i++)
		if (!says_http(node_item(many, i)))
			return false;
	return true;
}

/* ---- one source ---- */

/* What belongs to the reading of a database is the store's to say. */
static void refuse_with_store(struct loading *l, struct node n, const struct path *path)
{
	const struct key *k;
	const char *name;
	struct path where;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		name = key_last_name(k);
		if (k->target != KEY_IN_SOURCE || k->alias || !key_fits(k, SOURCE_HTTP) ||
		    !strcmp(name, "name") || !strcmp(name, "type") || !strcmp(name, "path") ||
		    !strcmp(name, "store") || !node_is_given(node_find_key(n, name)))
			continue;
		where = path_key(path, text_of(name));
		loading_mistake(l, node_find_key(n, name), &where,
				"not with store: that source reads the events, and says how");
	}
}

void inlets_check_place(struct loading *l, struct node n, const struct path *path)
{
	struct node file = node_find_key(n, "path"), store = node_find_key(n, "store");
	struct path where = path_key(path, TEXT_LIT("store"));

	if (node_is_given(file) && node_is_given(store)) {
		loading_mistake(l, store, &where,
				"not with path: the events are kept in one of the two");
	} else if (!node_is_given(file) && !node_is_given(store)) {
		where = path_key(path, TEXT_LIT("path"));
		loading_mistake(l, n, &where,
				"required for http: the file that keeps the events, or store, a "
				"source whose database does");
	}
	if (node_is_given(store))
		refuse_with_store(l, n, path);
}

/* The source that the i-th names as its store, or the count of all; what is wrong with it is
 * noted. */
static size_t store_find(struct loading *l, size_t i, const struct path *path)
{
	const struct settings *s = &l->settings;
	struct node n = node_find(l->source_nodes[i], "store");
	struct path where = path_key(path, TEXT_LIT("store"));
	char quoted[VALUE_QUOTE_BYTES], message[128];
	struct text name = text_of(s->sources[i].store);
	struct suggest near;
	size_t k;

	suggest_init(&near, name);
	for (k = 0; k < s->source_count; k++) {
		if (!s->sources[k].name || s->sources[k].type == SOURCE_HTTP)
			continue;
		if (text_eq(text_of(s->sources[k].name), name))
			break;
		suggest_add(&near, s->sources[k].name);
	}
	if (k < s->source_count && s->sources[k].audit_table)
		loading_mistake(l, n, &where,
				"source %s reads an audit_table, and has no outbox to put events "
				"into",
				s->sources[k].name);
	if (k < s->source_count)
		return k;
	for (k = 0; k < s->source_count; k++) {
		if (!s->sources[k].name || !text_eq(text_of(s->sources[k].name), name))
			continue;
		loading_mistake(l, n, &where,
				"source %s is of type http too: a store is a database",
				s->sources[k].name);
		return s->source_count;
	}
	(void)snprintf(message, sizeof(message), "no source is called %s",
		       value_quote(name, quoted));
	loading_unknown(l, n, &where, message, suggest_best(&near));
	return s->source_count;
}

/* ---- pipelines ---- */

static void refuse_tables(struct loading *l, struct node n, const struct path *path)
{
	static const char *const names[] = {"table", "tables"};
	struct path where;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		if (!node_is_given(node_find_key(n, names[i])))
			continue;
		where = path_key(path, text_of(names[i]));
		loading_mistake(l, node_find_key(n, names[i]), &where,
				"not with http: " PUSHED ", no table is captured");
	}
}

void inlets_refuse_tables(struct loading *l, size_t source, const struct path *source_path,
			  struct node pipeline, const struct path *path)
{
	const struct path top = path_of("");

	l->source_tables_used[source] = true;
	refuse_tables(l, l->source_nodes[source], source_path);
	if (node_is_given(pipeline)) {
		refuse_tables(l, pipeline, path);
		return;
	}
	l->top_tables_used = true;
	refuse_tables(l, l->root, &top);
}

/* ---- all of them ---- */

static void check_front(struct loading *l, size_t i, const struct path *path)
{
	const struct key *k = key_find("ingest", TEXT_LIT("listen"));
	const char *const *listen = k ? key_field_const(k, &l->settings) : NULL;
	struct path where = path_key(path, TEXT_LIT("type"));

	if (!listen || (*listen && strcmp(*listen, "off") != 0))
		return;
	loading_mistake(l, node_find(l->source_nodes[i], "type"), &where,
			"needs ingest.listen, which is off: " PUSHED);
}

static void check_read(struct loading *l, size_t i, const struct path *path)
{
	const struct settings *s = &l->settings;
	struct path where = path_key(path, TEXT_LIT("name"));
	size_t p;

	for (p = 0; p < s->pipeline_count; p++)
		if (s->pipelines[p].source == i)
			return;
	loading_mistake(l, l->source_nodes[i], &where,
			"no pipeline reads this source: what is posted would go nowhere");
}

static void add_inlet(struct loading *l, size_t source, size_t at)
{
	struct settings *s = &l->settings;
	struct inlet_settings *in = &s->inlets[s->inlet_count];
	size_t p;

	if (!inlet_settings_init(in, s->sources[source].name)) {
		l->error = ERR_NOMEM;
		return;
	}
	for (p = 0; p < s->pipeline_count; p++) {
		if (s->pipelines[p].pushed || s->pipelines[p].source != source)
			continue;
		s->pipelines[p].pushed = true;
		s->pipelines[p].inlet = s->inlet_count;
		s->pipelines[p].source = at;
	}
	s->inlet_count++;
	in->source = at;
	in->is_own = at == source;
}

/* Nobody refers to it any more. */
static void take_out(struct settings *s, size_t source)
{
	size_t i;

	field_done_all(KEY_IN_SOURCE, &s->sources[source]);
	s->source_count--;
	for (i = source; i < s->source_count; i++)
		s->sources[i] = s->sources[i + 1];
	s->sources[s->source_count] = (struct source_settings){.name = NULL};
	for (i = 0; i < s->pipeline_count; i++)
		s->pipelines[i].source -= s->pipelines[i].source > source;
	for (i = 0; i < s->inlet_count; i++)
		s->inlets[i].source -= s->inlets[i].source > source;
}

void inlets_resolve(struct loading *l, const struct path *paths)
{
	size_t stores[SETTINGS_SOURCES_MAX] = {0}, i, count = 0;
	struct settings *s = &l->settings;

	for (i = 0; i < s->source_count; i++) {
		stores[i] = i;
		if (s->sources[i].type != SOURCE_HTTP)
			continue;
		count++;
		check_front(l, i, &paths[i]);
		if (s->sources[i].store)
			stores[i] = store_find(l, i, &paths[i]);
		if (!mistakes_any(l->mistakes))
			check_read(l, i, &paths[i]);
	}
	if (!count || mistakes_any(l->mistakes) || l->error)
		return;
	s->inlets = loading_array(l, count, sizeof(*s->inlets));
	for (i = 0; s->inlets && i < s->source_count; i++)
		if (s->sources[i].type == SOURCE_HTTP)
			add_inlet(l, i, stores[i]);
	/* from the end: what is behind has moved by then */
	for (i = s->source_count; s->inlets && i-- > 0;)
		if (s->sources[i].store)
			take_out(s, i);
}
