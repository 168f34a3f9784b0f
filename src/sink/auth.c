/* SPDX-License-Identifier: MIT */
#include "sink/auth.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/mem.h"
#include "config/secret.h"

struct auth {
	const struct clock *clock;
	struct tls_files *tls;         /* NULL: none */
	struct token_request *request; /* NULL: no tokens */
	struct oauth2 *tokens;         /* NULL: none */
};

static void fetch(void *ctx, struct token_outcome *ret_out)
{
	token_request_run(ctx, ret_out);
}

static void cancel(void *ctx)
{
	token_request_cancel(ctx);
}

static ATTR_MUST_CHECK enum err_code tokens_open(struct auth *a, const struct webhook_settings *to,
						 struct err *e)
{
	struct oauth2_options o = {
		.webhook = to->name,
		.clock = a->clock,
		.max_wait_us = to->retry_max_delay_us,
		.fetch = fetch,
		.cancel = cancel,
	};
	enum err_code code = token_request_new(to, a->tls, o.clock, &a->request, e);

	if (code != ERR_OK)
		return code;
	o.ctx = a->request;
	return oauth2_new(&o, &a->tokens, e);
}

enum err_code auth_new(const struct webhook_settings *to, const struct clock *clock,
		       struct auth **ret_a, struct err *e)
{
	struct auth *a;
	enum err_code code = ERR_OK;

	if (!tls_files_are_named(to) && !to->oauth2_token_url.value) {
		*ret_a = NULL;
		return ERR_OK;
	}
	a = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for webhook %s", to->name);
	a->clock = clock;
	if (tls_files_are_named(to))
		code = tls_files_new(to, &a->tls, e);
	if (code == ERR_OK && to->oauth2_token_url.value)
		code = tokens_open(a, to, e);
	if (code != ERR_OK) {
		auth_free(a);
		(void)err_prefix(e, "webhook %s", to->name);
		return code;
	}
	*ret_a = a;
	return ERR_OK;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	oauth2_free(a->tokens);
	token_request_free(a->request);
	tls_files_free(a->tls);
	mem_free(a);
}

static void add_basic(const struct webhook_settings *to, struct buf *out)
{
	const char *password = to->basic_password.value ? to->basic_password.value : "";
	struct buf plain;
	char *coded;

	buf_init(&plain, 2UL * SECRET_BYTES_MAX);
	buf_add_fmt(&plain, "%s:%s", to->basic_user, password);
	coded = mem_alloc(BASE64_CHARS(plain.len) + 1);
	if (coded && buf_error(&plain) == ERR_OK) {
		base64_encode(buf_str(&plain), plain.len, coded);
		buf_add_str(out, "Authorization: Basic ");
		buf_add_str(out, coded);
	} else {
		out->error = coded ? buf_error(&plain) : ERR_NOMEM;
	}
	if (coded)
		mem_wipe(coded, BASE64_CHARS(plain.len));
	mem_free(coded);
	secret_buf_done(&plain);
}

void auth_add_header(const struct webhook_settings *to, struct buf *out)
{
	if (to->bearer_token.value) {
		buf_add_str(out, "Authorization: Bearer ");
		buf_add_str(out, to->bearer_token.value);
	} else if (to->basic_user) {
		add_basic(to, out);
	}
}

/* RFC 6761, 6.3; a name that only looks like an address of loopback is no worse than localhost. */
static bool is_loopback(const char *host)
{
	static const char *const begins[] = {
		"127.", "[::1]", "localhost:", "localhost/", "localhost?", "localhost#"};
	size_t i;

	if (!strcasecmp(host, "localhost"))
		return true;
	for (i = 0; i < ARRAY_LEN(begins); i++)
		if (!strncasecmp(host, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static bool is_open_to_all(const char *url)
{
	static const char http[] = "http://";

	return url && !strncasecmp(url, http, sizeof(http) - 1) &&
	       !is_loopback(url + sizeof(http) - 1);
}

const char *auth_warning(const struct webhook_settings *to)
{
	if (is_open_to_all(to->oauth2_token_url.value))
		return "oauth2_token_url is http: the client's secret is sent without TLS";
	if ((to->bearer_token.value || to->basic_user || to->oauth2_token_url.value) &&
	    is_open_to_all(to->url.value))
		return "the URL is http: its authorization is sent without TLS";
	return NULL;
}

struct tls_files *auth_tls_files(struct auth *a)
{
	return a ? a->tls : NULL;
}

bool auth_has_tokens(const struct auth *a)
{
	return a && a->tokens;
}

void auth_bind(struct auth *a, oauth2_notify_fn fn, void *ctx)
{
	if (auth_has_tokens(a))
		oauth2_bind(a->tokens, fn, ctx);
}

enum token_state auth_ask(struct auth *a, struct token_ticket *t, struct buf *lines,
			  struct oauth2_failure *ret_failure)
{
	const size_t start = lines->len;
	enum token_state state;

	buf_add_str(lines, "Authorization: Bearer ");
	state = oauth2_ask(a->tokens, t, lines, ret_failure);
	if (state == TOKEN_READY)
		buf_add_char(lines, '\0');
	else
		buf_truncate(lines, start);
	return state;
}

bool auth_refuse(struct auth *a, struct token_ticket *t)
{
	return auth_has_tokens(a) && oauth2_refuse(a->tokens, t);
}

struct auth_stats auth_stats(struct auth *a)
{
	struct auth_stats s = {.token_left_us = -1};
	int64_t left_us;

	if (a && a->tls)
		s.tls = tls_files_stats(a->tls);
	if (!auth_has_tokens(a))
		return s;
	s.tokens = oauth2_stats(a->tokens);
	left_us = s.tokens.expires_us - clock_now_us(a->clock);
	if (s.tokens.expires_us)
		s.token_left_us = left_us > 0 ? left_us : 0;
	return s;
}
