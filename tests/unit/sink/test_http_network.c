/* SPDX-License-Identifier: MIT */
/* The network policy at work: what is denied is not connected to, and not sent on what is open. */
#include "http_fixture.h"

#include "config/field.h"
#include "sink/network.h"

static void allow(struct webhook_settings *to, const char *deny, const char *allow)
{
	assert_int_equal(
		field_set(key_find("webhook", TEXT_LIT("network_deny")), to, text_of(deny), NULL),
		ERR_OK);
	assert_int_equal(
		field_set(key_find("webhook", TEXT_LIT("network_allow")), to, text_of(allow), NULL),
		ERR_OK);
}

static void fixture_end(struct fixture *f)
{
	http_free(f->h);
	string_list_done(&f->to.network_deny);
	string_list_done(&f->to.network_allow);
}

static void assert_denied(const struct http_result *r, const char *words)
{
	assert_int_equal(r->status, 0);
	assert_int_equal(r->phase, ANSWER_PHASE_DENIED);
	if (!strstr(r->reason, words))
		fail_msg("%s", r->reason);
	assert_memory_equal(r->reason, "denied: ", 8);
}

static void a_denied_address_is_never_connected_to(void **state)
{
	/* every spelling of it */
	static const char *const hosts[][2] = {
		{"127.0.0.1", "127.0.0.1, by network_deny: loopback"},
		{"2130706433", "127.0.0.1, by network_deny: loopback"},
		{"0x7f000001", "127.0.0.1, by network_deny: loopback"},
		{"0x7f.1", "127.0.0.1, by network_deny: loopback"},
		{"0177.0.0.01", "127.0.0.1, by network_deny: loopback"},
		{"127.1", "127.0.0.1, by network_deny: loopback"},
		{"0", "0.0.0.0, by network_deny: loopback"},
		{"[::ffff:127.0.0.1]", "127.0.0.1, by network_deny: loopback"},
		{"[::1]", "::1, by network_deny: loopback"},
		{"[::]", "::, by network_deny: loopback"},
		{"localhost", "by network_deny: loopback"},
	};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	char url[100];
	size_t i;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	for (i = 0; i < ARRAY_LEN(hosts); i++) {
		(void)snprintf(url, sizeof(url), "http://%s:%d/hook", hosts[i][0], p.port);
		fixture_open(&f, url);
		allow(&f.to, "loopback", "none");
		send_small(&f, "d");
		run_until(&f, 1);
		assert_denied(&f.results[0], hosts[i][1]);
		assert_int_equal(http_connections(f.h), 0);
		fixture_end(&f);
	}
	peer_stop(&p);
	assert_int_equal(seen.count, 0);
}

static void what_the_url_spells_is_connected_to(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "2130706433", "0x7f.1", "localhost"};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	char url[100];
	size_t i;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	for (i = 0; i < ARRAY_LEN(hosts); i++) {
		(void)snprintf(url, sizeof(url), "http://%s:%d/hook", hosts[i], p.port);
		fixture_open(&f, url);
		allow(&f.to, "loopback", "literal");
		send_small(&f, "d");
		run_until(&f, 1);
		assert_int_equal(f.results[0].status, 200);
		fixture_end(&f);
	}
	peer_stop(&p);
}

static void send_on(struct fixture *f, const struct webhook_settings *to,
		    struct network_trail *trail, const char *id)
{
	struct http_request *r = http_request_get(f->h);

	assert_non_null(r);
	buf_add_str(&r->body, "{}");
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	r->to = to;
	r->trail = trail;
	assert_int_equal(http_send(f->h, r, NULL), ERR_OK);
	run_until(f, f->count + 1);
}

static void send_to(struct fixture *f, const struct webhook_settings *to, const char *id)
{
	send_on(f, to, NULL, id);
}

static void a_connection_that_another_webhook_opened_is_no_way_around_it(void **state)
{
	struct webhook_settings strict;
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	strict = f.to;
	allow(&f.to, "none", "none");
	allow(&strict, "loopback", "none");
	send_to(&f, &f.to, "lax-1");
	assert_int_equal(f.results[0].status, 200);
	send_to(&f, &strict, "strict-1");
	assert_denied(&f.results[1], "127.0.0.1, by network_deny: loopback");
	send_to(&f, &strict, "strict-2");
	assert_denied(&f.results[2], "127.0.0.1, by network_deny: loopback");
	send_to(&f, &f.to, "lax-2");
	assert_int_equal(f.results[3].status, 200);
	/* the same handle again, with nothing left of the denial before */
	send_to(&f, &f.to, "lax-3");
	assert_int_equal(f.results[4].status, 200);
	http_free(f.h);
	peer_stop(&p);
	assert_int_equal(seen.count, 3);
	string_list_done(&f.to.network_deny);
	string_list_done(&f.to.network_allow);
	string_list_done(&strict.network_deny);
	string_list_done(&strict.network_allow);
}

/* As when the name is turned while a connection that leads inside is open for another webhook. */
static void a_webhook_whose_name_led_outside_is_not_sent_inside(void **state)
{
	struct network_trail outside = {0}, fresh = {0};
	struct network_policy *policy = NULL;
	struct network_address a;
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	allow(&f.to, "rebound", "none");
	assert_int_equal(network_policy_new(&f.to, &policy, NULL), ERR_OK);
	assert_true(network_address_read("203.0.113.7", &a));
	assert_null(network_denied_by(policy, &outside, &a));
	network_policy_free(policy);
	send_on(&f, &f.to, &outside, "turned-1");
	assert_denied(&f.results[0], "127.0.0.1, by network_deny: rebound");
	send_on(&f, &f.to, &fresh, "inside-1");
	assert_int_equal(f.results[1].status, 200);
	send_on(&f, &f.to, &fresh, "inside-2");
	assert_int_equal(f.results[2].status, 200);
	assert_int_equal(seen.count, 2);
	fixture_end(&f);
	peer_stop(&p);
}

static void a_proxy_is_judged_and_not_what_is_behind_it(void **state)
{
	static char url[] = "http://169.254.169.254/latest";
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, url);
	f.to.proxy.value = p.url;
	allow(&f.to, "metadata", "none");
	send_small(&f, "p");
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	fixture_end(&f);
	fixture_open(&f, url);
	f.to.proxy.value = p.url;
	allow(&f.to, "loopback", "none");
	send_small(&f, "p");
	run_until(&f, 1);
	assert_denied(&f.results[0], "loopback");
	fixture_end(&f);
	peer_stop(&p);
	assert_int_equal(seen.count, 1);
}

static void a_rule_that_is_none_sends_nothing(void **state)
{
	static char url[] = "http://127.0.0.1:1/", rule[] = "nonsense";
	char *rules[] = {rule, NULL};
	struct http_request *r;
	struct fixture f;
	struct err e;

	(void)state;
	fixture_open(&f, url);
	f.to.network_deny = (struct string_list){rules, 1};
	r = http_request_get(f.h);
	r->to = &f.to;
	assert_int_equal(http_send(f.h, r, &e), ERR_CONFIG);
	http_request_put(f.h, r);
	http_free(f.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denied_address_is_never_connected_to),
		cmocka_unit_test(what_the_url_spells_is_connected_to),
		cmocka_unit_test(a_connection_that_another_webhook_opened_is_no_way_around_it),
		cmocka_unit_test(a_webhook_whose_name_led_outside_is_not_sent_inside),
		cmocka_unit_test(a_proxy_is_judged_and_not_what_is_behind_it),
		cmocka_unit_test(a_rule_that_is_none_sends_nothing),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
