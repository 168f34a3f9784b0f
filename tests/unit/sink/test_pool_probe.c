/* SPDX-License-Identifier: MIT */
/* While the breaker is open one request probes: whoever was to be that and is not sent gives way.
 */
#include "pool_fixture.h"

/* The first *ctx requests fail. */
static bool serve_failures_first(struct peer *p, struct peer_request *q)
{
	const int *failures = p->ctx;

	return peer_answer(q->fd, p->requests <= *failures ? 502 : 200, "", "");
}

static void a_pipeline_without_events_leaves_the_probe_to_another(void **state)
{
	static const size_t both[] = {0, 0};
	size_t pipeline;

	(void)state;
	/* whichever is asked first */
	for (pipeline = 0; pipeline < 2; pipeline++) {
		struct rig r = {0};
		struct peer p;
		int failures = 4;

		assert_true(peer_start(&p, serve_failures_first, &failures));
		settings_init(&r.settings[0], p.url);
		r.settings[0].breaker_failures = 1;
		rig_open(&r, 2, both, 1);
		assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
		push(&r, pipeline, 1, 1);
		await(&r, 1);
		assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
		assert_int_equal(p.requests, 5);
		rig_close(&r);
		peer_stop(&p);
	}
}

static void push_large(struct rig *r, int64_t id)
{
	static char text[4000];
	struct event_fields f = {.id = id,
				 .op = OP_INSERT,
				 .table = TEXT_LIT("t"),
				 .key = TEXT_LIT("{\"k\":2}"),
				 .changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
				 .data = {text, sizeof(text)}};
	struct event *ev;

	memset(text, ' ', sizeof(text));
	text[0] = '1';
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	assert_int_equal(ring_push(r->ring[0], &ev), ERR_OK);
}

/* It never failed, so it is tried first. */
static void an_event_too_large_to_be_sent_leaves_the_probe_to_another(void **state)
{
	struct rig r = {0};
	struct peer p;
	int failures = 1;

	(void)state;
	assert_true(peer_start(&p, serve_failures_first, &failures));
	settings_init(&r.settings[0], p.url);
	r.settings[0].breaker_failures = 1;
	r.settings[0].max_body_bytes = 2000;
	r.settings[0].oversized = WEBHOOK_OVERSIZED_DEAD_LETTER;
	rig_start(&r, 1);
	ring_pause(r.ring[0], true);
	push(&r, 0, 1, 1);
	push(&r, 0, 2, 1);
	ring_pause(r.ring[0], false);
	UNTIL(breaker_stats(webhook_breaker(r.webhook[0])).opened_total == 1);
	push_large(&r, 3);
	await(&r, 3);
	UNTIL(ring_stats(r.ring[0]).events == 0);
	assert_int_equal(p.requests, 3);
	rig_close(&r);
	peer_stop(&p);
}

/* The first fails, the others get no answer. */
static bool serve_then_hang(struct peer *p, struct peer_request *q)
{
	if (p->requests == 1)
		return peer_answer(q->fd, 502, "", "");
	return serve_never(p, q);
}

static void a_probe_that_is_broken_off_at_the_end_says_nothing(void **state)
{
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_then_hang, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].breaker_failures = 1;
	rig_start(&r, 1);
	push(&r, 0, 1, 1);
	UNTIL(breaker_stats(webhook_breaker(r.webhook[0])).state == BREAKER_HALF_OPEN);
	pool_stop(r.pool, now());
	assert_int_equal(breaker_stats(webhook_breaker(r.webhook[0])).state, BREAKER_OPEN);
	assert_int_equal(ring_stats(r.ring[0]).ready, 1);
	assert_no_acks(&r);
	rig_close(&r);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipeline_without_events_leaves_the_probe_to_another),
		cmocka_unit_test(an_event_too_large_to_be_sent_leaves_the_probe_to_another),
		cmocka_unit_test(a_probe_that_is_broken_off_at_the_end_says_nothing),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
