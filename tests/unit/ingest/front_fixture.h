/* SPDX-License-Identifier: MIT */
/*
 * A front on loopback with the fake inlet behind it, and clients: libcurl for whole requests, bare
 * sockets for what libcurl would not do.
 */
#ifndef FRONT_FIXTURE_H
#define FRONT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_inlet.h"
#include "ingest/front.h"

#define TOKEN "a-token-of-the-shop"
#define OTHER_TOKEN "a-token-of-the-crm"
#define EVENT "{\"table\":\"t\",\"operation\":\"insert\",\"key\":{\"id\":1},\"data\":{\"a\":1}}"
#define EVENT_SEEN "t insert {\"id\":1} {\"a\":1} -\n"
#define WAIT_US (60 * CLOCK_US_PER_S)
#define JSON_TYPE "Content-Type: application/json"

struct world {
	struct settings settings;
	struct source_settings sources[1];
	struct inlet_settings inlets[2];
	struct ingest_token tokens[2];
	char names[4][24];
	struct budget *budget;
	struct front *front;
	struct tally tally;
	char dir[64];
	_Atomic int commits; /* told by on_commit */
};

static struct world world;

static void world_commit(void *ctx, size_t source)
{
	struct world *w = ctx;

	if (source == 0)
		w->commits++;
}

/* Settings that bound little; a test changes what it is about, then calls world_start. */
static inline int world_new(void **state)
{
	static char listen[] = "127.0.0.1:0";
	static char tokens[2][32] = {TOKEN, OTHER_TOKEN};
	static char names[2][8] = {"shop", "crm"};
	static char inlets[2][8] = {"push", "other"};
	struct world *w = &world;

	(void)state;
	*w = (struct world){.budget = NULL};
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/adbl-front-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	w->sources[0] = (struct source_settings){
		.name = inlets[0], .type = SOURCE_HTTP, .max_event_bytes = 1 << 20};
	w->inlets[0] = (struct inlet_settings){.name = inlets[0], .is_own = true};
	w->inlets[1] = (struct inlet_settings){.name = inlets[1], .is_own = true};
	w->tokens[0] = (struct ingest_token){names[0], {tokens[0]}};
	w->tokens[1] = (struct ingest_token){names[1], {tokens[1]}};
	w->settings = (struct settings){
		.sources = w->sources,
		.source_count = 1,
		.inlets = w->inlets,
		.inlet_count = 1,
		.ingest = {.listen = listen,
			   .tokens = {w->tokens, 2},
			   .max_body_bytes = 1 << 20,
			   .max_concurrent = 20,
			   .idempotency_window_us = 60 * CLOCK_US_PER_S,
			   .body_timeout_us = 60 * CLOCK_US_PER_S,
			   .idle_timeout_us = 60 * CLOCK_US_PER_S,
			   .spill_dir = w->dir},
	};
	fake_inlet_reset();
	return 0;
}

static inline void world_start_with(size_t budget_bytes)
{
	const struct budget_options b = {.max_bytes = budget_bytes};
	const struct front_options o = {.settings = &world.settings,
					.clock = clock_system(),
					.budget = NULL,
					.ops = &fake_inlet_ops,
					.tally = &world.tally,
					.on_commit = world_commit,
					.ctx = &world};
	struct front_options with = o;
	struct err e;

	assert_int_equal(budget_new(&b, &world.budget, &e), ERR_OK);
	with.budget = world.budget;
	if (front_start(&with, &world.front, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_non_null(world.front);
}

static inline void world_start(void)
{
	world_start_with((size_t)64 << 20);
}

static inline void world_stop(void)
{
	front_stop(world.front, clock_now_us(clock_system()) + WAIT_US);
	world.front = NULL;
}

static inline int world_free(void **state)
{
	(void)state;
	fake_inlet_hold(false);
	world_stop();
	/* whatever happened: all that was charged was given back */
	if (world.budget && budget_stats(world.budget).used_bytes)
		return -1;
	budget_free(world.budget);
	fake_inlet_done();
	return rmdir(world.dir); /* nothing was left in it */
}

/* ---- libcurl ---- */

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

static inline void reply_done(struct reply *r)
{
	buf_done(&r->head);
	buf_done(&r->body);
}

struct question {
	const char *method; /* NULL: POST */
	const char *path;   /* NULL: /v1/events */
	const char *token;  /* NULL: TOKEN; "": none */
	const char *headers[3];
	struct text body;
};

static inline CURL *question_prepare(const struct question *q, struct reply *r,
				     struct curl_slist **headers)
{
	CURL *curl = curl_easy_init();
	const char *token = q->token ? q->token : TOKEN;
	char url[256], line[128];
	size_t i;

	buf_init(&r->head, 65536);
	buf_init(&r->body, 65536);
	*headers = NULL;
	(void)snprintf(url, sizeof(url), "%s://%s%s",
		       world.settings.ingest.tls_cert ? "https" : "http",
		       front_address(world.front), q->path ? q->path : "/v1/events");
	(void)snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
	if (*token)
		*headers = curl_slist_append(*headers, line);
	for (i = 0; i < ARRAY_LEN(q->headers) && q->headers[i]; i++)
		*headers = curl_slist_append(*headers, q->headers[i]);
	if (i == 0)
		*headers = curl_slist_append(*headers, JSON_TYPE);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_add);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &r->body);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, reply_add);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &r->head);
	if (!q->method || !strcmp(q->method, "POST")) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q->body.s ? q->body.s : "");
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)q->body.len);
	} else {
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method);
	}
	return curl;
}

static inline void ask(const struct question *q, struct reply *r)
{
	struct curl_slist *headers;
	CURL *curl = question_prepare(q, r, &headers);
	CURLcode rc = curl_easy_perform(curl);

	if (rc != CURLE_OK)
		fail_msg("%s", curl_easy_strerror(rc));
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}

/* Ask; the answer has this status, and this in its body ("" for anything). */
static inline void expect(const struct question *q, long status, const char *body)
{
	struct reply r;

	ask(q, &r);
	if (r.status != status || !strstr(buf_str(&r.body), body))
		fail_msg("got %ld %s, wanted %ld %s", r.status, buf_str(&r.body), status, body);
	reply_done(&r);
}

static inline void expect_post(struct text body, long status, const char *answer)
{
	expect(&(struct question){.body = body}, status, answer);
}

/* A request in a thread of its own. */
struct asking {
	struct question question;
	struct reply reply;
	struct thread thread;
	CURLcode rc;
};

static void asking_main(void *arg)
{
	struct asking *a = arg;
	struct curl_slist *headers;
	CURL *curl = question_prepare(&a->question, &a->reply, &headers);

	a->rc = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->reply.status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
}

static inline void asking_start(struct asking *a, const struct question *q)
{
	*a = (struct asking){.question = *q};
	assert_int_equal(thread_start(&a->thread, "asking", 1 << 20, asking_main, a, NULL), ERR_OK);
}

static inline void asking_end(struct asking *a, long status)
{
	thread_join(&a->thread);
	if (a->rc != CURLE_OK || a->reply.status != status)
		fail_msg("got %ld %s (%s), wanted %ld", a->reply.status, buf_str(&a->reply.body),
			 curl_easy_strerror(a->rc), status);
	reply_done(&a->reply);
}

/* ---- bare sockets ---- */

static inline int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *port = strrchr(front_address(world.front), ':') + 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)strtol(port, NULL, 10));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void say(int fd, const char *words)
{
	size_t len = strlen(words);

	assert_int_equal(send(fd, words, len, MSG_NOSIGNAL), len);
}

/* What comes until the connection ends or out has `until` in it; at most 60 s. */
static inline void hear(int fd, struct buf *out, const char *until)
{
	int64_t deadline_us = clock_now_us(clock_system()) + WAIT_US;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char piece[4096];
	ssize_t n = 1;

	while (n > 0 && !strstr(buf_str(out), until)) {
		if (poll(&p, 1, clock_poll_ms(clock_now_us(clock_system()), deadline_us)) <= 0)
			fail_msg("nothing came behind: %s", buf_str(out));
		n = recv(fd, piece, sizeof(piece), 0);
		buf_add(out, piece, n > 0 ? (size_t)n : 0);
	}
}

/* The head of a POST with these further header lines. */
static inline void say_head(int fd, const char *more)
{
	char head[512];

	(void)snprintf(head, sizeof(head),
		       "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " TOKEN
		       "\r\n" JSON_TYPE "\r\n%s\r\n",
		       more);
	say(fd, head);
}

/* Wait until field of the stats is n. */
#define await_stat(field, n)                                                                       \
	do {                                                                                       \
		int64_t deadline_us_ = clock_now_us(clock_system()) + WAIT_US;                     \
		while (front_stats(world.front).field != (n) &&                                    \
		       clock_now_us(clock_system()) < deadline_us_)                                \
			(void)poll(NULL, 0, 1);                                                    \
		assert_int_equal(front_stats(world.front).field, (n));                             \
	} while (0)

/* Wait until so much is charged to the budget. */
static inline void await_used(size_t bytes)
{
	int64_t deadline_us = clock_now_us(clock_system()) + WAIT_US;

	while (budget_stats(world.budget).used_bytes != bytes &&
	       clock_now_us(clock_system()) < deadline_us)
		(void)poll(NULL, 0, 1);
	assert_int_equal(budget_stats(world.budget).used_bytes, bytes);
}

#endif
