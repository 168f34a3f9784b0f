/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define BUF_FIRST_BYTES 128

void buf_init(struct buf *b, size_t max_bytes)
{
	*b = (struct buf){.max_bytes = max_bytes};
}

void buf_done(struct buf *b)
{
	if (!b)
		return;
	mem_free(b->data);
	buf_init(b, b->max_bytes);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = ERR_OK;
	if (b->data)
		b->data[0] = '\0';
}

void buf_truncate(struct buf *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
	if (b->data)
		b->data[len] = '\0';
}

enum err_code buf_reserve(struct buf *b, size_t len)
{
	size_t want, cap;
	char *data;

	if (b->error)
		return b->error;
	if (len > b->max_bytes - b->len)
		return b->error = ERR_FULL;
	want = b->len + len + 1;
	if (!want)
		return b->error = ERR_NOMEM;
	if (want <= b->cap)
		return ERR_OK;
	cap = b->cap ? b->cap : BUF_FIRST_BYTES;
	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	if (cap - 1 > b->max_bytes) /* the bound is one of memory too */
		cap = b->max_bytes + 1;
	data = mem_realloc(b->data, cap);
	if (!data)
		return b->error = ERR_NOMEM;
	b->data = data;
	b->cap = cap;
	return ERR_OK;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (buf_reserve(b, len) != ERR_OK)
		return;
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_text(struct buf *b, struct text t)
{
	buf_add(b, t.s, t.len);
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_add_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_add_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (b->error)
		return;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if (buf_reserve(b, (size_t)n) != ERR_OK)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

enum err_code buf_error(const struct buf *b)
{
	return b->error;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

struct text buf_text(const struct buf *b)
{
	return (struct text){buf_str(b), b->len};
}

char *buf_take(struct buf *b)
{
	char *data;

	if (b->error)
		return NULL;
	data = b->data ? b->data : mem_strdup("");
	buf_init(b, b->max_bytes);
	return data;
}
