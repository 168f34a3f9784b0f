/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "config/network_rule.h"

static void blocks_hold_what_begins_as_they_do(void **state)
{
	static const struct {
		const char *block, *address;
		bool inside;
	} cases[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "a00::", false},
		{"172.16.0.0/12", "172.31.255.255", true},
		{"172.16.0.0/12", "172.32.0.0", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"192.0.2.7/32", "192.0.2.7", true},
		{"192.0.2.6/31", "192.0.2.7", true},
		{"0.0.0.0/0", "255.255.255.255", true},
		{"0.0.0.0/0", "::1", false},
		{"::/0", "::1", true},
		{"::/0", "1.2.3.4", true},
		{"::1", "::1", true},
		{"::1/128", "::2", false},
		{"fe80::/10", "febf:ffff::1%eth0", true},
		{"fe80::/10", "fec0::1", false},
		{"2001:db8::/33", "2001:db8:7fff::", true},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"::ffff:10.0.0.0/104", "10.9.9.9", true},
	};
	struct network_rule rule;
	struct network_address a;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		if (network_rule_parse(cases[i].block, &rule))
			fail_msg("%s", cases[i].block);
		assert_int_equal(rule.kind, NETWORK_RULE_BLOCK);
		assert_true(network_address_read(cases[i].address, &a));
		if (network_block_has(&rule.block, &a) != cases[i].inside)
			fail_msg("%s %s", cases[i].block, cases[i].address);
	}
}

static void words_are_rules(void **state)
{
	struct network_rule rule;

	(void)state;
	assert_null(network_rule_parse("none", &rule));
	assert_int_equal(rule.kind, NETWORK_RULE_NONE);
	assert_null(network_rule_parse("literal", &rule));
	assert_int_equal(rule.kind, NETWORK_RULE_LITERAL);
	assert_null(network_rule_parse("metadata", &rule));
	assert_int_equal(rule.kind, NETWORK_RULE_CLASS);
	assert_int_equal(rule.class, NETWORK_METADATA);
}

static void what_is_no_rule_is_refused(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{"", "neither a word"},
		{"privat", "neither a word"},
		{"example.com", "neither a word"},
		{"10.0.0", "neither a word"},
		{"010.0.0.1", "neither a word"},
		{"0x7f.0.0.1", "neither a word"},
		{"2130706433", "neither a word"},
		{"10.0.0.0-10.0.0.9", "neither a word"},
		{"fe80::1%eth0", "neither a word"},
		{"[::1]", "neither a word"},
		{"/8", "neither a word"},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/8", "neither a word"},
		{"10.0.0.0/", "0 to 32"},
		{"10.0.0.0/33", "0 to 32"},
		{"10.0.0.0/08", "0 to 32"},
		{"10.0.0.0/-1", "0 to 32"},
		{"10.0.0.0/255.0.0.0", "0 to 32"},
		{"10.0.0.0/8/8", "0 to 32"},
		{"10.0.0.0/4294967304", "0 to 32"},
		{"::/129", "0 to 128"},
		{"::1/ 8", "0 to 128"},
		{"10.0.0.1/8", "bits set behind"},
		{"10.0.0.1/31", "bits set behind"},
		{"::1/127", "bits set behind"},
		{"1.2.3.4/0", "bits set behind"},
	};
	struct network_rule rule = {.class = NETWORK_CLASS_COUNT};
	const char *complaint;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		complaint = network_rule_parse(cases[i].text, &rule);
		if (!complaint || !strstr(complaint, cases[i].complaint))
			fail_msg("%s: %s", cases[i].text, complaint ? complaint : "taken");
		assert_int_equal(rule.class, NETWORK_CLASS_COUNT);
	}
}

static void each_list_has_words_of_its_own(void **state)
{
	(void)state;
	assert_null(check_network_deny("private"));
	assert_null(check_network_deny("10.0.0.0/8"));
	assert_null(check_network_deny("none"));
	assert_non_null(strstr(check_network_deny("literal"), "network_allow"));
	assert_non_null(check_network_deny("x"));
	assert_null(check_network_allow("literal"));
	assert_null(check_network_allow("::1"));
	assert_null(check_network_allow("none"));
	assert_non_null(strstr(check_network_allow("private"), "a class"));
	assert_null(check_network_deny("rebound"));
	assert_non_null(strstr(check_network_allow("rebound"), "a class"));
	assert_non_null(check_network_allow("x"));
}

static void addresses_print_as_people_write_them(void **state)
{
	static const char *const texts[][2] = {
		{"10.1.2.3", "10.1.2.3"},  {"::ffff:10.1.2.3", "10.1.2.3"},      {"0:0::1", "::1"},
		{"FE80::1%lo", "fe80::1"}, {"64:ff9b::a00:1", "64:ff9b::a00:1"},
	};
	struct network_address a;
	char out[46];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(texts); i++) {
		assert_true(network_address_read(texts[i][0], &a));
		network_address_print(&a, out);
		assert_string_equal(out, texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_hold_what_begins_as_they_do),
		cmocka_unit_test(words_are_rules),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(each_list_has_words_of_its_own),
		cmocka_unit_test(addresses_print_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
