/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

#define WORDS_MAX 8
#define ALL_OPTIONS (~0U)

struct parsed {
	struct options o;
	const char *args[2];
	int arg_count;
	struct err e;
};

static enum err_code parse(unsigned taken, struct parsed *p, const char *const *words)
{
	char *argv[WORDS_MAX] = {NULL};
	int argc = 0;

	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	return options_parse(argc, argv, taken, &p->o, p->args, 2, &p->arg_count, &p->e);
}

#define PARSE(taken, p, ...) parse((taken), (p), (const char *const[]){__VA_ARGS__, NULL})

static void without_options_the_defaults_hold(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(parse(ALL_OPTIONS, &p, (const char *const[]){NULL}), ERR_OK);
	assert_string_equal(p.o.config, OPTIONS_CONFIG_DEFAULT);
	assert_int_equal(p.o.give_up_us, 60000000);
	assert_false(p.o.json);
	assert_int_equal(p.arg_count, 0);
}

static void the_config_file_can_be_given_in_every_common_way(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(OPTION_CONFIG, &p, "-c", "a.yaml"), ERR_OK);
	assert_string_equal(p.o.config, "a.yaml");
	assert_int_equal(PARSE(OPTION_CONFIG, &p, "-ca.yaml"), ERR_OK);
	assert_string_equal(p.o.config, "a.yaml");
	assert_int_equal(PARSE(OPTION_CONFIG, &p, "--config", "a.yaml"), ERR_OK);
	assert_string_equal(p.o.config, "a.yaml");
	assert_int_equal(PARSE(OPTION_CONFIG, &p, "--config=a.yaml"), ERR_OK);
	assert_string_equal(p.o.config, "a.yaml");
}

static void flags_counts_and_durations_are_read(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(ALL_OPTIONS, &p, "--json", "--id", "4711", "--older-than", "30d",
			       "--give-up=500ms"),
			 ERR_OK);
	assert_true(p.o.json);
	assert_int_equal(p.o.id, 4711);
	assert_int_equal(p.o.older_than_us, 30LL * 86400 * 1000000);
	assert_int_equal(p.o.give_up_us, 500000);
}

static void words_that_are_no_options_are_arguments_in_any_place(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(ALL_OPTIONS, &p, "list", "--json", "--", "--id"), ERR_OK);
	assert_int_equal(p.arg_count, 2);
	assert_string_equal(p.args[0], "list");
	assert_string_equal(p.args[1], "--id");
	assert_true(p.o.json);
}

static void some_options_may_be_repeated(void **state)
{
	const unsigned taken = OPTION_CONFIG | OPTION_TABLES | OPTION_FORCE;
	char *argv[2 * OPTIONS_TABLES_MAX + 2];
	const char *args[1];
	struct parsed p;
	int i, count;

	(void)state;
	assert_int_equal(PARSE(taken, &p, "--table", "a", "--force", "--table=s.b"), ERR_OK);
	assert_int_equal(p.o.tables.count, 2);
	assert_string_equal(p.o.tables.items[0], "a");
	assert_string_equal(p.o.tables.items[1], "s.b");
	assert_true(p.o.force);
	assert_null(p.o.table);
	for (i = 0; i < 2 * OPTIONS_TABLES_MAX + 2; i++)
		argv[i] = (char *)(uintptr_t)(i % 2 ? "a" : "--table");
	assert_int_equal(
		options_parse(2 * OPTIONS_TABLES_MAX, argv, taken, &p.o, args, 1, &count, &p.e),
		ERR_OK);
	assert_int_equal(
		options_parse(2 * OPTIONS_TABLES_MAX + 2, argv, taken, &p.o, args, 1, &count, &p.e),
		ERR_USAGE);
	assert_string_equal(p.e.msg, "--table: at most 64 are possible");
}

static void mistakes_are_usage_errors_that_name_the_word(void **state)
{
	static const struct {
		const char *words[4];
		const char *says;
	} cases[] = {
		{{"--nope"}, "--nope"},
		{{"-x"}, "-x"},
		{{"--c", "f"}, "--c"},
		{{"--config"}, "FILE"},
		{{"--json=1"}, "--json"},
		{{"--id", "0"}, "'0'"},
		{{"--id", "12x"}, "'12x'"},
		{{"--id", "99999999999999999999"}, "--id"},
		{{"--older-than", "soon"}, "'soon'"},
		{{"a", "b", "c"}, "'c'"},
	};
	struct parsed p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(ALL_OPTIONS, &p, cases[i].words), ERR_USAGE);
		if (!strstr(p.e.msg, cases[i].says))
			fail_msg("'%s' does not say %s", p.e.msg, cases[i].says);
	}
}

static void an_option_that_the_command_does_not_take_is_unknown(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(OPTION_CONFIG, &p, "--json"), ERR_USAGE);
}

static void help_is_always_taken(void **state)
{
	struct parsed p;

	(void)state;
	assert_int_equal(PARSE(0, &p, "--help"), ERR_OK);
	assert_true(p.o.help);
	assert_int_equal(PARSE(0, &p, "-h"), ERR_OK);
	assert_true(p.o.help);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_the_defaults_hold),
		cmocka_unit_test(the_config_file_can_be_given_in_every_common_way),
		cmocka_unit_test(flags_counts_and_durations_are_read),
		cmocka_unit_test(words_that_are_no_options_are_arguments_in_any_place),
		cmocka_unit_test(some_options_may_be_repeated),
		cmocka_unit_test(mistakes_are_usage_errors_that_name_the_word),
		cmocka_unit_test(an_option_that_the_command_does_not_take_is_unknown),
		cmocka_unit_test(help_is_always_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
