/* SPDX-License-Identifier: MIT */
/*
 * The events of one read on their way out. Any prefix of the rows is a valid batch, as long as
 * position has seen exactly that prefix: so an event is built first, then seen, then handed on, and
 * the first failure ends the batch. One thread.
 */
#ifndef SOURCE_BATCH_H
#define SOURCE_BATCH_H

#include "core/event.h"
#include "core/position.h"
#include "source/source.h"

struct batch {
	struct position *position; /* NULL: the rows were seen before */
	struct source_limit limit;
	struct event **out; /* room for limit.events */
	size_t count;
	size_t bytes;
	int64_t now_us;
	bool is_full;    /* a row did not fit: there is more, and nothing behind it may be added */
	int64_t last_id; /* of the last row looked at that fitted */
};

/* Append the row f as an event, unless position knows it as outstanding. Sets is_full, and adds
 * nothing, when it goes over the limit and is not the first. f->changed_at is ignored: it is made
 * of changed_wall_us. Errors: ERR_NOMEM; what was appended until then stays. */
enum err_code batch_add(struct batch *b, struct event_fields *f, struct err *e) ATTR_MUST_CHECK;

/* Free the events: they were not handed on. Position must be reset then. */
void batch_drop(struct batch *b);

/* What an event costs beyond its texts, at most, when names are no longer than name_bytes. */
size_t batch_overhead(size_t name_bytes);

#endif
