/* SPDX-License-Identifier: MIT */
/*
 * One receiver: its policy, its breaker, how many requests are in flight to it, what came of them.
 * Shared by all workers; thread-safe.
 */
#ifndef SINK_WEBHOOK_H
#define SINK_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"
#include "core/standing.h"
#include "sink/auth.h"
#include "sink/batch_size.h"
#include "sink/breaker.h"
#include "sink/handshake.h"
#include "sink/pace.h"

struct webhook;

/* s is a loan for the webhook's life. */
enum err_code webhook_new(const struct webhook_settings *s, struct webhook **ret_w,
			  struct err *e) ATTR_MUST_CHECK;
void webhook_free(struct webhook *w);

const struct webhook_settings *webhook_settings(const struct webhook *w);
struct breaker *webhook_breaker(struct webhook *w);
/* NULL: it needs none. */
struct auth *webhook_auth(struct webhook *w);
struct network_trail *webhook_trail(struct webhook *w);
struct batch_size *webhook_batch_size(struct webhook *w);
struct standing_box *webhook_standing(struct webhook *w);
/* NULL: the webhook need not be validated. */
struct handshake *webhook_handshake(struct webhook *w);

/* Reserve up to want of what may be in flight (at most share of them by one worker) and, with a
 * rate limit, of what may be sent now; returns how many. Who asks a paced one must have something
 * to send. */
size_t webhook_admit(struct webhook *w, int64_t now_us, size_t want);
/* Give n reservations back, of requests that have ended. Returns whether somebody got none since
 * this last said so: then whoever gives back has to look for work once more, or that one's would
 * lie. */
bool webhook_leave(struct webhook *w, size_t n);
/* The same for requests that were never sent: they do not count for the rate limit. */
bool webhook_give_back(struct webhook *w, size_t n);
/* Of a request that was admitted but not sent, before its webhook_leave. */
void webhook_unsent(struct webhook *w);
/* Whether there is a rate limit. */
bool webhook_is_paced(const struct webhook *w);
/* The receiver agrees to so many requests a minute (sink/pace.h). Of a paced one; one that
 * validates always is. */
void webhook_allow(struct webhook *w, int64_t per_minute);
/* When it allows the next request; not later than the present when it does at once. */
int64_t webhook_next_us(struct webhook *w);
/* How many could be reserved at this moment: a hint for whom to wake. */
size_t webhook_room(const struct webhook *w);

/* What became of one attempt, for the counters. */
enum webhook_outcome {
	WEBHOOK_DELIVERED,
	WEBHOOK_RETRIED,
	WEBHOOK_HELD,
	WEBHOOK_REFUSED,
	WEBHOOK_EXHAUSTED,
	WEBHOOK_SPLIT,    /* several events, of which one is to blame: they go again in smaller
			     requests */
	WEBHOOK_OVERSIZED /* dead without an attempt: larger than max_body_bytes */
};

struct webhook_attempt {
	enum webhook_outcome outcome;
	size_t events; /* in the request */
	int status;    /* 0: no answer */
	enum answer_phase phase;
	int64_t elapsed_us;
	size_t bytes;       /* of the body as it was sent */
	size_t plain_bytes; /* before it was compressed; 0: it was not */
	size_t cut;         /* of its events, those with texts cut */
	size_t key_only;    /* ... and with the key alone */
	const char *reason; /* of a failure; a loan */
	int64_t sent_us;
};

/* Count a, and with concurrency: adaptive learn from it. Its reservation is given back after. */
void webhook_record(struct webhook *w, const struct webhook_attempt *a);

/* So many events are in the file that stands in place of a receiver. */
void webhook_note_written(struct webhook *w, size_t events);

/* Whether the breaker's state differs from that of the last call, so that exactly one caller tells
 * of each change. A probe under way counts as OPEN. Cheap. */
bool webhook_breaker_moved(struct webhook *w, enum breaker_state *ret_state);

/* Upper bounds of the latency histogram's buckets in microseconds; the last is INT64_MAX. */
#define WEBHOOK_LATENCY_BUCKETS 20
extern const int64_t webhook_latency_bound_us[WEBHOOK_LATENCY_BUCKETS];

struct webhook_stats {
	size_t in_flight;
	size_t max_in_flight;
	size_t concurrency_limit; /* now; max_in_flight when it is fixed */
	struct pace_stats pace;
	size_t signing_secrets;
	size_t column_rules;
	int64_t attempts;
	size_t batch_size;    /* most events that a request may hold at present */
	int64_t batches;      /* attempts with more than one event */
	int64_t batch_events; /* in those */
	int64_t delivered;    /* events */
	int64_t split;        /* attempts that will be repeated in smaller ones */
	int64_t retried;      /* attempts that will be repeated and counted */
	int64_t held;         /* attempts that failed in an outage: not counted */
	int64_t refused;      /* dead by the receiver's answer */
	int64_t exhausted;    /* dead because attempts were used up */
	int64_t oversized;    /* dead because they are larger than max_body_bytes */
	int64_t cut;          /* events with texts cut, in all attempts */
	int64_t key_only;     /* ... with the key alone */
	int64_t by_class[6];  /* answers 1xx..5xx at 1..5; 0: no answer */
	int64_t failures_by_phase[ANSWER_PHASE_COUNT];
	int64_t bytes_sent;                             /* bodies */
	int64_t bytes_plain;                            /* the same before compression */
	int64_t compressed;                             /* attempts with a compressed body */
	int64_t latency_count[WEBHOOK_LATENCY_BUCKETS]; /* request to answer */
	int64_t latency_sum_us;
	struct breaker_stats breaker;
	struct auth_stats auth;
	struct standing standing;
	bool validates; /* handshake means something */
	struct handshake_stats handshake;
	char last_error[200]; /* of the last failed attempt; "" after a success */
};

struct webhook_stats webhook_stats(struct webhook *w);

/* The q quantile (0..1) of a histogram by linear interpolation inside its bucket, in microseconds;
 * 0 when it is empty. */
int64_t webhook_latency_quantile_us(const int64_t count[static WEBHOOK_LATENCY_BUCKETS], double q);

/* The URL fit for logs: without userinfo, query and fragment. out is terminated. */
void webhook_url_redact(const char *url, char *out, size_t size);

#endif
