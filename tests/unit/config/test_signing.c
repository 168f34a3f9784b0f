/* SPDX-License-Identifier: MIT */
/*
 * The mistakes that webhook.signing_secrets can hold; what is right is in test_load.c.
 */
#include "config_fixture.h"

#define DATABASE "database: {database: d, table: t}\n"

static const struct config_case cases[] = {
	{DATABASE "webhook:\n"
		  "  url: http://h\n"
		  "  signing_secrets:\n"
		  "    - whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"
		  "    - whsec_c2VjcmV0\n"
		  "    - {file: /none}\n"
		  "    - {pile: whsec_c2VjcmV0}\n"
		  "    - [whsec_c2VjcmV0]\n"
		  "    - whsec_not-base64\n"
		  "    - secret\n"
		  "    - \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n"
		  "    - {credential: whpk_}\n",
	 "f:6:7: webhook.signing_secrets[1]: whsec_ and base64 of 6 bytes: 24 to 64 are needed\n"
	 "f:7:14: webhook.signing_secrets[2]: cannot open /none: No such file or directory\n"
	 "f:8:7: webhook.signing_secrets[3]: must be text, {file: PATH} or {credential: NAME}\n"
	 "f:9:7: webhook.signing_secrets[4]: must be a single value, not a list\n"
	 "f:10:7: webhook.signing_secrets[5]: what stands behind whsec_ is not base64\n"
	 "f:11:7: webhook.signing_secrets[6]: a signing secret begins with whsec_ (HMAC-SHA256) or "
	 "whsk_ (ed25519)\n"
	 "f:12:7: webhook.signing_secrets[7]: a secret is given twice\n"
	 "f:13:20: webhook.signing_secrets[8]: cannot open /credentials/whpk_: No such file or "
	 "directory\n"},
	{DATABASE "webhook: {url: http://h, signing_secrets: [], signing_secrets_file: /x}\n",
	 "f:2:43: webhook.signing_secrets: an empty list: leave the key out instead\n"
	 "f:2:47: webhook.signing_secrets_file: give only one of signing_secrets, "
	 "signing_secrets_file and signing_secrets_credential\n"},
	{DATABASE "webhook: {url: http://h, signing_secrets: , signing_secret: x}\n",
	 "f:2:43: webhook.signing_secrets: has no value\n"
	 "f:2:45: webhook.signing_secret: unknown key, did you mean signing_secrets?\n"},
	{DATABASE "webhook: {url: http://h, signing_secrets_file: /empty}\n",
	 "f:2:48: webhook.signing_secrets_file: /empty is empty\n"},
};

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "CREDENTIALS_DIRECTORY") ? NULL : "/credentials";
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	if (strcmp(path, "/empty") != 0)
		return err_set(e, ERR_NOT_FOUND, "cannot open %s: No such file or directory", path);
	buf_add_str(out, "\n");
	return buf_error(out);
}

static void every_mistake_is_reported_with_its_place_and_without_the_secret(void **state)
{
	const struct config_env env = {.get = get, .read_file = read_file};
	size_t i;

	(void)state;
	assert_cases(&env, cases, ARRAY_LEN(cases));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		assert_null(strstr(cases[i].mistakes, "c2Vj"));
		assert_null(strstr(cases[i].mistakes, "MfKQ"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_reported_with_its_place_and_without_the_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
