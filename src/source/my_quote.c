/* SPDX-License-Identifier: MIT */
#include "source/my_quote.h"

#include <stdbool.h>

#include "base/utf8.h"

void my_quote_ident(struct buf *out, const char *name)
{
	buf_add_char(out, '`');
	for (; *name; name++) {
		if (*name == '`')
			buf_add_char(out, '`');
		buf_add_char(out, *name);
	}
	buf_add_char(out, '`');
}

void my_quote_name(struct buf *out, const char *schema, const char *name)
{
	if (schema && *schema) {
		my_quote_ident(out, schema);
		buf_add_char(out, '.');
	}
	my_quote_ident(out, name);
}

/* No valid sequence of UTF-8 is a '?': in a literal the server would refuse it. */
static size_t sequence_at(struct text value, size_t i)
{
	return utf8_length(value.s + i, value.len - i);
}

static bool is_plain(struct text value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.s[i] == '\\' || (unsigned char)value.s[i] < ' ')
			return false;
	return true;
}

static void add_hex(struct buf *out, const char *s, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		buf_add_char(out, digits[(unsigned char)s[i] >> 4]);
		buf_add_char(out, digits[(unsigned char)s[i] & 15]);
	}
}

void my_quote_literal(struct buf *out, struct text value)
{
	bool plain = value.s && is_plain(value);
	const char *s;
	size_t i, n;

	if (!value.s) {
		buf_add_str(out, "NULL");
		return;
	}
	buf_add_str(out, plain ? "'" : "_utf8mb4 x'");
	for (i = 0; i < value.len; i += n ? n : 1) {
		n = sequence_at(value, i);
		s = n ? value.s + i : "?";
		if (!plain)
			add_hex(out, s, n ? n : 1);
		else if (*s == '\'')
			buf_add_str(out, "''");
		else
			buf_add(out, s, n ? n : 1);
	}
	buf_add_char(out, '\'');
}
