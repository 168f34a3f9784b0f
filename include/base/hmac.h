/* SPDX-License-Identifier: MIT */
/*
 * HMAC-SHA256 (RFC 2104, FIPS 180-4) with a key that is set up once. A struct hmac is never changed
 * after hmac_new: any number of threads may use it at once.
 */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define HMAC_BYTES 32
/* In hexadecimal, with a NUL. */
#define HMAC_HEX_BYTES (2 * HMAC_BYTES + 1)

struct hmac;

/* key is copied. Errors: ERR_NOMEM, ERR_CONFIG (libcrypto offers no HMAC-SHA256). */
enum err_code hmac_new(struct text key, struct hmac **ret_h, struct err *e) ATTR_MUST_CHECK;
/* Wipes the key. NULL is fine. */
void hmac_free(struct hmac *h);

/* The code of message in lower-case hexadecimal digits, with a NUL. Errors: ERR_NOMEM. */
enum err_code hmac_hex(const struct hmac *h, struct text message,
		       char out[static HMAC_HEX_BYTES]) ATTR_MUST_CHECK;

#endif
