/* SPDX-License-Identifier: MIT */
/*
 * A finished JSON body in a binary encoding: MessagePack (msgpack.org, specification of 2017) or
 * CBOR (RFC 8949). Members, their order and the versions of the formats are those of the JSON, so a
 * receiver that ignores members it does not know goes on when one is added.
 *
 *     object, array    map with text keys, array; sizes are written in front
 *     string           text
 *     number           an integer of 64 bits where it is one; else a float, of 32 bits where that
 *                      holds the same value; what neither holds (sink/big_number.h) is a text
 *     true, null ...   the same
 */
#ifndef SINK_ENCODING_H
#define SINK_ENCODING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "config/settings.h"

/* Deeper JSON is refused. */
#define ENCODING_DEPTH_MAX 1000

/* NULL: JSON, of which the format tells the type. */
const char *encoding_content_type(enum webhook_encoding encoding);

/* Append json, one value, to out in an encoding that is not JSON. Errors: ERR_DATA (this is no
 * JSON, or too deep), ERR_NOMEM, ERR_FULL; out has a part of it then. */
enum err_code encoding_write(enum webhook_encoding encoding, struct text json,
			     struct buf *out) ATTR_MUST_CHECK;

/* Append the head of an array of so many elements, which follow. */
void encoding_array(enum webhook_encoding encoding, size_t elements, struct buf *out);

/* ---- between encoding.c and the writers ---- */

struct encoding_writer {
	const char *content_type;
	void (*map)(struct buf *out, size_t members);
	void (*array)(struct buf *out, size_t elements);
	void (*text)(struct buf *out, struct text t);
	void (*whole)(struct buf *out, int64_t v);
	void (*large)(struct buf *out, uint64_t v); /* over INT64_MAX */
	void (*real)(struct buf *out, double v);
	void (*boolean)(struct buf *out, bool v);
	void (*null)(struct buf *out);
};

extern const struct encoding_writer encoding_msgpack;
extern const struct encoding_writer encoding_cbor;

#endif
