/* SPDX-License-Identifier: MIT */
/*
 * What the keys of a webhook that choose and mask columns mean together.
 */
#include "config/column_rules.h"
#include "config/field.h"
#include "config/loading.h"

static void columns_mistake(struct loading *l, struct node n, const struct path *path,
			    const char *key, const char *complaint)
{
	struct path where = path_key(path, text_of(key));

	loading_mistake(l, node_find_key(n, key), &where, "%s", complaint);
}

/* How the key is given. */
static const char *mask_key_given(struct node n)
{
	static const char *const names[] = {"mask_key", "mask_key_file", "mask_key_credential"};
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(names) && !node_is_given(node_find_key(n, names[i])))
		i++;
	return names[i];
}

/* The same pattern in two lists that say different things of it. */
static void columns_twice(struct loading *l, struct node n, const struct path *path,
			  const char *key, const struct string_list *list, const char *other_key,
			  const struct string_list *other)
{
	struct path where = path_key(path, text_of(key));
	size_t i;

	for (i = 0; i < list->count; i++)
		if (string_list_has(other, list->items[i]))
			loading_mistake(l, node_find(n, key), &where, "%s is in %s too",
					list->items[i], other_key);
}

void columns_check(struct loading *l, struct webhook_settings *w, struct node n,
		   const struct path *path)
{
	size_t before = loading_mistake_count(l);
	struct err e;

	if (w->columns_include.count && w->columns_exclude.count)
		columns_mistake(l, n, path, "columns_exclude", "not together with columns_include");
	if (w->mask_hash.count && !w->mask_key.value)
		columns_mistake(l, n, path, "mask_hash", "needs mask_key");
	if (w->mask_key.value && !w->mask_hash.count)
		columns_mistake(l, n, path, mask_key_given(n),
				"is for mask_hash, which is not given");
	columns_twice(l, n, path, "mask_hash", &w->mask_hash, "mask_redact", &w->mask_redact);
	columns_twice(l, n, path, "mask_hash", &w->mask_hash, "columns_exclude",
		      &w->columns_exclude);
	columns_twice(l, n, path, "mask_redact", &w->mask_redact, "columns_exclude",
		      &w->columns_exclude);
	if (loading_mistake_count(l) == before)
		(void)loading_note(l, n, path, column_rules_new(w, &w->column_rules, &e), &e);
}
