/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter_soup.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/random.h"
#include "config/where.h"

#define SOUP_PIECES_MAX 14
#define SOUP_BYTES_MAX 10000

/* a is the one column there is */
static const char *const pieces[] = {
	"1",          "0",         "a",
	"1",          "a",         "'",
	"'",          "'",         "\"",
	"\"",         "`",         "`",
	"[",          "]",         "(",
	")",          "(",         ")",
	"--",         "-",         "-",
	"\n",         "\r",        "/*",
	"*/",         "/*!",       "#",
	"\\",         "\\",        "$",
	"$$",         "$b$",       "E'",
	"e",          "N'",        "x'",
	"U&'",        "1E",        ",",
	";",          "' '",       "''",
	"\\'",        "'a'",       "'a\'",
	"`a`",        "[a]",       "$$a$$",
	"||",         "+",         "=",
	" OR ",       ")--",       ")/*",
	"*/(",        ") AS b, (", ") AS kept -- ",
	") AS kept#", ";SELECT (", "/*M!",
	"@",          ":",         "?",
	".",          "-- ",       "\t",
	"AND ",       "\v",        "\xc3\xa9",
};

static struct random soup_start(void)
{
	const char *given = getenv("TEST_SEED");
	struct random random;
	uint64_t seed;

	random_init(&random);
	seed = given ? strtoull(given, NULL, 10) : random_u64(&random);
	print_message("TEST_SEED=%" PRIu64 "\n", seed);
	random_init_seed(&random, seed);
	return random;
}

static void soup_cook(struct random *random, struct buf *out)
{
	size_t n = 1 + random_below(random, SOUP_PIECES_MAX);

	buf_reset(out);
	for (; n; n--) {
		buf_add_str(out, pieces[random_below(random, ARRAY_LEN(pieces))]);
		if (random_below(random, 4) == 0)
			buf_add_char(out, ' ');
	}
}

static enum filter_fate soup_ask(const struct filter_database *db, struct text filter,
				 struct buf *sql)
{
	buf_reset(sql);
	buf_add_str(sql, "SELECT (");
	buf_add_text(sql, filter);
	buf_add_str(sql, ") AS " FILTER_SOUP_COLUMN " FROM (SELECT 1 AS a) AS rows_of_one");
	return db->ask(db->ctx, buf_str(sql));
}

void filter_soup_run(const struct filter_database *db, size_t count)
{
	struct random random = soup_start();
	struct buf soup, filter, sql;
	size_t asked = 0, kept = 0;
	enum filter_fate fate;

	buf_init(&soup, SOUP_BYTES_MAX);
	buf_init(&filter, SOUP_BYTES_MAX);
	buf_init(&sql, SOUP_BYTES_MAX);
	while (asked < count) {
		soup_cook(&random, &soup);
		buf_reset(&filter);
		if (where_write(buf_text(&soup), db->type, WHERE_OWN, OP_UPDATE, &filter, NULL) !=
		    ERR_OK)
			continue;
		asked++;
		fate = soup_ask(db, buf_text(&filter), &sql);
		kept += fate == FILTER_KEPT;
		if (fate == FILTER_ESCAPED)
			fail_msg("escaped: %s\nas: %s", buf_str(&soup), buf_str(&sql));
	}
	print_message("%zu of %zu filters are valid\n", kept, asked);
	assert_true(kept > count / 100);
	buf_done(&sql);
	buf_done(&filter);
	buf_done(&soup);
}

void filter_soup_run_bare(const struct filter_database *db, size_t count)
{
	struct random random = soup_start();
	struct buf soup, sql;
	size_t escaped = 0;

	buf_init(&soup, SOUP_BYTES_MAX);
	buf_init(&sql, SOUP_BYTES_MAX);
	for (; count && !escaped; count--) {
		soup_cook(&random, &soup);
		escaped += soup_ask(db, buf_text(&soup), &sql) == FILTER_ESCAPED;
	}
	assert_int_equal(escaped, 1);
	buf_done(&sql);
	buf_done(&soup);
}
