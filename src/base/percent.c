/* SPDX-License-Identifier: MIT */
#include "base/percent.h"

#include <stdbool.h>

typedef bool (*stays_fn)(unsigned char c);

static bool stays_in_url(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '~';
}

static bool stays_in_header(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '"' && c != '%';
}

static void add(struct buf *out, struct text t, stays_fn stays)
{
	static const char hex[] = "0123456789ABCDEF";
	char code[3] = "%";
	size_t at, plain = 0;
	unsigned char c;

	for (at = 0; at < t.len; at++) {
		c = (unsigned char)t.s[at];
		if (stays(c))
			continue;
		buf_add(out, t.s + plain, at - plain);
		code[1] = hex[c >> 4];
		code[2] = hex[c & 15];
		buf_add(out, code, sizeof(code));
		plain = at + 1;
	}
	buf_add(out, t.s + plain, at - plain);
}

void percent_add_url(struct buf *out, struct text t)
{
	add(out, t, stays_in_url);
}

void percent_add_header(struct buf *out, struct text t)
{
	add(out, t, stays_in_header);
}
