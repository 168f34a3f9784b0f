/* SPDX-License-Identifier: MIT */
/*
 * One mapping, read by the key table. A secret key K has two more spellings, K_file and
 * K_credential, that say where the value is.
 */
#include <assert.h>
#include <stdio.h>

#include "config/expand.h"
#include "config/field.h"
#include "config/loading.h"
#include "config/secret.h"
#include "config/suggest.h"

#define SCOPE_VALUE_BYTES_MAX 65536

/* How the value of a key is given. */
enum scope_via { SCOPE_VALUE, SCOPE_FILE, SCOPE_CREDENTIAL, SCOPE_VIA_COUNT };

static const char *const via_suffix[SCOPE_VIA_COUNT] = {"", "_file", "_credential"};

static bool takes_files(const struct key *k)
{
	return k->type == KEY_SECRET || k->type == KEY_URL || k->type == KEY_SIGNING;
}

static bool ends_with(struct text t, const char *suffix)
{
	size_t len = strlen(suffix);

	return t.len > len && !memcmp(t.s + t.len - len, suffix, len);
}

/* pipelines_read looks at these when all else is known. */
static bool is_read_later(const struct key *k)
{
	return k->type == KEY_TABLES || k->type == KEY_TABLE || k->type == KEY_SOURCE ||
	       k->type == KEY_WEBHOOK;
}

static bool is_allowed(const struct scope *s, const struct key *k)
{
	return s->base[k->target] || is_read_later(k);
}

static const struct key *find_row(const struct scope *s, struct text name)
{
	const struct key *k;
	size_t i;

	for (i = 0; i < ARRAY_LEN(s->sections) && s->sections[i]; i++) {
		k = key_find(s->sections[i], name);
		if (k && (is_allowed(s, k) || s->inherited))
			return k;
	}
	return NULL;
}

/* The row that name means, and how it gives the value; NULL: unknown. */
static const struct key *find_key(const struct scope *s, struct text name, enum scope_via *ret_via)
{
	const struct key *k = find_row(s, name);
	enum scope_via via;
	struct text stem;

	*ret_via = SCOPE_VALUE;
	if (k)
		return k;
	for (via = SCOPE_FILE; via < SCOPE_VIA_COUNT; via++) {
		if (!ends_with(name, via_suffix[via]))
			continue;
		stem = (struct text){name.s, name.len - strlen(via_suffix[via])};
		k = find_row(s, stem);
		*ret_via = via;
		if (k && takes_files(k))
			return k;
	}
	return NULL;
}

/* The full name of a row in another section that is called exactly so. */
static const char *find_elsewhere(struct text name)
{
	const struct key *k;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		if (text_eq(text_of(key_last_name(k)), name))
			return k->name;
	}
	return NULL;
}

static void unknown_key(struct loading *l, const struct scope *s, struct node key,
			const struct path *path)
{
	const struct key *k;
	struct suggest near;
	const char *best = find_elsewhere(node_text(key));
	size_t i, n;

	suggest_init(&near, node_text(key));
	for (i = 0; (k = key_at(i)); i++) {
		for (n = 0; n < ARRAY_LEN(s->sections) && s->sections[n]; n++) {
			if (text_eq(key_section_of(k), text_of(s->sections[n])) && is_allowed(s, k))
				suggest_add(&near, key_last_name(k));
		}
	}
	if (suggest_best(&near))
		best = suggest_best(&near);
	loading_unknown(l, key, path, "unknown key", best);
}

/* A YAML list into a list field. */
static void read_items(struct loading *l, const struct key *k, void *base, struct node n,
		       const struct path *path)
{
	struct path where;
	struct buf text;
	struct err e;
	enum err_code code;
	size_t i;

	if (!node_count(n))
		loading_mistake(l, n, path, "an empty list: leave the key out instead");
	field_clear(k, base);
	for (i = 0; i < node_count(n); i++) {
		where = path_item(path, i);
		buf_init(&text, SCOPE_VALUE_BYTES_MAX);
		if (loading_text(l, node_item(n, i), &where, &text)) {
			code = field_add(k, base, buf_text(&text), &e);
			loading_note(l, node_item(n, i), &where, code, &e);
		}
		buf_done(&text);
	}
}

/* A single value, from the file or the environment when via says so. */
static void read_single(struct loading *l, const struct key *k, void *base, struct node n,
			const struct path *path, enum scope_via via)
{
	struct buf text, content;
	struct err e;
	enum err_code code = ERR_OK;

	buf_init(&text, SCOPE_VALUE_BYTES_MAX);
	buf_init(&content, SECRET_BYTES_MAX);
	if (!loading_text(l, n, path, &text))
		goto out_bufs;
	if (via == SCOPE_FILE)
		code = secret_read_file(l->env, buf_str(&text), &content, &e);
	if (via == SCOPE_CREDENTIAL)
		code = secret_read_credential(l->env, buf_str(&text), &content, &e);
	if (code == ERR_OK)
		code = field_set(k, base, buf_text(via == SCOPE_VALUE ? &text : &content), &e);
	loading_note(l, n, path, code, &e);
out_bufs:
	secret_buf_done(&content);
	secret_buf_done(&text);
}

static void read_value(struct loading *l, const struct key *k, void *base, struct node n,
		       const struct path *path, enum scope_via via)
{
	switch (k->type) {
	case KEY_NAME_OF:
		table_name_read(l, base, n, path);
		break;
	case KEY_WHERE:
		where_read(l, base, n, path);
		break;
	case KEY_HEADERS:
		headers_read(l, base, n, path);
		break;
	default:
		assert(field_is_plain(k));
		if (k->type == KEY_TOKENS)
			ingest_tokens_read(l, k, base, n, path);
		else if (k->type == KEY_SIGNING && via == SCOPE_VALUE)
			signing_read(l, k, base, n, path);
		else if (k->type == KEY_PAIRS)
			pairs_read(l, k, base, n, path);
		else if (field_is_list(k) && node_kind(n) == NODE_LIST)
			read_items(l, k, base, n, path);
		else
			read_single(l, k, base, n, path, via);
	}
}

/* Whether a key before the i-th gives the same row in another way. */
static bool is_given_before(const struct scope *s, struct node n, size_t i, const struct key *k)
{
	enum scope_via via;
	size_t j;

	for (j = 0; j < i; j++) {
		if (find_key(s, node_text(node_key(n, j)), &via) == k)
			return true;
	}
	return false;
}

void scope_read(struct loading *l, const struct scope *s, struct node n)
{
	const struct key *k;
	enum scope_via via;
	struct path path;
	struct node key;
	size_t i;

	if (!node_is_given(n) || !loading_mapping(l, n, &s->path))
		return;
	for (i = 0; i < node_count(n); i++) {
		key = node_key(n, i);
		if (loading_is_repeated(n, i) || node_kind(key) == NODE_LIST ||
		    node_kind(key) == NODE_MAPPING)
			continue; /* noted by loading_mapping */
		path = path_key(&s->path, node_text(key));
		k = find_key(s, node_text(key), &via);
		if (!k)
			unknown_key(l, s, key, &path);
		else if (takes_files(k) && is_given_before(s, n, i, k))
			loading_mistake(l, key, &path,
					"give only one of %s, %s_file and %s_credential",
					key_last_name(k), key_last_name(k), key_last_name(k));
		else if (!is_read_later(k) && s->base[k->target])
			read_value(l, k, s->base[k->target], node_value(n, i), &path, via);
	}
}

void scope_check_type(struct loading *l, const struct scope *s, struct node n,
		      enum source_type type, const char *whose)
{
	const struct key *k;
	enum scope_via via;
	struct path path;
	size_t i;

	for (i = 0; i < node_count(n) && node_kind(n) == NODE_MAPPING; i++) {
		k = find_key(s, node_text(node_key(n, i)), &via);
		if (!k || key_fits(k, type))
			continue;
		path = path_key(&s->path, node_text(node_key(n, i)));
		loading_mistake(l, node_key(n, i), &path, "not with %s%s: %s",
				source_type_name(type), whose, k->why);
	}
}

bool scope_has_secret(struct node n, const char *name)
{
	char full[64];
	enum scope_via via;

	for (via = SCOPE_VALUE; via < SCOPE_VIA_COUNT; via++) {
		(void)snprintf(full, sizeof(full), "%s%s", name, via_suffix[via]);
		if (node_is_given(node_find_key(n, full)))
			return true;
	}
	return false;
}
