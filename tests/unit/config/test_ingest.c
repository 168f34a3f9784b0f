/* SPDX-License-Identifier: MIT */
/* What the section ingest must agree on, and its tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "certs.h"
#include "config/load.h"

#define HEAD                                                                                       \
	"database: {type: http, path: /e.db}\n"                                                    \
	"webhook: {url: 'http://h'}\n"                                                             \
	"ingest: {listen: '127.0.0.1:1', "
#define TOKENS "tokens: {shop: Hid1-0123456789ab}"

static const struct {
	const char *ingest, *mistakes;
} cases[] = {
	{TOKENS, ""},
	{"tokens: {a: {file: /secret}, b: {credential: pw}}", ""},
	{TOKENS ", max_body: 1kB, max_concurrent: 1000, rate_limit: 100/min, body_timeout: 1s", ""},
	{TOKENS ", tls_cert: /both.pem, tls_key: /both.pem", ""},
	{"max_body: 1MB", "f:3:9: ingest.tokens: required with listen: who may post\n"},
	{"tokens: {}", "f:3:41: ingest.tokens: required with listen: who may post\n"},
	{"tokens: Hid1-0123456789ab",
	 "f:3:41: ingest.tokens: must be a mapping of keys to values, not a single value\n"},
	{"tokens: {Shop: Hid1-0123456789ab}",
	 "f:3:42: ingest.tokens.Shop: a name is 1 to 40 lower-case letters, digits and "
	 "underscores\n"},
	{"tokens: {a: Hid1}",
	 "f:3:45: ingest.tokens.a: a token has at least 16 characters: openssl rand -hex 24 makes "
	 "one\n"},
	{"tokens: {a: 'Hid1 0123456789ab'}",
	 "f:3:45: ingest.tokens.a: a token has no spaces, control characters or others than ASCII; "
	 "\"Bearer\" is no part of it\n"},
	{"tokens: {a: Hid1-0123456789ab, b: Hid1-0123456789ab}",
	 "f:3:67: ingest.tokens.b: the same token as of another name\n"},
	{"tokens: {a: Hid1-0123456789ab, a: Hid2-0123456789ab}",
	 "f:3:64: ingest.tokens.a: given twice, first in line 3\n"},
	{"tokens: {a: {file: /nothing}}", "f:3:52: ingest.tokens.a: no such file\n"},
	{TOKENS ", tls_cert: /both.pem",
	 "f:3:68: ingest.tls_cert: needs tls_key (which may name the same file)\n"},
	{TOKENS "}\nadmin: {listen: '127.0.0.1:1'",
	 "f:3:18: ingest.listen: 127.0.0.1:1 is the address of admin.listen\n"},
	{TOKENS "}\nadmin: {listen: '127.0.0.1:2'", ""},
	{TOKENS "}\nadmin: {listen: off", ""},
	{TOKENS ", tls_key: /both.pem", "f:3:68: ingest.tls_key: needs tls_cert\n"},
	{TOKENS ", tls_cert: /both.pem, tls_key: /other.key",
	 "f:3:98: ingest.tls_key: /other.key: is not the key of the certificate\n"},
	{TOKENS ", max_body: 2TB", "f:3:78: ingest.max_body: 2TB is above the maximum of 1GB\n"},
	{TOKENS ", max_concurent: 1",
	 "f:3:68: ingest.max_concurent: unknown key, did you mean max_concurrent?\n"},
};

static struct buf both, other;

static const char *no_variables(void *ctx, const char *name)
{
	(void)ctx;
	return !strcmp(name, "CREDENTIALS_DIRECTORY") ? "/cred" : NULL;
}

static enum err_code read_some(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	if (!strcmp(path, "/secret"))
		buf_add_str(out, "Hid3-0123456789ab\n");
	else if (!strcmp(path, "/cred/pw"))
		buf_add_str(out, "Hid4-0123456789ab\n");
	else if (!strcmp(path, "/both.pem"))
		buf_add_text(out, buf_text(&both));
	else if (!strcmp(path, "/other.key"))
		buf_add_text(out, buf_text(&other));
	else
		return err_set(e, ERR_NOT_FOUND, "no such file");
	return ERR_OK;
}

static const struct config_env env = {no_variables, read_some, NULL};

static enum err_code parse(const char *ingest, struct settings *s, struct buf *mistakes)
{
	char yaml[1024];
	struct err e;

	(void)snprintf(yaml, sizeof(yaml), HEAD "%s}\n", ingest);
	return config_parse("f", text_of(yaml), &env, s, mistakes, &e);
}

static void contradictions_have_their_place(void **state)
{
	struct settings s;
	struct buf mistakes;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_init(&mistakes, 10000);
		if (parse(cases[i].ingest, &s, &mistakes) == ERR_OK)
			settings_done(&s);
		assert_string_equal(buf_str(&mistakes), cases[i].mistakes);
		assert_null(strstr(buf_str(&mistakes), "Hid"));
		buf_done(&mistakes);
	}
}

static void tokens_are_read_and_never_printed(void **state)
{
	struct settings a, b;
	struct buf mistakes, out;

	(void)state;
	buf_init(&mistakes, 10000);
	buf_init(&out, 100000);
	assert_int_equal(parse("tokens: {shop: Hid1-0123456789ab, crm: {file: /secret}, x: "
			       "{credential: pw}}",
			       &a, &mistakes),
			 ERR_OK);
	assert_int_equal(a.ingest.tokens.count, 3);
	assert_string_equal(a.ingest.tokens.items[1].name, "crm");
	assert_string_equal(a.ingest.tokens.items[1].value.value, "Hid3-0123456789ab");
	assert_string_equal(a.ingest.tokens.items[2].value.value, "Hid4-0123456789ab");
	config_print(&a, &out);
	assert_non_null(strstr(buf_str(&out), "tokens: {shop: \"***\", crm: \"***\", x: \"***\"}"));
	assert_null(strstr(buf_str(&out), "Hid"));
	/* another token is a change, and is not told */
	assert_int_equal(parse("tokens: {shop: Hid2-0123456789ab, crm: {file: /secret}, x: "
			       "{credential: pw}}",
			       &b, &mistakes),
			 ERR_OK);
	buf_reset(&out);
	assert_int_equal(config_diff(&a, &b, &out), 0);
	assert_non_null(strstr(buf_str(&out), "ingest.tokens: "));
	assert_null(strstr(buf_str(&out), "Hid"));
	buf_reset(&out);
	(void)config_diff(&a, &a, &out);
	assert_int_equal(out.len, 0);
	settings_done(&a);
	settings_done(&b);
	buf_done(&mistakes);
	buf_done(&out);
}

static int make_certificates(void **state)
{
	struct cert a = cert_new("a", NULL, 10), b = cert_new("b", NULL, 10);

	(void)state;
	buf_init(&both, 100000);
	buf_init(&other, 100000);
	cert_print(&a, &both);
	cert_print_key(&a, NULL, &both);
	cert_print_key(&b, NULL, &other);
	cert_free(&a);
	cert_free(&b);
	return 0;
}

static int free_certificates(void **state)
{
	(void)state;
	buf_done(&both);
	buf_done(&other);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_have_their_place),
		cmocka_unit_test(tokens_are_read_and_never_printed),
	};

	return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
