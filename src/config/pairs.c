/* SPDX-License-Identifier: MIT */
#include "config/pairs.h"

#include "config/field.h"
#include "config/loading.h"
#include "config/quote.h"

#define VALUE_BYTES_MAX 256

enum err_code pairs_set(const struct key *k, void *field, struct text v, struct err *e)
{
	(void)k;
	(void)field;
	(void)v;
	return err_set(e, ERR_DATA, "a mapping is wanted: {NAME: VALUE, ...}");
}

void pairs_print(const struct key *k, const void *field, struct buf *out)
{
	const struct string_list *l = field;
	size_t i;

	(void)k;
	buf_add_char(out, '{');
	for (i = 0; i + 1 < l->count; i += 2) {
		buf_add_str(out, i ? ", " : "");
		quote_text(text_of(l->items[i]), out);
		buf_add_str(out, ": ");
		quote_text(text_of(l->items[i + 1]), out);
	}
	buf_add_char(out, '}');
}

const char *pairs_find(const struct string_list *pairs, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < pairs->count; i += 2)
		if (strcmp(pairs->items[i], name) == 0)
			return pairs->items[i + 1];
	return NULL;
}

static void pair_read(struct loading *l, struct string_list *list, struct node n, size_t i,
		      const struct path *path)
{
	struct text name = node_text(node_key(n, i));
	struct path where = path_key(path, name);
	struct buf value;

	buf_init(&value, VALUE_BYTES_MAX);
	if (name.len && memchr(name.s, '\0', name.len))
		loading_mistake(l, node_key(n, i), &where, "a NUL byte is not allowed");
	else if (loading_text(l, node_value(n, i), &where, &value) &&
		 (string_list_add(list, name) != ERR_OK ||
		  string_list_add(list, buf_text(&value)) != ERR_OK))
		l->error = ERR_NOMEM;
	buf_done(&value);
}

void pairs_read(struct loading *l, const struct key *k, void *base, struct node n,
		const struct path *path)
{
	struct string_list *list = key_field(k, base);
	size_t i;

	field_clear(k, base);
	if (!loading_mapping(l, n, path))
		return;
	for (i = 0; i < node_count(n); i++)
		if (!loading_is_repeated(n, i))
			pair_read(l, list, n, i, path);
}
