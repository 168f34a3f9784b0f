/* SPDX-License-Identifier: MIT */
/*
 * Whether a receiver has agreed to be sent to (webhook.validate): CloudEvents' "HTTP 1.1 Web Hooks
 * for Event Delivery" 1.0.1, section 4. It is asked by OPTIONS when there is something to send and
 * it was not asked since the start, since an operator enabled it, or in a day without a request.
 *
 *     WANTED ──asked──► ASKED ──permits──► ALLOWED ──a day of silence──► WANTED
 *       ▲                 │                   ▲
 *       │                 └──anything else──► REFUSED ──delay passed──► ASKED
 *       └──────────────────────────────── cancelled
 *
 * An answer permits when it is 2xx and its WebHook-Allowed-Origin names us or is "*": an answer by
 * itself is no consent, whatever its status, so 405 and 501, of receivers that do not know
 * OPTIONS, refuse like any other. Thread-safe.
 */
#ifndef SINK_HANDSHAKE_H
#define SINK_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum handshake_state { HANDSHAKE_WANTED, HANDSHAKE_ASKED, HANDSHAKE_ALLOWED, HANDSHAKE_REFUSED };

const char *handshake_state_name(enum handshake_state state); /* "wanted", "asked", ... */

struct handshake;

struct handshake_options {
	const char *origin;   /* a loan */
	int64_t min_delay_us; /* before it is asked again; doubles up to */
	int64_t max_delay_us;
	int64_t silence_us; /* without a request, after which it is asked again */
};

enum err_code handshake_new(const struct handshake_options *o, struct handshake **ret_h,
			    struct err *e) ATTR_MUST_CHECK;
void handshake_free(struct handshake *h);

/* May something be sent now? Counts as a request for the silence. */
bool handshake_admit(struct handshake *h, int64_t now_us);

/* Is it time to ask? If so it is ASKED, and the caller must ask and report, or cancel. */
bool handshake_begin(struct handshake *h, int64_t now_us);
/* Nobody was asked, or the answer will not be known. */
void handshake_cancel(struct handshake *h);

struct handshake_answer {
	int status;         /* 0: none */
	const char *origin; /* WebHook-Allowed-Origin; NULL: not once */
	const char *rate;   /* WebHook-Allowed-Rate; NULL: not once */
	int64_t pause_us;   /* that it asked for with Retry-After; 0: it did not */
	const char *reason; /* of a failure; "" */
};

/* Returns whether it permits. */
bool handshake_report(struct handshake *h, const struct handshake_answer *a, int64_t now_us);

/* Ask again: an operator has enabled the webhook. */
void handshake_forget(struct handshake *h);

/* When it may be asked again: INT64_MAX unless REFUSED. */
int64_t handshake_next_us(struct handshake *h);

struct handshake_stats {
	enum handshake_state state;
	int64_t next_us;      /* as handshake_next_us; 0: not known */
	int64_t allowed_rate; /* requests a minute; 0: not told, or as many as we like */
	int64_t asked_total;
	char reason[200]; /* of the refusal; "" */
};

struct handshake_stats handshake_stats(struct handshake *h);

#endif
