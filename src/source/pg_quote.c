/* SPDX-License-Identifier: MIT */
/* PostgreSQL manual, "Lexical Structure". */
#include "source/pg_quote.h"

#include <string.h>

void pg_quote_ident(struct buf *out, const char *name)
{
	buf_add_char(out, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_add_char(out, '"');
		buf_add_char(out, *name);
	}
	buf_add_char(out, '"');
}

void pg_quote_literal(struct buf *out, struct text value)
{
	size_t i;

	if (memchr(value.s, '\\', value.len))
		buf_add_str(out, "E");
	buf_add_char(out, '\'');
	for (i = 0; i < value.len; i++) {
		if (value.s[i] == '\'' || value.s[i] == '\\')
			buf_add_char(out, value.s[i]);
		buf_add_char(out, value.s[i]);
	}
	buf_add_char(out, '\'');
}
