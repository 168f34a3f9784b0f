/* SPDX-License-Identifier: MIT */
/*
 * What one request brings: an event, or an array of them, each of which has its own line in the
 * ledger and in the journal. An event may be an envelope with the native body as its data, or have
 * its id in its source.
 */
#ifndef SUPPORT_PARCEL_H
#define SUPPORT_PARCEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/text.h"
#include "behaviour.h"
#include "journal.h"
#include "ledger.h"

struct parcel_item {
	struct text id;
	struct text body; /* a loan, as the slices of notice */
	struct notice notice;
	struct ledger_entry entry;
};

/* All zero: empty. */
struct parcel {
	struct parcel_item *items;
	size_t count; /* 0 only for an empty array */
	size_t room;
	bool is_array;
};

/* Take body apart, and begin each of its events in l. id is that of the request: the event's when
 * body is no array; TEXT_NONE: the body's own. Errors: ERR_NOMEM. */
enum err_code parcel_open(struct parcel *p, struct text id, struct text body, struct ledger *l,
			  struct err *e) ATTR_MUST_CHECK;

struct behaviour_load parcel_load(const struct parcel *p);

/* The request was answered with line's status, or not (0): a line of j for each event, with all
 * that line has of the request. */
void parcel_close(struct parcel *p, struct ledger *l, struct journal *j,
		  const struct journal_line *line);

void parcel_done(struct parcel *p);

#endif
