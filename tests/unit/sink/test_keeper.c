/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "pool_fixture.h"
#include "sink/keeper.h"

static char disable_header[] = "webhook-delivery: disable";

static struct standing standing_of(struct rig *r)
{
	return webhook_stats(r->webhook[0]).standing;
}

static enum breaker_state state_of(struct rig *r)
{
	return webhook_stats(r->webhook[0]).breaker.state;
}

/* Both: the breaker is a moment earlier, and who enables it in between is overruled. */
static bool is_disabled(struct rig *r)
{
	return state_of(r) == BREAKER_DISABLED && standing_of(r).disabled;
}

/* ---- the receiver's word ---- */

struct script {
	int status;
	const char *more;
	_Atomic int64_t first_us;
	_Atomic int64_t second_us;
};

/* The first request by script, the others well. */
static bool serve_first(struct peer *p, struct peer_request *q)
{
	struct script *s = p->ctx;

	if (atomic_load(&p->requests) == 1) {
		atomic_store(&s->first_us, now());
		return peer_answer(q->fd, s->status, s->more, "");
	}
	if (!atomic_load(&s->second_us))
		atomic_store(&s->second_us, now());
	return peer_answer(q->fd, 200, "", "");
}

/* Two events of different keys, one in flight: what the second waits for is the receiver. */
static int64_t gap_us(struct script *s, int64_t max_us)
{
	struct rig r = {0};
	struct peer p;

	assert_true(peer_start(&p, serve_first, s));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	r.settings[0].retry_max_delay_us = max_us;
	rig_open(&r, 1, (size_t[]){0}, 2);
	push(&r, 0, 1, 1);
	push(&r, 0, 2, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	await(&r, 2);
	rig_close(&r);
	peer_stop(&p);
	return atomic_load(&s->second_us) - atomic_load(&s->first_us);
}

static void a_429_or_503_with_retry_after_stops_all_that_goes_to_the_receiver(void **state)
{
	static const int statuses[] = {429, 503};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct script s = {.status = statuses[i], .more = "Retry-After: 99999999999\r\n"};

		assert_true(gap_us(&s, 400 * MS) >= 400 * MS);
	}
}

static void with_another_status_it_is_about_the_event_alone(void **state)
{
	struct script s = {.status = 500, .more = "Retry-After: 99999999999\r\n"};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_first, &s));
	settings_init(&r.settings[0], p.url);
	r.settings[0].max_in_flight = 1;
	r.settings[0].retry_max_delay_us = 3600 * CLOCK_US_PER_S;
	rig_open(&r, 1, (size_t[]){0}, 2);
	push(&r, 0, 1, 1);
	push(&r, 0, 2, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	await(&r, 1);
	assert_int_equal(r.got[0].id, 2);
	assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
	rig_close(&r);
	peer_stop(&p);
}

static void the_disable_header_disables_and_the_event_counts_as_answered(void **state)
{
	static const char *const spellings[] = {
		"webhook-delivery: disable\r\n", "Webhook-Delivery:DISABLE \r\n",
		"webhook-delivery: slow\r\nwebhook-delivery: x , disable\r\n"};
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct script s = {.status = 200, .more = spellings[i]};
		struct rig r = {0};
		struct peer p;

		assert_true(peer_start(&p, serve_first, &s));
		settings_init(&r.settings[0], p.url);
		r.settings[0].max_in_flight = 1;
		r.settings[0].disable_header = disable_header;
		rig_open(&r, 1, (size_t[]){0}, 2);
		push(&r, 0, 1, 1);
		push(&r, 0, 2, 2);
		assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
		await(&r, 1);
		UNTIL(is_disabled(&r));
		assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
		assert_true(standing_of(&r).disabled);
		assert_string_equal(standing_of(&r).reason,
				    "HTTP 200 with \"webhook-delivery: disable\"");
		assert_int_equal(p.requests, 1);
		keeper_enable(r.webhook[0], clock_system());
		await(&r, 2);
		assert_false(standing_of(&r).disabled);
		rig_close(&r);
		peer_stop(&p);
	}
}

static void a_refusal_with_the_disable_header_is_held_like_a_410(void **state)
{
	struct script s = {.status = 400, .more = "webhook-delivery: disable\r\n"};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_first, &s));
	settings_init(&r.settings[0], p.url);
	r.settings[0].disable_header = disable_header;
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	UNTIL(is_disabled(&r));
	keeper_enable(r.webhook[0], clock_system());
	await(&r, 1);
	assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
	rig_close(&r);
	peer_stop(&p);
}

static void another_value_or_no_such_key_disables_nothing(void **state)
{
	struct script s = {.status = 200, .more = "webhook-delivery: disabled, dis able\r\n"};
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_first, &s));
	settings_init(&r.settings[0], p.url);
	r.settings[0].disable_header = disable_header;
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	await(&r, 1);
	assert_int_equal(state_of(&r), BREAKER_CLOSED);
	rig_close(&r);
	peer_stop(&p);
	s = (struct script){.status = 200, .more = "webhook-delivery: disable\r\n"};
	assert_true(gap_us(&s, 20 * MS) >= 0);
}

/* ---- too long an outage ---- */

static bool serve_500(struct peer *p, struct peer_request *q)
{
	(void)p;
	return peer_answer(q->fd, 500, "", "");
}

static void what_fails_for_too_long_is_disabled_and_its_events_stay(void **state)
{
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_500, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 1000;
	r.settings[0].disable_after_us = 300 * MS;
	rig_start(&r, 2);
	push(&r, 0, 1, 1);
	UNTIL(is_disabled(&r));
	assert_true(standing_of(&r).disabled);
	assert_string_equal(standing_of(&r).reason,
			    "nothing was delivered for as long as disable_after");
	assert_int_equal(ring_stats(r.ring[0]).events, 1);
	assert_int_equal(acks_count(r.acks), 0);
	/* enabled, it has as long again */
	ring_pause(r.ring[0], true);
	keeper_enable(r.webhook[0], clock_system());
	assert_int_equal(standing_of(&r).failing_wall_us, 0);
	ring_pause(r.ring[0], false);
	UNTIL(is_disabled(&r));
	rig_close(&r);
	peer_stop(&p);
}

/* ---- what a database tells ---- */

static void told(void *ctx)
{
	keeper_apply(ctx, clock_system());
}

static void what_a_database_tells_is_done_to_the_breaker(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct webhook_settings s;
	struct standing_box *box;
	struct webhook *w;

	(void)state;
	settings_init(&s, url);
	assert_int_equal(webhook_new(&s, &w, NULL), ERR_OK);
	box = webhook_standing(w);
	standing_box_on_told(box, told, w);
	assert_int_not_equal(
		standing_box_tell(box, &(struct standing_told){.standing = {.disabled = true,
									    .since_wall_us = 5}}),
		0);
	assert_int_equal(webhook_stats(w).breaker.state, BREAKER_DISABLED);
	assert_int_not_equal(
		standing_box_tell(box, &(struct standing_told){.standing = {.since_wall_us = 6},
							       .version = 1}),
		0);
	assert_int_equal(webhook_stats(w).breaker.state, BREAKER_CLOSED);
	keeper_disable(w, clock_system(), "disabled by an operator");
	assert_int_equal(webhook_stats(w).breaker.state, BREAKER_DISABLED);
	assert_string_equal(webhook_stats(w).standing.reason, "disabled by an operator");
	webhook_free(w);
}

struct race {
	struct webhook *w;
	bool enable;
};

static void decide(void *arg)
{
	const struct race *a = arg;
	int i;

	for (i = 0; i < 300; i++) {
		if (a->enable)
			keeper_enable(a->w, clock_system());
		else
			keeper_disable(a->w, clock_system(), "race");
		(void)webhook_stats(a->w);
	}
}

static void breaker_and_standing_agree_whoever_comes_last(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct thread threads[2] = {0};
	struct webhook_settings s;
	struct webhook_stats st;
	struct race races[2];
	struct webhook *w;
	size_t i;

	(void)state;
	settings_init(&s, url);
	assert_int_equal(webhook_new(&s, &w, NULL), ERR_OK);
	for (i = 0; i < 2; i++) {
		races[i] = (struct race){w, i == 0};
		assert_int_equal(thread_start(&threads[i], "race", 0, decide, &races[i], NULL),
				 ERR_OK);
	}
	for (i = 0; i < 2; i++)
		thread_join(&threads[i]);
	st = webhook_stats(w);
	assert_int_equal(st.breaker.state == BREAKER_DISABLED, st.standing.disabled);
	webhook_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_429_or_503_with_retry_after_stops_all_that_goes_to_the_receiver),
		cmocka_unit_test(with_another_status_it_is_about_the_event_alone),
		cmocka_unit_test(the_disable_header_disables_and_the_event_counts_as_answered),
		cmocka_unit_test(a_refusal_with_the_disable_header_is_held_like_a_410),
		cmocka_unit_test(another_value_or_no_such_key_disables_nothing),
		cmocka_unit_test(what_fails_for_too_long_is_disabled_and_its_events_stay),
		cmocka_unit_test(what_a_database_tells_is_done_to_the_breaker),
		cmocka_unit_test(breaker_and_standing_agree_whoever_comes_last),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
