/* SPDX-License-Identifier: MIT */
/* The receiver's word: validate, disable_header, disable_after. */
#include "config_fixture.h"

#include "base/clock.h"

#define DATABASE "database: {database: d, table: t}\n"
static const struct config_case cases[] = {
	{DATABASE "webhook: {url: http://h, validation_origin: a.example, validation_rate: 5}\n",
	 "f:2:26: webhook.validation_origin: only with validate: true\n"
	 "f:2:56: webhook.validation_rate: only with validate: true\n"},
	{DATABASE "webhook: {url: 'http://h/{table}', validate: true}\n",
	 "f:2:36: webhook.validate: a URL with placeholders cannot be validated\n"},
	{DATABASE "webhook: {url: http://h, validate: true, headers: {origin: me}}\n",
	 "f:2:26: webhook.validate: sends the header origin itself: see validation_origin\n"},
	{DATABASE "webhook: {url: http://h, validate: true, validation_origin: 'a b'}\n",
	 "f:2:61: webhook.validation_origin: must be a DNS name\n"},
	{DATABASE "webhook: {url: http://h, validate: true, validation_rate: -1}\n",
	 "f:2:59: webhook.validation_rate: -1 is below the minimum of 0\n"},
	{DATABASE "webhook: {url: http://h, disable_header: gone}\n",
	 "f:2:42: webhook.disable_header: must be NAME: VALUE, a header field of an answer\n"},
	{DATABASE "webhook: {url: http://h, disable_header: 'a b: c'}\n",
	 "f:2:42: webhook.disable_header: must be NAME: VALUE, a header field of an answer\n"},
	{DATABASE "webhook: {url: http://h, disable_header: 'a:  '}\n",
	 "f:2:42: webhook.disable_header: must be NAME: VALUE, without blanks at its end\n"},
	{DATABASE "webhook: {url: http://h, disable_header: 'a: b, c'}\n",
	 "f:2:42: webhook.disable_header: a value with a comma is a list: name one of its "
	 "members\n"},
	{DATABASE "webhook: {url: http://h, disable_after: 366d}\n",
	 "f:2:41: webhook.disable_after: 366d is above the maximum of 365d\n"},
};

static void contradictions_are_refused_where_they_stand(void **state)
{
	(void)state;
	assert_cases(&bare_env, cases, ARRAY_LEN(cases));
}

static void without_a_word_nothing_of_it_is_on(void **state)
{
	struct settings s = must_load(&bare_env, DATABASE "webhook: {url: http://h}\n");

	(void)state;
	assert_false(s.webhooks[0].validate);
	assert_null(s.webhooks[0].validation_origin);
	assert_null(s.webhooks[0].disable_header);
	assert_int_equal(s.webhooks[0].disable_after_us, 0);
	settings_done(&s);
}

static void who_asks_is_this_host_when_nobody_says(void **state)
{
	struct settings s =
		must_load(&bare_env, DATABASE "webhook: {url: http://h, validate: true}\n");

	(void)state;
	assert_non_null(s.webhooks[0].validation_origin);
	assert_true(s.webhooks[0].validation_origin[0]);
	settings_done(&s);
	s = must_load(&bare_env, DATABASE
		      "webhook: {url: http://h, validate: true, validation_origin: a.example,\n"
		      "  disable_header: 'webhook-delivery: disable', disable_after: 5d}\n");
	assert_string_equal(s.webhooks[0].validation_origin, "a.example");
	assert_string_equal(s.webhooks[0].disable_header, "webhook-delivery: disable");
	assert_int_equal(s.webhooks[0].disable_after_us, 5 * 86400 * CLOCK_US_PER_S);
	settings_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_refused_where_they_stand),
		cmocka_unit_test(without_a_word_nothing_of_it_is_on),
		cmocka_unit_test(who_asks_is_this_host_when_nobody_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
