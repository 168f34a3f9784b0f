/* SPDX-License-Identifier: MIT */
/*
 * What one event gives to a request: a body, and where the webhook's settings have them, header
 * lines and a URL.
 *
 *     packed? ─► unpacked ─► a partition's table named, or columns masked ─► the format's JSON,
 *     cut to max_body_bytes ─► in the encoding
 */
#ifndef SINK_REQUEST_EVENT_H
#define SINK_REQUEST_EVENT_H

#include "sink/request.h"

/* What stands around the values; names of tables are short, so doubling them covers escapes. */
#define REQUEST_FRAME_BYTES 512

/* Append f to r, whose `to` is set. After an error the body has something of it. Errors: as
 * request_fill. */
enum err_code request_event_add(const struct request_origin *o, const struct event_fields *f,
				struct http_request *r) ATTR_MUST_CHECK;

#endif
