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
};

/* What is kept of the webhook of a pipeline; "": free. */
struct fake_standing {
	char pipeline[41];
	struct standing value;
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
	char identity[64];
	char install_id[40];
	char warning[128];
	struct fake_failure failures[FAKE_CALL_COUNT];
	struct fake_standing standings[8];
	struct fake_source *active;
	bool changed; /* a commit since the last read */
	struct fake_db_stats stats;
};

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

/* By name; NULL: there is none. */
struct fake_db *fake_db_find(const char *name);

/* Where the list points to that row; to NULL when there is none. */
struct fake_row **fake_db_row_locked(struct fake_db *db, const char *pipeline, int64_t id);
/* Take the row out; false when there is none. */
bool fake_db_drop_locked(struct fake_db *db, const char *pipeline, int64_t id);
/* The connection is gone; what waits in it wakes up. */
void fake_db_break_locked(struct fake_db *db);

#endif
