/* SPDX-License-Identifier: MIT */
/*
 * Makes a request's body smaller: gzip (RFC 1952) at zlib's fastest level, with one state that is
 * used again and again. About 270 kB from the first use on, and a buffer of at most 64 kB between
 * two. Used by one thread.
 */
#ifndef SINK_COMPRESSOR_H
#define SINK_COMPRESSOR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

/* Larger bodies are sent plain: one would hold up everything else on its thread for too long. */
#define COMPRESSOR_MAX_BYTES ((size_t)4 << 20)

/* What one holds: deflateInit2's (1 << (15 + 2)) + (1 << (8 + 9)) bytes and some (zconf.h), and the
 * buffer. */
#define COMPRESSOR_BYTES ((size_t)(268 + 64) * 1024)

struct compressor;

enum err_code compressor_new(struct compressor **ret_c, struct err *e) ATTR_MUST_CHECK;
void compressor_free(struct compressor *c);

/* Replace body by its gzip form when that is at least a tenth smaller, and say so; else, and when
 * there is no memory for it, body is as it was. */
bool compressor_gzip(struct compressor *c, struct buf *body);

#endif
