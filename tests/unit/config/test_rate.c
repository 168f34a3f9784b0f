/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include "base/clock.h"
#include "config/rate.h"

#define S CLOCK_US_PER_S

static void a_rate_is_a_number_and_a_stretch_of_time(void **state)
{
	static const struct {
		const char *text;
		struct rate rate;
		const char *printed;
	} cases[] = {
		{"none", {0, 0}, "none"},
		{"1/s", {1, S}, "1/s"},
		{"100/min", {100, 60 * S}, "100/min"},
		{"100/m", {100, 60 * S}, "100/min"},
		{" 100 / min ", {100, 60 * S}, "100/min"},
		{"100/1m", {100, 60 * S}, "100/min"},
		{"100/60s", {100, 60 * S}, "100/min"},
		{"100/60", {100, 60 * S}, "100/min"},
		{"2000/h", {2000, 3600 * S}, "2000/h"},
		{"5/10s", {5, 10 * S}, "5/10s"},
		{"50000/d", {50000, 86400 * S}, "50000/d"},
		{"3/100ms", {3, S / 10}, "3/100ms"},
		{"15/1.5s", {15, S * 3 / 2}, "15/1500ms"},
		{"1000000/s", {1000000, S}, "1000000/s"},
	};
	struct rate r, again;
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		r = (struct rate){7, 7};
		if (rate_set(NULL, &r, text_of(cases[i].text), &e) != ERR_OK)
			fail_msg("%s: %s", cases[i].text, e.msg);
		assert_true(rate_is_equal(&r, &cases[i].rate));
		buf_init(&out, 64);
		rate_print(NULL, &r, &out);
		assert_string_equal(buf_str(&out), cases[i].printed);
		assert_int_equal(rate_set(NULL, &again, buf_text(&out), &e), ERR_OK);
		assert_true(rate_is_equal(&r, &again));
		buf_done(&out);
	}
	rate_done(&r);
	assert_int_equal(r.count, 0);
	assert_false(rate_is_equal(&cases[1].rate, &cases[2].rate));
	assert_false(rate_is_equal(&cases[1].rate, &cases[13].rate));
}

static void what_is_no_rate_is_refused_and_changes_nothing(void **state)
{
	static const char *const not_rates[] = {
		"",          "100",
		"/min",      "100/",
		"100/min/s", "x/s",
		"1.5/s",     "none/s",
		"1/x",       "1/abcdefghijk",
		"1/-1s",     "1/ s s",
		"1/min 5",   "99999999999999999999/s",
	};
	static const struct {
		const char *text, *complaint;
	} ranges[] = {
		{"0/s", "a rate's number is 1 to 1000000"},
		{"-1/s", "a rate's number is 1 to 1000000"},
		{"1000001/s", "a rate's number is 1 to 1000000"},
		{"1/99ms", "a rate's time is 100ms to 1d"},
		{"1/2d", "a rate's time is 100ms to 1d"},
		{"1/0s", "a rate's time is 100ms to 1d"},
		{"1/us", "a rate's time is 100ms to 1d"},
	};
	struct rate r = {7, 8};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(not_rates); i++) {
		if (rate_set(NULL, &r, text_of(not_rates[i]), &e) != ERR_DATA)
			fail_msg("%s was taken", not_rates[i]);
		if (!strstr(e.msg, " is not a rate (write 10/s, 100/min, 5/10s, or none)"))
			fail_msg("%s: %s", not_rates[i], e.msg);
	}
	assert_int_equal(rate_set(NULL, &r, (struct text){"1/s\0x", 5}, &e), ERR_DATA);
	for (i = 0; i < ARRAY_LEN(ranges); i++) {
		assert_int_equal(rate_set(NULL, &r, text_of(ranges[i].text), &e), ERR_DATA);
		assert_string_equal(e.msg, ranges[i].complaint);
	}
	assert_int_equal(r.count, 7);
	assert_int_equal(r.period_us, 8);
}

/* ---- as part of a webhook ---- */

#define WEBHOOK "database: {database: d, table: t}\nwebhook:\n  url: http://h\n"

static void a_webhook_has_no_limit_but_the_one_that_is_written(void **state)
{
	struct settings a = must_load(&bare_env, WEBHOOK);
	struct settings b = must_load(&bare_env, WEBHOOK "  rate_limit: 100/min\n"
							 "  rate_limit_burst: 100\n"
							 "  concurrency: adaptive\n");
	struct buf out;

	(void)state;
	assert_int_equal(a.webhooks[0].rate_limit.count, 0);
	assert_int_equal(a.webhooks[0].rate_limit_burst, 1);
	assert_int_equal(a.webhooks[0].concurrency, WEBHOOK_CONCURRENCY_FIXED);
	assert_int_equal(b.webhooks[0].rate_limit.count, 100);
	assert_int_equal(b.webhooks[0].rate_limit.period_us, 60 * S);
	assert_int_equal(b.webhooks[0].rate_limit_burst, 100);
	assert_int_equal(b.webhooks[0].concurrency, WEBHOOK_CONCURRENCY_ADAPTIVE);
	buf_init(&out, 4096);
	(void)config_diff(&a, &b, &out);
	assert_non_null(strstr(buf_str(&out), "none -> 100/min"));
	buf_done(&out);
	settings_done(&a);
	settings_done(&b);
}

static void contradictions_are_refused_with_their_place(void **state)
{
	static const struct config_case cases[] = {
		{WEBHOOK "  rate_limit: 100 a minute\n",
		 "f:4:15: webhook.rate_limit: \"100 a minute\" is not a rate (write 10/s, 100/min, "
		 "5/10s, or none)\n"},
		{WEBHOOK "  rate_limit_burst: 2\n",
		 "f:4:21: webhook.rate_limit_burst: there is no rate_limit that it could belong "
		 "to\n"},
		{WEBHOOK "  rate_limit_burst: 3\n  rate_limit: none\n",
		 "f:4:21: webhook.rate_limit_burst: there is no rate_limit that it could belong "
		 "to\n"},
		{WEBHOOK "  rate_limit: 5/s\n  rate_limit_burst: 6\n",
		 "f:5:21: webhook.rate_limit_burst: more than the 5 that rate_limit allows\n"},
		{WEBHOOK "  rate_limit: 5/s\n  rate_limit_burst: 0\n",
		 "f:5:21: webhook.rate_limit_burst: 0 is below the minimum of 1\n"},
		{WEBHOOK "  concurrency: adaptiv\n",
		 "f:4:16: webhook.concurrency: \"adaptiv\" is not known, did you mean adaptive?\n"},
	};

	(void)state;
	assert_cases(&bare_env, cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_a_number_and_a_stretch_of_time),
		cmocka_unit_test(what_is_no_rate_is_refused_and_changes_nothing),
		cmocka_unit_test(a_webhook_has_no_limit_but_the_one_that_is_written),
		cmocka_unit_test(contradictions_are_refused_with_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
