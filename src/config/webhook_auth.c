/* SPDX-License-Identifier: MIT */
/*
 * What the keys of a webhook for authorization and TLS must agree on. Form is the key table's
 * business; here each key by itself is right.
 */
#include <stdio.h>
#include <strings.h>

#include "config/certificate.h"
#include "config/loading.h"
#include "config/secret.h"

/* Where name or name_file or name_credential stands; NODE_NONE: nowhere. */
static struct node given(struct node n, const char *name)
{
	static const char *const suffix[] = {"", "_file", "_credential"};
	char full[64];
	size_t i;
	struct node at = {NULL, 0};

	for (i = 0; i < ARRAY_LEN(suffix) && !node_is_given(at); i++) {
		(void)snprintf(full, sizeof(full), "%s%s", name, suffix[i]);
		at = node_find_key(n, full);
	}
	return at;
}

/* One rule: key `if_given` must not stand, or must not stand alone. */
struct pairing {
	const char *if_given;
	const char *other;
	bool wanted; /* other must stand too; else it must not */
	const char *why;
};

static const struct pairing pairings[] = {
	{"basic_user", "basic_password", true, "needs basic_password (which may be \"\")"},
	{"basic_password", "basic_user", true, "needs basic_user"},
	{"oauth2_token_url", "oauth2_client_id", true, "needs oauth2_client_id"},
	{"oauth2_token_url", "oauth2_client_secret", true, "needs oauth2_client_secret"},
	{"oauth2_client_id", "oauth2_token_url", true, "needs oauth2_token_url"},
	{"oauth2_client_secret", "oauth2_token_url", true, "needs oauth2_token_url"},
	{"oauth2_scope", "oauth2_token_url", true, "needs oauth2_token_url"},
	{"oauth2_audience", "oauth2_token_url", true, "needs oauth2_token_url"},
	{"basic_user", "bearer_token", false, "not with bearer_token: one kind of authorization"},
	{"oauth2_token_url", "bearer_token", false,
	 "not with bearer_token: one kind of authorization"},
	{"oauth2_token_url", "basic_user", false, "not with basic_user: one kind of authorization"},
	{"tls_cert", "tls_key", true, "needs tls_key (which may name the same file)"},
	{"tls_key", "tls_cert", true, "needs tls_cert"},
	{"tls_key_password", "tls_key", true, "needs tls_key"},
};

static void check_pairings(struct loading *l, struct node n, const struct path *path)
{
	const struct pairing *p;
	struct path where;
	struct node at;
	size_t i;

	for (i = 0; i < ARRAY_LEN(pairings); i++) {
		p = &pairings[i];
		at = given(n, p->if_given);
		if (!node_is_given(at) || node_is_given(given(n, p->other)) == p->wanted)
			continue;
		where = path_key(path, node_text(at));
		loading_mistake(l, at, &where, "%s", p->why);
	}
}

/* The key that makes the daemon write an Authorization header; NODE_NONE: none does. */
static struct node authorization(struct node n)
{
	static const char *const kinds[] = {"bearer_token", "basic_user", "oauth2_token_url"};
	struct node at = {NULL, 0};
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds) && !node_is_given(at); i++)
		at = given(n, kinds[i]);
	return at;
}

static bool is_http(const struct secret *url)
{
	return url->value && !strncasecmp(url->value, "http:", 5);
}

static void check_authorization(struct loading *l, const struct webhook_settings *w, struct node n,
				const struct path *path)
{
	struct node at = authorization(n), headers = node_find(n, "headers"), name;
	struct path where;
	size_t i;

	if (!node_is_given(at))
		return;
	for (i = 0; i < node_count(headers) && node_kind(headers) == NODE_MAPPING; i++) {
		name = node_key(headers, i);
		if (node_text(name).len != strlen("Authorization") ||
		    strncasecmp(node_text(name).s, "Authorization", node_text(name).len) != 0)
			continue;
		where = path_key(path, TEXT_LIT("headers"));
		where = path_key(&where, node_text(name));
		loading_mistake(l, name, &where, "not with %.*s, which writes this header",
				(int)node_text(at).len, node_text(at).s);
	}
	if (w->url.value && memchr(w->url.value, '@', check_url_front(w->url.value))) {
		where = path_key(path, node_text(at));
		loading_mistake(l, at, &where, "not with a user in the URL");
	}
}

/* What TLS is told though nothing speaks it. */
static void check_scheme(struct loading *l, const struct webhook_settings *w, struct node n,
			 const struct path *path)
{
	static const char *const only_tls[] = {"tls_cert", "tls_pin"};
	/* pins are those of the receiver, not of the token endpoint */
	bool unused[] = {!w->oauth2_token_url.value || is_http(&w->oauth2_token_url), true};
	struct path where;
	struct node at;
	size_t i;

	if (!is_http(&w->url))
		return;
	for (i = 0; i < ARRAY_LEN(only_tls); i++) {
		at = given(n, only_tls[i]);
		if (!node_is_given(at) || !unused[i])
			continue;
		where = path_key(path, node_text(at));
		loading_mistake(l, at, &where, "without effect: the URL is http, not https");
	}
}

/* The content of the file that key name says is at file; false: a mistake was noted. */
static bool file_read(struct loading *l, struct node n, const struct path *path, const char *name,
		      const char *file, struct buf *out)
{
	struct path where = path_key(path, text_of(name));
	struct err e;
	enum err_code code;

	code = l->env->read_file(l->env->ctx, file, out, &e);
	if (code != ERR_OK && code != ERR_NOMEM)
		code = e.code = ERR_DATA;
	return loading_note(l, node_find(n, name), &where, code, &e);
}

static void check_file(struct loading *l, struct node n, const struct path *path, const char *name,
		       const char *file, struct buf *pem)
{
	struct path where = path_key(path, text_of(name));
	struct err e;
	enum err_code code;

	if (!file_read(l, n, path, name, file, pem))
		return;
	code = certificate_check(buf_text(pem), NULL, &e);
	if (code == ERR_DATA)
		code = err_prefix(&e, "%s", file);
	loading_note(l, node_find(n, name), &where, code, &e);
}

void tls_pair_check(struct loading *l, const char *cert, const char *key_file, const char *password,
		    struct node n, const struct path *path)
{
	struct path where = path_key(path, TEXT_LIT("tls_key"));
	size_t before = loading_mistake_count(l);
	struct buf pem, key;
	struct err e;
	enum err_code code;

	buf_init(&pem, CERTIFICATE_BYTES_MAX);
	buf_init(&key, CERTIFICATE_BYTES_MAX);
	check_file(l, n, path, "tls_cert", cert, &pem);
	if (file_read(l, n, path, "tls_key", key_file, &key) &&
	    loading_mistake_count(l) == before) {
		code = certificate_check_key(buf_text(&pem), buf_text(&key), password, &e);
		if (code == ERR_DATA)
			code = err_prefix(&e, "%s", key_file);
		loading_note(l, node_find(n, "tls_key"), &where, code, &e);
	}
	secret_buf_done(&key);
	buf_done(&pem);
}

void webhook_auth_check(struct loading *l, const struct webhook_settings *w, struct node n,
			const struct path *path)
{
	struct buf pem;

	check_pairings(l, n, path);
	check_authorization(l, w, n, path);
	check_scheme(l, w, n, path);
	if (w->tls_cert && w->tls_key)
		tls_pair_check(l, w->tls_cert, w->tls_key, w->tls_key_password.value, n, path);
	if (w->ca_file) {
		buf_init(&pem, CERTIFICATE_BYTES_MAX);
		check_file(l, n, path, "ca_file", w->ca_file, &pem);
		buf_done(&pem);
	}
}
