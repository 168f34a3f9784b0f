/* SPDX-License-Identifier: MIT */
/*
 * Rows that a backfill read, on their way into an outbox of MySQL or MariaDB: as many as fit into
 * one INSERT, which is a simple one (it has VALUES, see my_backfill.c).
 */
#ifndef SOURCE_MY_ROWS_OUT_H
#define SOURCE_MY_ROWS_OUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "source/my_conn.h"

struct my_rows_out {
	struct my_conn *conn;
	const char *outbox; /* quoted; this and what follows are loans */
	const char *schema;
	const char *table;
	int64_t cap;       /* longer data is cut to the key */
	int64_t packet;    /* max_allowed_packet */
	struct buf insert; /* the statement that is being made */
	struct buf tuple;
	int64_t rows;  /* so far */
	int64_t bytes; /* as the outbox counts */
};

/* What is above the buffers is set by the caller; my_rows_out_done after that. */
void my_rows_out_init(struct my_rows_out *o);
void my_rows_out_done(struct my_rows_out *o);

/* Add a row as a trigger would write its insert; data TEXT_NONE: too long. Errors: ERR_NOMEM; as
 * my_conn_exec. */
enum err_code my_rows_out_add(struct my_rows_out *o, struct text key, struct text data,
			      struct err *e) ATTR_MUST_CHECK;

/* Write what was added. Errors: likewise. */
enum err_code my_rows_out_flush(struct my_rows_out *o, struct err *e) ATTR_MUST_CHECK;

#endif
