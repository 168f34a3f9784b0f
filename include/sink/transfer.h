/* SPDX-License-Identifier: MIT */
/*
 * One reusable curl easy handle, configured once for one webhook: per request only the body, its
 * size and the identifying header lines change. Internal to the HTTP engine; used by its thread
 * only.
 */
#ifndef SINK_TRANSFER_H
#define SINK_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sink/http.h"
#include "sink/network.h"
#include "sink/signer.h"
#include "sink/tls_files.h"

/* What is kept of a response's body, for the reason. */
#define TRANSFER_SNIPPET_BYTES 200
/* A header section larger than this, interim answers included, is no answer. */
#define TRANSFER_HEADER_MAX_BYTES 65536

/* How sockets are made and closed; ctx is the engine. */
struct transfer_sockets {
	curl_opensocket_callback open;
	curl_closesocket_callback close;
	void *ctx;
};

struct transfer {
	CURL *easy;
	const struct webhook_settings *to;
	struct http_request *request; /* NULL while it is free */
	struct curl_slist head[3];    /* the dynamic lines, linked in front of the webhook's own */
	struct curl_slist *headers;   /* the webhook's own: a loan */
	struct curl_slist *lines;     /* the request's further ones, linked between the two */
	size_t line_room;
	char id_line[96];
	char time_line[48];
	struct signer *signer; /* NULL: requests are not signed */
	char *sign_line;
	struct tls_material *tls; /* what easy uses; NULL: no files */
	char error[CURL_ERROR_SIZE];
	char snippet[TRANSFER_SNIPPET_BYTES];
	size_t snippet_len;
	size_t header_bytes;
	size_t body_bytes;
	const struct network_policy *policy;
	struct transfer_sockets sockets;
	char allowed_ip[46]; /* the address that was last seen to be allowed */
	char denied[112];    /* what was not; "" */
	bool asks;           /* the handle is set up for OPTIONS */
	bool answered;       /* a final status and its whole header section have arrived */

	/* the engine's own */
	void *profile;
	struct transfer *next;
	struct transfer *prev;
};

/* What the handles of one webhook have in common. */
struct transfer_parts {
	const struct webhook_settings *to;
	struct curl_slist *headers; /* that every request carries */
	struct signer *signer;      /* NULL: requests are not signed */
	struct network_policy *policy;
	struct transfer_sockets sockets; /* the caller's; its ctx is a loan */
};

/* Fill all but sockets of p, which is zeroed, for webhook `to`, a loan; to be closed after an error
 * too. Errors: ERR_NOMEM, ERR_CONFIG (a line break in a header, a secret or a rule that is none).
 */
enum err_code transfer_parts_open(struct transfer_parts *p, const struct webhook_settings *to,
				  struct err *e) ATTR_MUST_CHECK;
void transfer_parts_close(struct transfer_parts *p);

/* A handle; parts are a loan for its life. Errors: ERR_NOMEM, ERR_CONFIG (curl refuses an option).
 */
enum err_code transfer_new(const struct transfer_parts *parts, struct transfer **ret_t,
			   struct err *e) ATTR_MUST_CHECK;
void transfer_free(struct transfer *t);

/* Make it ready to send r, which it keeps as a loan until the result, and sign it. Errors:
 * ERR_NOMEM. */
enum err_code transfer_begin(struct transfer *t, struct http_request *r,
			     struct err *e) ATTR_MUST_CHECK;

/* What curl's code means for the request that ended at wall_us. Fills all of *out but elapsed_us.
 */
void transfer_result(struct transfer *t, CURLcode code, int64_t wall_us, struct http_result *out);

#endif
