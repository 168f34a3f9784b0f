/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as JSON in MessagePack and CBOR: both take the same, all that is JSON is taken, and
 * what they take is whole for the libraries' own parsers.
 */
#include "fuzz.h"

#include <assert.h>
#include <cbor.h>
#include <jansson.h>
#include <msgpack.h>

#include "sink/encoding.h"

static void check_msgpack(struct text bytes)
{
	msgpack_unpacked u;
	size_t used = 0;

	msgpack_unpacked_init(&u);
	assert(msgpack_unpack_next(&u, bytes.s, bytes.len, &used) == MSGPACK_UNPACK_SUCCESS);
	assert(used == bytes.len);
	msgpack_unpacked_destroy(&u);
}

static void check_cbor(struct text bytes)
{
	struct cbor_load_result result;
	cbor_item_t *o = cbor_load((cbor_data)bytes.s, bytes.len, &result);

	assert(o && result.read == bytes.len);
	cbor_decref(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct text in = {(const char *)bytes, len};
	struct buf msgpack, cbor;
	json_error_t e;
	json_t *tree;
	enum err_code code;

	buf_init(&msgpack, SIZE_MAX / 2);
	buf_init(&cbor, SIZE_MAX / 2);
	code = encoding_write(WEBHOOK_ENCODING_MSGPACK, in, &msgpack);
	assert(code == encoding_write(WEBHOOK_ENCODING_CBOR, in, &cbor));
	if (code == ERR_OK) {
		check_msgpack(buf_text(&msgpack));
		check_cbor(buf_text(&cbor));
	} else if (len && !memchr(in.s, '\0', len)) {
		tree = json_loadb(in.s, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
		assert(!tree);
	}
	buf_done(&msgpack);
	buf_done(&cbor);
	return 0;
}
