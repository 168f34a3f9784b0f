/* SPDX-License-Identifier: MIT */
/*
 * What the receiver has been given: which event ids, how often, and whether each key's came in
 * order.
 *
 * An id is "<install>-<n>". It is accepted when it was answered with 2xx. The first acceptances
 * within a lane must have rising n: an event that is accepted after a later one of its lane is out
 * of order. One that was accepted before is a duplicate, wherever it comes. An event that fails and
 * comes again is neither.
 *
 * Memory: one byte an id in pages of 64 Ki ids, so 10 million ids of a dense sequence are 10 MB; 32
 * bytes a lane at most twice. Not thread-safe.
 */
#ifndef SUPPORT_LEDGER_H
#define SUPPORT_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "notice.h"

struct ledger;

enum err_code ledger_new(struct ledger **ret_l, struct err *e) ATTR_MUST_CHECK;
void ledger_free(struct ledger *l);

/* One event of a request, from ledger_begin to ledger_end. */
struct ledger_entry {
	uint64_t request; /* several with the same one came together, in their order; 0: alone */
	uint64_t install; /* hash of the part before the last '-' */
	int64_t n;        /* the number behind it; -1: the id is not of that form */
	int lane_count;
	uint64_t lane[NOTICE_LANES_MAX];
	int attempt; /* 1: the first time this id was seen; stays at 127 */
};

enum ledger_verdict {
	LEDGER_FAILED,    /* not accepted */
	LEDGER_FIRST,     /* accepted for the first time, in order */
	LEDGER_DUPLICATE, /* was accepted before */
	LEDGER_DISORDER,  /* accepted for the first time, but behind a later one of its lane */
	LEDGER_UNKNOWN,   /* accepted, and its id has no number */
};

const char *ledger_verdict_name(enum ledger_verdict v);

/* A number for the events of one request. */
uint64_t ledger_request(struct ledger *l);

/* Split id into t; t->n is -1 when it cannot be. */
void ledger_entry_init(struct ledger_entry *t, struct text id, const struct notice *n);

/* A request with this event came in: counts the attempt, sees whether its lanes are busy with
 * another event. Errors: ERR_NOMEM. */
enum err_code ledger_begin(struct ledger *l, struct ledger_entry *t, struct err *e) ATTR_MUST_CHECK;

/* It was answered with 2xx (accepted), or otherwise, or not at all. */
enum ledger_verdict ledger_end(struct ledger *l, const struct ledger_entry *t, bool accepted);

struct ledger_stats {
	int64_t seen;         /* different ids that came */
	int64_t distinct;     /* different ids that were accepted */
	int64_t duplicates;   /* acceptances of an id accepted before */
	int64_t out_of_order; /* first acceptances behind a later one of their lane */
	int64_t retries;      /* came again without having been accepted */
	int64_t overlaps;     /* came while another event of the lane was being answered */
	int64_t unknown;      /* accepted without a number to keep them apart by */
	int64_t lanes;
};

struct ledger_stats ledger_stats(const struct ledger *l);

#endif
