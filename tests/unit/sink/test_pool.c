/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "core/event.h"
#include "loopback.h"
#include "sink/http.h"
#include "sink/pool.h"

#define MS CLOCK_US_PER_MS
#define EVENTS_MAX 1024

/* Quiet; weak, so that a log that is linked in goes first. */
__attribute__((weak)) bool log_is_enabled(enum log_level level)
{
	(void)level;
	return true;
}

__attribute__((weak)) void log_write(enum log_level level, const char *msg,
				     const struct log_field *fields, size_t n)
{
	(void)level;
	(void)msg;
	(void)fields;
	(void)n;
}

/* ---- a source of events and a place for their acknowledgements ---- */

static int64_t now(void)
{
	return clock_now_us(clock_system());
}

static char webhook_name[] = "test";

static void settings_init(struct webhook_settings *s, char *url)
{
	*s = (struct webhook_settings){
		.name = webhook_name,
		.url.value = url,
		.timeout_us = 10 * CLOCK_US_PER_S,
		.connect_timeout_us = 5 * CLOCK_US_PER_S,
		.retry_count = 3,
		.retry_delay_us = 2 * MS,
		.retry_max_delay_us = 20 * MS,
		.max_in_flight = 16,
		.breaker_failures = 1000,
		.breaker_max_delay_us = 20 * MS,
		.max_response_bytes = 65536,
		.tls_verify = true,
	};
}

struct rig {
	struct webhook_settings settings[2];
	struct webhook *webhook[2];
	struct ring *ring[2];
	struct pool_pipeline pipelines[2];
	size_t count;
	struct acks *acks;
	struct pool *pool;
	int wake_fd;
	struct ack got[EVENTS_MAX];
	size_t got_count;
};

static void on_ready(void *ctx)
{
	const struct rig *r = ctx;

	pool_wake(r->pool);
}

/* `count` pipelines; webhook_of[i] says which of the settings pipeline i uses. */
static void rig_open(struct rig *r, size_t count, const size_t *webhook_of, size_t workers)
{
	static const char *const names[] = {"one", "two"};
	const struct ring_options ro = {
		.capacity = EVENTS_MAX,
		.max_bytes = 64 << 20,
		.order = ORDERING_KEY,
		.on_ready = on_ready,
		.on_ready_ctx = r,
	};
	struct pool_options po = {.workers = workers, .clock = clock_system()};
	size_t i;

	r->count = count;
	assert_int_equal(fd_wake_open(&r->wake_fd, NULL), ERR_OK);
	assert_int_equal(acks_new(r->wake_fd, 100, &r->acks, NULL), ERR_OK);
	assert_int_equal(acks_reserve(r->acks, EVENTS_MAX, NULL), ERR_OK);
	for (i = 0; i < count; i++) {
		if (!r->webhook[webhook_of[i]])
			assert_int_equal(webhook_new(&r->settings[webhook_of[i]],
						     &r->webhook[webhook_of[i]], NULL),
					 ERR_OK);
		assert_int_equal(ring_new(&ro, &r->ring[i], NULL), ERR_OK);
		r->pipelines[i] = (struct pool_pipeline){
			.name = names[i],
			.install_id = "install",
			.webhook = r->webhook[webhook_of[i]],
			.acks = r->acks,
			.ack_pipeline = (uint32_t)i + 7,
		};
	}
	po.pipelines = r->pipelines;
	po.pipeline_count = count;
	assert_int_equal(pool_new(&po, &r->pool, NULL), ERR_OK);
	for (i = 0; i < count; i++)
		pool_bind(r->pool, i, r->ring[i]);
}

static void rig_start(struct rig *r, size_t workers)
{
	static const size_t first[] = {0};

	rig_open(r, 1, first, workers);
	assert_int_equal(pool_start(r->pool, NULL), ERR_OK);
}

static void rig_close(struct rig *r)
{
	size_t i;

	pool_stop(r->pool, now() + CLOCK_US_PER_S);
	assert_int_equal(pool_stats(r->pool).in_flight, 0);
	for (i = 0; i < r->count; i++)
		ring_free(r->ring[i]);
	pool_free(r->pool);
	for (i = 0; i < ARRAY_LEN(r->webhook); i++)
		webhook_free(r->webhook[i]);
	for (i = 0; i < r->got_count; i++)
		mem_free(r->got[i].reason);
	acks_free(r->acks);
	fd_close(&r->wake_fd);
}

static void push(struct rig *r, size_t pipeline, int64_t id, int key)
{
	char text[32];
	struct event_fields f = {
		.id = id,
		.op = OP_DELETE,
		.table = TEXT_LIT("t"),
		.changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
	};
	struct event *ev;

	(void)snprintf(text, sizeof(text), "{\"k\":%d}", key);
	f.key = text_of(text);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	assert_int_equal(ring_push(r->ring[pipeline], &ev), ERR_OK);
}

/* Collect acknowledgements until there are count of them. */
static void await(struct rig *r, size_t count)
{
	int64_t deadline_us = now() + PEER_WAIT_US;

	for (;;) {
		r->got_count +=
			acks_take(r->acks, r->got + r->got_count, EVENTS_MAX - r->got_count);
		if (r->got_count >= count)
			return;
		if (now() >= deadline_us)
			fail_msg("%zu of %zu acknowledgements", r->got_count, count);
		if (fd_wait(r->wake_fd, -1, now(), deadline_us))
			(void)fd_wake_clear(r->wake_fd);
	}
}

/* Wait until the condition holds. */
#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		int64_t deadline_us_ = now() + PEER_WAIT_US;                                       \
		while (!(condition)) {                                                             \
			if (now() >= deadline_us_)                                                 \
				fail_msg("never: %s", #condition);                                 \
			(void)fd_wait(-1, -1, now(), now() + MS);                                  \
		}                                                                                  \
	} while (0)

static void assert_no_acks(struct rig *r)
{
	assert_int_equal(acks_count(r->acks), 0);
	assert_int_equal(r->got_count, 0);
}

/* The number behind "install-". */
static int id_of(const struct peer_request *q)
{
	return (int)strtol(q->id + strcspn(q->id, "-") + 1, NULL, 10);
}

static int key_of(const struct peer_request *q)
{
	const char *at = strstr(q->body, "{\"k\":");

	return at ? (int)strtol(at + 5, NULL, 10) : -1;
}

/* ---- delivered ---- */

static bool serve_200(struct peer *p, struct peer_request *q)
{
	(void)p;
	return peer_answer(q->fd, 200, "", "");
}

static bool serve_and_check(struct peer *p, struct peer_request *q)
{
	int *wrong = p->ctx;

	if (strcmp(q->id, "install-41") != 0 || !strstr(q->body, "{\"id\":\"install-41\"") ||
	    !strstr(q->body, "\"pipeline\":\"one\""))
		++*wrong;
	return peer_answer(q->fd, 200, "", "");
}

static void a_delivered_event_is_acknowledged(void **state)
{
	struct rig r = {0};
	struct peer p;
	int wrong = 0;

	(void)state;
	assert_true(peer_start(&p, serve_and_check, &wrong));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	push(&r, 0, 41, 1);
	await(&r, 1);
	assert_int_equal(r.got[0].id, 41);
	assert_int_equal(r.got[0].pipeline, 7);
	assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
	assert_null(r.got[0].reason);
	assert_int_equal(webhook_stats(r.webhook[0]).delivered, 1);
	assert_true(webhook_stats(r.webhook[0]).bytes_sent > 100);
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(wrong, 0);
}

struct order {
	int last[32]; /* by key */
	int inside[32];
	int wrong;
	struct random random;
};

/* Fails a third of the requests, after a random pause; notes when a key's events overlap or come
 * out of order. */
static bool serve_in_order(struct peer *p, struct peer_request *q)
{
	struct order *o = p->ctx;
	int key = key_of(q), id = id_of(q), pause_ms, fail;

	mutex_lock(&p->lock);
	o->wrong += o->inside[key]++ != 0 || id < o->last[key];
	pause_ms = (int)random_below(&o->random, 3);
	fail = random_below(&o->random, 3) == 0;
	mutex_unlock(&p->lock);
	(void)peer_pause(p, pause_ms);
	mutex_lock(&p->lock);
	o->inside[key]--;
	if (!fail) {
		o->wrong += id == o->last[key];
		o->last[key] = id;
	}
	mutex_unlock(&p->lock);
	return peer_answer(q->fd, fail ? 500 : 200, "", "");
}

static void a_key_keeps_its_order_to_the_receiver_and_in_the_acknowledgements(void **state)
{
	int64_t last[20] = {0};
	struct rig r = {0};
	struct order o = {0};
	struct peer p;
	size_t i;

	(void)state;
	random_init_seed(&o.random, 7);
	assert_true(peer_start(&p, serve_in_order, &o));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 1000;
	rig_start(&r, 4);
	for (i = 1; i <= 600; i++)
		push(&r, 0, (int64_t)i, (int)(i * 7 % 20));
	await(&r, 600);
	for (i = 0; i < 600; i++) {
		assert_int_equal(r.got[i].outcome, ACK_DELIVERED);
		assert_true(r.got[i].id > last[r.got[i].id * 7 % 20]);
		last[r.got[i].id * 7 % 20] = r.got[i].id;
	}
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(o.wrong, 0);
}

/* ---- admission and wake-ups ---- */

static bool serve_slowly(struct peer *p, struct peer_request *q)
{
	(void)peer_pause(p, 3);
	return peer_answer(q->fd, 200, "", "");
}

static void no_more_than_max_in_flight_are_sent_at_once(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_slowly, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 10;
	rig_start(&r, 4); /* shares of 3: 12 */
	for (i = 1; i <= 300; i++)
		push(&r, 0, i, i);
	await(&r, 300);
	assert_int_equal(p.peak, 10);
	assert_true(pool_stats(r.pool).connections <= 12);
	rig_close(&r);
	peer_stop(&p);
}

/* A wake-up that is lost costs up to a second, until the next tick: a few of 600 would show. */
static void no_wake_up_is_lost_when_workers_compete_for_one_place(void **state)
{
	static const size_t same[] = {0, 0};
	int64_t start_us = now();
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	rig_open(&r, 2, same, 4);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	for (i = 1; i <= 300; i++) {
		push(&r, 0, i, i);
		push(&r, 1, i, i);
		await(&r, (size_t)(i % 3 ? 2 * i - 1 : 2 * i));
	}
	await(&r, 600);
	assert_int_equal(p.peak, 1);
	assert_true(now() - start_us < 5 * CLOCK_US_PER_S);
	rig_close(&r);
	peer_stop(&p);
}

static void at_a_low_rate_one_worker_does_it_all(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 4);
	for (i = 1; i <= 30; i++) {
		push(&r, 0, i, i);
		await(&r, (size_t)i);
		UNTIL(pool_stats(r.pool).busy == 0);
	}
	/* while the others start up they may get one, too */
	assert_true(pool_stats(r.pool).connections <= 2);
	rig_close(&r);
	peer_stop(&p);
}

static bool serve_never(struct peer *p, struct peer_request *q)
{
	(void)q;
	(void)peer_pause(p, -1);
	return false;
}

static void a_silent_receiver_does_not_delay_another(void **state)
{
	static const size_t own[] = {0, 1};
	struct rig r = {0};
	struct peer silent, good;
	int i;

	(void)state;
	assert_true(peer_start(&silent, serve_never, NULL));
	assert_true(peer_start(&good, serve_200, NULL));
	settings_init(&r.settings[0], silent.url);
	settings_init(&r.settings[1], good.url);
	rig_open(&r, 2, own, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	for (i = 1; i <= 200; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).in_flight == 16);
	for (i = 1; i <= 200; i++)
		push(&r, 1, i, i);
	await(&r, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(r.got[i].pipeline, 8);
	UNTIL(pool_stats(r.pool).in_flight == 16);
	pool_stop(r.pool, now());
	rig_close(&r);
	peer_stop(&silent);
	peer_stop(&good);
}

/* ---- failures of the event ---- */

static bool serve_status(struct peer *p, struct peer_request *q)
{
	const int *status = p->ctx;

	return peer_answer(q->fd, *status, "", "boom");
}

static void assert_dead(const struct ack *a, int attempts, int status, const char *reason)
{
	assert_int_equal(a->outcome, ACK_DEAD);
	assert_int_equal(a->attempts, attempts);
	assert_int_equal(a->last_status, status);
	assert_string_equal(a->reason, reason);
}

static void used_up_attempts_and_refusals_go_to_the_dead_letters(void **state)
{
	static const struct {
		int status, attempts;
		const char *reason;
	} cases[] = {
		{500, 3, "HTTP 500: boom"},
		{408, 3, "HTTP 408: boom"},
		{400, 1, "HTTP 400: boom"},
		{302, 1, "HTTP 302: boom"},
	};
	struct webhook_stats s;
	struct peer p;
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r = {0};

		status = cases[i].status;
		assert_true(peer_start(&p, serve_status, &status));
		settings_init(&r.settings[0], p.url);
		r.settings[0].retry_count = 2;
		rig_start(&r, 1);
		push(&r, 0, 1, 1);
		await(&r, 1);
		assert_dead(&r.got[0], cases[i].attempts, status, cases[i].reason);
		assert_int_equal(p.requests, cases[i].attempts);
		s = webhook_stats(r.webhook[0]);
		assert_int_equal(s.attempts, cases[i].attempts);
		assert_int_equal(s.retried, cases[i].attempts - 1);
		assert_int_equal(s.refused + s.exhausted, 1);
		rig_close(&r);
		peer_stop(&p);
	}
}

/* Without its timer a worker sleeps a second at a time. */
static void retries_come_when_they_are_due(void **state)
{
	int64_t start_us = now();
	struct rig r = {0};
	struct peer p;
	int status = 500;

	(void)state;
	assert_true(peer_start(&p, serve_status, &status));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 20;
	rig_start(&r, 3);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(r.got[0].attempts, 21);
	assert_true(now() - start_us < 8 * CLOCK_US_PER_S);
	rig_close(&r);
	peer_stop(&p);
}

/* Ids up to *ctx fail with 502, as when they crash the receiver behind its proxy. */
static bool serve_poison(struct peer *p, struct peer_request *q)
{
	const int *poison = p->ctx;

	return peer_answer(q->fd, id_of(q) <= *poison ? 502 : 200, "", "");
}

static int count_dead(const struct rig *r)
{
	int dead = 0;
	size_t i;

	for (i = 0; i < r->got_count; i++)
		dead += r->got[i].outcome == ACK_DEAD;
	return dead;
}

static void an_event_that_kills_its_receiver_dies_while_others_get_through(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i, poison = 1;

	(void)state;
	assert_true(peer_start(&p, serve_poison, &poison));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	r.settings[0].retry_count = 2;
	rig_start(&r, 1);
	/* the others go on coming: something was delivered since its first failure */
	for (i = 1; i < 900 && count_dead(&r) == 0; i++) {
		push(&r, 0, i, i);
		await(&r, (size_t)(i > 1 ? i - 1 : 0));
	}
	await(&r, (size_t)i - 1);
	assert_int_equal(count_dead(&r), 1);
	rig_close(&r);
	peer_stop(&p);
}

static void the_probe_is_not_always_the_event_that_failed(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i, poison = 3;

	(void)state;
	assert_true(peer_start(&p, serve_poison, &poison));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	r.settings[0].breaker_failures = 1;
	r.settings[0].retry_count = 0;
	rig_start(&r, 1);
	for (i = 1; i <= 10; i++)
		push(&r, 0, i, i);
	await(&r, 7);
	rig_close(&r);
	peer_stop(&p);
}

/* ---- the receiver's outage ---- */

static void an_outage_longer_than_all_retries_loses_and_kills_nothing(void **state)
{
	struct rig r = {0};
	struct peer p;
	int port, i;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	port = p.port;
	peer_stop(&p);
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 1;
	r.settings[0].breaker_failures = 5;
	rig_start(&r, 3);
	for (i = 1; i <= 100; i++)
		push(&r, 0, i, i % 30);
	UNTIL(webhook_stats(r.webhook[0]).held >= 20);
	assert_int_not_equal(webhook_stats(r.webhook[0]).breaker.state, BREAKER_CLOSED);
	assert_no_acks(&r);
	assert_true(peer_start_at(&p, port, serve_200, NULL));
	assert_true(peer_go(&p));
	await(&r, 100);
	for (i = 0; i < 100; i++)
		assert_int_equal(r.got[i].outcome, ACK_DELIVERED);
	assert_int_equal(webhook_stats(r.webhook[0]).breaker.state, BREAKER_CLOSED);
	rig_close(&r);
	peer_stop(&p);
}

static void while_it_is_down_one_request_at_a_time_is_sent(void **state)
{
	int status = 503, i;
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_status, &status));
	settings_init(&r.settings[0], p.url);
	r.settings[0].breaker_failures = 1;
	r.settings[0].max_in_flight = 1;
	rig_start(&r, 3);
	push(&r, 0, 1, 1);
	UNTIL(webhook_stats(r.webhook[0]).breaker.state != BREAKER_CLOSED);
	r.settings[0].max_in_flight = 16;
	for (i = 2; i <= 100; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).held >= 8);
	assert_int_equal(p.peak, 1);
	assert_no_acks(&r);
	rig_close(&r);
	peer_stop(&p);
}

static void gone_holds_everything_until_it_is_enabled(void **state)
{
	_Atomic int requests;
	int status = 410, i;
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_status, &status));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	rig_start(&r, 2);
	for (i = 1; i <= 5; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).breaker.state == BREAKER_DISABLED);
	UNTIL(ring_stats(r.ring[0]).inflight == 0);
	requests = atomic_load(&p.requests);
	assert_int_equal(requests, 1);
	assert_int_equal(ring_stats(r.ring[0]).events, 5);
	assert_no_acks(&r);
	status = 200;
	breaker_enable(webhook_breaker(r.webhook[0]));
	pool_wake(r.pool);
	await(&r, 5);
	for (i = 0; i < 5; i++)
		assert_int_equal(r.got[i].outcome, ACK_DELIVERED);
	rig_close(&r);
	peer_stop(&p);
}

static void what_cannot_be_sent_is_held_and_not_lost(void **state)
{
	static char name[] = "X-A", value[] = "line\nbreak", url[] = "http://127.0.0.1:1/";
	struct webhook_header header = {name, {value}};
	struct rig r = {0};

	(void)state;
	settings_init(&r.settings[0], url);
	r.settings[0].headers = &header;
	r.settings[0].header_count = 1;
	r.settings[0].retry_count = 0;
	rig_start(&r, 1);
	push(&r, 0, 1, 1);
	UNTIL(webhook_stats(r.webhook[0]).held >= 2);
	assert_non_null(strstr(webhook_stats(r.webhook[0]).last_error, "line break"));
	assert_no_acks(&r);
	assert_int_equal(ring_stats(r.ring[0]).events, 1);
	rig_close(&r);
}

/* ---- Retry-After ---- */

struct twice {
	const char *after;
	int64_t first_us;
	int64_t second_us;
};

static bool serve_retry_after(struct peer *p, struct peer_request *q)
{
	struct twice *t = p->ctx;

	if (atomic_load(&p->requests) == 1) {
		t->first_us = now();
		return peer_answer(q->fd, 429, t->after, "");
	}
	t->second_us = now();
	return peer_answer(q->fd, 200, "", "");
}

static void retry_after_is_respected_and_clamped(void **state)
{
	static const struct {
		const char *after;
		int64_t max_us, lo_us, hi_us;
	} cases[] = {
		{"Retry-After: 1\r\n", 60 * CLOCK_US_PER_S, CLOCK_US_PER_S, PEER_WAIT_US},
		{"Retry-After: 999999999999\r\n", 300 * MS, 300 * MS, PEER_WAIT_US},
		{"Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 300 * MS, 300 * MS,
		 PEER_WAIT_US},
		{"", 300 * MS, 0, PEER_WAIT_US},
	};
	struct twice t;
	struct peer p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig r = {0};

		t = (struct twice){.after = cases[i].after};
		assert_true(peer_start(&p, serve_retry_after, &t));
		settings_init(&r.settings[0], p.url);
		r.settings[0].retry_max_delay_us = cases[i].max_us;
		rig_start(&r, 2);
		push(&r, 0, 1, 1);
		await(&r, 1);
		rig_close(&r);
		peer_stop(&p);
		assert_true(t.second_us - t.first_us >= cases[i].lo_us);
		assert_true(t.second_us - t.first_us < cases[i].hi_us);
	}
}

/* ---- stopping ---- */

static void stopping_lets_requests_finish(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_slowly, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	for (i = 1; i <= 400; i++)
		push(&r, 0, i, i);
	await(&r, 20);
	pool_stop(r.pool, now() + PEER_WAIT_US);
	await(&r, r.got_count);
	r.got_count += acks_take(r.acks, r.got + r.got_count, EVENTS_MAX - r.got_count);
	assert_int_equal(p.requests, r.got_count);
	assert_int_equal(ring_stats(r.ring[0]).inflight, 0);
	assert_int_equal(ring_stats(r.ring[0]).events, 400 - r.got_count);
	rig_close(&r);
	peer_stop(&p);
}

static void stopping_gives_back_what_does_not_finish(void **state)
{
	struct event *ev[20];
	struct rig r = {0};
	struct peer p;
	size_t i, n;

	(void)state;
	assert_true(peer_start(&p, serve_never, NULL));
	settings_init(&r.settings[0], p.url);
	rig_start(&r, 2);
	for (i = 1; i <= 20; i++)
		push(&r, 0, (int64_t)i, (int)i);
	UNTIL(pool_stats(r.pool).in_flight == 16);
	pool_stop(r.pool, now() + 50 * MS);
	assert_no_acks(&r);
	assert_int_equal(pool_stats(r.pool).in_flight, 0);
	assert_int_equal(webhook_stats(r.webhook[0]).in_flight, 0);
	n = ring_take(r.ring[0], now(), ev, 20);
	assert_int_equal(n, 20);
	for (i = 0; i < n; i++) {
		assert_int_equal(ev[i]->f.id, i + 1);
		assert_int_equal(ev[i]->attempts, 0);
		ring_release(r.ring[0], ev[i]);
	}
	rig_close(&r);
	peer_stop(&p);
}

static void every_worker_goes_round_while_there_is_nothing_to_do(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct rig r = {0};
	int64_t first_us;

	(void)state;
	settings_init(&r.settings[0], url);
	rig_start(&r, 3);
	first_us = pool_stats(r.pool).progress_us;
	assert_int_equal(pool_stats(r.pool).workers, 3);
	UNTIL(pool_stats(r.pool).progress_us > first_us + CLOCK_US_PER_S / 2);
	rig_close(&r);
}

static void a_pool_that_was_never_started_can_be_freed(void **state)
{
	static const size_t first[] = {0};
	static char url[] = "http://127.0.0.1:1/";
	struct rig r = {0};

	(void)state;
	settings_init(&r.settings[0], url);
	rig_open(&r, 1, first, 3);
	push(&r, 0, 1, 1);
	rig_close(&r);
}

static int group_open(void **state)
{
	(void)state;
	return http_global_start(NULL) != ERR_OK;
}

static int group_close(void **state)
{
	(void)state;
	http_global_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_delivered_event_is_acknowledged),
		cmocka_unit_test(a_key_keeps_its_order_to_the_receiver_and_in_the_acknowledgements),
		cmocka_unit_test(no_more_than_max_in_flight_are_sent_at_once),
		cmocka_unit_test(no_wake_up_is_lost_when_workers_compete_for_one_place),
		cmocka_unit_test(at_a_low_rate_one_worker_does_it_all),
		cmocka_unit_test(a_silent_receiver_does_not_delay_another),
		cmocka_unit_test(used_up_attempts_and_refusals_go_to_the_dead_letters),
		cmocka_unit_test(retries_come_when_they_are_due),
		cmocka_unit_test(an_event_that_kills_its_receiver_dies_while_others_get_through),
		cmocka_unit_test(the_probe_is_not_always_the_event_that_failed),
		cmocka_unit_test(an_outage_longer_than_all_retries_loses_and_kills_nothing),
		cmocka_unit_test(while_it_is_down_one_request_at_a_time_is_sent),
		cmocka_unit_test(gone_holds_everything_until_it_is_enabled),
		cmocka_unit_test(what_cannot_be_sent_is_held_and_not_lost),
		cmocka_unit_test(retry_after_is_respected_and_clamped),
		cmocka_unit_test(stopping_lets_requests_finish),
		cmocka_unit_test(stopping_gives_back_what_does_not_finish),
		cmocka_unit_test(every_worker_goes_round_while_there_is_nothing_to_do),
		cmocka_unit_test(a_pool_that_was_never_started_can_be_freed),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
