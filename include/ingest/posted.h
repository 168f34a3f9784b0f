/* SPDX-License-Identifier: MIT */
/*
 * The events in the body of a request, one after the other: an object, an array of objects, or a
 * line for each (NDJSON). The body is read as it is needed; of it no more than one event is in
 * memory.
 *
 *     read() ──64 KB──► json_check ──one object, on one line──► fields ──► struct inlet_event
 *
 * Fields of an event: table and operation (insert, update, delete or read), required; schema; key,
 * data and old_data, each an object or null. Which of these an operation needs and must not have,
 * and everything else, is docs/ingest.md's. Any other field is refused: a misspelt one would be
 * lost in silence.
 */
#ifndef INGEST_POSTED_H
#define INGEST_POSTED_H

#include "base/buf.h"
#include "base/err.h"
#include "ingest/refusal.h"
#include "source/inlet.h"

enum posted_format {
	POSTED_JSON,  /* application/json */
	POSTED_NDJSON /* application/x-ndjson */
};

struct posted_options {
	enum posted_format format;
	size_t max_event_bytes; /* of one event, white space left out */
	/* The next bytes of the body, at most most of them; 0 at its end. Errors: ERR_IO. */
	enum err_code (*read)(void *ctx, char *out, size_t most, size_t *ret_len, struct err *e);
	void *ctx;
};

struct posted;

enum posted_step {
	POSTED_EVENT,
	POSTED_END,
	POSTED_REFUSED, /* the body cannot be taken: the refusal says why */
	POSTED_FAILED   /* ERR_NOMEM or what read said */
};

/* Errors: ERR_NOMEM. */
enum err_code posted_new(const struct posted_options *o, struct posted **ret_p,
			 struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void posted_free(struct posted *p);

/* The next event; its texts are loans until the next call. Nothing comes behind END, REFUSED and
 * FAILED. A body without any event is refused. */
enum posted_step posted_next(struct posted *p, struct inlet_event *ret_ev, struct refusal *ret_r,
			     struct err *e);

/* How many events came so far. */
int64_t posted_count(const struct posted *p);

/* Bytes of memory that it holds at present. */
size_t posted_bytes(const struct posted *p);

/* Refuse the event that came last, for what its receiver says. */
void posted_refuse(const struct posted *p, enum refusal_reason reason, const char *why,
		   struct refusal *ret_r);

#endif
