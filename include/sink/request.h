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

/* Whether to's requests are arrays of events, be it of one. */
bool request_is_batch(const struct webhook_settings *to);

/* Of the bodies of to's requests. */
const char *request_content_type(const struct webhook_settings *to);

/* Fill all of r, which is empty, but its owner and its time. Errors: ERR_NOMEM, ERR_FULL,
 * ERR_DATA: the event is not to be sent. Then the body is JSON that is over max_body_bytes, or is
 * not, and cannot be written in the encoding. */
enum err_code request_fill(const struct request_origin *o, const struct webhook_settings *to,
			   const struct event_fields *f, struct http_request *r) ATTR_MUST_CHECK;

/* The same for the list of events that begins with first, linked by also, up to batch_max_bytes;
 * *ret_rest is what did not fit, cut off from the list, or NULL. The id is the event's when it is
 * alone, else made of all of theirs: the same events have the same one. ERR_DATA is of the first
 * alone, and *ret_rest all others. */
enum err_code request_fill_batch(const struct request_origin *o, const struct webhook_settings *to,
				 struct event *first, struct http_request *r,
				 struct event **ret_rest) ATTR_MUST_CHECK;

/* Append to r's body what an archive holds of the event: its body, without headers; where the
 * format has a part of the event in headers, in the form that has not. JSON whatever the encoding.
 * Errors: as request_fill. */
enum err_code request_fill_record(const struct request_origin *o, const struct webhook_settings *to,
				  const struct event_fields *f,
				  struct http_request *r) ATTR_MUST_CHECK;
/* Of one that was answered with ERR_DATA: the size of the event's JSON, which tells why. */
size_t request_event_bytes(const struct http_request *r);

/* Compress what was filled in where its webhook's settings want it and it pays; *c, NULL at first,
 * is made when it is needed and the caller's to free. Without memory the body stays plain. */
void request_compress(struct http_request *r, struct compressor **c);

#endif
