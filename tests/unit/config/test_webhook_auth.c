/* SPDX-License-Identifier: MIT */
/*
 * What the keys of a webhook for authorization and TLS must agree on, and what the files must hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs.h"
#include "config/load.h"

#define DATABASE "database: {database: d, table: t}\n"
#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const struct {
	const char *webhook, *mistakes;
} cases[] = {
	{"bearer_token: Hid1", ""},
	{"basic_user: shop, basic_password: \"\"", ""},
	{"oauth2_token_url: https://l/t, oauth2_client_id: c, oauth2_client_secret_file: /secret",
	 ""},
	{"tls_min: 1.3, tls_pin: [" PIN "]", ""},
	{"tls_cert: /one.pem, tls_key: /one.key, ca_file: /ca.pem", ""},
	{"tls_cert: /both.pem, tls_key: /both.pem", ""},
	{"tls_cert: /one.pem, tls_key: /locked.key, tls_key_password_file: /secret", ""},

	{"bearer_token: Hid1, basic_user: shop, basic_password: Hid2",
	 "f:2:47: webhook.basic_user: not with bearer_token: one kind of authorization\n"},
	{"oauth2_token_url: https://l/t, oauth2_client_id: c, oauth2_client_secret: Hid1, "
	 "bearer_token_file: /secret",
	 "f:2:27: webhook.oauth2_token_url: not with bearer_token: one kind of authorization\n"},
	{"basic_password: Hid1, basic_user_file: x",
	 "f:2:49: webhook.basic_user_file: unknown key, did you mean basic_user?\n"},
	{"basic_user: shop",
	 "f:2:27: webhook.basic_user: needs basic_password (which may be \"\")\n"},
	{"basic_password_credential: pw", "f:2:27: webhook.basic_password_credential: needs "
					  "basic_user\n"},
	{"oauth2_token_url: https://l/t",
	 "f:2:27: webhook.oauth2_token_url: needs oauth2_client_id\n"
	 "f:2:27: webhook.oauth2_token_url: needs oauth2_client_secret\n"},
	{"oauth2_scope: a, oauth2_audience: b",
	 "f:2:27: webhook.oauth2_scope: needs oauth2_token_url\n"
	 "f:2:44: webhook.oauth2_audience: needs oauth2_token_url\n"},
	{"bearer_token: Hid1, headers: {authorization: Hid2}",
	 "f:2:57: webhook.headers.authorization: not with bearer_token, which writes this "
	 "header\n"},
	{"bearer_token: Bearer Hid1",
	 "f:2:41: webhook.bearer_token: a token has no spaces, control characters or others than "
	 "ASCII; \"Bearer\" is no part of it\n"},
	{"basic_user: a:b, basic_password: Hid1",
	 "f:2:39: webhook.basic_user: a user has no colon\n"},
	{"oauth2_token_url: 'https://u:Hid1@l/t', oauth2_client_id: c, oauth2_client_secret: Hid2",
	 "f:2:45: webhook.oauth2_token_url: has no user: what authorizes has keys "
	 "of its own\n"},
	{"oauth2_token_url: 'https://l/{table}', oauth2_client_id: c, oauth2_client_secret: Hid2",
	 "f:2:45: webhook.oauth2_token_url: has no braces and no fragment: it is not a template\n"},
	{"oauth2_auth: body", "f:2:40: webhook.oauth2_auth: \"body\" is none of basic, post\n"},
	{"tls_min: 1.1", "f:2:36: webhook.tls_min: \"1.1\" is not known, did you mean 1.2?\n"},
	{"tls_pin: sha256//x",
	 "f:2:36: webhook.tls_pin: must be sha256// and base64 of the 32 bytes of a public key's "
	 "SHA-256\n"},
	{"tls_cert: /one.pem", "f:2:27: webhook.tls_cert: needs tls_key (which may name the same "
			       "file)\n"},
	{"tls_key: /one.key", "f:2:27: webhook.tls_key: needs tls_cert\n"},
	{"tls_key_password: Hid1", "f:2:27: webhook.tls_key_password: needs tls_key\n"},
	{"tls_cert: /none.pem, tls_key: /none.key",
	 "f:2:37: webhook.tls_cert: cannot open /none.pem\n"
	 "f:2:57: webhook.tls_key: cannot open /none.key\n"},
	{"tls_cert: /one.key, tls_key: /one.key",
	 "f:2:37: webhook.tls_cert: /one.key: holds no certificate\n"},
	{"tls_cert: /one.pem, tls_key: /one.pem",
	 "f:2:56: webhook.tls_key: /one.pem: holds no private key, or one with a password\n"},
	{"tls_cert: /one.pem, tls_key: /two.key",
	 "f:2:56: webhook.tls_key: /two.key: is not the key of the certificate\n"},
	{"tls_cert: /one.pem, tls_key: /locked.key",
	 "f:2:56: webhook.tls_key: /locked.key: holds no private key, or one with a password\n"},
	{"tls_cert: /one.pem, tls_key: /locked.key, tls_key_password: Hid1",
	 "f:2:56: webhook.tls_key: /locked.key: holds no private key that the password opens\n"},
	{"ca_file: /cut.pem",
	 "f:2:36: webhook.ca_file: /cut.pem: holds something broken: not PEM, or "
	 "cut off\n"},
	{"ca_file: /secret", "f:2:36: webhook.ca_file: /secret: holds no certificate\n"},
};

/* With a URL of their own. */
static const struct {
	const char *webhook, *mistakes;
} whole[] = {
	{"url: http://h, tls_cert: /one.pem, tls_key: /one.key, tls_pin: " PIN,
	 "f:2:26: webhook.tls_cert: without effect: the URL is http, not https\n"
	 "f:2:65: webhook.tls_pin: without effect: the URL is http, not https\n"},
	/* it is shown to the token endpoint */
	{"url: http://h, tls_cert: /one.pem, tls_key: /one.key, oauth2_token_url: https://l/t, "
	 "oauth2_client_id: c, oauth2_client_secret: Hid1",
	 ""},
	{"url: 'https://u:Hid1@h/', bearer_token: Hid2",
	 "f:2:37: webhook.bearer_token: not with a user in the URL\n"},
};

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "CREDENTIALS_DIRECTORY") ? NULL : "/credentials";
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	const struct cert *certs = ctx; /* a CA, and two by it */

	if (!strcmp(path, "/secret") || !strcmp(path, "/credentials/pw"))
		buf_add_str(out, "Hid3\n");
	else if (!strcmp(path, "/ca.pem"))
		cert_print(&certs[0], out);
	else if (!strcmp(path, "/one.pem"))
		cert_print(&certs[1], out);
	else if (!strcmp(path, "/one.key"))
		cert_print_key(&certs[1], NULL, out);
	else if (!strcmp(path, "/two.key"))
		cert_print_key(&certs[2], NULL, out);
	else if (!strcmp(path, "/locked.key"))
		cert_print_key(&certs[1], "Hid3", out);
	else if (!strcmp(path, "/both.pem")) {
		cert_print_key(&certs[1], NULL, out);
		cert_print(&certs[1], out);
		cert_print(&certs[0], out);
	} else if (!strcmp(path, "/cut.pem")) {
		cert_print(&certs[1], out);
		cert_print(&certs[0], out);
		buf_truncate(out, out->len - 40);
	} else {
		return err_set(e, ERR_NOT_FOUND, "cannot open %s", path);
	}
	return buf_error(out);
}

static void check_one(struct cert *certs, const char *url, const char *webhook, const char *want)
{
	const struct config_env env = {.get = get, .read_file = read_file, .ctx = certs};
	struct settings s;
	struct buf yaml, mistakes;
	struct err e;
	enum err_code code;

	buf_init(&yaml, 65536);
	buf_init(&mistakes, CONFIG_MISTAKES_BYTES);
	buf_add_fmt(&yaml, DATABASE "webhook: {%s%s}\n", url, webhook);
	code = config_parse("f", buf_text(&yaml), &env, &s, &mistakes, &e);
	assert_string_equal(buf_str(&mistakes), want);
	assert_int_equal(code, *want ? ERR_CONFIG : ERR_OK);
	assert_null(strstr(buf_str(&mistakes), "Hid"));
	if (code == ERR_OK)
		settings_done(&s);
	buf_done(&yaml);
	buf_done(&mistakes);
}

static void what_contradicts_is_reported_with_its_place_and_without_the_secret(void **state)
{
	struct cert certs[3] = {cert_new("ca", NULL, 10)};
	size_t i;

	(void)state;
	certs[1] = cert_new("one", &certs[0], 10);
	certs[2] = cert_new("two", &certs[0], 10);
	for (i = 0; i < ARRAY_LEN(cases); i++)
		check_one(certs, "url: https://h, ", cases[i].webhook, cases[i].mistakes);
	for (i = 0; i < ARRAY_LEN(whole); i++)
		check_one(certs, "", whole[i].webhook, whole[i].mistakes);
	for (i = 0; i < ARRAY_LEN(certs); i++)
		cert_free(&certs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_contradicts_is_reported_with_its_place_and_without_the_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
