/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"

static const char *none(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static enum err_code no_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	(void)out;
	return err_set(e, ERR_NOT_FOUND, "cannot open %s", path);
}

#define BOTH                                                                                       \
	"database: {database: d, table: t}\n"                                                      \
	"webhook: {url: 'http://h/'}\n"

/* NULL: it has none. */
static void assert_mistakes(const char *config, const char *want)
{
	const struct config_env env = {.get = none, .read_file = no_file};
	struct settings s;
	struct buf mistakes;
	enum err_code code;

	buf_init(&mistakes, 10000);
	code = config_parse("f", text_of(config), &env, &s, &mistakes, NULL);
	assert_string_equal(buf_str(&mistakes), want ? want : "");
	assert_int_equal(code, want ? ERR_CONFIG : ERR_OK);
	if (code == ERR_OK)
		settings_done(&s);
	buf_done(&mistakes);
}

static void two_files_do_not_rotate_each_other(void **state)
{
	(void)state;
	assert_mistakes(BOTH "logging: {file: /l/app.1}\nmetrics_history: {file: /l/app}\n",
			"f:4:25: metrics_history.file: \"/l/app\" would rotate the lines of "
			"logging.file \"/l/app.1\" away\n");
	assert_mistakes(BOTH "logging: {file: /l/app}\nmetrics_history: {file: /l/app}\n",
			"f:4:25: metrics_history.file: \"/l/app\" would rotate the lines of "
			"logging.file \"/l/app\" away\n");
	assert_mistakes(BOTH "metrics_history: {file: /l/h.22}\nlogging: {file: /l/h}\n",
			"f:3:25: metrics_history.file: \"/l/h.22\" would rotate the lines of "
			"logging.file \"/l/h\" away\n");
	assert_mistakes(BOTH "logging: {file: /l/app.log}\nmetrics_history: {file: /l/app}\n",
			NULL);
	assert_mistakes(BOTH "logging: {file: /l/h.}\nmetrics_history: {file: /l/h}\n", NULL);
}

static void the_metric_history_has_bounds(void **state)
{
	(void)state;
	assert_mistakes(BOTH "metrics_history: {file: /h, interval: 500ms, max_records: 1001}\n",
			"f:3:39: metrics_history.interval: 500ms is below the minimum of 1s\n"
			"f:3:59: metrics_history.max_records: 1001 is above the maximum of "
			"1000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_files_do_not_rotate_each_other),
		cmocka_unit_test(the_metric_history_has_bounds),
	};

	return cmocka_run_group_tests_name("config/files", tests, NULL, NULL);
}
