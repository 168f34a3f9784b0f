/* SPDX-License-Identifier: MIT */
/*
 * Backfill: the rows of a captured table that are there already, as events of operation `read`.
 *
 * A job is a row of the table `backfill` beside the outbox. A command makes it, the runner of the
 * daemon does it, page by page, and whoever asks reads in it how far it is:
 *
 *     RUNNING ──► DONE
 *      │ ▲ └────► FAILED ──┐ last_error says why
 *      ▼ │                 │
 *     PAUSED ◄── an operator may go from any of these back to RUNNING, or to CANCELLED
 *
 * The walk is by the primary key, upwards. One page is one short transaction:
 *
 *     1. the job's row is locked; it goes on only when it is still RUNNING
 *     2. keys above the cursor, in order, at most `rows` of them, up to the largest key that there
 *        was when the job was made: an end that writers cannot push ahead of the walk
 *     3. their rows are locked so that no writer is in the middle of them, without ever waiting
 *        for one: a row that somebody has is left out, its key remembered as skipped
 *     4. each row goes into the outbox as a trigger would write an insert of it, but with operation
 *        `read`: same data, row_key, size guard; its id is drawn while the row is locked
 *     5. cursor, skipped keys and counters are written, commit
 *
 * So whatever changed the row before has a lower id, and whatever changes it later a higher one: a
 * read row is never older than an event before it, and order per key, retries, parking, dead
 * letters and replay are those of any event. A crash between any two statements loses the page
 * and its cursor together, or keeps both: no row is left out, none twice.
 *
 * Skipped keys are asked again by later pages. There are at most BACKFILL_SKIPPED_MAX: then the
 * cursor stays where it is until some of them could be read. A key that is gone, or whose row the
 * filters no longer mean, is done: who changed it was captured.
 */
#ifndef SOURCE_BACKFILL_H
#define SOURCE_BACKFILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "config/settings.h"

#define BACKFILL_SKIPPED_MAX 200
#define BACKFILL_FLUSH_DEFAULT 500
#define BACKFILL_FLUSH_MAX 10000
#define BACKFILL_PAGES_DEFAULT 2
#define BACKFILL_PAGES_MAX 64
#define BACKFILL_RATE_MAX 1000000
/* A page ends behind the row that makes its events so large: what a writer may have to wait. */
#define BACKFILL_PAGE_BYTES (1024LL * 1024)
/* "schema.table" with NUL; longer ones are cut. */
#define BACKFILL_LABEL_BYTES 132
/* Jobs that ended so long ago are removed when a new one is made. */
#define BACKFILL_KEEP_DAYS 30

enum backfill_state {
	BACKFILL_RUNNING,
	BACKFILL_PAUSED, /* by an operator */
	BACKFILL_DONE,
	BACKFILL_CANCELLED,
	BACKFILL_FAILED,
	BACKFILL_STATE_COUNT
};

/* "running", "paused", "done", "cancelled", "failed": as the table has them. Never NULL. */
const char *backfill_state_name(enum backfill_state state);
/* The state called name; false when there is none. */
bool backfill_state_parse(struct text name, enum backfill_state *ret_state);

/* May an operator bring a job from one state to another? CANCELLED and PAUSED: from RUNNING, PAUSED
 * (and CANCELLED from FAILED); RUNNING: from PAUSED, CANCELLED and FAILED. Errors: ERR_USAGE: the
 * message says why not. */
enum err_code backfill_state_allows(enum backfill_state from, enum backfill_state to,
				    struct err *e) ATTR_MUST_CHECK;

/* What the daemon and whoever looks know of a job: a plain value. */
struct backfill_progress {
	int64_t id; /* positive; 0: no job */
	char pipeline[41];
	char table[BACKFILL_LABEL_BYTES]; /* label, for people */
	enum backfill_state state;
	int64_t rate;                 /* rows a second; 0: no limit */
	int64_t flush_every;          /* rows a page, at most; >= 1 */
	int64_t max_concurrent_pages; /* pages whose rows may be undelivered at once; >= 1 */
	int64_t rows_done;            /* put into the outbox */
	int64_t rows_estimate;        /* in all, about; -1: unknown */
	int64_t skipped;              /* keys to be asked again */
	int64_t created_wall_us;
	int64_t updated_wall_us; /* of the last page, or of the end */
	char last_error[256];    /* of a FAILED one; "" otherwise */
};

/* What an operator wants; every text is a loan. */
struct backfill_request {
	const char *pipeline;       /* the name; never NULL */
	const char *table;          /* "table" or "schema.table", as in the configuration */
	const char *where;          /* SQL on the columns of the row; NULL: every row */
	struct string_list columns; /* count 0: those that the pipeline captures */
	int64_t rate;
	int64_t flush_every;
	int64_t max_concurrent_pages;
};

/* Are the numbers in their bounds? Errors: ERR_USAGE, naming the option. */
enum err_code backfill_request_check(const struct backfill_request *r,
				     struct err *e) ATTR_MUST_CHECK;

/* A job in a list; the texts are loans for the call. */
struct backfill_job {
	struct backfill_progress progress;
	struct text where;   /* TEXT_NONE: every row */
	struct text columns; /* JSON array; TEXT_NONE: those that the pipeline captures */
	struct text cursor;  /* JSON array: the last key that was looked at; TEXT_NONE: none yet */
};

/* Not ERR_OK: the list ends and returns it. */
typedef enum err_code (*backfill_job_fn)(void *ctx, const struct backfill_job *job, struct err *e);

/* One page, as the runner asks for it. */
struct backfill_page {
	int64_t job;
	int64_t rows;  /* >= 1: at most so many keys are looked at */
	int64_t bytes; /* >= 1: it ends behind the row that reaches this */
	bool again;    /* skipped keys are asked first; rows counts them too */
};

/* What it did. The state is that of the row afterwards: not RUNNING when an operator was quicker
 * (then nothing was read), or DONE: nothing is left, no key is skipped. */
struct backfill_result {
	struct backfill_progress progress;
	int64_t rows;  /* put into the outbox by this page */
	int64_t bytes; /* of them, as the outbox counts */
	bool at_end;   /* nothing above the cursor; skipped keys may be left */
};

/* The columns and the key of a table as JSON arrays of strings, which is how the table `backfill`
 * has them: ["id","name"]. A key's values are the texts that the database makes of them and takes
 * back. */
struct buf;
void backfill_list_write(struct buf *out, const struct string_list *l);
/* Errors: ERR_DATA: no array of strings; ERR_NOMEM. *ret is the caller's: string_list_done. */
enum err_code backfill_list_read(struct text json, struct string_list *ret,
				 struct err *e) ATTR_MUST_CHECK;

/* Fill e: ERR_CONFIG, "... not supported by this source yet". */
void backfill_unsupported(const char *type, struct err *e);

#endif
