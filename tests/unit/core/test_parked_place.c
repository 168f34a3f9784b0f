/* SPDX-License-Identifier: MIT */
#include "core/parked_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void hashes_are_what_they_always_were(void **state)
{
	/* kept in databases: these numbers never change */
	const struct event_fields f = {.op = OP_UPDATE,
				       .schema = TEXT_LIT("public"),
				       .table = TEXT_LIT("users"),
				       .key = TEXT_LIT("{\"id\":1}"),
				       .old_key = TEXT_LIT("{\"id\":2}")};
	const struct event_fields plain = {.op = OP_INSERT, .table = TEXT_LIT("t")};
	struct parked_place at = parked_place_of(&f);

	(void)state;
	assert_true(at.table == 0xa689d291eb897cc5ULL);
	assert_true(at.row[0] == 0x7bfdcf831a60b6e6ULL);
	assert_true(at.row[1] == 0x2407b32808dbf0e1ULL);
	at = parked_place_of(&plain);
	assert_true(at.row[0] == 0x6d4a5c84b0f87a99ULL);
	assert_true(at.row[1] == 0);
}

static void names_and_keys_do_not_run_into_each_other(void **state)
{
	const struct event_fields f[] = {
		{.schema = TEXT_LIT("a"), .table = TEXT_LIT("bc"), .key = TEXT_LIT("d")},
		{.schema = TEXT_LIT("ab"), .table = TEXT_LIT("c"), .key = TEXT_LIT("d")},
		{.table = TEXT_LIT("abc"), .key = TEXT_LIT("d")},
		{.schema = TEXT_LIT(""), .table = TEXT_LIT("abc"), .key = TEXT_LIT("d")},
		{.schema = TEXT_LIT("a"), .table = TEXT_LIT("bc"), .key = TEXT_LIT("")},
		{.schema = TEXT_LIT("a"), .table = TEXT_LIT("bc")},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(f); i++)
		for (k = 0; k < i; k++)
			assert_true(parked_place_of(&f[i]).row[0] != parked_place_of(&f[k]).row[0]);
}

/* Or whoever looks for both would find the row twice. */
static void a_key_that_did_not_change_is_there_once(void **state)
{
	const struct event_fields f = {.op = OP_UPDATE,
				       .table = TEXT_LIT("t"),
				       .key = TEXT_LIT("{\"id\":1}"),
				       .old_key = TEXT_LIT("{\"id\":1}")};
	struct parked_place at = parked_place_of(&f);

	(void)state;
	assert_true(at.row[0] != 0);
	assert_true(at.row[1] == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_what_they_always_were),
		cmocka_unit_test(names_and_keys_do_not_run_into_each_other),
		cmocka_unit_test(a_key_that_did_not_change_is_there_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
