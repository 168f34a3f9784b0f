/* SPDX-License-Identifier: MIT */
#include "sink/archive_view.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"

static struct text unquoted(struct text value)
{
	if (value.len < 2 || value.s[0] != '"')
		return TEXT_NONE;
	return (struct text){value.s + 1, value.len - 2};
}

static struct text json_or_none(struct text value)
{
	return text_eq(value, TEXT_LIT("null")) ? TEXT_NONE : value;
}

static bool is_named(const struct json_member *m, const char *name)
{
	return text_eq(m->name, text_of(name));
}

/* The members that all formats have, if m is one of them. */
static void take_common(struct archive_view *v, const struct json_member *m)
{
	if (is_named(m, "id"))
		v->id = unquoted(m->value);
	else if (is_named(m, "schema"))
		v->schema = unquoted(m->value);
	else if (is_named(m, "table"))
		v->table = unquoted(m->value);
	else if (is_named(m, "key"))
		v->key = json_or_none(m->value);
	else if (is_named(m, "old_key"))
		v->old_key = json_or_none(m->value);
}

/* Debezium's `source`. */
static void take_source(struct archive_view *v, struct text source)
{
	struct json_member m;
	struct json_scan s;

	json_scan_open(&s, source);
	while (json_scan_next(&s, &m) == JSON_STEP_MEMBER) {
		take_common(v, &m);
		if (is_named(&m, "name"))
			v->pipeline = unquoted(m.value);
		else if (is_named(&m, "ts_ms"))
			v->changed_wall_us = strtoll(m.value.s, NULL, 10) * CLOCK_US_PER_MS;
	}
}

static void take_letter(struct archive_view *v, struct text letter)
{
	static const char letters[OP_COUNT] = {[OP_INSERT] = 'c',
					       [OP_UPDATE] = 'u',
					       [OP_DELETE] = 'd',
					       [OP_TRUNCATE] = 't',
					       [OP_READ] = 'r'};
	enum op op;

	for (op = 0; op < OP_COUNT; op++) {
		if (letter.len == 1 && *letter.s == letters[op]) {
			v->op = op;
			v->has_op = true;
		}
	}
}

/* Of one object; *ret_data: an envelope's event. */
static bool take_object(struct archive_view *v, struct text object, struct text *ret_data)
{
	struct json_member m;
	struct json_scan s;
	enum json_step step;

	json_scan_open(&s, object);
	while ((step = json_scan_next(&s, &m)) == JSON_STEP_MEMBER) {
		take_common(v, &m);
		if (is_named(&m, "pipeline"))
			v->pipeline = unquoted(m.value);
		else if (is_named(&m, "operation"))
			v->has_op = op_parse(unquoted(m.value), &v->op);
		else if (is_named(&m, "changed_at"))
			v->changed_at = unquoted(m.value);
		else if (is_named(&m, "data"))
			*ret_data = m.value;
		else if (is_named(&m, "op"))
			take_letter(v, unquoted(m.value));
		else if (is_named(&m, "source") && *m.value.s == '{')
			take_source(v, m.value);
	}
	return step == JSON_STEP_END;
}

bool archive_view_read(struct text record, struct archive_view *ret)
{
	struct archive_view v = {.has_op = false};
	struct text data = TEXT_NONE, inner;

	if (!take_object(&v, record, &data))
		return false;
	if (!v.has_op && data.s && *data.s == '{') {
		v = (struct archive_view){.has_op = false};
		if (!take_object(&v, data, &inner))
			return false;
	}
	if (v.has_op)
		*ret = v;
	return v.has_op;
}
