/* SPDX-License-Identifier: MIT */
#include "source/pg_array.h"

#include <endian.h>

#include "base/clock.h"
#include "base/utf8.h"

/* A timestamptz counts microseconds from 2000-01-01. */
#define PG_EPOCH_US (946684800LL * CLOCK_US_PER_S)

static void add_u32(struct buf *out, uint32_t v)
{
	v = htobe32(v);
	buf_add(out, &v, sizeof(v));
}

void pg_array_begin(struct buf *out, uint32_t type, size_t n)
{
	add_u32(out, 1); /* dimensions */
	add_u32(out, 1); /* may hold NULLs */
	add_u32(out, type);
	add_u32(out, (uint32_t)n);
	add_u32(out, 1); /* lower bound */
}

void pg_array_i64(struct buf *out, int64_t v)
{
	uint64_t be = htobe64((uint64_t)v);

	add_u32(out, sizeof(be));
	buf_add(out, &be, sizeof(be));
}

void pg_put_wall(struct buf *out, int64_t wall_us)
{
	uint64_t be = htobe64((uint64_t)(wall_us - PG_EPOCH_US));

	buf_add(out, &be, sizeof(be));
}

void pg_array_wall(struct buf *out, int64_t wall_us)
{
	if (!wall_us) {
		add_u32(out, UINT32_MAX);
		return;
	}
	add_u32(out, sizeof(wall_us));
	pg_put_wall(out, wall_us);
}

void pg_array_i32(struct buf *out, int32_t v)
{
	add_u32(out, sizeof(v));
	add_u32(out, (uint32_t)v);
}

void pg_array_text(struct buf *out, struct text v)
{
	size_t i, n;

	if (!v.s) {
		add_u32(out, UINT32_MAX);
		return;
	}
	add_u32(out, (uint32_t)v.len);
	for (i = 0; i < v.len; i += n ? n : 1) {
		n = v.s[i] ? utf8_length(v.s + i, v.len - i) : 0;
		if (n)
			buf_add(out, v.s + i, n);
		else
			buf_add_char(out, '?');
	}
}

int64_t pg_get_i64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return (int64_t)be64toh(v);
}

int64_t pg_get_wall(const char *p)
{
	return pg_get_i64(p) + PG_EPOCH_US;
}

int32_t pg_get_i32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return (int32_t)be32toh(v);
}
