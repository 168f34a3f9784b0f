/* SPDX-License-Identifier: MIT */
/*
 * A gzip body (RFC 1952) made plain, for the receiver.
 */
#ifndef SUPPORT_INFLATE_H
#define SUPPORT_INFLATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/* Append to out what gzip holds; false when that is not one whole gzip member, or does not fit. */
bool inflate_gzip(struct text gzip, struct buf *out);

#endif
