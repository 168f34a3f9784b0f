/* SPDX-License-Identifier: MIT */
/* Random row filters against PostgreSQL itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "filter_soup.h"
#include "pgtest.h"

/* As one text, which may be several statements to the server: whatever is in it is run. */
static enum filter_fate ask(void *ctx, const char *sql)
{
	enum filter_fate fate = FILTER_KEPT;
	int statements = 0;
	PGresult *r;

	assert_true(PQsendQuery(ctx, sql));
	while ((r = PQgetResult(ctx)) != NULL) {
		statements++;
		if (PQresultStatus(r) != PGRES_TUPLES_OK)
			fate = FILTER_REFUSED;
		else if (statements > 1 || PQnfields(r) != 1 ||
			 strcmp(PQfname(r, 0), FILTER_SOUP_COLUMN) != 0)
			fate = FILTER_ESCAPED;
		PQclear(r);
	}
	/* the first of several statements was taken before another was an error */
	return statements > 1 ? FILTER_ESCAPED : fate;
}

static struct pgtest lab;

static int open_database(void **state)
{
	*state = &lab;
	pgtest_open(&lab);
	return 0;
}

static int close_database(void **state)
{
	(void)state;
	pgtest_close(&lab);
	return 0;
}

static void no_filter_leaves_its_parentheses(void **state)
{
	const struct filter_database db = {SOURCE_POSTGRES, ask, lab.conn};

	(void)state;
	filter_soup_run(&db, 20000);
}

static void without_the_rules_one_would(void **state)
{
	const struct filter_database db = {SOURCE_POSTGRES, ask, lab.conn};

	(void)state;
	filter_soup_run_bare(&db, 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_filter_leaves_its_parentheses),
		cmocka_unit_test(without_the_rules_one_would),
	};

	return cmocka_run_group_tests(tests, open_database, close_database);
}
