/* SPDX-License-Identifier: MIT */
/*
 * The request to one webhook's token endpoint: OAuth 2.0 client credentials, RFC 6749, 4.4. What
 * holds for the webhook holds for it too: network rules, proxy, CAs, client certificate, versions
 * of TLS, and timeouts; not the pins, which are of the receiver's key. Used by one thread, but for
 * token_request_cancel.
 */
#ifndef SINK_TOKEN_REQUEST_H
#define SINK_TOKEN_REQUEST_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "sink/tls_files.h"

struct token_request;

/* What came of one. */
struct token_outcome {
	struct buf token; /* empty: none; the caller's to take or to wipe */
	int64_t lifetime_s;
	int64_t retry_after_s; /* < 0: none */
	char reason[128];      /* why there is none: nothing secret, one line */
};

/* `to`, which has an oauth2_token_url, and files (NULL: none) are loans. Errors: ERR_NOMEM,
 * ERR_CONFIG. */
enum err_code token_request_new(const struct webhook_settings *to, struct tls_files *files,
				const struct clock *clock, struct token_request **ret_r,
				struct err *e) ATTR_MUST_CHECK;
void token_request_free(struct token_request *r);

/* Ask. Blocks up to the webhook's timeout. */
void token_request_run(struct token_request *r, struct token_outcome *ret_out);

/* Make token_request_run end soon, now and for ever. Any thread. */
void token_request_cancel(struct token_request *r);

#endif
