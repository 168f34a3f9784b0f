/* SPDX-License-Identifier: MIT */
/*
 * Requests that need a token first: what the token endpoint is asked, what it may answer, and what
 * becomes of the request. One peer is both endpoint (/token) and receiver.
 */
#include <sched.h>

#include "http_fixture.h"

#include "config/field.h"
#include "sink/auth.h"

static char client_id[] = "adbl:1", client_secret[] = "s3cret/+ &";
static char scope[] = "events.write other", audience[] = "https://api.example";

/* The system's clock, some seconds later: those of tokens may lie back. */
static _Atomic int64_t shift_us;

static int64_t shifted_now_us(void *ctx)
{
	(void)ctx;
	return clock_now_us(clock_system()) + atomic_load(&shift_us);
}

static int64_t shifted_wall_us(void *ctx)
{
	(void)ctx;
	return clock_wall_us(clock_system()) + atomic_load(&shift_us);
}

static const struct clock shifted = {shifted_now_us, shifted_wall_us, NULL};

struct site {
	bool echo; /* a refusal repeats what was sent */
	struct peer peer;
	char token_url[64];
	int tokens;         /* given */
	int hooks;          /* requests for /hook */
	int good;           /* the token that the receiver takes; 0: any */
	int always;         /* its status whatever the token, 0: none */
	const char *answer; /* of the endpoint, whole; NULL: a token */
	char asked[256];    /* what it was sent last */
	char asked_auth[128];
	char asked_type[64];
	char authorization[64];
	char ids[8][64];
	struct fixture f;
	struct auth *auth;
};

static bool serve_token(struct site *s, struct peer_request *r)
{
	char body[128];

	(void)snprintf(s->asked, sizeof(s->asked), "%s", r->body);
	peer_header(r, "Authorization", s->asked_auth, sizeof(s->asked_auth));
	peer_header(r, "Content-Type", s->asked_type, sizeof(s->asked_type));
	s->tokens++;
	if (s->answer) {
		(void)peer_say(r->fd, s->answer);
		return false;
	}
	(void)snprintf(
		body, sizeof(body),
		"{\"access_token\":\"token-%d\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
		s->tokens);
	return peer_answer(r->fd, 200, "Content-Type: application/json\r\n", body);
}

static bool serve_hook(struct site *s, struct peer_request *r)
{
	char want[64];

	peer_header(r, "Authorization", s->authorization, sizeof(s->authorization));
	(void)snprintf(s->ids[s->hooks % 8], sizeof(s->ids[0]), "%s", r->id);
	s->hooks++;
	(void)snprintf(want, sizeof(want), "Bearer token-%d", s->good);
	if (s->always || (s->good && strcmp(want, s->authorization) != 0))
		return peer_answer(r->fd, s->always ? s->always : 401, "",
				   s->echo ? s->authorization : "not you");
	return peer_answer(r->fd, 200, "", "ok");
}

static bool serve(struct peer *p, struct peer_request *r)
{
	struct site *s = p->ctx;
	bool more;

	mutex_lock(&p->lock);
	more = strncmp(r->head, "POST /token ", 12) ? serve_hook(s, r) : serve_token(s, r);
	mutex_unlock(&p->lock);
	return more;
}

static void wake(void *h)
{
	http_wake(h);
}

static void site_open(struct site *s)
{
	*s = (struct site){.tokens = 0};
	assert_true(peer_start(&s->peer, serve, s));
	(void)snprintf(s->token_url, sizeof(s->token_url), "http://127.0.0.1:%d/token",
		       s->peer.port);
	fixture_open(&s->f, s->peer.url);
	s->f.to.oauth2_token_url.value = s->token_url;
	s->f.to.oauth2_client_id = client_id;
	s->f.to.oauth2_client_secret.value = client_secret;
	s->f.to.retry_max_delay_us = CLOCK_US_PER_S;
}

/* When the settings are as the test wants them. */
static void site_go(struct site *s)
{
	assert_int_equal(auth_new(&s->f.to, &shifted, &s->auth, NULL), ERR_OK);
	auth_bind(s->auth, wake, s->f.h);
}

static void site_close(struct site *s)
{
	auth_bind(s->auth, NULL, NULL);
	http_free(s->f.h);
	auth_free(s->auth);
	peer_stop(&s->peer);
}

static void start_one(struct site *s, const char *id)
{
	struct http_request *r = http_request_get(s->f.h);

	assert_non_null(r);
	buf_add_str(&r->body, "{}");
	buf_add(&r->lines, "X-Own: 1", 9);
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	r->to = &s->f.to;
	r->auth = s->auth;
	assert_int_equal(http_send(s->f.h, r, NULL), ERR_OK);
}

static const struct http_result *send_one(struct site *s, const char *id)
{
	start_one(s, id);
	assert_int_equal(http_in_flight(s->f.h), 1);
	run_until(&s->f, s->f.count + 1);
	assert_int_equal(http_in_flight(s->f.h), 0);
	return &s->f.results[s->f.count - 1];
}

static void a_token_is_fetched_once_and_sent_with_every_request(void **state)
{
	struct site s;
	int i;

	(void)state;
	site_open(&s);
	site_go(&s);
	for (i = 0; i < 5; i++)
		start_one(&s, "x");
	assert_int_equal(http_in_flight(s.f.h), 5);
	run_until(&s.f, 5);
	assert_int_equal(send_one(&s, "y")->status, 200);
	assert_string_equal(s.authorization, "Bearer token-1");
	assert_int_equal(s.tokens, 1);
	assert_int_equal(s.hooks, 6);
	assert_string_equal(s.asked, "grant_type=client_credentials");
	assert_string_equal(s.asked_type, "application/x-www-form-urlencoded");
	/* adbl%3A1:s3cret%2F%2B%20%26 */
	assert_string_equal(s.asked_auth, "Basic YWRibCUzQTE6czNjcmV0JTJGJTJCJTIwJTI2");
	assert_int_equal(auth_stats(s.auth).tokens.fetched, 1);
	assert_true(auth_stats(s.auth).token_left_us > 3590 * CLOCK_US_PER_S);
	site_close(&s);
}

static void the_client_may_be_in_the_form_with_scope_and_audience(void **state)
{
	struct site s;

	(void)state;
	site_open(&s);
	s.f.to.oauth2_auth = WEBHOOK_OAUTH2_POST;
	s.f.to.oauth2_scope = scope;
	s.f.to.oauth2_audience = audience;
	site_go(&s);
	assert_int_equal(send_one(&s, "x")->status, 200);
	assert_string_equal(s.asked, "grant_type=client_credentials&scope=events.write%20other&"
				     "audience=https%3A%2F%2Fapi.example&client_id=adbl%3A1&"
				     "client_secret=s3cret%2F%2B%20%26");
	assert_string_equal(s.asked_auth, "");
	site_close(&s);
}

static void a_refused_token_is_replaced_and_the_request_sent_once_more(void **state)
{
	struct site s;
	int i;

	(void)state;
	site_open(&s);
	site_go(&s);
	assert_int_equal(send_one(&s, "a")->status, 200);
	atomic_fetch_add(&shift_us, TOKEN_CACHE_YOUNG_US);
	s.good = 2;
	for (i = 0; i < 4; i++)
		start_one(&s, "b");
	run_until(&s.f, 5);
	/* four refusals that nobody is told of, one token, and the same ids again */
	for (i = 1; i < 5; i++) {
		assert_int_equal(s.f.results[i].status, 200);
		assert_string_equal(s.ids[i], "b");
		assert_string_equal(s.ids[(4 + i) % 8], "b");
	}
	assert_string_equal(s.authorization, "Bearer token-2");
	assert_int_equal(s.tokens, 2);
	assert_int_equal(s.hooks, 9);
	assert_int_equal(auth_stats(s.auth).tokens.refused, 4);
	site_close(&s);
}

static void a_second_refusal_is_the_answer(void **state)
{
	struct site s;
	const struct http_result *r;

	(void)state;
	site_open(&s);
	site_go(&s);
	assert_int_equal(send_one(&s, "a")->status, 200);
	atomic_fetch_add(&shift_us, TOKEN_CACHE_YOUNG_US);
	s.always = 401;
	r = send_one(&s, "b");
	assert_int_equal(r->status, 401);
	assert_string_equal(r->reason, "HTTP 401: not you");
	assert_int_equal(s.tokens, 2);
	assert_int_equal(s.hooks, 3);
	/* so young a token is not replaced at all: no token for each event */
	assert_int_equal(send_one(&s, "c")->status, 401);
	assert_int_equal(s.tokens, 2);
	assert_int_equal(s.hooks, 4);
	site_close(&s);
}

/* On one processor the receiver often answers before the sender looks again: then it is curl's
 * timer that the refusal comes by, not its socket. */
static void a_refusal_that_comes_at_once_gets_its_token_at_once(void **state)
{
	cpu_set_t all, one;
	struct site s;
	int round, cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (round = 0; round < 20; round++) {
		site_open(&s);
		site_go(&s);
		s.good = 2;
		assert_int_equal(send_one(&s, "a")->status,
				 401); /* so young is no token replaced */
		atomic_fetch_add(&shift_us, TOKEN_CACHE_YOUNG_US);
		assert_int_equal(send_one(&s, "b")->status, 200);
		assert_int_equal(s.tokens, 2);
		site_close(&s);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void an_answer_that_repeats_the_token_is_not_repeated(void **state)
{
	struct site s;

	(void)state;
	site_open(&s);
	site_go(&s);
	s.always = 403;
	s.echo = true;
	assert_string_equal(send_one(&s, "a")->reason, "HTTP 403: Bearer *******");
	site_close(&s);
}

static void an_endpoint_that_gives_no_token_fails_the_request(void **state)
{
	static const struct {
		const char *answer, *reason;
		int64_t retry_after_s;
	} cases[] = {
		{"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", "token: HTTP 500", -1},
		{"HTTP/1.1 401 X\r\nContent-Length: 26\r\n\r\n{\"error\":\"invalid_client\"}",
		 "token: HTTP 401: invalid_client", -1},
		{"HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", "token: HTTP 429",
		 1},
		{"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
		 "token: HTTP 302", -1},
		{"HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>",
		 "token: its answer is no JSON object", -1},
		{"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}",
		 "token: its answer holds no access_token that can be sent", -1},
		{"HTTP/1.1 200 X\r\nContent-Length: 60\r\n\r\n{\"access_token\":", "token: ", -1},
		{"", "token: Empty reply from server", -1},
	};
	struct site s;
	const struct http_result *r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		site_open(&s);
		site_go(&s);
		s.answer = cases[i].answer;
		r = send_one(&s, "x");
		assert_int_equal(r->status, 0);
		assert_int_equal(r->phase, ANSWER_PHASE_TOKEN);
		if (strncmp(r->reason, cases[i].reason, strlen(cases[i].reason)) != 0)
			fail_msg("%s", r->reason);
		assert_int_equal(r->retry_after_s, cases[i].retry_after_s);
		assert_int_equal(s.hooks, 0);
		/* an outage, which no event is counted for */
		assert_true(answer_of_failure(r->phase).outage);
		site_close(&s);
	}
}

static void an_answer_without_end_is_broken_off(void **state)
{
	struct buf answer;
	struct site s;
	int i;

	(void)state;
	buf_init(&answer, 1 << 20);
	buf_add_str(&answer, "HTTP/1.1 200 X\r\n\r\n{\"access_token\":\"a\"");
	for (i = 0; i < 70000; i++)
		buf_add_char(&answer, ' ');
	site_open(&s);
	site_go(&s);
	s.answer = buf_str(&answer);
	assert_string_equal(send_one(&s, "x")->reason, "token: its answer is too long");
	site_close(&s);
	buf_reset(&answer);
	buf_add_str(&answer, "HTTP/1.1 200 X\r\n");
	for (i = 0; i < 7000; i++)
		buf_add_str(&answer, "X-Filler: 1\r\n");
	site_open(&s);
	site_go(&s);
	s.answer = buf_str(&answer);
	assert_string_equal(send_one(&s, "x")->reason,
			    "token: the header section of its answer has no end");
	site_close(&s);
	buf_done(&answer);
}

static bool serve_nothing(struct peer *p, struct peer_request *r)
{
	(void)r;
	(void)peer_pause(p, -1);
	return false;
}

static void an_endpoint_that_hangs_holds_nobody_for_longer_than_the_timeout(void **state)
{
	struct site s;
	struct peer silent;

	(void)state;
	assert_true(peer_start(&silent, serve_nothing, NULL));
	site_open(&s);
	s.f.to.oauth2_token_url.value = silent.url;
	s.f.to.timeout_us = 200 * MS;
	site_go(&s);
	assert_int_equal(send_one(&s, "x")->phase, ANSWER_PHASE_TOKEN);
	s.f.to.timeout_us = 3600 * CLOCK_US_PER_S;
	site_close(&s);
	/* and the end of the daemon not at all */
	site_open(&s);
	s.f.to.oauth2_token_url.value = silent.url;
	s.f.to.timeout_us = 3600 * CLOCK_US_PER_S;
	site_go(&s);
	start_one(&s, "x");
	assert_int_equal(http_run(s.f.h, clock_now_us(clock_system()) + 50 * MS, NULL), ERR_OK);
	assert_int_equal(http_in_flight(s.f.h), 1);
	http_abort_all(s.f.h);
	assert_string_equal(s.f.results[0].reason, "aborted");
	start_one(&s, "y");
	site_close(&s); /* with one that waits */
	peer_stop(&silent);
}

static void network_rules_hold_for_the_endpoint_too(void **state)
{
	struct site s;
	const struct http_result *r;

	(void)state;
	site_open(&s);
	assert_int_equal(field_set(key_find("webhook", TEXT_LIT("network_deny")), &s.f.to,
				   TEXT_LIT("loopback"), NULL),
			 ERR_OK);
	site_go(&s);
	r = send_one(&s, "x");
	assert_int_equal(r->phase, ANSWER_PHASE_TOKEN);
	assert_string_equal(r->reason, "token: denied: 127.0.0.1, by network_deny: loopback");
	assert_int_equal(s.tokens, 0);
	site_close(&s);
	string_list_done(&s.f.to.network_deny);
}

static void a_proxy_is_used_for_the_endpoint_too(void **state)
{
	static char url[] = "http://login.invalid/token";
	struct site s;

	(void)state;
	site_open(&s);
	s.f.to.proxy.value = s.peer.url;
	s.f.to.oauth2_token_url.value = url;
	s.always = 503; /* a proxy's requests have a whole URL: none is for /token */
	site_go(&s);
	assert_string_equal(send_one(&s, "x")->reason, "token: HTTP 503");
	assert_int_equal(s.hooks, 1);
	site_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_fetched_once_and_sent_with_every_request),
		cmocka_unit_test(the_client_may_be_in_the_form_with_scope_and_audience),
		cmocka_unit_test(a_refused_token_is_replaced_and_the_request_sent_once_more),
		cmocka_unit_test(a_second_refusal_is_the_answer),
		cmocka_unit_test(a_refusal_that_comes_at_once_gets_its_token_at_once),
		cmocka_unit_test(an_answer_that_repeats_the_token_is_not_repeated),
		cmocka_unit_test(an_endpoint_that_gives_no_token_fails_the_request),
		cmocka_unit_test(an_answer_without_end_is_broken_off),
		cmocka_unit_test(an_endpoint_that_hangs_holds_nobody_for_longer_than_the_timeout),
		cmocka_unit_test(network_rules_hold_for_the_endpoint_too),
		cmocka_unit_test(a_proxy_is_used_for_the_endpoint_too),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
