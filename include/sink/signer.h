/* SPDX-License-Identifier: MIT */
/*
 * Signatures of Standard Webhooks 1.0.0 ("Signature scheme", "Webhook headers"): for each secret of
 * a webhook one over "ID.TIMESTAMP.BODY",
 *
 *     webhook-signature: v1,<base64 of HMAC-SHA256> v1a,<base64 of an ed25519 signature>
 *
 * in the order of the secrets, so that a receiver that knows any of them can check. Holds the
 * library's contexts for reuse: one per worker and webhook, used by its thread only.
 */
#ifndef SINK_SIGNER_H
#define SINK_SIGNER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "config/signing_key.h"

struct signer;

/* The keys are copied into the library's own memory. Errors: ERR_NOMEM, ERR_CONFIG (the library
 * does not offer an algorithm). */
enum err_code signer_new(const struct signing_keys *keys, struct signer **ret_s,
			 struct err *e) ATTR_MUST_CHECK;
/* Wipes the keys. NULL is fine. */
void signer_free(struct signer *s);

/* What signer_line writes at most, its NUL included. */
size_t signer_line_bytes(const struct signer *s);

/* One attempt. Neither id nor timestamp may hold a point: what is signed would have two readings.
 */
struct signer_message {
	const char *id;
	int64_t timestamp_s; /* of the attempt, since 1970 */
	struct text body;    /* exactly what is sent */
};

/* Write the whole header line, without its line end. Errors: ERR_NOMEM; nothing of line is to be
 * used then. */
enum err_code signer_line(struct signer *s, const struct signer_message *m, char *line,
			  struct err *e) ATTR_MUST_CHECK;

#endif
