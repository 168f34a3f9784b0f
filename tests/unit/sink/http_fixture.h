/* SPDX-License-Identifier: MIT */
/*
 * For the tests of sink/http: one engine, one webhook, and the results so far.
 */
#ifndef TESTS_UNIT_SINK_HTTP_FIXTURE_H
#define TESTS_UNIT_SINK_HTTP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "loopback.h"
#include "sink/http.h"

#define MS CLOCK_US_PER_MS
#define RESULTS_MAX 64

struct fixture {
	struct http *h;
	struct webhook_settings to;
	struct http_result results[RESULTS_MAX];
	char ids[RESULTS_MAX][64];
	int count;
};

static char webhook_name[] = "test";

static inline void on_done(void *ctx, const struct http_result *r)
{
	struct fixture *f = ctx;

	(void)snprintf(f->ids[f->count], sizeof(f->ids[0]), "%s", r->request->id);
	f->results[f->count++] = *r;
	http_request_put(f->h, r->request);
}

static inline void fixture_open(struct fixture *f, char *url)
{
	struct err e;

	*f = (struct fixture){.to = {
				      .name = webhook_name,
				      .url.value = url,
				      .timeout_us = 60 * CLOCK_US_PER_S,
				      .connect_timeout_us = 60 * CLOCK_US_PER_S,
				      .max_response_bytes = 65536,
				      .tls_verify = true,
			      }};
	assert_int_equal(http_new(clock_system(), 8, on_done, f, &f->h, &e), ERR_OK);
}

static inline void send_body(struct fixture *f, const char *id, const char *body, size_t len)
{
	struct http_request *r = http_request_get(f->h);
	struct err e;

	assert_non_null(r);
	buf_add(&r->body, body, len);
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	r->wall_us = 1700000000LL * CLOCK_US_PER_S + 999999;
	r->to = &f->to;
	assert_int_equal(http_send(f->h, r, &e), ERR_OK);
}

static inline void send_small(struct fixture *f, const char *id)
{
	send_body(f, id, "{\"a\":1}", 7);
}

static inline void send_large(struct fixture *f, const char *id, size_t len)
{
	char *body = mem_calloc(1, len);

	memset(body, 'x', len);
	send_body(f, id, body, len);
	mem_free(body);
}

static inline void run_until(struct fixture *f, int count)
{
	int64_t deadline_us = clock_now_us(clock_system()) + PEER_WAIT_US;

	while (f->count < count) {
		assert_int_equal(http_run(f->h, deadline_us, NULL), ERR_OK);
		if (clock_now_us(clock_system()) >= deadline_us)
			fail_msg("only %d of %d results", f->count, count);
	}
}

/* ---- what is sent ---- */

struct seen {
	struct peer_request last;
	char ids[RESULTS_MAX][64];
	int count;
};

static inline bool serve_and_note(struct peer *p, struct peer_request *r)
{
	struct seen *s = p->ctx;

	mutex_lock(&p->lock);
	s->last = *r;
	s->last.body = NULL;
	if (s->count < RESULTS_MAX)
		(void)snprintf(s->ids[s->count++], sizeof(s->ids[0]), "%s", r->id);
	mutex_unlock(&p->lock);
	return peer_answer(r->fd, 200, "", "ok");
}

static inline void assert_header(const struct seen *s, const char *name, const char *value)
{
	char got[256];

	peer_header(&s->last, name, got, sizeof(got));
	assert_string_equal(got, value);
}

static inline bool serve_silence(struct peer *p, struct peer_request *r)
{
	(void)r;
	(void)peer_pause(p, -1);
	return false;
}

/* The result of one request with so much time; 0: plenty. */
static inline struct http_result result_at(char *url, size_t body_len, int64_t timeout_us)
{
	struct fixture f;

	fixture_open(&f, url);
	if (timeout_us) {
		f.to.timeout_us = timeout_us;
		f.to.connect_timeout_us = timeout_us / 2;
	}
	send_large(&f, "x", body_len);
	run_until(&f, 1);
	http_free(f.h);
	return f.results[0];
}

/* The time of a request runs out in this phase, and the result says so in these words. A busy
 * machine may not get that far in a short time: it gets more. */
static inline void assert_times_out(char *url, size_t body_len, enum answer_phase phase,
				    const char *words)
{
	struct http_result r = {.phase = ANSWER_PHASE_NONE};
	int64_t timeout_us;
	char want[80];

	for (timeout_us = 400 * MS; timeout_us < PEER_WAIT_US; timeout_us *= 2) {
		r = result_at(url, body_len, timeout_us);
		if (r.status || r.phase >= phase)
			break;
	}
	assert_int_equal(r.status, 0);
	assert_int_equal(r.phase, phase);
	(void)snprintf(want, sizeof(want), "timeout after %g s %s",
		       (double)(phase < ANSWER_PHASE_SEND ? timeout_us / 2 : timeout_us) / 1e6,
		       words);
	assert_string_equal(r.reason, want);
}

static inline int group_open(void **state)
{
	(void)state;
	return http_global_start(NULL) != ERR_OK;
}

static inline int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

#endif
