/* SPDX-License-Identifier: MIT */
#include "sink/auth.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/mem.h"
#include "config/secret.h"

struct auth {
	struct tls_files *tls;
};

enum err_code auth_new(const struct webhook_settings *to, struct auth **ret_a, struct err *e)
{
	struct auth *a;
	enum err_code code = ERR_OK;

	if (!tls_files_are_named(to)) {
		*ret_a = NULL;
		return ERR_OK;
	}
	a = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for webhook %s", to->name);
	code = tls_files_new(to, &a->tls, e);
	if (code != ERR_OK) {
		auth_free(a);
		return err_prefix(e, "webhook %s", to->name);
	}
	*ret_a = a;
	return ERR_OK;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
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

struct auth_stats auth_stats(struct auth *a)
{
	struct auth_stats s = {.tls.taken = 0};

	if (a && a->tls)
		s.tls = tls_files_stats(a->tls);
	return s;
}
