/* SPDX-License-Identifier: MIT */
/*
 * ingest.tokens: names to secrets, where a secret is text, {file: PATH} or {credential: NAME}.
 */
#include "config/ingest_tokens.h"

#include "base/mem.h"
#include "config/field.h"
#include "config/loading.h"
#include "config/secret.h"

#define TOKEN_BYTES_MIN 16

enum err_code ingest_tokens_set(const struct key *k, void *field, struct text v, struct err *e)
{
	(void)k;
	(void)field;
	(void)v;
	return err_set(e, ERR_DATA, "must be a mapping of names to tokens");
}

void ingest_tokens_done(void *field)
{
	struct ingest_tokens *all = field;
	size_t i;

	for (i = 0; i < all->count; i++) {
		mem_free(all->items[i].name);
		if (all->items[i].value.value)
			mem_wipe(all->items[i].value.value, strlen(all->items[i].value.value));
		mem_free(all->items[i].value.value);
	}
	mem_free(all->items);
	*all = (struct ingest_tokens){NULL, 0};
}

bool ingest_tokens_is_given(const void *field)
{
	return ((const struct ingest_tokens *)field)->count > 0;
}

void ingest_tokens_print(const struct key *k, const void *field, struct buf *out)
{
	const struct ingest_tokens *all = field;
	size_t i;

	(void)k;
	for (i = 0; i < all->count; i++)
		buf_add_fmt(out, "%s%s: \"***\"", i ? ", " : "{", all->items[i].name);
	buf_add_char(out, '}');
}

bool ingest_tokens_is_equal(const void *a, const void *b)
{
	const struct ingest_tokens *x = a, *y = b;
	size_t i;

	if (x->count != y->count)
		return false;
	for (i = 0; i < x->count; i++) {
		if (strcmp(x->items[i].name, y->items[i].name) != 0 ||
		    strcmp(x->items[i].value.value, y->items[i].value.value) != 0)
			return false;
	}
	return true;
}

/* Two names with one token: which of them posted could not be told. */
static const char *complaint_of(const struct ingest_tokens *all, const char *value)
{
	const char *complaint = check_bearer_token(value);
	size_t i;

	if (!complaint && strlen(value) < TOKEN_BYTES_MIN)
		complaint = "a token has at least 16 characters: openssl rand -hex 24 makes one";
	for (i = 0; !complaint && i < all->count; i++) {
		if (!strcmp(all->items[i].value.value, value))
			complaint = "the same token as of another name";
	}
	return complaint;
}

/* The i-th pair of n as the next token; nothing is added when a mistake was noted. */
static void token_read(struct loading *l, struct ingest_tokens *all, struct node n, size_t i,
		       const struct path *path)
{
	struct text name = node_text(node_key(n, i));
	struct path where = path_key(path, name);
	struct ingest_token t = {.name = mem_strndup(name.s, name.len)};
	const char *complaint;
	struct buf value;

	buf_init(&value, SECRET_BYTES_MAX);
	if (!t.name) {
		l->error = ERR_NOMEM;
		return;
	}
	complaint = strlen(t.name) == name.len ? check_name(t.name) : "a NUL byte is not allowed";
	if (complaint)
		loading_mistake(l, node_key(n, i), &where, "%s", complaint);
	if (!loading_secret(l, node_value(n, i), &where, &value) || complaint)
		goto out;
	complaint = complaint_of(all, buf_str(&value));
	if (complaint) {
		loading_mistake(l, node_value(n, i), &where, "%s", complaint);
		goto out;
	}
	t.value.value = mem_strndup(buf_str(&value), value.len);
	if (!t.value.value) {
		l->error = ERR_NOMEM;
		goto out;
	}
	all->items[all->count++] = t;
	t.name = NULL;
out:
	mem_free(t.name);
	secret_buf_done(&value);
}

void ingest_tokens_read(struct loading *l, const struct key *k, void *base, struct node n,
			const struct path *path)
{
	struct ingest_tokens *all = key_field(k, base);
	size_t i, count = node_count(n);

	field_clear(k, base);
	if (!loading_mapping(l, n, path))
		return;
	if (count > INGEST_TOKENS_MAX) {
		loading_mistake(l, n, path, "too many: at most %d are allowed", INGEST_TOKENS_MAX);
		return;
	}
	all->items = loading_array(l, count + 1, sizeof(*all->items));
	for (i = 0; all->items && i < count; i++) {
		if (!loading_is_repeated(n, i))
			token_read(l, all, n, i, path);
	}
}
