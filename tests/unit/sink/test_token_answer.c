/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sink/token_answer.h"

static const struct {
	const char *body, *token;
	int64_t lifetime_s;
} cases[] = {
	/* RFC 6749, 4.4.3 */
	{"{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"example\","
	 "\"expires_in\":3600}",
	 NULL, 0},
	{"{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"Bearer\","
	 "\"expires_in\":3600,\"example_parameter\":\"example_value\"}",
	 "2YotnFZFEjr1zCsicMWpAA", 3600},
	{" {\"token_type\":\"bearer\",\"access_token\":\"a.b-c_d~e+f/g==\"} ",
	 "a.b-c_d~e+f/g==", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\"}", "a", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\",\"expires_in\":\"120\"}", "a", 120},
	{"{\"access_token\":\"a\",\"expires_in\":59.9}", "a", 59},
	{"{\"access_token\":\"a\",\"expires_in\":0}", "a", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\",\"expires_in\":-1}", "a", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\",\"expires_in\":null}", "a", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\",\"expires_in\":\"soon\"}", "a", TOKEN_LIFETIME_S},
	{"{\"access_token\":\"a\",\"expires_in\":1e300}", "a", TOKEN_LIFETIME_MAX_S},
	{"{\"access_token\":\"a\",\"expires_in\":9223372036854775807}", "a", TOKEN_LIFETIME_MAX_S},
	{"", NULL, 0},
	{"null", NULL, 0},
	{"[]", NULL, 0},
	{"<html>", NULL, 0},
	{"{\"access_token\":\"a\"", NULL, 0},
	{"{\"access_token\":\"a\"}}", NULL, 0},
	{"{\"access_token\":\"a\",\"access_token\":\"b\"}", NULL, 0},
	{"{\"access_token\":7}", NULL, 0},
	{"{\"access_token\":\"\"}", NULL, 0},
	{"{\"access_token\":\"a b\"}", NULL, 0},
	{"{\"access_token\":\"a\\r\\nX-Evil: 1\"}", NULL, 0},
	{"{\"access_token\":\"a\\u0000b\"}", NULL, 0},
	{"{\"access_token\":\"\\u00e9\"}", NULL, 0},
	{"{\"access_token\":\"a\",\"token_type\":\"mac\"}", NULL, 0},
	{"{\"access_token\":\"a\",\"token_type\":1}", NULL, 0},
	{"{\"error\":\"invalid_client\"}", NULL, 0},
};

static void a_token_and_its_life_are_read(void **state)
{
	struct buf out;
	struct err e;
	int64_t lifetime_s = 0;
	enum err_code code;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&out, TOKEN_BYTES_MAX);
		code = token_answer_read(text_of(cases[i].body), &out, &lifetime_s, &e);
		if ((code == ERR_OK) != (cases[i].token != NULL))
			fail_msg("%s", cases[i].body);
		if (code == ERR_OK) {
			assert_string_equal(buf_str(&out), cases[i].token);
			assert_int_equal(lifetime_s, cases[i].lifetime_s);
		} else {
			assert_int_equal(code, ERR_DATA);
			assert_int_equal(out.len, 0);
			/* nothing of the answer is repeated */
			assert_null(strstr(e.msg, "Evil"));
		}
		buf_done(&out);
	}
	assert_int_equal(token_answer_read(TEXT_NONE, &out, &lifetime_s, NULL), ERR_DATA);
}

static void a_token_longer_than_a_header_is_none(void **state)
{
	struct buf body, out;
	int64_t lifetime_s;
	size_t i;

	(void)state;
	buf_init(&body, 2UL * TOKEN_BYTES_MAX);
	buf_init(&out, TOKEN_BYTES_MAX);
	buf_add_str(&body, "{\"access_token\":\"");
	for (i = 0; i < TOKEN_BYTES_MAX + 1; i++)
		buf_add_char(&body, 'x');
	buf_add_str(&body, "\"}");
	assert_int_equal(token_answer_read(buf_text(&body), &out, &lifetime_s, NULL), ERR_DATA);
	buf_done(&body);
	buf_done(&out);
}

static void only_errors_that_the_rfc_knows_are_repeated(void **state)
{
	(void)state;
	assert_string_equal(token_answer_error(TEXT_LIT("{\"error\":\"invalid_client\"}")),
			    "invalid_client");
	assert_string_equal(token_answer_error(TEXT_LIT("{\"error\":\"invalid_scope\","
							"\"error_description\":\"secret\"}")),
			    "invalid_scope");
	assert_string_equal(token_answer_error(TEXT_LIT("{\"error\":\"secret\"}")), "");
	assert_string_equal(token_answer_error(TEXT_LIT("{\"error\":{}}")), "");
	assert_string_equal(token_answer_error(TEXT_LIT("<html>")), "");
	assert_string_equal(token_answer_error(TEXT_NONE), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_and_its_life_are_read),
		cmocka_unit_test(a_token_longer_than_a_header_is_none),
		cmocka_unit_test(only_errors_that_the_rfc_knows_are_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
