/* SPDX-License-Identifier: MIT */
/*
 * Configurations of a few lines: what is said of wrong ones, and what right ones become. The file's
 * name is "f".
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/load.h"

struct config_case {
	const char *yaml, *mistakes;
};

static inline const char *no_variable(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static inline enum err_code no_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	(void)out;
	return err_set(e, ERR_NOT_FOUND, "%s", path);
}

/* No variables and no files. */
static const struct config_env bare_env = {.get = no_variable, .read_file = no_file};

/* What is said of yaml on env, valid until the next call; "": it is right, and *ret is the
 * caller's. */
static inline const char *load_said(const struct config_env *env, const char *yaml,
				    struct settings *ret)
{
	static char said[CONFIG_MISTAKES_BYTES];
	struct buf mistakes;
	struct err e;
	enum err_code code;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_parse("f", text_of(yaml), env, ret, &mistakes, &e);
	assert_int_equal(code, mistakes.len ? ERR_CONFIG : ERR_OK);
	(void)snprintf(said, sizeof(said), "%s", buf_str(&mistakes));
	buf_done(&mistakes);
	return said;
}

/* The settings of yaml on env, which must be right: the caller's. */
static inline struct settings must_load(const struct config_env *env, const char *yaml)
{
	struct settings s;
	const char *said = load_said(env, yaml, &s);

	if (*said)
		fail_msg("%s\n%s", yaml, said);
	return s;
}

/* Assert that mistakes, and nothing else, are what is said of yaml on env. */
static inline void assert_mistakes(const struct config_env *env, const char *yaml,
				   const char *mistakes)
{
	struct settings s;
	const char *said = load_said(env, yaml, &s);

	if (strcmp(said, mistakes) != 0)
		fail_msg("%s\nexpected\n%s\ngot\n%s", yaml, mistakes, said);
}

/* The same of each. */
static inline void assert_cases(const struct config_env *env, const struct config_case *cases,
				size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_mistakes(env, cases[i].yaml, cases[i].mistakes);
}

#endif
