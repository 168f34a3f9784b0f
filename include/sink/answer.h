/* SPDX-License-Identifier: MIT */
/*
 * What an attempt's result means, as one table. Three answers, as mail servers have them, plus what
 * the failure says about the receiver as a whole.
 *
 *   result                                   verdict     blame
 *   2xx                                      delivered   -
 *   408, 425, 500 and other 5xx              retry       event     counts as an attempt
 *   429, 502, 503, 504, network, timeout     retry       receiver  counts only when the receiver
 *                                                                  took another event meanwhile
 *   no token for it                          retry       receiver  never counts
 *   410                                      refused     receiver  and the webhook is disabled
 *   3xx, other 4xx, 1xx as final             refused     event     to the dead letters
 *   any with the webhook's disable_header    as a 410; a 2xx is delivered all the same
 */
#ifndef SINK_ANSWER_H
#define SINK_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum answer_verdict { ANSWER_DELIVERED, ANSWER_RETRY, ANSWER_REFUSED };
enum answer_blame { ANSWER_BLAME_NONE, ANSWER_BLAME_EVENT, ANSWER_BLAME_RECEIVER };

/* Which phase a transfer without an answer died in. */
enum answer_phase {
	ANSWER_PHASE_NONE, /* there was an answer */
	ANSWER_PHASE_LOOKUP,
	ANSWER_PHASE_CONNECT,
	ANSWER_PHASE_TLS,
	ANSWER_PHASE_SEND,
	ANSWER_PHASE_FIRST_BYTE,
	ANSWER_PHASE_BODY,
	ANSWER_PHASE_DENIED, /* by the network policy, before anything was sent */
	ANSWER_PHASE_TOKEN,  /* the token endpoint gave none, so that nothing was sent */
	ANSWER_PHASE_COUNT
};

struct answer {
	enum answer_verdict verdict;
	enum answer_blame blame;
	bool disable; /* 410: stop sending until an operator says otherwise */
	bool outage;  /* it says nothing of the event: it is never counted */
};

/* Of an HTTP status. RFC 9110 section 15, RFC 6585 section 4 (429), RFC 8470 section 5.2 (425). */
struct answer answer_of_status(int status);

/* The same, of an answer whose header says that the webhook is to be disabled. */
struct answer answer_with_disable(struct answer a);

/* Whether a Retry-After of this status is about the receiver and not this request alone: 429 (RFC
 * 6585 section 4) and 503 (RFC 9110 section 15.6.4). */
bool answer_is_pause(int status);

/* Of a transfer that failed without a status. */
struct answer answer_of_failure(enum answer_phase phase);

/* "lookup", "connect", "tls", "send", "first_byte", "body", "denied", "token". */
const char *answer_phase_name(enum answer_phase phase);

#endif
