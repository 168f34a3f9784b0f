/* SPDX-License-Identifier: MIT */
/*
 * The receiver's middle: one epoll loop over a listening socket and its connections, what they
 * share, and the answers to /_stats and /_control.
 */
#ifndef SUPPORT_STATION_H
#define SUPPORT_STATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/random.h"
#include "base/text.h"
#include "behaviour.h"
#include "consent.h"
#include "journal.h"
#include "ledger.h"
#include "quota.h"
#include "timers.h"
#include "tokens.h"
#include "wire.h"

struct peer;

/* What an epoll event points to. */
struct watch {
	void (*ready)(struct watch *w, uint32_t events);
	int fd; /* -1: none */
};

#define STATION_SECONDS 60

struct station {
	struct watch listener;
	struct watch signals;
	int epoll;
	char host[64];
	int port;
	bool stop;
	int64_t now_us; /* of this turn of the loop */
	struct behaviour behaviour;
	struct quota quota;
	struct tokens tokens;
	struct consent consent;
	struct random random;
	struct ledger *ledger;
	struct journal journal;
	struct timers timers;
	struct timer flush; /* of the journal */
	struct timer down;  /* go down */
	struct timer up;    /* listen again */
	int64_t down_us;    /* how long */
	struct peer *peers; /* list of all */
	struct peer *dead;  /* closed in this turn; freed at its end */

	int64_t started_us;
	int64_t requests;   /* complete requests, /_ paths not counted */
	int64_t events;     /* in those */
	int64_t max_events; /* in one */
	int64_t bytes;      /* of their bodies */
	int64_t connections;
	int64_t bad; /* not HTTP */
	int64_t in_flight;
	int64_t max_in_flight;
	int64_t unanswered; /* ended without a whole answer */
	int64_t by_status[1000];
	int64_t first_us; /* first and last request */
	int64_t last_us;
	int64_t second_at;                   /* second of the latest entry below */
	int64_t per_second[STATION_SECONDS]; /* requests, by second % STATION_SECONDS */
};

/* Listen at host:port (0: any; s->port tells). Everything else in s must be set up but zero.
 * Errors: ERR_IO, ERR_NOMEM. */
enum err_code station_open(struct station *s, const char *host, int port,
			   struct err *e) ATTR_MUST_CHECK;
void station_close(struct station *s);

/* Work until SIGTERM or SIGINT. */
void station_run(struct station *s);

/* Watch w->fd for events. Errors: ERR_IO. */
enum err_code station_watch(struct station *s, struct watch *w, uint32_t events,
			    struct err *e) ATTR_MUST_CHECK;

/* Count a complete request of so many bytes; it is in flight until station_settled. */
void station_begun(struct station *s, size_t bytes, size_t events);
/* ... which was answered with status, 0: not at all. */
void station_settled(struct station *s, int status);

/* What to do with a request. */
struct behaviour_answer station_behave(struct station *s, struct text head, struct text body,
				       struct behaviour_load load);

/* Whether it is for station_control: OPTIONS, or a path beginning with "/_". */
bool station_is_control(const struct wire_head *h);

/* Answer such a request, whose head is this: head lines and body of the answer. Returns the status.
 */
int station_control(struct station *s, const struct wire_head *h, struct text head,
		    struct buf *lines, struct buf *out);

void station_write_stats(struct station *s, struct buf *out);

#endif
