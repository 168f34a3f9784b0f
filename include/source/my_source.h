/* SPDX-License-Identifier: MIT */
/*
 * The MySQL/MariaDB outbox reader, inside: what its files share.
 *
 *     mysql.c       open, close, waiting, the vtable
 *     my_read.c     which rows are new, and their texts
 *     my_events.c   result rows into events
 *     my_ack.c      acknowledging
 *     my_parked.c   events that wait for a later attempt, in a table of their own
 *     my_owners.c   when gaps close
 *     my_backfill.c rows that are there already
 *     my_audit.c    an operator's own audit table in place of the outbox
 *     my_inspect.c  drift, status, stray rows
 */
#ifndef SOURCE_MY_SOURCE_H
#define SOURCE_MY_SOURCE_H

#include "base/buf.h"
#include "core/position.h"
#include "source/batch.h"
#include "source/my_audit.h"
#include "source/my_conn.h"
#include "source/my_owners.h"
#include "source/my_schema.h"
#include "source/poll.h"
#include "source/source.h"

#define MY_SQL_MAX_BYTES (64UL << 20)
#define MY_STRAYS_MAX 500
/* ids in one statement: well below the smallest max_allowed_packet in use */
#define MY_IDS_MAX 2000

/* One pipeline. */
struct my_pipe {
	struct source_pipeline *pub;
	struct position *position;
	struct my_owners owners;
	struct buf relation; /* quoted name of the outbox or the audit table */
	struct buf from;     /* the same with the index to read by */
	struct buf parked;   /* quoted name of the table of parked events */
	bool has_parked;     /* it is there, and ours to use */
	bool retains;        /* delivered events of it are kept */
	const char *bytes;   /* SQL: the size of a row's texts */
	const char *filter;  /* SQL: " AND ..." of what is to be read; "" for all */
	int64_t held_upto;   /* rows up to this id may be held, also above the cursor */
	int64_t *strays;     /* ids below the cursor found by inspect, not seen */
	size_t stray_count;
	struct my_audit *audit; /* NULL: the outbox */
	char audit_schema[MY_NAME_BYTES + 1];
	char audit_table[MY_NAME_BYTES + 1];
};

struct my_source {
	struct source base;
	struct source_env env;
	int interrupt_fd;
	struct my_conn *conn; /* NULL: closed */
	bool leader;          /* open has succeeded */
	struct my_pipe *pipes;
	struct poll_plan poll;
	struct my_look look;
	struct buf sql;    /* of one statement, reused */
	int64_t started_s; /* when the server started, Unix time; 0: not known yet */
	struct source_status status;
	char identity[256];
	struct my_job *job; /* the backfill that is under way; NULL: none */
	bool never_skips;   /* tests: as before MariaDB 10.6 */
};

static inline struct my_source *my_source_of(struct source *s)
{
	return (struct my_source *)(void *)s;
}

static inline int64_t my_source_now(const struct my_source *s)
{
	return clock_now_us(s->env.clock);
}

/* Is p still the installation that was opened? Errors: ERR_UNAVAILABLE when it is another, whose
 * ids begin anew. */
enum err_code my_source_check_install(struct my_source *s, const struct my_pipe *p,
				      struct err *e) ATTR_MUST_CHECK;

/* ---- my_read.c ---- */

enum err_code my_read(struct source *base, uint32_t p, struct source_limit limit,
		      struct event **out, size_t *ret_count, bool *ret_more,
		      struct err *e) ATTR_MUST_CHECK;

enum err_code my_reread(struct source *base, uint32_t p, struct source_limit limit, int64_t *from,
			struct event **out, size_t *ret_count, struct err *e) ATTR_MUST_CHECK;

/* ---- my_events.c ---- */

/* Append "id, operation, ..." as my_events_add wants them. */
void my_events_columns(struct buf *sql);

/* Append the rows of r to b until one does not fit; those whose id is none of ids (rising) are
 * left out. Errors: ERR_NOMEM; ERR_DB (a row that makes no sense); what was appended until then
 * stays. */
enum err_code my_events_add(struct batch *b, struct my_result *r, const int64_t *ids, size_t n,
			    struct err *e) ATTR_MUST_CHECK;

/* Append the rows of r, all of them: those columns and seq, due, step, attempts of a parked row.
 * Errors: likewise. */
enum err_code my_events_add_parked(struct batch *b, struct my_result *r,
				   struct err *e) ATTR_MUST_CHECK;

/* Is t one JSON value? */
bool my_events_is_json(struct text t);

/* ---- my_ack.c ---- */

enum err_code my_acknowledge(struct source *base, const struct ack *acks, size_t n,
			     struct err *e) ATTR_MUST_CHECK;

/* Append "id IN (...)". */
void my_ack_ids(struct buf *sql, const char *column, const int64_t *ids, size_t n);

/* Append " FROM (SELECT ... UNION ALL ...) AS a": a row for each ack, in their order. parking: with
 * what a parked row has besides. */
void my_ack_rows(struct buf *sql, const struct ack *const *acks, size_t n, bool parking);

/* ---- my_bury.c ---- */

#define MY_MOVED_MAX 200 /* in one statement */

/* Copy the rows of n acks, at most MY_MOVED_MAX, out of the outbox or what is parked, into the dead
 * letters. Within a transaction. */
enum err_code my_bury(struct my_source *s, const struct my_pipe *p, bool from_parked,
		      const struct ack *const *acks, size_t n, struct err *e) ATTR_MUST_CHECK;

/* ---- my_parked.c ---- */

/* Append a DATETIME; 0 is NULL. */
void my_parked_due(struct buf *sql, int64_t due_wall_us);

/* ---- my_retain.c ---- */

/* Look which pipelines retain. Errors: ERR_NOT_FOUND: one does, and there is no table for it. */
enum err_code my_retain_open(struct my_source *s, struct err *e) ATTR_MUST_CHECK;
/* Copy those of n rows that are in the table, the parked one or the outbox, to the delivered ones,
 * if p retains. Within a transaction. */
enum err_code my_retain_keep(struct my_source *s, const struct my_pipe *p, bool from_parked,
			     const int64_t *ids, size_t n, struct err *e) ATTR_MUST_CHECK;
/* As my_purge, of delivered events. */
enum err_code my_retain_purge(struct my_source *s, const struct my_pipe *p,
			      struct source_sweep *sweep, struct err *e) ATTR_MUST_CHECK;

/* Why nothing of p can be parked: ERR_NOT_FOUND, ERR_DB. */
enum err_code my_parked_refuse(const struct my_pipe *p, struct err *e) ATTR_MUST_CHECK;
/* Look which pipelines have a table of parked events. Errors: ERR_NOT_FOUND: one that may need it
 * has none; as my_conn_exec. */
enum err_code my_parked_open(struct my_source *s, struct err *e) ATTR_MUST_CHECK;
enum err_code my_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			     struct err *e) ATTR_MUST_CHECK;
enum err_code my_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			     struct source_limit limit, struct event **out, size_t *ret_count,
			     bool *ret_more, struct err *e) ATTR_MUST_CHECK;
/* How many p has; an upper bound when they are many. */
enum err_code my_parked_count(struct my_source *s, const struct my_pipe *p, int64_t *ret_rows,
			      struct err *e) ATTR_MUST_CHECK;

/* ---- my_backfill.c ---- */

/* Forget what is known of a backfill; NULL is fine. */
void my_job_free(struct my_job *j);

/* ---- my_purge.c ---- */

enum err_code my_purge(struct source *base, uint32_t p, struct source_sweep *sweep,
		       struct err *e) ATTR_MUST_CHECK;

/* ---- my_inspect.c ---- */

enum err_code my_inspect(struct source *base, struct source_status *ret_status,
			 struct err *e) ATTR_MUST_CHECK;

#endif
