/* SPDX-License-Identifier: MIT */
/*
 * The secrets that requests are signed with, as Standard Webhooks 1.0.0 writes them ("Signature
 * scheme"): whsec_ and base64 of 24 to 64 random bytes for HMAC-SHA256, whsk_ and base64 of an
 * ed25519 private key. The specification leaves the form of that key open; libraries write the 32
 * bytes of RFC 8032, section 5.1.5, or these and the public key behind them. Both are taken.
 */
#ifndef CONFIG_SIGNING_KEY_H
#define CONFIG_SIGNING_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define SIGNING_KEY_BYTES_MIN 24 /* of HMAC */
#define SIGNING_KEY_BYTES_MAX 64
#define SIGNING_KEY_ED25519_BYTES 32
#define SIGNING_KEYS_MAX 8

enum signing_key_kind { SIGNING_KEY_HMAC, SIGNING_KEY_ED25519 };

struct signing_key {
	enum signing_key_kind kind;
	size_t len; /* 24 to 64 with HMAC, 32 with ed25519 */
	uint8_t bytes[SIGNING_KEY_BYTES_MAX];
};

/* All of one webhook; items has room for SIGNING_KEYS_MAX or is NULL. */
struct signing_keys {
	struct signing_key *items;
	size_t count;
};

/* The key that t spells; the caller wipes it. Errors: ERR_DATA with what is wrong, fit to stand
 * behind "key: " and without any part of t; ERR_NOMEM. */
enum err_code signing_key_parse(struct text t, struct signing_key *ret_key,
				struct err *e) ATTR_MUST_CHECK;

/* Add what t spells: one secret, or several with commas or white space between, as a file has them
 * line by line. Errors as above, also for one that is there already or one too many. */
enum err_code signing_keys_add(struct signing_keys *keys, struct text t,
			       struct err *e) ATTR_MUST_CHECK;

/* Wipe and free. */
void signing_keys_done(struct signing_keys *keys);

#endif
