/* SPDX-License-Identifier: MIT */
#include "pool_fixture.h"
#include "sink/keeper.h"

static char origin[] = "events.example.com";

/* A receiver that agrees, or not. */
struct gate {
	const char *more; /* of the answer to OPTIONS */
	_Atomic int status;
	_Atomic int options;
	_Atomic int early; /* POSTs before it agreed */
	_Atomic int wrong; /* requests that do not say who sends, or say too much */
};

static bool has_line(const struct peer_request *q, const char *name, const char *want)
{
	char value[128];

	peer_header(q, name, value, sizeof(value));
	return strcmp(value, want) == 0;
}

static bool serve_gate(struct peer *p, struct peer_request *q)
{
	struct gate *g = p->ctx;
	bool asks = strncmp(q->head, "OPTIONS /hook HTTP/1.1\r\n", 24) == 0;

	if (!has_line(q, "WebHook-Request-Origin", origin) || !has_line(q, "Origin", origin))
		atomic_fetch_add(&g->wrong, 1);
	if (!asks) {
		if (!has_line(q, "WebHook-Request-Rate", "") || !q->id[0])
			atomic_fetch_add(&g->wrong, 1);
		if (atomic_load(&g->status) != 200)
			atomic_fetch_add(&g->early, 1);
		return peer_answer(q->fd, 200, "", "");
	}
	atomic_fetch_add(&g->options, 1);
	if (!has_line(q, "WebHook-Request-Rate", "120") || q->id[0] || q->body_len ||
	    !has_line(q, "webhook-timestamp", "") || !has_line(q, "webhook-signature", ""))
		atomic_fetch_add(&g->wrong, 1);
	return peer_answer(q->fd, atomic_load(&g->status), g->more, "");
}

static void gate_settings(struct webhook_settings *s, char *url)
{
	settings_init(s, url);
	s->validate = true;
	s->validation_origin = origin;
	s->validation_rate = 120;
}

static struct handshake_stats shakes(struct rig *r)
{
	return webhook_stats(r->webhook[0]).handshake;
}

static void a_receiver_is_asked_once_and_then_sent_everything(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 900000\r\n",
			 .status = 200};
	struct rig r = {0};
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	rig_start(&r, 4);
	for (i = 1; i <= 200; i++)
		push(&r, 0, i, i);
	await(&r, 200);
	assert_int_equal(shakes(&r).state, HANDSHAKE_ALLOWED);
	assert_int_equal(shakes(&r).allowed_rate, 900000);
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(g.options, 1);
	assert_int_equal(g.wrong, 0);
}

static void while_it_does_not_agree_nothing_is_sent_and_it_is_asked_again(void **state)
{
	static const int statuses[] = {405, 501, 503};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct gate g = {.more = "WebHook-Allowed-Origin: events.example.com\r\n",
				 .status = statuses[i]};
		struct rig r = {0};
		struct peer p;
		int k;

		assert_true(peer_start(&p, serve_gate, &g));
		gate_settings(&r.settings[0], p.url);
		rig_start(&r, 2);
		for (k = 1; k <= 20; k++)
			push(&r, 0, k, k);
		UNTIL(atomic_load(&g.options) >= 3);
		assert_int_equal(shakes(&r).state == HANDSHAKE_ALLOWED, false);
		assert_int_equal(acks_count(r.acks), 0);
		atomic_store(&g.status, 200);
		await(&r, 20);
		rig_close(&r);
		peer_stop(&p);
		assert_int_equal(g.early, 0);
		assert_int_equal(g.wrong, 0);
	}
}

static void the_rate_that_it_allows_is_kept(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 600\r\n",
			 .status = 200};
	struct rig r = {0};
	int64_t start_us;
	struct peer p;
	int k;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	rig_start(&r, 2);
	start_us = now();
	for (k = 1; k <= 6; k++)
		push(&r, 0, k, k);
	await(&r, 6);
	/* one in 100 ms: five of these between six */
	assert_true(now() - start_us >= 450 * MS);
	rig_close(&r);
	peer_stop(&p);
}

static void a_rate_limit_does_not_pass_by_the_question(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\n", .status = 403};
	struct rig r = {0};
	struct peer p;
	int k;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	r.settings[0].rate_limit = (struct rate){.count = 1000, .period_us = CLOCK_US_PER_S};
	r.settings[0].rate_limit_burst = 1;
	rig_start(&r, 2);
	for (k = 1; k <= 20; k++)
		push(&r, 0, k, k);
	UNTIL(atomic_load(&g.options) >= 3);
	atomic_store(&g.status, 200);
	await(&r, 20);
	rig_close(&r);
	peer_stop(&p);
	assert_int_equal(g.early, 0);
	assert_int_equal(g.wrong, 0);
}

static void without_an_event_nobody_is_asked(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\n", .status = 200};
	struct rig r = {0};
	int64_t first_us;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	rig_start(&r, 2);
	first_us = pool_stats(r.pool).progress_us;
	UNTIL(pool_stats(r.pool).progress_us > first_us);
	assert_int_equal(p.requests, 0);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(g.options, 1);
	rig_close(&r);
	peer_stop(&p);
}

static void an_operator_who_enables_has_it_asked_again(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\n", .status = 200};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	await(&r, 1);
	keeper_enable(r.webhook[0], clock_system());
	push(&r, 0, 2, 2);
	await(&r, 2);
	assert_int_equal(g.options, 2);
	rig_close(&r);
	peer_stop(&p);
}

static void a_disabled_webhook_is_not_even_asked(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\n", .status = 200};
	struct rig r = {0};
	int64_t first_us;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	rig_open(&r, 1, (size_t[]){0}, 2);
	keeper_disable(r.webhook[0], clock_system(), "test");
	push(&r, 0, 1, 1);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	first_us = pool_stats(r.pool).progress_us;
	UNTIL(pool_stats(r.pool).progress_us > first_us);
	assert_int_equal(p.requests, 0);
	keeper_enable(r.webhook[0], clock_system());
	pool_wake(r.pool);
	await(&r, 1);
	rig_close(&r);
	peer_stop(&p);
}

static void a_receiver_that_is_not_there_is_asked_until_it_is(void **state)
{
	struct gate g = {.more = "WebHook-Allowed-Origin: *\r\n", .status = 200};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_reserve(&p, serve_gate, &g));
	gate_settings(&r.settings[0], p.url);
	r.settings[0].disable_after_us = 3600 * CLOCK_US_PER_S;
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	UNTIL(shakes(&r).asked_total >= 2);
	assert_int_equal(strncmp(shakes(&r).reason, "connect: ", 9), 0);
	assert_true(peer_listen(&p) && peer_go(&p));
	await(&r, 1);
	rig_close(&r);
	peer_stop(&p);
}

static void a_question_that_is_broken_off_at_the_end_is_no_trouble(void **state)
{
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_never, NULL));
	gate_settings(&r.settings[0], p.url);
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	UNTIL(atomic_load(&p.requests) == 1);
	assert_int_equal(shakes(&r).state, HANDSHAKE_ASKED);
	pool_stop(r.pool, now());
	assert_int_equal(shakes(&r).state, HANDSHAKE_WANTED);
	assert_int_equal(ring_stats(r.ring[0]).events, 1);
	rig_close(&r);
	peer_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receiver_is_asked_once_and_then_sent_everything),
		cmocka_unit_test(while_it_does_not_agree_nothing_is_sent_and_it_is_asked_again),
		cmocka_unit_test(the_rate_that_it_allows_is_kept),
		cmocka_unit_test(a_rate_limit_does_not_pass_by_the_question),
		cmocka_unit_test(without_an_event_nobody_is_asked),
		cmocka_unit_test(an_operator_who_enables_has_it_asked_again),
		cmocka_unit_test(a_disabled_webhook_is_not_even_asked),
		cmocka_unit_test(a_receiver_that_is_not_there_is_asked_until_it_is),
		cmocka_unit_test(a_question_that_is_broken_off_at_the_end_is_no_trouble),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
