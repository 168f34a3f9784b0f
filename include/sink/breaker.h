/* SPDX-License-Identifier: MIT */
/*
 * The circuit breaker of one webhook: tells an outage of the receiver from a bad event.
 *
 *           failures in a row reach the limit, or an event used
 *           up its attempts and nothing sent meanwhile got through
 *     CLOSED ───────────────────────────────────────────────► OPEN ◄──┐
 *        ▲                                          delay passed │    │ probe failed: delay
 *        │                                                       ▼    │ doubles up to the maximum
 *        └──────────────── probe answered ────────────────── HALF_OPEN┘
 *
 *     any ──410, breaker_disable──► DISABLED ──breaker_enable──► CLOSED
 *
 * In every state nothing is sent before the time until which the receiver has asked to be left
 * alone. While it is not CLOSED nothing is sent but one probe at a time, events stay queued, and no
 * failure counts as an attempt of an event. Thread-safe.
 */
#ifndef SINK_BREAKER_H
#define SINK_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sink/answer.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_DISABLED };

const char *breaker_state_name(enum breaker_state state); /* "closed", "open", ... */

struct breaker;

struct breaker_options {
	int failures;         /* in a row, that open it; >= 1 */
	int64_t min_delay_us; /* before the first probe */
	int64_t max_delay_us;
};

enum err_code breaker_new(const struct breaker_options *o, struct breaker **ret_b,
			  struct err *e) ATTR_MUST_CHECK;
void breaker_free(struct breaker *b);

/* How many of want requests may start now: 0 during a pause; want when CLOSED; one, with *ret_probe
 * true, when a probe is due (it is then HALF_OPEN, and the caller must report that request's result
 * as the probe's or breaker_cancel); else 0. */
size_t breaker_admit(struct breaker *b, int64_t now_us, size_t want, bool *ret_probe);

/* The probe that was admitted never got sent, or its result will not be known: another may go. */
void breaker_cancel(struct breaker *b, int64_t now_us);

/* What one result means for the event. */
enum breaker_ruling {
	BREAKER_COUNT, /* a failure of this event: it counts as an attempt */
	BREAKER_HOLD   /* the receiver's outage: the event waits, nothing is counted */
};

/* One finished request. */
struct breaker_result {
	struct answer answer;
	int64_t now_us;
	int64_t sent_us;   /* when the request was started */
	int64_t failed_us; /* when this event's attempt before failed; 0: never */
	bool last_attempt; /* the event would be dead if this failure, and those held, counted */
	bool probe;        /* admitted as the probe; others may still come in from before */
	int64_t pause_us;  /* for how long the receiver asked to be left alone; 0: it did not */
};

/* Report a finished request. Any definite answer (2xx or a refusal) is a sign of life and closes
 * the breaker, unless it is DISABLED. A failure while it is not CLOSED is held. So is one that
 * blames the receiver when nothing sent since the event's failure before was delivered: it says the
 * same again; when it is the last attempt, it opens the breaker. What was sent before and answered
 * since is no proof: a receiver that is being stopped still answers some. The probe's failure
 * doubles the delay; a straggler's does not. */
enum breaker_ruling breaker_report(struct breaker *b,
				   const struct breaker_result *r) ATTR_MUST_CHECK;

/* Forget an outage, a 410 or a pause: the operator says that the receiver is back. */
void breaker_enable(struct breaker *b, int64_t now_us);
/* As a 410 does. */
void breaker_disable(struct breaker *b, int64_t now_us);

/* When the next request may go that may not go now: a probe when OPEN, any at the end of a pause
 * when CLOSED. INT64_MAX: they may go now, or nobody knows when. */
int64_t breaker_next_probe_us(struct breaker *b);

struct breaker_stats {
	enum breaker_state state;
	int64_t since_us; /* of the present state; 0: it never had another */
	int64_t opened_total;
	int64_t failures_in_row;
	int64_t last_success_us; /* 0: never */
	int64_t next_us;         /* as breaker_next_probe_us; 0: not known */
	int64_t paused_until_us; /* 0: no pause, or it is over */
};

struct breaker_stats breaker_stats(struct breaker *b);

#endif
