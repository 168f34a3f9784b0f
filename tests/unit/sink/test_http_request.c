/* SPDX-License-Identifier: MIT */
/* What sink/http sends. */
#include "http_fixture.h"
#include "sink/request.h"

/* ---- what is sent ---- */

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
	assert_header(&seen, "webhook-signature", "");
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
	struct webhook_header headers[] = {
		{type, {json}, false}, {auth, {token}, false}, {empty, {NULL}, false}};
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

static void a_request_is_signed_with_every_secret(void **state)
{
	struct signing_keys keys = {NULL, 0};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;

	(void)state;
	/* the vectors of test_signer.c */
	assert_int_equal(
		signing_keys_add(&keys,
				 TEXT_LIT("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJ"
					  "CUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw== "
					  "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="),
				 NULL),
		ERR_OK);
	assert_true(peer_start(&p, serve_and_note, &seen));
	fixture_open(&f, p.url);
	f.to.signing_keys = keys;
	send_body(&f, "abc-7", "", 0);
	run_until(&f, 1);
	assert_header(&seen, "webhook-signature",
		      "v1,immItskNzFq8ljUFz8GQx0RbWG5B4Sl8Me7QUL031zQ= "
		      "v1a,JiRIdnMPsL57U6lGZVmPv2EMgclkWHpZv5MddgVeLDQbPDLXSkCvB0dXGqQpcbfGwSrEb9V"
		      "Gs5nrD7A6SORqBQ==");
	send_small(&f, "abc-7");
	run_until(&f, 2);
	assert_header(&seen, "webhook-signature",
		      "v1,QM4x9FgGpNgwIYMc2Efd2wGGH8r9WBJ2F6BKhoBuH94= "
		      "v1a,1x7V5kE2jlEQMoOxw9RV2o9XuJ1dP4LREElBdpQIestef2IC+HmhRAhjU+eNRzwMeSWw7nU"
		      "75StjWmZr0agGCw==");
	assert_header(&seen, "webhook-id", "abc-7");
	assert_header(&seen, "webhook-timestamp", "1700000000");
	assert_header(&seen, "Content-Type", "application/json");
	assert_int_equal(http_connections(f.h), 1);
	http_free(f.h);
	peer_stop(&p);
	signing_keys_done(&keys);
}

static void each_format_says_its_name_version_and_type(void **state)
{
	static const struct {
		enum webhook_format format;
		const char *name, *type;
	} cases[] = {
		{WEBHOOK_FORMAT_NATIVE, "native/1", "application/json"},
		{WEBHOOK_FORMAT_CLOUDEVENTS, "cloudevents/1",
		 "application/cloudevents+json; charset=UTF-8"},
		{WEBHOOK_FORMAT_CLOUDEVENTS_BINARY, "cloudevents-binary/1", "application/json"},
		{WEBHOOK_FORMAT_STANDARD, "standard/1", "application/json"},
		{WEBHOOK_FORMAT_DEBEZIUM, "debezium/1", "application/json"},
	};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	size_t i;

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_open(&f, p.url);
		f.to.format = cases[i].format;
		send_small(&f, "x");
		run_until(&f, 1);
		assert_header(&seen, "app-db-listener-format", cases[i].name);
		assert_header(&seen, "Content-Type", cases[i].type);
		http_free(f.h);
	}
	peer_stop(&p);
}

static void assert_begin(const char *text, const char *want)
{
	assert_memory_equal(text, want, strlen(want));
}

static void send_templates(struct fixture *f, const struct event_fields *event)
{
	const struct request_origin origin = {.install_id = "i", .pipeline = "p"};
	struct http_request *r = http_request_get(f->h);
	struct err e;

	assert_non_null(r);
	assert_int_equal(request_fill(&origin, &f->to, event, r), ERR_OK);
	assert_int_equal(http_send(f->h, r, &e), ERR_OK);
	run_until(f, f->count + 1);
}

static void each_event_has_its_own_url_and_headers(void **state)
{
	static char name[] = "X-Table", value[] = "<{table}>", fixed[] = "X-Fixed",
		    braces[] = "{table}";
	struct webhook_header headers[] = {{fixed, {braces}, false}, {name, {value}, true}};
	const struct event_fields odd = {.id = 1,
					 .table = TEXT_LIT("../a\r\nX-Evil: 1"),
					 .changed_at = TEXT_LIT("2026-03-01T12:00:00Z")};
	const struct event_fields even = {
		.id = 2, .schema = TEXT_LIT("s"), .table = TEXT_LIT("t"), .op = OP_DELETE};
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	char url[128];

	(void)state;
	assert_true(peer_start(&p, serve_and_note, &seen));
	(void)snprintf(url, sizeof(url), "%s/x/../{schema}/{table}?o={operation}", p.url);
	fixture_open(&f, url);
	f.to.url_is_template = true;
	f.to.format = WEBHOOK_FORMAT_CLOUDEVENTS_BINARY;
	f.to.headers = headers;
	f.to.header_count = ARRAY_LEN(headers);
	send_templates(&f, &odd);
	assert_begin(seen.last.head,
		     "POST /hook/x/..//%2E%2E%2Fa%0D%0AX-Evil%3A%201?o=insert HTTP/1.1\r\n");
	assert_header(&seen, "X-Table", "<../a%0D%0AX-Evil:%201>");
	assert_header(&seen, "X-Fixed", "{table}");
	assert_header(&seen, "X-Evil", "");
	assert_header(&seen, "ce-id", "i-1");
	assert_header(&seen, "ce-time", "2026-03-01T12:00:00Z");
	/* the same handle again, with fewer lines */
	send_templates(&f, &even);
	assert_begin(seen.last.head, "POST /hook/x/../s/t?o=delete HTTP/1.1\r\n");
	assert_header(&seen, "X-Table", "<t>");
	assert_header(&seen, "webhook-id", "i-2");
	assert_header(&seen, "ce-id", "i-2");
	assert_header(&seen, "ce-time", "");
	assert_header(&seen, "ce-subject", "s.t");
	http_free(f.h);
	peer_stop(&p);
}

static void a_header_with_a_line_break_is_refused(void **state)
{
	static char name[] = "X-A", value[] = "a\r\nX-B: b";
	struct webhook_header headers[] = {{name, {value}, false}};
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
	f.to.proxy.value = p.url;
	send_small(&f, "p");
	run_until(&f, 1);
	(void)unsetenv("no_proxy");
	assert_int_equal(f.results[0].status, 200);
	assert_memory_equal(seen.last.head, "POST http://receiver.invalid/hook ", 34);
	http_free(f.h);
	peer_stop(&p);
}

/* ---- answers ---- */

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

/* ---- phases before the answer ---- */

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
	assert_true(peer_open(&p, serve_hello, &hello));
	p.greet = true;
	assert_true(peer_go(&p));
	(void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%d/", p.port);
	r = result_at(p.url, 1, 0);
	peer_stop(&p);
	assert_int_equal(r.phase, ANSWER_PHASE_TLS);
	assert_true(hello_has(&hello, "\x08http/1.1", 9));
	assert_false(hello_has(&hello, "\x02h2", 3));
	assert_true(hello_has(&hello, versions, sizeof(versions)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_carries_its_id_time_and_type),
		cmocka_unit_test(a_large_body_is_sent_without_waiting_for_a_go_ahead),
		cmocka_unit_test(an_empty_body_is_sent_as_empty),
		cmocka_unit_test(configured_headers_are_sent_and_replace_the_defaults),
		cmocka_unit_test(a_request_is_signed_with_every_secret),
		cmocka_unit_test(each_format_says_its_name_version_and_type),
		cmocka_unit_test(each_event_has_its_own_url_and_headers),
		cmocka_unit_test(a_header_with_a_line_break_is_refused),
		cmocka_unit_test(the_proxy_of_the_environment_is_ignored),
		cmocka_unit_test(a_configured_proxy_is_used_whatever_no_proxy_says),
		cmocka_unit_test(only_http_and_https_are_spoken),
		cmocka_unit_test(only_http_1_1_and_tls_from_1_2_are_offered),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
