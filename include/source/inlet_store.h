/* SPDX-License-Identifier: MIT */
/*
 * What each kind of database does for source/inlet.h: one connection that is open, transactions,
 * the table of idempotency keys, rows for the outbox. inlet.c sees to order and limits; nothing
 * here is called out of turn.
 *
 * Errors of all: those of source/inlet.h that are not the client's fault; add may also return
 * ERR_FULL, having done nothing.
 */
#ifndef SOURCE_INLET_STORE_H
#define SOURCE_INLET_STORE_H

#include "base/buf.h"
#include "source/inlet.h"

#define INLET_DIGEST_TEXT_BYTES (2 * INLET_DIGEST_BYTES + 1)
#define INLET_WARNING_BYTES 256

/* Rows that wait to be sent together, where every statement is a round trip. */
#define INLET_PENDING_BYTES (256UL * 1024)
#define INLET_PENDING_ROWS 200
#define INLET_PURGE_ROWS 500                    /* of old keys, in a step */
#define INLET_BLOATED_BYTES (2UL * 1024 * 1024) /* of one statement */

struct inlet_env {
	const struct source_settings *source;
	const char *name; /* of the inlet: its place in the table of keys */
	const char *pipelines[SETTINGS_PIPELINES_MAX];
	size_t pipeline_count;
	const struct clock *clock;
	int interrupt_fd;
};

/* An idempotency key, as it is written down. */
struct inlet_claim {
	char token[INLET_TOKEN_BYTES_MAX + 1];
	char key[INLET_KEY_BYTES_MAX + 1];
	char digest[INLET_DIGEST_TEXT_BYTES]; /* hexadecimal */
	int64_t now_wall_us;
	int64_t expired_wall_us; /* a claim that is older holds no longer */
};

/* One event, for every pipeline. */
struct inlet_row {
	const char *operation;
	struct text schema; /* "" for none */
	struct text table;
	struct text key; /* as it is compared */
	struct text data, old_data;
	int64_t bytes; /* of key, data and old_data */
};

/* Private to each kind: begins with this. */
struct inlet_store {
	const struct inlet_store_ops *ops;
	char warning[INLET_WARNING_BYTES]; /* set by open */
	size_t held_bytes;                 /* of copies of events, at the end of each call */
	/* by the last purge, at the end of the begin behind it; inlet.c sets it to 0 before */
	int64_t purged_count;
	/* a client library keeps the room for the largest statement that it ever sent: one was so
	 * large that the connection is better made anew */
	bool is_bloated;
	/* by rollback: for all it knows the transaction is still there, as where there was no
	 * memory to end it. The next begin could make it last, and locks are held: so the
	 * connection is closed */
	bool is_stuck;
};

struct inlet_store_ops {
	/* Connect, see that everything is installed. env is a loan until close. */
	enum err_code (*open)(const struct inlet_env *env, struct inlet_store **ret_s,
			      struct err *e);
	void (*close)(struct inlet_store *s);
	/* Remove INLET_PURGE_ROWS of the keys from before that moment, outside of a transaction or
	 * with the next one; s->purged_count says how many there were. A failure that leaves the
	 * connection as it was is none. */
	enum err_code (*purge)(struct inlet_store *s, int64_t before_wall_us, struct err *e);

	enum err_code (*begin)(struct inlet_store *s, struct err *e);
	/* Write c down, waiting for whoever is about to. */
	enum err_code (*claim)(struct inlet_store *s, const struct inlet_claim *c,
			       struct inlet_begun *ret_b, struct err *e);
	/* How many events came with it. */
	enum err_code (*count)(struct inlet_store *s, const struct inlet_claim *c, int64_t events,
			       struct err *e);
	/* ERR_DATA, ERR_FULL: it is this event that the server does not take. Of the transaction
	 * nothing but go_back and rollback is of use then. */
	enum err_code (*add)(struct inlet_store *s, const struct inlet_row *row, struct err *e);
	/* A place to go back to; the one before is forgotten. */
	enum err_code (*mark)(struct inlet_store *s, struct err *e);
	enum err_code (*go_back)(struct inlet_store *s, struct err *e);
	/* tell: events were added, whoever sleeps has to know. */
	enum err_code (*commit)(struct inlet_store *s, bool tell, struct err *e);
	/* Also without a transaction, and when the connection is lost. */
	void (*rollback)(struct inlet_store *s);
};

extern const struct inlet_store_ops inlet_store_sqlite;
extern const struct inlet_store_ops inlet_store_postgres;
extern const struct inlet_store_ops inlet_store_mysql;

/* Append the canonical form of an event's key, by which events are known to be of the same row: its
 * members by name, no blanks, strings as json_quote writes them, numbers as they are spelled.
 * Errors: ERR_DATA (no object, empty, a name twice, a value that is an object or a list, too long),
 * ERR_NOMEM. */
enum err_code inlet_key_write(struct buf *out, struct text key, struct err *e) ATTR_MUST_CHECK;

#endif
