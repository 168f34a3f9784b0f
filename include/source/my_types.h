/* SPDX-License-Identifier: MIT */
/*
 * Column types of MariaDB and MySQL, as triggers need them: how a value becomes JSON without
 * losing anything, how two values of the column are told apart, and how long the JSON can get.
 * docs/mysql.md shows each type with an example.
 */
#ifndef SOURCE_MY_TYPES_H
#define SOURCE_MY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum my_flavour { MY_MARIADB, MY_MYSQL };

/* A column as information_schema.columns describes it. */
struct my_column {
	char *name;
	char *data_type;   /* DATA_TYPE: "varchar" */
	char *column_type; /* COLUMN_TYPE: "varchar(20)" */
	char *charset;     /* CHARACTER_SET_NAME; NULL: none */
	int64_t octets;    /* CHARACTER_OCTET_LENGTH; 0: none */
	bool nullable;
	bool is_json;   /* MariaDB: text with a json_valid() check */
	bool is_period; /* begin or end of a system-versioned row: never captured */
};

/* What one octet of a value can become. */
enum my_size {
	MY_SIZE_FIXED, /* the type has a longest text */
	MY_SIZE_TEXT,  /* up to 6: a control character becomes \u0001 */
	MY_SIZE_BINARY /* up to 1.36: base64 with newlines that are taken out again */
};

/* How columns of one type are captured; static. */
struct my_type {
	const char *name;     /* DATA_TYPE; "json check": MariaDB's JSON */
	unsigned flavours;    /* 1 << enum my_flavour, or-ed */
	const char *json;     /* SQL, $ is the column: JSON text; NULL only when the column is */
	const char *zerofill; /* likewise for ZEROFILL columns; NULL: there are none */
	/* SQL, $ is the column: equal exactly when the stored values are;
	 * several expressions have semicolons between */
	const char *same;
	enum my_size size;
	int longest; /* FIXED: octets of the longest JSON text; else what comes on top */
};

/* The type of c; NULL when it is not known, and so cannot be captured. */
const struct my_type *my_type_find(enum my_flavour flavour, const struct my_column *c);

/* Append an expression for the JSON of c in row ("NEW", "OLD"); the text null when it is NULL. */
void my_type_json(struct buf *out, const struct my_type *t, const struct my_column *c,
		  const char *row);

/* Append conditions with AND between: true when c was not changed, false when it was, never NULL.
 */
void my_type_same(struct buf *out, const struct my_type *t, const struct my_column *c);

/* The most octets the JSON of c can have; INT64_MAX / 4096 at most, so that a row's sum fits. */
int64_t my_type_longest(const struct my_type *t, const struct my_column *c);

#endif
