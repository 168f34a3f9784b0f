/* SPDX-License-Identifier: MIT */
/* What does not go together with several events in one request. */
#include "config_fixture.h"

#define DATABASE "database: {database: d, table: t}\n"
#define DIFFER                                                                                     \
	"has placeholders, in which the events of one request may differ: not with "               \
	"batch_max_events\n"

static const struct config_case cases[] = {
	{DATABASE "webhook: {url: http://h, batch_max_events: 0}\n",
	 "f:2:44: webhook.batch_max_events: 0 is below the minimum of 1\n"},
	{DATABASE "webhook: {url: http://h, batch_max_events: 10001}\n",
	 "f:2:44: webhook.batch_max_events: 10001 is above the maximum of 10000\n"},
	{DATABASE "webhook: {url: http://h, batch_max_delay: 1s, batch_max_bytes: 1MB}\n",
	 "f:2:26: webhook.batch_max_delay: is for batch_max_events above 1: there is nothing to "
	 "wait for\n"},
	{DATABASE "webhook: {url: http://h, batch_max_events: 2, format: cloudevents-binary}\n",
	 "f:2:47: webhook.format: has one event a request, whose attributes are headers: "
	 "cloudevents has batches\n"},
	{DATABASE "webhook: {url: http://h, encoding: bson}\n",
	 "f:2:36: webhook.encoding: \"bson\" is not known, did you mean json?\n"},
	{DATABASE "webhook: {url: http://h, encoding: cbor, format: cloudevents}\n",
	 "f:2:26: webhook.encoding: CloudEvents in one piece are JSON: cloudevents-binary has its "
	 "data in any encoding\n"},
	{DATABASE "webhook: {url: 'http://h/{table}', batch_max_events: 2}\n",
	 "f:2:11: webhook.url: " DIFFER},
	{DATABASE "webhook: {url: http://h, batch_max_events: 2,\n"
		  "  headers: {A: b, X-Table: '{table}', C: '{id}'}}\n",
	 "f:3:19: webhook.headers.X-Table: " DIFFER "f:3:39: webhook.headers.C: " DIFFER},
};

static void contradictions_are_refused_where_they_stand(void **state)
{
	(void)state;
	assert_cases(&bare_env, cases, ARRAY_LEN(cases));
}

static void without_a_word_each_event_goes_by_itself(void **state)
{
	struct settings s = must_load(&bare_env, DATABASE "webhook: {url: 'http://h/{table}'}\n");

	(void)state;
	assert_int_equal(s.webhooks[0].batch_max_events, 1);
	settings_done(&s);
	s = must_load(&bare_env,
		      DATABASE "webhook: {url: http://h, batch_max_events: 100, type: '{id}',\n"
			       "  format: cloudevents}\n");
	assert_int_equal(s.webhooks[0].batch_max_events, 100);
	assert_int_equal(s.webhooks[0].batch_max_bytes, 1 << 20);
	assert_int_equal(s.webhooks[0].batch_max_delay_us, 0);
	settings_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_refused_where_they_stand),
		cmocka_unit_test(without_a_word_each_event_goes_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
