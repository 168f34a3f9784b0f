/* SPDX-License-Identifier: MIT */
/*
 * curl drives the connections, we drive curl: it says through two callbacks which sockets and which
 * time it waits for, and curl_multi_socket_action tells it what happened. Cost does not grow with
 * the number of idle requests in flight, as it does with curl_multi_poll.
 *
 * Whoever calls bounds what is in flight; nothing ever waits in curl's own queues, where its
 * timeout would run without it being sent.
 */
#include "sink/http.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "sink/auth.h"
#include "sink/posts.h"
#include "sink/profiles.h"
#include "sink/sockets.h"
#include "sink/transfer.h"
#include "sink/waiting.h"

#define HTTP_EVENTS 128
/* What was never needed for this long is freed. */
#define HTTP_TRIM_US (10 * CLOCK_US_PER_S)
/* After so long without a request all connections but so many are closed. */
#define HTTP_IDLE_US (10 * CLOCK_US_PER_S)
#define HTTP_IDLE_CONNECTIONS 1

struct http {
	CURLM *multi;
	struct sockets sockets;
	int wake_fd;
	const struct clock *clock;
	http_done_fn done;
	void *ctx;
	int64_t timer_us; /* when curl wants to be called; INT64_MAX: not at all */
	int64_t trim_us;
	int64_t busy_us; /* when the last request ended */
	size_t max_connections;
	int64_t finished;
	size_t in_flight;
	struct transfer *active;
	struct profiles profiles;
	struct posts posts;
	struct waiting waiting; /* for a token */
};

enum err_code http_global_start(struct err *e)
{
	CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);

	if (rc != CURLE_OK)
		return err_set(e, ERR_NOMEM, "cannot start libcurl: %s", curl_easy_strerror(rc));
	return ERR_OK;
}

void http_global_stop(void)
{
	curl_global_cleanup();
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
	struct http *h = ctx;

	(void)easy;
	(void)socket_ctx;
	sockets_want(&h->sockets, fd, what);
	return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	h->timer_us =
		timeout_ms < 0 ? INT64_MAX : clock_now_us(h->clock) + timeout_ms * CLOCK_US_PER_MS;
	return 0;
}

/* NULL: no memory. */
static CURLM *multi_new(struct http *h)
{
	CURLM *multi = curl_multi_init();
	CURLMcode rc = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);

	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	/* fewer would close a connection after each request: 600 us of TLS instead of 20 */
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)h->max_connections);
	if (rc == CURLM_OK)
		return multi;
	(void)curl_multi_cleanup(multi);
	return NULL;
}

static ATTR_MUST_CHECK enum err_code wake_setup(struct http *h, struct err *e)
{
	struct epoll_event ev = {.events = EPOLLIN};
	enum err_code code = fd_wake_open(&h->wake_fd, e);

	if (code != ERR_OK)
		return code;
	ev.data.fd = h->wake_fd;
	if (epoll_ctl(h->sockets.epoll, EPOLL_CTL_ADD, h->wake_fd, &ev) != 0)
		return err_set_sys(e, ERR_IO, errno, "cannot watch an eventfd");
	return ERR_OK;
}

enum err_code http_new(const struct clock *clock, size_t max_connections, http_done_fn done,
		       void *ctx, struct http **ret_h, struct err *e)
{
	struct http *h = mem_calloc(1, sizeof(*h));
	enum err_code code;

	if (!h)
		return err_set(e, ERR_NOMEM, "no memory for an HTTP engine");
	h->clock = clock;
	h->done = done;
	h->ctx = ctx;
	h->timer_us = INT64_MAX;
	h->wake_fd = -1;
	h->profiles.sockets = (struct transfer_sockets){sockets_open, sockets_close, &h->sockets};
	code = sockets_init(&h->sockets, e);
	if (code == ERR_OK)
		code = wake_setup(h, e);
	if (code != ERR_OK)
		goto out_http;
	h->max_connections = max_connections;
	h->multi = multi_new(h);
	if (!h->multi) {
		code = err_set(e, ERR_NOMEM, "no memory for an HTTP engine");
		goto out_http;
	}
	*ret_h = h;
	return ERR_OK;
out_http:
	http_free(h);
	return code;
}

void http_charge_to(struct http *h, struct budget *b)
{
	h->posts.budget = b;
	h->profiles.budget = b;
}

static void active_add(struct http *h, struct transfer *t)
{
	t->prev = NULL;
	t->next = h->active;
	if (h->active)
		h->active->prev = t;
	h->active = t;
	h->in_flight++;
}

static void active_remove(struct http *h, struct transfer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		h->active = t->next;
	if (t->next)
		t->next->prev = t->prev;
	h->in_flight--;
}

/* Take t out of curl, which closes its connection when it is in the middle of something. */
static struct http_request *transfer_end(struct http *h, struct transfer *t)
{
	struct http_request *r = t->request;

	(void)curl_multi_remove_handle(h->multi, t->easy);
	h->busy_us = clock_now_us(h->clock);
	active_remove(h, t);
	profiles_put(t);
	return r;
}

void http_free(struct http *h)
{
	struct http_request *r;

	if (!h)
		return;
	while (h->active)
		http_request_put(h, transfer_end(h, h->active));
	while ((r = waiting_pop(&h->waiting)))
		http_request_put(h, r);
	profiles_done(&h->profiles);
	posts_done(&h->posts);
	/* closes the connections through sockets_close */
	(void)curl_multi_cleanup(h->multi);
	sockets_done(&h->sockets);
	fd_close(&h->wake_fd);
	mem_free(h);
}

struct http_request *http_request_get(struct http *h)
{
	return posts_get(&h->posts);
}

void http_request_put(struct http *h, struct http_request *r)
{
	posts_put(&h->posts, r);
}

static ATTR_MUST_CHECK enum err_code start(struct http *h, struct http_request *r, struct err *e)
{
	struct transfer *t;
	enum err_code code = profiles_get(&h->profiles, r->to, &t, e);

	if (code != ERR_OK)
		return code;
	r->started_us = clock_now_us(h->clock);
	code = transfer_begin(t, r, e);
	if (code == ERR_OK && curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
		code = err_set(e, ERR_NOMEM, "no memory to start a request");
	if (code != ERR_OK) {
		profiles_put(t);
		return code;
	}
	active_add(h, t);
	return ERR_OK;
}

enum err_code http_send(struct http *h, struct http_request *r, struct err *e)
{
	posts_charge(&h->posts, r);
	if (!auth_has_tokens(r->auth))
		return start(h, r, e);
	r->started_us = clock_now_us(h->clock);
	r->ticket = (struct token_ticket){.fetch = 0};
	r->own_lines = r->lines.len;
	waiting_push(&h->waiting, r);
	return ERR_OK;
}

/* Start what has its token by now, and end what cannot get one. */
static void run_waiting(struct http *h)
{
	struct http_result result;
	struct http_request *r;
	enum token_state state;
	struct err e;
	size_t n;

	for (n = h->waiting.count; n; n--) {
		r = waiting_pop(&h->waiting);
		state = waiting_authorize(r, &result);
		if (state == TOKEN_PENDING) {
			waiting_push(&h->waiting, r);
			continue;
		}
		r->wall_us = clock_wall_us(h->clock);
		if (state == TOKEN_READY && start(h, r, &e) == ERR_OK)
			continue;
		if (state == TOKEN_READY)
			waiting_failed(r, e.msg, &result);
		result.elapsed_us = clock_now_us(h->clock) - r->started_us;
		h->finished++;
		h->done(h->ctx, &result);
	}
}

static void finish(struct http *h, struct transfer *t, CURLcode code)
{
	struct http_result result;
	int64_t elapsed_us = clock_now_us(h->clock) - t->request->started_us;

	transfer_result(t, code, t->request->wall_us + elapsed_us, &result);
	result.elapsed_us = elapsed_us;
	(void)transfer_end(h, t);
	if (waiting_again(result.request, result.status)) {
		waiting_push(&h->waiting, result.request);
		return;
	}
	h->finished++;
	h->done(h->ctx, &result);
}

static void reap(struct http *h)
{
	CURLMsg *msg;
	CURLcode code;
	char *owner;
	int left;

	while ((msg = curl_multi_info_read(h->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		code = msg->data.result; /* msg dies with the handle's removal */
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &owner);
		finish(h, (struct transfer *)(void *)owner, code);
	}
}

static void run_timer(struct http *h)
{
	long timeout_ms = -1;
	int running;

	h->timer_us = INT64_MAX;
	(void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	/* curl stays silent when it was called a bit too early and still waits for the same time */
	if (h->timer_us == INT64_MAX && curl_multi_timeout(h->multi, &timeout_ms) == CURLM_OK)
		(void)on_timer(h->multi, timeout_ms, h);
	reap(h);
}

/* Returns whether http_wake was called. */
static bool run_events(struct http *h, const struct epoll_event *ev, int count)
{
	bool woken = false;
	int i, bits, running;

	for (i = 0; i < count; i++) {
		if (ev[i].data.fd == h->wake_fd) {
			woken = fd_wake_clear(h->wake_fd);
			continue;
		}
		bits = sockets_ready(&h->sockets, ev[i].data.fd, ev[i].events);
		if (bits)
			(void)curl_multi_socket_action(h->multi, ev[i].data.fd, bits, &running);
	}
	reap(h);
	return woken;
}

/* What a burst has opened is of no use any more, and receivers close it too; curl looks for that
 * only when it opens others. The small pieces that it has of each connection also keep pages of the
 * heap, with all that was between them. curl closes all or none, so that the handle is made anew.
 */
static void close_connections(struct http *h)
{
	CURLM *multi = multi_new(h);

	if (!multi)
		return;
	(void)curl_multi_cleanup(h->multi);
	h->multi = multi;
	h->timer_us = INT64_MAX;
}

static void trim(struct http *h, int64_t now_us)
{
	if (!h->in_flight && h->sockets.open > HTTP_IDLE_CONNECTIONS &&
	    now_us - h->busy_us >= HTTP_IDLE_US)
		close_connections(h);
	if (now_us < h->trim_us)
		return;
	h->trim_us = now_us + HTTP_TRIM_US;
	posts_trim(&h->posts);
	profiles_trim(&h->profiles);
}

enum err_code http_run(struct http *h, int64_t deadline_us, struct err *e)
{
	struct epoll_event ev[HTTP_EVENTS];
	int64_t finished = h->finished;
	int64_t now_us = clock_now_us(h->clock);
	bool woken = false;
	int n;

	trim(h, now_us);
	do {
		if (h->timer_us <= now_us)
			run_timer(h);
		/* after all that ends requests: a refused one may wait for another token now */
		run_waiting(h);
		/* what is finished is to be handled at once, but sockets get their turn too */
		n = epoll_wait(h->sockets.epoll, ev, HTTP_EVENTS,
			       h->finished != finished
				       ? 0
				       : clock_poll_ms(now_us, h->timer_us < deadline_us
								       ? h->timer_us
								       : deadline_us));
		if (n < 0 && errno != EINTR)
			return err_set_sys(e, ERR_IO, errno, "epoll_wait failed");
		if (n > 0)
			woken = run_events(h, ev, n);
		now_us = clock_now_us(h->clock);
	} while (h->finished == finished && !woken && now_us < deadline_us);
	return ERR_OK;
}

void http_wake(struct http *h)
{
	fd_wake(h->wake_fd);
}

static void abort_one(struct http *h, struct http_request *r)
{
	struct http_result result = {
		.request = r,
		.phase = ANSWER_PHASE_FIRST_BYTE,
		.retry_after_s = -1,
		.elapsed_us = clock_now_us(h->clock) - r->started_us,
	};

	(void)snprintf(result.reason, sizeof(result.reason), "aborted");
	h->finished++;
	h->done(h->ctx, &result);
}

void http_abort_all(struct http *h)
{
	struct http_request *r;

	while (h->active)
		abort_one(h, transfer_end(h, h->active));
	while ((r = waiting_pop(&h->waiting)))
		abort_one(h, r);
}

size_t http_in_flight(const struct http *h)
{
	return h->in_flight + h->waiting.count;
}

int64_t http_connections(const struct http *h)
{
	return h->sockets.opened;
}
