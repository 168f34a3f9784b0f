/* SPDX-License-Identifier: MIT */
/*
 * The names of the columns of a posted object, which must be different ones: a database has no two
 * of a name, and each reader of JSON would take another one of the two.
 */
#ifndef INGEST_POSTED_COLUMNS_H
#define INGEST_POSTED_COLUMNS_H

#include "base/buf.h"
#include "base/err.h"
#include "ingest/refusal.h"

#define POSTED_COLUMNS_MAX 4096 /* of key, data or old_data */

struct posted_columns {
	struct text *names;   /* POSTED_COLUMNS_MAX */
	struct buf unescaped; /* names that had escapes */
};

/* For objects of at most max_bytes; to be ended after an error too. Errors: ERR_NOMEM. */
enum err_code posted_columns_init(struct posted_columns *c, size_t max_bytes) ATTR_MUST_CHECK;
void posted_columns_done(struct posted_columns *c);

/* Bytes of memory that it holds at present. */
size_t posted_columns_bytes(const struct posted_columns *c);

/* What is wrong with the columns of object, which is JSON, into ret_why; "": nothing. Errors:
 * ERR_NOMEM. */
enum err_code posted_columns_check(struct posted_columns *c, struct text object,
				   char ret_why[static REFUSAL_WHY_BYTES],
				   struct err *e) ATTR_MUST_CHECK;

#endif
