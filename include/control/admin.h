/* SPDX-License-Identifier: MIT */
/*
 * The admin endpoint: a small HTTP server, one thread, for people, monitoring and Prometheus.
 *
 *     GET  /metrics               JSON; Prometheus text when Accept prefers text/plain or
 *                                 openmetrics to JSON, or with ?format=prometheus (or =json)
 *     GET  /healthz               200 alive, 503 not
 *     GET  /readyz                200 ready, 503 not
 *     POST /webhooks/NAME/enable  close the breaker: wants "Authorization: Bearer TOKEN"
 *     POST /webhooks/NAME/disable send nothing until it is enabled: likewise
 *
 * Anything else: 404, 405 with Allow, 400, 401, 403, each as {"error":"..."}. HEAD works as GET
 * does. What the pages say comes from callbacks, so that the daemon may swap its engine meanwhile.
 * At most 32 connections, closed after 10 s of silence. No TLS: listen on loopback, or put a proxy
 * in front.
 */
#ifndef CONTROL_ADMIN_H
#define CONTROL_ADMIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

enum admin_page {
	ADMIN_METRICS_JSON,
	ADMIN_METRICS_PROMETHEUS,
	ADMIN_HEALTHZ,
	ADMIN_READYZ,
};

/* Called from the admin thread, one at a time; nothing of the server is locked meanwhile. */
struct admin_handlers {
	/* Append the page to out and return the HTTP status: 200 or 503. An error that stuck to
	 * out becomes a 500. */
	int (*render)(void *ctx, enum admin_page page, struct buf *out);
	/* An operator says that the webhook called name is back, or must not be used. ERR_NOT_FOUND
	 * becomes a 404, any other error a 500; its message is shown. */
	enum err_code (*enable)(void *ctx, const char *name, bool enable, struct err *e);
	void *ctx;
};

struct admin_options {
	const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "localhost:0"; "off": no server */
	const char *token;  /* for changes; NULL or "": every change is refused */
	struct admin_handlers handlers;
};

struct admin;

/* Listen and start the thread; the strings of o are copied. *ret_a is NULL after "off". May block
 * while a host name is looked up. Errors: ERR_CONFIG (not an address), ERR_UNAVAILABLE (the
 * address is taken, unknown or not this host's; the message names it), ERR_DENIED (a
 * privileged port), ERR_NOMEM, ERR_IO. */
enum err_code admin_start(const struct admin_options *o, struct admin **ret_a,
			  struct err *e) ATTR_MUST_CHECK;

/* Close every connection, end the thread, free. NULL is fine. Waits for a callback that runs. */
void admin_stop(struct admin *a);

/* Where it listens, with the port the system chose for 0: "127.0.0.1:34567". "" for NULL. */
const char *admin_address(const struct admin *a);

/* Does this Accept header prefer Prometheus text to JSON? NULL: there is none. */
bool admin_wants_prometheus(const char *accept);

#endif
