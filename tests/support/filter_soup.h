/* SPDX-License-Identifier: MIT */
/*
 * Random row filters, made of what quotes, comments and parentheses are made of, against a real
 * database: what config/where.c lets pass stays inside the parentheses it is put into, or is an
 * error there. In "SELECT (FILTER) AS kept FROM ..." a filter has left them when the database takes
 * the text, but not as one statement with one column called kept.
 *
 * TEST_SEED=n repeats a run; the seed is printed.
 */
#ifndef SUPPORT_FILTER_SOUP_H
#define SUPPORT_FILTER_SOUP_H

#include <stddef.h>

#include "config/settings.h"

#define FILTER_SOUP_COLUMN "kept"

/* What the database makes of a statement. */
enum filter_fate {
	FILTER_REFUSED, /* it is an error */
	FILTER_KEPT,    /* one statement, one column, called FILTER_SOUP_COLUMN */
	FILTER_ESCAPED
};

struct filter_database {
	enum source_type type;
	enum filter_fate (*ask)(void *ctx, const char *sql);
	void *ctx;
};

/* Ask about count filters that where_write took, and fail the test when one escapes, or when less
 * than a hundredth of them were kept (the test would say nothing). */
void filter_soup_run(const struct filter_database *db, size_t count);

/* The same filters without where_write: the test fails unless one of count escapes, as otherwise it
 * could not see one. */
void filter_soup_run_bare(const struct filter_database *db, size_t count);

#endif
