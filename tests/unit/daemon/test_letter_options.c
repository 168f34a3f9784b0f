/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon/letter_options.h"

#define HOUR_US (3600 * CLOCK_US_PER_S)
#define NOW_US (1000000 * HOUR_US)

static enum err_code filter(const struct options *o, const char *id, struct dead_letter_filter *f,
			    struct err *e)
{
	struct letter_key *key = NULL;
	enum err_code code = letter_options_filter(o, id, NOW_US, f, &key, e);

	assert_true(code != ERR_OK || f->key == key);
	letter_key_free(key);
	return code;
}

static void without_options_everything_matches(void **state)
{
	const struct options o = {.config = "x"};
	struct dead_letter_filter f;

	(void)state;
	assert_int_equal(filter(&o, NULL, &f, NULL), ERR_OK);
	assert_false(letter_options_narrow(&f));
	assert_false(f.by_status);
}

static void every_option_narrows(void **state)
{
	static const struct options cases[] = {
		{.pipeline = "p"},
		{.table = "t"},
		{.id = 1},
		{.limit = 1},
		{.older_than_us = 1},
		{.since = "1h"},
		{.until = "1h"},
		{.status = "404"},
		{.status = "none"},
		{.error = "x"},
		{.keys = {.items = {"id=1"}, .count = 1}},
	};
	struct dead_letter_filter f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(filter(&cases[i], NULL, &f, NULL), ERR_OK);
		if (!letter_options_narrow(&f))
			fail_msg("case %zu does not", i);
	}
}

static void values_become_fields(void **state)
{
	const struct options o = {.since = "3h", .until = "1h", .status = "5xx", .error = "boom"};
	struct dead_letter_filter f;

	(void)state;
	assert_int_equal(filter(&o, NULL, &f, NULL), ERR_OK);
	assert_int_equal(f.since_wall_us, NOW_US - 3 * HOUR_US);
	assert_int_equal(f.until_wall_us, NOW_US - HOUR_US);
	assert_true(f.by_status);
	assert_int_equal(f.status_min, 500);
	assert_int_equal(f.status_max, 599);
	assert_string_equal(f.error, "boom");
	assert_int_equal(filter(&(struct options){.status = "422"}, "4711", &f, NULL), ERR_OK);
	assert_int_equal(f.status_min, 422);
	assert_int_equal(f.status_max, 422);
	assert_int_equal(f.id, 4711);
	assert_null(f.event_id);
	assert_int_equal(filter(&(struct options){.status = "none"}, "ab-cd-17", &f, NULL), ERR_OK);
	assert_int_equal(f.status_max, 0);
	assert_int_equal(f.id, 17);
	assert_string_equal(f.event_id, "ab-cd-17");
}

static void mistakes_name_the_option(void **state)
{
	static const struct {
		struct options o;
		const char *id;
		const char *says;
	} cases[] = {
		{{.since = "yesterday"}, NULL, "--since: 'yesterday'"},
		{{.until = "2026-02-30"}, NULL, "--until: '2026-02-30'"},
		{{.since = "1h", .until = "2h"}, NULL, "--until 2h is not later than --since 1h"},
		{{.status = "6xx"}, NULL, "--status: '6xx'"},
		{{.status = "5x"}, NULL, "--status: '5x'"},
		{{.status = "99"}, NULL, "--status: '99'"},
		{{.status = "600"}, NULL, "--status: '600'"},
		{{.status = "404 "}, NULL, "--status: '404 '"},
		{{.status = ""}, NULL, "--status: ''"},
		{{.status = "+404"}, NULL, "--status: '+404'"},
		{{.error = ""}, NULL, "--error: "},
		{{.keys = {.items = {"id"}, .count = 1}}, NULL, "--key: 'id'"},
		{{.keys = {.items = {"id=1", "{}"}, .count = 2}}, NULL, "--key: '{}'"},
		{{.config = ""}, "soup", "'soup'"},
		{{.config = ""}, "0", "'0'"},
		{{.config = ""}, "12x", "'12x'"},
	};
	struct dead_letter_filter f;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(filter(&cases[i].o, cases[i].id, &f, &e), ERR_USAGE);
		if (!strstr(e.msg, cases[i].says))
			fail_msg("'%s' does not say %s", e.msg, cases[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_everything_matches),
		cmocka_unit_test(every_option_narrows),
		cmocka_unit_test(values_become_fields),
		cmocka_unit_test(mistakes_name_the_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
