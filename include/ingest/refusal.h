/* SPDX-License-Identifier: MIT */
/*
 * Why a posted request is not taken: status, words for people, and where in the body it is wrong.
 *
 *     {"error":"expected , or }","line":3,"column":17}
 *     {"error":"unknown field","index":4,"field":"tables","line":9}
 */
#ifndef INGEST_REFUSAL_H
#define INGEST_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum refusal_reason {
	REFUSAL_NONE,    /* it is taken */
	REFUSAL_FRAMING, /* where the body ends is said twice, or in a way not known here */
	REFUSAL_PATH,
	REFUSAL_METHOD,
	REFUSAL_TOKEN,
	REFUSAL_SOURCE,   /* ?source= is missing or unknown */
	REFUSAL_KEY,      /* an Idempotency-Key that cannot be one */
	REFUSAL_STOPPING, /* the daemon is */
	REFUSAL_BUSY,     /* max_concurrent, or connections */
	REFUSAL_RATE,
	REFUSAL_TYPE,       /* Content-Type or Content-Encoding */
	REFUSAL_SIZE,       /* the body's */
	REFUSAL_MEMORY,     /* the budget has no room */
	REFUSAL_DISK,       /* the spill directory has no room */
	REFUSAL_TIMEOUT,    /* the body did not come in time */
	REFUSAL_SYNTAX,     /* not JSON */
	REFUSAL_EVENT,      /* JSON, and no event */
	REFUSAL_EVENT_SIZE, /* of one event */
	REFUSAL_CONFLICT,   /* the idempotency key stands for another body */
	REFUSAL_STORE,      /* the database that keeps events is not there */
	REFUSAL_INTERNAL,
	REFUSAL_REASON_COUNT
};

#define REFUSAL_WHY_BYTES 256
#define REFUSAL_FIELD_BYTES 72

struct refusal {
	enum refusal_reason reason;
	int64_t line, column;            /* in the body, from 1; 0: not said */
	int64_t index;                   /* of the event, from 0; -1: not said */
	char field[REFUSAL_FIELD_BYTES]; /* of the event; "": not said */
	char why[REFUSAL_WHY_BYTES];
	int64_t retry_after_us; /* > 0: when it may be tried again, in place of the reason's own */
};

/* Nothing is refused. */
void refusal_init(struct refusal *r);

/* Of everything but the reason and the words nothing is said. */
void refusal_set(struct refusal *r, enum refusal_reason reason, const char *fmt, ...)
	ATTR_PRINTF(3, 4);

/* "busy": the label of a metric. Never NULL. */
const char *refusal_name(enum refusal_reason reason);

/* The HTTP status: RFC 9110, 15; 507 is RFC 4918's, 429 RFC 6585's. */
unsigned refusal_status(enum refusal_reason reason);

/* Seconds for Retry-After, at least 1; 0: it does not help to try again. */
int64_t refusal_retry_after_s(const struct refusal *r);

/* Append the answer's body. Errors stick to out. */
void refusal_write(const struct refusal *r, struct buf *out);

#define REFUSAL_HTTP_BYTES 2048

/* The whole answer, head and body, that closes the connection; a string. False: it is not whole. */
bool refusal_format(const struct refusal *r, char out[static REFUSAL_HTTP_BYTES]) ATTR_MUST_CHECK;

/* Send that past the server, which cannot answer before a body is whole. Only with nothing of an
 * answer sent, and not over TLS. Never blocks. */
void refusal_send(const struct refusal *r, int fd);

#endif
