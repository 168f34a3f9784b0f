/* SPDX-License-Identifier: MIT */
/*
 * The columns of one table as information_schema describes them. One thread.
 */
#ifndef SOURCE_MY_COLUMNS_H
#define SOURCE_MY_COLUMNS_H

#include "source/my_conn.h"
#include "source/my_types.h"

struct my_columns {
	struct my_column *items;
	size_t count;
};

/* Read them into an empty *c, in order; none when there is no such table. The caller calls
 * my_columns_done, also after an error. Errors: as my_conn_query; ERR_NOMEM. */
enum err_code my_columns_load(struct my_conn *conn, const char *schema, const char *table,
			      struct my_columns *c, struct err *e) ATTR_MUST_CHECK;
void my_columns_done(struct my_columns *c);

#endif
