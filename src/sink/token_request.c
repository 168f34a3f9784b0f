/* SPDX-License-Identifier: MIT */
/*
 * A handle and a connection of its own for each request: there is one an hour or so. The multi
 * handle is only there because curl_multi_wakeup can end its wait.
 */
#include "sink/token_request.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/version.h"
#include "config/secret.h"
#include "sink/network.h"
#include "sink/tls_options.h"
#include "sink/token_answer.h"

#define FORM_BYTES_MAX (8UL * SECRET_BYTES_MAX)
#define HEADER_BYTES_MAX 65536
#define POLL_MS 1000

struct token_request {
	const struct webhook_settings *to;
	struct webhook_settings endpoint; /* the same but for the URL: for the network policy */
	struct tls_files *files;
	const struct clock *clock;
	struct network_policy *policy;
	struct network_trail trail;
	CURLM *multi;
	_Atomic bool cancelled;
	struct buf form;
	struct buf authorization; /* the header line; empty: the client is in the form */

	/* of the one under way */
	struct buf body;
	size_t header_bytes;
	char denied[112];
	char error[CURL_ERROR_SIZE];
};

/* ---- what is sent ---- */

/* application/x-www-form-urlencoded: RFC 6749, appendix B. */
static void add_escaped(struct buf *out, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, (int)strlen(text));

	if (escaped) {
		buf_add_str(out, escaped);
		mem_wipe(escaped, strlen(escaped));
	} else {
		out->error = ERR_NOMEM;
	}
	curl_free(escaped);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_add_fmt(out, "&%s=", name);
	add_escaped(out, value);
}

/* Client id and secret are escaped before they become user and password: RFC 6749, 2.3.1. */
static void write_authorization(struct token_request *r)
{
	struct buf pair;
	char *coded;

	buf_init(&pair, FORM_BYTES_MAX);
	add_escaped(&pair, r->to->oauth2_client_id);
	buf_add_char(&pair, ':');
	add_escaped(&pair, r->to->oauth2_client_secret.value);
	coded = mem_alloc(BASE64_CHARS(pair.len) + 1);
	if (coded && buf_error(&pair) == ERR_OK) {
		base64_encode(buf_str(&pair), pair.len, coded);
		buf_add_str(&r->authorization, "Authorization: Basic ");
		buf_add_str(&r->authorization, coded);
		mem_wipe(coded, BASE64_CHARS(pair.len));
	} else {
		r->authorization.error = ERR_NOMEM;
	}
	mem_free(coded);
	secret_buf_done(&pair);
}

static void write_form(struct token_request *r)
{
	const struct webhook_settings *to = r->to;

	buf_add_str(&r->form, "grant_type=client_credentials");
	add_member(&r->form, "scope", to->oauth2_scope);
	add_member(&r->form, "audience", to->oauth2_audience);
	if (to->oauth2_auth == WEBHOOK_OAUTH2_BASIC) {
		write_authorization(r);
		return;
	}
	add_member(&r->form, "client_id", to->oauth2_client_id);
	add_member(&r->form, "client_secret", to->oauth2_client_secret.value);
}

enum err_code token_request_new(const struct webhook_settings *to, struct tls_files *files,
				const struct clock *clock, struct token_request **ret_r,
				struct err *e)
{
	struct token_request *r = mem_calloc(1, sizeof(*r));
	enum err_code code;

	if (!r)
		return err_set(e, ERR_NOMEM, "no memory for a token");
	r->to = to;
	r->endpoint = *to;
	r->endpoint.url = to->oauth2_token_url;
	r->files = files;
	r->clock = clock;
	buf_init(&r->form, FORM_BYTES_MAX);
	buf_init(&r->authorization, FORM_BYTES_MAX);
	buf_init(&r->body, TOKEN_ANSWER_BYTES_MAX);
	write_form(r);
	code = network_policy_new(&r->endpoint, &r->policy, e);
	if (code != ERR_OK)
		goto out_request;
	r->multi = curl_multi_init();
	if (!r->multi || buf_error(&r->form) != ERR_OK || buf_error(&r->authorization) != ERR_OK) {
		code = err_set(e, ERR_NOMEM, "no memory for a token");
		goto out_request;
	}
	*ret_r = r;
	return ERR_OK;
out_request:
	token_request_free(r);
	return code;
}

void token_request_free(struct token_request *r)
{
	if (!r)
		return;
	(void)curl_multi_cleanup(r->multi);
	network_policy_free(r->policy);
	secret_buf_done(&r->form);
	secret_buf_done(&r->authorization);
	secret_buf_done(&r->body);
	mem_free(r);
}

/* ---- what comes back ---- */

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct token_request *r = ctx;

	(void)line;
	r->header_bytes += size * count;
	return r->header_bytes > HEADER_BYTES_MAX ? 0 : size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct token_request *r = ctx;

	buf_add(&r->body, bytes, size * count);
	return buf_error(&r->body) == ERR_OK ? size * count : 0;
}

static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct token_request *r = ctx;
	struct network_address a;
	char ip[INET6_ADDRSTRLEN] = "";
	const char *rule;

	(void)purpose;
	if (!network_address_of(&addr->addr, &a))
		return CURL_SOCKET_BAD;
	rule = network_denied_by(r->policy, &r->trail, &a);
	if (rule) {
		network_address_print(&a, ip);
		(void)snprintf(r->denied, sizeof(r->denied), "denied: %s, by network_deny: %s", ip,
			       rule);
		return CURL_SOCKET_BAD;
	}
	return socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
}

static void say(struct token_outcome *out, const char *words)
{
	(void)snprintf(out->reason, sizeof(out->reason), "%.*s", (int)sizeof(out->reason) - 1,
		       words);
}

static void read_answer(struct token_request *r, CURL *easy, struct token_outcome *out)
{
	const char *word;
	curl_off_t wait_s = 0;
	long status = 0;
	struct err e;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &wait_s);
	if (status >= 200 && status <= 299) {
		if (token_answer_read(buf_text(&r->body), &out->token, &out->lifetime_s, &e) !=
		    ERR_OK)
			say(out, e.msg);
		return;
	}
	if (wait_s > 0)
		out->retry_after_s = (int64_t)wait_s;
	word = token_answer_error(buf_text(&r->body));
	(void)snprintf(out->reason, sizeof(out->reason), "HTTP %ld%s%s", status, *word ? ": " : "",
		       word);
}

static void read_failure(struct token_request *r, CURLcode rc, struct token_outcome *out)
{
	if (r->denied[0] && rc == CURLE_COULDNT_CONNECT)
		say(out, r->denied);
	else if (r->header_bytes > HEADER_BYTES_MAX)
		say(out, "the header section of its answer has no end");
	else if (buf_error(&r->body) == ERR_FULL)
		say(out, "its answer is too long");
	else
		say(out, r->error[0] ? r->error : curl_easy_strerror(rc));
}

/* ---- on the way ---- */

static long ms_of(int64_t us)
{
	return us < 1000 ? 1L : (long)(us / 1000);
}

static CURLcode set_longs(CURL *easy, const struct webhook_settings *to)
{
	const struct {
		CURLoption option;
		long value;
	} options[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_QUICK_EXIT, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_FRESH_CONNECT, 1},
		{CURLOPT_FORBID_REUSE, 1},
		{CURLOPT_POST, 1},
		{CURLOPT_TIMEOUT_MS, ms_of(to->timeout_us)},
		{CURLOPT_CONNECTTIMEOUT_MS, ms_of(to->connect_timeout_us)},
	};
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; rc == CURLE_OK && i < ARRAY_LEN(options); i++)
		rc = curl_easy_setopt(easy, options[i].option, options[i].value);
	return rc;
}

static CURLcode set_pointers(struct token_request *r, CURL *easy, struct curl_slist *head)
{
	const struct {
		CURLoption option;
		const void *value;
	} options[] = {
		{CURLOPT_URL, r->endpoint.url.value},
		{CURLOPT_PROTOCOLS_STR, "http,https"},
		/* NULL would mean what the environment says */
		{CURLOPT_PROXY, r->to->proxy.value ? r->to->proxy.value : ""},
		{CURLOPT_NOPROXY, ""},
		{CURLOPT_USERAGENT, APP_NAME "/" APP_VERSION},
		{CURLOPT_HTTPHEADER, head},
		{CURLOPT_POSTFIELDS, buf_str(&r->form)},
		{CURLOPT_ERRORBUFFER, r->error},
		{CURLOPT_WRITEDATA, r},
		{CURLOPT_HEADERDATA, r},
		{CURLOPT_OPENSOCKETDATA, r},
	};
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; rc == CURLE_OK && i < ARRAY_LEN(options); i++)
		rc = curl_easy_setopt(easy, options[i].option, options[i].value);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	return rc;
}

static CURLcode perform(struct token_request *r, CURL *easy)
{
	CURLcode rc = CURLE_ABORTED_BY_CALLBACK;
	const CURLMsg *msg;
	int running = 1, left;

	if (curl_multi_add_handle(r->multi, easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	while (running && !atomic_load(&r->cancelled)) {
		if (curl_multi_perform(r->multi, &running) != CURLM_OK)
			break;
		if (running)
			(void)curl_multi_poll(r->multi, NULL, 0, POLL_MS, NULL);
	}
	while ((msg = curl_multi_info_read(r->multi, &left)))
		if (msg->msg == CURLMSG_DONE)
			rc = msg->data.result;
	(void)curl_multi_remove_handle(r->multi, easy);
	return rc;
}

/* The handle is set up and goes off. */
static void ask(struct token_request *r, CURL *easy, struct tls_material **held,
		struct token_outcome *out)
{
	char accept[] = "Accept: application/json";
	/* the line is not changed: the list's type has no const */
	struct curl_slist more = {r->authorization.data, NULL};
	struct curl_slist head = {accept, r->authorization.len ? &more : NULL};
	CURLcode rc = set_longs(easy, r->to);
	struct err e;

	if (rc == CURLE_OK)
		rc = set_pointers(r, easy, &head);
	if (rc == CURLE_OK)
		rc = tls_options_set(easy, r->to);
	if (rc == CURLE_OK && r->files &&
	    tls_files_follow(r->files, clock_now_us(r->clock), easy, held, &e) != ERR_OK)
		rc = CURLE_SSL_CERTPROBLEM;
	if (rc == CURLE_OK)
		rc = perform(r, easy);
	if (rc == CURLE_OK)
		read_answer(r, easy, out);
	else
		read_failure(r, rc, out);
}

void token_request_run(struct token_request *r, struct token_outcome *ret_out)
{
	struct tls_material *held = NULL;
	CURL *easy = curl_easy_init();

	*ret_out = (struct token_outcome){.retry_after_s = -1};
	buf_init(&ret_out->token, TOKEN_BYTES_MAX);
	buf_reset(&r->body);
	r->header_bytes = 0;
	r->denied[0] = '\0';
	r->error[0] = '\0';
	if (easy)
		ask(r, easy, &held, ret_out);
	else
		say(ret_out, "no memory for a request");
	curl_easy_cleanup(easy);
	tls_material_drop(held);
	if (r->body.data)
		mem_wipe(r->body.data, r->body.cap);
	buf_reset(&r->body);
}

void token_request_cancel(struct token_request *r)
{
	atomic_store(&r->cancelled, true);
	(void)curl_multi_wakeup(r->multi);
}
