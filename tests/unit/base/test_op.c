/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/op.h"

static void each_name_leads_back_to_its_op(void **state)
{
	enum op op, parsed;

	(void)state;
	for (op = 0; op < OP_COUNT; op++) {
		parsed = OP_COUNT;
		assert_true(op_parse(text_of(op_name(op)), &parsed));
		assert_int_equal(parsed, op);
	}
	assert_string_equal(op_name(OP_INSERT), "insert");
	assert_string_equal(op_name(OP_UPDATE), "update");
	assert_string_equal(op_name(OP_DELETE), "delete");
	assert_string_equal(op_name(OP_TRUNCATE), "truncate");
	assert_string_equal(op_name(OP_READ), "read");
}

static void other_names_are_refused(void **state)
{
	static const struct text cases[] = {
		{NULL, 0},           TEXT_LIT(""),        TEXT_LIT("Insert"),   TEXT_LIT("inser"),
		TEXT_LIT("inserts"), TEXT_LIT(" insert"), TEXT_LIT("insert\0"),
	};
	enum op op = OP_COUNT;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_false(op_parse(cases[i], &op));
	assert_int_equal(op, OP_COUNT);
}

static void a_slice_needs_no_end(void **state)
{
	enum op op = OP_COUNT;

	(void)state;
	assert_true(op_parse((struct text){"deleted", 6}, &op));
	assert_int_equal(op, OP_DELETE);
}

static void only_changes_and_deletions_have_a_row_before(void **state)
{
	enum op op;

	(void)state;
	for (op = 0; op < OP_COUNT; op++)
		assert_int_equal(op_has_old(op), op == OP_UPDATE || op == OP_DELETE);
}

static void text_tells_null_from_empty(void **state)
{
	(void)state;
	assert_true(text_eq(TEXT_NONE, text_of(NULL)));
	assert_false(text_eq(TEXT_NONE, TEXT_LIT("")));
	assert_false(text_eq(TEXT_LIT(""), TEXT_NONE));
	assert_true(text_eq(TEXT_LIT(""), text_of("")));
	assert_true(text_eq(TEXT_LIT("a\0b"), TEXT_LIT("a\0b")));
	assert_false(text_eq(TEXT_LIT("a\0b"), TEXT_LIT("a\0c")));
	assert_false(text_eq(TEXT_LIT("a"), TEXT_LIT("ab")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_leads_back_to_its_op),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(a_slice_needs_no_end),
		cmocka_unit_test(only_changes_and_deletions_have_a_row_before),
		cmocka_unit_test(text_tells_null_from_empty),
	};

	return cmocka_run_group_tests_name("base/op", tests, NULL, NULL);
}
