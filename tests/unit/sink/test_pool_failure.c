/* SPDX-License-Identifier: MIT */
/* What becomes of an event that its receiver does not take. */
#include "pool_fixture.h"
#include "sink/network.h"

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

/* Without its timer a worker sleeps a second at a time: 200 of them would be a minute for three. */
static void retries_come_when_they_are_due(void **state)
{
	int64_t start_us = now();
	struct rig r = {0};
	struct peer p;
	int status = 500;

	(void)state;
	assert_true(peer_start(&p, serve_status, &status));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 200;
	r.settings[0].retry_max_delay_us = 5 * MS;
	rig_start(&r, 3);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(r.got[0].attempts, 201);
	assert_true(now() - start_us < 40 * CLOCK_US_PER_S);
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

struct straggling {
	struct webhook *webhook;
	_Atomic bool is_sent; /* id 1 */
	_Atomic int failed;   /* id 2 */
};

/* A receiver that is being stopped: it still answers id 1, which it was given before, and takes
 * nothing any more; until it is started again. */
static bool serve_straggler(struct peer *p, struct peer_request *q)
{
	struct straggling *s = p->ctx;

	if (id_of(q) == 1) {
		atomic_store(&s->is_sent, true);
		while (!webhook_stats(s->webhook).retried)
			if (!peer_pause(p, 1))
				return false;
		return peer_answer(q->fd, 200, "", "");
	}
	while (!atomic_load(&s->is_sent) ||
	       (atomic_load(&s->failed) > 0 && !webhook_stats(s->webhook).delivered))
		if (!peer_pause(p, 1))
			return false;
	return peer_answer(q->fd, atomic_fetch_add(&s->failed, 1) < 8 ? 502 : 200, "", "");
}

static void what_was_sent_before_does_not_prove_that_the_receiver_lives(void **state)
{
	struct straggling s = {0};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_straggler, &s));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 2;
	rig_open(&r, 1, (const size_t[]){0}, 2);
	s.webhook = r.webhook[0];
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	push(&r, 0, 1, 1);
	push(&r, 0, 2, 2);
	await(&r, 2);
	assert_int_equal(count_dead(&r), 0);
	assert_int_equal(webhook_stats(r.webhook[0]).retried, 1);
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
	int i;

	(void)state;
	assert_true(peer_reserve(&p, serve_200, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 1;
	r.settings[0].breaker_failures = 5;
	rig_start(&r, 3);
	for (i = 1; i <= 100; i++)
		push(&r, 0, i, i % 30);
	UNTIL(webhook_stats(r.webhook[0]).held >= 20);
	assert_int_not_equal(webhook_stats(r.webhook[0]).breaker.state, BREAKER_CLOSED);
	assert_no_acks(&r);
	assert_true(peer_listen(&p) && peer_go(&p));
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
	breaker_enable(webhook_breaker(r.webhook[0]), now());
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
	struct webhook_header header = {name, {value}, false};
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

/* Whichever worker it was that reached the receiver outside. */
static void all_workers_know_that_a_name_led_outside(void **state)
{
	static const size_t first[] = {0};
	static char word[] = "rebound";
	char *deny[] = {word, NULL};
	struct network_policy *policy = NULL;
	struct network_address a;
	struct rig r = {0};
	struct peer p;
	int status = 200;

	(void)state;
	assert_true(peer_start(&p, serve_status, &status));
	settings_init(&r.settings[0], p.url);
	r.settings[0].network_deny = (struct string_list){deny, 1};
	rig_open(&r, 1, first, 2);
	assert_int_equal(network_policy_new(&r.settings[0], &policy, NULL), ERR_OK);
	assert_true(network_address_read("203.0.113.7", &a));
	assert_null(network_denied_by(policy, webhook_trail(r.webhook[0]), &a));
	network_policy_free(policy);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	push(&r, 0, 1, 1);
	UNTIL(webhook_stats(r.webhook[0]).failures_by_phase[ANSWER_PHASE_DENIED] > 0);
	assert_int_equal(p.requests, 0);
	assert_no_acks(&r);
	rig_close(&r);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_up_attempts_and_refusals_go_to_the_dead_letters),
		cmocka_unit_test(retries_come_when_they_are_due),
		cmocka_unit_test(an_event_that_kills_its_receiver_dies_while_others_get_through),
		cmocka_unit_test(what_was_sent_before_does_not_prove_that_the_receiver_lives),
		cmocka_unit_test(the_probe_is_not_always_the_event_that_failed),
		cmocka_unit_test(an_outage_longer_than_all_retries_loses_and_kills_nothing),
		cmocka_unit_test(while_it_is_down_one_request_at_a_time_is_sent),
		cmocka_unit_test(gone_holds_everything_until_it_is_enabled),
		cmocka_unit_test(what_cannot_be_sent_is_held_and_not_lost),
		cmocka_unit_test(retry_after_is_respected_and_clamped),
		cmocka_unit_test(all_workers_know_that_a_name_led_outside),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
