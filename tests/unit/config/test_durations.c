/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include "config/field.h"

#define FRONT "database: {database: d, user: u, table: t}\n"

static void a_schedule_is_read_and_printed(void **state)
{
	static const struct {
		const char *given;
		size_t count;
		int64_t first_s, last_s;
		const char *printed;
	} cases[] = {
		{"retry_schedule: [5m, 30m, 2h]", 3, 300, 7200, "retry_schedule: [5m, 30m, 2h]\n"},
		{"retry: {schedule: [5m, 30m, 2h]}", 3, 300, 7200,
		 "retry_schedule: [5m, 30m, 2h]\n"},
		{"retry_schedule: \"1s, 30d\"", 2, 1, 2592000, "retry_schedule: [1s, 30d]\n"},
		{"retry_schedule: 90", 1, 90, 90, "retry_schedule: [90s]\n"},
		{"retry_schedule: [10s, 10s, 1s]", 3, 10, 1, "retry_schedule: [10s, 10s, 1s]\n"},
		{"retry_parked_keys: 2", 0, 0, 0, "retry_parked_keys: 2\n"},
	};
	const struct duration_list *l;
	struct settings s;
	struct buf out;
	char yaml[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(yaml, sizeof(yaml), FRONT "webhook: {url: http://h/, %s}\n",
			       cases[i].given);
		s = must_load(&bare_env, yaml);
		l = &s.webhooks[0].retry_schedule;
		assert_int_equal(l->count, cases[i].count);
		if (l->count) {
			assert_int_equal(l->items_us[0], cases[i].first_s * 1000000);
			assert_int_equal(l->items_us[l->count - 1], cases[i].last_s * 1000000);
		}
		buf_init(&out, 65536);
		config_print(&s, &out);
		assert_non_null(strstr(buf_str(&out), cases[i].printed));
		assert_int_equal(strstr(buf_str(&out), "retry_schedule") != NULL, l->count > 0);
		buf_done(&out);
		settings_done(&s);
	}
}

static void mistakes_in_a_schedule_have_their_place(void **state)
{
	static const struct {
		const char *given;
		const char *said;
	} cases[] = {
		{"retry_schedule: [5m, soon]",
		 "f:2:48: webhook.retry_schedule[1]: \"soon\" is not"},
		{"retry_schedule: [999ms]",
		 "f:2:44: webhook.retry_schedule[0]: 999ms is below the minimum of 1s\n"},
		{"retry_schedule: [31d]",
		 "f:2:44: webhook.retry_schedule[0]: 31d is above the maximum of 30d\n"},
		{"retry_schedule: {a: 5m}", "f:2:43: webhook.retry_schedule: must be"},
		{"retry_schedule: [1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,"
		 "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s]",
		 "f:2:140: webhook.retry_schedule[32]: too many: at most 32 are allowed\n"},
		{"retry_parked_keys: 1",
		 "f:2:46: webhook.retry_parked_keys: 1 is below the minimum of 2\n"},
	};
	struct settings s;
	char yaml[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(yaml, sizeof(yaml), FRONT "webhook: {url: http://h/, %s}\n",
			       cases[i].given);
		if (strncmp(load_said(&bare_env, yaml, &s), cases[i].said, strlen(cases[i].said)) !=
		    0)
			fail_msg("%s: %s", cases[i].given, load_said(&bare_env, yaml, &s));
	}
}

static void a_reload_tells_of_a_changed_schedule(void **state)
{
	struct settings a, b;
	struct buf out;

	(void)state;
	a = must_load(&bare_env, FRONT "webhook: {url: http://h/, retry_schedule: [5m]}\n");
	b = must_load(&bare_env, FRONT "webhook: {url: http://h/, retry_schedule: [5m, 1h]}\n");
	buf_init(&out, 4096);
	assert_int_equal(config_diff(&a, &a, &out), 0);
	assert_string_equal(buf_str(&out), "");
	assert_int_equal(config_diff(&a, &b, &out), 0);
	assert_string_equal(buf_str(&out), "webhook.retry_schedule: [5m] -> [5m, 1h]");
	buf_done(&out);
	settings_done(&a);
	settings_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schedule_is_read_and_printed),
		cmocka_unit_test(mistakes_in_a_schedule_have_their_place),
		cmocka_unit_test(a_reload_tells_of_a_changed_schedule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
