/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean": the nearest known name to one that does not exist.
 */
#ifndef SOURCE_PG_NEAR_H
#define SOURCE_PG_NEAR_H

#include <stddef.h>

#include "config/settings.h"
#include "source/pg_admin.h"

/* Edit distance of two names, case apart; large when either is longer than 63 bytes. */
size_t pg_near_distance(const char *a, const char *b);

/* The nearest of names, NULL when none is near; a loan. */
const char *pg_near(const struct string_list *names, const char *wanted);

/* Fill hint ("" when there is none) with a table that exists and is called nearly so.
 * Errors: as pg_conn_query. */
enum err_code pg_near_table(struct pg_admin *a, const char *schema, const char *table, char *hint,
			    size_t hint_bytes, struct err *e) ATTR_MUST_CHECK;

#endif
