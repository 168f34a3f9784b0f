/* SPDX-License-Identifier: MIT */
#include "notice.h"

#include <stddef.h>
#include <string.h>

#include "base/attr.h"

/* FNV-1a, 64 bits */
#define HASH_START 0xCBF29CE484222325ULL
#define HASH_PRIME 0x100000001B3ULL

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* Behind the closing quote of the string at p; NULL when there is none. */
static const char *string_end(const char *p, const char *end)
{
	const char *back;

	for (p++; p < end; p++) {
		p = memchr(p, '"', (size_t)(end - p));
		if (!p)
			return NULL;
		for (back = p; back[-1] == '\\'; back--)
			;
		if ((p - back) % 2 == 0)
			return p + 1;
	}
	return NULL;
}

static bool ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Behind the value at p, which is taken to be right JSON; NULL when it does not end. */
static const char *value_end(const char *p, const char *end)
{
	int depth = 0;

	if (p < end && *p != '"' && *p != '{' && *p != '[') {
		while (p < end && !ends_scalar(*p))
			p++;
		return p;
	}
	while (p && p < end) {
		if (*p == '"') {
			p = string_end(p, end);
		} else {
			depth += *p == '{' || *p == '[';
			depth -= *p == '}' || *p == ']';
			p++;
		}
		if (!depth)
			return p;
	}
	return NULL;
}

/* The member at *p: its name and raw value; moves *p to the next one. False at the end. */
static bool next_member(const char **p, const char *end, struct text *name, struct text *value)
{
	const char *at = skip_space(*p, end), *stop;

	if (at < end && (*at == ',' || *at == '{'))
		at = skip_space(at + 1, end);
	if (at >= end || *at != '"')
		return false;
	stop = string_end(at, end);
	if (!stop)
		return false;
	*name = (struct text){at + 1, (size_t)(stop - at - 2)};
	at = skip_space(stop, end);
	if (at >= end || *at != ':')
		return false;
	at = skip_space(at + 1, end);
	stop = value_end(at, end);
	if (!stop)
		return false;
	*value = (struct text){at, (size_t)(stop - at)};
	*p = stop;
	return true;
}

bool notice_parse(struct text body, struct notice *n)
{
	static const struct {
		const char *name;
		size_t offset;
	} members[] = {
		{"id", offsetof(struct notice, id)},
		{"pipeline", offsetof(struct notice, pipeline)},
		{"operation", offsetof(struct notice, operation)},
		{"schema", offsetof(struct notice, schema)},
		{"table", offsetof(struct notice, table)},
		{"key", offsetof(struct notice, key)},
		{"changed_at", offsetof(struct notice, changed_at)},
		{"data", offsetof(struct notice, data)},
		{"old_data", offsetof(struct notice, old_data)},
	};
	const char *p = body.s, *end = body.s + body.len;
	struct text name, value;
	size_t i;

	*n = (struct notice){.id = TEXT_NONE};
	if (!body.s || skip_space(p, end) == end || *skip_space(p, end) != '{')
		return false;
	while (next_member(&p, end, &name, &value)) {
		if (text_eq(value, TEXT_LIT("null")))
			continue;
		if (value.s[0] == '"')
			value = (struct text){value.s + 1, value.len - 2};
		for (i = 0; i < ARRAY_LEN(members); i++)
			if (text_eq(name, text_of(members[i].name)))
				*(struct text *)(void *)((char *)n + members[i].offset) = value;
	}
	p = skip_space(p, end);
	if (p < end && *p == '{') /* no member was taken */
		p = skip_space(p + 1, end);
	return p < end && *p == '}';
}

bool notice_array(struct text *rest)
{
	const char *end = rest->s + rest->len, *p = rest->s ? skip_space(rest->s, end) : end;

	if (p == end || *p != '[')
		return false;
	*rest = (struct text){p + 1, (size_t)(end - p - 1)};
	return true;
}

bool notice_element(struct text *rest, struct text *ret_item)
{
	const char *end = rest->s + rest->len, *p = skip_space(rest->s, end), *stop;

	if (p < end && *p == ',')
		p = skip_space(p + 1, end);
	stop = p < end && *p != ']' ? value_end(p, end) : NULL;
	if (!stop || stop == p)
		return false;
	*ret_item = (struct text){p, (size_t)(stop - p)};
	*rest = (struct text){stop, (size_t)(end - stop)};
	return true;
}

struct text notice_member(struct text object, struct text name)
{
	const char *p = object.s, *end = object.s + object.len;
	struct text found, value;

	while (object.s && next_member(&p, end, &found, &value))
		if (text_eq(found, name))
			return value;
	return TEXT_NONE;
}

static uint64_t hash_add(uint64_t h, struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		h = (h ^ (unsigned char)t.s[i]) * HASH_PRIME;
	return (h ^ 0xFF) * HASH_PRIME; /* no UTF-8 text has this byte: "a","bc" is not "ab","c" */
}

int notice_lanes(const struct notice *n, uint64_t lane[static NOTICE_LANES_MAX])
{
	const char *p = n->key.s, *end = n->key.s + n->key.len;
	struct text name, value, old;
	uint64_t h;
	int moved = 0;

	if (!n->table.s)
		return 0;
	h = hash_add(hash_add(hash_add(HASH_START, n->pipeline), n->schema), n->table);
	lane[0] = lane[1] = h;
	while (p && next_member(&p, end, &name, &value)) {
		lane[0] = hash_add(hash_add(lane[0], name), value);
		old = notice_member(n->old_data, name);
		if (!old.s)
			old = value;
		else if (!text_eq(old, value))
			moved = 1;
		lane[1] = hash_add(hash_add(lane[1], name), old);
	}
	return 1 + moved;
}
