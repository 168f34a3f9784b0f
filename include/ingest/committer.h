/* SPDX-License-Identifier: MIT */
/*
 * The thread that puts posted bodies into the store of one inlet. Bodies that wait together share a
 * commit, and with it its fsync; none is answered before.
 *
 *     push ──► queue ──► parse, inlet_add ... ──► nobody waits, or the group is large ──► commit
 *                 │                                                                         │
 *                 └── alone once more, when the store refused the group ◄── failed ─────────┘
 */
#ifndef INGEST_COMMITTER_H
#define INGEST_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "config/settings.h"
#include "core/budget.h"
#include "ingest/body.h"
#include "ingest/posted.h"
#include "ingest/recent.h"
#include "ingest/tally.h"
#include "source/inlet.h"

/* What source/inlet.h does; a test has its own. */
struct inlet_ops {
	enum err_code (*open)(const struct inlet_options *o, struct inlet **ret_in, struct err *e);
	void (*close)(struct inlet *in);
	enum err_code (*begin)(struct inlet *in, const struct inlet_request *r,
			       struct inlet_begun *ret_b, struct err *e);
	enum err_code (*add)(struct inlet *in, const struct inlet_event *ev, struct err *e);
	enum err_code (*cancel)(struct inlet *in, struct err *e);
	enum err_code (*commit)(struct inlet *in, struct err *e);
	void (*rollback)(struct inlet *in);
	const char *(*warning)(const struct inlet *in);
};

extern const struct inlet_ops inlet_ops_real;

/* A whole body on its way in. Embedded by its owner, who keeps it until done is called, once, from
 * the committer's thread or from committer_push or committer_stop. */
struct job {
	struct body *body;
	enum posted_format format;
	struct inlet_request request;
	void (*done)(struct job *j);

	/* the answer */
	struct refusal refusal; /* REFUSAL_NONE: it is durable */
	int64_t events;
	bool duplicate; /* an earlier request stored it */

	/* the committer's own */
	struct job *next;
	int64_t pushed_us;
	bool alone; /* in a transaction of its own */
};

struct committer_options {
	const struct settings *settings; /* a loan for the committer's life */
	size_t inlet;
	const struct inlet_ops *ops;
	const struct clock *clock;
	struct budget *budget; /* NULL: none */
	struct tally *tally;
	struct recent *recent;        /* NULL: none */
	void (*on_commit)(void *ctx); /* as that of struct inlet_options */
	void *on_commit_ctx;
};

struct committer;

/* Errors: ERR_NOMEM, ERR_IO. */
enum err_code committer_new(const struct committer_options *o, struct committer **ret_c,
			    struct err *e) ATTR_MUST_CHECK;
/* Not while it runs; NULL is fine. */
void committer_free(struct committer *c);

/* Errors: ERR_NOMEM, ERR_IO. */
enum err_code committer_start(struct committer *c, struct err *e) ATTR_MUST_CHECK;

/* Any thread. Never blocks. After committer_stop the job is refused. */
void committer_push(struct committer *c, struct job *j);

/* Finish what is queued until deadline_us, refuse the rest, end the thread. Does nothing when it
 * does not run. */
void committer_stop(struct committer *c, int64_t deadline_us);

#endif
