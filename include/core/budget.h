/* SPDX-License-Identifier: MIT */
/*
 * The one budget of payload bytes of the process: who holds how many, and what that means for the
 * others.
 *
 *     used   0 ............ 70 % ...... 80 % ...... 90 % ...... 100 % of max
 *     level     NORMAL        ATTENTION   ALERT       CRITICAL
 *               all goes      smaller     optional    sources stop, by priority of their
 *                             reads       work waits  pipelines: optional, standard, important
 *
 * A level is left downwards only 5 % of max below where it began, so that it does not flutter. A
 * part of the budget may be reserved for pipelines of PRIORITY_CRITICAL: all others end where it
 * begins.
 *
 * Every function may be called from any thread and takes no lock but where a level changes. A NULL
 * budget has no bound and counts nothing.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/settings.h"

struct budget;

/* Who holds the bytes. */
enum budget_account {
	BUDGET_READ,     /* rows as the database's client library gives them, events being built */
	BUDGET_QUEUE,    /* events in rings */
	BUDGET_BODY,     /* bodies of requests */
	BUDGET_ANSWER,   /* what receivers answer */
	BUDGET_LOG,      /* lines that wait to be written */
	BUDGET_CACHE,    /* what can be thrown away */
	BUDGET_BACKFILL, /* pages of rows that existed before */
	BUDGET_ARCHIVE,  /* batches on their way into a file */
	BUDGET_INGEST,   /* bodies of uploads */
	BUDGET_ACCOUNT_COUNT
};

enum budget_level {
	BUDGET_NORMAL,
	BUDGET_ATTENTION,
	BUDGET_ALERT,
	BUDGET_CRITICAL,
	BUDGET_LEVEL_COUNT
};

/* "read", "queue", ...; "normal", "attention", ...; "optional", ... Never NULL. */
const char *budget_account_name(enum budget_account a);
const char *budget_level_name(enum budget_level level);
const char *budget_priority_name(enum priority p);

struct budget_options {
	size_t max_bytes;     /* >= 1 */
	size_t reserve_bytes; /* of it, for critical pipelines only; < max_bytes */
};

/* Errors: ERR_NOMEM. */
enum err_code budget_new(const struct budget_options *o, struct budget **ret_b,
			 struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. Nobody watches it any more. */
void budget_free(struct budget *b);

/* Other bounds from now on; what is charged stays. */
void budget_configure(struct budget *b, const struct budget_options *o);

/* Charge bytes, if they fit below what is reserved: for what can wait or be refused. false: they do
 * not, and nothing is charged. */
bool budget_take(struct budget *b, enum budget_account a, size_t bytes) ATTR_MUST_CHECK;

/* The same for the pipelines of a priority: each has its own bound, optional the lowest; critical
 * ones have all of the budget. */
bool budget_take_for(struct budget *b, enum budget_account a, enum priority p,
		     size_t bytes) ATTR_MUST_CHECK;

/* Charge bytes whether they fit or not, unless the budget is passed already: for what has to go on
 * though nothing can be refused any more. So it is passed by one of these at most, however many ask
 * at the same time. false: somebody was first. */
bool budget_take_past(struct budget *b, enum budget_account a, size_t bytes) ATTR_MUST_CHECK;

/* Charge in any case: for what exists already. */
void budget_charge(struct budget *b, enum budget_account a, size_t bytes);

/* Give back what was taken or charged. */
void budget_release(struct budget *b, enum budget_account a, size_t bytes);

enum budget_level budget_level(const struct budget *b);

/* May a source read for a pipeline of this priority now? */
bool budget_allows(const struct budget *b, enum priority p);

/* Backfill, archive and other work that nobody waits for pauses while this is true: from ALERT on.
 */
bool budget_pauses(const struct budget *b);

/* Called after the level, or what sources are allowed, has changed, by the thread that caused it,
 * without a lock of the budget: must not block, and must not take a lock under which anybody calls
 * the budget. So it sets a flag and wakes somebody. Calls may come from several threads at once;
 * budget_level tells what is true by then. */
typedef void (*budget_notify_fn)(void *ctx);

struct budget_watch {
	budget_notify_fn fn;
	void *ctx;
	struct budget_watch *next; /* the budget's own */
};

/* w is a loan until budget_unwatch, which waits until no call is under way and is not to be called
 * from one. */
void budget_watch(struct budget *b, struct budget_watch *w);
void budget_unwatch(struct budget *b, struct budget_watch *w);

struct budget_stats {
	size_t max_bytes;
	size_t reserve_bytes;
	size_t used_bytes;
	size_t peak_bytes; /* the highest since budget_new */
	enum budget_level level;
	/* how often each was reached from below; NORMAL: was returned to */
	int64_t reached[BUDGET_LEVEL_COUNT];
	struct {
		size_t used_bytes;
		int64_t refused; /* takes */
	} accounts[BUDGET_ACCOUNT_COUNT];
};

/* By value; the figures of one moment only where nobody works. NULL: all zero. */
struct budget_stats budget_stats(const struct budget *b);

#endif
