/* SPDX-License-Identifier: MIT */
#include "runner_bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"

static struct pipeline_settings pipelines[] = {{.name = (char[]){"default"}},
					       {.name = (char[]){"second"}}};

static void on_room(void *ctx)
{
	runner_wake(ctx);
}

struct runner *bench_runner(struct bench *b)
{
	struct runner_pipeline rp[2] = {{.settings = &pipelines[0]}, {.settings = &pipelines[1]}};
	struct runner_options o = {.settings = &b->settings,
				   .ops = &source_fake,
				   .pipelines = rp,
				   .pipeline_count = 2,
				   .clock = clock_system()};
	struct runner *r;
	struct err e;

	if (runner_new(&o, &r, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	return r;
}

struct ring *bench_ring(struct runner *runner)
{
	struct ring_options o = {.capacity = CAPACITY,
				 .max_bytes = 20000,
				 .order = ORDERING_KEY,
				 .on_room = on_room,
				 .on_room_ctx = runner};
	struct ring *ring;

	assert_int_equal(ring_new(&o, &ring, NULL), ERR_OK);
	return ring;
}

static char name[] = "test";

int bench_setup(void **state)
{
	static struct bench b;
	size_t i;

	log_set_level(LOG_LEVEL_ERROR);
	memset(&b, 0, sizeof(b));
	b.settings = (struct source_settings){.name = name,
					      .type = SOURCE_FAKE,
					      .database = name,
					      .reconnect_max_delay_us = 20 * CLOCK_US_PER_MS,
					      .poll_interval_us = CLOCK_US_PER_S,
					      .batch_size = 5,
					      .ack_delay_us = CLOCK_US_PER_MS};
	assert_int_equal(fake_db_new(name, &b.db, NULL), ERR_OK);
	b.runner = bench_runner(&b);
	for (i = 0; i < 2; i++) {
		b.rings[i] = bench_ring(b.runner);
		runner_bind(b.runner, i, b.rings[i]);
	}
	*state = &b;
	return 0;
}

void bench_start(struct bench *b)
{
	assert_int_equal(runner_start(b->runner, NULL), ERR_OK);
}

void bench_stop(struct bench *b)
{
	if (!b->runner)
		return;
	if (runner_stats(b->runner).progress_us)
		runner_stop(b->runner);
	runner_free(b->runner);
	b->runner = NULL;
}

int bench_teardown(void **state)
{
	struct bench *b = *state;

	bench_stop(b);
	ring_free(b->rings[0]);
	ring_free(b->rings[1]);
	fake_db_free(b->db);
	return 0;
}

/* ---- playing along ---- */

int64_t bench_now_us(void)
{
	return clock_now_us(clock_system());
}

void bench_moment(void)
{
	int64_t now = bench_now_us();

	(void)fd_wait(-1, -1, now, now + CLOCK_US_PER_MS);
}

int64_t bench_insert_into(struct bench *b, size_t p, const char *key, int bytes)
{
	char *data = malloc((size_t)bytes);
	struct event_fields f = {.op = OP_INSERT,
				 .schema = TEXT_LIT("public"),
				 .table = TEXT_LIT("items"),
				 .key = text_of(key),
				 .data = {data, (size_t)bytes}};
	int64_t id;

	memset(data, 'x', (size_t)bytes);
	id = fake_db_insert(b->db, pipelines[p].name, &f);
	free(data);
	return id;
}

int64_t bench_insert(struct bench *b, const char *key)
{
	return bench_insert_into(b, 0, key, 10);
}

size_t bench_rows(struct bench *b)
{
	return fake_db_stats(b->db).rows;
}

int64_t bench_calls(struct bench *b, enum fake_call call)
{
	return fake_db_stats(b->db).calls[call];
}

void bench_go_round(struct bench *b)
{
	int64_t before;
	int i;

	for (i = 0; i < 2; i++) {
		before = bench_calls(b, FAKE_WAIT);
		runner_wake(b->runner);
		AWAIT(bench_calls(b, FAKE_WAIT) > before);
	}
}

int64_t bench_calls_per_s(struct bench *b, enum fake_call call, int64_t while_us)
{
	int64_t start_us = bench_now_us(), before = bench_calls(b, call), calls, took_us;

	while (bench_now_us() < start_us + while_us)
		bench_moment();
	calls = bench_calls(b, call) - before;
	took_us = bench_now_us() - start_us;
	return (calls * CLOCK_US_PER_S + took_us - 1) / took_us;
}

size_t bench_events(struct bench *b, size_t p)
{
	return ring_stats(b->rings[p]).events;
}

struct event *bench_take(struct bench *b, size_t p)
{
	struct event *ev = NULL;

	AWAIT(ring_take(b->rings[p], bench_now_us(), &ev, 1) == 1);
	return ev;
}

void bench_settle(struct bench *b, size_t p, struct event *ev, enum ack_outcome outcome)
{
	struct ack a = {.id = ev->f.id, .pipeline = (uint32_t)p, .outcome = outcome};

	if (outcome == ACK_DEAD) {
		a.attempts = 3;
		a.reason = mem_strdup("refused");
	}
	ring_settle(b->rings[p], ev, outcome == ACK_DEAD ? EVENT_DEAD : EVENT_DELIVERED);
	event_free(ev);
	acks_push(runner_acks(b->runner), &a);
}

int64_t bench_deliver(struct bench *b, size_t p)
{
	struct event *ev = bench_take(b, p);
	int64_t id = ev->f.id;

	bench_settle(b, p, ev, ACK_DELIVERED);
	return id;
}

struct runner_stats bench_stats(struct bench *b)
{
	return runner_stats(b->runner);
}
