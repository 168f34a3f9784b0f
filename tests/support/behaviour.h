/* SPDX-License-Identifier: MIT */
/*
 * How the receiver answers: set by options and, while it runs, by GET /_control?NAME=VALUE&...
 *
 *   mode=ok             200 "ok"
 *   mode=status         status=N, with retry_after=TEXT and location=URL when given
 *   mode=hang           read the request, never answer
 *   mode=trickle        answer 200, one byte every trickle_ms (1000)
 *   mode=reset          read the request, then RST
 *   mode=close          close after the head and what came of the body with it; no answer
 *   mode=cut            answer 200, close in the middle of the answer's body
 *   mode=early          answer 200 as soon as the head is there, then read the body
 *   mode=endless        answer 200 with a body that does not end
 *   mode=endless-head   answer 200 with a head that does not end
 *   mode=flood          answer 100 Continue for ever
 *
 *   status=N            implies mode=status
 *   rate=P              the mode is for this share of the requests (default 1); the others get 200
 *   match=TEXT          ... and only for bodies that contain TEXT (not close and early: no body
 * yet) count=N             ... and only for the next N requests it would be for delay_ms=MS before
 * every answer poison=TEXT         bodies that contain TEXT get poison_status (500), whatever the
 * mode fail_first=N        the first N attempts of every id get fail_status (503), whatever the
 * mode
 *
 *   max_events=N        arrays of more than N events get 413 (0: never), whatever the mode
 *
 *   limit=N             more than N requests in any window_ms (60000) get 429, whatever the mode
 *   window_ms=MS
 *
 *   allow_origin=TEXT   how OPTIONS is answered, whatever the mode: consent.h
 *   allow_rate=TEXT
 *
 * Each call starts from the defaults, so that /_control?mode=ok makes all well again; with keep=1
 * it changes only what it names.
 */
#ifndef SUPPORT_BEHAVIOUR_H
#define SUPPORT_BEHAVIOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"

enum behaviour_mode {
	BEHAVIOUR_OK,
	BEHAVIOUR_STATUS,
	BEHAVIOUR_HANG,
	BEHAVIOUR_TRICKLE,
	BEHAVIOUR_RESET,
	BEHAVIOUR_CLOSE,
	BEHAVIOUR_CUT,
	BEHAVIOUR_EARLY,
	BEHAVIOUR_ENDLESS,
	BEHAVIOUR_ENDLESS_HEAD,
	BEHAVIOUR_FLOOD,
	BEHAVIOUR_MODE_COUNT
};

struct behaviour {
	enum behaviour_mode mode;
	int64_t status;
	int64_t delay_ms;
	int64_t trickle_ms;
	int64_t count; /* -1: no limit */
	int64_t poison_status;
	int64_t fail_first;
	int64_t fail_status;
	int64_t max_events;
	int64_t limit;
	int64_t window_ms;
	double rate;
	char match[256];
	char poison[256];
	char retry_after[64];
	char location[256];
	char allow_origin[128];
	char allow_rate[32];
};

void behaviour_init(struct behaviour *b);

/* Set b from a query string. b is unchanged on ERR_USAGE: a name or value that is none. */
enum err_code behaviour_set(struct behaviour *b, struct text query, struct err *e) ATTR_MUST_CHECK;

/* What a request brings. */
struct behaviour_load {
	int attempt; /* of its first event */
	size_t events;
};

/* What to do with one request. */
struct behaviour_answer {
	enum behaviour_mode mode;
	int status;
};

/* With the head only: CLOSE, EARLY, or OK to read on. Counts down b->count. */
enum behaviour_mode behaviour_at_head(struct behaviour *b, struct random *r);

/* With the whole body, which brings what: attempts are those of its first event. Counts down
 * b->count. */
struct behaviour_answer behaviour_at_body(struct behaviour *b, struct random *r, struct text body,
					  struct behaviour_load what);

void behaviour_write(const struct behaviour *b, struct json *j);

#endif
