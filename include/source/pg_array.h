/* SPDX-License-Identifier: MIT */
/*
 * One-dimensional array parameters in PostgreSQL's binary format (array_recv in the server's
 * arrayfuncs.c): five 32-bit words, then per element its length and bytes; all big-endian.
 */
#ifndef SOURCE_PG_ARRAY_H
#define SOURCE_PG_ARRAY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/* Types by their fixed oid: pg_type.dat. */
#define PG_OID_INT8 20
#define PG_OID_INT4 23
#define PG_OID_TIMESTAMPTZ 1184
#define PG_OID_TEXT 25

/* Start an array of n elements of one type; then exactly n of the calls below. */
void pg_array_begin(struct buf *out, uint32_t type, size_t n);
void pg_array_i64(struct buf *out, int64_t v);
/* A timestamptz of Unix microseconds; 0 is SQL NULL. */
void pg_array_wall(struct buf *out, int64_t wall_us);
void pg_array_i32(struct buf *out, int32_t v);
/* s == NULL is SQL NULL. What is no UTF-8, and NUL, becomes '?': the server would refuse it. */
void pg_array_text(struct buf *out, struct text v);

/* A single timestamptz as a binary parameter. */
void pg_put_wall(struct buf *out, int64_t wall_us);

/* Big-endian numbers of binary results. */
int64_t pg_get_i64(const char *p);
/* A timestamptz in Unix microseconds. */
int64_t pg_get_wall(const char *p);
int32_t pg_get_i32(const char *p);

#endif
