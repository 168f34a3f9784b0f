/* SPDX-License-Identifier: MIT */
/* The server is the thing under test: it listens on loopback and libcurl asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <curl/curl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/thread.h"
#include "control/admin.h"
#include "control/process.h"

/* What the daemon would be. */
struct fake {
	struct mutex lock;
	int healthz;         /* status to give */
	bool fail;           /* let the page run out of memory */
	char enabled[64];    /* the last webhook that was enabled */
	enum err_code error; /* for enable */
};

static struct fake fake;
static struct admin *admin;

static int fake_render(void *ctx, enum admin_page page, struct buf *out)
{
	static const char *const bodies[] = {"{\"queue_size\":1}\n", "# HELP x y\nx 1\n",
					     "{\"status\":\"ok\"}\n", "{\"status\":\"failed\"}\n"};
	struct fake *f = ctx;

	mutex_lock(&f->lock);
	if (f->fail)
		out->error = ERR_NOMEM;
	mutex_unlock(&f->lock);
	buf_add_str(out, bodies[page]);
	if (page == ADMIN_READYZ)
		return 503;
	return page == ADMIN_HEALTHZ ? f->healthz : 200;
}

static enum err_code fake_enable(void *ctx, const char *name, bool enable, struct err *e)
{
	struct fake *f = ctx;

	if (f->error != ERR_OK)
		return err_set(e, f->error, "no webhook is called '%s'", name);
	mutex_lock(&f->lock);
	(void)snprintf(f->enabled, sizeof(f->enabled), "%s%s", enable ? "" : "not ", name);
	mutex_unlock(&f->lock);
	return ERR_OK;
}

static struct admin_options options(const char *listen, const char *token)
{
	return (struct admin_options){listen, token, {fake_render, fake_enable, &fake}};
}

static int start_with(const char *listen, const char *token)
{
	struct admin_options o = options(listen, token);
	struct err e;

	mutex_init(&fake.lock);
	fake.healthz = 200;
	fake.fail = false;
	fake.enabled[0] = '\0';
	fake.error = ERR_OK;
	return admin_start(&o, &admin, &e) == ERR_OK ? 0 : -1;
}

static int start(void **state)
{
	(void)state;
	return start_with("127.0.0.1:0", "s3cret");
}

static int start_without_token(void **state)
{
	(void)state;
	return start_with("127.0.0.1:0", "");
}

static int start_v6(void **state)
{
	(void)state;
	return start_with("[::1]:0", NULL);
}

static int stop(void **state)
{
	(void)state;
	admin_stop(admin);
	admin = NULL;
	mutex_done(&fake.lock);
	return 0;
}

struct reply {
	long status;
	struct buf head;
	struct buf body;
};

static size_t reply_add(char *bytes, size_t one, size_t n, void *out)
{
	buf_add(out, bytes, one * n);
	return one * n;
}

/* Ask for method path with up to two extra headers. */
static void ask(struct reply *r, const char *method, const char *path, const char *header,
		const char *body)
{
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	char url[256];

	buf_init(&r->head, 65536);
	buf_init(&r->body, 65536);
	(void)snprintf(url, sizeof(url), "http://%s%s", admin_address(admin), path);
	if (header)
		headers = curl_slist_append(headers, header);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_add);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &r->body);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, reply_add);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &r->head);
	if (strcmp(method, "HEAD") == 0)
		(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else if (body)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (strcmp(method, "HEAD") != 0)
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	assert_int_equal(curl_easy_perform(curl), CURLE_OK);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}

static void reply_done(struct reply *r)
{
	buf_done(&r->head);
	buf_done(&r->body);
}

static void assert_error_json(const struct reply *r)
{
	json_t *root = json_loads(buf_str(&r->body), 0, NULL);

	assert_non_null(root);
	assert_true(json_is_string(json_object_get(root, "error")));
	json_decref(root);
}

static void every_page_answers_with_its_status_and_type(void **state)
{
	static const struct {
		const char *method, *path, *header;
		long status;
		const char *type, *body;
	} cases[] = {
		{"GET", "/metrics", NULL, 200, "application/json", "{\"queue_size\":1}\n"},
		{"GET", "/metrics", "Accept: text/plain", 200, "text/plain; version=0.0.4",
		 "# HELP x y\nx 1\n"},
		{"GET", "/metrics?format=prometheus", NULL, 200, "text/plain; version=0.0.4",
		 "# HELP x y\nx 1\n"},
		{"GET", "/metrics?format=json", "Accept: text/plain", 200, "application/json",
		 "{\"queue_size\":1}\n"},
		{"GET", "/metrics", "Host: evil.example", 200, "application/json",
		 "{\"queue_size\":1}\n"},
		{"GET", "/healthz", NULL, 200, "application/json", "{\"status\":\"ok\"}\n"},
		{"GET", "/readyz", NULL, 503, "application/json", "{\"status\":\"failed\"}\n"},
		{"HEAD", "/metrics", NULL, 200, "application/json", ""},
	};
	struct reply r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ask(&r, cases[i].method, cases[i].path, cases[i].header, NULL);
		assert_int_equal(r.status, cases[i].status);
		assert_non_null(strstr(buf_str(&r.head), cases[i].type));
		assert_non_null(strstr(buf_str(&r.head), "no-store"));
		assert_string_equal(buf_str(&r.body), cases[i].body);
		reply_done(&r);
	}
}

static void what_is_not_there_or_not_allowed_says_so_in_json(void **state)
{
	static const struct {
		const char *method, *path, *body;
		long status;
		const char *head;
	} cases[] = {
		{"GET", "/", NULL, 404, "application/json"},
		{"GET", "/metrics/x", NULL, 404, "application/json"},
		{"GET", "/metrics?format=xml", NULL, 400, "application/json"},
		{"POST", "/metrics", "a=b", 405, "Allow: GET, HEAD"},
		{"DELETE", "/readyz", NULL, 405, "Allow: GET, HEAD"},
		{"GET", "/webhooks/shop/enable", NULL, 405, "Allow: POST"},
		{"POST", "/webhooks//enable", "", 404, "application/json"},
		{"POST", "/webhooks/a/b/enable", "", 404, "application/json"},
		{"GET", "/webhooks/shop/disable", NULL, 405, "Allow: POST"},
		{"POST", "/webhooks/shop/stop", "", 404, "application/json"},
	};
	struct reply r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ask(&r, cases[i].method, cases[i].path, "Authorization: Bearer s3cret",
		    cases[i].body);
		assert_int_equal(r.status, cases[i].status);
		assert_non_null(strstr(buf_str(&r.head), cases[i].head));
		assert_error_json(&r);
		reply_done(&r);
	}
	assert_string_equal(fake.enabled, "");
}

static void a_change_wants_the_right_token(void **state)
{
	static const struct {
		const char *header;
		long status;
	} cases[] = {
		{NULL, 401},
		{"Authorization: Basic czNjcmV0", 401},
		{"Authorization: Bearer ", 401},
		{"Authorization: Bearer s3cre", 401},
		{"Authorization: Bearer s3crets3cret", 401},
		{"Authorization: Bearer S3cret", 401},
		{"Authorization: Bearer s3cret", 200},
		{"authorization: bearer s3cret", 200},
	};
	struct reply r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		fake.enabled[0] = '\0';
		ask(&r, "POST", "/webhooks/shop/enable", cases[i].header, "ignored");
		assert_int_equal(r.status, cases[i].status);
		assert_string_equal(fake.enabled, cases[i].status == 200 ? "shop" : "");
		reply_done(&r);
		fake.enabled[0] = '\0';
		ask(&r, "POST", "/webhooks/shop/disable", cases[i].header, "");
		assert_int_equal(r.status, cases[i].status);
		assert_string_equal(fake.enabled, cases[i].status == 200 ? "not shop" : "");
		if (cases[i].status == 200)
			assert_non_null(strstr(buf_str(&r.body), "\"enabled\":false"));
		if (cases[i].status == 401)
			assert_non_null(strstr(buf_str(&r.head), "WWW-Authenticate: Bearer"));
		reply_done(&r);
	}
}

static void an_unknown_webhook_is_not_found(void **state)
{
	struct reply r;

	(void)state;
	fake.error = ERR_NOT_FOUND;
	ask(&r, "POST", "/webhooks/nope/enable", "Authorization: Bearer s3cret", "");
	assert_int_equal(r.status, 404);
	assert_string_equal(buf_str(&r.body), "{\"error\":\"no webhook is called 'nope'\"}\n");
	reply_done(&r);
	fake.error = ERR_INTERNAL;
	ask(&r, "POST", "/webhooks/nope/enable", "Authorization: Bearer s3cret", "");
	assert_int_equal(r.status, 500);
	reply_done(&r);
}

static void without_a_token_every_change_is_refused(void **state)
{
	struct reply r;

	(void)state;
	ask(&r, "POST", "/webhooks/shop/enable", "Authorization: Bearer ", "");
	assert_int_equal(r.status, 403);
	assert_error_json(&r);
	assert_string_equal(fake.enabled, "");
	reply_done(&r);
}

static void a_page_that_cannot_be_built_is_a_500(void **state)
{
	struct reply r;

	(void)state;
	fake.fail = true;
	ask(&r, "GET", "/metrics", NULL, NULL);
	assert_int_equal(r.status, 500);
	assert_error_json(&r);
	reply_done(&r);
}

static void it_listens_on_ipv6(void **state)
{
	struct reply r;

	(void)state;
	assert_int_equal(strncmp(admin_address(admin), "[::1]:", 6), 0);
	ask(&r, "GET", "/healthz", NULL, NULL);
	assert_int_equal(r.status, 200);
	reply_done(&r);
}

static void a_taken_port_is_named_in_the_error(void **state)
{
	struct admin_options o = options(admin_address(admin), NULL);
	struct admin *second = NULL;
	struct err e;

	(void)state;
	assert_int_equal(admin_start(&o, &second, &e), ERR_UNAVAILABLE);
	assert_null(second);
	assert_non_null(strstr(e.msg, admin_address(admin)));
	assert_non_null(strstr(e.msg, "in use"));
}

static void wrong_addresses_are_refused(void **state)
{
	static const char *const cases[] = {
		"",        "8080",      ":8080",          "127.0.0.1",       "::1:80",
		"[::1]",   "[]:80",     "localhost:http", "127.0.0.1:65536", "localhost:-1",
		"[::1:80", "localhost:"};
	struct admin *a = NULL;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct admin_options o = options(cases[i], NULL);

		assert_int_equal(admin_start(&o, &a, &e), ERR_CONFIG);
		assert_null(a);
	}
}

static void off_starts_nothing(void **state)
{
	struct admin_options o = options("off", NULL);
	struct admin *a;
	struct err e;

	(void)state;
	assert_int_equal(admin_start(&o, &a, &e), ERR_OK);
	assert_null(a);
	assert_string_equal(admin_address(a), "");
	admin_stop(a);
}

static void stopping_leaves_no_descriptor_open(void **state)
{
	int64_t before = process_stats().open_fds;
	struct reply r;

	assert_int_equal(start(state), 0);
	ask(&r, "GET", "/healthz", NULL, NULL);
	reply_done(&r);
	assert_true(process_stats().open_fds > before);
	assert_int_equal(stop(state), 0);
	assert_int_equal(process_stats().open_fds, before);
}

#define IDLE_CONNECTIONS 40

/* Connections beyond the limit wait or are closed; those that leave make room again. */
static void too_many_connections_do_no_harm(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fds[IDLE_CONNECTIONS];
	struct reply r;
	int port, i;

	(void)state;
	assert_int_equal(sscanf(admin_address(admin), "127.0.0.1:%d", &port), 1);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	at.sin_port = htons((uint16_t)port);
	for (i = 0; i < IDLE_CONNECTIONS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&at, sizeof(at)), 0);
	}
	for (i = 0; i < IDLE_CONNECTIONS; i++)
		fd_close(&fds[i]);
	ask(&r, "GET", "/healthz", NULL, NULL);
	assert_int_equal(r.status, 200);
	reply_done(&r);
}

static void accept_headers_choose_the_format(void **state)
{
	static const struct {
		const char *accept;
		bool prometheus;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"*/*", false},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
		{"application/json", false},
		{"application/json, text/plain, */*", false},
		{"text/plain", true},
		{"TEXT/PLAIN;version=0.0.4", true},
		{"text/plain;q=0", false},
		{"text/plain;q=0.5,application/json;q=0.4", true},
		{"text/plain;q=0.5,application/json", false},
		{"text/plain; charset=utf-8; q=0.9, application/json; q=0.95", false},
		{"text/plainer", false},
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 true},
		{",,;q=,text/plain;q", true},
		{"text/plain;", true},
		{";", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (admin_wants_prometheus(cases[i].accept) != cases[i].prometheus)
			fail_msg("wrong for %s", cases[i].accept);
}

#define WITH(test, up) cmocka_unit_test_setup_teardown(test, up, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(every_page_answers_with_its_status_and_type, start),
		WITH(what_is_not_there_or_not_allowed_says_so_in_json, start),
		WITH(a_change_wants_the_right_token, start),
		WITH(an_unknown_webhook_is_not_found, start),
		WITH(without_a_token_every_change_is_refused, start_without_token),
		WITH(a_page_that_cannot_be_built_is_a_500, start),
		WITH(it_listens_on_ipv6, start_v6),
		WITH(a_taken_port_is_named_in_the_error, start),
		cmocka_unit_test(wrong_addresses_are_refused),
		cmocka_unit_test(off_starts_nothing),
		cmocka_unit_test(stopping_leaves_no_descriptor_open),
		WITH(too_many_connections_do_no_harm, start),
		cmocka_unit_test(accept_headers_choose_the_format),
	};
	int failed;

	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	curl_global_cleanup();
	return failed;
}
