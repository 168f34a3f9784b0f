/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 requests (RFC 9112) as the receiver needs them: the head, and bodies in chunks.
 */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

enum wire_result { WIRE_MORE, WIRE_DONE, WIRE_BAD };

struct wire_head {
	struct text method; /* all loans of the bytes parsed */
	struct text target;
	struct text id; /* the webhook-id header; TEXT_NONE without one */
	size_t head_bytes;
	int64_t content_length; /* 0 without one */
	bool chunked;
	bool gzip;                                           /* Content-Encoding */
	enum { WIRE_PLAIN, WIRE_MSGPACK, WIRE_CBOR } packed; /* Content-Type */
	bool keep_alive;
	bool expect_continue;
};

/* Parse the head at the start of bytes. WIRE_MORE: it is not complete yet. */
enum wire_result wire_head_parse(const char *bytes, size_t len, struct wire_head *ret_head);

/* A body that is not chunked, of which len bytes have come: WIRE_DONE when that is all of it. One
 * in gzip, MessagePack or CBOR is then decoded into body, the latter two into JSON; WIRE_BAD when
 * it is not what it should be or does not fit. */
enum wire_result wire_body_take(const struct wire_head *h, const char *bytes, size_t len,
				struct buf *body);

struct wire_chunks {
	enum { WIRE_SIZE, WIRE_DATA, WIRE_DATA_END, WIRE_TRAILER } state;
	size_t left; /* of the chunk */
};

/* Decode what there is of a chunked body (RFC 9112 section 7.1) into body; *ret_used of the len
 * bytes are consumed. A body that does not fit is WIRE_BAD. Start with *c all zero. */
enum wire_result wire_chunks_feed(struct wire_chunks *c, const char *bytes, size_t len,
				  struct buf *body, size_t *ret_used);

/* The value of name in a query string ("a=1&b=2"), percent-decoded into out (cut at size - 1);
 * false when it is not there. */
bool wire_query_get(struct text query, const char *name, char *out, size_t size);

#endif
