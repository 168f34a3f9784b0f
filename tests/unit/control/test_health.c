/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "control/health.h"

#define WEAK __attribute__((weak))
#define S CLOCK_US_PER_S

/* Not the modules' own: the test does not depend on them. */
WEAK const char *runner_state_name(enum runner_state state)
{
	static const char *const names[] = {"stopped", "connecting", "standby", "active"};

	return names[state];
}

WEAK const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half_open", "disabled"};

	return names[state];
}

static const struct health_limits limits = {
	.worker_stall_us = 60 * S,
	.source_stall_us = 90 * S,
	.no_progress_us = 120 * S,
};

struct fixture {
	struct metrics_snapshot s;
	struct health *h;
	struct health_verdict v;
};

/* A healthy daemon: one source, one webhook, one pipeline, nothing to do. */
static int set_up(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));
	struct metrics_snapshot *s;

	if (!f || health_new(&limits, &f->h, NULL) != ERR_OK)
		return -1;
	s = &f->s;
	s->now_us = 1000 * S;
	s->source_count = s->webhook_count = s->pipeline_count = 1;
	(void)snprintf(s->sources[0].name, METRICS_NAME_BYTES, "shop");
	(void)snprintf(s->webhooks[0].name, METRICS_NAME_BYTES, "crm");
	(void)snprintf(s->pipelines[0].name, METRICS_NAME_BYTES, "orders");
	s->sources[0].stats.state = RUNNER_ACTIVE;
	s->webhooks[0].timeout_us = 30 * S;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	health_free(f->h);
	mem_free(f);
	return 0;
}

/* Some seconds later, every loop having gone round. */
static void judge_after(struct fixture *f, int64_t seconds)
{
	f->s.now_us += seconds * S;
	f->s.sources[0].stats.progress_us = f->s.now_us;
	f->s.pool.progress_us = f->s.now_us;
	health_judge(f->h, &f->s, &f->v);
}

static void nothing_to_do_is_healthy_for_ever(void **state)
{
	struct fixture *f = *state;
	int i;

	for (i = 0; i < 10; i++) {
		judge_after(f, 3600);
		assert_true(f->v.alive && f->v.ready);
		assert_string_equal(f->v.reason, "");
		assert_string_equal(f->v.warning, "");
	}
}

static void a_source_counts_by_its_state(void **state)
{
	static const struct {
		enum runner_state state;
		bool ready;
		const char *reason, *warning;
	} cases[] = {
		{RUNNER_ACTIVE, true, "", ""},
		{RUNNER_STANDBY, true, "", "standby"},
		{RUNNER_CONNECTING, false, "source shop is connecting: no route", ""},
		{RUNNER_STOPPED, false, "source shop is stopped", ""},
	};
	struct fixture *f = *state;
	size_t i;

	(void)snprintf(f->s.sources[0].stats.last_error, 64, "no route");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f->s.sources[0].stats.state = cases[i].state;
		judge_after(f, 1);
		assert_true(f->v.alive);
		assert_int_equal(f->v.ready, cases[i].ready);
		assert_non_null(strstr(f->v.reason, cases[i].reason));
		assert_non_null(strstr(f->v.warning, cases[i].warning));
	}
}

static void a_source_whose_loop_stands_still_is_dead(void **state)
{
	struct fixture *f = *state;

	judge_after(f, 1);
	f->s.now_us += 89 * S;
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
	f->s.now_us += 2 * S;
	health_judge(f->h, &f->s, &f->v);
	assert_false(f->v.alive || f->v.ready);
	assert_non_null(strstr(f->v.reason, "source shop has stood still for 91 s"));
	f->s.sources[0].stats.state = RUNNER_STOPPED; /* no loop, nothing to expect */
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
}

static void workers_that_stand_still_with_work_are_dead(void **state)
{
	struct fixture *f = *state;
	int64_t slept_us = f->s.now_us;

	/* idle workers may sleep */
	judge_after(f, 500);
	f->s.pool.progress_us = slept_us;
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
	/* work comes: from now on they have a minute */
	f->s.pipelines[0].ring.ready = 5;
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
	f->s.now_us += 59 * S;
	f->s.sources[0].stats.progress_us = f->s.now_us;
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
	f->s.now_us += 2 * S;
	health_judge(f->h, &f->s, &f->v);
	assert_false(f->v.alive);
	assert_non_null(strstr(f->v.reason, "workers"));
	/* one of them is at work while the others sleep */
	f->s.pipelines[0].ring.settled++;
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
}

static void workers_that_go_round_are_alive_however_slow_the_receiver(void **state)
{
	struct fixture *f = *state;

	f->s.pool.in_flight = 1;
	judge_after(f, 1);
	judge_after(f, 100);
	assert_true(f->v.alive);
}

static void pending_events_that_do_not_move_make_it_not_ready(void **state)
{
	struct fixture *f = *state;
	struct ring_stats *ring = &f->s.pipelines[0].ring;

	ring->events = 3;
	ring->ready = 2;
	ring->inflight = 1;
	judge_after(f, 1);
	judge_after(f, 119);
	assert_true(f->v.ready);
	judge_after(f, 2);
	assert_true(f->v.alive);
	assert_false(f->v.ready);
	assert_non_null(strstr(f->v.reason, "pipeline orders: 3 events"));
	ring->retried++; /* a failed attempt is progress */
	judge_after(f, 1);
	assert_true(f->v.ready);
	judge_after(f, 121);
	assert_false(f->v.ready);
	ring->settled++;
	judge_after(f, 1);
	assert_true(f->v.ready);
}

static void an_idle_time_before_the_work_does_not_count(void **state)
{
	struct fixture *f = *state;

	judge_after(f, 1);
	judge_after(f, 5000);
	f->s.pipelines[0].ring.ready = 1;
	judge_after(f, 1);
	assert_true(f->v.ready);
	judge_after(f, 119);
	assert_true(f->v.ready);
}

static void events_that_only_wait_for_their_retry_are_not_stuck(void **state)
{
	struct fixture *f = *state;

	f->s.pipelines[0].ring.events = 9;
	f->s.pipelines[0].ring.waiting = 4;
	f->s.pipelines[0].ring.blocked = 5;
	judge_after(f, 1);
	judge_after(f, 3000);
	assert_true(f->v.ready);
}

static void a_rate_limit_is_no_standstill(void **state)
{
	struct fixture *f = *state;

	f->s.webhooks[0].stats.pace.interval_us = 3600 * S;
	f->s.pipelines[0].ring.ready = 1;
	judge_after(f, 1);
	judge_after(f, 3719);
	assert_true(f->v.ready);
	judge_after(f, 2);
	assert_false(f->v.ready);
}

static void a_request_may_take_its_whole_timeout(void **state)
{
	struct fixture *f = *state;

	f->s.webhooks[0].timeout_us = 300 * S;
	f->s.pipelines[0].ring.inflight = 1;
	judge_after(f, 1);
	judge_after(f, 599);
	assert_true(f->v.ready);
	judge_after(f, 2);
	assert_false(f->v.ready);
}

static void an_archive_that_cannot_be_written_leaves_it_ready_with_a_warning(void **state)
{
	struct fixture *f = *state;

	f->s.pipelines[0].ring.ready = 100;
	f->s.pipelines[0].ring.inflight = 3;
	f->s.pipelines[0].archive.paused = true;
	f->s.pipelines[0].archive_paused_us = 12 * S;
	(void)snprintf(f->s.pipelines[0].archive.error, 64, "/x: no space");
	judge_after(f, 4000);
	assert_true(f->v.alive && f->v.ready);
	assert_non_null(strstr(f->v.warning, "its archive cannot be written for 12 s, events are "
					     "held: /x: no space"));
	/* once it can, they have to move */
	f->s.pipelines[0].archive.paused = false;
	judge_after(f, 1);
	judge_after(f, 4000);
	assert_false(f->v.ready);
}

static void a_receiver_outage_leaves_it_ready_with_a_warning(void **state)
{
	static const enum breaker_state cases[] = {BREAKER_OPEN, BREAKER_HALF_OPEN,
						   BREAKER_DISABLED};
	struct fixture *f = *state;
	size_t i;

	f->s.pipelines[0].ring.ready = 100;
	(void)snprintf(f->s.webhooks[0].stats.last_error, 64, "HTTP 503");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f->s.webhooks[0].stats.breaker.state = cases[i];
		judge_after(f, 4000);
		assert_true(f->v.alive && f->v.ready);
		assert_non_null(strstr(f->v.warning, "webhook crm: breaker"));
		assert_non_null(strstr(f->v.warning, breaker_state_name(cases[i])));
		assert_non_null(strstr(f->v.warning, "HTTP 503"));
	}
	(void)snprintf(f->s.webhooks[0].stats.standing.reason, 64, "too long");
	judge_after(f, 1);
	assert_non_null(
		strstr(f->v.warning, "breaker disabled for 0 s, events are held: too long"));
	/* the outage's time does not count against what comes after it */
	f->s.webhooks[0].stats.breaker.state = BREAKER_CLOSED;
	judge_after(f, 1);
	assert_true(f->v.ready);
}

static void a_pause_that_the_receiver_asked_for_leaves_it_ready_with_a_warning(void **state)
{
	struct fixture *f = *state;

	f->s.pipelines[0].ring.ready = 100;
	f->s.webhooks[0].stats.breaker.paused_until_us = f->s.now_us + 5000 * S;
	judge_after(f, 1);
	judge_after(f, 4000);
	assert_true(f->v.alive && f->v.ready);
	assert_non_null(
		strstr(f->v.warning, "webhook crm: the receiver asked for a pause of 999 s"));
	judge_after(f, 1000);
	assert_string_equal(f->v.warning, "");
	judge_after(f, 121);
	assert_false(f->v.ready);
}

static void rows_that_nobody_reads_make_it_not_ready(void **state)
{
	struct fixture *f = *state;
	struct source_status *st = &f->s.sources[0].stats.source;

	st->outbox_rows = 12;
	st->oldest_wall_us = 77;
	judge_after(f, 1);
	judge_after(f, 239); /* the picture of the outbox may be a minute old */
	assert_true(f->v.ready);
	judge_after(f, 2);
	assert_false(f->v.ready);
	assert_non_null(strstr(f->v.reason, "source shop: 12 rows wait"));
	/* with events in the ring it is the webhook's turn */
	f->s.pipelines[0].ring.events = 1;
	judge_after(f, 1);
	assert_true(f->v.ready);
	f->s.pipelines[0].ring.events = 0;
	judge_after(f, 241);
	f->s.sources[0].stats.read_total++;
	judge_after(f, 1);
	assert_true(f->v.ready);
}

static void a_standing_alarm_is_a_warning(void **state)
{
	struct fixture *f = *state;

	(void)snprintf(f->s.sources[0].stats.source.warning, 64, "sequence has CACHE 50");
	judge_after(f, 1);
	assert_true(f->v.ready);
	assert_string_equal(f->v.warning, "source shop: sequence has CACHE 50");
}

static void long_reasons_are_cut_not_overrun(void **state)
{
	struct fixture *f = *state;
	size_t i;

	f->s.source_count = SETTINGS_SOURCES_MAX;
	for (i = 0; i < SETTINGS_SOURCES_MAX; i++) {
		f->s.sources[i].stats.state = RUNNER_CONNECTING;
		f->s.sources[i].stats.progress_us = f->s.now_us;
		memset(f->s.sources[i].stats.last_error, 'x', 200);
	}
	health_judge(f->h, &f->s, &f->v);
	assert_true(f->v.alive);
	assert_int_equal(strlen(f->v.reason), sizeof(f->v.reason) - 1);
}

static void limits_exceed_every_timeout_of_the_settings(void **state)
{
	struct source_settings source = {.connect_timeout_us = 100 * S,
					 .statement_timeout_us = 200 * S,
					 .poll_interval_us = 300 * S,
					 .reconnect_max_delay_us = 400 * S};
	struct webhook_settings webhook = {.timeout_us = 500 * S};
	struct settings s = {
		.sources = &source, .source_count = 1, .webhooks = &webhook, .webhook_count = 1};
	struct health_limits l = health_limits_of(&s);

	(void)state;
	assert_true(l.source_stall_us > 1000 * S);
	assert_true(l.worker_stall_us > 1000 * S);
}

static void the_page_tells_status_reason_and_warning(void **state)
{
	static const struct {
		struct health_verdict v;
		bool about_ready;
		const char *want;
	} cases[] = {
		{{true, true, "", ""},
		 true,
		 "{\"status\":\"ok\",\"reason\":null,\"warning\":null}\n"},
		{{true, true, "", "w"},
		 true,
		 "{\"status\":\"warning\",\"reason\":null,\"warning\":\"w\"}\n"},
		{{true, false, "r", ""},
		 true,
		 "{\"status\":\"failed\",\"reason\":\"r\",\"warning\":null}\n"},
		{{true, false, "r", ""},
		 false,
		 "{\"status\":\"ok\",\"reason\":null,\"warning\":null}\n"},
		{{false, false, "r", ""},
		 false,
		 "{\"status\":\"failed\",\"reason\":\"r\",\"warning\":null}\n"},
	};
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&out, 4096);
		health_render(&cases[i].v, cases[i].about_ready, &out);
		assert_string_equal(buf_str(&out), cases[i].want);
		buf_done(&out);
	}
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(nothing_to_do_is_healthy_for_ever),
		WITH(a_source_counts_by_its_state),
		WITH(a_source_whose_loop_stands_still_is_dead),
		WITH(workers_that_stand_still_with_work_are_dead),
		WITH(workers_that_go_round_are_alive_however_slow_the_receiver),
		WITH(pending_events_that_do_not_move_make_it_not_ready),
		WITH(an_idle_time_before_the_work_does_not_count),
		WITH(events_that_only_wait_for_their_retry_are_not_stuck),
		WITH(a_rate_limit_is_no_standstill),
		WITH(a_request_may_take_its_whole_timeout),
		WITH(a_receiver_outage_leaves_it_ready_with_a_warning),
		WITH(an_archive_that_cannot_be_written_leaves_it_ready_with_a_warning),
		WITH(a_pause_that_the_receiver_asked_for_leaves_it_ready_with_a_warning),
		WITH(rows_that_nobody_reads_make_it_not_ready),
		WITH(a_standing_alarm_is_a_warning),
		WITH(long_reasons_are_cut_not_overrun),
		cmocka_unit_test(limits_exceed_every_timeout_of_the_settings),
		cmocka_unit_test(the_page_tells_status_reason_and_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
