/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include "config/field.h"

#define FRONT "database: {database: d, user: u, table: t}\n"

static void keys_that_begin_alike_may_be_a_group(void **state)
{
	struct settings s;

	(void)state;
	s = must_load(&bare_env, FRONT "webhook:\n"
				       "  url: http://h/\n"
				       "  retry: {count: 7, delay: 2s, max_delay: 9s}\n"
				       "  network: {deny: [private, loopback], allow: none}\n"
				       "  breaker:\n"
				       "    failures: 9\n"
				       "worker: {pool: {size: 3}}\n");
	assert_int_equal(s.webhooks[0].retry_count, 7);
	assert_int_equal(s.webhooks[0].retry_delay_us, 2000000);
	assert_int_equal(s.webhooks[0].retry_max_delay_us, 9000000);
	assert_int_equal(s.webhooks[0].breaker_failures, 9);
	assert_int_equal(s.webhooks[0].network_deny.count, 2);
	assert_true(string_list_has(&s.webhooks[0].network_deny, "loopback"));
	assert_int_equal(s.worker.pool_size, 3);
	settings_done(&s);
}

static void groups_stand_in_the_lists_too(void **state)
{
	struct settings s;

	(void)state;
	s = must_load(&bare_env,
		      "sources:\n"
		      "  - {name: a, database: d, user: u, ack: {delay: 5ms}, "
		      "statement: {timeout: 7s}}\n"
		      "webhooks:\n"
		      "  - {name: w, url: http://h/, max: {in_flight: 2}}\n"
		      "pipelines:\n"
		      "  - {name: p, source: a, webhook: w, table: t, max: {bytes: 2MB}}\n");
	assert_int_equal(s.sources[0].ack_delay_us, 5000);
	assert_int_equal(s.sources[0].statement_timeout_us, 7000000);
	assert_int_equal(s.webhooks[0].max_in_flight, 2);
	assert_int_equal(s.pipelines[0].max_bytes, 2 << 20);
	settings_done(&s);
}

/* What is wrong with a key of a group is told where it stands, by its whole name. */
static void mistakes_in_groups_have_their_place(void **state)
{
	static const struct {
		const char *webhook;
		const char *said;
	} cases[] = {
		{"{url: http://h/, retry: {count: many}}",
		 "f:2:42: webhook.retry_count: \"many\" is not a whole number"},
		{"{url: http://h/, retry: {cuont: 3}}",
		 "f:2:35: webhook.retry_cuont: unknown key, did you mean retry_count?\n"},
		{"{url: http://h/, retry_count: 3, retry: {count: 4}}",
		 "f:2:51: webhook.retry_count: given twice, first in line 2\n"},
		{"{url: http://h/, retry: {delay: 9s, max_delay: 2s}}",
		 "f:2:42: webhook.retry_delay: 9s is more than retry_max_delay, which is 2s\n"},
		{"{url: http://h/, retry: {}}", "f:2:27: webhook.retry: unknown key"},
		{"{url: http://h/, retry: [3]}", "f:2:27: webhook.retry: unknown key"},
		{"{url: http://h/, retry: {count: {x: 1}}}",
		 "f:2:42: webhook.retry_count: must be a single value, not a mapping\n"},
		{"{url: http://h/, timeout: {x: 1}}",
		 "f:2:36: webhook.timeout: must be a single value, not a mapping\n"},
		{"{url: http://h/, \"\": {x: 1}}", "f:2:27: webhook.: unknown key"},
	};
	struct settings s;
	char yaml[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(yaml, sizeof(yaml), FRONT "webhook: %s\n", cases[i].webhook);
		if (strncmp(load_said(&bare_env, yaml, &s), cases[i].said, strlen(cases[i].said)) !=
		    0)
			fail_msg("%s: %s", cases[i].webhook, load_said(&bare_env, yaml, &s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_begin_alike_may_be_a_group),
		cmocka_unit_test(groups_stand_in_the_lists_too),
		cmocka_unit_test(mistakes_in_groups_have_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
