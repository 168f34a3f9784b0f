/* SPDX-License-Identifier: MIT */
#include "base/json_scan.h"

#include "base/utf8.h"

size_t json_scan_string(const char *s, size_t left)
{
	const char *end = s, *before;

	for (;;) {
		end = memchr(end + 1, '"', left - (size_t)(end + 1 - s));
		if (!end)
			return 0;
		for (before = end; before[-1] == '\\'; before--)
			;
		if ((end - before) % 2 == 0)
			return (size_t)(end - s) + 1;
	}
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The length of the object or array at s. */
static size_t nested_length(const char *s, size_t left)
{
	size_t at = 0, depth = 0, n;

	while (at < left) {
		switch (s[at]) {
		case '"':
			n = json_scan_string(s + at, left - at);
			if (!n)
				return 0;
			at += n;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (--depth == 0)
				return at + 1;
			break;
		default:
			break;
		}
		at++;
	}
	return 0;
}

/* The length of the value at s, which is not white space; 0: none begins there, or it has no end
 * in the left bytes. */
static size_t value_length(const char *s, size_t left)
{
	size_t n = 0;

	if (*s == '"')
		return json_scan_string(s, left);
	if (*s == '{' || *s == '[')
		return nested_length(s, left);
	/* a number or a word */
	while (n < left && !is_space(s[n]) && s[n] && !strchr(",:{}[]\"", s[n]))
		n++;
	return n;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the \uXXXX at the front of t; -1: there is none. */
static long unit_at(struct text t)
{
	long unit = 0;
	size_t i;
	int d;

	if (t.len < 6 || t.s[0] != '\\' || t.s[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++) {
		d = hex_digit(t.s[i]);
		if (d < 0)
			return -1;
		unit = unit * 16 + d;
	}
	return unit;
}

/* Whether low is the second half of the pair that high begins. */
static bool is_pair(long high, long low)
{
	return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

/* The character of the \uXXXX, or the pair of them, at the front of t; returns its length, 0: there
 * is none. */
static size_t take_unicode(struct text t, uint32_t *ret_character)
{
	long unit = unit_at(t), low;

	if (unit < 0)
		return 0;
	*ret_character = (uint32_t)unit;
	low = unit_at((struct text){t.s + 6, t.len - 6});
	if (!is_pair(unit, low))
		return 6;
	*ret_character = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
	return 12;
}

/* Append what the backslash at the front of t stands for, and return how much that was. */
static size_t add_escape(struct buf *out, struct text t)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *letter = t.len > 1 && t.s[1] ? strchr(letters, t.s[1]) : NULL;
	char utf8[UTF8_BYTES_MAX];
	uint32_t character;
	size_t len;

	if (letter) {
		buf_add_char(out, means[letter - letters]);
		return 2;
	}
	len = take_unicode(t, &character);
	if (len) {
		buf_add(out, utf8, utf8_write(utf8, character));
		return len;
	}
	buf_add_char(out, '\\');
	return 1;
}

void json_scan_unescape(struct buf *out, struct text inside)
{
	const char *backslash;
	struct text rest = inside;
	size_t n;

	while (rest.len) {
		backslash = memchr(rest.s, '\\', rest.len);
		n = backslash ? (size_t)(backslash - rest.s) : rest.len;
		buf_add(out, rest.s, n);
		rest = (struct text){rest.s + n, rest.len - n};
		if (!backslash)
			return;
		n = add_escape(out, rest);
		rest = (struct text){rest.s + n, rest.len - n};
	}
}

size_t json_scan_cut(struct text inside, size_t most)
{
	const char *backslash;
	uint32_t character;
	size_t at = 0, n;

	if (most >= inside.len)
		return inside.len;
	for (;;) {
		backslash = memchr(inside.s + at, '\\', most - at);
		if (!backslash)
			break;
		at = (size_t)(backslash - inside.s);
		n = take_unicode((struct text){backslash, inside.len - at}, &character);
		n = n ? n : 2;
		if (n > most - at)
			return at;
		at += n;
	}
	for (n = most; n > at && ((unsigned char)inside.s[n] & 0xc0) == 0x80; n--)
		;
	return n;
}

/* ---- objects ---- */

static void skip_space(struct json_scan *s)
{
	while (s->at < s->end && is_space(*s->at))
		s->at++;
}

/* Step over c and the white space before it, if it is there. */
static bool take(struct json_scan *s, char c)
{
	skip_space(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

void json_scan_open(struct json_scan *s, struct text json)
{
	*s = (struct json_scan){.at = json.s, .end = json.s + json.len};
}

static enum json_step bad(struct json_scan *s)
{
	s->at = s->end;
	return JSON_STEP_BAD;
}

static enum json_step end(struct json_scan *s)
{
	skip_space(s);
	return s->at == s->end ? JSON_STEP_END : bad(s);
}

/* The value at s, whatever it is. */
static bool take_value(struct json_scan *s, struct text *ret)
{
	size_t n;

	skip_space(s);
	n = s->at < s->end ? value_length(s->at, (size_t)(s->end - s->at)) : 0;
	*ret = (struct text){s->at, n};
	s->at += n;
	return n > 0;
}

enum json_step json_scan_next(struct json_scan *s, struct json_member *ret)
{
	struct text name;

	if (!s->begun) {
		s->begun = true;
		if (!take(s, '{'))
			return bad(s);
		if (take(s, '}'))
			return end(s);
	} else if (!take(s, ',')) {
		return take(s, '}') ? end(s) : bad(s);
	}
	if (!take_value(s, &name) || name.s[0] != '"' || !take(s, ':') ||
	    !take_value(s, &ret->value))
		return bad(s);
	ret->name = (struct text){name.s + 1, name.len - 2};
	return JSON_STEP_MEMBER;
}
