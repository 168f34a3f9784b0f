/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/expand.h"

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	if (!strcmp(name, "A_1"))
		return "one ${B} $${";
	return strcmp(name, "_EMPTY") ? NULL : "";
}

static const struct config_env env = {.get = get};

static void references_are_replaced_once_and_other_dollars_stay(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""},
		{"plain", "plain"},
		{"${A_1}", "one ${B} $${"},
		{"<${A_1}${_EMPTY}>", "<one ${B} $${>"},
		{"${A_1:-x}", "one ${B} $${"},
		{"${NONE:-x y}", "x y"},
		{"${NONE:-}", ""},
		{"${_EMPTY:-x}", "x"},
		{"${_EMPTY}", ""},
		{"${NONE:-a:-b}", "a:-b"},
		{"$${NONE}", "${NONE}"},
		{"$$${A_1}", "$${A_1}"},
		{"$", "$"},
		{"$$ $A $(x) }", "$$ $A $(x) }"},
	};
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		assert_int_equal(expand_text(&env, text_of(cases[i].in), &out, &e), ERR_OK);
		assert_string_equal(buf_str(&out), cases[i].out);
	}
	buf_done(&out);
}

static void wrong_references_are_named(void **state)
{
	static const struct {
		const char *in, *complaint;
	} cases[] = {
		{"${NONE}", "environment variable NONE is not set"},
		{"a ${", "without its }"},
		{"${A", "without its }"},
		{"${}", "neither ${NAME} nor"},
		{"${1A}", "neither ${NAME} nor"},
		{"${A-b}", "neither ${NAME} nor"},
		{"${A:b}", "neither ${NAME} nor"},
		{"${A B}", "neither ${NAME} nor"},
		{"${NONE:-${A_1}}", "${NONE:-...} has another"},
	};
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(expand_text(&env, text_of(cases[i].in), &out, &e), ERR_DATA);
		if (!strstr(e.msg, cases[i].complaint))
			fail_msg("%s: %s", cases[i].in, e.msg);
	}
	buf_done(&out);
}

static void what_does_not_fit_is_an_error(void **state)
{
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(expand_text(&env, TEXT_LIT("${A_1}"), &out, &e), ERR_FULL);
	buf_done(&out);
}

static void escaped_text_expands_to_itself(void **state)
{
	static const char *const texts[] = {"", "${A}", "$${", "$$${", "$", "a$b{c}", "${${"};
	struct buf escaped, out;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&escaped, 100);
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		buf_reset(&escaped);
		buf_reset(&out);
		expand_escape(text_of(texts[i]), &escaped);
		assert_int_equal(expand_text(&env, buf_text(&escaped), &out, &e), ERR_OK);
		assert_string_equal(buf_str(&out), texts[i]);
	}
	buf_done(&escaped);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_replaced_once_and_other_dollars_stay),
		cmocka_unit_test(wrong_references_are_named),
		cmocka_unit_test(what_does_not_fit_is_an_error),
		cmocka_unit_test(escaped_text_expands_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
