/* SPDX-License-Identifier: MIT */
/*
 * What a token endpoint answers: RFC 6749, 5.1 and 5.2. A pure function of bytes that may be
 * anything.
 */
#ifndef SINK_TOKEN_ANSWER_H
#define SINK_TOKEN_ANSWER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* A longer answer is none. */
#define TOKEN_ANSWER_BYTES_MAX 65536
/* A longer token would be refused as a header by usual receivers: 8 KB. */
#define TOKEN_BYTES_MAX 16384

/* For tokens of which it is not told, or is told as 0, how long they are good. */
#define TOKEN_LIFETIME_S 300
/* Longer promises are not relied on. */
#define TOKEN_LIFETIME_MAX_S (30 * 86400)

/* Read the body of an answer with a status of 2xx: append the token to out, and how long it is good
 * to *ret_lifetime_s (1 to TOKEN_LIFETIME_MAX_S). Errors: ERR_DATA (no JSON, no bearer token in it;
 * nothing of body stands in the message), ERR_NOMEM. */
enum err_code token_answer_read(struct text body, struct buf *out, int64_t *ret_lifetime_s,
				struct err *e) ATTR_MUST_CHECK;

/* Of another answer: the error that it names when that is one of RFC 6749, 5.2, or "". Only these
 * words are repeated: the rest of an answer may hold what was sent. */
const char *token_answer_error(struct text body);

#endif
