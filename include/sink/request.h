/* SPDX-License-Identifier: MIT */
/*
 * The body and the identifying headers of one event's request.
 *
 *   {"id":"<install>-<n>","pipeline":"default","operation":"update","schema":"public",
 *    "table":"users","key":{"id":1},"changed_at":"...","data":{...},"old_data":{...}}
 *
 * with "truncated":true behind it when the row was over the size cap, and for a partition truncated
 * by itself, whose name "table" is then, "partition_of":{"schema":"...","table":"..."}. JSON from
 * the database is spliced, never parsed.
 */
#ifndef SINK_REQUEST_H
#define SINK_REQUEST_H

#include "base/buf.h"
#include "core/event.h"

#define REQUEST_ID_BYTES 64

/* "<install_id>-<id>" into out. */
void request_id(const char *install_id, int64_t id, char out[static REQUEST_ID_BYTES]);

/* Append the body. Errors stick to out: ERR_NOMEM, ERR_FULL. */
enum err_code request_body(const struct event *ev, const char *install_id, const char *pipeline,
			   struct buf *out) ATTR_MUST_CHECK;

#endif
