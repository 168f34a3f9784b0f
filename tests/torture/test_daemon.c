/* SPDX-License-Identifier: MIT */
/*
 * Taking a database's URL apart while the Nth allocation of ours fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/db_url.h"
#include "torture.h"

static enum err_code parse(void *ctx)
{
	struct db_url u;
	struct err e;
	enum err_code code = db_url_parse(ctx, &u, &e);

	if (code == ERR_OK)
		db_url_done(&u);
	return code;
}

static void every_url_survives_every_failed_allocation(void **state)
{
	static char urls[][64] = {"postgres://u:p%40@h:1/d?sslmode=require&sslcert=/c",
				  "mysql://u@/d?socket=/run/x", "sqlite:///a%20b"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_true(torture_run(parse, urls[i]) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_url_survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
