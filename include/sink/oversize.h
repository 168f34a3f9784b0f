/* SPDX-License-Identifier: MIT */
/*
 * What is sent of an event whose body is over webhook.max_body_bytes.
 *
 *     truncate    {"id":7,"text":"aaaaaaaaaa","n":1}  ──►  {"id":7,"text":"aaa","n":1}
 *                                                          "truncated_columns":["text"]
 *     key_only    data and old_data become the key, as under listener.max_event_bytes
 *
 * Of strings the longest are cut, all to the same length, which is the greatest that is small
 * enough.
 */
#ifndef SINK_OVERSIZE_H
#define SINK_OVERSIZE_H

#include "base/buf.h"
#include "core/event.h"

/* The member that names what was cut, in the formats' bodies. */
#define OVERSIZE_COLUMNS "truncated_columns"

/* Let f's data and old_data be its key. */
void oversize_key_only(struct event_fields *f);

/* Copy f's data and old_data into room, which is empty, with strings cut so that a body which is
 * excess bytes too long is so no more, and let *f point there; *ret_columns, there too, is the JSON
 * array of the names. Errors: ERR_DATA (even all strings, of the longest thousand, are shorter than
 * that, or a row is no JSON object), ERR_NOMEM; f is unchanged then. */
enum err_code oversize_truncate(struct event_fields *f, size_t excess, struct buf *room,
				struct text *ret_columns) ATTR_MUST_CHECK;

#endif
