/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/check.h"

static void check_all(check_fn check, const char *const *good, const char *const *bad)
{
	for (; *good; good++) {
		if (check(*good))
			fail_msg("%s: %s", *good, check(*good));
	}
	for (; *bad; bad++) {
		if (!check(*bad))
			fail_msg("%s passes", *bad);
	}
}

static void urls_need_a_scheme_a_host_and_a_port_that_is_one(void **state)
{
	static const char *const good[] = {"http://h",
					   "HTTPS://h:1/x?y#z",
					   "http://u:p@@h",
					   "http://[::1]:80/",
					   "http://[fe80::1]",
					   "http://h?q",
					   "http://h/{table}?o={operation}",
					   "http://h?{{}}",
					   "http://u:{p@h/",
					   NULL};
	static const char *const bad[] = {"",
					  "h",
					  "//h",
					  "http:/h",
					  "http://",
					  "http://:80",
					  "http://u@",
					  "http://h:",
					  "http://h:0x1",
					  "http://h:65536",
					  "http://[]",
					  "http://[::1",
					  "http://[x]",
					  "http://[::1]x",
					  "http://h\n",
					  "http://h x",
					  "ftp://h",
					  "http://{table}/",
					  "http://h:{id}/",
					  "http://h}",
					  "http://h/{",
					  "http://h/{tablet}",
					  "http://h?x}",
					  NULL};

	(void)state;
	check_all(check_url, good, bad);
}

static void proxies_are_hosts_of_a_kind_that_is_known(void **state)
{
	static const char *const good[] = {"",
					   "h",
					   "h:3128",
					   "u:p@h:3128",
					   "http://h:3128",
					   "HTTPS://u:p@h/",
					   "socks4://h",
					   "socks4a://h",
					   "socks5://[::1]:1080",
					   "socks5h://u:p@@h:1080",
					   NULL};
	static const char *const bad[] = {"u:://p@h",   "h h",        "h\n",     "http://",
					  "socks9://h", "socks://h",  "://h",    "h:65536",
					  "http://h:x", "http://u@",  "/h",      "http://h/p",
					  "h?q",        "http://[x]", "ftp://h", NULL};

	(void)state;
	check_all(check_proxy, good, bad);
}

static void listen_addresses_have_a_port_or_are_off(void **state)
{
	static const char *const good[] = {"off", "127.0.0.1:8080", "[::1]:0", "localhost:65535",
					   NULL};
	static const char *const bad[] = {"",      "8080",   ":8080", "h:",    "h:65536", "h:1:2",
					  "[::1]", "[::1]8", "/x:1",  "a b:1", NULL};

	(void)state;
	check_all(check_listen, good, bad);
}

static void names_become_part_of_sql_names(void **state)
{
	static const char *const good[] = {"a", "a_1", "0",
					   "0123456789012345678901234567890123456789", NULL};
	static const char *const bad[] = {
		"",  "A", "a-b", "a.b", "\xc3\xa9", "01234567890123456789012345678901234567890",
		NULL};

	(void)state;
	check_all(check_name, good, bad);
}

static void headers_are_tokens_and_values_one_line(void **state)
{
	static const char *const good_names[] = {"X-A", "a!#$%&'*+-.^_`|~1", NULL};
	static const char *const bad_names[] = {"",
						"a b",
						"a:",
						"\xc3\xa9",
						"host",
						"WEBHOOK-ID",
						"content-length",
						"ce-id",
						"CE-Partitionkey",
						"app-db-listener-format",
						NULL};
	static const char *const good_values[] = {"", "a\tb", "\xc3\xa9", NULL};
	static const char *const bad_values[] = {"a\r", "a\nb", "\x7f", "\x01", NULL};

	(void)state;
	check_all(check_header_name, good_names, bad_names);
	check_all(check_header_value, good_values, bad_values);
}

static void printed_urls_have_no_user_password_query_or_fragment(void **state)
{
	static const struct {
		const char *url, *printed;
	} cases[] = {
		{"http://h", "http://h"},
		{"https://u:p@h:1/a/b?c=d#e", "https://***@h:1/a/b?***"},
		{"http://u@x@h", "http://***@h"},
		{"http://h#secret", "http://h?***"},
		{"http://h/a@b", "http://h/a@b"},
		{"http://h?x@y", "http://h?***"},
		{"socks5h://u:p@h:1080", "socks5h://***@h:1080"},
		{"u:p@h:3128", "***@h:3128"},
		{"", ""},
	};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&out);
		check_print_url(&out, cases[i].url);
		assert_string_equal(buf_str(&out), cases[i].printed);
	}
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_need_a_scheme_a_host_and_a_port_that_is_one),
		cmocka_unit_test(listen_addresses_have_a_port_or_are_off),
		cmocka_unit_test(names_become_part_of_sql_names),
		cmocka_unit_test(headers_are_tokens_and_values_one_line),
		cmocka_unit_test(proxies_are_hosts_of_a_kind_that_is_known),
		cmocka_unit_test(printed_urls_have_no_user_password_query_or_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
