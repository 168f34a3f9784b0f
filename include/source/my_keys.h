/* SPDX-License-Identifier: MIT */
/*
 * How to take the key of a row out of data or old_data of an audit table: one SQL expression for
 * each table met so far. Its columns are the configured ones, else those of the primary key. The
 * server does it, as JSON_EXTRACT keeps the text of a number.
 *
 *     CASE table_name WHEN 'items' THEN CASE WHEN JSON_VALID(data)
 *         THEN CONCAT('{"id":', JSON_EXTRACT(data, '$."id"'), '}') END WHEN ... END
 */
#ifndef SOURCE_MY_KEYS_H
#define SOURCE_MY_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "source/my_conn.h"

struct my_key;

/* All zero: no table is known. */
struct my_keys {
	struct my_key *items;
	size_t count;
};

/* A table: as table_name has it, and what that means. */
struct my_keys_name {
	const char *name;
	const char *schema;
	const char *table;
};

/* Forget all; frees. */
void my_keys_reset(struct my_keys *k);

/* Is the table known, or are there too many to know it? */
bool my_keys_has(const struct my_keys *k, const char *name);

/* Append the expression over data (is_new) or old_data; NULL for tables without a key. */
void my_keys_case(const struct my_keys *k, struct buf *sql, bool is_new);

/* Look the key of n up and add it. Errors: ERR_NOMEM, and those of statements. */
enum err_code my_keys_learn(struct my_keys *k, struct my_conn *c,
			    const struct pipeline_settings *settings, const struct my_keys_name *n,
			    struct err *e) ATTR_MUST_CHECK;

#endif
