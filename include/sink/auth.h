/* SPDX-License-Identifier: MIT */
/*
 * How the daemon shows a receiver who it is: bearer_token or basic_user as a header line that never
 * changes, a certificate from files that may. One per webhook, shared by all workers; thread-safe.
 */
#ifndef SINK_AUTH_H
#define SINK_AUTH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "sink/tls_files.h"

struct auth;

/* *ret_a is NULL when `to`, a loan, needs none. Errors: ERR_NOMEM, ERR_CONFIG (a file cannot be
 * used). */
enum err_code auth_new(const struct webhook_settings *to, struct auth **ret_a,
		       struct err *e) ATTR_MUST_CHECK;
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

struct auth_stats {
	struct tls_files_stats tls;
};

/* a may be NULL. */
struct auth_stats auth_stats(struct auth *a);

#endif
