/* SPDX-License-Identifier: MIT */
/*
 * For the tests of sink/pool: rings, webhooks, a pool, and a place for its acknowledgements.
 */
#ifndef TESTS_UNIT_SINK_POOL_FIXTURE_H
#define TESTS_UNIT_SINK_POOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/random.h"
#include "core/event.h"
#include "loopback.h"
#include "sink/http.h"
#include "sink/pool.h"

#define MS CLOCK_US_PER_MS
#define EVENTS_MAX 1024

/* ---- a source of events and a place for their acknowledgements ---- */

static inline int64_t now(void)
{
	return clock_now_us(clock_system());
}

static char webhook_name[] = "test";

static inline void settings_init(struct webhook_settings *s, char *url)
{
	*s = (struct webhook_settings){
		.name = webhook_name,
		.url.value = url,
		.timeout_us = 60 * CLOCK_US_PER_S,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
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
	size_t max_inflight_bytes; /* of each ring; 0: no bound */
	const struct clock *clock; /* of the pool; NULL: the system's */
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
	void (*ready)(struct rig *r); /* called too when something became ready; may be NULL */
};

static inline void on_ready(void *ctx)
{
	struct rig *r = ctx;

	if (r->ready)
		r->ready(r);
	pool_wake(r->pool);
}

/* `count` pipelines; webhook_of[i] says which of the settings pipeline i uses. */
static inline void rig_open(struct rig *r, size_t count, const size_t *webhook_of, size_t workers)
{
	static const char *const names[] = {"one", "two"};
	const struct ring_options ro = {
		.capacity = EVENTS_MAX,
		.max_bytes = 64 << 20,
		.max_inflight_bytes = r->max_inflight_bytes,
		.order = ORDERING_KEY,
		.on_ready = on_ready,
		.on_ready_ctx = r,
	};
	struct pool_options po = {.workers = workers,
				  .clock = r->clock ? r->clock : clock_system()};
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

static inline void rig_start(struct rig *r, size_t workers)
{
	static const size_t first[] = {0};

	rig_open(r, 1, first, workers);
	assert_int_equal(pool_start(r->pool, NULL), ERR_OK);
}

static inline void rig_close(struct rig *r)
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

static inline void push(struct rig *r, size_t pipeline, int64_t id, int key)
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
static inline void await(struct rig *r, size_t count)
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

static inline void assert_no_acks(struct rig *r)
{
	assert_int_equal(acks_count(r->acks), 0);
	assert_int_equal(r->got_count, 0);
}

/* The number behind "install-". */
static inline int id_of(const struct peer_request *q)
{
	return (int)strtol(q->id + strcspn(q->id, "-") + 1, NULL, 10);
}

/* ---- delivered ---- */

static inline bool serve_200(struct peer *p, struct peer_request *q)
{
	(void)p;
	return peer_answer(q->fd, 200, "", "");
}

struct order {
	int last[32]; /* by key */
	int inside[32];
	int wrong;
	struct random random;
};

/* ---- admission and wake-ups ---- */

static inline bool serve_slowly(struct peer *p, struct peer_request *q)
{
	(void)peer_pause(p, 3);
	return peer_answer(q->fd, 200, "", "");
}

static inline bool serve_never(struct peer *p, struct peer_request *q)
{
	(void)q;
	(void)peer_pause(p, -1);
	return false;
}

/* ---- stopping ---- */

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
