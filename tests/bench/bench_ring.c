/* SPDX-License-Identifier: MIT */
/*
 * Events a second through one ring: push by one reader, take and settle by some workers, events
 * made before and freed after the clock runs. Prints wall time and CPU time per event: first one
 * thread doing it all in turn, which is what the ring itself costs; then once with
 * workers that do nothing else, which is the most contention there can be, and once with workers
 * that spend WORK_US on each event, about as sending it does; that time is taken off.
 *
 *     bench_ring [events]
 */
#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"
#include "core/ring.h"

#define CAPACITY 10000
#define TAKE_MAX 32
#define WORKERS_MAX 16
#define WORK_US 10

struct bench {
	struct ring *r;
	struct budget *budget; /* as in the daemon */
	struct event **events;
	size_t count;
	struct mutex lock;
	struct cond ready;
	size_t workers;
	bool busy; /* workers spend time on each event */
	uint64_t work_rounds;
	int room_fd;
	atomic_size_t settled;
	atomic_size_t sleepers;
};

static void signal_worker(struct bench *b)
{
	mutex_lock(&b->lock);
	cond_signal(&b->ready);
	mutex_unlock(&b->lock);
}

/* As a pool does: workers that are awake come back by themselves and wake the others. */
static void wake_worker(void *ctx)
{
	struct bench *b = ctx;

	if (atomic_load_explicit(&b->sleepers, memory_order_relaxed) == b->workers)
		signal_worker(b);
}

static void wake_reader(void *ctx)
{
	fd_wake(((struct bench *)ctx)->room_fd);
}

static void read_all(struct bench *b)
{
	size_t i;

	for (i = 0; i < b->count; i++) {
		struct event *ev = b->events[i];

		while (ring_push(b->r, &ev) == ERR_FULL) {
			(void)fd_wait(-1, b->room_fd, 0, 1000000);
			(void)fd_wake_clear(b->room_fd);
		}
	}
}

static void sleep_until_ready(struct bench *b)
{
	mutex_lock(&b->lock);
	atomic_fetch_add(&b->sleepers, 1);
	if (ring_stats(b->r).ready == 0 && atomic_load(&b->settled) < b->count)
		cond_wait_until(&b->ready, &b->lock, clock_now_us(clock_system()) + 10000);
	atomic_fetch_sub(&b->sleepers, 1);
	mutex_unlock(&b->lock);
}

static void spend(uint64_t rounds)
{
	volatile uint64_t x = 0;

	while (rounds-- > 0)
		x = x * 3 + 1;
}

static void work(void *arg)
{
	struct bench *b = arg;
	struct event *out[TAKE_MAX];
	size_t n, i;

	while (atomic_load(&b->settled) < b->count) {
		n = ring_take(b->r, 0, out, TAKE_MAX);
		if (n == 0) {
			sleep_until_ready(b);
			continue;
		}
		if (n == TAKE_MAX && atomic_load(&b->sleepers) > 0)
			signal_worker(b);
		for (i = 0; i < n; i++) {
			if (b->busy)
				spend(b->work_rounds);
			ring_settle(b->r, out[i], EVENT_DELIVERED);
		}
		atomic_fetch_add(&b->settled, n);
	}
}

static void make_events(struct bench *b, bool hot)
{
	char key[40];
	size_t i;
	enum err_code rc;

	for (i = 0; i < b->count; i++) {
		struct event_fields f = {.id = (int64_t)i + 1,
					 .op = OP_UPDATE,
					 .schema = TEXT_LIT("public"),
					 .table = TEXT_LIT("users"),
					 .data = TEXT_LIT("{\"id\":1,\"name\":\"somebody\"}")};

		(void)snprintf(key, sizeof(key), "{\"id\":%zu}", hot ? 1 : i);
		f.key = text_of(key);
		rc = event_new(&f, &b->events[i], NULL);
		assert(rc == ERR_OK);
		(void)rc;
	}
}

static int64_t cpu_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * CLOCK_US_PER_S + ts.tv_nsec / 1000;
}

/* How many rounds of spend() take WORK_US. */
static void calibrate(struct bench *b)
{
	const uint64_t rounds = 20000000;
	int64_t us = cpu_us();

	spend(rounds);
	us = cpu_us() - us;
	b->work_rounds = rounds * WORK_US / (uint64_t)us;
}

static void run_threads(struct bench *b, size_t workers)
{
	struct thread threads[WORKERS_MAX];
	enum err_code rc;
	size_t i;

	for (i = 0; i < workers; i++) {
		rc = thread_start(&threads[i], "worker", 0, work, b, NULL);
		assert(rc == ERR_OK);
		(void)rc;
	}
	read_all(b);
	for (i = 0; i < workers; i++)
		thread_join(&threads[i]);
}

static void print_run(const struct bench *b, bool hot, int64_t wall, int64_t cpu)
{
	double each = (double)cpu / (double)b->count - (b->busy ? WORK_US : 0);

	printf("%-13s %2zu workers%s: %8.0f events/s, %6.3f us CPU per event, full %" PRId64 "\n",
	       hot ? "one hot key" : "distinct keys", b->workers, b->busy ? " with work" : "",
	       (double)b->count * 1e6 / (double)wall, each, ring_stats(b->r).full_count);
}

static void run(struct bench *b, size_t workers, bool hot)
{
	struct ring_options o = {.capacity = CAPACITY,
				 .max_bytes = SIZE_MAX / 2,
				 .budget = b->budget,
				 .on_ready = wake_worker,
				 .on_ready_ctx = b,
				 .on_room = wake_reader,
				 .on_room_ctx = b};
	int64_t wall, cpu;
	enum err_code rc;
	size_t i;

	b->workers = workers;
	make_events(b, hot);
	atomic_store(&b->settled, 0);
	rc = ring_new(&o, &b->r, NULL);
	assert(rc == ERR_OK);
	wall = clock_now_us(clock_system());
	cpu = cpu_us();
	run_threads(b, workers);
	cpu = cpu_us() - cpu;
	wall = clock_now_us(clock_system()) - wall;
	print_run(b, hot, wall, cpu);
	ring_free(b->r);
	for (i = 0; i < b->count; i++)
		event_free(b->events[i]);
	(void)rc;
}

/* No contention: TAKE_MAX pushed, taken and settled by this thread, and so on. */
static void run_alone(struct bench *b)
{
	struct ring_options o = {
		.capacity = CAPACITY, .max_bytes = SIZE_MAX / 2, .budget = b->budget};
	struct event *out[TAKE_MAX];
	enum err_code rc;
	int64_t cpu;
	size_t i, n;

	make_events(b, false);
	rc = ring_new(&o, &b->r, NULL);
	assert(rc == ERR_OK);
	cpu = cpu_us();
	for (i = 0; i < b->count; i++) {
		struct event *ev = b->events[i];

		rc = ring_push(b->r, &ev);
		assert(rc == ERR_OK);
		if ((i + 1) % TAKE_MAX != 0 && i + 1 < b->count)
			continue;
		n = ring_take(b->r, 0, out, TAKE_MAX);
		while (n > 0)
			ring_settle(b->r, out[--n], EVENT_DELIVERED);
	}
	cpu = cpu_us() - cpu;
	printf("one thread: %.3f us CPU per event\n", (double)cpu / (double)b->count);
	ring_free(b->r);
	for (i = 0; i < b->count; i++)
		event_free(b->events[i]);
	(void)rc;
}

int main(int argc, char **argv)
{
	static const size_t workers[] = {1, 4, 10};
	const struct budget_options all = {.max_bytes = 64UL << 20};
	struct bench b = {.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 300000};
	enum err_code rc;
	size_t i;

	b.events = mem_calloc(b.count, sizeof(*b.events));
	assert(b.events);
	mutex_init(&b.lock);
	cond_init(&b.ready);
	rc = fd_wake_open(&b.room_fd, NULL);
	assert(rc == ERR_OK);
	rc = budget_new(&all, &b.budget, NULL);
	assert(rc == ERR_OK);
	(void)rc;
	calibrate(&b);
	run_alone(&b);
	for (i = 0; i < ARRAY_LEN(workers) * 2; i++) {
		b.busy = i >= ARRAY_LEN(workers);
		run(&b, workers[i % ARRAY_LEN(workers)], false);
		run(&b, workers[i % ARRAY_LEN(workers)], true);
	}
	fd_close(&b.room_fd);
	cond_done(&b.ready);
	mutex_done(&b.lock);
	budget_free(b.budget);
	mem_free(b.events);
	return 0;
}
