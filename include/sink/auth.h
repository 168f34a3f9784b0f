/* SPDX-License-Identifier: MIT */
/*
 * How the daemon shows a receiver who it is: bearer_token or basic_user as a header line that never
 * changes, a token of OAuth 2.0 and a certificate from files, which do. One per webhook, shared by
 * all workers; thread-safe.
 */
#ifndef SINK_AUTH_H
#define SINK_AUTH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "sink/oauth2.h"
#include "sink/tls_files.h"

struct auth;

/* *ret_a is NULL when `to`, a loan, needs none. Errors: ERR_NOMEM, ERR_IO (no more threads),
 * ERR_CONFIG (a file cannot be used). */
enum err_code auth_new(const struct webhook_settings *to, const struct clock *clock,
		       struct auth **ret_a, struct err *e) ATTR_MUST_CHECK;
/* After the last request of the last engine. NULL is fine. */
void auth_free(struct auth *a);

/* Append the line "Authorization: ..." that every request to `to` carries; nothing when there is
 * none. RFC 6750, 2.1; RFC 7617, 2. Errors stick to out, which the caller wipes. */
void auth_add_header(const struct webhook_settings *to, struct buf *out);

/* What an operator should know of how `to` is authorized: secrets sent without TLS to another host.
 * NULL: nothing. */
const char *auth_warning(const struct webhook_settings *to);

/* The files of a's webhook; NULL: none. A loan. */
struct tls_files *auth_tls_files(struct auth *a);

/* Whether each request needs a token first. a may be NULL. */
bool auth_has_tokens(const struct auth *a);

/* Have fn called when asking again may help: oauth2_bind. a may be NULL. */
void auth_bind(struct auth *a, oauth2_notify_fn fn, void *ctx);

/* Append "Authorization: Bearer ..." with a NUL behind it to lines when there is a token: see
 * oauth2_ask. a has tokens. */
enum token_state auth_ask(struct auth *a, struct token_ticket *t, struct buf *lines,
			  struct oauth2_failure *ret_failure);

/* The receiver answered 401; whether to ask once more and send again, uncounted. a may be NULL. */
bool auth_refuse(struct auth *a, struct token_ticket *t);

struct auth_stats {
	struct oauth2_stats tokens;
	int64_t token_left_us; /* until the token runs out; < 0: there is none */
	struct tls_files_stats tls;
};

/* a may be NULL. */
struct auth_stats auth_stats(struct auth *a);

#endif
