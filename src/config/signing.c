/* SPDX-License-Identifier: MIT */
/*
 * webhook.signing_secrets: one secret or a list, where each may be text, {file: PATH} or
 * {credential: NAME}.
 */
#include "config/signing.h"

#include <openssl/crypto.h>

#include "config/field.h"
#include "config/loading.h"
#include "config/secret.h"

enum err_code signing_add(const struct key *k, void *field, struct text v, struct err *e)
{
	(void)k;
	return signing_keys_add(field, v, e);
}

enum err_code signing_set(const struct key *k, void *field, struct text v, struct err *e)
{
	struct signing_keys fresh = {NULL, 0};
	enum err_code code = signing_add(k, &fresh, v, e);

	if (code != ERR_OK) {
		signing_keys_done(&fresh);
		return code;
	}
	signing_keys_done(field);
	*(struct signing_keys *)field = fresh;
	return ERR_OK;
}

void signing_done(void *field)
{
	signing_keys_done(field);
}

bool signing_is_given(const void *field)
{
	return ((const struct signing_keys *)field)->count > 0;
}

void signing_print(const struct key *k, const void *field, struct buf *out)
{
	const struct signing_keys *all = field;
	size_t i;

	(void)k;
	for (i = 0; i < all->count; i++)
		buf_add_str(out, i ? ", \"***\"" : "[\"***\"");
	buf_add_char(out, ']');
}

bool signing_is_equal(const void *a, const void *b)
{
	const struct signing_keys *x = a, *y = b;
	size_t i;

	if (x->count != y->count)
		return false;
	for (i = 0; i < x->count; i++) {
		if (x->items[i].kind != y->items[i].kind || x->items[i].len != y->items[i].len ||
		    CRYPTO_memcmp(x->items[i].bytes, y->items[i].bytes, x->items[i].len) != 0)
			return false;
	}
	return true;
}

static void read_item(struct loading *l, const struct key *k, void *base, struct node n,
		      const struct path *path)
{
	struct buf text;
	struct err e;
	enum err_code code;

	buf_init(&text, SECRET_BYTES_MAX);
	if (loading_secret(l, n, path, &text)) {
		code = field_add(k, base, buf_text(&text), &e);
		loading_note(l, n, path, code, &e);
	}
	secret_buf_done(&text);
}

void signing_read(struct loading *l, const struct key *k, void *base, struct node n,
		  const struct path *path)
{
	struct path where;
	size_t i;

	field_clear(k, base);
	if (node_kind(n) != NODE_LIST) {
		read_item(l, k, base, n, path);
		return;
	}
	if (!node_count(n))
		loading_mistake(l, n, path, "an empty list: leave the key out instead");
	for (i = 0; i < node_count(n); i++) {
		where = path_item(path, i);
		read_item(l, k, base, node_item(n, i), &where);
	}
}
