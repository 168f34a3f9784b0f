/* SPDX-License-Identifier: MIT */
/*
 * What a record of an archive is of, whatever format it is in: native, inside of an envelope
 * (cloudevents, standard), or Debezium's.
 */
#ifndef SINK_ARCHIVE_VIEW_H
#define SINK_ARCHIVE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/op.h"
#include "base/text.h"

/* Slices of the record, strings without their quotes and as they are spelled; TEXT_NONE: null, or
 * not there. */
struct archive_view {
	struct text id;
	struct text pipeline;
	struct text schema;
	struct text table;
	struct text key;
	struct text old_key;
	struct text changed_at;  /* RFC 3339 */
	int64_t changed_wall_us; /* where it is a number (Debezium); 0: it is changed_at */
	enum op op;
	bool has_op;
};

/* false: it is no event in any of these. */
bool archive_view_read(struct text record, struct archive_view *ret);

#endif
