/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a row to which rules for columns are put: what was a JSON object is one with exactly
 * the members that another parser and the rules agree on, and what no parser takes for one is never
 * read beyond its end. The first byte chooses the rules, or that its texts are to be cut.
 */
#include "fuzz.h"

#include <assert.h>
#include <jansson.h>

#include "base/mem.h"
#include "sink/mask.h"
#include "sink/oversize.h"

static char key[] = "0123456789abcdef0123456789abcdef";
static char a[] = "a", b[] = "t.b*", c[] = "*c", d[] = "\"d.\"", e[] = "e", f[] = "?.*f*";
static char *drop[] = {a, b, NULL}, *redact[] = {c, d, NULL}, *hash[] = {e, f, NULL};

static struct text string_of(const json_t *value)
{
	return (struct text){json_string_value(value), json_string_length(value)};
}

/* after is what a redacted or hashed before has become. */
static void check_value(const struct column_rules *rules, enum column_action action,
			const json_t *before, const json_t *after)
{
	char hex[HMAC_HEX_BYTES];

	assert(after);
	if (action == COLUMN_SEND || json_is_null(before)) {
		assert(json_equal(before, after));
		return;
	}
	assert(json_is_string(after));
	if (action == COLUMN_REDACT) {
		assert(text_eq(string_of(after), TEXT_LIT("***")));
		return;
	}
	assert(json_string_length(after) == HMAC_HEX_BYTES - 1);
	if (!json_is_string(before))
		return;
	assert(hmac_hex(column_rules_hmac(rules), string_of(before), hex) == ERR_OK);
	assert(text_eq(string_of(after), text_of(hex)));
}

static void check_members(const struct column_rules *rules, json_t *before, json_t *after)
{
	struct column_name name = {TEXT_NONE, TEXT_LIT("t"), TEXT_NONE, SOURCE_POSTGRES};
	enum column_action action;
	const char *spelled;
	json_t *value;
	size_t kept = 0;

	assert(json_is_object(after));
	json_object_foreach(before, spelled, value)
	{
		name.column = text_of(spelled);
		action = column_rules_find(rules, &name);
		if (action == COLUMN_DROP)
			continue;
		kept++;
		check_value(rules, action, value, json_object_get(after, spelled));
	}
	assert(json_object_size(after) == kept);
}

static void check(const struct column_rules *rules, struct text in)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
	struct event_fields row = {.table = TEXT_LIT("t"), .data = in};
	json_t *before, *after;
	struct buf room;
	json_error_t error;

	buf_init(&room, SIZE_MAX / 2);
	assert(mask_event(rules, SOURCE_POSTGRES, &row, &room) == ERR_OK);
	/* jansson takes a NUL behind a number for white space */
	before = memchr(in.s, '\0', in.len) ? NULL : json_loadb(in.s, in.len, flags, &error);
	after = row.data.s ? json_loadb(row.data.s, row.data.len, flags, &error) : NULL;
	if (json_is_object(before))
		check_members(rules, before, after);
	else if (before)
		assert(!row.data.s);
	json_decref(before);
	json_decref(after);
	buf_done(&room);
}

/* What is cut is the start of what was there. */
static void check_cut(json_t *before, json_t *after)
{
	const char *name;
	json_t *value, *left;

	assert(json_object_size(before) == json_object_size(after));
	json_object_foreach(before, name, value)
	{
		left = json_object_get(after, name);
		if (!json_is_string(value)) {
			assert(json_equal(value, left));
			continue;
		}
		assert(json_is_string(left) &&
		       json_string_length(left) <= json_string_length(value));
		assert(!memcmp(json_string_value(left), json_string_value(value),
			       json_string_length(left)));
	}
}

/* Half of the row has to go. */
static void check_oversize(struct text in)
{
	const size_t flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
	struct event_fields row = {.data = in};
	struct text names = TEXT_NONE;
	json_t *before, *after, *list;
	struct buf room;
	json_error_t error;

	buf_init(&room, SIZE_MAX / 2);
	if (oversize_truncate(&row, in.len / 2, &room, &names) == ERR_OK) {
		assert(row.data.len + names.len + sizeof(OVERSIZE_COLUMNS) + 3 <=
		       in.len - in.len / 2);
		before =
			memchr(in.s, '\0', in.len) ? NULL : json_loadb(in.s, in.len, flags, &error);
		after = json_loadb(row.data.s, row.data.len, flags, &error);
		list = json_loadb(names.s, names.len, JSON_ALLOW_NUL, &error);
		if (before) {
			assert(json_is_array(list) && json_array_size(list) > 0);
			check_cut(before, after);
		}
		json_decref(before);
		json_decref(after);
		json_decref(list);
	}
	buf_done(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct webhook_settings w = {.mask_key = {key}};
	struct column_rules *rules = NULL;

	if (len < 2)
		return 0;
	if (bytes[0] & 1)
		w.columns_exclude = (struct string_list){drop, 2};
	if (bytes[0] & 2)
		w.mask_redact = (struct string_list){redact, 2};
	if (bytes[0] & 4)
		w.mask_hash = (struct string_list){hash, 2};
	if (bytes[0] & 8)
		w.columns_include = (struct string_list){hash, 2};
	if (bytes[0] & 16)
		check_oversize((struct text){(const char *)bytes + 1, len - 1});
	assert(column_rules_new(&w, &rules, NULL) == ERR_OK);
	if (rules)
		check(rules, (struct text){(const char *)bytes + 1, len - 1});
	column_rules_free(rules);
	return 0;
}
