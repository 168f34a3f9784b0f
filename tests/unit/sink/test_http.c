/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>

#include "base/mem.h"
#include "loopback.h"
#include "sink/http.h"

#define MS CLOCK_US_PER_MS
#define RESULTS_MAX 64

/* ---- a lookup that hangs: overrides the C library's for libcurl's resolver thread ---- */

static struct mutex stall_lock;
static struct cond stall_cond;
static bool stall_over;
static int stall_count;

typedef int (*getaddrinfo_fn)(const char *, const char *, const struct addrinfo *,
			      struct addrinfo **);

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **res)
{
	getaddrinfo_fn real = (getaddrinfo_fn)dlsym(RTLD_NEXT, "getaddrinfo");
	int64_t deadline_us = clock_now_us(clock_system()) + PEER_WAIT_US;

	if (!node || strcmp(node, "stall.test") != 0)
		return real(node, service, hints, res);
	mutex_lock(&stall_lock);
	stall_count++;
	while (!stall_over && clock_now_us(clock_system()) < deadline_us)
		cond_wait_until(&stall_cond, &stall_lock, deadline_us);
	stall_count--;
	cond_broadcast(&stall_cond);
	mutex_unlock(&stall_lock);
	return EAI_AGAIN;
}

static void stall_end(void)
{
	mutex_lock(&stall_lock);
	stall_over = true;
	cond_broadcast(&stall_cond);
	while (stall_count)
		cond_wait_until(&stall_cond, &stall_lock, INT64_MAX);
	stall_over = false;
	mutex_unlock(&stall_lock);
}

/* ---- one engine, one webhook, the results so far ---- */

struct fixture {
	struct http *h;
	struct webhook_settings to;
	struct http_result results[RESULTS_MAX];
	char ids[RESULTS_MAX][64];
	int count;
};

static char webhook_name[] = "test";

static void on_done(void *ctx, const struct http_result *r)
{
	struct fixture *f = ctx;

	(void)snprintf(f->ids[f->count], sizeof(f->ids[0]), "%s", r->request->id);
	f->results[f->count++] = *r;
	http_request_put(f->h, r->request);
}

static void fixture_open(struct fixture *f, char *url)
{
	struct err e;

	*f = (struct fixture){.to = {
				      .name = webhook_name,
				      .url.value = url,
				      .timeout_us = 10 * CLOCK_US_PER_S,
				      .connect_timeout_us = 5 * CLOCK_US_PER_S,
				      .max_response_bytes = 65536,
				      .tls_verify = true,
			      }};
	assert_int_equal(http_new(clock_system(), 8, on_done, f, &f->h, &e), ERR_OK);
}

static void send_body(struct fixture *f, const char *id, const char *body, size_t len)
{
	struct http_request *r = http_request_get(f->h);
	struct err e;

	assert_non_null(r);
	buf_add(&r->body, body, len);
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	r->wall_us = 1700000000LL * CLOCK_US_PER_S + 999999;
	r->to = &f->to;
	assert_int_equal(http_send(f->h, r, &e), ERR_OK);
}

static void send_small(struct fixture *f, const char *id)
{
	send_body(f, id, "{\"a\":1}", 7);
}

static void send_large(struct fixture *f, const char *id, size_t len)
{
	char *body = mem_calloc(1, len);

	memset(body, 'x', len);
	send_body(f, id, body, len);
	mem_free(body);
}

static void run_until(struct fixture *f, int count)
{
	int64_t deadline_us = clock_now_us(clock_system()) + PEER_WAIT_US;

	while (f->count < count) {
		assert_int_equal(http_run(f->h, deadline_us, NULL), ERR_OK);
		if (clock_now_us(clock_system()) >= deadline_us)
			fail_msg("only %d of %d results", f->count, count);
	}
}

/* Send one small request to a peer with this script and return its result. */
static struct http_result result_of(peer_serve_fn serve, void *ctx)
{
	struct fixture f;
	struct peer p;

	assert_true(peer_start(&p, serve, ctx));
	fixture_open(&f, p.url);
	f.to.timeout_us = 400 * MS;
	f.to.max_response_bytes = 4096;
	send_small(&f, "one");
	run_until(&f, 1);
	http_free(f.h);
	peer_stop(&p);
	return f.results[0];
}

/* ---- what is sent ---- */

struct seen {
	struct peer_request last;
	char ids[RESULTS_MAX][64];
	int count;
};

static bool serve_and_note(struct peer *p, struct peer_request *r)
{
	struct seen *s = p->ctx;

	mutex_lock(&p->lock);
	s->last = *r;
	s->last.body = NULL;
	if (s->count < RESULTS_MAX)
		(void)snprintf(s->ids[s->count++], sizeof(s->ids[0]), "%s", r->id);
	mutex_unlock(&p->lock);
	return peer_answer(r->fd, 200, "", "ok");
}

static void assert_header(const struct seen *s, const char *name, const char *value)
{
	char got[256];

	peer_header(&s->last, name, got, sizeof(got));
	assert_string_equal(got, value);
}

static void a_request_carries_its_id_time_and_type(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	send_small(&f, "abc-7");
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	assert_string_equal(f.ids[0], "abc-7");
	assert_memory_equal(seen.last.head, "POST /hook HTTP/1.1\r\n", 21);
	assert_header(&seen, "webhook-id", "abc-7");
	assert_header(&seen, "webhook-timestamp", "1700000000");
	assert_header(&seen, "Content-Type", "application/json");
	assert_header(&seen, "Content-Length", "7");
	assert_header(&seen, "Expect", "");
	assert_header(&seen, "Upgrade", "");
	assert_header(&seen, "Accept-Encoding", "");
	assert_non_null(strstr(seen.last.head, "\r\nUser-Agent: app-db-listener/"));
	http_free(f.h);
	peer_stop(&p);
}

static void a_large_body_is_sent_without_waiting_for_a_go_ahead(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	send_large(&f, "large", 3 * 1024 * 1024);
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	assert_int_equal(seen.last.body_len, 3 * 1024 * 1024);
	assert_header(&seen, "Expect", "");
	http_free(f.h);
	peer_stop(&p);
}

static void an_empty_body_is_sent_as_empty(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	send_body(&f, "empty", "", 0);
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	assert_header(&seen, "Content-Length", "0");
	http_free(f.h);
	peer_stop(&p);
}

static void configured_headers_are_sent_and_replace_the_defaults(void **state)
{
	static char type[] = "content-type", json[] = "application/cloudevents+json";
	static char auth[] = "Authorization", token[] = "Bearer t0ken";
	static char empty[] = "X-Empty";
	struct webhook_header headers[] = {{type, {json}}, {auth, {token}}, {empty, {NULL}}};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	f.to.headers = headers;
	f.to.header_count = ARRAY_LEN(headers);
	send_small(&f, "h");
	run_until(&f, 1);
	assert_header(&seen, "Content-Type", json);
	assert_header(&seen, "Authorization", token);
	assert_non_null(strstr(seen.last.head, "\r\nX-Empty:\r\n"));
	assert_null(strstr(seen.last.head, "application/json"));
	http_free(f.h);
	peer_stop(&p);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
	static char name[] = "X-A", value[] = "a\r\nX-B: b";
	struct webhook_header headers[] = {{name, {value}}};
	static char url[] = "http://127.0.0.1:1/";
	struct http_request *r;
	struct fixture f;
	struct err e;

	(void)state;
	fixture_open(&f, url);
	f.to.headers = headers;
	f.to.header_count = 1;
	r = http_request_get(f.h);
	r->to = &f.to;
	assert_int_equal(http_send(f.h, r, &e), ERR_CONFIG);
	assert_non_null(strstr(e.msg, "X-A"));
	assert_int_equal(http_in_flight(f.h), 0);
	http_request_put(f.h, r);
	http_free(f.h);
}

static void the_proxy_of_the_environment_is_ignored(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	fixture_open(&f, p.url);
	send_small(&f, "p");
	run_until(&f, 1);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
	assert_int_equal(f.results[0].status, 200);
	http_free(f.h);
	peer_stop(&p);
}

static void a_configured_proxy_is_used_whatever_no_proxy_says(void **state)
{
	static char url[] = "http://receiver.invalid/hook";
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	(void)setenv("no_proxy", "*", 1);
	fixture_open(&f, url);
	f.to.proxy = p.url;
	send_small(&f, "p");
	run_until(&f, 1);
	(void)unsetenv("no_proxy");
	assert_int_equal(f.results[0].status, 200);
	assert_memory_equal(seen.last.head, "POST http://receiver.invalid/hook ", 34);
	http_free(f.h);
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

static void only_http_and_https_are_spoken(void **state)
{
	static char urls[][32] = {"file:///etc/hostname", "gopher://127.0.0.1:1/",
				  "dict://127.0.0.1:1/"};
	struct fixture f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(urls); i++) {
		fixture_open(&f, urls[i]);
		send_small(&f, "f");
		run_until(&f, 1);
		assert_int_equal(f.results[0].status, 0);
		assert_int_equal(f.results[0].phase, ANSWER_PHASE_LOOKUP);
		assert_non_null(strstr(f.results[0].reason, "rotocol"));
		http_free(f.h);
	}
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

static bool serve_silence(struct peer *p, struct peer_request *r)
{
	(void)r;
	(void)peer_pause(p, -1);
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
	(void)state;
	assert_int_equal(result_of(serve_cut_200, NULL).status, 200);
	assert_int_equal(result_of(serve_cut_503, NULL).status, 503);
	assert_int_equal(result_of(serve_trickle, NULL).status, 200);
	assert_int_equal(result_of(serve_few_interim, NULL).status, 204);
}

static void an_endless_body_is_cut_and_the_status_counts(void **state)
{
	int given = 0;
	struct http_result r = result_of(serve_endless_body, &given);

	(void)state;
	assert_int_equal(r.status, 200);
	/* ended by the limit, not by the timeout */
	assert_true(r.elapsed_us < 300 * MS);
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
		{serve_silence, ANSWER_PHASE_FIRST_BYTE,
		 "timeout after 0.4 s waiting for the first byte"},
		{serve_half_status, ANSWER_PHASE_BODY, "timeout after 0.4 s reading the answer"},
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
}

/* ---- phases before the answer ---- */

static struct http_result result_at(char *url, size_t body_len)
{
	struct fixture f;

	fixture_open(&f, url);
	f.to.timeout_us = 300 * MS;
	f.to.connect_timeout_us = 200 * MS;
	send_large(&f, "x", body_len);
	run_until(&f, 1);
	http_free(f.h);
	return f.results[0];
}

static void a_refused_connection_is_a_failure_to_connect(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct http_result r = result_at(url, 1);

	(void)state;
	assert_int_equal(r.status, 0);
	assert_int_equal(r.phase, ANSWER_PHASE_CONNECT);
	assert_memory_equal(r.reason, "connect: ", 9);
}

/* Connect to a listener until it takes no more: its queue is full and the next one hangs. */
static void a_connection_that_hangs_times_out_connecting(void **state)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int fill[4], i;
	char url[64];
	struct http_result r;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	for (i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&a, sizeof(a));
	}
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(a.sin_port));
	r = result_at(url, 1);
	assert_int_equal(r.phase, ANSWER_PHASE_CONNECT);
	assert_string_equal(r.reason, "timeout after 0.2 s connecting");
	for (i = 0; i < 4; i++)
		fd_close(&fill[i]);
	fd_close(&fd);
}

static void a_silent_tls_server_times_out_in_the_handshake(void **state)
{
	struct http_result r;
	struct peer p;

	(void)state;
	assert_true(peer_start_at(&p, 0, serve_silence, NULL));
	p.greet = true;
	assert_true(peer_go(&p));
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%d/", p.port);
	r = result_at(p.url, 1);
	assert_int_equal(r.phase, ANSWER_PHASE_TLS);
	assert_string_equal(r.reason, "timeout after 0.2 s in the TLS handshake");
	peer_stop(&p);
}

/* The first flight of a TLS client: what it can do stands there in the clear. */
struct hello {
	char bytes[4096];
	size_t len;
};

static bool serve_hello(struct peer *p, struct peer_request *r)
{
	struct hello *h = p->ctx;
	ssize_t n = peer_readable(p, r->fd) ? read(r->fd, h->bytes, sizeof(h->bytes)) : 0;

	h->len = n > 0 ? (size_t)n : 0;
	return false;
}

static bool hello_has(const struct hello *h, const void *bytes, size_t len)
{
	return memmem(h->bytes, h->len, bytes, len) != NULL;
}

static void only_http_1_1_and_tls_from_1_2_are_offered(void **state)
{
	/* supported_versions: 1.3 and 1.2, RFC 8446 section 4.2.1 */
	static const unsigned char versions[] = {0, 0x2b, 0, 5, 4, 3, 4, 3, 3};
	struct hello hello = {.len = 0};
	struct http_result r;
	struct peer p;

	(void)state;
	assert_true(peer_start_at(&p, 0, serve_hello, &hello));
	p.greet = true;
	assert_true(peer_go(&p));
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%d/", p.port);
	r = result_at(p.url, 1);
	peer_stop(&p);
	assert_int_equal(r.phase, ANSWER_PHASE_TLS);
	assert_true(hello_has(&hello, "\x08http/1.1", 9));
	assert_false(hello_has(&hello, "\x02h2", 3));
	assert_true(hello_has(&hello, versions, sizeof(versions)));
}

static void a_receiver_that_does_not_read_times_out_while_sending(void **state)
{
	struct http_result r;
	struct peer p;

	(void)state;
	assert_true(peer_start_at(&p, 0, serve_silence, NULL));
	p.unread = true;
	assert_true(peer_go(&p));
	r = result_at(p.url, 32 * 1024 * 1024);
	assert_int_equal(r.phase, ANSWER_PHASE_SEND);
	assert_string_equal(r.reason, "timeout after 0.3 s sending the request");
	peer_stop(&p);
}

static void a_lookup_that_hangs_does_not_stop_the_others(void **state)
{
	static char url[] = "http://stall.test/";
	int64_t start_us = clock_now_us(clock_system());
	struct webhook_settings stalled;
	struct http_request *r;
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	stalled = f.to;
	stalled.url.value = url;
	stalled.timeout_us = 300 * MS;
	stalled.connect_timeout_us = 200 * MS;
	r = http_request_get(f.h);
	r->to = &stalled;
	assert_int_equal(http_send(f.h, r, NULL), ERR_OK);
	send_small(&f, "good");
	run_until(&f, 1);
	assert_int_equal(f.results[0].status, 200);
	run_until(&f, 2);
	assert_int_equal(f.results[1].phase, ANSWER_PHASE_LOOKUP);
	assert_string_equal(f.results[1].reason, "timeout after 0.2 s in the name lookup");
	http_free(f.h);
	/* neither the result nor the end of the handle waited for the lookup, which hangs still */
	assert_true(clock_now_us(clock_system()) - start_us < PEER_WAIT_US / 4);
	stall_end();
	peer_stop(&p);
}

/* ---- connections ---- */

static void connections_are_reused(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	for (i = 1; i <= 20; i++) {
		send_small(&f, "again");
		run_until(&f, i);
	}
	assert_int_equal(http_connections(f.h), 1);
	assert_int_equal(p.connected, 1);
	http_free(f.h);
	peer_stop(&p);
}

static bool serve_then_drop(struct peer *p, struct peer_request *r)
{
	(void)serve_and_note(p, r);
	/* the second request on a connection dies before a byte of its answer */
	return r->nth == 1;
}

static bool serve_first_only(struct peer *p, struct peer_request *r)
{
	if (r->nth == 1)
		return serve_and_note(p, r);
	mutex_lock(&p->lock);
	(void)snprintf(((struct seen *)p->ctx)->ids[((struct seen *)p->ctx)->count++], 64, "%s",
		       r->id);
	mutex_unlock(&p->lock);
	return false;
}

static void a_request_that_curl_sends_again_by_itself_keeps_its_id(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_first_only, &seen));
	fixture_open(&f, p.url);
	send_small(&f, "first");
	run_until(&f, 1);
	send_small(&f, "second");
	run_until(&f, 2);
	assert_int_equal(f.results[1].status, 200);
	http_free(f.h);
	peer_stop(&p);
	assert_int_equal(seen.count, 3);
	assert_string_equal(seen.ids[0], "first");
	assert_string_equal(seen.ids[1], "second");
	assert_string_equal(seen.ids[2], "second");
}

static void a_connection_closed_while_idle_is_replaced(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_then_drop, &seen));
	fixture_open(&f, p.url);
	for (i = 1; i <= 6; i++) {
		send_small(&f, "x");
		run_until(&f, i);
		assert_int_equal(f.results[i - 1].status, 200);
	}
	assert_int_equal(http_connections(f.h), 3);
	http_free(f.h);
	peer_stop(&p);
}

static bool serve_when_all_are_here(struct peer *p, struct peer_request *r)
{
	const int *all = p->ctx;

	while (atomic_load(&p->now) < *all && atomic_load(&p->peak) < *all)
		if (!peer_pause(p, 1))
			return false;
	return peer_answer(r->fd, 200, "", "");
}

static void what_is_sent_is_never_queued_inside(void **state)
{
	int all = 24; /* more than max_connections */
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_when_all_are_here, &all));
	fixture_open(&f, p.url);
	for (i = 0; i < all; i++)
		send_small(&f, "x");
	assert_int_equal(http_in_flight(f.h), all);
	run_until(&f, all);
	for (i = 0; i < all; i++)
		assert_int_equal(f.results[i].status, 200);
	assert_int_equal(p.peak, all);
	assert_int_equal(http_in_flight(f.h), 0);
	http_free(f.h);
	peer_stop(&p);
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
		assert_true(peer_start_at(&p, 0, serve_early, &status));
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

/* ---- steering ---- */

struct waker {
	struct http *h;
	struct thread thread;
};

static void wake_main(void *arg)
{
	struct waker *w = arg;

	http_wake(w->h);
}

static void a_wake_up_from_another_thread_ends_the_wait(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	int64_t start_us = clock_now_us(clock_system());
	struct fixture f;
	struct waker w;

	(void)state;
	fixture_open(&f, url);
	w.h = f.h;
	assert_int_equal(thread_start(&w.thread, "waker", 0, wake_main, &w, NULL), ERR_OK);
	assert_int_equal(http_run(f.h, start_us + PEER_WAIT_US, NULL), ERR_OK);
	assert_true(clock_now_us(clock_system()) - start_us < PEER_WAIT_US / 2);
	thread_join(&w.thread);
	/* one wake-up ends one wait */
	start_us = clock_now_us(clock_system());
	assert_int_equal(http_run(f.h, start_us + 30 * MS, NULL), ERR_OK);
	assert_true(clock_now_us(clock_system()) - start_us >= 30 * MS);
	http_free(f.h);
}

static void aborting_gives_every_request_back_with_a_result(void **state)
{
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_silence, NULL));
	fixture_open(&f, p.url);
	for (i = 0; i < 5; i++)
		send_small(&f, "x");
	(void)!http_run(f.h, clock_now_us(clock_system()) + 50 * MS, NULL);
	http_abort_all(f.h);
	assert_int_equal(f.count, 5);
	assert_int_equal(http_in_flight(f.h), 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(f.results[i].status, 0);
		assert_string_equal(f.results[i].reason, "aborted");
	}
	http_free(f.h);
	peer_stop(&p);
}

static void an_engine_freed_in_the_middle_gives_no_results(void **state)
{
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_silence, NULL));
	fixture_open(&f, p.url);
	send_small(&f, "x");
	send_large(&f, "y", 100000);
	(void)!http_run(f.h, clock_now_us(clock_system()) + 20 * MS, NULL);
	http_free(f.h);
	assert_int_equal(f.count, 0);
	peer_stop(&p);
}

static void two_webhooks_do_not_share_headers_or_addresses(void **state)
{
	static char name[] = "X-To", one[] = "1", two[] = "2";
	struct webhook_header h1 = {name, {one}}, h2 = {name, {two}};
	struct webhook_settings other;
	struct seen seen1 = {0}, seen2 = {0};
	struct http_request *r;
	struct fixture f;
	struct peer p1, p2;
	int i;

	(void)state;
	assert_true(peer_start(&p1, serve_and_note, &seen1));
	assert_true(peer_start(&p2, serve_and_note, &seen2));
	fixture_open(&f, p1.url);
	f.to.headers = &h1;
	f.to.header_count = 1;
	other = f.to;
	other.url.value = p2.url;
	other.headers = &h2;
	for (i = 0; i < 3; i++) {
		send_small(&f, "one");
		r = http_request_get(f.h);
		(void)snprintf(r->id, sizeof(r->id), "two");
		r->to = &other;
		assert_int_equal(http_send(f.h, r, NULL), ERR_OK);
		run_until(&f, 2 * (i + 1));
	}
	assert_int_equal(seen1.count, 3);
	assert_int_equal(seen2.count, 3);
	assert_header(&seen1, "X-To", "1");
	assert_header(&seen2, "X-To", "2");
	http_free(f.h);
	peer_stop(&p1);
	peer_stop(&p2);
}

static int group_open(void **state)
{
	(void)state;
	mutex_init(&stall_lock);
	cond_init(&stall_cond);
	return http_global_start(NULL) != ERR_OK;
}

static int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_carries_its_id_time_and_type),
		cmocka_unit_test(a_large_body_is_sent_without_waiting_for_a_go_ahead),
		cmocka_unit_test(an_empty_body_is_sent_as_empty),
		cmocka_unit_test(configured_headers_are_sent_and_replace_the_defaults),
		cmocka_unit_test(a_header_with_a_line_break_is_refused),
		cmocka_unit_test(the_proxy_of_the_environment_is_ignored),
		cmocka_unit_test(a_configured_proxy_is_used_whatever_no_proxy_says),
		cmocka_unit_test(an_error_answer_gives_its_status_reason_and_retry_after),
		cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
		cmocka_unit_test(only_http_and_https_are_spoken),
		cmocka_unit_test(
			a_final_status_with_its_headers_is_the_answer_whatever_becomes_of_the_body),
		cmocka_unit_test(an_endless_body_is_cut_and_the_status_counts),
		cmocka_unit_test(what_is_no_whole_answer_is_a_failure_in_a_phase),
		cmocka_unit_test(a_refused_connection_is_a_failure_to_connect),
		cmocka_unit_test(a_connection_that_hangs_times_out_connecting),
		cmocka_unit_test(a_silent_tls_server_times_out_in_the_handshake),
		cmocka_unit_test(only_http_1_1_and_tls_from_1_2_are_offered),
		cmocka_unit_test(a_receiver_that_does_not_read_times_out_while_sending),
		cmocka_unit_test(a_lookup_that_hangs_does_not_stop_the_others),
		cmocka_unit_test(connections_are_reused),
		cmocka_unit_test(a_request_that_curl_sends_again_by_itself_keeps_its_id),
		cmocka_unit_test(a_connection_closed_while_idle_is_replaced),
		cmocka_unit_test(what_is_sent_is_never_queued_inside),
		cmocka_unit_test(an_answer_before_the_body_is_read_counts),
		cmocka_unit_test(a_wake_up_from_another_thread_ends_the_wait),
		cmocka_unit_test(aborting_gives_every_request_back_with_a_result),
		cmocka_unit_test(an_engine_freed_in_the_middle_gives_no_results),
		cmocka_unit_test(two_webhooks_do_not_share_headers_or_addresses),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
