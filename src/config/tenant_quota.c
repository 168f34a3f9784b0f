/* SPDX-License-Identifier: MIT */
/* listener.tenant and its neighbours: what they mean, and what is wrong with them. */
#include "config/tenant_quota.h"

#include <stdio.h>

#include "config/loading.h"
#include "config/pairs.h"
#include "config/percentage.h"
#include "config/suggest.h"
#include "config/value.h"

#define NAME_BYTES_MAX 64 /* that many are told apart in statistics */
#define SUM_NAMED 8       /* tenants in a message */

static ATTR_MUST_CHECK enum err_code parse(const char *value, int64_t *ret, struct err *e)
{
	enum err_code code = percentage_parse(text_of(value), ret, e);

	if (code == ERR_OK && *ret < 1)
		return err_set(e, ERR_DATA, "0%% would never let anything through");
	return code;
}

enum err_code tenant_quota_of(const struct pipeline_settings *p, const char *value, int64_t *ret,
			      const char **ret_near, struct err *e)
{
	const char *tier = pairs_find(&p->tenant_tiers, value);
	char quoted[VALUE_QUOTE_BYTES];
	struct suggest near;
	size_t i;

	*ret_near = NULL;
	if (tier)
		return parse(tier, ret, e);
	if (strchr(value, '%'))
		return parse(value, ret, e);
	suggest_init(&near, text_of(value));
	for (i = 0; i + 1 < p->tenant_tiers.count; i += 2)
		suggest_add(&near, p->tenant_tiers.items[i]);
	*ret_near = suggest_best(&near);
	return err_set(e, ERR_DATA, "no tier is called %s", value_quote(text_of(value), quoted));
}

/* ---- checks ---- */

/* Where key of p was given: in n, or in the listener. */
struct given {
	struct node key;
	struct node value;
	struct path path;
};

static bool find_given(const struct loading *l, struct node n, const struct path *path,
		       const char *key, struct given *ret)
{
	struct node listener = node_find(l->root, "listener");
	struct path top = path_of("listener");
	bool here = node_is_given(node_find_key(n, key));

	ret->key = node_find_key(here ? n : listener, key);
	ret->value = node_find(here ? n : listener, key);
	ret->path = path_key(here ? path : &top, text_of(key));
	return node_is_given(ret->key);
}

static void check_tiers(struct loading *l, const struct pipeline_settings *p, struct given g)
{
	struct path where;
	int64_t quota;
	struct err e;
	size_t i;

	for (i = 0; i + 1 < p->tenant_tiers.count; i += 2) {
		where = path_key(&g.path, text_of(p->tenant_tiers.items[i]));
		(void)loading_note(l, node_find(g.value, p->tenant_tiers.items[i]), &where,
				   parse(p->tenant_tiers.items[i + 1], &quota, &e), &e);
	}
}

/* The quota of the i-th tenant; 0 and a mistake noted when there is none. */
static int64_t check_tenant(struct loading *l, const struct pipeline_settings *p,
			    const struct given *g, size_t i)
{
	const char *name = p->tenants.items[i], *near;
	struct path where = path_key(&g->path, text_of(name));
	struct node at = node_find(g->value, name);
	int64_t quota = 0;
	struct err e;
	enum err_code code = tenant_quota_of(p, p->tenants.items[i + 1], &quota, &near, &e);

	if (strlen(name) > NAME_BYTES_MAX)
		loading_mistake(l, at, &where, "a name of at most %d bytes", NAME_BYTES_MAX);
	if (code == ERR_DATA && near)
		loading_unknown(l, at, &where, e.msg, near);
	else
		(void)loading_note(l, at, &where, code, &e);
	return code == ERR_OK ? quota : 0;
}

static void add_term(struct buf *text, const char *name, int64_t quota)
{
	char quoted[VALUE_QUOTE_BYTES];

	buf_add_str(text, value_quote(text_of(name), quoted));
	buf_add_char(text, ' ');
	percentage_add(text, quota);
	buf_add_str(text, " + ");
}

/* Those with a quota of their own, and one more, must fit beside each other. */
static void check_tenants(struct loading *l, const struct pipeline_settings *p, struct given g)
{
	int64_t sum = p->tenant_quota, quota;
	size_t i, named = p->tenants.count / 2;
	struct buf text;

	if (named > TENANTS_NAMED_MAX) {
		loading_mistake(l, g.key, &g.path, "too many: at most %d are allowed",
				TENANTS_NAMED_MAX);
		return;
	}
	buf_init(&text, ERR_MSG_BYTES * 4);
	for (i = 0; i < named; i++) {
		quota = check_tenant(l, p, &g, 2 * i);
		sum += quota;
		if (i < SUM_NAMED)
			add_term(&text, p->tenants.items[2 * i], quota);
	}
	if (named > SUM_NAMED)
		buf_add_fmt(&text, "%zu more + ", named - SUM_NAMED);
	buf_add_str(&text, "any other ");
	percentage_add(&text, p->tenant_quota);
	buf_add_str(&text, " = ");
	percentage_add(&text, sum);
	if (buf_error(&text) == ERR_NOMEM)
		l->error = ERR_NOMEM;
	if (sum > TENANT_QUOTA_WHOLE)
		loading_mistake(l, g.key, &g.path, "more than the pipeline's 100%%: %s",
				buf_str(&text));
	buf_done(&text);
}

static void refuse_alone(struct loading *l, struct node n, const struct path *path)
{
	static const char *const keys[] = {"tenant_tiers", "tenants"};
	struct given g;
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++)
		if (find_given(l, n, path, keys[i], &g))
			loading_mistake(l, g.key, &g.path,
					"only with tenant, the column that tells whose a row is");
}

/* What a tenant's rows could not be told apart by, or would have to wait for each other anyway. */
static void check_column(struct loading *l, const struct pipeline_settings *p,
			 const struct given *g)
{
	const struct source_settings *s = &l->settings.sources[p->source];
	size_t i, k;

	if (p->ordering == ORDERING_TABLE || p->ordering == ORDERING_PIPELINE)
		loading_mistake(l, g->key, &g->path,
				"not with ordering: %s, where tenants wait for each other anyway",
				p->ordering == ORDERING_TABLE ? "table" : "pipeline");
	if (p->source < l->settings.source_count && s->audit_table)
		loading_mistake(l, g->key, &g->path,
				"not with audit_table: its rows are read once, in their order");
	for (i = 0; i < p->table_count; i++)
		for (k = 0; k < p->tables[i].exclude.count; k++)
			if (strcmp(p->tables[i].exclude.items[k], p->tenant) == 0)
				loading_mistake(l, g->key, &g->path,
						"table %s in line %d excludes this column",
						p->tables[i].table, p->tables[i].line);
}

void tenants_check(struct loading *l, const struct pipeline_settings *p, struct node n,
		   const struct path *path)
{
	struct given g;

	if (!p->tenant) {
		refuse_alone(l, n, path);
		return;
	}
	if (find_given(l, n, path, "tenant", &g))
		check_column(l, p, &g);
	if (find_given(l, n, path, "tenant_tiers", &g))
		check_tiers(l, p, g);
	if (find_given(l, n, path, "tenants", &g))
		check_tenants(l, p, g);
}
