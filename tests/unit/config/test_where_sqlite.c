/* SPDX-License-Identifier: MIT */
/* Random row filters against SQLite itself, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <string.h>

#include "filter_soup.h"

static enum filter_fate ask(void *ctx, const char *sql)
{
	enum filter_fate fate = FILTER_REFUSED;
	sqlite3_stmt *stmt = NULL;
	const char *tail = NULL;

	if (sqlite3_prepare_v2(ctx, sql, -1, &stmt, &tail) == SQLITE_OK)
		fate = stmt && sqlite3_column_count(stmt) == 1 && !*tail &&
				       !strcmp(sqlite3_column_name(stmt, 0), FILTER_SOUP_COLUMN)
			       ? FILTER_KEPT
			       : FILTER_ESCAPED;
	(void)sqlite3_finalize(stmt);
	return fate;
}

static int open_database(void **state)
{
	sqlite3 *raw = NULL;

	if (sqlite3_open(":memory:", &raw) != SQLITE_OK)
		return -1;
	*state = raw;
	return 0;
}

static int close_database(void **state)
{
	return sqlite3_close(*state);
}

static void no_filter_leaves_its_parentheses(void **state)
{
	const struct filter_database db = {SOURCE_SQLITE, ask, *state};

	filter_soup_run(&db, 100000);
}

static void without_the_rules_one_would(void **state)
{
	const struct filter_database db = {SOURCE_SQLITE, ask, *state};

	filter_soup_run_bare(&db, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_filter_leaves_its_parentheses),
		cmocka_unit_test(without_the_rules_one_would),
	};

	return cmocka_run_group_tests(tests, open_database, close_database);
}
