/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "sink/scrub.h"

static char url[] = "https://user1:pa@word@h/p?token=Query1&x=1#f", password[] = "Passw0rd",
	    proxy[] = "me:Pr0xySecret@proxy:3128";
static char name_1[] = "X-Key", value_1[] = "Header-Value", name_2[] = "X-Short", value_2[] = "abc";
static char line[] = "Authorization: Basic dTpwdw==";

static void what_was_sent_as_a_secret_is_taken_out(void **state)
{
	static const struct {
		const char *body, *want;
	} cases[] = {
		{"nothing of it", "nothing of it"},
		{"", ""},
		{"Basic dTpwdw==, Bearer Token-77", "Basic ********, Bearer ********"},
		{"Header-Value Header-Value", "************ ************"},
		{"Cannot POST /p?token=Query1&x=1", "Cannot POST /p?****************"},
		{"your Passw0rd!", "your ********!"},
		{"not https://user1:pa@word@h", "not https://*************@h"},
		{"not pa@word", "not *******"},
		{"407 for me:Pr0xySecret", "407 for **************"},
		/* user1:pa@word, me:Pr0xySecret */
		{"you sent Basic dXNlcjE6cGFAd29yZA==.", "you sent Basic ********************."},
		{"sent bWU6UHIweHlTZWNyZXQ=", "sent ********************"},
		{"407 for Pr0xySecret", "407 for ***********"},
		/* cut off in the middle of one */
		{"X-Key: Header-V", "X-Key: ********"},
		{"X-Key: Head", "X-Key: ****"},
		{"X-Key: Hea", "X-Key: Hea"},
		/* too short to be told from any text */
		{"abc", "abc"},
		{"HeaderHeader-Value", "Header************"},
	};
	struct curl_slist headers = {line, NULL};
	struct webhook_header own[] = {{name_1, {value_1}, false}, {name_2, {value_2}, false}};
	const struct webhook_settings to = {.url.value = url,
					    .basic_password.value = password,
					    .proxy.value = proxy,
					    .headers = own,
					    .header_count = 2};
	struct http_request r = {.to = &to};
	char body[64];
	size_t i;

	(void)state;
	buf_init(&r.lines, 1000);
	buf_init(&r.url, 1000);
	buf_add(&r.lines, "X-Other: 1", 11);
	buf_add(&r.lines, "Authorization: Bearer Token-77", 31);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(body, sizeof(body), "%s", cases[i].body);
		scrub_answer(&r, &headers, body, strlen(body));
		assert_string_equal(body, cases[i].want);
	}
	buf_add_str(&r.url, "https://tok@h/q?other=Query2");
	(void)snprintf(body, sizeof(body), "/q?other=Query2 Basic dG9rOg==");
	scrub_answer(&r, NULL, body, strlen(body));
	assert_string_equal(body, "/q?************ Basic ********");
	buf_done(&r.lines);
	buf_done(&r.url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sent_as_a_secret_is_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
