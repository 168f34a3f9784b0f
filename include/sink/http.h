/* SPDX-License-Identifier: MIT */
/*
 * One worker's HTTP engine: many POSTs in flight over one curl multi handle, driven by one epoll
 * loop (curl_multi_socket_action). Knows nothing of events or rings: a request goes in, a result
 * comes out. Used by one thread, except http_wake.
 */
#ifndef SINK_HTTP_H
#define SINK_HTTP_H

#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "sink/answer.h"
#include "sink/token_cache.h"

struct auth;
struct budget;
struct http;
struct network_trail;

/* One POST; the engine owns the bufs and its connection, the caller fills it between
 * http_request_get and http_send. */
struct http_request {
	struct buf body;
	struct buf lines;   /* further header lines of this request, each with its NUL */
	struct buf url;     /* where url_is_template; empty: to's */
	size_t plain_bytes; /* of body before it was compressed; 0: it was not */
	/* events in it of which texts were cut, or only the key is sent (webhook.oversized) */
	size_t cut_count, key_only_count;
	bool is_record;  /* the body alone is wanted, for an archive: no lines, no URL */
	char id[64];     /* webhook-id */
	int64_t wall_us; /* webhook-timestamp */
	const struct webhook_settings *to;
	void *asks;        /* not NULL: an OPTIONS for permission, without id, time and body */
	struct auth *auth; /* a loan; NULL: to needs none */
	struct network_trail *trail; /* a loan (sink/network.h); NULL: none */
	void *owner;                 /* the caller's; comes back in the result */
	int64_t started_us;

	/* the engine's own */
	struct token_ticket ticket;
	size_t own_lines; /* bytes of lines that the caller filled in */
	size_t charged;   /* to the budget */
	struct http_request *next_waiting;
	struct http_request *next; /* while nobody uses it */
};

/* A final status with its whole header section is the answer, whatever becomes of the body behind
 * it: cut, endless, timed out, or larger than max_response_bytes. A 2xx whose body breaks off is
 * delivered: the receiver has said so, and a retry would only make a duplicate. */
struct http_result {
	struct http_request *request;
	int status;                 /* 0: no answer */
	enum answer_phase phase;    /* where it died without an answer */
	int64_t retry_after_s;      /* < 0: none */
	const char *allowed_origin; /* of an answer to asks; loans during the call, NULL: none */
	const char *allowed_rate;
	bool disable; /* the answer has the webhook's disable_header */
	int64_t elapsed_us;
	char reason[160]; /* "HTTP 503: <start of the body>", "timeout after 30 s waiting for the
			     first byte" */
};

typedef void (*http_done_fn)(void *ctx, const struct http_result *r);

/* Call once per process, before any thread: curl_global_init. */
enum err_code http_global_start(struct err *e) ATTR_MUST_CHECK;
void http_global_stop(void);

enum err_code http_new(const struct clock *clock, size_t max_connections, http_done_fn done,
		       void *ctx, struct http **ret_h, struct err *e) ATTR_MUST_CHECK;
/* Aborts what is in flight without a result. NULL is fine. */
void http_free(struct http *h);

/* Charge what requests hold to b, a loan; before the first request. */
void http_charge_to(struct http *h, struct budget *b);

/* A request to fill, from the engine's pool. NULL: no memory. */
struct http_request *http_request_get(struct http *h);
/* Give back one that is not to be sent after all, or whose result was handled. */
void http_request_put(struct http *h, struct http_request *r);

/* Start it. Its webhook's settings must live as long as the engine. With an auth that has tokens it
 * waits for one first (and http_wake is to be called when asking again may help: auth_bind), and is
 * sent once more with another when the answer is 401; when there is none, the result's phase is
 * ANSWER_PHASE_TOKEN. curl itself sends it again,
 * with the same id, when a connection it wanted to reuse turns out to be closed. How many are in
 * flight is the caller's to bound. On an error the request is still the caller's. Errors:
 * ERR_NOMEM, ERR_CONFIG. */
enum err_code http_send(struct http *h, struct http_request *r, struct err *e) ATTR_MUST_CHECK;

/* Wait for sockets, timers or http_wake, at most until deadline_us; call done for every finished
 * request (which may http_send and must http_request_put). Errors: ERR_IO (epoll itself failed). */
enum err_code http_run(struct http *h, int64_t deadline_us, struct err *e) ATTR_MUST_CHECK;

/* Make http_run return soon. Any thread. */
void http_wake(struct http *h);

/* Abort every request in flight; done is called for each with status 0 and reason "aborted". */
void http_abort_all(struct http *h);

size_t http_in_flight(const struct http *h);
/* Connections opened since http_new, or tried. */
int64_t http_connections(const struct http *h);

#endif
