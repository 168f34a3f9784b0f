/* SPDX-License-Identifier: MIT */
/*
 * What is sent for one event: its id, and body, header lines and URL as the webhook's settings
 * (format, type, url, headers) say.
 */
#ifndef SINK_REQUEST_H
#define SINK_REQUEST_H

#include "config/settings.h"
#include "core/event.h"
#include "sink/compressor.h"
#include "sink/http.h"

/* Where events come from; everything is a loan. */
struct request_origin {
	const char *install_id;
	const char *pipeline;
	const struct source_settings *source; /* NULL: unknown */
};

/* Fill all of r, which is empty, but its owner and its time. Errors: ERR_NOMEM, ERR_FULL. */
enum err_code request_fill(const struct request_origin *o, const struct webhook_settings *to,
			   const struct event_fields *f, struct http_request *r) ATTR_MUST_CHECK;

/* Compress what was filled in where its webhook's settings want it and it pays; *c, NULL at first,
 * is made when it is needed and the caller's to free. Without memory the body stays plain. */
void request_compress(struct http_request *r, struct compressor **c);

#endif
