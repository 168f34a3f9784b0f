/* SPDX-License-Identifier: MIT */
/*
 * What the columns_*, mask_* and oversized of a webhook can get wrong together, and what they
 * become.
 */
#include "config_fixture.h"

#include "config/column_rules.h"

#define DATABASE "database: {database: d, table: t}\n"
#define KEY "0123456789abcdef0123456789abcdef"

static const char *get(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "KEY") ? NULL : KEY;
}

static enum err_code read_file(void *ctx, const char *path, struct buf *out, struct err *e)
{
	(void)ctx;
	(void)e;
	buf_add_fmt(out, "%s\n", strcmp(path, "/short") ? KEY : "too short");
	return buf_error(out);
}

static const struct config_env env = {.get = get, .read_file = read_file};

static const struct config_case cases[] = {
	{DATABASE "webhook:\n"
		  "  url: http://h\n"
		  "  columns_include: [id, a.b.c.d, 'two words']\n"
		  "  columns_exclude:\n"
		  "    - \"\"\n"
		  "    - users.\n"
		  "  mask_redact: '\"open'\n"
		  "  mask_key: short\n",
	 "f:4:25: webhook.columns_include[1]: a column is COLUMN, TABLE.COLUMN or "
	 "SCHEMA.TABLE.COLUMN\n"
	 "f:4:34: webhook.columns_include[2]: spaces and quotes need a name in double quotes\n"
	 "f:6:7: webhook.columns_exclude[0]: must not be empty\n"
	 "f:7:7: webhook.columns_exclude[1]: a column is COLUMN, TABLE.COLUMN or "
	 "SCHEMA.TABLE.COLUMN: a name is missing\n"
	 "f:8:16: webhook.mask_redact: a double quote that is never closed\n"
	 "f:9:13: webhook.mask_key: a key is at least 32 characters: as openssl rand -hex 32 "
	 "writes them\n"},
	{DATABASE "webhook: {url: http://h, columns_include: id, columns_exclude: [email]}\n",
	 "f:2:47: webhook.columns_exclude: not together with columns_include\n"},
	{DATABASE "webhook: {url: http://h, mask_hash: email}\n",
	 "f:2:26: webhook.mask_hash: needs mask_key\n"},
	{DATABASE "webhook: {url: http://h, mask_key: \"${KEY}\"}\n",
	 "f:2:26: webhook.mask_key: is for mask_hash, which is not given\n"},
	{DATABASE "webhook: {url: http://h, mask_key_file: /key}\n",
	 "f:2:26: webhook.mask_key_file: is for mask_hash, which is not given\n"},
	{DATABASE "webhook: {url: http://h, mask_hash: a, mask_key_file: /short}\n",
	 "f:2:55: webhook.mask_key_file: a key is at least 32 characters: as openssl rand -hex 32 "
	 "writes them\n"},
	{DATABASE "webhook:\n"
		  "  url: http://h\n"
		  "  columns_exclude: [a, b]\n"
		  "  mask: {hash: [b, c], redact: [a, c], key: \"${KEY}\"}\n",
	 "f:5:16: webhook.mask_hash: c is in mask_redact too\n"
	 "f:5:16: webhook.mask_hash: b is in columns_exclude too\n"
	 "f:5:32: webhook.mask_redact: a is in columns_exclude too\n"},
	{DATABASE "webhook: {url: http://h, oversized: truncate}\n",
	 "f:2:26: webhook.oversized: needs max_body_bytes\n"},
	{DATABASE "webhook: {url: http://h, oversized: key_only}\n",
	 "f:2:26: webhook.oversized: needs max_body_bytes\n"},
	{DATABASE "webhook: {url: http://h, max_body_bytes: 0, oversized: dead_letter}\n",
	 "f:2:45: webhook.oversized: needs max_body_bytes\n"},
	{DATABASE "webhook: {url: http://h, max_body_bytes: 1023}\n",
	 "f:2:42: webhook.max_body_bytes: no body is smaller than 1kB for sure: 0 means no "
	 "limit\n"},
	{DATABASE "webhook: {url: http://h, max_body_bytes: 1kB, oversized: drop}\n",
	 "f:2:58: webhook.oversized: \"drop\" is none of key_only, truncate, dead_letter\n"},
	{DATABASE "webhook: {url: http://h, mask_redact: [a, a]}\n",
	 "f:2:43: webhook.mask_redact[1]: a is given twice\n"},
};

static void contradictions_are_told_with_their_place(void **state)
{
	(void)state;
	assert_cases(&env, cases, ARRAY_LEN(cases));
}

static void lists_become_rules(void **state)
{
	static const char yaml[] = DATABASE "webhook:\n"
					    "  url: http://h\n"
					    "  columns: {exclude: 'a, users.*_secret'}\n"
					    "  mask: {hash: [email], redact: [phone], key_file: "
					    "/key}\n";
	const struct column_name email = {TEXT_LIT("s"), TEXT_LIT("users"), TEXT_LIT("email"),
					  SOURCE_POSTGRES};
	struct settings s = must_load(&env, yaml);
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(column_rules_count(s.webhooks[0].column_rules), 4);
	assert_int_equal(column_rules_find(s.webhooks[0].column_rules, &email), COLUMN_HASH);
	config_print(&s, &out);
	assert_non_null(strstr(buf_str(&out), "columns_exclude: [\"a\", \"users.*_secret\"]\n"));
	assert_non_null(strstr(buf_str(&out), "mask_key: \"***\"\n"));
	assert_null(strstr(buf_str(&out), KEY));
	settings_done(&s);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_told_with_their_place),
		cmocka_unit_test(lists_become_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
