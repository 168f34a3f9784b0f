/* SPDX-License-Identifier: MIT */
/*
 * Settings back to text: the effective configuration and the difference of two.
 */
#include "config_fixture.h"

#define SECRET_1 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET_2 "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="

static const char full[] =
	"sources:\n"
	"  - {name: shop, database: \"a\\\"b\\\\ $${X} \\u00e9\\u2028\\x85\", password: hidden1, "
	"sslcert: c}\n"
	"webhooks:\n"
	"  - {name: crm, url: 'https://hidden2:hidden3@h:1/p?hidden4#hidden5', headers: {A: "
	"hidden6}}\n"
	"  - {name: bare, url: 'http://h'}\n"
	"pipelines:\n"
	"  - name: 'null'\n"
	"    webhook: crm\n"
	"    tables:\n"
	"      - {name: '\"a.b\".\"c\"\"d\"', exclude: [x, 'y z'], where: \"NEW.a = 'it''s' \"}\n"
	"      - s.*\n"
	"    modes: delete\n"
	"admin: {token: hidden7}\n";

static void the_effective_configuration_loads_again_as_the_same(void **state)
{
	struct settings s = must_load(&bare_env, full), again;
	struct buf first, second;

	(void)state;
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	config_print(&s, &first);
	again = must_load(&bare_env, buf_str(&first));
	config_print(&again, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	assert_string_equal(again.sources[0].database, s.sources[0].database);
	assert_string_equal(again.pipelines[0].name, "null");
	assert_string_equal(again.pipelines[0].tables[0].schema, "a.b");
	assert_string_equal(again.pipelines[0].tables[0].table, "c\"d");
	assert_string_equal(again.pipelines[0].tables[0].where[OP_DELETE], "OLD.a = 'it''s'");
	settings_done(&again);
	settings_done(&s);
	buf_done(&second);
	buf_done(&first);
}

static void no_secret_is_ever_printed(void **state)
{
	struct settings s =
		must_load(&bare_env,
			  "database: {database: d, table: t, password: hidden1}\n"
			  "webhook: {url: 'https://hidden2:hidden3@h:1/p?hidden4#hidden5',"
			  " headers: {A: hidden6}, signing_secrets: [" SECRET_1 ", " SECRET_2 "]}\n"
			  "admin: {token: hidden7}\n");
	struct settings other = must_load(
		&bare_env, "database: {database: d, table: t, password: hidden8}\n"
			   "webhook: {url: 'https://hidden9@h:1/p', headers: {A: hidden0},"
			   " signing_secrets: " SECRET_1 "}\n"
			   "admin: {token: hidden7x}\n");
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	config_print(&s, &out);
	assert_null(strstr(buf_str(&out), "hidden"));
	assert_non_null(strstr(buf_str(&out), "    password: \"***\"\n"));
	assert_non_null(strstr(buf_str(&out), "    url: \"https://***@h:1/p?***\"\n"));
	assert_non_null(strstr(buf_str(&out), "      \"A\": \"***\"\n"));
	assert_null(strstr(buf_str(&out), "whs"));
	assert_non_null(strstr(buf_str(&out), "    signing_secrets: [\"***\", \"***\"]\n"));
	buf_reset(&out);
	assert_int_equal(config_diff(&s, &other, &out), 0);
	assert_string_equal(buf_str(&out),
			    "database.password: \"***\" -> \"***\"; "
			    "webhook.url: \"https://***@h:1/p?***\" -> \"https://***@h:1/p\"; "
			    "webhook.signing_secrets: [\"***\", \"***\"] -> [\"***\"]; "
			    "webhook.headers: changed; admin.token: \"***\" -> \"***\"");
	buf_done(&out);
	settings_done(&other);
	settings_done(&s);
}

static void other_signing_secrets_are_a_difference(void **state)
{
	static const char *const lines[] = {
		"",
		", signing_secrets: " SECRET_1,
		", signing_secrets: " SECRET_2,
		", signing_secrets: \"" SECRET_1 "," SECRET_2 "\"",
		", signing_secrets: [" SECRET_2 ", " SECRET_1 "]",
		", signing_secrets: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx",
	};
	char yaml[300];
	struct settings s[ARRAY_LEN(lines)];
	struct buf out;
	size_t i, j;

	(void)state;
	buf_init(&out, 10000);
	for (i = 0; i < ARRAY_LEN(lines); i++) {
		(void)snprintf(yaml, sizeof(yaml),
			       "database: {database: d, table: t}\nwebhook: {url: http://h%s}\n",
			       lines[i]);
		s[i] = must_load(&bare_env, yaml);
		for (j = 0; j <= i; j++) {
			buf_reset(&out);
			(void)config_diff(&s[i], &s[j], &out);
			assert_int_equal(out.len == 0, i == j);
		}
	}
	for (i = 0; i < ARRAY_LEN(lines); i++)
		settings_done(&s[i]);
	buf_done(&out);
}

static void nothing_differs_from_itself(void **state)
{
	struct settings s = must_load(
		&bare_env, "database: {database: d, table: t}\nwebhook: {url: http://h}\n");
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(config_diff(&s, &s, &out), 0);
	assert_string_equal(buf_str(&out), "");
	buf_done(&out);
	settings_done(&s);
}

static void a_difference_names_the_key_both_values_and_what_needs_an_install(void **state)
{
	struct settings a = must_load(
		&bare_env, "sources: [{name: x, database: d}, {name: gone, database: d}]\n"
			   "webhooks: [{name: w, url: http://h, timeout: 30}]\n"
			   "pipelines:\n"
			   "  - {name: default, source: x, tables: [t]}\n"
			   "  - {name: q, source: x, tables: [t, {name: u, key: [a]}]}\n");
	struct settings b = must_load(
		&bare_env,
		"sources: [{name: x, database: d, port: 1}]\n"
		"webhooks: [{name: w, url: http://h, timeout: 10, proxy: 'http://me:pw@c:1'},"
		" {name: new, url: http://h}]\n"
		"pipelines:\n"
		"  - {name: default, webhook: new, modes: insert, tables: [t]}\n"
		"  - {name: q, webhook: w, tables: [t, {name: u, key: [b]}]}\n"
		"logging: {level: debug}\n"
		"worker: {pool_size: 20}\n");
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	buf_add_str(&out, "kept ");
	assert_int_equal(config_diff(&a, &b, &out), 2);
	assert_string_equal(
		buf_str(&out),
		"kept database.port of x: 5432 -> 1; source: gone removed; "
		"webhook.timeout of w: 30s -> 10s; webhook.proxy of w: none -> \"http://***@c:1\"; "
		"webhook: new added; "
		"listener.modes: [insert, update, delete, truncate] -> [insert] (install); "
		"pipelines.webhook: changed; pipelines.tables of q: changed (install); "
		"worker.pool_size: 10 -> 20; logging.level: info -> debug");
	buf_done(&out);
	settings_done(&b);
	settings_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_effective_configuration_loads_again_as_the_same),
		cmocka_unit_test(no_secret_is_ever_printed),
		cmocka_unit_test(other_signing_secrets_are_a_difference),
		cmocka_unit_test(nothing_differs_from_itself),
		cmocka_unit_test(a_difference_names_the_key_both_values_and_what_needs_an_install),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
