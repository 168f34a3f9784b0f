/* SPDX-License-Identifier: MIT */
/*
 * The output has room for nine tenths of the body: what does not end within is not worth it, and is
 * given up right there.
 */
#include "sink/compressor.h"

#include <zlib.h>

#include "base/mem.h"
#include "sink/zlib_memory.h"

/* deflateInit2's windowBits: the largest window, and 16 more for gzip instead of zlib (zlib.h) */
#define COMPRESSOR_WINDOW_BITS (15 + 16)
#define COMPRESSOR_MEMORY_LEVEL 8 /* zlib's default */
#define COMPRESSOR_KEEP_BYTES 65536

struct compressor {
	z_stream stream;
	bool ready;
	struct buf out; /* what was made; then the body that it replaced */
};

enum err_code compressor_new(struct compressor **ret_c, struct err *e)
{
	struct compressor *c = mem_calloc(1, sizeof(*c));

	if (!c)
		return err_set(e, ERR_NOMEM, "no memory for a compressor");
	zlib_memory_set(&c->stream);
	buf_init(&c->out, COMPRESSOR_MAX_BYTES);
	*ret_c = c;
	return ERR_OK;
}

void compressor_free(struct compressor *c)
{
	if (!c)
		return;
	if (c->ready)
		(void)deflateEnd(&c->stream);
	buf_done(&c->out);
	mem_free(c);
}

static bool make_ready(struct compressor *c)
{
	if (c->ready)
		return deflateReset(&c->stream) == Z_OK;
	c->ready = deflateInit2(&c->stream, Z_BEST_SPEED, Z_DEFLATED, COMPRESSOR_WINDOW_BITS,
				COMPRESSOR_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
	return c->ready;
}

/* body into c->out; false when it does not fit into room bytes. */
static bool deflate_into(struct compressor *c, struct buf *body, size_t room)
{
	z_stream *z = &c->stream;
	int rc;

	buf_reset(&c->out);
	if (!make_ready(c) || buf_reserve(&c->out, room) != ERR_OK)
		return false;
	z->next_in = (Bytef *)body->data;
	z->avail_in = (uInt)body->len;
	z->next_out = (Bytef *)c->out.data;
	z->avail_out = (uInt)room;
	rc = deflate(z, Z_FINISH);
	c->out.len = room - z->avail_out;
	c->out.data[c->out.len] = '\0';
	return rc == Z_STREAM_END;
}

bool compressor_gzip(struct compressor *c, struct buf *body)
{
	struct buf plain = *body;
	bool done = false;

	if (body->len && body->len <= COMPRESSOR_MAX_BYTES)
		done = deflate_into(c, body, body->len - body->len / 10);
	if (done) {
		*body = c->out;
		body->max_bytes = plain.max_bytes;
		c->out = plain;
		c->out.max_bytes = COMPRESSOR_MAX_BYTES;
	}
	if (c->out.cap > COMPRESSOR_KEEP_BYTES)
		buf_done(&c->out);
	return done;
}
