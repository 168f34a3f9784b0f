/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "config/field.h"
#include "sink/network.h"

#define DEFAULT "link_local, metadata, unspecified, multicast, rebound"
#define ALL "private, loopback, " DEFAULT

static struct webhook_settings settings_of(const char *url, const char *deny, const char *allow)
{
	struct webhook_settings s = {.url.value = (char *)(uintptr_t)url};

	assert_int_equal(
		field_set(key_find("webhook", TEXT_LIT("network_deny")), &s, text_of(deny), NULL),
		ERR_OK);
	assert_int_equal(
		field_set(key_find("webhook", TEXT_LIT("network_allow")), &s, text_of(allow), NULL),
		ERR_OK);
	return s;
}

static void settings_end(struct webhook_settings *s)
{
	s->url.value = NULL;
	s->proxy.value = NULL;
	string_list_done(&s->network_deny);
	string_list_done(&s->network_allow);
}

/* By which rule of s the address is denied; "": by none. */
static void denied(const struct webhook_settings *s, const char *address, const char *want)
{
	struct network_policy *p = NULL;
	struct network_trail trail = {0};
	struct network_address a;
	const char *by;

	assert_int_equal(network_policy_new(s, &p, NULL), ERR_OK);
	assert_true(network_address_read(address, &a));
	by = network_denied_by(p, &trail, &a);
	if (strcmp(by ? by : "", want) != 0)
		fail_msg("%s: denied by '%s', not '%s'", address, by ? by : "", want);
	network_policy_free(p);
}

static const struct {
	const char *address, *by;
} addresses[] = {
	/* the internet */
	{"1.1.1.1", ""},
	{"8.8.8.8", ""},
	{"9.255.255.255", ""},
	{"11.0.0.0", ""},
	{"100.63.255.255", ""},
	{"100.128.0.0", ""},
	{"126.255.255.255", ""},
	{"128.0.0.0", ""},
	{"169.253.255.255", ""},
	{"169.255.0.0", ""},
	{"172.15.255.255", ""},
	{"172.32.0.0", ""},
	{"192.167.255.255", ""},
	{"192.169.0.0", ""},
	{"198.17.255.255", ""},
	{"198.20.0.0", ""},
	{"223.255.255.255", ""},
	{"2606:4700:4700::1111", ""},
	{"2001:4860:4860::8888", ""},
	/* private */
	{"10.0.0.0", "private"},
	{"10.255.255.255", "private"},
	{"172.16.0.0", "private"},
	{"172.31.255.255", "private"},
	{"192.168.0.0", "private"},
	{"192.168.255.255", "private"},
	{"100.64.0.0", "private"},
	{"100.127.255.255", "private"},
	{"192.0.0.1", "private"},
	{"198.18.0.0", "private"},
	{"198.19.255.255", "private"},
	{"fc00::", "private"},
	{"fdff:ffff::1", "private"},
	{"fec0::1", "private"},
	/* this host */
	{"127.0.0.1", "loopback"},
	{"127.255.255.254", "loopback"},
	{"::1", "loopback"},
	{"0.0.0.0", "loopback"},
	{"0.1.2.3", "loopback"},
	{"::", "loopback"},
	/* link-local, metadata */
	{"169.254.0.0", "link_local"},
	{"169.254.255.255", "link_local"},
	{"169.254.169.254", "link_local"},
	{"fe80::1", "link_local"},
	{"fe80::1%eth0", "link_local"},
	{"febf::1", "link_local"},
	{"168.63.129.16", "metadata"},
	/* multicast, reserved, broadcast */
	{"224.0.0.1", "multicast"},
	{"239.255.255.255", "multicast"},
	{"240.0.0.0", "multicast"},
	{"255.255.255.255", "multicast"},
	{"ff02::1", "multicast"},
	/* IPv4 inside IPv6 */
	{"::ffff:8.8.8.8", ""},
	{"::ffff:10.0.0.1", "private"},
	{"::ffff:127.0.0.1", "loopback"},
	{"::ffff:169.254.169.254", "link_local"},
	{"::8.8.8.8", ""},
	{"::10.0.0.1", "private"},
	{"::127.0.0.1", "loopback"},
	{"2002:808:808::1", ""},
	{"2002:a00:1::", "private"},
	{"2002:7f00:1::", "loopback"},
	{"2002:a9fe:a9fe::1", "link_local"},
	{"64:ff9b::808:808", ""},
	{"64:ff9b::a00:1", "private"},
	{"64:ff9b::7f00:1", "loopback"},
	{"64:ff9b::a9fe:a9fe", "link_local"},
	{"64:ff9b:1::808:808", ""},
	{"64:ff9b:1::7f00:1", "loopback"},
	{"64:ff9b:1:2:3:4:a00:1", "private"},
	{"2001:0:808:808:0:0:f7f7:f7f7", ""},
	{"2001:0:a00:1:0:0:f7f7:f7f7", "private"},
	{"2001:0:808:808::80ff:fffe", "loopback"},
	{"2606::5efe:808:808", ""},
	{"2606::5efe:a00:1", "private"},
	{"2606::200:5efe:7f00:1", "loopback"},
};

static void classes_are_what_they_say(void **state)
{
	struct webhook_settings s = settings_of("http://h", ALL, "none");
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(addresses); i++)
		denied(&s, addresses[i].address, addresses[i].by);
	settings_end(&s);
}

static void metadata_is_known_at_every_cloud(void **state)
{
	static const char *const where[] = {
		"169.254.169.254",    "169.254.169.253", "169.254.170.2",   "169.254.170.23",
		"169.254.0.23",       "168.63.129.16",   "100.100.100.200", "192.0.0.192",
		"fd00:ec2::254",      "fd00:ec2::23",    "fd20:ce::254",    "fe80::a9fe:a9fe",
		"64:ff9b::a9fe:a9fe", "::ffff:a9fe:a9fe"};
	struct webhook_settings s = settings_of("http://h", "metadata", "literal");
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(where); i++)
		denied(&s, where[i], "metadata");
	denied(&s, "169.254.1.1", "");
	denied(&s, "100.100.100.201", "");
	settings_end(&s);
}

static void by_default_names_reach_what_is_inside(void **state)
{
	struct webhook_settings s = settings_of("http://api.internal/", DEFAULT, "literal");

	(void)state;
	denied(&s, "10.1.2.3", "");
	denied(&s, "192.168.1.1", "");
	denied(&s, "127.0.1.1", "");
	denied(&s, "::1", "");
	denied(&s, "fd12::1", "");
	denied(&s, "169.254.169.254", "link_local");
	denied(&s, "100.100.100.200", "metadata");
	denied(&s, "0.0.0.0", "unspecified");
	denied(&s, "::", "unspecified");
	denied(&s, "224.0.0.1", "multicast");
	settings_end(&s);
}

static void what_the_url_spells_is_allowed(void **state)
{
	static const struct {
		const char *url, *allowed, *denied;
	} cases[] = {
		{"http://10.0.0.5/", "10.0.0.5", "10.0.0.6"},
		{"https://u:p@10.0.0.5:8443/x?y#z", "10.0.0.5", "127.0.0.1"},
		{"http://127.0.0.1", "127.0.0.1", "127.0.0.2"},
		{"http://127.0.0.1/{schema}/{table}?k={key}", "127.0.0.1", "127.0.0.2"},
		{"http://2130706433/", "127.0.0.1", "127.0.0.2"},
		{"http://0x7f000001/", "127.0.0.1", "127.0.0.2"},
		{"http://0x7f.1/", "127.0.0.1", "127.0.0.2"},
		{"http://0177.0.0.1/", "127.0.0.1", "127.0.0.2"},
		{"http://127.1/", "127.0.0.1", "127.0.0.2"},
		{"http://0/", "0.0.0.0", "127.0.0.1"},
		{"http://[::1]:8080/", "::1", "127.0.0.1"},
		{"http://[::ffff:10.0.0.5]/", "10.0.0.5", "10.0.0.6"},
		{"http://[fe80::1%25eth0]/", "fe80::1", "fe80::2"},
		{"http://[fe80::1%eth0]/", "fe80::1", "fe80::2"},
		{"http://localhost/", "127.0.0.1", "10.0.0.1"},
		{"http://LocalHost:3000/", "::1", "10.0.0.1"},
		{"http://localhost./", "127.0.0.1", "10.0.0.1"},
		{"http://app.localhost/", "127.0.0.1", "10.0.0.1"},
	};
	struct webhook_settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		s = settings_of(cases[i].url, ALL, "literal");
		denied(&s, cases[i].allowed, "");
		assert_int_equal(s.network_allow.count, 1);
		settings_end(&s);
		s = settings_of(cases[i].url, "0.0.0.0/0, ::/0", "literal");
		denied(&s, cases[i].allowed, "");
		denied(&s, cases[i].denied, strchr(cases[i].denied, ':') ? "::/0" : "0.0.0.0/0");
		settings_end(&s);
		s = settings_of(cases[i].url, "::/0", "none");
		denied(&s, cases[i].allowed, "::/0");
		settings_end(&s);
	}
}

static void a_name_spells_no_address(void **state)
{
	static const char *const urls[] = {"http://localhost.example/",
					   "http://notlocalhost/",
					   "http://example.com/",
					   "http://127.0.0.1.nip.example/",
					   "http://10.0.0.1@example.com/",
					   "no url at all",
					   "http://",
					   ""};
	struct webhook_settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(urls); i++) {
		s = settings_of(urls[i], ALL, "literal");
		denied(&s, "127.0.0.1", "loopback");
		denied(&s, "10.0.0.1", "private");
		settings_end(&s);
	}
}

static void with_a_proxy_its_address_counts(void **state)
{
	struct webhook_settings s = settings_of("http://10.0.0.5/", ALL, "literal");
	char with_scheme[] = "socks5h://10.0.0.9:1080", without[] = "10.0.0.9:3128", empty[] = "";

	(void)state;
	s.proxy.value = with_scheme;
	denied(&s, "10.0.0.9", "");
	denied(&s, "10.0.0.5", "private");
	s.proxy.value = without;
	denied(&s, "10.0.0.9", "");
	denied(&s, "10.0.0.5", "private");
	s.proxy.value = empty;
	denied(&s, "10.0.0.5", "");
	denied(&s, "10.0.0.9", "private");
	settings_end(&s);
}

static void blocks_are_denied_and_allowed(void **state)
{
	struct webhook_settings s =
		settings_of("http://h", "private, 203.0.113.0/24, 2001:db8::/32", "10.1.0.0/16");

	(void)state;
	denied(&s, "10.1.2.3", "");
	denied(&s, "::ffff:10.1.2.3", "");
	denied(&s, "10.2.2.3", "private");
	denied(&s, "203.0.113.9", "203.0.113.0/24");
	denied(&s, "64:ff9b::cb00:7109", "203.0.113.0/24");
	denied(&s, "2001:db8::1", "2001:db8::/32");
	/* what carries an allowed address goes another way */
	denied(&s, "2002:a01:203::", "private");
	settings_end(&s);
	s = settings_of("http://h", "none", "none");
	denied(&s, "169.254.169.254", "");
	settings_end(&s);
}

/* What the addresses, up to the first NULL, are denied by, one after the other: a letter each. */
static void path(const struct webhook_settings *s, const char *const *where, const char *want)
{
	struct network_policy *p = NULL;
	struct network_trail trail = {0};
	struct network_address a;
	char got[8] = "";
	const char *by;
	size_t i;

	assert_int_equal(network_policy_new(s, &p, NULL), ERR_OK);
	for (i = 0; where[i]; i++) {
		assert_true(network_address_read(where[i], &a));
		by = network_denied_by(p, &trail, &a);
		got[i] = by ? by[0] : '-';
		if (by && by[0] == 'r') /* who has no trail, has no memory */
			assert_null(network_denied_by(p, NULL, &a));
	}
	assert_string_equal(got, want);
	network_policy_free(p);
}

/* "DNS rebinding": a name that led outside leads nowhere else. */
static void a_name_that_led_outside_is_not_followed_inside(void **state)
{
	static const struct {
		const char *allow, *addresses[6], *want;
	} cases[] = {
		{"literal", {"8.8.8.8", "10.0.0.1", "127.0.0.1", "::1", "8.8.4.4"}, "-rrr-"},
		{"literal", {"2606::1", "fd00::1", "64:ff9b::a00:1", "64:ff9b::808:808"}, "-rr-"},
		/* one of inside may go where it likes */
		{"literal", {"10.0.0.1", "8.8.8.8", "10.0.0.2", "127.0.0.1"}, "----"},
		{"literal", {"127.0.1.1", "8.8.8.8", "127.0.1.1"}, "---"},
		/* what is denied, or allowed by a rule, is no place where it led */
		{"literal", {"169.254.1.1", "10.0.0.1"}, "l-"},
		{"8.8.8.8", {"8.8.8.8", "10.0.0.1", "1.1.1.1", "10.0.0.2"}, "----"},
		{"10.0.0.0/8", {"8.8.8.8", "10.0.0.1", "127.0.0.1"}, "--r"},
	};
	struct webhook_settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		s = settings_of("http://hooks.example/", DEFAULT, cases[i].allow);
		path(&s, cases[i].addresses, cases[i].want);
		settings_end(&s);
	}
	s = settings_of("http://hooks.example/", "none", "none");
	path(&s, cases[0].addresses, "-----");
	settings_end(&s);
}

static void sockets_have_addresses_of_two_families(void **state)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000001)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr other = {.sa_family = AF_UNIX};
	struct network_address a, b;

	(void)state;
	assert_true(network_address_of((const struct sockaddr *)&v4, &a));
	assert_true(network_address_read("10.0.0.1", &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(network_address_of((const struct sockaddr *)&v6, &a));
	assert_true(network_address_read("::1", &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_false(network_address_of(&other, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_are_what_they_say),
		cmocka_unit_test(metadata_is_known_at_every_cloud),
		cmocka_unit_test(by_default_names_reach_what_is_inside),
		cmocka_unit_test(what_the_url_spells_is_allowed),
		cmocka_unit_test(a_name_spells_no_address),
		cmocka_unit_test(with_a_proxy_its_address_counts),
		cmocka_unit_test(blocks_are_denied_and_allowed),
		cmocka_unit_test(a_name_that_led_outside_is_not_followed_inside),
		cmocka_unit_test(sockets_have_addresses_of_two_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
