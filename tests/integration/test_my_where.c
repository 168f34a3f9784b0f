/* SPDX-License-Identifier: MIT */
/* Random row filters against MariaDB itself, under every sql_mode that changes what a quote is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mysql.h>
#include <stdlib.h>
#include <string.h>

#include "filter_soup.h"

/* As one text, which may be several statements to the server: whatever is in it is run. */
static enum filter_fate ask(void *ctx, const char *sql)
{
	enum filter_fate fate;
	MYSQL_RES *r;
	MYSQL *raw = ctx;

	if (mysql_real_query(raw, sql, strlen(sql)) != 0)
		return FILTER_REFUSED;
	r = mysql_store_result(raw);
	fate = r && mysql_num_fields(r) == 1 &&
			       !strcmp(mysql_fetch_field(r)->name, FILTER_SOUP_COLUMN)
		       ? FILTER_KEPT
		       : FILTER_ESCAPED;
	mysql_free_result(r);
	while (mysql_more_results(raw)) {
		fate = FILTER_ESCAPED;
		if (mysql_next_result(raw) == 0)
			mysql_free_result(mysql_store_result(raw));
	}
	return fate;
}

static int open_database(void **state)
{
	const char *host = getenv("TEST_MY_HOST"), *port = getenv("TEST_MY_PORT");
	MYSQL *raw = mysql_init(NULL);

	if (!host || !port)
		fail_msg("no MariaDB: run it by tests/support/with-mariadb");
	assert_non_null(raw);
	(void)mysql_options(raw, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mysql_real_connect(raw, host, getenv("TEST_MY_USER"), NULL, "mysql",
				(unsigned)strtoul(port, NULL, 10), NULL, CLIENT_MULTI_STATEMENTS))
		fail_msg("%s", mysql_error(raw));
	*state = raw;
	return 0;
}

static int close_database(void **state)
{
	mysql_close(*state);
	mysql_library_end();
	return 0;
}

static void no_filter_leaves_its_parentheses(void **state)
{
	static const char *const modes[] = {
		"SET sql_mode = ''",
		"SET sql_mode = 'ANSI_QUOTES'",
		"SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
		"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
	};
	const struct filter_database db = {SOURCE_MYSQL, ask, *state};
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(mysql_query(*state, modes[i]), 0);
		filter_soup_run(&db, 10000);
	}
}

static void without_the_rules_one_would(void **state)
{
	const struct filter_database db = {SOURCE_MYSQL, ask, *state};

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
