/* SPDX-License-Identifier: MIT */
#include "config/groups.h"

#include <assert.h>
#include <string.h>

#include "config/keys.h"

/* Where mappings of a top-level name take keys from; several rows may have the same name. */
struct place {
	const char *name;
	const char *section;
};

static const struct place places[] = {
	{"database", "database"}, {"database", "listener"},   {"sources", "database"},
	{"sources", "listener"},  {"pipelines", "pipelines"}, {"pipelines", "listener"},
	{"webhooks", "webhook"},
};

static bool begins_group(const struct key *k, const char *section, struct text name)
{
	const char *last = key_last_name(k);

	return text_eq(key_section_of(k), text_of(section)) && strlen(last) > name.len &&
	       last[name.len] == '_' && !memcmp(last, name.s, name.len);
}

/* What a section says of a name: a key of its own, the beginning of several, or neither. */
enum meaning { MEANS_NOTHING, MEANS_GROUP, MEANS_KEY };

static enum meaning meaning_in(const char *section, struct text name)
{
	const struct key *k;
	size_t i;

	if (key_find(section, name))
		return MEANS_KEY;
	for (i = 0; (k = key_at(i)); i++) {
		if (begins_group(k, section, name))
			return MEANS_GROUP;
	}
	return MEANS_NOTHING;
}

/* ctx is the name at the top. */
static bool is_group(const void *ctx, struct text name)
{
	const char *top = ctx;
	enum meaning best = meaning_in(top, name), m;
	size_t i;

	assert(top);
	for (i = 0; i < ARRAY_LEN(places); i++) {
		m = strcmp(places[i].name, top) ? MEANS_NOTHING
						: meaning_in(places[i].section, name);
		best = m > best ? m : best;
	}
	return name.len && best == MEANS_GROUP;
}

static ATTR_MUST_CHECK enum err_code section_write_out(struct document *doc, const char *top,
						       struct node n, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	if (node_kind(n) == NODE_MAPPING)
		return document_ungroup(doc, n, is_group, top, e);
	for (i = 0; node_kind(n) == NODE_LIST && i < node_count(n) && code == ERR_OK; i++) {
		if (node_kind(node_item(n, i)) == NODE_MAPPING)
			code = document_ungroup(doc, node_item(n, i), is_group, top, e);
	}
	return code;
}

enum err_code groups_write_out(struct document *doc, struct err *e)
{
	struct node root = document_root(doc);
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < key_section_count && code == ERR_OK; i++)
		code = section_write_out(doc, key_sections[i].name,
					 node_find(root, key_sections[i].name), e);
	return code;
}
