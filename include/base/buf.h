/* SPDX-License-Identifier: MIT */
/*
 * Text that grows, up to a maximum given when it is made. Errors stick: after the first failed
 * append the buffer keeps what it had, and every later append does nothing, so that a
 * builder may append twenty times and check once with buf_error().
 *
 * Always NUL-terminated behind buf_len() bytes; may hold NULs inside. Not thread-safe.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct buf {
	char *data; /* NULL until the first append */
	size_t len;
	size_t cap;
	size_t max_bytes;
	enum err_code error; /* ERR_OK, ERR_NOMEM (no memory) or ERR_FULL (over max_bytes) */
};

/* Make b empty, never to exceed max_bytes of content. Nothing is allocated. */
void buf_init(struct buf *b, size_t max_bytes);

/* Free the content. b may be used again after buf_init. */
void buf_done(struct buf *b);

/* Forget the content and a sticky error; keep the memory for reuse. */
void buf_reset(struct buf *b);

/* Forget content behind len (<= current length). */
void buf_truncate(struct buf *b, size_t len);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_str(struct buf *b, const char *s);
void buf_add_text(struct buf *b, struct text t);
void buf_add_char(struct buf *b, char c);
void buf_add_i64(struct buf *b, int64_t v);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_fmt(struct buf *b, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Room for at least len more bytes, so that following appends of that size cannot fail. */
enum err_code buf_reserve(struct buf *b, size_t len) ATTR_MUST_CHECK;

/* ERR_OK, or the sticky error. */
enum err_code buf_error(const struct buf *b) ATTR_MUST_CHECK;

/* The content, "" when empty; a loan until the next change. */
const char *buf_str(const struct buf *b);

/* Content as a slice; a loan until the next change. */
struct text buf_text(const struct buf *b);

/* Hand the content over to the caller, who mem_free()s it; b becomes empty. NULL on a sticky
 * error or when there is no memory for an empty string. */
char *buf_take(struct buf *b) ATTR_MUST_CHECK;

#endif
