/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "config/field.h"
#include "config/inlets.h"

static bool is_name_taken(const struct source_settings *sources, size_t count, const char *name)
{
	size_t i;

	for (i = 0; name && i < count; i++) {
		if (sources[i].name && !strcmp(sources[i].name, name))
			return true;
	}
	return false;
}

static void require(struct loading *l, struct node n, const struct path *path, const char *name,
		    const char *why)
{
	struct path where = path_key(path, text_of(name));

	if (!node_is_given(node_find_key(n, name)))
		loading_mistake(l, n, &where, "required%s", why);
}

/* A source while it is being read: where it stands, and listener with its defaults. */
struct source_reading {
	struct source_settings *settings;
	struct node own, listener;
	const struct path *path;
	struct scope own_scope, listener_scope;
};

/* The node that sets name, NODE_NONE when none does, and its path. */
static struct node setting_find(const struct source_reading *r, const char *name,
				struct path *ret_path)
{
	struct node own = node_find(r->own, name);

	*ret_path = path_key(node_is_given(own) ? r->path : &r->listener_scope.path, text_of(name));
	return node_is_given(own) ? own : node_find(r->listener, name);
}

/* Keys and words that this type does not know. */
static void source_check_type(struct loading *l, const struct source_reading *r)
{
	const struct source_settings *s = r->settings;
	char whose[64] = "";
	struct path path;
	struct node at;

	if (s->name && strcmp(s->name, "default") != 0)
		(void)snprintf(whose, sizeof(whose), ", which source %s is", s->name);
	scope_check_type(l, &r->own_scope, r->own, s->type, "");
	if (s->type != SOURCE_HTTP || inlets_are_all(l))
		scope_check_type(l, &r->listener_scope, r->listener, s->type, whose);
	if (s->type == SOURCE_POSTGRES || s->type == SOURCE_HTTP)
		return;
	at = setting_find(r, "wakeup", &path);
	if (s->wakeup == SOURCE_WAKEUP_NOTIFY)
		loading_mistake(l, at, &path, "notify is for postgres: %s cannot, it is polled",
				source_type_name(s->type));
	at = setting_find(r, "sslmode", &path);
	if (s->type == SOURCE_MYSQL && text_eq(text_of(s->sslmode), TEXT_LIT("allow")))
		loading_mistake(l, at, &path,
				"allow is for postgres: mysql knows disable, prefer, "
				"require, verify-ca and verify-full");
}

/* Fields of other types lose their defaults, and those that depend on it get the type's. */
static void source_set_defaults(struct loading *l, const struct source_reading *r)
{
	const struct key *k;
	enum err_code code;
	struct path path;
	struct err e;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		if (k->target != KEY_IN_SOURCE)
			continue;
		if (!key_fits(k, r->settings->type))
			field_clear(k, r->settings);
		if (!k->def_polled || r->settings->type == SOURCE_POSTGRES ||
		    node_is_given(setting_find(r, key_last_name(k), &path)))
			continue;
		code = field_set(k, r->settings, text_of(k->def_polled), &e);
		loading_note(l, r->own, r->path, code, &e);
	}
}

/* What must be there, and what follows from the type. */
static void source_finish(struct loading *l, const struct source_reading *r)
{
	struct source_settings *s = r->settings;
	const struct path *path = r->path;
	struct node n = r->own;

	source_check_type(l, r);
	source_set_defaults(l, r);
	if (s->type == SOURCE_HTTP)
		inlets_check_place(l, n, path);
	else if (s->type == SOURCE_SQLITE)
		require(l, n, path, "path", " for sqlite");
	else
		require(l, n, path, "database",
			s->type == SOURCE_MYSQL ? " for mysql" : " for postgres");
	if (!s->port && s->type == SOURCE_POSTGRES)
		s->port = 5432;
	if (!s->port && s->type == SOURCE_MYSQL)
		s->port = 3306;
}

/* The next source from n; the short form's has the name "default" and none of its own. */
static void source_read(struct loading *l, struct node n, const struct path *path, bool is_short)
{
	struct source_settings *s = &l->settings.sources[l->settings.source_count];
	const struct key *name = key_find("sources", TEXT_LIT("name"));
	struct path where = path_key(path, TEXT_LIT("name"));
	struct source_reading r = {.settings = s,
				   .own = n,
				   .listener = node_find(l->root, "listener"),
				   .path = path,
				   .own_scope = {.path = *path, .base = {[KEY_IN_SOURCE] = s}},
				   .listener_scope = {.path = path_of("listener"),
						      .sections = {"listener"},
						      .base = {[KEY_IN_SOURCE] = s},
						      .inherited = true}};
	struct err e;
	enum err_code code = field_set_defaults(KEY_IN_SOURCE, s, &e);

	r.own_scope.sections[0] = "database";
	r.own_scope.sections[1] = is_short ? NULL : "sources";
	r.own_scope.sections[2] = is_short ? NULL : "listener";
	if (code == ERR_OK && is_short)
		code = field_set(name, s, TEXT_LIT("default"), &e);
	l->source_nodes[l->settings.source_count++] = n;
	if (!loading_note(l, n, path, code, &e))
		return;
	scope_read(l, &r.listener_scope, r.listener);
	if (node_is_given(node_find(n, "type")))
		s->type = SOURCE_FAKE; /* until it is read: no word means this */
	scope_read(l, &r.own_scope, n);
	if (node_kind(n) != NODE_MAPPING && node_kind(n) != NODE_NULL)
		return;
	if (!is_short)
		require(l, n, path, "name", "");
	if (is_name_taken(l->settings.sources, l->settings.source_count - 1, s->name))
		loading_mistake(l, is_short ? n : node_find(n, "name"), &where,
				"another source is called %s", s->name);
	if (s->type == SOURCE_FAKE)
		s->type = SOURCE_POSTGRES; /* a mistake, and noted: nothing follows from it */
	else
		source_finish(l, &r);
}

void sources_read(struct loading *l)
{
	struct node one = node_find(l->root, "database"), many = node_find(l->root, "sources");
	struct path path = path_of("database"), item;
	size_t count = node_kind(many) == NODE_LIST ? node_count(many) : 0, i;

	if (!node_is_given(one) && !node_is_given(many)) {
		loading_mistake(l, l->root, &path, "required: which database to capture");
		return;
	}
	if (count + node_is_given(one) > SETTINGS_SOURCES_MAX) {
		path = path_of("sources");
		loading_mistake(l, many, &path, "too many: at most %d are allowed",
				SETTINGS_SOURCES_MAX);
		return;
	}
	l->settings.sources = loading_array(l, count + 1, sizeof(*l->settings.sources));
	if (!l->settings.sources)
		return;
	if (node_is_given(one))
		source_read(l, one, &path, true);
	path = path_of("sources");
	for (i = 0; i < count; i++) {
		item = path_item(&path, i);
		source_read(l, node_item(many, i), &item, false);
	}
}
