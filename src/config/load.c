/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include "base/mem.h"
#include "config/field.h"
#include "config/groups.h"
#include "config/loading.h"
#include "config/secret.h"
#include "config/suggest.h"

static const struct key_section *section_find(struct text name)
{
	size_t i;

	for (i = 0; i < key_section_count; i++) {
		if (text_eq(text_of(key_sections[i].name), name))
			return &key_sections[i];
	}
	return NULL;
}

/* What to offer for an unknown name at the top: a section, or the key it may be. */
static const char *section_near(struct text name)
{
	const struct key *k;
	struct suggest near;
	size_t i;

	suggest_init(&near, name);
	for (i = 0; i < key_section_count; i++)
		suggest_add(&near, key_sections[i].name);
	if (suggest_best(&near))
		return suggest_best(&near);
	for (i = 0; (k = key_at(i)); i++) {
		if (text_eq(text_of(key_last_name(k)), name))
			return k->name;
	}
	return NULL;
}

static void section_list_check(struct loading *l, struct node n, const struct path *path)
{
	if (node_kind(n) != NODE_LIST)
		loading_mistake(l, n, path, "must be a list, not %s", node_kind_name(node_kind(n)));
	else if (!node_count(n))
		loading_mistake(l, n, path, "an empty list: leave the key out instead");
}

/* One name at the top: known, and of the right shape; sections of struct settings are read. */
static void section_read(struct loading *l, struct node key, struct node value)
{
	const struct key_section *section = section_find(node_text(key));
	struct path path = path_key(&(struct path){""}, node_text(key));
	struct scope scope = {.path = path, .base = {[KEY_IN_SETTINGS] = &l->settings}};

	if (!section) {
		loading_unknown(l, key, &path, "unknown key", section_near(node_text(key)));
		return;
	}
	scope.sections[0] = section->name;
	if (section->kind == KEY_SECTION_LIST)
		section_list_check(l, value, &path);
	else if (section->kind == KEY_SECTION_MAPPING)
		scope_read(l, &scope, value);
}

/* listener is read once for each source and pipeline: when there are none, its mistakes must
 * show all the same. */
static void listener_read(struct loading *l)
{
	struct source_settings source = {.name = NULL};
	struct pipeline_settings pipeline = {.name = NULL};
	struct scope scope = {.path = path_of("listener"),
			      .sections = {"listener"},
			      .base = {[KEY_IN_SOURCE] = &source, [KEY_IN_PIPELINE] = &pipeline}};

	scope_read(l, &scope, node_find(l->root, "listener"));
	field_done_all(KEY_IN_SOURCE, &source);
	field_done_all(KEY_IN_PIPELINE, &pipeline);
}

static void root_read(struct loading *l)
{
	struct path top = path_of("");
	struct err e;
	enum err_code code = field_set_defaults(KEY_IN_SETTINGS, &l->settings, &e);
	size_t i;

	if (!loading_note(l, l->root, &top, code, &e))
		return;
	if (node_is_given(l->root) && node_kind(l->root) != NODE_NULL &&
	    !loading_mapping(l, l->root, &top))
		return;
	for (i = 0; i < node_count(l->root); i++) {
		if (node_kind(node_key(l->root, i)) == NODE_SCALAR &&
		    !loading_is_repeated(l->root, i))
			section_read(l, node_key(l->root, i), node_value(l->root, i));
	}
	listener_read(l);
	files_check(l);
	sources_read(l);
	webhooks_read(l);
	pipelines_read(l);
	ingest_check(l);
	archives_check(l);
}

static ATTR_MUST_CHECK enum err_code document_read(const struct document *doc, const char *name,
						   const struct config_env *env, struct mistakes *m,
						   struct settings *ret, struct err *e)
{
	struct loading l = {.env = env, .mistakes = m, .root = document_root(doc)};
	enum err_code code = ERR_OK;

	l.settings.file = mem_strdup(name);
	if (!l.settings.file)
		l.error = ERR_NOMEM;
	root_read(&l);
	if (l.error || m->error)
		code = err_set(e, ERR_NOMEM, "no memory to read the configuration");
	else if (mistakes_any(m))
		code = ERR_CONFIG;
	if (code == ERR_OK)
		*ret = l.settings;
	else
		settings_done(&l.settings);
	return code;
}

enum err_code config_parse(const char *name, struct text source, const struct config_env *env,
			   struct settings *ret, struct buf *mistakes, struct err *e)
{
	struct document *doc = NULL;
	struct mistakes m;
	enum err_code code;
	size_t n;

	mistakes_init(&m);
	code = document_parse(source, &doc, &m, e);
	if (code == ERR_OK)
		code = groups_write_out(doc, e);
	if (code == ERR_OK)
		code = document_read(doc, name, env, &m, ret, e);
	document_free(doc);
	if (code == ERR_CONFIG) {
		n = mistakes_print(&m, name, mistakes);
		code = err_set(e, ERR_CONFIG, "%s: %zu mistake%s", name, n, n == 1 ? "" : "s");
		if (buf_error(mistakes) == ERR_NOMEM)
			code = err_set(e, ERR_NOMEM, "no memory for the mistakes in %s", name);
	}
	mistakes_done(&m);
	return code;
}

enum err_code config_load(const char *file, const struct config_env *env, struct settings *ret,
			  struct buf *mistakes, struct err *e)
{
	struct buf source;
	struct err why;
	enum err_code code;

	buf_init(&source, DOCUMENT_BYTES_MAX);
	code = env->read_file(env->ctx, file, &source, &why);
	if (code == ERR_OK) {
		code = config_parse(file, buf_text(&source), env, ret, mistakes, e);
	} else if (code == ERR_NOMEM) {
		code = err_set(e, ERR_NOMEM, "no memory to read %s", file);
	} else {
		buf_add_fmt(mistakes, "%s\n", why.msg);
		code = err_set(e, ERR_CONFIG, "%s", why.msg);
		if (buf_error(mistakes) == ERR_NOMEM)
			code = err_set(e, ERR_NOMEM, "no memory to read %s", file);
	}
	secret_buf_done(&source);
	return code;
}
