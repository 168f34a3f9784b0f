/* SPDX-License-Identifier: MIT */
#include "config/field.h"
#include "config/loading.h"

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

/* What must be there, and what follows from the type. */
static void source_finish(struct loading *l, struct source_settings *s, struct node n,
			  const struct path *path)
{
	if (s->type == SOURCE_SQLITE)
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
	struct scope scope = {.path = path_of("listener"),
			      .sections = {"listener"},
			      .base = {[KEY_IN_SOURCE] = s},
			      .inherited = true};
	struct err e;
	enum err_code code = field_set_defaults(KEY_IN_SOURCE, s, &e);

	if (code == ERR_OK && is_short)
		code = field_set(name, s, TEXT_LIT("default"), &e);
	l->source_nodes[l->settings.source_count++] = n;
	if (!loading_note(l, n, path, code, &e))
		return;
	scope_read(l, &scope, node_find(l->root, "listener"));
	scope = (struct scope){.path = *path, .base = {[KEY_IN_SOURCE] = s}};
	scope.sections[0] = "database";
	scope.sections[1] = is_short ? NULL : "sources";
	scope.sections[2] = is_short ? NULL : "listener";
	scope_read(l, &scope, n);
	if (node_kind(n) != NODE_MAPPING && node_kind(n) != NODE_NULL)
		return;
	if (!is_short)
		require(l, n, path, "name", "");
	if (is_name_taken(l->settings.sources, l->settings.source_count - 1, s->name))
		loading_mistake(l, is_short ? n : node_find(n, "name"), &where,
				"another source is called %s", s->name);
	source_finish(l, s, n, path);
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
