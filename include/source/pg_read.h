/* SPDX-License-Identifier: MIT */
/*
 * One read of the outbox, inside: what pg_read.c (how) and pg_read_call.c (its statements) share.
 */
#ifndef SOURCE_PG_READ_H
#define SOURCE_PG_READ_H

#include "source/pg_source.h"

struct pg_read {
	struct pg_source *s;
	struct pg_pipe *pipe;
	struct batch batch;
	int64_t from; /* rows from this id on are read again; 0: those above the cursor */
	struct position_gap *gaps; /* those below the cursor, as they were before; NULL: none */
	size_t gap_count;
	bool is_wide;
	bool is_looking; /* at the holders */
	bool has_looked;
	bool in_transaction;
};

#define PG_READ_PARAMS 6

/* One of the reading statements with its parameters. */
struct pg_read_call {
	struct pg_call call;
	const char *values[PG_READ_PARAMS];
	int lengths[PG_READ_PARAMS];
	int formats[PG_READ_PARAMS];
	char cursor[24];
	char rows[24];
	char bytes[24];
	char overhead[24];
};

/* PG_STMT_READ: the rows above the cursor, or from r->from on, within what the batch has left. */
void pg_read_call_head(struct pg_read_call *c, struct pg_read *r);

/* PG_STMT_READ_GAPS or PG_STMT_READ_BY_TIME: the rows whose ids lie in the ranges in s->params,
 * likewise. Errors: ERR_NOMEM. */
enum err_code pg_read_call_ids(struct pg_read_call *c, struct pg_read *r, enum pg_stmt stmt,
			       struct err *e) ATTR_MUST_CHECK;

/* ---- pg_read_strays.c ---- */

/* Those there is room for. Errors: as pg_source_run. */
enum err_code pg_read_strays(struct pg_read *r, struct err *e) ATTR_MUST_CHECK;

#endif
