/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/template.h"

static const struct text values[TEMPLATE_NAME_COUNT] = {
	[TEMPLATE_PIPELINE] = {"p", 1},
	[TEMPLATE_TABLE] = {"t", 1},
	[TEMPLATE_OPERATION] = {"o", 1},
	[TEMPLATE_ID] = {"i", 1},
};

static void add_marked(struct buf *out, struct text t)
{
	buf_add_char(out, '<');
	buf_add_text(out, t);
	buf_add_char(out, '>');
}

static void values_and_braces_stand_where_they_are_wanted(void **state)
{
	static const struct {
		const char *in, *want;
		bool braces;
	} cases[] = {
		{"", "", false},
		{"plain", "plain", false},
		{"{table}", "<t>", true},
		{"a{pipeline}b{operation}{id}c", "a<p>b<o><i>c", true},
		{"{schema}", "", true},
		{"{{", "{", true},
		{"}}", "}", true},
		{"{{table}}", "{table}", true},
		{"{{{table}}}", "{<t>}", true},
		{"}}{{", "}{", true},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		assert_null(template_check(cases[i].in));
		assert_int_equal(template_has_braces(cases[i].in), cases[i].braces);
		template_write(cases[i].in, values, buf_add_text, add_marked, &out);
		assert_string_equal(buf_str(&out), cases[i].want);
	}
	buf_done(&out);
}

static void what_is_no_template_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"{", "without its }"},
		{"a{table", "without its }"},
		{"{table{id}}", "without its }"},
		{"{{{", "without its }"},
		{"}", "without its {"},
		{"{table}}", "without its {"},
		{"a}}}", "without its {"},
		{"{}", "unknown placeholder"},
		{"{Table}", "unknown placeholder"},
		{"{ table }", "unknown placeholder"},
		{"{table}{tables}", "unknown placeholder"},
	};
	const char *got;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		got = template_check(cases[i].in);
		if (!got || !strstr(got, cases[i].want))
			fail_msg("%s: %s", cases[i].in, got ? got : "passes");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_braces_stand_where_they_are_wanted),
		cmocka_unit_test(what_is_no_template_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
