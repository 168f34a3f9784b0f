/* SPDX-License-Identifier: MIT */
#include "sink/mask.h"

#include "base/json_scan.h"

struct masking {
	const struct column_rules *rules;
	struct column_name name;
	struct buf *out;
	struct buf plain; /* a name or a string without its escapes */
	enum err_code error;
};

/* What inside, the text between a string's quotes, means; a loan until the next call. */
static struct text plain_of(struct masking *m, struct text inside)
{
	if (!memchr(inside.s, '\\', inside.len))
		return inside;
	buf_reset(&m->plain);
	json_scan_unescape(&m->plain, inside);
	if (buf_error(&m->plain) != ERR_OK)
		m->error = buf_error(&m->plain);
	return buf_text(&m->plain);
}

static void add_hash(struct masking *m, struct text value)
{
	char hex[HMAC_HEX_BYTES];

	if (value.s[0] == '"')
		value = plain_of(m, (struct text){value.s + 1, value.len - 2});
	if (m->error == ERR_OK)
		m->error = hmac_hex(column_rules_hmac(m->rules), value, hex);
	if (m->error != ERR_OK)
		return;
	buf_add_char(m->out, '"');
	buf_add(m->out, hex, sizeof(hex) - 1);
	buf_add_char(m->out, '"');
}

static void add_member(struct masking *m, const struct json_member *member, size_t start)
{
	enum column_action action;

	m->name.column = plain_of(m, member->name);
	action = column_rules_find(m->rules, &m->name);
	if (action == COLUMN_DROP)
		return;
	if (m->out->len > start + 1)
		buf_add_char(m->out, ',');
	buf_add(m->out, member->name.s - 1, member->name.len + 2);
	buf_add_char(m->out, ':');
	if (action == COLUMN_SEND || text_eq(member->value, TEXT_LIT("null")))
		buf_add_text(m->out, member->value);
	else if (action == COLUMN_REDACT)
		buf_add_str(m->out, "\"***\"");
	else
		add_hash(m, member->value);
}

/* Append json as the rules want it, nothing when it is no object. */
static void add_object(struct masking *m, struct text json)
{
	struct json_member member;
	struct json_scan scan;
	size_t start = m->out->len;
	enum json_step step = JSON_STEP_BAD;

	if (!json.s)
		return;
	json_scan_open(&scan, json);
	buf_add_char(m->out, '{');
	while (m->error == ERR_OK && (step = json_scan_next(&scan, &member)) == JSON_STEP_MEMBER)
		add_member(m, &member, start);
	buf_add_char(m->out, '}');
	if (step == JSON_STEP_BAD)
		buf_truncate(m->out, start);
}

enum err_code mask_event(const struct column_rules *rules, enum source_type type,
			 struct event_fields *f, struct buf *room)
{
	struct text *const parts[] = {&f->key, &f->old_key, &f->data, &f->old_data};
	struct masking m = {.rules = rules, .name = {f->schema, f->table, TEXT_NONE, type}};
	size_t ends[ARRAY_LEN(parts)], i, start = 0;
	enum err_code code;

	m.out = room;
	buf_init(&m.plain, room->max_bytes);
	code = buf_reserve(room, f->key.len + f->old_key.len + f->data.len + f->old_data.len + 1);
	for (i = 0; code == ERR_OK && i < ARRAY_LEN(parts); i++) {
		add_object(&m, *parts[i]);
		ends[i] = room->len;
		code = m.error == ERR_OK ? buf_error(room) : m.error;
	}
	buf_done(&m.plain);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		*parts[i] = ends[i] > start ? (struct text){room->data + start, ends[i] - start}
					    : TEXT_NONE;
		start = ends[i];
	}
	return ERR_OK;
}
