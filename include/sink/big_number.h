/* SPDX-License-Identifier: MIT */
/*
 * Numbers that a receiver whose numbers are doubles (JavaScript, jq, many JSON libraries) would
 * change in silence: written as strings instead.
 *
 *     {"id":9007199254740993,"n":1.5}   ──►   {"id":"9007199254740993","n":1.5}
 *
 * Big is, written without an exponent, what is beyond +-(2^53 - 1), up to which doubles hold every
 * whole number; and whatever has more digits than come back from a double: 12345678.123456789012
 * is, 0.30000000000000004 is not, 1e400 is.
 */
#ifndef SINK_BIG_NUMBER_H
#define SINK_BIG_NUMBER_H

#include <stdbool.h>

#include "base/buf.h"

/* Append json with every big number in quotes and all else as it is. What is no JSON is copied. */
void big_number_quote(struct buf *out, struct text json);

/* Whether number, a JSON number (RFC 8259, 6) and nothing else, is big. */
bool big_number_is(struct text number);

#endif
