/* SPDX-License-Identifier: MIT */
/*
 * MessagePack and CBOR back into JSON, by the libraries' own parsers: for the receiver, and to
 * compare with what was encoded.
 */
#ifndef SUPPORT_UNPACK_H
#define SUPPORT_UNPACK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/* Append the JSON of the one value that bytes are, without white space; false when they are
 * something else, or JSON has no such thing. */
bool unpack_msgpack(struct text bytes, struct buf *out);
bool unpack_cbor(struct text bytes, struct buf *out);

#endif
