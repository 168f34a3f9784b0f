/* SPDX-License-Identifier: MIT */
/*
 * A webhook's rules for columns (config/column_rules.h) put to an event: everything of it that
 * holds values of columns, so that no format, header or URL can send what the rules keep back.
 *
 *     {"id":7,"email":"a@b.c","note":null}  ──►  {"id":7,"email":"5d1c...","note":null}
 *
 * The hash of a value is that of its text: of a string what it means, whatever its escapes; of
 * anything else its JSON as it stands. null stays null.
 */
#ifndef SINK_MASK_H
#define SINK_MASK_H

#include "base/buf.h"
#include "config/column_rules.h"
#include "core/event.h"

/* Copy f's key, old_key, data and old_data as rules want them into room, which is empty, and let
 * *f point there. What is no JSON object is sent as null, for nobody can tell what is in it.
 * Errors: ERR_NOMEM, ERR_FULL; f is unchanged then. */
enum err_code mask_event(const struct column_rules *rules, enum source_type type,
			 struct event_fields *f, struct buf *room) ATTR_MUST_CHECK;

#endif
