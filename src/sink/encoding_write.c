/* SPDX-License-Identifier: MIT */
/*
 * The two writers: each function is one value by msgpack-c or by libcbor's encoders.
 */
#include <cbor/encoding.h>
#include <msgpack/pack.h>
#include <string.h>

#include "sink/encoding.h"

/* The longest head of a CBOR item: its type and a length or value of 64 bits (RFC 8949, 3). */
#define CBOR_HEAD_BYTES 9

/* Whether 32 bits hold v as it is. */
static bool is_single(double v)
{
	return v >= -3.0e38 && v <= 3.0e38 && (double)(float)v == v;
}

/* ---- MessagePack ---- */

static int pack_into(void *ctx, const char *bytes, size_t len)
{
	buf_add(ctx, bytes, len); /* its error sticks */
	return 0;
}

static msgpack_packer packer(struct buf *out)
{
	return (msgpack_packer){.data = out, .callback = pack_into};
}

static void pack_map(struct buf *out, size_t members)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_map(&p, members);
}

static void pack_array(struct buf *out, size_t elements)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_array(&p, elements);
}

static void pack_text(struct buf *out, struct text t)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_str(&p, t.len);
	buf_add_text(out, t);
}

static void pack_whole(struct buf *out, int64_t v)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_int64(&p, v);
}

static void pack_large(struct buf *out, uint64_t v)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_uint64(&p, v);
}

static void pack_real(struct buf *out, double v)
{
	msgpack_packer p = packer(out);

	if (is_single(v))
		(void)msgpack_pack_float(&p, (float)v);
	else
		(void)msgpack_pack_double(&p, v);
}

static void pack_boolean(struct buf *out, bool v)
{
	msgpack_packer p = packer(out);

	if (v)
		(void)msgpack_pack_true(&p);
	else
		(void)msgpack_pack_false(&p);
}

static void pack_null(struct buf *out)
{
	msgpack_packer p = packer(out);

	(void)msgpack_pack_nil(&p);
}

const struct encoding_writer encoding_msgpack = {
	.content_type = "application/msgpack",
	.map = pack_map,
	.array = pack_array,
	.text = pack_text,
	.whole = pack_whole,
	.large = pack_large,
	.real = pack_real,
	.boolean = pack_boolean,
	.null = pack_null,
};

/* ---- CBOR ---- */

static void add_map(struct buf *out, size_t members)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_map_start(members, head, sizeof(head)));
}

static void add_array(struct buf *out, size_t elements)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_array_start(elements, head, sizeof(head)));
}

static void add_text(struct buf *out, struct text t)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_string_start(t.len, head, sizeof(head)));
	buf_add_text(out, t);
}

static void add_large(struct buf *out, uint64_t v)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_uint(v, head, sizeof(head)));
}

static void add_whole(struct buf *out, int64_t v)
{
	unsigned char head[CBOR_HEAD_BYTES];

	if (v >= 0)
		add_large(out, (uint64_t)v);
	else /* -1 - n is written as n: RFC 8949, 3.1 */
		buf_add(out, head, cbor_encode_negint(~(uint64_t)v, head, sizeof(head)));
}

static void add_real(struct buf *out, double v)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head,
		is_single(v) ? cbor_encode_single((float)v, head, sizeof(head))
			     : cbor_encode_double(v, head, sizeof(head)));
}

static void add_boolean(struct buf *out, bool v)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_bool(v, head, sizeof(head)));
}

static void add_null(struct buf *out)
{
	unsigned char head[CBOR_HEAD_BYTES];

	buf_add(out, head, cbor_encode_null(head, sizeof(head)));
}

const struct encoding_writer encoding_cbor = {
	.content_type = "application/cbor",
	.map = add_map,
	.array = add_array,
	.text = add_text,
	.whole = add_whole,
	.large = add_large,
	.real = add_real,
	.boolean = add_boolean,
	.null = add_null,
};
