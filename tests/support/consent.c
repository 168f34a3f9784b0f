/* SPDX-License-Identifier: MIT */
#include "consent.h"

#include <string.h>

/* What follows begin in head, to the end of its line, cut at size - 1; "" without it. */
static void read_line(struct text head, struct text begin, char *out, size_t size)
{
	const char *at = memmem(head.s, head.len, begin.s, begin.len), *end = NULL;
	size_t len = 0;

	if (at) {
		at += begin.len;
		end = memchr(at, '\r', (size_t)(head.s + head.len - at));
	}
	if (end)
		len = (size_t)(end - at) < size ? (size_t)(end - at) : size - 1;
	if (len)
		memcpy(out, at, len);
	out[len] = '\0';
}

int consent_give(struct consent *c, const struct behaviour *b, struct text head, struct buf *out)
{
	c->asked++;
	read_line(head, TEXT_LIT("\r\nWebHook-Request-Origin: "), c->origin, sizeof(c->origin));
	read_line(head, TEXT_LIT("\r\nWebHook-Request-Rate: "), c->rate, sizeof(c->rate));
	if (!b->allow_origin[0]) {
		c->refused++;
		buf_add_str(out, "Allow: POST\r\n");
		return 405;
	}
	buf_add_fmt(out, "Allow: POST\r\nWebHook-Allowed-Origin: %s\r\n", b->allow_origin);
	if (b->allow_rate[0])
		buf_add_fmt(out, "WebHook-Allowed-Rate: %s\r\n", b->allow_rate);
	return 200;
}

void consent_write(const struct consent *c, struct json *j)
{
	json_i64(j, "asked", c->asked);
	json_i64(j, "refused", c->refused);
	json_str(j, "origin", c->origin);
	json_str(j, "rate", c->rate);
}
