/* SPDX-License-Identifier: MIT */
/*
 * What the keys of the section ingest must agree on.
 */
#include "config/loading.h"

#include <string.h>

static bool is_on(const struct ingest_settings *s)
{
	return s->listen && strcmp(s->listen, "off") != 0;
}

static bool is_empty(struct node n)
{
	return !node_is_given(n) || (node_kind(n) == NODE_MAPPING && !node_count(n));
}

static void check_tls(struct loading *l, struct node n, const struct path *path)
{
	const struct ingest_settings *s = &l->settings.ingest;
	bool has_cert = node_is_given(node_find_key(n, "tls_cert"));
	bool has_key = node_is_given(node_find_key(n, "tls_key"));
	const char *have = has_cert ? "tls_cert" : "tls_key";
	struct path where = path_key(path, text_of(have));

	if (has_cert != has_key)
		loading_mistake(l, node_find_key(n, have), &where, "needs %s",
				has_cert ? "tls_key (which may name the same file)" : "tls_cert");
	else if (s->tls_cert && s->tls_key)
		tls_pair_check(l, s->tls_cert, s->tls_key, NULL, n, path);
}

static bool is_any_port(const char *listen)
{
	const char *port = strrchr(listen, ':') + 1;

	return strspn(port, "0") == strlen(port);
}

static void check_address(struct loading *l, struct node n, const struct path *path)
{
	const char *listen = l->settings.ingest.listen, *admin = l->settings.admin.listen;
	struct path where = path_key(path, TEXT_LIT("listen"));

	if (admin && !strcmp(listen, admin) && !is_any_port(listen))
		loading_mistake(l, node_find(n, "listen"), &where,
				"%s is the address of admin.listen", listen);
}

void ingest_check(struct loading *l)
{
	struct node n = node_find(l->root, "ingest"), tokens = node_find(n, "tokens");
	struct path path = path_of("ingest"), where;

	if (is_on(&l->settings.ingest) && is_empty(tokens)) {
		where = path_key(&path, TEXT_LIT("tokens"));
		loading_mistake(l, node_is_given(tokens) ? tokens : n, &where,
				"required with listen: who may post");
	}
	if (is_on(&l->settings.ingest))
		check_address(l, n, &path);
	if (node_is_given(n))
		check_tls(l, n, &path);
}
