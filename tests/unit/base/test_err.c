/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "base/err.h"

static void set_fills_code_and_message(void **state)
{
	struct err e;

	(void)state;
	memset(&e, 0xAA, sizeof(e));
	assert_int_equal(err_set(&e, ERR_DATA, "line %d of %s", 7, "file"), ERR_DATA);
	assert_int_equal(e.code, ERR_DATA);
	assert_int_equal(e.sys, 0);
	assert_string_equal(e.msg, "line 7 of file");
}

static void set_sys_tells_the_reason(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_set_sys(&e, ERR_IO, ENOENT, "cannot open %s", "x"), ERR_IO);
	assert_int_equal(e.sys, ENOENT);
	assert_string_equal(e.msg, "cannot open x: No such file or directory");
}

static void prefix_keeps_code_and_sys(void **state)
{
	struct err e;

	(void)state;
	(void)err_set_sys(&e, ERR_DENIED, EACCES, "cannot open");
	assert_int_equal(err_prefix(&e, "source %s", "shop"), ERR_DENIED);
	assert_int_equal(e.code, ERR_DENIED);
	assert_int_equal(e.sys, EACCES);
	assert_string_equal(e.msg, "source shop: cannot open: Permission denied");
}

static void without_err_the_code_is_returned(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
	assert_int_equal(err_set_sys(NULL, ERR_IO, EIO, "x"), ERR_IO);
	assert_int_equal(err_prefix(NULL, "x"), ERR_INTERNAL);
}

static void long_messages_are_cut(void **state)
{
	char text[2 * ERR_MSG_BYTES];
	struct err e;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&e, ERR_DATA, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
	(void)err_prefix(&e, "front");
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
	assert_memory_equal(e.msg, "front: xxx", 10);
	(void)err_prefix(&e, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
	(void)err_set_sys(&e, ERR_IO, EIO, "%s", text);
	assert_int_equal(strlen(e.msg), ERR_MSG_BYTES - 1);
}

static void each_code_has_a_name_of_its_own(void **state)
{
	int a, b;

	(void)state;
	for (a = 0; a < ERR_CODE_COUNT; a++) {
		assert_non_null(err_name((enum err_code)a));
		assert_int_equal(strspn(err_name((enum err_code)a), "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(err_name((enum err_code)a)));
		for (b = 0; b < a; b++)
			assert_string_not_equal(err_name((enum err_code)a),
						err_name((enum err_code)b));
	}
	assert_string_equal(err_name(ERR_UNAVAILABLE), "unavailable");
}

static void exit_statuses_are_those_of_sysexits(void **state)
{
	static const struct {
		enum err_code code;
		int status;
	} cases[] = {
		{ERR_OK, 0},
		{ERR_USAGE, EX_USAGE},
		{ERR_CONFIG, 78},
		{ERR_UNAVAILABLE, EX_UNAVAILABLE},
		{ERR_DENIED, EX_NOPERM},
		{ERR_IO, EX_IOERR},
	};
	int code;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(err_exit_status(cases[i].code), cases[i].status);
	for (code = ERR_OK + 1; code < ERR_CODE_COUNT; code++) {
		assert_true(err_exit_status((enum err_code)code) >= EX__BASE);
		assert_true(err_exit_status((enum err_code)code) <= EX__MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_message),
		cmocka_unit_test(set_sys_tells_the_reason),
		cmocka_unit_test(prefix_keeps_code_and_sys),
		cmocka_unit_test(without_err_the_code_is_returned),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(each_code_has_a_name_of_its_own),
		cmocka_unit_test(exit_statuses_are_those_of_sysexits),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
