/* SPDX-License-Identifier: MIT */
#include "sink/oversize.h"

#include <stdlib.h>

#include "base/json_scan.h"
#include "base/mem.h"

/* What stands around the names of the cut columns, of which the last has no comma:
 * ,"truncated_columns":[] */
#define MARK_BYTES (sizeof(",\"" OVERSIZE_COLUMNS "\":[]") - 2)
/* ... and around each: "", */
#define NAME_BYTES 3

/* More strings are not cut: each name is compared with those before it. */
#define CUTS_MAX 1000

struct strings {
	struct column {
		size_t name_len;
		size_t len; /* of the value, as it is spelled, without quotes */
	} * items;
	size_t count;
};

static bool is_string(const struct json_member *m)
{
	return m->value.s[0] == '"';
}

static struct text inside_of(const struct json_member *m)
{
	return (struct text){m->value.s + 1, m->value.len - 2};
}

static bool is_longer(const struct json_member *m, size_t level)
{
	return is_string(m) && inside_of(m).len > level;
}

/* Add the strings of json to list; without items, only count them. False: json is no object. */
static bool collect(struct strings *list, struct text json)
{
	struct json_member m;
	struct json_scan scan;
	enum json_step step;

	if (!json.s)
		return true;
	json_scan_open(&scan, json);
	while ((step = json_scan_next(&scan, &m)) == JSON_STEP_MEMBER) {
		if (!is_string(&m))
			continue;
		if (list->items)
			list->items[list->count] = (struct column){m.name.len, inside_of(&m).len};
		list->count++;
	}
	return step == JSON_STEP_END;
}

static int longest_first(const void *a, const void *b)
{
	const struct column *x = a, *y = b;

	return (x->len < y->len) - (x->len > y->len);
}

/* The length to cut the k longest strings to, for the smallest k that is enough; false: none is. */
static bool find_level(const struct strings *list, size_t excess, size_t *ret_level)
{
	size_t need = excess + MARK_BYTES, total = 0, level, k;

	for (k = 1; k <= list->count && k <= CUTS_MAX; k++) {
		need += list->items[k - 1].name_len + NAME_BYTES;
		total += list->items[k - 1].len;
		if (total < need)
			continue;
		level = (total - need) / k;
		if (k < list->count && level < list->items[k].len)
			continue;
		*ret_level = level;
		return true;
	}
	return false;
}

static ATTR_MUST_CHECK enum err_code choose_level(const struct event_fields *f, size_t excess,
						  size_t *ret_level)
{
	struct strings list = {NULL, 0};
	bool found;

	if (!collect(&list, f->data) || !collect(&list, f->old_data) || !list.count)
		return ERR_DATA;
	list.items = mem_calloc(list.count, sizeof(*list.items));
	if (!list.items)
		return ERR_NOMEM;
	list.count = 0;
	found = collect(&list, f->data) && collect(&list, f->old_data);
	qsort(list.items, list.count, sizeof(*list.items), longest_first);
	found = found && find_level(&list, excess, ret_level);
	mem_free(list.items);
	return found ? ERR_OK : ERR_DATA;
}

/* Append json with every string cut to level. */
static void add_cut(struct buf *out, struct text json, size_t level)
{
	const char *plain = json.s;
	struct json_member m;
	struct json_scan scan;
	struct text inside;

	if (!json.s)
		return;
	json_scan_open(&scan, json);
	while (json_scan_next(&scan, &m) == JSON_STEP_MEMBER) {
		if (!is_longer(&m, level))
			continue;
		inside = inside_of(&m);
		buf_add(out, plain, (size_t)(inside.s - plain) + json_scan_cut(inside, level));
		plain = inside.s + inside.len;
	}
	buf_add(out, plain, (size_t)(json.s + json.len - plain));
}

/* Whether the list of names in out, which begins at start, has this one. */
static bool has_name(const struct buf *out, size_t start, struct text quoted)
{
	size_t at, n;

	for (at = start; at < out->len; at += n + 1) {
		n = json_scan_string(out->data + at, out->len - at);
		if (!n || text_eq((struct text){out->data + at, n}, quoted))
			return n > 0;
	}
	return false;
}

/* Append the names of what is cut in json, as they are spelled there, to the list at start. */
static void add_names(struct buf *out, size_t start, struct text json, size_t level)
{
	struct json_member m;
	struct json_scan scan;
	struct text quoted;

	if (!json.s)
		return;
	json_scan_open(&scan, json);
	while (json_scan_next(&scan, &m) == JSON_STEP_MEMBER) {
		quoted = (struct text){m.name.s - 1, m.name.len + 2};
		if (!is_longer(&m, level) || has_name(out, start, quoted))
			continue;
		if (out->len > start)
			buf_add_char(out, ',');
		buf_add_text(out, quoted);
	}
}

enum err_code oversize_truncate(struct event_fields *f, size_t excess, struct buf *room,
				struct text *ret_columns)
{
	size_t level = 0, data_end, old_end;
	enum err_code code = choose_level(f, excess, &level);

	if (code != ERR_OK)
		return code;
	add_cut(room, f->data, level);
	data_end = room->len;
	add_cut(room, f->old_data, level);
	old_end = room->len;
	buf_add_char(room, '[');
	add_names(room, old_end + 1, f->data, level);
	add_names(room, old_end + 1, f->old_data, level);
	buf_add_char(room, ']');
	if (buf_error(room) != ERR_OK)
		return buf_error(room);
	if (f->data.s)
		f->data = (struct text){room->data, data_end};
	if (f->old_data.s)
		f->old_data = (struct text){room->data + data_end, old_end - data_end};
	*ret_columns = (struct text){room->data + old_end, room->len - old_end};
	return ERR_OK;
}

void oversize_key_only(struct event_fields *f)
{
	if (f->data.s)
		f->data = f->key;
	if (f->old_data.s)
		f->old_data = f->old_key.s ? f->old_key : f->key;
	f->truncated = true;
}
