/* SPDX-License-Identifier: MIT */
#include "sink/transfer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/version.h"
#include "sink/auth.h"
#include "sink/tls_options.h"
#include "sink/transfer_headers.h"

#define TRANSFER_KEEP_CONNECTION_S 60L /* below the idle timeout of usual receivers */
#define TRANSFER_DNS_CACHE_S 60L
#define TRANSFER_READ_BYTES 4096L

/* libcurl calls this for each header line, interim answers included, and with an empty line at
 * the end of each header section. */
static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * count;
	long status = 0;

	t->header_bytes += len;
	if (t->header_bytes > TRANSFER_HEADER_MAX_BYTES)
		return 0;
	if (line[0] == '\r' || line[0] == '\n') {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		t->answered = status >= 200;
	}
	return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *t = ctx;
	size_t len = size * count;
	size_t keep = sizeof(t->snippet) - t->snippet_len;

	if (keep > len)
		keep = len;
	memcpy(t->snippet + t->snippet_len, bytes, keep);
	t->snippet_len += keep;
	t->body_bytes += len;
	/* ends the transfer; the status has been read and counts */
	return t->body_bytes > (size_t)t->to->max_response_bytes ? 0 : len;
}

static bool is_denied(struct transfer *t, const struct network_address *a, const char *ip)
{
	const char *rule = network_denied_by(t->policy, t->request->trail, a);

	if (rule)
		(void)snprintf(t->denied, sizeof(t->denied), "%s, by network_deny: %s", ip, rule);
	return rule != NULL;
}

/* libcurl asks for a socket to each address it tries. */
static curl_socket_t on_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct transfer *t = ctx;
	struct network_address a;
	char ip[INET6_ADDRSTRLEN] = "";

	if (!network_address_of(&addr->addr, &a)) {
		(void)snprintf(t->denied, sizeof(t->denied), "neither IPv4 nor IPv6");
		return CURL_SOCKET_BAD;
	}
	network_address_print(&a, ip);
	if (is_denied(t, &a, ip))
		return CURL_SOCKET_BAD;
	return t->sockets.open(t->sockets.ctx, purpose, addr);
}

/* ... but takes a connection that is open already without asking, also one that another webhook's
 * request has opened. This it calls before each request is sent. */
static int on_connected(void *ctx, char *ip, char *local_ip, int port, int local_port)
{
	struct transfer *t = ctx;
	struct network_address a;

	(void)local_ip;
	(void)port;
	(void)local_port;
	if (!strcmp(ip, t->allowed_ip))
		return CURL_PREREQFUNC_OK;
	if (!network_address_read(ip, &a)) {
		(void)snprintf(t->denied, sizeof(t->denied), "neither IPv4 nor IPv6");
		return CURL_PREREQFUNC_ABORT;
	}
	if (is_denied(t, &a, ip))
		return CURL_PREREQFUNC_ABORT;
	(void)snprintf(t->allowed_ip, sizeof(t->allowed_ip), "%s", ip);
	return CURL_PREREQFUNC_OK;
}

enum err_code transfer_parts_open(struct transfer_parts *p, const struct webhook_settings *to,
				  struct err *e)
{
	enum err_code code = transfer_headers_new(to, &p->headers, e);

	p->to = to;
	if (code == ERR_OK)
		code = network_policy_new(to, &p->policy, e);
	if (code == ERR_OK && to->signing_keys.count)
		code = signer_new(&to->signing_keys, &p->signer, e);
	return code;
}

void transfer_parts_close(struct transfer_parts *p)
{
	transfer_headers_free(p->headers);
	network_policy_free(p->policy);
	signer_free(p->signer);
}

static long option_ms(int64_t us)
{
	/* 0 would mean "no limit" to curl */
	return us < 1000 ? 1L : (long)(us / 1000);
}

/* curl_easy_setopt takes its argument by "...": the tables below keep the types apart. */
struct option_long {
	CURLoption option;
	long value;
};

struct option_pointer {
	CURLoption option;
	const void *value;
};

static CURLcode set_longs(CURL *easy, const struct webhook_settings *to)
{
	const struct option_long options[] = {
		{CURLOPT_NOSIGNAL, 1},
		/* a lookup that hangs must not hang the loop: curl issue 2975 */
		{CURLOPT_QUICK_EXIT, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_TCP_NODELAY, 1},
		{CURLOPT_TCP_KEEPALIVE, 1},
		{CURLOPT_MAXAGE_CONN, TRANSFER_KEEP_CONNECTION_S},
		{CURLOPT_DNS_CACHE_TIMEOUT, TRANSFER_DNS_CACHE_S},
		{CURLOPT_BUFFERSIZE, TRANSFER_READ_BYTES},
		{CURLOPT_TIMEOUT_MS, option_ms(to->timeout_us)},
		{CURLOPT_CONNECTTIMEOUT_MS, option_ms(to->connect_timeout_us)},
		{CURLOPT_POST, 1},
		/* a value from a database is no way to another path */
		{CURLOPT_PATH_AS_IS, to->url_is_template ? 1 : 0},
	};
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; rc == CURLE_OK && i < ARRAY_LEN(options); i++)
		rc = curl_easy_setopt(easy, options[i].option, options[i].value);
	return rc;
}

static CURLcode set_pointers(struct transfer *t, const struct webhook_settings *to)
{
	const struct option_pointer options[] = {
		{CURLOPT_URL, to->url.value},
		{CURLOPT_PROTOCOLS_STR, "http,https"},
		{CURLOPT_REDIR_PROTOCOLS_STR, "http,https"},
		/* NULL would mean what the environment says: http_proxy, no_proxy */
		{CURLOPT_PROXY, to->proxy.value ? to->proxy.value : ""},
		{CURLOPT_NOPROXY, ""},
		{CURLOPT_USERAGENT, APP_NAME "/" APP_VERSION},
		{CURLOPT_HTTPHEADER, &t->head[0]},
		{CURLOPT_ERRORBUFFER, t->error},
		{CURLOPT_PRIVATE, t},
		{CURLOPT_WRITEDATA, t},
		{CURLOPT_HEADERDATA, t},
	};
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; rc == CURLE_OK && i < ARRAY_LEN(options); i++)
		rc = curl_easy_setopt(t->easy, options[i].option, options[i].value);
	if (rc == CURLE_OK)
		rc = tls_options_set(t->easy, to);
	if (rc == CURLE_OK)
		rc = tls_options_pin(t->easy, to);
	return rc;
}

static CURLcode set_callbacks(struct transfer *t)
{
	CURL *easy = t->easy;
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);

	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, t->sockets.close);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, t->sockets.ctx);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
	return rc;
}

static ATTR_MUST_CHECK enum err_code option_error(CURLcode rc, const struct webhook_settings *to,
						  struct err *e)
{
	if (rc == CURLE_OUT_OF_MEMORY)
		return err_set(e, ERR_NOMEM, "no memory for a request");
	return err_set(e, ERR_CONFIG, "webhook %s: %s", to->name, curl_easy_strerror(rc));
}

enum err_code transfer_new(const struct transfer_parts *parts, struct transfer **ret_t,
			   struct err *e)
{
	struct signer *signer = parts->signer;
	struct transfer *t = mem_calloc(1, sizeof(*t));
	enum err_code code;
	CURLcode rc;

	if (!t)
		return err_set(e, ERR_NOMEM, "no memory for a request");
	t->to = parts->to;
	t->policy = parts->policy;
	t->sockets = parts->sockets;
	t->head[0] = (struct curl_slist){t->id_line, &t->head[1]};
	t->head[1] = (struct curl_slist){t->time_line, signer ? &t->head[2] : NULL};
	t->signer = signer;
	if (signer)
		t->sign_line = mem_calloc(1, signer_line_bytes(signer));
	t->head[2] = (struct curl_slist){t->sign_line, NULL};
	t->headers = parts->headers;
	t->easy = curl_easy_init();
	if (!t->easy || (signer && !t->sign_line)) {
		code = err_set(e, ERR_NOMEM, "no memory for a request");
		goto out_transfer;
	}
	rc = set_longs(t->easy, t->to);
	if (rc == CURLE_OK)
		rc = set_pointers(t, t->to);
	if (rc == CURLE_OK)
		rc = set_callbacks(t);
	if (rc != CURLE_OK) {
		code = option_error(rc, t->to, e);
		goto out_transfer;
	}
	*ret_t = t;
	return ERR_OK;
out_transfer:
	transfer_free(t);
	return code;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	curl_easy_cleanup(t->easy);
	tls_material_drop(t->tls);
	mem_free(t->sign_line);
	mem_free(t->lines);
	mem_free(t);
}

/* Link the request's own lines in between. */
static ATTR_MUST_CHECK enum err_code link_lines(struct transfer *t, const struct http_request *r,
						struct err *e)
{
	struct curl_slist *longer;
	struct curl_slist *last = t->signer ? &t->head[2] : &t->head[1];
	size_t at, n = 0;

	for (at = 0; at < r->lines.len; at += strlen(r->lines.data + at) + 1)
		n++;
	if (n > t->line_room) {
		longer = mem_realloc(t->lines, n * sizeof(*longer));
		if (!longer)
			return err_set(e, ERR_NOMEM, "no memory for request headers");
		t->lines = longer;
		t->line_room = n;
	}
	last->next = n ? t->lines : t->headers;
	for (at = n = 0; at < r->lines.len; at += strlen(r->lines.data + at) + 1, n++)
		t->lines[n] = (struct curl_slist){r->lines.data + at, &t->lines[n + 1]};
	if (n)
		t->lines[n - 1].next = t->headers;
	return ERR_OK;
}

/* POST with all lines, or OPTIONS without those that identify an event. */
static CURLcode set_method(struct transfer *t, const struct http_request *r)
{
	struct curl_slist *lines = r->asks ? t->head[t->signer ? 2 : 1].next : &t->head[0];
	CURLcode rc;

	if (!r->asks && !t->asks)
		return CURLE_OK;
	t->asks = r->asks != NULL;
	rc = curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, t->asks ? "OPTIONS" : NULL);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, lines);
	return rc;
}

/* Over the bytes that are sent, at the time that is told. */
static ATTR_MUST_CHECK enum err_code transfer_sign(struct transfer *t, const struct http_request *r,
						   struct err *e)
{
	const struct signer_message m = {
		.id = r->id,
		.timestamp_s = r->wall_us / CLOCK_US_PER_S,
		.body = buf_text(&r->body),
	};

	return t->signer ? signer_line(t->signer, &m, t->sign_line, e) : ERR_OK;
}

enum err_code transfer_begin(struct transfer *t, struct http_request *r, struct err *e)
{
	enum err_code code = link_lines(t, r, e);
	CURLcode rc;

	if (code != ERR_OK)
		return code;
	t->request = r;
	t->error[0] = '\0';
	t->snippet_len = 0;
	t->header_bytes = 0;
	t->body_bytes = 0;
	t->answered = false;
	t->denied[0] = '\0';
	(void)snprintf(t->id_line, sizeof(t->id_line), "webhook-id: %s", r->id);
	(void)snprintf(t->time_line, sizeof(t->time_line), "webhook-timestamp: %lld",
		       (long long)(r->wall_us / CLOCK_US_PER_S));
	code = transfer_sign(t, r, e);
	if (code == ERR_OK && auth_tls_files(r->auth))
		code = tls_files_follow(auth_tls_files(r->auth), r->started_us, t->easy, &t->tls,
					e);
	if (code != ERR_OK)
		return code;
	/* the size first: it must not be guessed from a body that may be NULL */
	rc = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, buf_str(&r->body));
	if (rc == CURLE_OK)
		rc = set_method(t, r);
	if (rc == CURLE_OK && r->url.len)
		rc = curl_easy_setopt(t->easy, CURLOPT_URL, buf_str(&r->url));
	return rc == CURLE_OK ? ERR_OK : option_error(rc, t->to, e);
}
