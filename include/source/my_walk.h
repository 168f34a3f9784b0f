/* SPDX-License-Identifier: MIT */
/*
 * How a table of MySQL or MariaDB is walked along its primary key: the key of a row as text that
 * loses nothing, and conditions made of such texts that the index serves.
 *
 * A key is a JSON array with a string for each column, ["n5","x6b31"]: n a number, q what stands in
 * quotes (dates, UUIDs), x the octets in hexadecimal (texts in the column's own character set, so
 * that its collation says what comes after what). The server writes it, and all of it is ASCII.
 */
#ifndef SOURCE_MY_WALK_H
#define SOURCE_MY_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "source/my_columns.h"
#include "source/my_conn.h"

#define MY_WALK_COLUMNS_MAX 32 /* of a key: MariaDB's limit */

enum my_walk_kind { MY_WALK_NUMBER, MY_WALK_QUOTED, MY_WALK_HEX };

struct my_walk {
	const struct my_column *columns[MY_WALK_COLUMNS_MAX]; /* a loan of the table's columns */
	enum my_walk_kind kinds[MY_WALK_COLUMNS_MAX];
	size_t count;
};

/* Find the primary key of the table among its columns. Errors: ERR_CONFIG, with the reason why the
 * table cannot be walked: none, or of a type or form whose order no condition can follow; as
 * my_conn_query. */
enum err_code my_walk_load(struct my_conn *c, const char *schema, const char *table,
			   const struct my_columns *columns, struct my_walk *w,
			   struct err *e) ATTR_MUST_CHECK;

/* Append the expression for the key of a row of NEW. */
void my_walk_key(struct buf *out, const struct my_walk *w);

/* Append "a, b" for ORDER BY. */
void my_walk_order(struct buf *out, const struct my_walk *w);

/* Append a condition in brackets: above this key; this key or below; this one. key is as
 * my_walk_key made it. Errors: ERR_DATA (a key of another table, or of before its key was
 * changed), ERR_NOMEM. */
enum err_code my_walk_above(struct buf *out, const struct my_walk *w, const char *key,
			    struct err *e) ATTR_MUST_CHECK;
enum err_code my_walk_upto(struct buf *out, const struct my_walk *w, const char *key,
			   struct err *e) ATTR_MUST_CHECK;
enum err_code my_walk_is(struct buf *out, const struct my_walk *w, const char *key,
			 struct err *e) ATTR_MUST_CHECK;

#endif
