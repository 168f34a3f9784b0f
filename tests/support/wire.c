/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "inflate.h"
#include "unpack.h"

#define WIRE_HEAD_MAX_BYTES 65536
#define WIRE_LINE_MAX_BYTES 8192

static bool name_is(const char *name, size_t len, const char *want)
{
	return len == strlen(want) && strncasecmp(name, want, len) == 0;
}

/* The decimal number at s, -1 when it is none. */
static int64_t number_of(struct text t)
{
	int64_t n = 0;
	size_t i;

	if (!t.len || t.len > 18)
		return -1;
	for (i = 0; i < t.len; i++) {
		if (!isdigit((unsigned char)t.s[i]))
			return -1;
		n = n * 10 + (t.s[i] - '0');
	}
	return n;
}

static int packed_of(struct text type)
{
	if (name_is(type.s, type.len, "application/msgpack"))
		return WIRE_MSGPACK;
	return name_is(type.s, type.len, "application/cbor") ? WIRE_CBOR : WIRE_PLAIN;
}

static bool field_take(struct wire_head *h, const char *name, size_t name_len, struct text value)
{
	if (name_is(name, name_len, "content-length")) {
		h->content_length = number_of(value);
		return h->content_length >= 0;
	}
	if (name_is(name, name_len, "transfer-encoding"))
		h->chunked = name_is(value.s, value.len, "chunked");
	else if (name_is(name, name_len, "content-encoding"))
		h->gzip = name_is(value.s, value.len, "gzip");
	else if (name_is(name, name_len, "content-type"))
		h->packed = packed_of(value);
	else if (name_is(name, name_len, "connection"))
		h->keep_alive = !name_is(value.s, value.len, "close");
	else if (name_is(name, name_len, "expect"))
		h->expect_continue = name_is(value.s, value.len, "100-continue");
	else if (name_is(name, name_len, "webhook-id"))
		h->id = value;
	return true;
}

static bool request_line(struct wire_head *h, const char *line, const char *end)
{
	const char *target = memchr(line, ' ', (size_t)(end - line));
	const char *version = target ? memchr(target + 1, ' ', (size_t)(end - target - 1)) : NULL;

	if (!version || end - version < 9 || memcmp(version, " HTTP/1.", 8) != 0)
		return false;
	h->method = (struct text){line, (size_t)(target - line)};
	h->target = (struct text){target + 1, (size_t)(version - target - 1)};
	h->keep_alive = version[8] != '0';
	return true;
}

static bool field_line(struct wire_head *h, const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	const char *value;

	if (!colon)
		return false;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return field_take(h, line, (size_t)(colon - line),
			  (struct text){value, (size_t)(end - value)});
}

enum wire_result wire_head_parse(const char *bytes, size_t len, struct wire_head *ret_head)
{
	const char *stop = memmem(bytes, len, "\r\n\r\n", 4);
	const char *line, *end;
	struct wire_head h = {.keep_alive = true};

	if (!stop)
		return len > WIRE_HEAD_MAX_BYTES ? WIRE_BAD : WIRE_MORE;
	h.head_bytes = (size_t)(stop - bytes) + 4;
	for (line = bytes; line < stop + 2; line = end + 2) {
		end = memmem(line, (size_t)(stop + 2 - line), "\r\n", 2);
		if (!(line == bytes ? request_line(&h, line, end) : field_line(&h, line, end)))
			return WIRE_BAD;
	}
	*ret_head = h;
	return WIRE_DONE;
}

/* bytes may be those of body. */
static bool unpack(const struct wire_head *h, struct text bytes, struct buf *body)
{
	struct buf out;
	bool ok;

	buf_init(&out, body->max_bytes);
	ok = h->packed == WIRE_MSGPACK ? unpack_msgpack(bytes, &out) : unpack_cbor(bytes, &out);
	buf_reset(body);
	buf_add_text(body, buf_text(&out));
	buf_done(&out);
	return ok && buf_error(body) == ERR_OK;
}

enum wire_result wire_body_take(const struct wire_head *h, const char *bytes, size_t len,
				struct buf *body)
{
	size_t want = (size_t)h->content_length;

	if (len < want)
		return WIRE_MORE;
	if (h->gzip && !inflate_gzip((struct text){bytes, want}, body))
		return WIRE_BAD;
	if (h->packed == WIRE_PLAIN)
		return WIRE_DONE;
	return unpack(h, h->gzip ? buf_text(body) : (struct text){bytes, want}, body) ? WIRE_DONE
										      : WIRE_BAD;
}

/* One line, which must be complete: its length with the line end, 0 when it is not. */
static size_t line_length(const char *bytes, size_t len)
{
	const char *end = memchr(bytes, '\n', len);

	return end ? (size_t)(end - bytes) + 1 : 0;
}

static bool size_line(struct wire_chunks *c, const char *line)
{
	char *end;

	if (!isxdigit((unsigned char)*line))
		return false;
	c->left = strtoull(line, &end, 16);
	c->state = c->left ? WIRE_DATA : WIRE_TRAILER;
	return *end == '\r' || *end == '\n' || *end == ';' || *end == ' ';
}

enum wire_result wire_chunks_feed(struct wire_chunks *c, const char *bytes, size_t len,
				  struct buf *body, size_t *ret_used)
{
	size_t at = 0, n;

	for (; at < len; at += n) {
		*ret_used = at;
		if (c->state == WIRE_DATA) {
			n = c->left < len - at ? c->left : len - at;
			buf_add(body, bytes + at, n);
			c->left -= n;
			if (!c->left)
				c->state = WIRE_DATA_END;
			if (buf_error(body) != ERR_OK)
				return WIRE_BAD;
			continue;
		}
		n = line_length(bytes + at, len - at);
		if (!n)
			return len - at > WIRE_LINE_MAX_BYTES ? WIRE_BAD : WIRE_MORE;
		if (c->state == WIRE_SIZE && !size_line(c, bytes + at))
			return WIRE_BAD;
		else if (c->state == WIRE_DATA_END)
			c->state = WIRE_SIZE;
		else if (c->state == WIRE_TRAILER && bytes[at] == '\r') {
			*ret_used = at + n;
			return WIRE_DONE;
		}
	}
	*ret_used = at;
	return WIRE_MORE;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(struct text in, char *out, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < in.len && n + 1 < size; i++) {
		if (in.s[i] == '%' && i + 2 < in.len && hex_digit(in.s[i + 1]) >= 0 &&
		    hex_digit(in.s[i + 2]) >= 0) {
			out[n++] = (char)(hex_digit(in.s[i + 1]) * 16 + hex_digit(in.s[i + 2]));
			i += 2;
		} else {
			out[n++] = in.s[i] == '+' ? ' ' : in.s[i];
		}
	}
	out[n] = '\0';
}

bool wire_query_get(struct text query, const char *name, char *out, size_t size)
{
	const char *at = query.s, *stop = query.s + query.len;
	const char *end, *equals;

	for (; at && at < stop; at = end + 1) {
		end = memchr(at, '&', (size_t)(stop - at));
		if (!end)
			end = stop;
		equals = memchr(at, '=', (size_t)(end - at));
		if (!equals)
			equals = end;
		if ((size_t)(equals - at) != strlen(name) || memcmp(at, name, strlen(name)) != 0)
			continue;
		if (equals < end)
			equals++;
		percent_decode((struct text){equals, (size_t)(end - equals)}, out, size);
		return true;
	}
	return false;
}
