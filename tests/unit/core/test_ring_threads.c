/* SPDX-License-Identifier: MIT */
/*
 * Eight threads call every function of the ring and of acks at once: for the thread sanitizer, and
 * for the order of each key as the workers see it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "events.h"

#include "base/fd.h"
#include "base/random.h"
#include "base/thread.h"
#include "core/acks.h"
#include "core/ring.h"

#define PUSHERS 2
#define WORKERS 4
#define EVENTS_EACH 8000
#define KEYS 20
#define TAKE_MAX 4

struct shared {
	struct ring *r;
	struct acks *a;
	int fd;

	struct mutex lock; /* all below */
	int64_t pushed;
	int64_t settled;
	int64_t cleared;
	int64_t acked;
	int64_t last_id[PUSHERS][KEYS];
	bool disorder;
	int pushers_left;
	int64_t calls; /* of on_ready and on_room */
};

struct job {
	struct shared *s;
	unsigned index;
	struct thread thread;
};

static void count_call(void *ctx)
{
	struct shared *s = ctx;

	mutex_lock(&s->lock);
	s->calls++;
	mutex_unlock(&s->lock);
}

static void add_to(struct shared *s, int64_t *total, int64_t n)
{
	mutex_lock(&s->lock);
	*total += n;
	mutex_unlock(&s->lock);
}

/* Everything that was pushed is settled or dropped, and every ack taken. */
static bool is_over(struct shared *s)
{
	bool over;

	mutex_lock(&s->lock);
	over = s->pushers_left == 0 && s->settled + s->cleared == s->pushed &&
	       s->acked == s->settled;
	mutex_unlock(&s->lock);
	return over;
}

static struct event *new_event(const struct job *job, int64_t id, unsigned key)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u/%u", job->index, key);
	if (id % 500 == 0)
		return event_of(id, OP_TRUNCATE, "t", NULL, NULL);
	if (id % 7 == 0)
		return event_of(id, OP_UPDATE, "t", text, "shared");
	return event_of_key(id, text);
}

/* `key` travels in attempts, which the ring leaves alone. */
static void push_all(void *arg)
{
	struct job *job = arg;
	struct shared *s = job->s;
	int64_t id;

	for (id = 1; id <= EVENTS_EACH; id++) {
		unsigned key = (unsigned)(id * 7919 % KEYS);
		struct event *ev = new_event(job, id, key);

		ev->attempts = ev->f.op == OP_TRUNCATE ? -1 : (int)(job->index * KEYS + key);
		if (acks_reserve(s->a, 1, NULL) != ERR_OK)
			abort();
		while (ring_push(s->r, &ev) == ERR_FULL)
			(void)ring_room(s->r);
		add_to(s, &s->pushed, 1);
	}
	mutex_lock(&s->lock);
	s->pushers_left--;
	mutex_unlock(&s->lock);
}

static void check_order(struct shared *s, const struct event *ev)
{
	int64_t *last;

	if (ev->attempts < 0)
		return;
	mutex_lock(&s->lock);
	last = &s->last_id[ev->attempts / KEYS][ev->attempts % KEYS];
	s->disorder |= ev->f.id <= *last;
	*last = ev->f.id;
	mutex_unlock(&s->lock);
}

/* ev and those behind it. */
static void settle(struct shared *s, struct event *first)
{
	struct event *ev, *also;
	int64_t n = 0;

	for (ev = first; ev; ev = ev->also, n++) {
		struct ack ack = {.id = ev->f.id, .outcome = ACK_DELIVERED};

		check_order(s, ev);
		acks_push(s->a, &ack);
	}
	ring_settle(s->r, first, EVENT_DELIVERED);
	for (ev = first; ev; ev = also) {
		also = ev->also;
		event_free(ev);
	}
	add_to(s, &s->settled, n);
}

/* One by one, or several as one. */
static size_t take(struct shared *s, struct random *random, int64_t now_us, struct event **out)
{
	const struct ring_batch b = {.max_events = 1 + random_below(random, 20),
				     .max_bytes = 1 << 20};

	if (random_below(random, 2))
		return ring_take(s->r, now_us, out, TAKE_MAX);
	out[0] = ring_take_batch(s->r, now_us, &b);
	return out[0] != NULL;
}

static void work(void *arg)
{
	struct job *job = arg;
	struct shared *s = job->s;
	struct random random;
	struct event *out[TAKE_MAX];
	int64_t now_us = 0;

	random_init_seed(&random, job->index);
	while (!is_over(s)) {
		size_t n = take(s, &random, ++now_us, out);
		size_t i;

		for (i = 0; i < n; i++) {
			uint64_t what = random_below(&random, 10);

			if (what == 0)
				ring_retry(s->r, out[i], now_us + 2);
			else if (what == 1)
				ring_release(s->r, out[i]);
			else
				settle(s, out[i]);
		}
	}
}

static void look(void *arg)
{
	struct shared *s = ((struct job *)arg)->s;
	struct ring_stats stats;
	int64_t ids[16];

	while (!is_over(s)) {
		stats = ring_stats(s->r);
		if (stats.events > stats.capacity || stats.ready > stats.events)
			abort();
		if (ring_next_due_us(s->r) < 0 || ring_room(s->r).events > stats.capacity)
			abort();
		(void)ring_inflight_ids(s->r, ids, ARRAY_LEN(ids));
		(void)acks_count(s->a);
	}
}

/* As the source's thread: takes acks, and now and then loses its connection. */
static void acknowledge(void *arg)
{
	struct shared *s = ((struct job *)arg)->s;
	struct ack out[64];
	int round;

	for (round = 1; !is_over(s); round++) {
		(void)fd_wake_clear(s->fd);
		add_to(s, &s->acked, (int64_t)acks_take(s->a, out, ARRAY_LEN(out)));
		if (round % 500 == 0) {
			size_t n = ring_clear(s->r);

			acks_unreserve(s->a, n);
			add_to(s, &s->cleared, (int64_t)n);
		}
	}
}

static void start(struct job *job, struct shared *s, unsigned index, thread_fn fn)
{
	job->s = s;
	job->index = index;
	assert_int_equal(thread_start(&job->thread, "test", 0, fn, job, NULL), ERR_OK);
}

static void all_functions_may_be_called_from_all_threads(void **state)
{
	static struct shared s;
	struct job jobs[PUSHERS + WORKERS + 2];
	struct ring_options o = {.capacity = 100,
				 .max_bytes = 1 << 20,
				 .on_ready = count_call,
				 .on_ready_ctx = &s,
				 .on_room = count_call,
				 .on_room_ctx = &s};
	size_t n = 0;
	size_t i;

	(void)state;
	mutex_init(&s.lock);
	s.pushers_left = PUSHERS;
	assert_int_equal(fd_wake_open(&s.fd, NULL), ERR_OK);
	assert_int_equal(acks_new(s.fd, 50, &s.a, NULL), ERR_OK);
	assert_int_equal(ring_new(&o, &s.r, NULL), ERR_OK);
	for (i = 0; i < PUSHERS; i++)
		start(&jobs[n++], &s, (unsigned)i, push_all);
	for (i = 0; i < WORKERS; i++)
		start(&jobs[n++], &s, (unsigned)i, work);
	start(&jobs[n++], &s, 0, look);
	start(&jobs[n++], &s, 0, acknowledge);
	for (i = 0; i < n; i++)
		thread_join(&jobs[i].thread);

	assert_false(s.disorder);
	assert_int_equal(s.pushed, PUSHERS * EVENTS_EACH);
	assert_int_equal(s.settled + s.cleared, s.pushed);
	assert_int_equal(ring_stats(s.r).settled, s.settled);
	assert_int_equal(ring_stats(s.r).events, 0);
	assert_int_equal(ring_stats(s.r).lanes, 0);
	assert_true(s.calls > 0);
	ring_free(s.r);
	acks_free(s.a);
	fd_close(&s.fd);
	mutex_done(&s.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_functions_may_be_called_from_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
