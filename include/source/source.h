/* SPDX-License-Identifier: MIT */
/*
 * The contract between the runner and a kind of source (PostgreSQL, MySQL/MariaDB, SQLite, fake).
 *
 * A source reads committed changes from the outbox of one database and takes acknowledgements
 * back. It owns one connection. All calls come from the runner's thread, except that
 * source_ops.interrupt may come from any thread. Nothing here logs: errors are returned with the
 * source's name left to the runner.
 *
 *     open ─► (standby: ERR_BUSY, call open again later)
 *       │
 *       ▼
 *     read ... acknowledge ... wait ...     until any of them fails with ERR_UNAVAILABLE
 *       │
 *       ▼
 *     close ─► open again, with backoff
 *
 * Order: within one pipeline, read hands out a row only after every row of the same key with a
 * lower id that was visible. Late commits are the source's matter (core/position.h).
 */
#ifndef SOURCE_SOURCE_H
#define SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "core/acks.h"
#include "core/event.h"
#include "core/parked.h"
#include "core/standing.h"
#include "source/backfill.h"

/* One pipeline as its source sees it. */
struct source_pipeline {
	const struct pipeline_settings *settings;
	uint32_t index;      /* position in the array given to source_ops.new; acks carry it */
	char install_id[40]; /* uuid, filled by open: the first part of event ids */
	int64_t outbox_rows; /* about how many wait, filled by inspect; -1: not known */
	bool parks;          /* its webhook has a retry_schedule: open fails where nothing can be
				parked */
};

struct source_env {
	const struct source_settings *settings;
	struct source_pipeline *pipelines; /* a loan for the source's life */
	size_t pipeline_count;
	const struct clock *clock;
};

/* Private to each kind: begins with this. */
struct source {
	const struct source_ops *ops;
};

/* What is not ERR_OK stops the listing, which returns it; without a message in its struct err. */
typedef enum err_code (*parked_list_fn)(void *ctx, const struct parked_group *g);

/* How much one read may return. */
struct source_limit {
	size_t events; /* >= 1 */
	size_t bytes;  /* sum of event_size, >= 1; one larger row is returned alone */
};

enum source_woken {
	SOURCE_WOKEN_CHANGE = 1, /* it is time to read: the database said so, or a poll is due */
	SOURCE_WOKEN_CALLER = 2, /* wake_fd was woken */
};

struct source_status {
	bool notify;            /* woken by the database, not by polling alone */
	bool pooled;            /* the connection runs through a pooler */
	int64_t connections;    /* open connections to the database: 0 or 1 */
	int64_t outbox_rows;    /* estimate of rows in the outbox, all pipelines; -1 unknown */
	int64_t dead_rows;      /* dead tuples of the outbox (PostgreSQL); -1 unknown */
	int64_t oldest_wall_us; /* changed_at of the oldest row; 0: none or unknown */
	int64_t dead_letters;   /* rows in dead_letter; -1 unknown */
	int64_t parked;         /* rows in parked, all pipelines; -1 unknown */
	int64_t gaps;           /* ids below the cursors not seen */
	int64_t late;           /* total of rows that committed late */
	char server[64];        /* "PostgreSQL 15.18" */
	char warning[768];      /* "" or the standing alarm: drift, CACHE, ... one line */
};

/* Before anything was asked. */
extern const struct source_status source_status_unknown;

/* One step of a walk over the dead letters of a pipeline, or over its delivered events that are
 * kept: those are removed oldest first, and after_id only tells whether there are more. */
struct source_sweep {
	int64_t older_than_us; /* those that died so long ago go */
	int64_t rows;          /* so many are looked at, at most */
	int64_t after_id;      /* behind this one; moved to the last one looked at, 0: at the end */
	int64_t purged;        /* by this step */
	bool delivered;        /* not dead letters */
};

struct source_ops {
	const char *type; /* "postgres" */

	/* Make a source, not connected. Errors: ERR_NOMEM, ERR_CONFIG. */
	enum err_code (*new)(const struct source_env *env, struct source **ret_s, struct err *e);
	/* Free; closes first. NULL is not allowed. */
	void (*free)(struct source *s);

	/* Connect, check the installation, become the one active reader. Blocks up to
	 * connect_timeout. ERR_OK also starts from the beginning of the outbox: the rows of `held`
	 * (still with workers) are known and not returned again.
	 * Errors: ERR_UNAVAILABLE, ERR_DENIED, ERR_BUSY (another daemon is active: a standby calls
	 * again), ERR_NOT_FOUND (nothing installed: the message says to run install), ERR_DB. */
	enum err_code (*open)(struct source *s, struct err *e);
	/* Close the connection, forget the cursor. Does nothing when closed. */
	void (*close)(struct source *s);

	/* After open: which server and which history of it the ids belong to. When it differs from
	 * the last open's, an id may mean another row: events of before must not be held, and their
	 * acks must not be given. "" when unknown. A loan until close. */
	const char *(*identity)(struct source *s);

	/* After open: these ids of pipeline p are still with workers or wait to be acknowledged. */
	enum err_code (*hold)(struct source *s, uint32_t p, const int64_t *ids, size_t n,
			      struct err *e);

	/* New rows of pipeline p, at most limit, rising within a key, as events the caller owns,
	 * into out (room for limit.events). *ret_more tells that another read would find rows at
	 * once. Blocks up to statement_timeout. Errors: ERR_UNAVAILABLE (connection lost), ERR_DB,
	 * ERR_NOMEM; nothing is returned then. No rows with *ret_more is possible: all that were
	 * looked at are held. */
	enum err_code (*read)(struct source *s, uint32_t p, struct source_limit limit,
			      struct event **out, size_t *ret_count, bool *ret_more, struct err *e);

	/* These ids of what was just read of pipeline p are not taken, and no row with an id below
	 * from is left so any more; INT64_MAX: none is. They are not returned by read again, but by
	 * reread. Their events are the caller's still. */
	void (*leave)(struct source *s, uint32_t p, const int64_t *ids, size_t n, int64_t from);

	/* Would leave and reread keep the order of rows now? */
	bool (*may_leave)(struct source *s, uint32_t p);

	/* As read, from the id *from (> 0) on: what was left, what is new, and first what came late
	 * below, in one view of the database. *from moves up: all rows below that are visible were
	 * returned or are outstanding; INT64_MAX: all there are. It moves, or rows are returned. */
	enum err_code (*reread)(struct source *s, uint32_t p, struct source_limit limit,
				int64_t *from, struct event **out, size_t *ret_count,
				struct err *e);

	/* Make acks durable, in order, all or none: what becomes of each row is said in
	 * core/acks.h. Of those parked, of whatever key, an earlier one gets a lower seq. An ack
	 * whose row is not there any more does nothing. Blocks up to statement_timeout.
	 * Errors: as read; the caller gives the same acks again after the next open. */
	enum err_code (*acknowledge)(struct source *s, const struct ack *acks, size_t n,
				     struct err *e);

	/* After open: what is parked of pipeline p, one call of fn for each (row_hash, table_hash,
	 * truncate) that occurs, in any order, streamed: there may be very many. fn does not call
	 * the source. Blocks up to statement_timeout. Errors: as read, and those of fn. */
	enum err_code (*parked_list)(struct source *s, uint32_t p, parked_list_fn fn, void *ctx,
				     struct err *e);

	/* Parked rows of pipeline p that sel picks, rising by seq, at most limit, as events the
	 * caller owns, into out (room for limit.events): with f.parked and its neighbours set, and
	 * with the id they had in the outbox. *ret_more: there is one more behind the last. What
	 * was acknowledged before is seen. One larger row is returned alone, as by read. Blocks up
	 * to statement_timeout. Errors: as read; nothing is returned then. */
	enum err_code (*parked_read)(struct source *s, uint32_t p, const struct parked_select *sel,
				     struct source_limit limit, struct event **out,
				     size_t *ret_count, bool *ret_more, struct err *e);

	/* Wait until the database has something new, wake_fd (an eventfd) is readable, or
	 * deadline_us. Only called when the last read of every pipeline told that there is no more,
	 * or when no ring has room (idle false): then only wake_fd and the deadline count.
	 * Returns a mask of enum source_woken in *ret_woken, 0 on the deadline.
	 * Errors: ERR_UNAVAILABLE (connection lost). */
	enum err_code (*wait)(struct source *s, bool idle, int wake_fd, int64_t deadline_us,
			      int *ret_woken, struct err *e);

	/* Once a minute and after open: look for drift (tables, triggers, sequence) and fill
	 * ret_status. Errors: ERR_UNAVAILABLE; any other becomes the standing alarm. */
	enum err_code (*inspect)(struct source *s, struct source_status *ret_status, struct err *e);

	/* After open: what the database knows of pipeline p's webhook, all zero: nothing; and to
	 * write that down, unless something later about the same webhook was written meanwhile.
	 * Errors: as read; ERR_NOT_FOUND: the installation is of before there was a place for it;
	 * ERR_TIMEOUT (saving): try again later. */
	enum err_code (*standing_load)(struct source *s, uint32_t p, struct standing *ret_s,
				       struct err *e);
	enum err_code (*standing_save)(struct source *s, uint32_t p,
				       const struct standing *standing, struct err *e);
	/* Remove dead letters of pipeline p, or delivered events, that are older, in one short
	 * transaction. Locks of others are not waited for but for a moment, and writers of captured
	 * tables never wait for it. Errors: ERR_UNAVAILABLE, ERR_NOMEM; after any other
	 * (ERR_TIMEOUT, ERR_BUSY: somebody has the rows) nothing is removed, and the sweep is as it
	 * was. */
	enum err_code (*purge)(struct source *s, uint32_t p, struct source_sweep *sweep,
			       struct err *e);

	/* Backfill (source/backfill.h). All three or, where a source cannot, none: NULL.
	 * backfill_is_local: rows of a page go through this process, which has to have the memory;
	 * else they never leave the server.
	 *
	 * After open: the oldest RUNNING job of each pipeline, into jobs (as many as there are
	 * pipelines); id 0: it has none. Errors: as read; ERR_NOT_FOUND, ERR_DENIED: the
	 * installation is of before there was a place for jobs. */
	bool backfill_is_local;
	enum err_code (*backfill_load)(struct source *s, struct backfill_progress *jobs,
				       struct err *e);
	/* One page of a job of pipeline p: one transaction, as source/backfill.h says. What it put
	 * into the outbox is found by the next read. Blocks up to statement_timeout. Errors:
	 * ERR_UNAVAILABLE, ERR_NOMEM; ERR_TIMEOUT, ERR_BUSY: somebody has the job, or the table as
	 * a whole: nothing was done, try again later; any other: it cannot go on (the table is
	 * gone, a right is missing, the filter fails): nothing was done, and the message tells the
	 * operator why. */
	enum err_code (*backfill_page)(struct source *s, uint32_t p,
				       const struct backfill_page *page,
				       struct backfill_result *ret, struct err *e);
	/* A job of pipeline p that is RUNNING becomes FAILED with this reason. Errors: as read;
	 * ERR_TIMEOUT, ERR_BUSY: try again later. */
	enum err_code (*backfill_fail)(struct source *s, uint32_t p, int64_t job, const char *why,
				       struct err *e);

	/* Make a call that blocks in another thread return soon: shutdown. */
	void (*interrupt)(struct source *s);
};

extern const struct source_ops source_postgres;
extern const struct source_ops source_mysql;
extern const struct source_ops source_sqlite;
extern const struct source_ops source_fake;

/* The ops of a type; NULL when this build has none. */
const struct source_ops *source_find(enum source_type type);

#endif
