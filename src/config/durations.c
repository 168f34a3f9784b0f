/* SPDX-License-Identifier: MIT */
#include "config/durations.h"

#include <string.h>

#include "base/mem.h"
#include "config/value.h"

static ATTR_MUST_CHECK enum err_code out_of_range(const struct key *k, int64_t us, struct err *e)
{
	bool low = us < k->min;
	struct buf text;
	enum err_code code;

	buf_init(&text, ERR_MSG_BYTES);
	value_print_duration(&text, us);
	buf_add_str(&text, low ? " is below the minimum of " : " is above the maximum of ");
	value_print_duration(&text, low ? k->min : k->max);
	code = buf_error(&text);
	code = code == ERR_OK ? err_set(e, ERR_DATA, "%s", buf_str(&text))
			      : err_set(e, ERR_NOMEM, "no memory for a setting");
	buf_done(&text);
	return code;
}

enum err_code durations_add(const struct key *k, void *field, struct text v, struct err *e)
{
	struct duration_list *l = field;
	int64_t us = 0, *items;
	enum err_code code = value_duration_us(value_trim(v), &us, e);

	if (code != ERR_OK)
		return code;
	if (us < k->min || us > k->max)
		return out_of_range(k, us, e);
	if (l->count == SETTINGS_DURATIONS_MAX)
		return err_set(e, ERR_DATA, "too many: at most %d are allowed",
			       SETTINGS_DURATIONS_MAX);
	items = mem_realloc(l->items_us, (l->count + 1) * sizeof(*items));
	if (!items)
		return err_set(e, ERR_NOMEM, "no memory for a setting");
	items[l->count++] = us;
	l->items_us = items;
	return ERR_OK;
}

enum err_code durations_set(const struct key *k, void *field, struct text v, struct err *e)
{
	struct duration_list fresh = {NULL, 0};
	enum err_code code = ERR_OK;
	const char *comma;
	size_t len;

	while (code == ERR_OK) {
		comma = v.len ? memchr(v.s, ',', v.len) : NULL;
		len = comma ? (size_t)(comma - v.s) : v.len;
		code = durations_add(k, &fresh, (struct text){v.s, len}, e);
		if (!comma)
			break;
		v = (struct text){comma + 1, v.len - len - 1};
	}
	if (code != ERR_OK) {
		durations_done(&fresh);
		return code;
	}
	durations_done(field);
	*(struct duration_list *)field = fresh;
	return ERR_OK;
}

void durations_done(void *field)
{
	struct duration_list *l = field;

	mem_free(l->items_us);
	*l = (struct duration_list){NULL, 0};
}

bool durations_is_given(const void *field)
{
	return ((const struct duration_list *)field)->count > 0;
}

void durations_print(const struct key *k, const void *field, struct buf *out)
{
	const struct duration_list *l = field;
	size_t i;

	(void)k;
	buf_add_char(out, '[');
	for (i = 0; i < l->count; i++) {
		buf_add_str(out, i ? ", " : "");
		value_print_duration(out, l->items_us[i]);
	}
	buf_add_char(out, ']');
}

bool durations_is_equal(const void *a, const void *b)
{
	const struct duration_list *x = a, *y = b;

	return x->count == y->count &&
	       (!x->count || !memcmp(x->items_us, y->items_us, x->count * sizeof(*x->items_us)));
}
