/* SPDX-License-Identifier: MIT */
/*
 * When gaps close. A gap belongs to a transaction that drew the id and has not committed: the
 * server's list of open transactions (information_schema.INNODB_TRX, for those with the PROCESS
 * privilege) tells when the last one has ended that could own it.
 *
 *     look ── these transactions write, the cursor is at c
 *     look ── one of them still does
 *     look ── none of them does: what was to come up to c is visible to every read from now on
 *     read ── complete up to c: the gaps there are rollbacks, and close
 *
 * Without that right gaps stay, and are merged: see core/position.h.
 */
#ifndef SOURCE_MY_OWNERS_H
#define SOURCE_MY_OWNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct my_source;

/* One list of transactions, by their ids. All zero: empty. */
struct my_trx_list {
	uint64_t *ids;
	size_t count;
};

/* Of a pipeline. All zero: nothing watched. */
struct my_owners {
	int64_t upto;               /* gaps up to here are watched; 0: none */
	struct my_trx_list holders; /* that still may fill them */
	int64_t closable;           /* the next complete read closes up to here; 0: nothing */
};

/* Of a source. All zero: not yet looked. */
struct my_look {
	bool is_off; /* no right to look, or what is seen proves nothing */
	int64_t looked_us;
	unsigned nonce;
};

/* Forget what is watched; frees. */
void my_owners_reset(struct my_owners *o);

/* After open: may looking prove anything on this server? Errors: ERR_UNAVAILABLE, ERR_NOMEM. */
enum err_code my_owners_open(struct my_source *s, struct err *e) ATTR_MUST_CHECK;

/* Before a read: look, when it is time, on behalf of all pipelines. Errors: ERR_UNAVAILABLE,
 * ERR_NOMEM. */
enum err_code my_owners_look(struct my_source *s, struct err *e) ATTR_MUST_CHECK;

#endif
