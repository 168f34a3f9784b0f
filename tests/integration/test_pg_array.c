/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "pgtest.h"
#include "source/pg_array.h"
#include "source/pg_conn.h"

static enum err_code open_conn(const struct pgtest *pg, struct pg_conn **ret_c, struct err *e)
{
	struct pg_conn_options o = {.settings = &pg->settings, .clock = clock_system()};

	return pg_conn_open(&o, ret_c, e);
}

static struct pg_conn *must_open(const struct pgtest *pg)
{
	struct pg_conn *c;
	struct err e;

	if (open_conn(pg, &c, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return c;
}

static int setup(void **state)
{
	static struct pgtest pg;

	pgtest_open(&pg);
	*state = &pg;
	return 0;
}

static int teardown(void **state)
{
	pgtest_close(*state);
	return 0;
}

static void arrays_arrive_as_they_were_meant(void **state)
{
	struct pg_conn *c = must_open(*state);
	struct buf ids, texts;
	const char *values[2];
	int lengths[2], formats[2] = {1, 1};
	struct pg_call call = {
		.sql = "SELECT string_agg(i || '=' || coalesce(t, '-'), ',' ORDER BY "
		       "i) FROM ROWS FROM (unnest($1::int8[]), "
		       "unnest($2::text[])) AS a (i, t)",
		.n = 2,
		.values = values,
		.lengths = lengths,
		.formats = formats};
	PGresult *res;
	struct err e;

	buf_init(&ids, 1000);
	buf_init(&texts, 1000);
	pg_array_begin(&ids, PG_OID_INT8, 6);
	pg_array_i64(&ids, 1);
	pg_array_i64(&ids, 2);
	pg_array_i64(&ids, 3);
	pg_array_i64(&ids, 4);
	pg_array_i64(&ids, 5);
	pg_array_i64(&ids, INT64_MAX);
	pg_array_begin(&texts, PG_OID_TEXT, 6);
	pg_array_text(&texts, TEXT_LIT("plain"));
	pg_array_text(&texts, TEXT_NONE);
	pg_array_text(&texts, TEXT_LIT(""));
	pg_array_text(&texts, TEXT_LIT("\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98"));
	pg_array_text(&texts, TEXT_LIT("a\xff\xc3(\xed\xa0\x80\xc0\x80z\0\xe2\x82"));
	pg_array_text(&texts, TEXT_LIT("quote\" \\ , {}"));
	values[0] = buf_str(&ids);
	values[1] = buf_str(&texts);
	lengths[0] = (int)ids.len;
	lengths[1] = (int)texts.len;
	if (pg_conn_pipeline(c, &call, 1, &res, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_string_equal(PQgetvalue(res, 0, 0),
			    "1=plain,2=-,3=,4=\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98,"
			    "5=a?\?(?\?\?\?\?z?\?\?,9223372036854775807=quote\" \\ , {}");
	PQclear(res);
	buf_done(&ids);
	buf_done(&texts);
	pg_conn_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arrays_arrive_as_they_were_meant),
	};

	return cmocka_run_group_tests_name("pg_array", tests, NULL, NULL);
}
