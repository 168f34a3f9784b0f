/* SPDX-License-Identifier: MIT */
/* What does not go together with several events in one request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/env.h"
#include "config/load.h"

#define DATABASE "database: {database: d, table: t}\n"
#define DIFFER                                                                                     \
	"has placeholders, in which the events of one request may differ: not with "               \
	"batch_max_events\n"

static const struct {
	const char *yaml, *mistakes;
} cases[] = {
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

static void load(const char *yaml, struct settings *s, struct buf *out)
{
	struct err e;
	enum err_code code;

	buf_init(out, CONFIG_MISTAKES_BYTES);
	code = config_parse("f", text_of(yaml), config_env_system(), s, out, &e);
	assert_int_equal(code, out->len ? ERR_CONFIG : ERR_OK);
}

static void contradictions_are_refused_where_they_stand(void **state)
{
	struct settings s;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		load(cases[i].yaml, &s, &out);
		assert_string_equal(buf_str(&out), cases[i].mistakes);
		buf_done(&out);
	}
}

static void without_a_word_each_event_goes_by_itself(void **state)
{
	struct settings s;
	struct buf out;

	(void)state;
	load(DATABASE "webhook: {url: 'http://h/{table}'}\n", &s, &out);
	assert_int_equal(s.webhooks[0].batch_max_events, 1);
	settings_done(&s);
	load(DATABASE "webhook: {url: http://h, batch_max_events: 100, type: '{id}',\n"
		      "  format: cloudevents}\n",
	     &s, &out);
	assert_int_equal(s.webhooks[0].batch_max_events, 100);
	assert_int_equal(s.webhooks[0].batch_max_bytes, 1 << 20);
	assert_int_equal(s.webhooks[0].batch_max_delay_us, 0);
	settings_done(&s);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_refused_where_they_stand),
		cmocka_unit_test(without_a_word_each_event_goes_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
