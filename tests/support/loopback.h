/* SPDX-License-Identifier: MIT */
/*
 * A scripted HTTP receiver on loopback for unit tests: a thread per connection,
 * which reads a request and calls the test's function to answer it. That function runs in the
 * connection's thread and must not use cmocka's asserts; it counts, and the test looks.
 */
#ifndef SUPPORT_LOOPBACK_H
#define SUPPORT_LOOPBACK_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"

#define PEER_CONNECTIONS_MAX 256
#define PEER_HEAD_BYTES 8192
#define PEER_WAIT_US (60 * CLOCK_US_PER_S) /* a test that waits longer has failed */

struct peer_request {
	int fd;
	int connection; /* from 1 */
	int nth;        /* on this connection, from 1 */
	char head[PEER_HEAD_BYTES];
	char id[64];
	char *body; /* NUL-terminated */
	size_t body_len;
};

struct peer;

/* Answer r; return whether to read another request from the connection. */
typedef bool (*peer_serve_fn)(struct peer *p, struct peer_request *r);

struct peer_connection {
	struct peer *peer;
	struct thread thread;
	int fd;
	int number;
};

struct peer {
	int fd;
	int stop_fd; /* readable for ever once the peer stops */
	int port;
	bool unread; /* the function is called before the body has been read */
	bool greet;  /* the function is called before anything has been read */
	peer_serve_fn serve;
	void *ctx;
	struct thread thread;
	struct peer_connection *connections;
	_Atomic int connected;
	_Atomic int requests;
	_Atomic int now; /* requests being served at this moment */
	_Atomic int peak;
	struct mutex lock; /* the test's, for ctx */
	char url[64];
};

/* "x" reads n bytes; false at the end of the stream or when the peer stops. */
static inline bool peer_readable(struct peer *p, int fd)
{
	struct pollfd f[2] = {{.fd = fd, .events = POLLIN}, {.fd = p->stop_fd, .events = POLLIN}};

	return poll(f, 2, -1) > 0 && !f[1].revents;
}

/* Wait ms; false when the peer stops. */
static inline bool peer_pause(struct peer *p, int ms)
{
	struct pollfd f = {.fd = p->stop_fd, .events = POLLIN};

	return poll(&f, 1, ms) == 0;
}

static inline bool peer_write(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool peer_say(int fd, const char *text)
{
	return peer_write(fd, text, strlen(text));
}

/* A whole answer with a body; more: further header lines with their line ends. */
static inline bool peer_answer(int fd, int status, const char *more, const char *body)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s",
		       status, strlen(body), more, body);
	return peer_say(fd, text);
}

/* Close so that the other side gets a reset. */
static inline void peer_reset(int fd)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

static inline bool peer_read_head(struct peer *p, struct peer_request *r)
{
	size_t len = 0;

	for (;;) {
		if (len == sizeof(r->head) - 1 || !peer_readable(p, r->fd) ||
		    read(r->fd, r->head + len, 1) != 1)
			return false;
		r->head[++len] = '\0';
		if (len >= 4 && memcmp(r->head + len - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
}

/* The value of a header into out ("" when there is none). */
static inline void peer_header(const struct peer_request *r, const char *name, char *out,
			       size_t size)
{
	const char *at = r->head;
	size_t len = strlen(name);

	out[0] = '\0';
	while ((at = strstr(at, "\r\n"))) {
		at += 2;
		if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
			at += len + 1;
			at += strspn(at, " ");
			(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
			return;
		}
	}
}

static inline bool peer_read_body(struct peer *p, struct peer_request *r)
{
	char text[32];
	size_t len = 0;

	peer_header(r, "Content-Length", text, sizeof(text));
	r->body_len = strtoul(text, NULL, 10);
	r->body = malloc(r->body_len + 1);
	while (len < r->body_len) {
		ssize_t n;

		if (!peer_readable(p, r->fd))
			return false;
		n = read(r->fd, r->body + len, r->body_len - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
	}
	r->body[len] = '\0';
	return true;
}

static inline bool peer_serve_one(struct peer *p, struct peer_request *r)
{
	bool more = false;
	int now, peak;

	r->body = NULL;
	r->head[0] = '\0';
	r->id[0] = '\0';
	if (!p->greet && !peer_read_head(p, r))
		return false;
	peer_header(r, "webhook-id", r->id, sizeof(r->id));
	if (p->greet || p->unread || peer_read_body(p, r)) {
		r->nth++;
		atomic_fetch_add(&p->requests, 1);
		now = atomic_fetch_add(&p->now, 1) + 1;
		peak = atomic_load(&p->peak);
		while (now > peak && !atomic_compare_exchange_weak(&p->peak, &peak, now))
			;
		more = p->serve(p, r);
		atomic_fetch_sub(&p->now, 1);
	}
	free(r->body);
	return more;
}

static inline void peer_connection_main(void *arg)
{
	struct peer_connection *c = arg;
	struct peer_request r = {.fd = c->fd, .connection = c->number};

	while (peer_serve_one(c->peer, &r))
		;
	(void)close(c->fd);
}

static inline void peer_main(void *arg)
{
	struct peer *p = arg;

	while (peer_readable(p, p->fd)) {
		int i = atomic_load(&p->connected);
		int fd = accept(p->fd, NULL, NULL);
		struct peer_connection *c = &p->connections[i];

		if (fd < 0)
			continue;
		if (i == PEER_CONNECTIONS_MAX) {
			(void)close(fd);
			continue;
		}
		*c = (struct peer_connection){.peer = p, .fd = fd, .number = i + 1};
		if (thread_start(&c->thread, "connection", 0, peer_connection_main, c, NULL) !=
		    ERR_OK)
			(void)close(fd);
		atomic_store(&p->connected, i + 1);
	}
}

/* Take a free port, on which connections are refused until peer_listen: nobody else gets it. */
static inline bool peer_reserve(struct peer *p, peer_serve_fn serve, void *ctx)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	*p = (struct peer){.serve = serve, .ctx = ctx};
	p->fd = socket(AF_INET, SOCK_STREAM, 0);
	p->connections = calloc(PEER_CONNECTIONS_MAX + 1, sizeof(*p->connections));
	mutex_init(&p->lock);
	if (!p->connections || fd_wake_open(&p->stop_fd, NULL) != ERR_OK ||
	    bind(p->fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
	    getsockname(p->fd, (struct sockaddr *)&a, &len) != 0)
		return false;
	p->port = ntohs(a.sin_port);
	(void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d/hook", p->port);
	return true;
}

static inline bool peer_listen(struct peer *p)
{
	return listen(p->fd, 256) == 0;
}

/* Listen on a free port; peer_go answers. */
static inline bool peer_open(struct peer *p, peer_serve_fn serve, void *ctx)
{
	return peer_reserve(p, serve, ctx) && peer_listen(p);
}

static inline bool peer_go(struct peer *p)
{
	return thread_start(&p->thread, "peer", 0, peer_main, p, NULL) == ERR_OK;
}

static inline bool peer_start(struct peer *p, peer_serve_fn serve, void *ctx)
{
	return peer_open(p, serve, ctx) && peer_go(p);
}

static inline void peer_stop(struct peer *p)
{
	int i;

	fd_wake(p->stop_fd);
	thread_join(&p->thread);
	for (i = 0; i < atomic_load(&p->connected); i++) {
		(void)shutdown(p->connections[i].fd, SHUT_RDWR);
		thread_join(&p->connections[i].thread);
	}
	fd_close(&p->fd);
	fd_close(&p->stop_fd);
	mutex_done(&p->lock);
	free(p->connections);
}

#endif
