/* SPDX-License-Identifier: MIT */
/*
 * Base64 with the standard alphabet and padding: RFC 4648, section 4.
 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* Characters of len bytes, without a NUL behind them. */
#define BASE64_CHARS(len) (((len) + 2) / 3 * 4)

/* Write BASE64_CHARS(len) characters and a NUL. */
void base64_encode(const void *bytes, size_t len, char *out);

/* Decode t into out. Whatever RFC 4648 does not allow is an error: white space, the URL-safe
 * alphabet, missing padding. *ret_len is the number of bytes. Errors: ERR_DATA (not base64),
 * ERR_FULL (more than max bytes); out may be partly written then. */
enum err_code base64_decode(struct text t, uint8_t *out, size_t max,
			    size_t *ret_len) ATTR_MUST_CHECK;

#endif
