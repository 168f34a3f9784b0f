/* SPDX-License-Identifier: MIT */
/*
 * A database in memory, for tests of everything above the source: an outbox whose rows commit late
 * or never, connections that break, calls that fail when told to.
 *
 *     fake_db_new("shop", &db, e);
 *     settings.type = SOURCE_FAKE; settings.database = "shop";      // how source_fake finds it
 *     id = fake_db_insert(db, "default", &fields);                  // committed at once
 *     id = fake_db_begin(db, "default", &fields);                   // ... or later
 *     fake_db_commit(db, id);
 *
 * Names are process-wide, like a server's. Every function from any thread. Running out of memory in
 * the making of rows asserts: it is a test's own.
 */
#ifndef SOURCE_FAKE_H
#define SOURCE_FAKE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/event.h"
#include "core/standing.h"
#include "source/backfill.h"

struct fake_db;

/* The calls of struct source_ops that can be told to fail. */
enum fake_call {
	FAKE_OPEN,
	FAKE_HOLD,
	FAKE_READ,
	FAKE_ACKNOWLEDGE,
	FAKE_WAIT,
	FAKE_INSPECT,
	FAKE_PARKED_LIST,
	FAKE_PARKED_READ,
	FAKE_STANDING, /* loading and saving */
	FAKE_PURGE,
	FAKE_REREAD,
	FAKE_BACKFILL_LOAD,
	FAKE_BACKFILL_PAGE,
	FAKE_CALL_COUNT
};

enum err_code fake_db_new(const char *name, struct fake_db **ret_db, struct err *e) ATTR_MUST_CHECK;
/* No source may have it open. NULL is fine. */
void fake_db_free(struct fake_db *db);

/* A row; f->id is ignored, the next id is taken and returned. */
int64_t fake_db_insert(struct fake_db *db, const char *pipeline, const struct event_fields *f);

/* The same in an open transaction: not visible until fake_db_commit; gone with fake_db_rollback. */
int64_t fake_db_begin(struct fake_db *db, const char *pipeline, const struct event_fields *f);
void fake_db_commit(struct fake_db *db, const char *pipeline, int64_t id);
void fake_db_rollback(struct fake_db *db, const char *pipeline, int64_t id);

/* Let the next `times` calls fail with code (ERR_UNAVAILABLE also breaks the connection). */
void fake_db_fail(struct fake_db *db, enum fake_call call, enum err_code code, int times);

/* Break all connections, as pg_terminate_backend does; opening works. */
void fake_db_kill(struct fake_db *db);

/* Become another server: breaks connections, too. */
void fake_db_set_identity(struct fake_db *db, const char *identity);
/* Another installation of the pipeline: what install_id tells from the next open on. */
void fake_db_set_install_id(struct fake_db *db, const char *install_id);
/* What inspect tells. */
void fake_db_set_warning(struct fake_db *db, const char *warning);

/* What is kept of the pipeline's webhook. */
void fake_db_set_standing(struct fake_db *db, const char *pipeline,
			  const struct standing *standing);
struct standing fake_db_standing(struct fake_db *db, const char *pipeline);

/* A backfill job, RUNNING, over rows with the keys 1 to rows; its id is returned. Eight at most. */
int64_t fake_db_backfill(struct fake_db *db, const char *pipeline, int64_t rows,
			 const struct backfill_progress *wanted);
/* Somebody has the rows with keys from lo to hi: pages skip them; 0, 0: nobody. */
void fake_db_backfill_lock(struct fake_db *db, int64_t job, int64_t lo, int64_t hi);
/* What an operator would do. */
void fake_db_backfill_decide(struct fake_db *db, int64_t job, enum backfill_state state);
struct backfill_progress fake_db_backfill_progress(struct fake_db *db, int64_t job);

struct fake_db_stats {
	size_t rows;         /* in the outbox, committed or not */
	size_t dead_letters; /* counted, not kept; each died a moment ago, less than an hour */
	size_t parked;
	int64_t calls[FAKE_CALL_COUNT];
	int64_t standings_saved;
	int64_t reread; /* rows returned by it */
	int64_t held;   /* ids given to hold, in total */
	int64_t last_dead_id;
	int last_dead_attempts;
	char last_dead_reason[128];
};

struct fake_db_stats fake_db_stats(struct fake_db *db);

#endif
