/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a configuration file. What loads must print as a configuration that loads again and
 * differs in nothing but secrets; what does not must say why.
 *
 *     clang -fsanitize=fuzzer,address ... && fuzz_config -dict=DICTIONARY CORPUS
 *
 * The dictionary comes from `config_keys dict`.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	if (!strcmp(name, "EMPTY"))
		return "";
	if (!strcmp(name, "CREDENTIALS_DIRECTORY"))
		return "/credentials";
	return !strcmp(name, "SET") ? "http://u:p@h/x?y${{SET}}" : NULL;
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	if (strchr(path, '0'))
		return err_set(e, ERR_NOT_FOUND, "cannot open %s", path);
	buf_add_str(out, "https://h/secret\n");
	return buf_error(out);
}

static void check_mistakes(struct buf *mistakes)
{
	const char *at;

	assert(mistakes->len > 0 && mistakes->data[mistakes->len - 1] == '\n');
	for (at = mistakes->data; *at; at = strchr(at, '\n') + 1)
		assert(!strncmp(at, "f:", 2));
}

/* Print, load, print: the same text. */
static void check_round_trip(struct settings *s, const struct config_env *env)
{
	struct buf first, second, mistakes;
	struct settings again;
	struct err e;
	size_t i;

	buf_init(&first, 16 << 20);
	buf_init(&second, 16 << 20);
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	config_print(s, &first);
	assert(buf_error(&first) == ERR_OK);
	/* *** is no signing secret, and must not be one */
	buf_reset(&first);
	for (i = 0; i < s->webhook_count; i++)
		signing_keys_done(&s->webhooks[i].signing_keys);
	config_print(s, &first);
	if (first.len < 1 << 20) {
		if (config_parse("f", buf_text(&first), env, &again, &mistakes, &e) != ERR_OK) {
			(void)fprintf(stderr, "%s\n%s", buf_str(&first), buf_str(&mistakes));
			abort();
		}
		config_print(&again, &second);
		if (!text_eq(buf_text(&first), buf_text(&second))) {
			(void)fprintf(stderr, "%s\nbecame\n%s", buf_str(&first), buf_str(&second));
			abort();
		}
		buf_reset(&second);
		(void)config_diff(s, &again, &second);
		settings_done(&again);
	}
	buf_done(&mistakes);
	buf_done(&second);
	buf_done(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct config_env env = {.get = get, .read_file = read_file};
	struct settings s;
	struct buf mistakes;
	struct err e;
	enum err_code code;

	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	code = config_parse("f", (struct text){(const char *)bytes, size}, &env, &s, &mistakes, &e);
	assert(code == ERR_OK || code == ERR_CONFIG);
	if (code == ERR_OK) {
		assert(mistakes.len == 0);
		check_round_trip(&s, &env);
		settings_done(&s);
	} else {
		check_mistakes(&mistakes);
	}
	buf_done(&mistakes);
	return 0;
}
