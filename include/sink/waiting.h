/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for a token before they can start. Internal to the HTTP engine; used by its
 * thread only.
 */
#ifndef SINK_WAITING_H
#define SINK_WAITING_H

#include "sink/http.h"

struct waiting {
	struct http_request *first;
	struct http_request *last;
	size_t count;
};

void waiting_push(struct waiting *w, struct http_request *r);
/* NULL: none is left. */
struct http_request *waiting_pop(struct waiting *w);

/* Put the token's header line into r, which has an auth with tokens. FAILED: *out is r's result. */
enum token_state waiting_authorize(struct http_request *r, struct http_result *out);

/* *out is the result of r, which had its token but could not be started. */
void waiting_failed(struct http_request *r, const char *words, struct http_result *out);

/* Whether r, which was answered with status, is to be sent once more with another token; what it
 * had from the one before is gone then. */
bool waiting_again(struct http_request *r, int status);

#endif
