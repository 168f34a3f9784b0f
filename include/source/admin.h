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
	int64_t id;
	struct text event_id; /* "<install_id>-<id>" */
	struct text pipeline;
	struct text operation;
	struct text schema;
	struct text table;
	struct text key;
	struct text changed_at;
	struct text died_at;
	int64_t attempts;
	int64_t last_status;
	struct text last_error;
	struct text data;     /* TEXT_NONE in a list */
	struct text old_data; /* likewise */
};

typedef void (*dead_letter_fn)(void *ctx, const struct dead_letter *d);

/* Which dead letters; every set field narrows. */
struct dead_letter_filter {
	const char *pipeline;  /* NULL: all */
	const char *table;     /* "schema.table" or "table"; NULL: all */
	int64_t id;            /* 0: all */
	int64_t limit;         /* 0: no limit */
	int64_t older_than_us; /* died at least this long ago; 0: any */
};

struct outbox_status {
	bool installed;
	bool active;            /* some daemon holds the leadership */
	int64_t rows;           /* -1: not asked */
	int64_t oldest_wall_us; /* 0: empty */
	int64_t dead_letters;
	int64_t parked; /* rows; -1: unknown */
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
	enum err_code (*status)(const struct settings *s, size_t source, outbox_status_fn fn,
				void *ctx, struct err *e);

	enum err_code (*dead_letter_list)(const struct settings *s, size_t source,
					  const struct dead_letter_filter *f, bool with_data,
					  dead_letter_fn fn, void *ctx, struct err *e);
	/* Put the matching ones back into the outbox, oldest first, under a new id each (the old
	 * place in the order is gone), in transactions of at most 1,000. */
	enum err_code (*dead_letter_replay)(const struct settings *s, size_t source,
					    const struct dead_letter_filter *f, int64_t *ret_count,
					    struct err *e);
	enum err_code (*dead_letter_purge)(const struct settings *s, size_t source,
					   const struct dead_letter_filter *f, int64_t *ret_count,
					   struct err *e);
};

extern const struct source_admin_ops source_admin_postgres;
extern const struct source_admin_ops source_admin_mysql;
extern const struct source_admin_ops source_admin_sqlite;

/* Has the webhook of a pipeline of that source a retry_schedule? How bad it is when nothing can be
 * parked there. */
enum finding_level source_admin_needs_parked(const struct settings *s, size_t source);

/* The ops of a type; NULL when this build has none. */
const struct source_admin_ops *source_admin_find(enum source_type type);

#endif
