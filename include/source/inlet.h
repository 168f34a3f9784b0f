/* SPDX-License-Identifier: MIT */
/*
 * Where the events of a source of type http go in: one connection to the database that keeps them,
 * through which they come into its outbox, a row for each pipeline of the source, as triggers would
 * have written them. From there on they are events like any other.
 *
 *     open ─► begin ─► add ... ─► begin ─► add ... ─► commit     now they are durable, all of them
 *               │         └─ cancel: without the request begun last
 *               └─ stored before: nothing to add           rollback: without all since the commit
 *
 * Several requests may share a commit, and with it its fsync. Requests with the same idempotency
 * key wait for each other in begin, on whatever connection they come; two inlets that each put
 * several requests with such keys into one transaction, in another order, may get ERR_BUSY (a
 * deadlock). So either one inlet groups, or each commits request by request.
 *
 * The connection is made by the first begin, and again after it was lost. One thread at a time;
 * several inlets of the same source may work side by side.
 *
 * Errors of begin, add and commit:
 * - the client's fault, and the transaction goes on: ERR_DATA (an event or a key is not what it
 *   has to be), ERR_FULL (an event is larger than max_event_bytes). The request is cancelled by the
 *   caller, or goes on without that event.
 * - not the client's fault: everything else. The transaction is gone, and every request since the
 *   last commit with it: ERR_UNAVAILABLE (the database is away, stopping, read-only, or its disk
 *   is full), ERR_TIMEOUT, ERR_BUSY (locks), ERR_DENIED, ERR_NOT_FOUND (nothing is installed),
 *   ERR_DB, ERR_NOMEM. After an error of commit nobody knows whether it was done: the same request
 *   with the same idempotency key finds out.
 */
#ifndef SOURCE_INLET_H
#define SOURCE_INLET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/op.h"
#include "base/text.h"
#include "config/settings.h"
#include "core/budget.h"

#define INLET_DIGEST_BYTES 32
#define INLET_KEY_BYTES_MAX 255        /* of an idempotency key */
#define INLET_TOKEN_BYTES_MAX 64       /* of the name of a token */
#define INLET_NAME_CHARS_MAX 64        /* of a table or a schema */
#define INLET_ROW_KEY_BYTES_MAX 65536L /* of an event's key, as JSON */

struct inlet;

struct inlet_options {
	const struct settings *settings; /* a loan for the inlet's life */
	size_t inlet;                    /* in settings.inlets */
	const struct clock *clock;
	int interrupt_fd; /* -1: none. Readable: what waits ends with ERR_UNAVAILABLE */
	/* after a commit of events, from the thread that called it: somebody may want to read them
	 * at once; NULL: nobody */
	void (*on_commit)(void *ctx);
	void *on_commit_ctx;
	struct budget *budget; /* what waits to be sent is charged to BUDGET_INGEST; NULL: none */
};

struct inlet_request {
	struct text token; /* name of the token that the request showed: part of the key's place */
	struct text key;   /* idempotency key, 1 to INLET_KEY_BYTES_MAX printable ASCII
			      characters; TEXT_NONE: none */
	uint8_t digest[INLET_DIGEST_BYTES]; /* of its body; only with a key */
	int64_t window_us;                  /* how long a key is known; only with a key */
};

enum inlet_outcome {
	INLET_STORED,    /* new: its events may be added */
	INLET_DUPLICATE, /* the same key and digest within the window: it was stored before */
	INLET_CONFLICT,  /* the same key, another digest */
};

struct inlet_begun {
	enum inlet_outcome outcome;
	int64_t events; /* DUPLICATE: as many were stored then; else 0 */
};

/* The texts are loans for the call, in UTF-8. */
struct inlet_event {
	enum op op;           /* not OP_TRUNCATE */
	struct text schema;   /* TEXT_NONE: none; a SQLite store takes none */
	struct text table;    /* 1 to INLET_NAME_CHARS_MAX characters, none of them a control one */
	struct text key;      /* a JSON object of plain values; TEXT_NONE: none */
	struct text data;     /* JSON, checked by the caller; TEXT_NONE: none */
	struct text old_data; /* likewise */
};

/* Make an inlet, not connected. Errors: ERR_CONFIG (a store of a type that takes nothing),
 * ERR_NOMEM. */
enum err_code inlet_open(const struct inlet_options *o, struct inlet **ret_in,
			 struct err *e) ATTR_MUST_CHECK;

/* Roll back, close, free; NULL is fine. */
void inlet_close(struct inlet *in);

/* Begin a request; the one begun before is complete then. Unless the outcome is STORED there is
 * none, and nothing to cancel. A connection that was lost since the last commit is made
 * anew. Blocks up to connect_timeout and twice statement_timeout of the database; one that could
 * not be connected is not tried again for a second, and the error is the same. */
enum err_code inlet_begin(struct inlet *in, const struct inlet_request *r,
			  struct inlet_begun *ret_b, struct err *e) ATTR_MUST_CHECK;

/* Add an event to the request. Small ones are held back, up to 256 KB together, and sent with
 * those that follow, or by commit. */
enum err_code inlet_add(struct inlet *in, const struct inlet_event *ev,
			struct err *e) ATTR_MUST_CHECK;

/* Take the request begun last back, and its key. Those begun before it stay. Errors: not the
 * client's fault, as above. */
enum err_code inlet_cancel(struct inlet *in, struct err *e) ATTR_MUST_CHECK;

/* Everything since the last commit is durable after ERR_OK. Without any: does nothing. */
enum err_code inlet_commit(struct inlet *in, struct err *e) ATTR_MUST_CHECK;

/* Take back everything since the last commit. */
void inlet_rollback(struct inlet *in);

/* What an operator should know of this store's durability ("MariaDB: innodb_flush_log_at_trx_commit
 * is 2: ..."), known after the first begin; "" for nothing. A loan until close. */
const char *inlet_warning(const struct inlet *in);

/* Make the store of an inlet that has a file of its own, or bring it up to date: mode 0600, WAL,
 * the tables of an installation. Does nothing for stores of others, which `install` makes.
 * Errors: ERR_CONFIG (the file is some other database), ERR_DENIED, ERR_UNAVAILABLE, ERR_TIMEOUT,
 * ERR_DB, ERR_NOMEM. */
enum err_code inlet_make_store(const struct settings *s, size_t inlet,
			       struct err *e) ATTR_MUST_CHECK;

#endif
