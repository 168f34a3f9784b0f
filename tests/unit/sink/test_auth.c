/* SPDX-License-Identifier: MIT */
/* The Authorization header that does not change. */
#include "http_fixture.h"

#include "sink/auth.h"

static char token[] = "mF_9.B5f-4.1JqM", user[] = "Aladdin", password[] = "open sesame",
	    none[] = "";

static void assert_sent(const struct webhook_settings *to, const char *want)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	f.to.bearer_token = to->bearer_token;
	f.to.basic_user = to->basic_user;
	f.to.basic_password = to->basic_password;
	send_small(&f, "a");
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	http_free(f.h);
	peer_stop(&p);
	assert_header(&seen, "Authorization", want);
}

static void a_bearer_token_is_sent(void **state)
{
	const struct webhook_settings to = {.bearer_token.value = token};

	(void)state;
	assert_sent(&to, "Bearer mF_9.B5f-4.1JqM");
}

/* The example of RFC 7617, 2. */
static void a_user_and_his_password_are_sent(void **state)
{
	struct webhook_settings to = {.basic_user = user, .basic_password.value = password};

	(void)state;
	assert_sent(&to, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	to.basic_password.value = none;
	assert_sent(&to, "Basic QWxhZGRpbjo=");
}

static void without_either_there_is_no_such_header(void **state)
{
	const struct webhook_settings to = {.bearer_token.value = NULL};

	(void)state;
	assert_sent(&to, "");
}

static void what_needs_none_has_none(void **state)
{
	const struct webhook_settings to = {.bearer_token.value = token};
	struct auth *a;

	(void)state;
	assert_int_equal(auth_new(&to, clock_system(), &a, NULL), ERR_OK);
	assert_null(a);
	assert_null(auth_tls_files(a));
	assert_int_equal(auth_stats(a).tls.taken, 0);
	auth_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_token_is_sent),
		cmocka_unit_test(a_user_and_his_password_are_sent),
		cmocka_unit_test(without_either_there_is_no_such_header),
		cmocka_unit_test(what_needs_none_has_none),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
