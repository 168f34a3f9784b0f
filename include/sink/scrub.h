/* SPDX-License-Identifier: MIT */
/*
 * An answer's body may repeat what was sent to it, secrets included, and goes into the log and the
 * dead letters: those are taken out of it. A pure function.
 */
#ifndef SINK_SCRUB_H
#define SINK_SCRUB_H

#include <curl/curl.h>
#include <stddef.h>

#include "sink/http.h"

/* Overwrite with asterisks, in the first len bytes of an answer to r: the values of r's
 * Authorization header and of its webhook's headers, the webhook's token and passwords, and the
 * query, user and password of its URL and of its proxy's, also as HTTP basic authentication has the
 * two; also the beginning of one at the end,
 * where the body was cut. What has fewer than SCRUB_LEAST_BYTES is no secret, and stays. headers:
 * those that each request carries. */
void scrub_answer(const struct http_request *r, const struct curl_slist *headers, char *bytes,
		  size_t len);

#define SCRUB_LEAST_BYTES 4

#endif
