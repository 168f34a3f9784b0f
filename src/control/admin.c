/* SPDX-License-Identifier: MIT */
/*
 * libmicrohttpd calls request_handle once when a request's head is there, then for each piece
 * of its body, then to answer. Nothing here wants a body: it is read and thrown away, so that
 * a client that sends one gets its answer.
 */
#include "control/admin.h"

#include <assert.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bearer.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/listen.h"
#include "base/mem.h"

#define CONNECTIONS_MAX 32U
#define TIMEOUT_S 10U
#define CONNECTION_MEMORY_BYTES ((size_t)8192)
#define STACK_BYTES ((size_t)256 * 1024)
#define PAGE_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define NAME_BYTES 64

#define TYPE_JSON "application/json"
#define TYPE_PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"

struct admin {
	struct MHD_Daemon *daemon;
	struct admin_handlers handlers;
	char *token; /* NULL: no changes */
	char address[LISTEN_ADDRESS_BYTES];
};

/* One request on its way to an answer. */
struct request {
	struct admin *admin;
	struct MHD_Connection *connection;
	const char *method;
	const char *url;
};

typedef enum MHD_Result (*answer_fn)(const struct request *r);

static void page_free(void *page)
{
	mem_free(page);
}

/* Send out's content, which moves to the server. header may be NULL. */
static enum MHD_Result answer_send(const struct request *r, unsigned int status, const char *type,
				   struct buf *out, const char *header, const char *value)
{
	size_t len = out->len;
	char *page = buf_take(out);
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!page)
		return MHD_NO;
	response = MHD_create_response_from_buffer_with_free_callback(len, page, page_free);
	if (!response) {
		mem_free(page);
		return MHD_NO;
	}
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (header)
		(void)MHD_add_response_header(response, header, value);
	result = MHD_queue_response(r->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result error_send(const struct request *r, unsigned int status, const char *message,
				  const char *header, const char *value)
{
	enum MHD_Result result;
	struct buf out;
	struct json j;

	buf_init(&out, PAGE_MAX_BYTES);
	json_begin(&j, &out);
	json_open_object(&j, NULL);
	json_str(&j, "error", message);
	json_end(&j);
	buf_add_char(&out, '\n');
	result = answer_send(r, status, TYPE_JSON, &out, header, value);
	buf_done(&out);
	return result;
}

static enum MHD_Result page_send(const struct request *r, enum admin_page page, const char *type)
{
	const struct admin_handlers *h = &r->admin->handlers;
	enum MHD_Result result;
	struct buf out;
	int status;

	buf_init(&out, PAGE_MAX_BYTES);
	status = h->render(h->ctx, page, &out);
	if (buf_error(&out) != ERR_OK)
		result = error_send(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory for the page",
				    NULL, NULL);
	else
		result = answer_send(r, (unsigned int)status, type, &out, NULL, NULL);
	buf_done(&out);
	return result;
}

/* The q of one media range, 0 to 1000; "q=" is a weight of at most three digits behind the point:
 * RFC 9110 section 12.4.2. */
static int range_weight(const char *range, size_t len)
{
	const char *end = range + len;
	const char *at = memchr(range, ';', len);
	int weight = 0;
	int digit = 1000;

	while (at && strncasecmp(at + 1 + strspn(at + 1, " \t"), "q=", 2) != 0)
		at = memchr(at + 1, ';', (size_t)(end - at - 1));
	if (!at)
		return 1000;
	for (at = strchr(at, '=') + 1; at < end && (*at == '.' || (*at >= '0' && *at <= '9')); at++)
		if (*at != '.') {
			weight += (*at - '0') * digit;
			digit /= 10;
		}
	return weight > 1000 ? 1000 : weight;
}

static bool range_is(const char *range, size_t len, const char *type)
{
	size_t type_len = strlen(type);

	return len >= type_len && strncasecmp(range, type, type_len) == 0 &&
	       (len == type_len || strchr("; \t", range[type_len]));
}

/* Prometheus asks for openmetrics and text/plain; HTTP libraries often for "application/json,
 * text/plain", by which they mean JSON; people for anything. */
bool admin_wants_prometheus(const char *accept)
{
	int prometheus = 0;
	int json = 0;
	const char *at = accept;

	while (at && *at) {
		size_t len;
		int weight;

		at += strspn(at, ", \t");
		len = strcspn(at, ",");
		weight = range_weight(at, len);
		if (range_is(at, len, "text/plain") ||
		    range_is(at, len, "application/openmetrics-text"))
			prometheus = weight > prometheus ? weight : prometheus;
		else if (range_is(at, len, "application/json"))
			json = weight > json ? weight : json;
		at += len;
	}
	return prometheus > json;
}

static enum MHD_Result metrics_answer(const struct request *r)
{
	const char *format =
		MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "format");
	const char *accept =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool prometheus = admin_wants_prometheus(accept);

	if (format) {
		prometheus = strcmp(format, "prometheus") == 0;
		if (!prometheus && strcmp(format, "json") != 0)
			return error_send(r, MHD_HTTP_BAD_REQUEST,
					  "format must be json or prometheus", NULL, NULL);
	}
	if (prometheus)
		return page_send(r, ADMIN_METRICS_PROMETHEUS, TYPE_PROMETHEUS);
	return page_send(r, ADMIN_METRICS_JSON, TYPE_JSON);
}

static enum MHD_Result healthz_answer(const struct request *r)
{
	return page_send(r, ADMIN_HEALTHZ, TYPE_JSON);
}

static enum MHD_Result readyz_answer(const struct request *r)
{
	return page_send(r, ADMIN_READYZ, TYPE_JSON);
}

static bool request_is_authorized(const struct request *r)
{
	const char *given = bearer_find(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
								    MHD_HTTP_HEADER_AUTHORIZATION));

	return given && bearer_is_equal(r->admin->token, given);
}

#define WEBHOOKS "/webhooks/"

/* The NAME of /webhooks/NAME/enable, where path is "/enable"; false when url is something else. */
static bool webhook_name(const char *url, const char *path, char out[static NAME_BYTES])
{
	size_t len = strlen(url);
	size_t around = sizeof(WEBHOOKS) - 1 + strlen(path);

	if (len <= around || len - around >= NAME_BYTES ||
	    strncmp(url, WEBHOOKS, sizeof(WEBHOOKS) - 1) != 0 ||
	    strcmp(url + len - strlen(path), path) != 0)
		return false;
	memcpy(out, url + sizeof(WEBHOOKS) - 1, len - around);
	out[len - around] = '\0';
	return !strchr(out, '/');
}

static enum MHD_Result enabled_send(const struct request *r, const char *name, bool enabled)
{
	enum MHD_Result result;
	struct buf out;
	struct json j;

	buf_init(&out, PAGE_MAX_BYTES);
	json_begin(&j, &out);
	json_open_object(&j, NULL);
	json_str(&j, "webhook", name);
	json_bool(&j, "enabled", enabled);
	json_end(&j);
	buf_add_char(&out, '\n');
	result = answer_send(r, MHD_HTTP_OK, TYPE_JSON, &out, NULL, NULL);
	buf_done(&out);
	return result;
}

static enum MHD_Result decide(const struct request *r, const char *path, bool enable)
{
	const struct admin_handlers *h = &r->admin->handlers;
	char name[NAME_BYTES];
	enum err_code code;
	struct err e;

	if (!r->admin->token)
		return error_send(r, MHD_HTTP_FORBIDDEN,
				  "changes are refused: admin.token is not configured", NULL, NULL);
	if (!request_is_authorized(r))
		return error_send(r, MHD_HTTP_UNAUTHORIZED,
				  "wanted: Authorization: Bearer with the value of admin.token",
				  MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (!webhook_name(r->url, path, name))
		return error_send(r, MHD_HTTP_NOT_FOUND, "no such webhook", NULL, NULL);
	code = h->enable(h->ctx, name, enable, &e);
	if (code == ERR_OK)
		return enabled_send(r, name, enable);
	return error_send(
		r, code == ERR_NOT_FOUND ? MHD_HTTP_NOT_FOUND : MHD_HTTP_INTERNAL_SERVER_ERROR,
		e.msg, NULL, NULL);
}

#define ENABLE "/enable"
#define DISABLE "/disable"

static enum MHD_Result enable_answer(const struct request *r)
{
	return decide(r, ENABLE, true);
}

static enum MHD_Result disable_answer(const struct request *r)
{
	return decide(r, DISABLE, false);
}

static bool url_is(const char *url, const char *path)
{
	return strcmp(url, path) == 0;
}

static bool url_names(const char *url, const char *path)
{
	char name[NAME_BYTES];

	return webhook_name(url, path, name);
}

static const struct route {
	bool (*matches)(const char *url, const char *path);
	const char *path;
	bool changes; /* POST; otherwise GET and HEAD */
	answer_fn answer;
} routes[] = {
	{url_is, "/metrics", false, metrics_answer}, {url_is, "/healthz", false, healthz_answer},
	{url_is, "/readyz", false, readyz_answer},   {url_names, ENABLE, true, enable_answer},
	{url_names, DISABLE, true, disable_answer},
};

static enum MHD_Result request_answer(const struct request *r)
{
	bool reads = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
	bool posts = strcmp(r->method, "POST") == 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(routes); i++) {
		if (!routes[i].matches(r->url, routes[i].path))
			continue;
		if (routes[i].changes ? posts : reads)
			return routes[i].answer(r);
		return error_send(r, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed",
				  MHD_HTTP_HEADER_ALLOW, routes[i].changes ? "POST" : "GET, HEAD");
	}
	return error_send(r, MHD_HTTP_NOT_FOUND,
			  "no such page; there are /metrics, /healthz and /readyz", NULL, NULL);
}

/* MHD_AccessHandlerCallback. */
static enum MHD_Result request_handle(void *cls, struct MHD_Connection *connection, const char *url,
				      const char *method, const char *version,
				      const char *upload_data, size_t *upload_size, void **state)
{
	static char head_seen;
	struct request r = {cls, connection, method, url};

	(void)version;
	(void)upload_data;
	if (!*state) {
		*state = &head_seen;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	return request_answer(&r);
}

static ATTR_MUST_CHECK enum err_code daemon_start(struct admin *a, int fd, struct err *e)
{
	sigset_t all, before;

	/* the server's thread inherits the mask: signals are the main thread's */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	a->daemon = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, request_handle, a,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!a->daemon)
		return err_set(e, ERR_IO, "cannot start the admin server on %s", a->address);
	return ERR_OK;
}

static void admin_free(struct admin *a)
{
	if (a->token)
		mem_wipe(a->token, strlen(a->token));
	mem_free(a->token);
	mem_free(a);
}

enum err_code admin_start(const struct admin_options *o, struct admin **ret_a, struct err *e)
{
	struct admin *a;
	enum err_code code;
	int fd = -1;

	assert(o->listen && o->handlers.render && o->handlers.enable);
	if (strcmp(o->listen, "off") == 0) {
		*ret_a = NULL;
		return ERR_OK;
	}
	a = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for the admin server");
	a->handlers = o->handlers;
	code = listen_open(o->listen, &fd, a->address, e);
	if (code != ERR_OK)
		goto out_free;
	if (o->token && o->token[0]) {
		a->token = mem_strdup(o->token);
		if (!a->token) {
			code = err_set(e, ERR_NOMEM, "no memory for the admin server");
			goto out_close;
		}
	}
	code = daemon_start(a, fd, e);
	if (code != ERR_OK)
		goto out_close;
	*ret_a = a;
	return ERR_OK;

out_close:
	fd_close(&fd);
out_free:
	admin_free(a);
	return code;
}

void admin_stop(struct admin *a)
{
	if (!a)
		return;
	MHD_stop_daemon(a->daemon); /* closes the socket too */
	admin_free(a);
}

const char *admin_address(const struct admin *a)
{
	return a ? a->address : "";
}
