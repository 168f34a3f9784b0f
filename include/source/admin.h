/* SPDX-License-Identifier: MIT */
/*
 * What operators do to a database outside of the daemon's loop: install, uninstall, check, status,
 * dead letters. One connection per call, opened and closed here. Commands print nothing: they call
 * back with lines.
 */
#ifndef SOURCE_ADMIN_H
#define SOURCE_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "config/settings.h"
#include "core/standing.h"
#include "source/backfill.h"

/* One finding of check or one step of install. */
enum finding_level { FINDING_OK, FINDING_WARN, FINDING_FAIL };

struct finding {
	enum finding_level level;
	const char *subject; /* "public.users", "connection", ... */
	const char *message; /* one line */
	const char *hint;    /* what to do about it; NULL: nothing */
};

typedef void (*finding_fn)(void *ctx, const struct finding *f);
/* A piece of SQL, as it would be run. */
typedef void (*sql_fn)(void *ctx, struct text sql);

struct install_options {
	const char *user;        /* NULL: as in the settings */
	const char *password;    /* NULL: as in the settings, or libpq's own sources */
	bool print_only;         /* hand the SQL to on_sql and change nothing */
	int64_t lock_timeout_us; /* per attempt, for the locks on captured tables */
	int64_t give_up_us;      /* tries again until then */
	bool list_tables;        /* check: tell the columns that triggers name (mysql) */
	bool keep_data;          /* uninstall: refuse when undelivered events would be lost */
	finding_fn on_finding;
	sql_fn on_sql;
	void *ctx;
};

struct dead_letter {
	int64_t id;           /* the event's first one, however often it was replayed */
	struct text event_id; /* "<install_id>-<id>" */
	struct text pipeline;
	struct text operation;
	struct text schema; /* TEXT_NONE: the database has none */
	struct text table;
	struct text key;
	struct text old_key;
	struct text changed_at;
	struct text died_at;
	int64_t attempts;
	int64_t last_status; /* 0: no answer */
	struct text last_error;
	bool truncated;
	bool superseded;      /* only told when the filter asks */
	struct text data;     /* TEXT_NONE in a list */
	struct text old_data; /* likewise */
};

/* Not ERR_OK: the list ends and returns it. */
typedef enum err_code (*dead_letter_fn)(void *ctx, const struct dead_letter *d, struct err *e);

struct letter_key; /* source/letter_key.h */

/* Which dead letters; every set field narrows. */
struct dead_letter_filter {
	const char *pipeline;  /* NULL: all */
	const char *table;     /* "schema.table" or "table"; NULL: all */
	int64_t id;            /* 0: all */
	const char *event_id;  /* the whole event id, on top of id; NULL: any */
	int64_t limit;         /* 0: no limit */
	int64_t older_than_us; /* died at least this long ago, by the database's clock; 0: any */
	int64_t since_wall_us; /* died then or later; 0: any */
	int64_t until_wall_us; /* died before; 0: any */
	bool delivered;        /* not dead letters, but delivered events that are kept */
	bool waiting;          /* nor those, but what is in the outbox: only to be listed, and died
				* means changed; parked events are not among them */
	bool by_status;        /* last_status is one of these; 0: no answer */
	int status_min, status_max;
	bool by_operation; /* one of these */
	bool operations[OP_COUNT];
	const char *error;            /* last_error has this in it, whatever the case; NULL: any */
	const struct letter_key *key; /* the key, or the key before the change; NULL: any */
	/* Leave out those of whose row a newer change is in the outbox, parked or among the dead
	 * letters, or whose table was truncated by one. A list calls back with them, marked; they
	 * count for no limit. */
	bool skip_superseded;
};

struct dead_letter_counts {
	int64_t moved;      /* or purged */
	int64_t superseded; /* left out as such */
};

#define OUTBOX_STATUS_MOST 10001

struct outbox_status {
	bool installed;
	bool active;              /* some daemon holds the leadership */
	int64_t rows;             /* -1: not asked */
	bool about;               /* rows is an estimate */
	int64_t oldest_wall_us;   /* 0: empty */
	int64_t dead_letters;     /* at most OUTBOX_STATUS_MOST, which means: so many or more */
	struct standing standing; /* of its webhook; all zero: nothing is known */
	int64_t parked;           /* rows, likewise; -1: unknown */
	char server[64];
};

/* One pipeline's view in `status`. */
typedef void (*outbox_status_fn)(void *ctx, const char *pipeline, const struct outbox_status *s);

/* Every call works on one source: settings.sources[source], and its pipelines. */
struct source_admin_ops {
	const char *type;

	/* Create the outbox, functions and triggers, or bring them up to date: each table in one
	 * transaction, so that no half installation stays. Idempotent. A table that is captured but
	 * no longer configured loses its triggers. Errors: ERR_UNAVAILABLE, ERR_DENIED,
	 * ERR_NOT_FOUND (a table), ERR_TIMEOUT (locks), ERR_DB, ERR_CONFIG (a table that cannot be
	 * captured as configured). */
	enum err_code (*install)(const struct settings *s, size_t source,
				 const struct install_options *o, struct err *e);
	/* Remove triggers first, then everything else. Idempotent. Errors: as install; ERR_BUSY:
	 * a daemon is active or events are undelivered and keep_data is set. */
	enum err_code (*uninstall)(const struct settings *s, size_t source,
				   const struct install_options *o, struct err *e);
	/* Look, change nothing, report through on_finding. ERR_OK when it could look at all,
	 * whatever it found. */
	enum err_code (*check)(const struct settings *s, size_t source,
			       const struct install_options *o, struct err *e);
	/* What waits in each pipeline, by one statement that counts for all of them and whose cost
	 * does not grow with what waits. Errors: as check. */
	enum err_code (*status)(const struct settings *s, size_t source, outbox_status_fn fn,
				void *ctx, struct err *e);

	/* An operator decides on the webhook of this pipeline: d is what to write down, if need be
	 * with a later time. Errors: ERR_NOT_FOUND (not installed, or of before there was a place
	 * for it), ERR_UNAVAILABLE, ERR_DENIED, ERR_TIMEOUT, ERR_DB. */
	enum err_code (*standing_decide)(const struct settings *s, size_t pipeline,
					 const struct standing *d, struct err *e);

	/* By pipeline, oldest change first, in pages: memory does not grow with their number, and
	 * nothing in the database is held while fn runs. Errors of all three: as check;
	 * ERR_NOT_FOUND: no such pipeline, or nothing installed. */
	enum err_code (*dead_letter_list)(const struct settings *s, size_t source,
					  const struct dead_letter_filter *f, bool with_data,
					  dead_letter_fn fn, void *ctx, struct err *e);
	/* Put the matching ones back into the outbox, oldest first, in transactions of at most
	 * 1,000; they keep their event ids. Behind everything that is in it; in_front: where they
	 * were, before every later change that is not yet delivered. Errors also: ERR_BUSY:
	 * in_front and a daemon is active; ERR_CONFIG: in_front, and nothing tells whether one is.
	 * With delivered they are copied, behind everything: what is kept stays kept. */
	enum err_code (*dead_letter_replay)(const struct settings *s, size_t source,
					    const struct dead_letter_filter *f, bool in_front,
					    struct dead_letter_counts *ret, struct err *e);
	enum err_code (*dead_letter_purge)(const struct settings *s, size_t source,
					   const struct dead_letter_filter *f,
					   struct dead_letter_counts *ret, struct err *e);

	/* Backfill jobs (source/backfill.h). All three or, where a source cannot, none: NULL.
	 *
	 * Make a job, RUNNING, and tell its id: r->pipeline is a pipeline of this source, and r
	 * passed backfill_request_check. The table must be one that the pipeline captures, with a
	 * primary key to walk by; where is prepared, columns are looked up (the key is always
	 * read), rights are looked at, the number of rows is estimated. A daemon that waits is
	 * woken. Errors: ERR_USAGE (a table, a column, a filter: the message says what is wrong
	 * with it), ERR_CONFIG (this table cannot: no key, an audit table, ...), ERR_NOT_FOUND (not
	 * installed, or of before there was a place for jobs), ERR_DENIED (the message has the
	 * GRANT), ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_DB. */
	enum err_code (*backfill_create)(const struct settings *s, size_t source,
					 const struct backfill_request *r, int64_t *ret_id,
					 struct err *e);
	/* All jobs, or the one with this id (not 0), by id. Errors: as check; ERR_NOT_FOUND: as
	 * above, and no such job. */
	enum err_code (*backfill_list)(const struct settings *s, size_t source, int64_t id,
				       backfill_job_fn fn, void *ctx, struct err *e);
	/* An operator's word: state is RUNNING, PAUSED or CANCELLED. In force when it returns: a
	 * page that is under way is waited for, another does not begin. Errors: as backfill_list;
	 * of backfill_state_allows. */
	enum err_code (*backfill_decide)(const struct settings *s, size_t source, int64_t id,
					 enum backfill_state state, struct err *e);
};

extern const struct source_admin_ops source_admin_postgres;
extern const struct source_admin_ops source_admin_mysql;
extern const struct source_admin_ops source_admin_sqlite;
extern const struct source_admin_ops source_admin_http;

/* Has the webhook of a pipeline of that source a retry_schedule? How bad it is when nothing can be
 * parked there. */
enum finding_level source_admin_needs_parked(const struct settings *s, size_t source);

/* The same of a pipeline that retains, and the table of delivered events. */
enum finding_level source_admin_needs_delivered(const struct settings *s, size_t source);

/* Are events pushed into that source, by an inlet? */
bool source_admin_takes_events(const struct settings *s, size_t source);

/* The ops of a type; NULL when this build has none. */
const struct source_admin_ops *source_admin_find(enum source_type type);

#endif
