/* SPDX-License-Identifier: MIT */
/*
 * The pool with a rate limit, with adaptive concurrency, and with nothing to do: how much is sent,
 * and that workers sleep meanwhile.
 */
#include "pool_fixture.h"

static void set_rate(struct webhook_settings *s, int64_t count, int64_t period_us)
{
	s->rate_limit = (struct rate){count, period_us};
	s->rate_limit_burst = 1;
}

/* ---- the rate ---- */

/* Two pipelines and four workers share one limit: 10 in 200 ms, so one in 22 ms. */
static void all_workers_and_pipelines_of_a_webhook_share_its_rate(void **state)
{
	static const size_t same[] = {0, 0};
	struct rig r = {0};
	struct pool_stats s;
	struct peer p;
	int64_t start_us;
	int i, ahead = 0;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	set_rate(&r.settings[0], 10, 200 * MS);
	start_us = now();
	rig_open(&r, 2, same, 4);
	for (i = 1; i <= 15; i++) {
		push(&r, 0, i, i);
		push(&r, 1, i, i);
	}
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	await(&r, 30);
	/* in turn: one that went first would be 15 ahead, answers that overtake each other are few
	 */
	for (i = 0; i < 30; i++)
		assert_in_range(10 + (ahead += r.got[i].pipeline == 7 ? 1 : -1), 1, 19);
	/* the first waits as well; 5 ms may be caught up */
	assert_true(now() - start_us >= 30 * 22 * MS - 5 * MS);
	/* a few passes for each request and each push, and each worker's tick */
	s = pool_stats(r.pool);
	assert_true(s.passes < 400 + 4 * (now() - start_us) / CLOCK_US_PER_S);
	assert_in_range(webhook_stats(r.webhook[0]).pace.waits, 10, 90);
	assert_true(webhook_stats(r.webhook[0]).pace.waited_us <= now() - start_us + 22 * MS);
	rig_close(&r);
	peer_stop(&p);
}

/* 400 slots would be 40 s. */
static void what_is_too_large_to_be_sent_uses_up_no_slot(void **state)
{
	static char text[2000];
	struct event_fields f = {.table = TEXT_LIT("t"), .key = TEXT_LIT("{\"k\":0}")};
	struct rig r = {0};
	struct event *ev;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	set_rate(&r.settings[0], 10, CLOCK_US_PER_S);
	r.settings[0].max_body_bytes = 1024;
	r.settings[0].oversized = WEBHOOK_OVERSIZED_DEAD_LETTER;
	(void)snprintf(text, sizeof(text), "{\"a\":\"%01500d\"}", 0);
	f.data = text_of(text);
	rig_start(&r, 1);
	for (f.id = 1; f.id <= 400; f.id++) {
		assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
		assert_int_equal(ring_push(r.ring[0], &ev), ERR_OK);
	}
	push(&r, 0, 401, 0);
	await(&r, 401);
	assert_int_equal(p.requests, 1);
	assert_int_equal(webhook_stats(r.webhook[0]).oversized, 400);
	rig_close(&r);
	peer_stop(&p);
}

static bool serve_500_twice(struct peer *p, struct peer_request *q)
{
	return peer_answer(q->fd, atomic_load(&p->requests) <= 2 ? 500 : 200, "", "");
}

static void retries_count_too(void **state)
{
	struct rig r = {0};
	struct peer p;
	int64_t start_us;

	(void)state;
	assert_true(peer_start(&p, serve_500_twice, NULL));
	settings_init(&r.settings[0], p.url);
	set_rate(&r.settings[0], 5, 500 * MS); /* one in 110 ms */
	r.settings[0].retry_delay_us = r.settings[0].retry_max_delay_us = MS;
	start_us = now();
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(p.requests, 3);
	assert_true(now() - start_us >= 3 * 110 * MS - 10 * MS);
	rig_close(&r);
	peer_stop(&p);
}

static void what_may_go_at_once_does_not_wait(void **state)
{
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	set_rate(&r.settings[0], 10, CLOCK_US_PER_S);
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(webhook_stats(r.webhook[0]).pace.waits, 1); /* the first always does */
	UNTIL(webhook_next_us(r.webhook[0]) <= now());
	push(&r, 0, 2, 2);
	await(&r, 2);
	assert_int_equal(webhook_stats(r.webhook[0]).pace.waits, 1);
	rig_close(&r);
	peer_stop(&p);
}

/* No slot comes: nobody has anything to do but to look once a second. */
static void workers_sleep_until_the_next_slot(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct rig r = {0};
	int64_t before, first_us;
	int i;

	(void)state;
	settings_init(&r.settings[0], url);
	set_rate(&r.settings[0], 1, 3600 * CLOCK_US_PER_S);
	rig_start(&r, 3);
	for (i = 1; i <= 100; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).pace.waits > 0);
	before = pool_stats(r.pool).passes;
	first_us = pool_stats(r.pool).progress_us;
	UNTIL(pool_stats(r.pool).progress_us > first_us + CLOCK_US_PER_S / 2);
	assert_true(pool_stats(r.pool).passes - before < 150); /* of which 100 for the pushes */
	assert_int_equal(webhook_stats(r.webhook[0]).attempts, 0);
	assert_int_equal(webhook_stats(r.webhook[0]).pace.waits, 1);
	rig_close(&r);
}

/* 40 of 64 hang, the third worker could have 24 more, and there is nothing to send. */
static void workers_sleep_when_there_is_room_and_nothing_to_send(void **state)
{
	struct rig r = {0};
	struct peer p;
	int64_t before, first_us;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_never, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 64;
	rig_start(&r, 3); /* shares of 32 */
	for (i = 1; i <= 40; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).in_flight == 40);
	before = pool_stats(r.pool).passes;
	for (i = 0; i < 2; i++) {
		first_us = pool_stats(r.pool).progress_us;
		UNTIL(pool_stats(r.pool).progress_us > first_us + CLOCK_US_PER_S / 4);
	}
	assert_true(pool_stats(r.pool).passes - before < 200);
	pool_stop(r.pool, now());
	rig_close(&r);
	peer_stop(&p);
}

/* Nor when there is something to send, the rate would allow it, and the receiver is full. */
static void workers_sleep_when_there_is_no_room(void **state)
{
	struct rig r = {0};
	struct peer p;
	int64_t before, first_us;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_never, NULL));
	settings_init(&r.settings[0], p.url);
	set_rate(&r.settings[0], 1000, CLOCK_US_PER_S);
	r.settings[0].max_in_flight = 2;
	rig_start(&r, 3);
	for (i = 1; i <= 40; i++)
		push(&r, 0, i, i);
	UNTIL(webhook_stats(r.webhook[0]).in_flight == 2);
	before = pool_stats(r.pool).passes;
	first_us = pool_stats(r.pool).progress_us;
	UNTIL(pool_stats(r.pool).progress_us > first_us + CLOCK_US_PER_S / 4);
	assert_true(pool_stats(r.pool).passes - before < 100);
	pool_stop(r.pool, now());
	rig_close(&r);
	peer_stop(&p);
}

/* ---- concurrency ---- */

static void adaptive_concurrency_begins_with_one_and_rises_to_the_most(void **state)
{
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_slowly, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].concurrency = WEBHOOK_CONCURRENCY_ADAPTIVE;
	rig_start(&r, 2);
	assert_int_equal(webhook_stats(r.webhook[0]).concurrency_limit, 1);
	for (i = 1; i <= 900; i++)
		push(&r, 0, i, i);
	await(&r, 900);
	/* as much as there may be, unless this machine was too busy for it */
	assert_in_range(p.peak, 2, 16);
	assert_true(webhook_stats(r.webhook[0]).concurrency_limit > 1);
	rig_close(&r);
	peer_stop(&p);
}

struct narrow {
	int most; /* at once; more get 429 */
	_Atomic int refused;
};

static bool serve_narrow(struct peer *p, struct peer_request *q)
{
	struct narrow *n = p->ctx;

	if (atomic_load(&p->now) > n->most) {
		atomic_fetch_add(&n->refused, 1);
		return peer_answer(q->fd, 429, "", "");
	}
	(void)peer_pause(p, 3);
	return peer_answer(q->fd, 200, "", "");
}

static void adaptive_concurrency_gives_way_to_429(void **state)
{
	struct narrow n = {.most = 3};
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_narrow, &n));
	settings_init(&r.settings[0], p.url);
	r.settings[0].concurrency = WEBHOOK_CONCURRENCY_ADAPTIVE;
	r.settings[0].retry_count = 1000;
	rig_start(&r, 2);
	for (i = 1; i <= 600; i++)
		push(&r, 0, i, i);
	await(&r, 600);
	for (i = 0; i < 600; i++)
		assert_int_equal(r.got[i].outcome, ACK_DELIVERED);
	/* with 16 at once, most would have been */
	assert_in_range(atomic_load(&n.refused), 1, 200);
	rig_close(&r);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_workers_and_pipelines_of_a_webhook_share_its_rate),
		cmocka_unit_test(retries_count_too),
		cmocka_unit_test(what_is_too_large_to_be_sent_uses_up_no_slot),
		cmocka_unit_test(what_may_go_at_once_does_not_wait),
		cmocka_unit_test(workers_sleep_until_the_next_slot),
		cmocka_unit_test(workers_sleep_when_there_is_room_and_nothing_to_send),
		cmocka_unit_test(workers_sleep_when_there_is_no_room),
		cmocka_unit_test(adaptive_concurrency_begins_with_one_and_rises_to_the_most),
		cmocka_unit_test(adaptive_concurrency_gives_way_to_429),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
