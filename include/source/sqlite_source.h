/* SPDX-License-Identifier: MIT */
/*
 * The SQLite outbox reader, inside: what its files share.
 *
 *     sqlite.c          open, close, the vtable
 *     sqlite_read.c     reading
 *     sqlite_ack.c      acknowledging
 *     sqlite_parked.c   events that wait for a later attempt, in a table of their own
 *     sqlite_wake.c     waiting for changes
 *     sqlite_purge.c    old dead letters
 *     sqlite_backfill.c rows that are there already
 *     sqlite_inspect.c  drift, status, stray rows, a file that went back in time
 */
#ifndef SOURCE_SQLITE_SOURCE_H
#define SOURCE_SQLITE_SOURCE_H

#include "core/position.h"
#include "source/batch.h"
#include "source/poll.h"
#include "source/source.h"
#include "source/sqlite_admin.h"

#define SQLITE_STRAYS_MAX 1000

enum sqlite_stmt_id {
	SQLITE_STMT_READ,   /* ?1 cursor */
	SQLITE_STMT_ONE,    /* ?1 id: the same columns */
	SQLITE_STMT_DELETE, /* ?1 id */
	SQLITE_STMT_BURY,   /* ?1 id, ?2 attempts, ?3 status, ?4 reason, ?5 pipeline */
	SQLITE_STMT_SEQUENCE,
	SQLITE_STMT_NUMBER,  /* ?1: id. There is a sequence */
	SQLITE_STMT_RAISE,   /* ?1: id. The sequence is there at least */
	SQLITE_STMT_FIGURES, /* ?1 pipeline */
	SQLITE_STMT_OLDEST,  /* ?1 how many */
	/* sqlite_parked.c has these: ?1 id, ?2 attempts, ?3 status, ?4 reason, ... */
	SQLITE_STMT_PARK,        /* ?5 step, ?6 due, ?7 to ?9 hashes */
	SQLITE_STMT_UNPARK,      /* ?1 */
	SQLITE_STMT_BURY_PARKED, /* ?5 pipeline */
	SQLITE_STMT_REPARK,      /* ?5 step, ?6 due */
	SQLITE_STMT_PARKED_COUNT,
	SQLITE_STMT_PARKED_LIST,
	/* sqlite_retain.c has these: ?1 id, ?2 pipeline */
	SQLITE_STMT_KEEP,
	SQLITE_STMT_KEEP_PARKED,
	SQLITE_STMT_COUNT
};

/* The row o becomes a dead letter: the name of the outbox belongs between the two, what o is behind
 * them. The same event again, as of copies that were replayed, is the letter that there is. Another
 * event with the id of a letter (the sequence went back, a table was restored) gets an id of its
 * own, above all that are there: both stay. */
#define SQLITE_BURY_BEFORE                                                                         \
	"INSERT OR IGNORE INTO main." SQLITE_DEAD_LETTER                                           \
	" (pipeline, id, operation, table_name, row_key, old_key, changed_at, truncated, data, "   \
	"old_data, attempts, last_status, last_error) SELECT ?5, CASE WHEN EXISTS (SELECT 1 FROM " \
	"main." SQLITE_DEAD_LETTER " AS l WHERE l.pipeline = ?5 AND l.id = ifnull(o.origin_id, "   \
	"o.id) AND (l.operation IS NOT o.operation OR l.table_name IS NOT o.table_name OR "        \
	"l.row_key IS NOT o.row_key OR l.old_key IS NOT o.old_key OR l.changed_at IS NOT "         \
	"o.changed_at OR l.truncated IS NOT o.truncated OR l.data IS NOT o.data OR l.old_data "    \
	"IS NOT o.old_data)) THEN 1 + max((SELECT max(l.id) FROM main." SQLITE_DEAD_LETTER         \
	" AS l WHERE l.pipeline = ?5), (SELECT ifnull(max(b.id), 0) FROM "
#define SQLITE_BURY_AFTER                                                                          \
	" AS b)) ELSE ifnull(o.origin_id, o.id) END, o.operation, o.table_name, o.row_key, "       \
	"o.old_key, o.changed_at, o.truncated, o.data, o.old_data, ?2, nullif(?3, 0), ?4 FROM "

/* One pipeline. */
struct sqlite_pipe {
	struct source_pipeline *pub;
	struct position *position;
	sqlite3_stmt *stmts[SQLITE_STMT_COUNT];
	bool has_parked; /* the table of parked events is there */
	int64_t *strays; /* ids below the cursor found by inspect, seen but not yet returned */
	size_t stray_count;
};

struct sqlite_wake {
	struct poll_plan poll;
	int hint_fd;  /* inotify; -1: none */
	int alarm_fd; /* epoll over the interrupt and the caller's descriptor */
	int directory_watch, file_watch, wal_watch, journal_watch;
	int64_t hinted_us; /* when a hint was last followed */
	int64_t forgot_us; /* when SQLite last gave back what it can of its cache, 2 MB at most */
};

struct sqlite_source {
	struct source base;
	struct source_env env;
	int interrupt_fd;
	int lock_fd;              /* -1: none */
	struct sqlite_conn *conn; /* NULL: closed */
	bool leader;              /* open has succeeded */
	struct sqlite_pipe *pipes;
	struct sqlite_wake wake;
	struct buf row[4]; /* key, old key, data, old data of the row at hand, as JSON */
	struct source_status status;
	int64_t epoch; /* counts the times that the file went back in time */
	/* of the last open; "": none yet */
	char seen_install[40];
	uint64_t seen_device, seen_inode;
	char identity[192];
};

static inline struct sqlite_source *sqlite_source_of(struct source *s)
{
	return (struct sqlite_source *)(void *)s;
}

static inline int64_t sqlite_source_now(const struct sqlite_source *s)
{
	return clock_now_us(s->env.clock);
}

/* Is the file the one that was opened, and nobody wants us to stop? Errors: ERR_UNAVAILABLE. */
enum err_code sqlite_source_check(struct sqlite_source *s, struct err *e) ATTR_MUST_CHECK;

/* ---- sqlite_read.c ---- */
enum err_code sqlite_read(struct source *base, uint32_t p, struct source_limit limit,
			  struct event **out, size_t *ret_count, bool *ret_more,
			  struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_reread(struct source *base, uint32_t p, struct source_limit limit,
			    int64_t *from, struct event **out, size_t *ret_count,
			    struct err *e) ATTR_MUST_CHECK;

/* The row at hand as fields; the texts are loans until the next row, or until they are forgotten.
 * Errors: ERR_NOMEM, ERR_DB (it makes no sense). */
enum err_code sqlite_read_row(struct sqlite_source *s, sqlite3_stmt *stmt, struct event_fields *f,
			      struct err *e) ATTR_MUST_CHECK;
/* What the largest row needed is given back. */
void sqlite_read_forget_row(struct sqlite_source *s);

/* ---- sqlite_ack.c ---- */
enum err_code sqlite_acknowledge(struct source *base, const struct ack *acks, size_t n,
				 struct err *e) ATTR_MUST_CHECK;

/* ---- sqlite_parked.c ---- */

/* ---- sqlite_retain.c ---- */

/* Prepare, if p retains, after sqlite_parked_open. Errors: ERR_NOT_FOUND: there is no table. */
enum err_code sqlite_retain_open(struct sqlite_source *s, struct sqlite_pipe *p,
				 struct err *e) ATTR_MUST_CHECK;
/* Copy the row of a to the delivered ones, if p retains. Within a transaction. */
enum err_code sqlite_retain_keep(struct sqlite_source *s, const struct sqlite_pipe *p,
				 const struct ack *a, struct err *e) ATTR_MUST_CHECK;
/* Begin the steps of sqlite_purge of delivered events: what looks, and what removes. */
void sqlite_retain_look_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t before_wall_us,
			    int64_t rows);
void sqlite_retain_purge_sql(struct buf *sql, const struct sqlite_pipe *p, int64_t before_wall_us,
			     int64_t rows);

/* Why nothing of p can be parked: ERR_NOT_FOUND. */
enum err_code sqlite_parked_refuse(const struct sqlite_pipe *p, struct err *e) ATTR_MUST_CHECK;
/* Look whether p has a table of parked events, and prepare. Errors: ERR_NOT_FOUND: it has none, and
 * may need it; as sqlite_conn_prepare. */
enum err_code sqlite_parked_open(struct sqlite_source *s, struct sqlite_pipe *p,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
				 struct source_limit limit, struct event **out, size_t *ret_count,
				 bool *ret_more, struct err *e) ATTR_MUST_CHECK;
/* How many p has; an upper bound when they are many. */
enum err_code sqlite_parked_count(struct sqlite_source *s, const struct sqlite_pipe *p,
				  int64_t *ret_rows, struct err *e) ATTR_MUST_CHECK;

/* ---- sqlite_wake.c ---- */
/* Watch the files. What cannot be watched is polled. */
void sqlite_wake_open(struct sqlite_source *s);
void sqlite_wake_close(struct sqlite_source *s);
enum err_code sqlite_wait(struct source *base, bool idle, int wake_fd, int64_t deadline_us,
			  int *ret_woken, struct err *e) ATTR_MUST_CHECK;

/* ---- sqlite_purge.c ---- */
enum err_code sqlite_purge(struct source *base, uint32_t p, struct source_sweep *sweep,
			   struct err *e) ATTR_MUST_CHECK;

/* ---- sqlite_inspect.c ---- */
/* New install ids: the numbers of the outbox were given out before. Errors: as sqlite_conn_exec. */
enum err_code sqlite_source_renew(struct sqlite_source *s, struct err *e) ATTR_MUST_CHECK;
enum err_code sqlite_inspect(struct source *base, struct source_status *ret_status,
			     struct err *e) ATTR_MUST_CHECK;

#endif
