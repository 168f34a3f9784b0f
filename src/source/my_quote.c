/* SPDX-License-Identifier: MIT */
#include "source/my_quote.h"

#include <stdbool.h>

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

static bool is_plain(struct text value)
{
	size_t i;

	for (i = 0; i < value.len; i++)
		if (value.s[i] == '\\' || (unsigned char)value.s[i] < ' ')
			return false;
	return true;
}

void my_quote_literal(struct buf *out, struct text value)
{
	static const char digits[] = "0123456789abcdef";
	bool plain = value.s && is_plain(value);
	size_t i;

	if (!value.s) {
		buf_add_str(out, "NULL");
		return;
	}
	buf_add_str(out, plain ? "'" : "_utf8mb4 x'");
	for (i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.s[i];

		if (!plain) {
			buf_add_char(out, digits[c >> 4]);
			buf_add_char(out, digits[c & 15]);
			continue;
		}
		if (c == '\'')
			buf_add_char(out, '\'');
		buf_add_char(out, (char)c);
	}
	buf_add_char(out, '\'');
}
