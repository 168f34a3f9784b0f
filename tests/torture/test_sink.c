/* SPDX-License-Identifier: MIT */
/*
 * Fail each allocation of the sink layer in turn, libcurl's included: the error comes back, nothing
 * leaks, nothing is half done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "base/mem.h"
#include "certs.h"
#include "sink/auth.h"
#include "sink/http.h"
#include "sink/mask.h"
#include "sink/pool.h"
#include "sink/request.h"
#include "sink/scrub.h"
#include "sink/token_answer.h"
#include "sink/webhook.h"
#include "torture.h"

static char name[] = "test", url[] = "http://127.0.0.1:1/hook/{table}";
static char header_name[] = "Authorization", header_value[] = "Bearer x";
static struct signing_key keys[] = {
	{SIGNING_KEY_HMAC, 24, "a key of 24 bytes, or so"},
	{SIGNING_KEY_ED25519, 32, "a key of 32 bytes, not one less"},
};
static char metadata[] = "metadata", literal[] = "literal";
static char *deny[] = {metadata, NULL}, *allow[] = {literal, NULL};
static char table_name[] = "X-Table", table_value[] = "{table}";
static struct webhook_header headers[] = {{header_name, {header_value}, false},
					  {table_name, {table_value}, true}};

static const struct webhook_settings settings = {
	.name = name,
	.url.value = url,
	.timeout_us = CLOCK_US_PER_S,
	.connect_timeout_us = CLOCK_US_PER_S,
	.retry_delay_us = 1,
	.retry_max_delay_us = 1,
	.max_in_flight = 4,
	.breaker_failures = 3,
	.breaker_max_delay_us = CLOCK_US_PER_S,
	.max_response_bytes = 1000,
	.headers = headers,
	.header_count = 2,
	.url_is_template = true,
	.format = WEBHOOK_FORMAT_CLOUDEVENTS_BINARY,
	.compression = WEBHOOK_COMPRESSION_GZIP,
	.signing_keys = {keys, 2},
	.network_deny = {deny, 1},
	.network_allow = {allow, 1},
	.tls_verify = true,
};

static char mask_key[] = "0123456789abcdef0123456789abcdef", column_b[] = "\xc3\xa4*";
static char *hashed[] = {column_b, NULL};
static const struct webhook_settings masking = {
	.name = name,
	.mask_hash = {hashed, 1},
	.mask_key = {mask_key},
};

static char token_url[] = "http://127.0.0.1:1/token", client[] = "client",
	    client_secret[] = "secret";
static char basic_user[] = "user", scope[] = "a b";
static const struct webhook_settings with_tokens = {
	.name = name,
	.url.value = url,
	.timeout_us = CLOCK_US_PER_S,
	.connect_timeout_us = CLOCK_US_PER_S,
	.oauth2_token_url.value = token_url,
	.oauth2_client_id = client,
	.oauth2_client_secret.value = client_secret,
	.oauth2_scope = scope,
	.network_deny = {deny, 1},
	.network_allow = {allow, 1},
};

static void on_done(void *ctx, const struct http_result *r)
{
	http_request_put(*(struct http **)ctx, r->request);
}

static enum err_code make_webhook(void *ctx)
{
	struct webhook *w;
	enum err_code code = webhook_new(&settings, &w, NULL);

	(void)ctx;
	if (code == ERR_OK)
		webhook_free(w);
	return code;
}

/* The token endpoint is asked and cannot be reached: what the request says of it is no concern
 * here, that nothing leaks is. */
static enum err_code ask_for_token(void *ctx)
{
	struct token_request *r;
	struct token_outcome out;
	enum err_code code = token_request_new(&with_tokens, NULL, clock_system(), &r, NULL);

	(void)ctx;
	if (code != ERR_OK)
		return code;
	token_request_run(r, &out);
	assert_int_equal(out.token.len, 0);
	assert_true(out.reason[0]);
	code = strstr(out.reason, "emory") ? ERR_NOMEM : ERR_OK;
	token_request_free(r);
	return code;
}

static enum err_code make_tokens(void *ctx)
{
	struct auth *a;
	enum err_code code = auth_new(&with_tokens, clock_system(), &a, NULL);

	(void)ctx;
	if (code == ERR_OK)
		auth_free(a);
	return code;
}

static enum err_code read_token(void *ctx)
{
	struct buf out;
	int64_t lifetime_s;
	enum err_code code;

	(void)ctx;
	buf_init(&out, 100);
	code = token_answer_read(TEXT_LIT("{\"access_token\":\"a\"}"), &out, &lifetime_s, NULL);
	buf_done(&out);
	return code;
}

static enum err_code write_basic(void *ctx)
{
	const struct webhook_settings to = {.basic_user = basic_user,
					    .basic_password.value = client_secret};
	struct buf line;
	enum err_code code;

	(void)ctx;
	buf_init(&line, 1000);
	auth_add_header(&to, &line);
	code = buf_error(&line);
	buf_done(&line);
	return code;
}

static char cert_file[] = "/tmp/adbl-torture.XXXXXX";
static struct webhook_settings with_files = {.name = name};

static enum err_code read_files(void *ctx)
{
	struct tls_files *f;
	struct tls_material *held = NULL;
	CURL *easy = ctx;
	enum err_code code = tls_files_new(&with_files, &f, NULL);

	if (code != ERR_OK)
		return code;
	code = tls_files_follow(f, CLOCK_US_PER_S, easy, &held, NULL);
	tls_files_free(f);
	curl_easy_reset(easy);
	tls_material_drop(held);
	return code;
}

static int compressed;
static const struct request_origin origin = {.install_id = "install", .pipeline = "default"};
static const struct event_fields event = {
	.id = 1,
	.table = TEXT_LIT("t"),
	.data = TEXT_LIT("{\"a\":1,\"b\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"),
};

static ATTR_MUST_CHECK enum err_code fill_and_send(struct http *h, struct http_request *r)
{
	struct compressor *c = NULL;
	enum err_code code = request_fill(&origin, &settings, &event, r);

	if (code != ERR_OK)
		return code;
	/* without memory the body is sent as it is */
	request_compress(r, &c);
	assert_int_equal(r->plain_bytes == 0, memcmp(r->body.data, "\x1f\x8b", 2) != 0);
	assert_true(r->plain_bytes == 0 || memmem(r->lines.data, r->lines.len, "gzip", 4));
	compressed += r->plain_bytes > 0;
	compressor_free(c);
	return http_send(h, r, NULL);
}

/* Either the whole row is masked, or there is none. */
static enum err_code mask_one(void *ctx)
{
	struct event_fields f = event;
	struct column_rules *rules = NULL;
	struct buf room;
	enum err_code code = column_rules_new(&masking, &rules, NULL);

	(void)ctx;
	if (code != ERR_OK)
		return code;
	f.old_data = TEXT_LIT("{\"\\u00e4\":\"\\u0031\"}");
	buf_init(&room, 1000);
	code = mask_event(rules, SOURCE_POSTGRES, &f, &room);
	assert_true(code != ERR_OK || memmem(f.old_data.s, f.old_data.len, ":\"", 2));
	assert_int_equal(code != ERR_OK, f.data.s == event.data.s);
	buf_done(&room);
	column_rules_free(rules);
	return code;
}

/* A row that is too large is cut, or there is no request. */
static enum err_code cut_one(void *ctx)
{
	const struct webhook_settings to = {
		.name = name, .max_body_bytes = 200, .oversized = WEBHOOK_OVERSIZED_TRUNCATE};
	struct http_request r = {.to = NULL};
	enum err_code code;

	(void)ctx;
	buf_init(&r.body, 10000);
	buf_init(&r.lines, 10000);
	buf_init(&r.url, 10000);
	code = request_fill(&origin, &to, &event, &r);
	assert_int_equal(code == ERR_OK, r.cut_count == 1);
	assert_true(code != ERR_OK || r.body.len <= 200);
	buf_done(&r.body);
	return code;
}

/* A request is started and broken off; one that could not be started is still ours. */
static enum err_code send_one(void *ctx)
{
	struct http *h = NULL;
	struct http_request *r;
	enum err_code code = http_new(clock_system(), 4, on_done, &h, &h, NULL);

	(void)ctx;
	if (code != ERR_OK)
		return code;
	r = http_request_get(h);
	code = r ? fill_and_send(h, r) : ERR_NOMEM;
	if (code == ERR_OK)
		http_abort_all(h);
	else if (r)
		http_request_put(h, r);
	assert_int_equal(http_in_flight(h), 0);
	http_free(h);
	return code;
}

static enum err_code make_pool(void *ctx)
{
	struct pool_pipeline pipeline = {.name = "default", .install_id = "install"};
	struct pool_options o = {
		.workers = 2, .pipelines = &pipeline, .pipeline_count = 1, .clock = clock_system()};
	struct pool *p;
	enum err_code code;

	(void)ctx;
	code = webhook_new(&settings, &pipeline.webhook, NULL);
	if (code != ERR_OK)
		return code;
	code = pool_new(&o, &p, NULL);
	if (code == ERR_OK)
		pool_free(p);
	webhook_free(pipeline.webhook);
	return code;
}

static void a_webhook_without_memory(void **state)
{
	(void)state;
	torture_run(make_webhook, NULL);
}

static void tokens_without_memory(void **state)
{
	(void)state;
	torture_run(ask_for_token, NULL);
	torture_run(make_tokens, NULL);
	torture_run(read_token, NULL);
	torture_run(write_basic, NULL);
}

static void certificates_without_memory(void **state)
{
	struct cert c = cert_new("one", NULL, 1);
	struct buf both;
	CURL *easy = curl_easy_init();
	const int fd = mkstemp(cert_file);

	(void)state;
	assert_non_null(easy);
	assert_true(fd >= 0);
	buf_init(&both, 65536);
	cert_print(&c, &both);
	cert_print_key(&c, NULL, &both);
	assert_int_equal(fd_write_all(fd, both.data, both.len, NULL), ERR_OK);
	with_files.tls_cert = with_files.tls_key = with_files.ca_file = cert_file;
	torture_run(read_files, easy);
	curl_easy_cleanup(easy);
	buf_done(&both);
	cert_free(&c);
	(void)close(fd);
	(void)unlink(cert_file);
}

static void a_request_without_memory(void **state)
{
	(void)state;
	torture_run(send_one, NULL);
	assert_true(compressed > 0);
}

static void a_pool_without_memory(void **state)
{
	(void)state;
	torture_run(make_pool, NULL);
}

static void a_masked_row_without_memory(void **state)
{
	(void)state;
	assert_true(torture_run(mask_one, NULL) >= 7);
	assert_true(torture_run(cut_one, NULL) >= 3);
}

static int group_open(void **state)
{
	(void)state;
	/* instead of http_global_start, so that libcurl's allocations fail in turn, too */
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free, mem_realloc,
				    mem_strdup, mem_calloc) != CURLE_OK;
}

static int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

/* Without memory nothing of the answer is left. */
static enum err_code scrub_one_answer(void *ctx)
{
	static char with_user[] = "http://u:password@h/";
	const struct webhook_settings to = {.url.value = with_user};
	const struct http_request r = {.to = &to};
	char body[] = "you sent Basic dTpwYXNzd29yZA==";

	(void)ctx;
	scrub_answer(&r, NULL, body, sizeof(body) - 1);
	assert_string_equal(body + sizeof("you sent Basic"), "****************");
	return ERR_OK;
}

static void an_answer_is_scrubbed_without_memory(void **state)
{
	(void)state;
	assert_true(torture_run(scrub_one_answer, NULL) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_webhook_without_memory),
		cmocka_unit_test(a_request_without_memory),
		cmocka_unit_test(a_pool_without_memory),
		cmocka_unit_test(tokens_without_memory),
		cmocka_unit_test(certificates_without_memory),
		cmocka_unit_test(an_answer_is_scrubbed_without_memory),
		cmocka_unit_test(a_masked_row_without_memory),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
