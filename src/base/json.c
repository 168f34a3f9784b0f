/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <assert.h>
#include <math.h>

#include "base/utf8.h"

void json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out, .first = {true}};
}

static void quote_special(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char short_for[256] = {
		['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
		['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
	};
	char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

	if (short_for[c]) {
		u[1] = short_for[c];
		buf_add(out, u, 2);
	} else {
		buf_add(out, u, sizeof(u));
	}
}

void json_escape(struct buf *out, struct text v)
{
	const unsigned char *s = (const unsigned char *)v.s;
	size_t at = 0, plain = 0, n;

	while (at < v.len) {
		if (s[at] >= 0x20 && s[at] < 0x80 && s[at] != '"' && s[at] != '\\') {
			at++;
			continue;
		}
		n = s[at] < 0x80 ? 0 : utf8_length(v.s + at, v.len - at);
		if (n) {
			at += n;
			continue;
		}
		buf_add(out, s + plain, at - plain);
		if (s[at] < 0x80)
			quote_special(out, s[at]);
		else
			buf_add_str(out, UTF8_REPLACEMENT);
		plain = ++at;
	}
	buf_add(out, s + plain, at - plain);
}

void json_quote(struct buf *out, struct text v)
{
	buf_add_char(out, '"');
	json_escape(out, v);
	buf_add_char(out, '"');
}

/* Comma and name in front of a value. */
static void json_lead(struct json *j, const char *name)
{
	if (!j->first[j->depth])
		buf_add_char(j->out, ',');
	j->first[j->depth] = false;
	if (name) {
		json_quote(j->out, text_of(name));
		buf_add_char(j->out, ':');
	}
}

static void json_open(struct json *j, const char *name, char opener, char closer)
{
	json_lead(j, name);
	assert(j->depth + 1 < JSON_DEPTH_MAX);
	j->depth++;
	j->first[j->depth] = true;
	j->closer[j->depth] = closer;
	buf_add_char(j->out, opener);
}

void json_open_object(struct json *j, const char *name)
{
	json_open(j, name, '{', '}');
}

void json_open_array(struct json *j, const char *name)
{
	json_open(j, name, '[', ']');
}

void json_open_string(struct json *j, const char *name)
{
	json_open(j, name, '"', '"');
}

void json_end(struct json *j)
{
	assert(j->depth > 0);
	buf_add_char(j->out, j->closer[j->depth]);
	j->depth--;
}

void json_add_null(struct json *j, const char *name)
{
	json_lead(j, name);
	buf_add_str(j->out, "null");
}

void json_bool(struct json *j, const char *name, bool v)
{
	json_lead(j, name);
	buf_add_str(j->out, v ? "true" : "false");
}

void json_i64(struct json *j, const char *name, int64_t v)
{
	json_lead(j, name);
	buf_add_i64(j->out, v);
}

void json_u64(struct json *j, const char *name, uint64_t v)
{
	json_lead(j, name);
	buf_add_u64(j->out, v);
}

void json_f64(struct json *j, const char *name, double v, int digits)
{
	assert(digits >= 0 && digits <= 9);
	if (!isfinite(v)) {
		json_add_null(j, name);
		return;
	}
	json_lead(j, name);
	buf_add_fmt(j->out, "%.*f", digits, v);
}

void json_str(struct json *j, const char *name, const char *v)
{
	json_text(j, name, text_of(v));
}

void json_text(struct json *j, const char *name, struct text v)
{
	if (!v.s) {
		json_add_null(j, name);
		return;
	}
	json_lead(j, name);
	json_quote(j->out, v);
}

void json_raw(struct json *j, const char *name, struct text v)
{
	if (!v.s) {
		json_add_null(j, name);
		return;
	}
	json_lead(j, name);
	buf_add_text(j->out, v);
}
