/* SPDX-License-Identifier: MIT */
/*
 * The fake database, inside: what fake_db.c (the database) and fake.c (the source) share. The
 * plainest thing that keeps the contract: a list of rows, each of which knows whether it is
 * committed and whether the present connection has seen it.
 */
#ifndef SOURCE_FAKE_DB_H
#define SOURCE_FAKE_DB_H

#include <stdbool.h>

#include "base/thread.h"
#include "source/fake.h"
#include "source/source.h"

/* In the outbox. */
struct fake_row {
	struct fake_row *next; /* rising by id within a pipeline */
	struct event *event;
	char pipeline[41];
	bool committed;
	bool seen; /* by the present connection */
	bool left; /* seen, and not taken */
	bool told; /* a wait has ended for it */
};

/* What is kept of the webhook of a pipeline; "": free. */
struct fake_standing {
	char pipeline[41];
	struct standing value;
};

/* In the table `parked`. */
struct fake_parked {
	struct fake_parked *next; /* rising by seq */
	struct event *event;      /* f.parked_seq and its neighbours are the columns */
	char pipeline[41];
	uint64_t row_hash[2];
	uint64_t table_hash;
};

#define FAKE_BACKFILLS_MAX 8

struct fake_backfill {
	struct backfill_progress progress;
	int64_t rows; /* of its table */
	int64_t cursor;
	int64_t lock_lo, lock_hi;
	int64_t skipped[BACKFILL_SKIPPED_MAX]; /* progress.skipped of them */
};

struct fake_failure {
	enum err_code code;
	int times;
};

struct fake_db {
	struct fake_db *next; /* guarded by fakes_lock, with the name */
	char name[64];

	struct mutex lock; /* of what follows */
	struct fake_row *rows;
	int64_t last_id;
	struct fake_parked *parked;
	int64_t last_seq;
	char identity[64];
	char install_id[40];
	char warning[128];
	struct fake_failure failures[FAKE_CALL_COUNT];
	struct fake_standing standings[8];
	struct fake_backfill backfills[FAKE_BACKFILLS_MAX];
	size_t backfill_count;
	struct fake_source *active;
	bool changed; /* a commit that no read and no wait has seen */
	struct fake_db_stats stats;
};

/* Private to fake.c and fake_parked.c. */
struct fake_source {
	struct source base;
	struct source_env env;
	struct fake_db *db;
	bool broken;       /* guarded by the db's lock */
	char identity[64]; /* of the last open */
	int change_fd;
	int interrupt_fd;
};

/* ---- fake_webhook.c ---- */
enum err_code fake_standing_load(struct source *base, uint32_t p, struct standing *ret_s,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code fake_standing_save(struct source *base, uint32_t p, const struct standing *standing,
				 struct err *e) ATTR_MUST_CHECK;

/* ---- fake_backfill.c ---- */
enum err_code fake_backfill_load(struct source *base, struct backfill_progress *jobs,
				 struct err *e) ATTR_MUST_CHECK;
enum err_code fake_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
				 struct backfill_result *ret, struct err *e) ATTR_MUST_CHECK;
enum err_code fake_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
				 struct err *e) ATTR_MUST_CHECK;

/* Another row, at the end. Returns its id. */
int64_t fake_db_add_locked(struct fake_db *db, const char *pipeline, const struct event_fields *f,
			   bool committed);

/* By name; NULL: there is none. */
struct fake_db *fake_db_find(const char *name);

/* How many rows a pipeline has, read or not. */
int64_t fake_db_count_locked(const struct fake_db *db, const char *pipeline);

/* Where the list points to that row; to NULL when there is none. */
struct fake_row **fake_db_row_locked(struct fake_db *db, const char *pipeline, int64_t id);
/* Take the row out; false when there is none. */
bool fake_db_drop_locked(struct fake_db *db, const char *pipeline, int64_t id);
/* Count a dead letter. */
void fake_db_bury_locked(struct fake_db *db, const struct ack *a);
/* The connection is gone; what waits in it wakes up. */
void fake_db_break_locked(struct fake_db *db);

static inline struct fake_source *fake_source_of(struct source *s)
{
	return (struct fake_source *)(void *)s;
}

/* Count the call; fail it when told to, or when the connection is gone. */
enum err_code fake_source_enter_locked(struct fake_source *s, enum fake_call call,
				       struct err *e) ATTR_MUST_CHECK;

/* ---- fake_parked.c ---- */

/* From the outbox to the parked ones; nothing when it is not in the outbox. */
void fake_db_park_locked(struct fake_db *db, const char *pipeline, const struct ack *a);
/* What an ack of a parked row says. */
void fake_db_parked_ack_locked(struct fake_db *db, const char *pipeline, const struct ack *a);
void fake_db_parked_done(struct fake_db *db);

enum err_code fake_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			       struct err *e) ATTR_MUST_CHECK;
enum err_code fake_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			       struct source_limit limit, struct event **out, size_t *ret_count,
			       bool *ret_more, struct err *e) ATTR_MUST_CHECK;

#endif
