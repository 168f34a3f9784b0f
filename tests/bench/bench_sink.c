/* SPDX-License-Identifier: MIT */
/*
 * What the daemon can send when no database holds it up: events are made here, pushed into a ring,
 * sent by a pool to a receiver, and their acknowledgements thrown away.
 *
 *     bench_sink URL BATCH_MAX_EVENTS [EVENTS [WORKERS]]
 *
 * Prints events per second and CPU us per event.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "core/acks.h"
#include "sink/http.h"
#include "sink/pool.h"

#define CAPACITY 20000
#define ACKS_MAX 1000

#define ROW                                                                                        \
	"{\"id\":%d,\"owner\":\"owner %d\",\"email\":\"owner%d@example.org\",\"balance\":1234.56," \
	"\"note\":\"a note of ordinary length for the account of this owner\",\"active\":true,"    \
	"\"seen\":\"2026-11-21T12:00:00.123456+00:00\",\"n\":%d}"

struct bench {
	struct ring *ring;
	struct pool *pool;
	struct acks *acks;
	struct webhook *webhook;
	struct budget *budget;
	int fd;
};

static void must(enum err_code code, const struct err *e)
{
	if (code == ERR_OK)
		return;
	(void)fprintf(stderr, "bench_sink: %s\n", e->msg);
	exit(1);
}

static void on_ready(void *ctx)
{
	const struct bench *b = ctx;

	pool_wake(b->pool);
}

static void on_room(void *ctx)
{
	const struct bench *b = ctx;

	fd_wake(b->fd);
}

static struct event *make_event(int n)
{
	char row[512], key[32];
	struct event_fields f = {
		.id = n,
		.op = OP_INSERT,
		.schema = TEXT_LIT("public"),
		.table = TEXT_LIT("accounts"),
		.changed_at = TEXT_LIT("2026-11-21T12:00:00.123456Z"),
	};
	struct event *ev = NULL;
	struct err e;

	(void)snprintf(row, sizeof(row), ROW, n, n, n, n);
	(void)snprintf(key, sizeof(key), "{\"id\":%d}", n);
	f.data = text_of(row);
	f.key = text_of(key);
	must(event_new(&f, &ev, &e), &e);
	return ev;
}

static void open_bench(struct bench *b, struct webhook_settings *to, size_t workers)
{
	const struct ring_options ro = {.capacity = CAPACITY,
					.max_bytes = 64UL << 20,
					.max_inflight_bytes = 4UL << 20,
					.budget = b->budget,
					.on_ready = on_ready,
					.on_ready_ctx = b,
					.on_room = on_room,
					.on_room_ctx = b};
	struct pool_pipeline pipeline = {.name = "default",
					 .install_id = "0f8fad5b-d9cb-469f-a165-70867728950e"};
	const struct pool_options po = {.workers = workers,
					.pipelines = &pipeline,
					.pipeline_count = 1,
					.clock = clock_system(),
					.budget = b->budget};
	struct err e;

	must(http_global_start(&e), &e);
	must(fd_wake_open(&b->fd, &e), &e);
	must(acks_new(b->fd, ACKS_MAX, &b->acks, &e), &e);
	must(webhook_new(to, &b->webhook, &e), &e);
	pipeline.webhook = b->webhook;
	pipeline.acks = b->acks;
	must(pool_new(&po, &b->pool, &e), &e);
	must(ring_new(&ro, &b->ring, &e), &e);
	pool_bind(b->pool, 0, b->ring);
	must(pool_start(b->pool, &e), &e);
}

static void run(struct bench *b, int events)
{
	struct ack out[ACKS_MAX];
	struct event *ev = NULL;
	int made = 0, settled = 0;
	struct err e;

	while (settled < events) {
		(void)fd_wake_clear(b->fd);
		while (made < events) {
			if (!ev) {
				ev = make_event(made + 1);
				must(acks_reserve(b->acks, 1, &e), &e);
			}
			if (ring_push(b->ring, &ev) != ERR_OK)
				break;
			made++;
		}
		settled += (int)acks_take(b->acks, out, ACKS_MAX);
		if (acks_count(b->acks) == 0 && settled < events)
			(void)fd_wait(b->fd, -1, clock_now_us(clock_system()),
				      clock_now_us(clock_system()) + 100 * CLOCK_US_PER_MS);
	}
}

static int64_t cpu_us(void)
{
	struct rusage r;

	(void)getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * CLOCK_US_PER_S + r.ru_utime.tv_usec +
	       r.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
	static char name[] = "bench";
	int events = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 300000;
	size_t workers = argc > 4 ? strtoul(argv[4], NULL, 10) : 2;
	struct webhook_settings to = {.name = name,
				      .timeout_us = 30 * CLOCK_US_PER_S,
				      .connect_timeout_us = 5 * CLOCK_US_PER_S,
				      .retry_delay_us = CLOCK_US_PER_S,
				      .retry_max_delay_us = CLOCK_US_PER_S,
				      .max_in_flight = 64,
				      .breaker_failures = 5,
				      .breaker_max_delay_us = CLOCK_US_PER_S,
				      .max_response_bytes = 16384,
				      .batch_max_bytes = 1 << 20,
				      .tls_verify = true};
	const struct budget_options all = {.max_bytes = 64UL << 20};
	struct bench b = {.fd = -1};
	int64_t wall, cpu;
	struct err e;

	if (argc < 3) {
		(void)fprintf(stderr,
			      "usage: bench_sink URL BATCH_MAX_EVENTS [EVENTS [WORKERS]]\n");
		return 64;
	}
	to.url.value = argv[1];
	to.batch_max_events = strtol(argv[2], NULL, 10);
	must(budget_new(&all, &b.budget, &e), &e);
	open_bench(&b, &to, workers);
	wall = clock_now_us(clock_system());
	cpu = cpu_us();
	run(&b, events);
	wall = clock_now_us(clock_system()) - wall;
	cpu = cpu_us() - cpu;
	printf("%.0f %.2f\n", (double)events * 1e6 / (double)wall, (double)cpu / (double)events);
	pool_stop(b.pool, clock_now_us(clock_system()) + CLOCK_US_PER_S);
	pool_free(b.pool);
	ring_free(b.ring);
	webhook_free(b.webhook);
	acks_free(b.acks);
	budget_free(b.budget);
	fd_close(&b.fd);
	http_global_stop();
	return 0;
}
