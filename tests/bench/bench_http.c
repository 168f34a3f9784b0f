/* SPDX-License-Identifier: MIT */
/*
 * Requests per second of one HTTP engine on one thread against a trivial keep-alive server on
 * loopback, for several numbers in flight, and with a thousand more requests that are never
 * answered.
 *
 *     bench_http [SECONDS_PER_CASE [SIGNING_SECRETS]]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/thread.h"
#include "sink/http.h"

#define BODY_BYTES 500

struct server {
	int listen_fd;
	int port;
	bool silent; /* reads and never answers */
	_Atomic int stop;
	struct thread thread;
};

static const char answer_text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Each request is smaller than the buffer and the sender waits for its answer, so what one read
 * gives is one request once its body is there: the body ends with a newline. */
static void serve(struct server *s, int fd)
{
	char in[4096];
	ssize_t n = read(fd, in, sizeof(in));

	if (n <= 0) {
		close(fd);
		return;
	}
	if (in[n - 1] == '\n' && !s->silent && write(fd, answer_text, sizeof(answer_text) - 1) < 0)
		close(fd);
}

static void server_main(void *arg)
{
	struct server *s = arg;
	struct epoll_event ev[64], one = {.events = EPOLLIN};
	int ep = epoll_create1(0), n, i, fd;

	one.data.fd = s->listen_fd;
	(void)epoll_ctl(ep, EPOLL_CTL_ADD, s->listen_fd, &one);
	while (!atomic_load(&s->stop)) {
		n = epoll_wait(ep, ev, 64, 100);
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd != s->listen_fd) {
				serve(s, ev[i].data.fd);
				continue;
			}
			fd = accept(s->listen_fd, NULL, NULL);
			one.data.fd = fd;
			if (fd >= 0)
				(void)epoll_ctl(ep, EPOLL_CTL_ADD, fd, &one);
		}
	}
	close(ep);
}

static void server_start(struct server *s, bool silent)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	s->silent = silent;
	s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) || listen(s->listen_fd, 1024) ||
	    getsockname(s->listen_fd, (struct sockaddr *)&a, &len))
		die("server");
	s->port = ntohs(a.sin_port);
	if (thread_start(&s->thread, "server", 0, server_main, s, NULL) != ERR_OK)
		die("thread");
}

struct bench {
	struct http *h;
	const struct webhook_settings *to;
	char body[BODY_BYTES];
	int64_t done;
	int64_t failed;
	bool stopping;
};

static void send_one(struct bench *b, const struct webhook_settings *to)
{
	struct http_request *r = http_request_get(b->h);
	struct err e;

	if (!r)
		die("request");
	buf_add(&r->body, b->body, sizeof(b->body));
	(void)snprintf(r->id, sizeof(r->id), "bench-%lld", (long long)b->done);
	r->wall_us = 1;
	r->to = to;
	if (http_send(b->h, r, &e) != ERR_OK) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct bench *b = ctx;

	b->done++;
	b->failed += r->status != 200;
	http_request_put(b->h, r->request);
	if (!b->stopping)
		send_one(b, b->to);
}

static double cpu_us(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_THREAD, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static char name[] = "bench";

static struct signing_keys signing_keys; /* none unless asked for */

static void settings_fill(struct webhook_settings *to, char *url)
{
	*to = (struct webhook_settings){
		.name = name,
		.url.value = url,
		.timeout_us = 600 * CLOCK_US_PER_S,
		.connect_timeout_us = 10 * CLOCK_US_PER_S,
		.max_response_bytes = 65536,
		.tls_verify = true,
		.signing_keys = signing_keys,
	};
}

static void run_case(size_t active, size_t idle, int seconds, struct server *fast,
		     struct server *silent)
{
	struct webhook_settings to, to_silent;
	char url[64], url_silent[64];
	struct bench b = {.to = &to};
	int64_t start_us, end_us;
	double cpu;
	size_t i;

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", fast->port);
	(void)snprintf(url_silent, sizeof(url_silent), "http://127.0.0.1:%d/", silent->port);
	settings_fill(&to, url);
	settings_fill(&to_silent, url_silent);
	memset(b.body, 'x', sizeof(b.body));
	b.body[sizeof(b.body) - 1] = '\n';
	if (http_new(clock_system(), active + idle, on_done, &b, &b.h, NULL) != ERR_OK)
		die("http_new");
	for (i = 0; i < idle; i++)
		send_one(&b, &to_silent);
	for (i = 0; i < active; i++)
		send_one(&b, &to);
	end_us = clock_now_us(clock_system()) + CLOCK_US_PER_S / 2; /* warm up */
	while (clock_now_us(clock_system()) < end_us)
		(void)!http_run(b.h, end_us, NULL);
	b.done = 0;
	cpu = cpu_us();
	start_us = clock_now_us(clock_system());
	end_us = start_us + seconds * CLOCK_US_PER_S;
	while (clock_now_us(clock_system()) < end_us)
		(void)!http_run(b.h, end_us, NULL);
	cpu = cpu_us() - cpu;
	end_us = clock_now_us(clock_system());
	printf("%5zu active %5zu idle: %8.0f requests/s  %6.1f us CPU each  %lld connections  %lld "
	       "failed\n",
	       active, idle, (double)b.done * 1e6 / (double)(end_us - start_us),
	       cpu / (double)b.done, (long long)http_connections(b.h), (long long)b.failed);
	(void)fflush(stdout);
	b.stopping = true;
	http_free(b.h);
}

int main(int argc, char **argv)
{
	static const size_t cases[][2] = {{1, 0}, {16, 0}, {64, 0}, {1000, 0}, {8, 1000}};
	struct server fast = {0}, silent = {0};
	int seconds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3;
	struct rlimit files = {8192, 8192};
	struct err e;
	size_t i;

	if (argc > 2 && signing_keys_add(&signing_keys, text_of(argv[2]), &e) != ERR_OK) {
		(void)fprintf(stderr, "bench_http: %s\n", e.msg);
		return 64;
	}
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (http_global_start(NULL) != ERR_OK)
		die("curl");
	server_start(&fast, false);
	server_start(&silent, true);
	for (i = 0; i < ARRAY_LEN(cases); i++)
		run_case(cases[i][0], cases[i][1], seconds, &fast, &silent);
	atomic_store(&fast.stop, 1);
	atomic_store(&silent.stop, 1);
	thread_join(&fast.thread);
	thread_join(&silent.thread);
	http_global_stop();
	signing_keys_done(&signing_keys);
	return 0;
}
