/* SPDX-License-Identifier: MIT */
/*
 * Events whose rows are compressed while they wait, for when memory is short: LZ4, of which
 * docs/DECISIONS.md has the measurement. Keys stay as they are: order needs them.
 */
#ifndef CORE_PACKED_H
#define CORE_PACKED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "core/event.h"

/* Smaller rows are left alone, and those that would not lose a fifth. */
#define PACKED_LEAST_BYTES 10240

/* Put a compressed copy in place of *ev, which is NEW, if that is worth it; it is not without
 * memory either. Returns how many bytes it saved. */
size_t packed_event(struct event **ev);

/* *out is f with its rows as they were; what was compressed is in room, which is reset first.
 * Errors: ERR_NOMEM, ERR_FULL (room's bound), ERR_DATA (not what packed_event made). */
enum err_code packed_open(const struct event_fields *f, struct event_fields *out,
			  struct buf *room) ATTR_MUST_CHECK;

static inline bool packed_is(const struct event_fields *f)
{
	return f->plain_bytes || f->plain_old_bytes;
}

#endif
