/* SPDX-License-Identifier: MIT */
/*
 * The PostgreSQL outbox reader, inside: what its files share.
 *
 *     postgres.c    open, close, the vtable
 *     pg_statements.c  every statement
 *     pg_read.c     reading: above the cursor, and the gaps below it
 *                   pg_read_call.c has its statements
 *     pg_events.c   result rows into events
 *     pg_owners.c   when gaps may have been filled, when they close
 *     pg_wake.c     waiting for changes
 *     pg_ack.c      acknowledging
 *     pg_parked.c   events that wait for a later attempt, in a table of their own
 *     pg_retain.c   delivered events that are kept
 *     pg_inspect.c  drift, status, stray rows
 */
#ifndef SOURCE_PG_SOURCE_H
#define SOURCE_PG_SOURCE_H

#include "base/buf.h"
#include "core/position.h"
#include "source/batch.h"
#include "source/pg_conn.h"
#include "source/pg_owners.h"
#include "source/pg_webhook.h"
#include "source/poll.h"
#include "source/source.h"

#define PG_VERSION 1 /* of the schema, install.version */
#define PG_STRAYS_MAX 1000

enum pg_stmt {
	PG_STMT_READ,
	PG_STMT_READ_GAPS,
	PG_STMT_READ_BY_TIME,
	PG_STMT_OWNERS,
	PG_STMT_DELETE,
	PG_STMT_BURY,
	PG_STMT_LOCK,
	PG_STMT_UNLOCK,
	PG_STMT_TABLES,
	PG_STMT_OUTBOX,
	PG_STMT_BACKLOG,
	PG_STMT_OLDEST,
	PG_STMT_PARK, /* this and those behind it: only where there is the table `parked` */
	PG_STMT_UNPARK,
	PG_STMT_BURY_PARKED,
	PG_STMT_REPARK,
	PG_STMT_PARKED_LIST,
	PG_STMT_PARKED_ROWS,
	PG_STMT_PARKED_BY_ROW, /* in the order of enum parked_by */
	PG_STMT_PARKED_BY_TABLE,
	PG_STMT_PARKED_ALL,
	PG_STMT_PARKED_DUE,
	PG_STMT_KEEP,        /* with has_delivered */
	PG_STMT_KEEP_PARKED, /* with both */
	PG_STMT_COUNT
};

/* One pipeline. */
struct pg_pipe {
	struct source_pipeline *pub;
	struct position *position;
	struct pg_owners owners;
	int64_t looked_us;   /* when; 0: never */
	int64_t cache;       /* of the sequence, as last seen */
	bool by_time;        /* CACHE was not 1: ids are in no order, times are */
	int64_t cached_upto; /* ids up to it were given out under another CACHE */
	bool is_backlog;     /* rows up to cached_upto may be left from then: by time, and first */
	bool is_empty;       /* the last read found nothing */
	int64_t *strays;     /* ids below the cursor found by inspect, seen but not yet returned */
	size_t stray_count;
};

struct pg_wake {
	bool asleep;           /* we hold PG_LOCK_WAKE: writers notify */
	bool release;          /* give it back before the next read */
	struct poll_plan poll; /* due_us 0: a read was just made */
	int64_t busy_us;       /* since when writers keep us awake; 0: they do not */
	int64_t rows_us;       /* when rows were found last */
};

struct pg_source {
	struct source base;
	struct source_env env;
	int interrupt_fd;
	struct pg_conn *conn; /* NULL: closed */
	bool leader;          /* open has succeeded */
	bool pooled;
	bool notify;
	bool has_parked;    /* the table is there, and ours to use */
	bool has_delivered; /* the same, and a pipeline retains */
	struct pg_pipe *pipes;
	struct pg_wake wake;
	struct buf params[4]; /* binary array parameters, reused */
	struct source_status status;
	char identity[128];
};

static inline struct pg_source *pg_source_of(struct source *s)
{
	return (struct pg_source *)(void *)s;
}

static inline int64_t pg_source_now(const struct pg_source *s)
{
	return clock_now_us(s->env.clock);
}

/* Prepare them all. Errors: as pg_conn_prepare. */
enum err_code pg_statements_prepare(struct pg_source *s, struct err *e) ATTR_MUST_CHECK;

/* One of the table's statements as a call; parameters are added by the caller. */
struct pg_call pg_source_call(const struct pg_source *s, enum pg_stmt stmt);

/* Run one call. *ret_res (may be NULL) is the caller's. Errors: as pg_conn_query. */
enum err_code pg_source_run(struct pg_source *s, const struct pg_call *call, PGresult **ret_res,
			    struct err *e) ATTR_MUST_CHECK;

/* The unqualified name of the pipeline's sequence. */
void pg_source_sequence(const struct pg_pipe *p, char *out, size_t size);

/* Is p still the installation that was opened? Errors: ERR_UNAVAILABLE when it is another, whose
 * ids begin anew. */
enum err_code pg_source_check_install(struct pg_source *s, const struct pg_pipe *p,
				      struct err *e) ATTR_MUST_CHECK;

/* ---- pg_read.c ---- */
enum err_code pg_read(struct source *base, uint32_t p, struct source_limit limit,
		      struct event **out, size_t *ret_count, bool *ret_more,
		      struct err *e) ATTR_MUST_CHECK;

enum err_code pg_reread(struct source *base, uint32_t p, struct source_limit limit, int64_t *from,
			struct event **out, size_t *ret_count, struct err *e) ATTR_MUST_CHECK;

/* ---- pg_events.c: a batch on its way out ---- */

/* The columns of the reading statements. */
enum pg_column {
	PG_COL_ID,
	PG_COL_OPERATION,
	PG_COL_SCHEMA,
	PG_COL_TABLE,
	PG_COL_CHANGED_AT,
	PG_COL_TRUNCATED,
	PG_COL_FITS,
	PG_COL_KEY,
	PG_COL_OLD_KEY,
	PG_COL_DATA,
	PG_COL_OLD_DATA,
	PG_COL_ORIGIN,
	PG_COL_CACHE, /* the sequence's; NULL: it is gone */
	/* or, of a parked row, */
	PG_COL_SEQ = PG_COL_CACHE,
	PG_COL_DUE,
	PG_COL_STEP,
	PG_COL_ATTEMPTS,
};

/* Append the rows of res (columns of PG_STMT_READ) until one does not fit. Errors: ERR_NOMEM,
 * ERR_DB (a row that makes no sense); what was appended until then stays. */
enum err_code pg_batch_add(struct batch *b, const PGresult *res, struct err *e) ATTR_MUST_CHECK;

/* ---- pg_ack.c ---- */
enum err_code pg_acknowledge(struct source *base, const struct ack *acks, size_t n,
			     struct err *e) ATTR_MUST_CHECK;

/* ---- pg_parked.c ---- */

/* Why nothing can be parked: ERR_DENIED for want of rights, else the table is missing. */
enum err_code pg_parked_refuse(enum err_code code, struct err *e) ATTR_MUST_CHECK;
/* Is there a table of parked events for us? Errors: ERR_NOT_FOUND, ERR_DENIED: there is none, and a
 * pipeline may need it. */
enum err_code pg_parked_open(struct pg_source *s, struct err *e) ATTR_MUST_CHECK;
enum err_code pg_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			     struct err *e) ATTR_MUST_CHECK;
enum err_code pg_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			     struct source_limit limit, struct event **out, size_t *ret_count,
			     bool *ret_more, struct err *e) ATTR_MUST_CHECK;
/* How many there are, all pipelines; an estimate when they are many. */
enum err_code pg_parked_count(struct pg_source *s, int64_t *ret_rows,
			      struct err *e) ATTR_MUST_CHECK;

/* ---- pg_retain.c ---- */

/* Does a pipeline retain, and is there a table for it? Errors: ERR_NOT_FOUND, ERR_DENIED. */
enum err_code pg_retain_open(struct pg_source *s, struct err *e) ATTR_MUST_CHECK;
/* What becomes of delivered rows of pipeline p: stmt, which deletes them, or one that keeps them.
 */
enum pg_stmt pg_retain_stmt(const struct pg_source *s, uint32_t p, enum pg_stmt stmt);
/* The DELETE of a step of the sweep. Columns: more than 0 when there may be more; how many. */
extern const char pg_retain_purge_sql[];

/* ---- pg_wake.c ---- */
/* Listen, if the source is to be woken. */
enum err_code pg_wake_open(struct pg_source *s, struct err *e) ATTR_MUST_CHECK;
/* Before and after every read; any: rows were found. */
enum err_code pg_wake_before_read(struct pg_source *s, struct err *e) ATTR_MUST_CHECK;
void pg_wake_after_read(struct pg_source *s, bool any);
enum err_code pg_wait(struct source *base, bool idle, int wake_fd, int64_t deadline_us,
		      int *ret_woken, struct err *e) ATTR_MUST_CHECK;

/* ---- pg_inspect.c ---- */
enum err_code pg_inspect(struct source *base, struct source_status *ret_status,
			 struct err *e) ATTR_MUST_CHECK;
/* Note the sequence's CACHE as just seen; switches ordering by time on and off. */
void pg_inspect_cache(struct pg_pipe *p, int64_t cache);

/* ---- pg_purge.c ---- */

enum err_code pg_purge(struct source *base, uint32_t p, struct source_sweep *sweep,
		       struct err *e) ATTR_MUST_CHECK;

#endif
