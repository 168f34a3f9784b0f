/* SPDX-License-Identifier: MIT */
/*
 * Bearer tokens of one webhook, for all its workers: a thread of its own asks the token endpoint,
 * so that no worker's loop ever waits for it.
 *
 *     worker ──ask──► cache ◄──store── thread ──fetch──► token endpoint
 *        ▲                                │
 *        └───────────── notify ───────────┘
 *
 * One fetch serves everybody who waits; a token that is in use is replaced before it runs out
 * (sink/token_cache.h). Thread-safe.
 */
#ifndef SINK_OAUTH2_H
#define SINK_OAUTH2_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "sink/token_cache.h"
#include "sink/token_request.h"

struct oauth2;

typedef void (*oauth2_notify_fn)(void *ctx);

/* All loans. */
struct oauth2_options {
	const char *webhook; /* for log lines */
	const struct clock *clock;
	int64_t max_wait_us; /* the longest Retry-After that is kept to */
	/* Get a token; called by the thread, one at a time. May block. */
	void (*fetch)(void *ctx, struct token_outcome *ret_out);
	/* Make fetch return soon, now and for ever. */
	void (*cancel)(void *ctx);
	void *ctx;
};

/* Start the thread. Errors: ERR_NOMEM, ERR_IO. */
enum err_code oauth2_new(const struct oauth2_options *o, struct oauth2 **ret_a,
			 struct err *e) ATTR_MUST_CHECK;
/* Breaks off a fetch. NULL is fine. */
void oauth2_free(struct oauth2 *a);

/* Have fn called, by the thread, whenever a fetch has ended; NULL: nobody. One at a time. When this
 * returns, the one before is not called any more. Not from within fn. */
void oauth2_bind(struct oauth2 *a, oauth2_notify_fn fn, void *ctx);

/* What a failed ask tells. */
struct oauth2_failure {
	char reason[TOKEN_CACHE_REASON_BYTES];
	int64_t retry_after_s; /* < 0: none */
};

/* READY: the token was appended to out, whose errors stick. PENDING: ask again with the same
 * ticket when notified. FAILED: *ret_failure says why. */
enum token_state oauth2_ask(struct oauth2 *a, struct token_ticket *t, struct buf *out,
			    struct oauth2_failure *ret_failure);

/* The receiver answered 401 to the token that t got; whether to ask once more. */
bool oauth2_refuse(struct oauth2 *a, struct token_ticket *t);

struct oauth2_stats {
	int64_t fetched;
	int64_t failed;
	int64_t refused;    /* 401s that were answered by another token */
	int64_t expires_us; /* when the token in use runs out, monotonic; 0: there is none */
};

struct oauth2_stats oauth2_stats(struct oauth2 *a);

#endif
