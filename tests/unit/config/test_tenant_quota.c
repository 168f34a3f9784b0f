/* SPDX-License-Identifier: MIT */
/* listener.tenant and its neighbours: what they mean, and what is refused, where it stands. */
#include "config_fixture.h"

#include "config/percentage.h"
#include "config/tenant_quota.h"

#define HEAD                                                                                       \
	"database: {database: d, table: t}\n"                                                      \
	"webhook: {url: http://h}\n"

static const struct config_case cases[] = {
	{HEAD "listener: {tenant_tiers: {gold: 5%}, tenants: {acme: gold}}\n",
	 "f:3:12: listener.tenant_tiers: only with tenant, the column that tells whose a row is\n"
	 "f:3:38: listener.tenants: only with tenant, the column that tells whose a row is\n"},
	{HEAD "listener: {tenant: c, ordering: table}\n",
	 "f:3:12: listener.tenant: not with ordering: table, where tenants wait for each other "
	 "anyway\n"},
	{HEAD "listener: {tenant: c, ordering: pipeline}\n",
	 "f:3:12: listener.tenant: not with ordering: pipeline, where tenants wait for each other "
	 "anyway\n"},
	{HEAD "listener: {tenant: c, tenant_quota: 0%}\n",
	 "f:3:37: listener.tenant_quota: 0.00% is not from 0.01% to 100%\n"},
	{HEAD "listener: {tenant: c, tenant_quota: 3}\n",
	 "f:3:37: listener.tenant_quota: \"3\" is no part of a whole (write 5% or 0.25%, at most "
	 "100%)\n"},
	{HEAD "listener: {tenant: c, tenant_tiers: {gold: 101%}}\n",
	 "f:3:44: listener.tenant_tiers.gold: \"101%\" is no part of a whole (write 5% or 0.25%, "
	 "at most 100%)\n"},
	{HEAD "listener: {tenant: c, tenant_tiers: [gold]}\n",
	 "f:3:37: listener.tenant_tiers: must be a mapping of keys to values, not a list\n"},
	{HEAD "listener: {tenant: c, tenant_tiers: {gold: 5%}, tenants: {acme: glod}}\n",
	 "f:3:65: listener.tenants.acme: no tier is called \"glod\", did you mean gold?\n"},
	{HEAD "listener: {tenant: c, tenants: {acme: platinum}}\n",
	 "f:3:39: listener.tenants.acme: no tier is called \"platinum\"\n"},
	{HEAD
	 "listener: {tenant: c, tenant_tiers: {big: 40%}, tenants: {a: big, b: big, c: 20%}}\n",
	 "f:3:49: listener.tenants: more than the pipeline's 100%: \"a\" 40% + \"b\" 40% + \"c\" "
	 "20% + any other 1% = 101%\n"},
	{"database: {database: d, tables: [{name: t, exclude: [c]}]}\n"
	 "webhook: {url: http://h}\n"
	 "listener: {tenant: c}\n",
	 "f:3:12: listener.tenant: table t in line 1 excludes this column\n"},
	{"database: {type: mysql, database: d}\n"
	 "webhook: {url: http://h}\n"
	 "listener: {tenant: c, audit_table: a}\n",
	 "f:3:12: listener.tenant: not with audit_table: its rows are read once, in their "
	 "order\n"},
};

static void what_makes_no_sense_is_refused_where_it_stands(void **state)
{
	(void)state;
	assert_cases(&bare_env, cases, ARRAY_LEN(cases));
}

static void quotas_come_from_tiers_and_numbers(void **state)
{
	struct settings s;
	const struct pipeline_settings *p;
	const char *near;
	int64_t quota;

	(void)state;
	s = must_load(&bare_env,
		      "sources: [{name: a, database: d, tables: [t]}]\n"
		      "webhook: {url: http://h}\n"
		      "listener: {tenant: c, tenant_tiers: {gold: 5%, silver: 2.5%}}\n"
		      "pipelines: [{name: p, tenants: {acme: gold, 'b c': 0.25%}}, {name: q}]\n");
	p = &s.pipelines[0];
	assert_string_equal(p->tenant, "c");
	assert_int_equal(p->tenant_quota, 100);
	assert_int_equal(p->tenants.count, 4);
	assert_int_equal(tenant_quota_of(p, p->tenants.items[1], &quota, &near, NULL), ERR_OK);
	assert_int_equal(quota, 500);
	assert_string_equal(p->tenants.items[2], "b c");
	assert_int_equal(tenant_quota_of(p, p->tenants.items[3], &quota, &near, NULL), ERR_OK);
	assert_int_equal(quota, 25);
	assert_int_equal(s.pipelines[1].tenants.count, 0);
	settings_done(&s);
}

/* Printed, read and printed again it is the same; a reload tells what changes. */
static void they_are_printed_and_compared(void **state)
{
	const char *yaml = HEAD "listener: {tenant: c, tenant_quota: 1.05%,\n"
				"  tenant_tiers: {gold: 5%}, tenants: {\"a: 1\": gold}}\n";
	struct settings s, again, other;
	struct buf printed, reprinted, diff;

	(void)state;
	s = must_load(&bare_env, yaml);
	buf_init(&printed, 100000);
	buf_init(&reprinted, 100000);
	buf_init(&diff, 1000);
	config_print(&s, &printed);
	assert_non_null(strstr(buf_str(&printed), "    tenant_quota: 1.05%\n"
						  "    tenant_tiers: {\"gold\": \"5%\"}\n"
						  "    tenants: {\"a: 1\": \"gold\"}\n"));
	again = must_load(&bare_env, buf_str(&printed));
	config_print(&again, &reprinted);
	assert_string_equal(buf_str(&printed), buf_str(&reprinted));
	other = must_load(&bare_env, HEAD "listener: {tenant: c}\n");
	assert_int_equal(config_diff(&other, &s, &diff), 0);
	assert_string_equal(buf_str(&diff),
			    "listener.tenant_quota: 1% -> 1.05%; listener.tenant_tiers: none -> "
			    "{\"gold\": \"5%\"}; listener.tenants: none -> {\"a: 1\": \"gold\"}");
	buf_done(&diff);
	buf_done(&printed);
	buf_done(&reprinted);
	settings_done(&s);
	settings_done(&again);
	settings_done(&other);
}

static void percentages_are_read_to_the_hundredth(void **state)
{
	static const struct {
		const char *text;
		int64_t want;
	} texts[] = {{"1%", 100},  {" 0.25 %", 25}, {"100%", 10000}, {"0.1%", 10},
		     {"0%", 0},    {"100.01%", -1}, {"1", -1},       {"%", -1},
		     {".5%", -1},  {"1.%", -1},     {"1.234%", -1},  {"-1%", -1},
		     {"1e2%", -1}, {"", -1},        {"1000%", -1}};
	int64_t got;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		got = -1;
		if (percentage_parse(text_of(texts[i].text), &got, NULL) != ERR_OK)
			assert_int_equal(got, -1);
		assert_int_equal(got, texts[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_makes_no_sense_is_refused_where_it_stands),
		cmocka_unit_test(quotas_come_from_tiers_and_numbers),
		cmocka_unit_test(they_are_printed_and_compared),
		cmocka_unit_test(percentages_are_read_to_the_hundredth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
