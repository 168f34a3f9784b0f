/* SPDX-License-Identifier: MIT */
#include "config/field.h"

#include <assert.h>

#include "base/mem.h"
#include "config/field_type.h"
#include "config/suggest.h"
#include "config/value.h"

bool field_is_plain(const struct key *k)
{
	return field_types[k->type].set != NULL;
}

bool field_is_list(const struct key *k)
{
	return field_types[k->type].add != NULL;
}

enum err_code field_set(const struct key *k, void *base, struct text value, struct err *e)
{
	assert(field_is_plain(k));
	return field_types[k->type].set(k, key_field(k, base), value, e);
}

void field_clear(const struct key *k, void *base)
{
	assert(field_is_plain(k));
	field_types[k->type].done(key_field(k, base));
}

enum err_code field_add(const struct key *k, void *base, struct text value, struct err *e)
{
	assert(field_is_list(k));
	return field_types[k->type].add(k, key_field(k, base), value, e);
}

enum err_code field_set_defaults(enum key_target target, void *base, struct err *e)
{
	const struct key *k;
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; (k = key_at(i)) && code == ERR_OK; i++) {
		if (k->target == target && k->def)
			code = field_set(k, base, text_of(k->def), e);
	}
	return code;
}

void field_done_all(enum key_target target, void *base)
{
	const struct key *k;
	size_t i;

	for (i = 0; (k = key_at(i)); i++) {
		if (k->target == target && field_is_plain(k))
			field_types[k->type].done(key_field(k, base));
	}
}

bool field_is_given(const struct key *k, const void *base)
{
	assert(field_is_plain(k));
	return field_types[k->type].is_given(key_field_const(k, base));
}

void field_print(const struct key *k, const void *base, struct buf *out)
{
	assert(field_is_plain(k));
	field_types[k->type].print(k, key_field_const(k, base), out);
}

bool field_is_equal(const struct key *k, const void *a, const void *b)
{
	assert(field_is_plain(k));
	return field_types[k->type].is_equal(key_field_const(k, a), key_field_const(k, b));
}

void string_list_done(struct string_list *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		mem_free(l->items[i]);
	mem_free(l->items);
	*l = (struct string_list){NULL, 0};
}

enum err_code string_list_add(struct string_list *l, struct text t)
{
	char **items;
	char *copy = mem_strndup(t.s, t.len);

	if (!copy)
		return ERR_NOMEM;
	items = mem_realloc(l->items, (l->count + 2) * sizeof(*items));
	if (!items) {
		mem_free(copy);
		return ERR_NOMEM;
	}
	items[l->count++] = copy;
	items[l->count] = NULL;
	l->items = items;
	return ERR_OK;
}

bool string_list_has(const struct string_list *l, const char *s)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (!strcmp(l->items[i], s))
			return true;
	}
	return false;
}
