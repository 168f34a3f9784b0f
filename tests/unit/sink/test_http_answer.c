/* SPDX-License-Identifier: MIT */
/* What sink/http takes for an answer. */
#include "http_fixture.h"

/* ---- one engine, one webhook, the results so far ---- */

/* Send one small request to a peer with this script and return its result. */
static struct http_result result_of(peer_serve_fn serve, void *ctx)
{
	struct fixture f;
	struct peer p;

	assert_true(peer_start(&p, serve, ctx));
	fixture_open(&f, p.url);
	f.to.max_response_bytes = 4096;
	send_small(&f, "one");
	run_until(&f, 1);
	http_free(f.h);
	peer_stop(&p);
	return f.results[0];
}

static void assert_answer_times_out(peer_serve_fn serve, enum answer_phase phase, const char *words)
{
	struct peer p;

	assert_true(peer_start(&p, serve, NULL));
	assert_times_out(p.url, 1, phase, words);
	peer_stop(&p);
}

/* ---- answers ---- */

static bool serve_503(struct peer *p, struct peer_request *r)
{
	(void)p;
	return peer_answer(r->fd, 503, "Retry-After: 7\r\n", "come\n\tback \x01later \xff");
}

static bool serve_date(struct peer *p, struct peer_request *r)
{
	(void)p;
	return peer_answer(r->fd, 429, "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "");
}

static bool serve_redirect(struct peer *p, struct peer_request *r)
{
	char more[128];

	(void)snprintf(more, sizeof(more), "Location: http://127.0.0.1:%d/other\r\n", p->port);
	return peer_answer(r->fd, 302, more, "");
}

static void an_error_answer_gives_its_status_reason_and_retry_after(void **state)
{
	struct http_result r = result_of(serve_503, NULL);

	(void)state;
	assert_int_equal(r.status, 503);
	assert_int_equal(r.phase, ANSWER_PHASE_NONE);
	assert_int_equal(r.retry_after_s, 7);
	assert_string_equal(r.reason, "HTTP 503: come back later ?");
	r = result_of(serve_date, NULL);
	assert_int_equal(r.status, 429);
	assert_string_equal(r.reason, "HTTP 429");
	assert_true(r.retry_after_s > 86400LL * 365);
}

static void a_redirect_is_an_answer_and_not_followed(void **state)
{
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_redirect, NULL));
	fixture_open(&f, p.url);
	send_small(&f, "r");
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 302);
	assert_int_equal(f.results[0].retry_after_s, -1);
	assert_int_equal(p.requests, 1);
	http_free(f.h);
	peer_stop(&p);
}

/* ---- half answers ---- */

static bool serve_cut_200(struct peer *p, struct peer_request *r)
{
	(void)p;
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
	return false;
}

static bool serve_cut_503(struct peer *p, struct peer_request *r)
{
	(void)p;
	(void)peer_say(r->fd, "HTTP/1.1 503 No\r\nContent-Length: 1000\r\n\r\nhalf");
	return false;
}

static bool serve_trickle(struct peer *p, struct peer_request *r)
{
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
	while (peer_pause(p, 20) && peer_say(r->fd, "x"))
		;
	return false;
}

static bool serve_endless_body(struct peer *p, struct peer_request *r)
{
	char chunk[1024];
	int *given = p->ctx;

	memset(chunk, 'b', sizeof(chunk));
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\n\r\n");
	while (peer_write(r->fd, chunk, sizeof(chunk)) && peer_pause(p, 0))
		++*given;
	return false;
}

static bool serve_cut_headers(struct peer *p, struct peer_request *r)
{
	(void)p;
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\nContent-Le");
	return false;
}

static bool serve_endless_headers(struct peer *p, struct peer_request *r)
{
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\n");
	while (peer_say(r->fd, "X-More: and more and more and more and more\r\n") &&
	       peer_pause(p, 0))
		;
	return false;
}

static bool serve_interim_flood(struct peer *p, struct peer_request *r)
{
	while (peer_say(r->fd, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") &&
	       peer_pause(p, 0))
		;
	return false;
}

static bool serve_few_interim(struct peer *p, struct peer_request *r)
{
	int i;

	(void)p;
	for (i = 0; i < 5; i++)
		(void)peer_say(r->fd, "HTTP/1.1 102 Processing\r\n\r\n");
	return peer_answer(r->fd, 204, "", "");
}

static bool serve_close(struct peer *p, struct peer_request *r)
{
	(void)p;
	(void)r;
	return false;
}

static bool serve_reset(struct peer *p, struct peer_request *r)
{
	(void)p;
	peer_reset(r->fd);
	return false;
}

static bool serve_half_status(struct peer *p, struct peer_request *r)
{
	(void)peer_say(r->fd, "HTTP/1.1 200 OK\r\nX: y\r\n");
	(void)peer_pause(p, -1);
	return false;
}

static bool serve_garbage(struct peer *p, struct peer_request *r)
{
	(void)p;
	(void)peer_say(r->fd, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
	return false;
}

static void a_final_status_with_its_headers_is_the_answer_whatever_becomes_of_the_body(void **state)
{
	struct http_result r = {.status = 0};
	int64_t timeout_us;
	struct peer p;

	(void)state;
	assert_int_equal(result_of(serve_cut_200, NULL).status, 200);
	assert_int_equal(result_of(serve_cut_503, NULL).status, 503);
	assert_int_equal(result_of(serve_few_interim, NULL).status, 204);
	/* more time where not even the status came in it */
	assert_true(peer_start(&p, serve_trickle, NULL));
	for (timeout_us = 400 * MS; !r.status && timeout_us < PEER_WAIT_US; timeout_us *= 2)
		r = result_at(p.url, 1, timeout_us);
	assert_int_equal(r.status, 200);
	peer_stop(&p);
}

/* Three answers with a large head and a body, and then none. */
static bool serve_large_then_nothing(struct peer *p, struct peer_request *r)
{
	static char text[34000];
	int len;

	if (p->requests > 3)
		return false;
	len = snprintf(text, sizeof(text),
		       "HTTP/1.1 200 X\r\nContent-Length: %d\r\nX: %0*d\r\n\r\n", 3000, 30000, 0);
	memset(text + len, 'b', 3000);
	text[len + 3000] = '\0';
	return peer_say(r->fd, text);
}

/* What one answer has used up of its bounds, or was, says nothing of the next. */
static void every_request_of_a_kept_connection_begins_anew(void **state)
{
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_large_then_nothing, NULL));
	fixture_open(&f, p.url);
	f.to.max_response_bytes = 4096;
	for (i = 0; i < 3; i++) {
		send_small(&f, "one");
		run_until(&f, i + 1);
		assert_int_equal(f.results[i].status, 200);
		assert_int_equal(http_connections(f.h), 1);
	}
	send_small(&f, "one");
	run_until(&f, 4);
	assert_int_equal(f.results[3].status, 0);
	assert_int_equal(f.results[3].phase, ANSWER_PHASE_FIRST_BYTE);
	http_free(f.h);
	peer_stop(&p);
}

static void an_endless_body_is_cut_and_the_status_counts(void **state)
{
	int given = 0;
	struct http_result r = result_of(serve_endless_body, &given);

	(void)state;
	assert_int_equal(r.status, 200);
	/* ended by the limit, not by the timeout */
	assert_true(r.elapsed_us < PEER_WAIT_US / 2);
}

static void what_is_no_whole_answer_is_a_failure_in_a_phase(void **state)
{
	static const struct {
		peer_serve_fn serve;
		enum answer_phase phase;
		const char *reason;
	} cases[] = {
		{serve_cut_headers, ANSWER_PHASE_BODY, "body: the header section was cut off"},
		{serve_endless_headers, ANSWER_PHASE_BODY, "body: the header section has no end"},
		{serve_interim_flood, ANSWER_PHASE_BODY, "body: the header section has no end"},
		{serve_close, ANSWER_PHASE_FIRST_BYTE, "first_byte: Empty reply"},
		{serve_reset, ANSWER_PHASE_FIRST_BYTE, "first_byte: Recv failure"},
		{serve_garbage, ANSWER_PHASE_FIRST_BYTE, "first_byte: "},
	};
	struct http_result r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		r = result_of(cases[i].serve, NULL);
		if (r.status || r.phase != cases[i].phase ||
		    strncmp(r.reason, cases[i].reason, strlen(cases[i].reason)) != 0)
			fail_msg("case %zu: status %d phase %s reason %s", i, r.status,
				 answer_phase_name(r.phase), r.reason);
		assert_int_equal(r.retry_after_s, -1);
	}
	assert_answer_times_out(serve_silence, ANSWER_PHASE_FIRST_BYTE,
				"waiting for the first byte");
	assert_answer_times_out(serve_half_status, ANSWER_PHASE_BODY, "reading the answer");
}

/* ---- answers before the request is read ---- */

static bool serve_early(struct peer *p, struct peer_request *r)
{
	const int *status = p->ctx;

	(void)peer_answer(r->fd, *status, "", "early");
	(void)shutdown(r->fd, SHUT_WR);
	/* take what still comes, so that the answer is not lost in a reset */
	(void)peer_read_body(p, r);
	return false;
}

static void an_answer_before_the_body_is_read_counts(void **state)
{
	static const int statuses[] = {200, 413, 503};
	struct fixture f;
	struct peer p;
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < ARRAY_LEN(statuses); i++) {
		status = statuses[i];
		assert_true(peer_open(&p, serve_early, &status));
		p.unread = true;
		assert_true(peer_go(&p));
		fixture_open(&f, p.url);
		send_large(&f, "x", 8 * 1024 * 1024);
		run_until(&f, 1);
		assert_int_equal(f.results[0].status, status);
		http_free(f.h);
		peer_stop(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_answer_gives_its_status_reason_and_retry_after),
		cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(
			a_final_status_with_its_headers_is_the_answer_whatever_becomes_of_the_body),
		cmocka_unit_test(every_request_of_a_kept_connection_begins_anew),
		cmocka_unit_test(an_endless_body_is_cut_and_the_status_counts),
		cmocka_unit_test(what_is_no_whole_answer_is_a_failure_in_a_phase),
		cmocka_unit_test(an_answer_before_the_body_is_read_counts),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
