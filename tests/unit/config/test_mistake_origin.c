/* SPDX-License-Identifier: MIT */
/*
 * A mistake is told where it was made, and alone: what only follows from it is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/load.h"

#define DATABASE "database: {database: d, table: t}\n"
#define WEBHOOK "webhook: {url: http://h}\n"

static const struct {
	const char *yaml, *mistakes;
} cases[] = {
	/* what is not closed is told where it begins, not where the file ends */
	{"a:\n"
	 "  b: 'x\n"
	 "  c: 1\n"
	 "d: 2\n",
	 "f:2:6: not valid YAML: found unexpected end of stream while scanning a quoted scalar\n"},
	{"a:\n"
	 "  b: 1\n"
	 "  c 1\n"
	 "d: 2\n",
	 "f:3:3: not valid YAML: could not find expected ':' while scanning a simple key\n"},
	/* a byte order mark is none */
	{"\xef\xbb\xbf" DATABASE WEBHOOK "zzzzzzzz: 3\n", "f:3:1: zzzzzzzz: unknown key\n"},
	{"\xef\xbb\xbf"
	 "a: \377\n",
	 "f:1:4: not valid YAML: invalid leading UTF-8 octet\n"},
	/* truncate, which sqlite has not, is of the default that is not meant */
	{"database: {type: sqlite, path: /d, table: t}\n"
	 "listener: {modes: 'insert,truncated'}\n" WEBHOOK,
	 "f:2:19: listener.modes: \"truncated\" is not an operation, did you mean truncate?\n"},
	{"database: {type: sqlite, path: /d, table: t}\n"
	 "listener: {modes: 'insert,truncate'}\n" WEBHOOK,
	 "f:2:19: listener.modes: truncate is for postgres: sqlite has no TRUNCATE, and DELETE "
	 "without WHERE is captured row by row\n"},
	/* which tables a source has that is not known, nobody knows */
	{DATABASE WEBHOOK "pipelines: [{name: a, source: nope}]\n",
	 "f:3:31: pipelines[0].source: no source is called \"nope\"\n"},
	{"database: {database: d}\n" WEBHOOK "pipelines: [{name: a}]\n",
	 "f:3:13: pipelines[0].tables: required: which tables to capture\n"},
};

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	(void)out;
	return err_set(e, ERR_NOT_FOUND, "no %s", path);
}

static void a_mistake_is_told_where_it_was_made_and_alone(void **state)
{
	static const struct config_env env = {.get = get, .read_file = read_file};
	struct settings s;
	struct buf mistakes;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&mistakes);
		assert_int_equal(config_parse("f", text_of(cases[i].yaml), &env, &s, &mistakes, &e),
				 ERR_CONFIG);
		assert_string_equal(buf_str(&mistakes), cases[i].mistakes);
	}
	buf_done(&mistakes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mistake_is_told_where_it_was_made_and_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
