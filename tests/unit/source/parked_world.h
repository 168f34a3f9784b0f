/* SPDX-License-Identifier: MIT */
/*
 * The world of test_parked_model.c: what it knows of every event, and the daemon's reading side,
 * made of the real parts.
 */
#ifndef TEST_PARKED_WORLD_H
#define TEST_PARKED_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "source/fake.h"
#include "source/runner_batch.h"
#include "source/runner_park.h"

#define EVENTS 150
#define FLIGHTS 12
#define CAPACITY 24
#define KEYS_MAX 6
#define LOADED_MAX 8
#define RETRIES 1
#define KEYS 7
#define TABLES 2
#define SEEDS 60

static const int64_t steps[] = {5 * CLOCK_US_PER_S, 30 * CLOCK_US_PER_S};

enum mode { MODE_WELL, MODE_POISON, MODE_OUTAGE, MODES };

/* One event of the model; its id is its number. */
struct item {
	int table, key, old_key; /* old_key -1: none; key -1: a TRUNCATE */
	bool settled;
	int died_at; /* how often the daemon had died when it was accepted last */
};

/* One with a worker. */
struct flight {
	struct event *ev;
	enum { IDLE, TAKEN, FLYING, ACKED, PUT } phase;
	struct ack ack;
	int64_t due_wall_us;
	enum parked_word word;
};

struct world {
	enum ordering ordering;
	uint64_t state;
	struct clock_fake clock;
	struct fake_db *db;
	struct source_settings settings;
	struct source_pipeline shared;
	struct source *source;
	struct runner_pipe pipe;
	struct runner_batch batch;
	struct ring *ring;
	struct acks *acks;
	struct parked *parked;
	bool is_open;
	bool is_batching;
	int wake_fd;
	/* let the workers make n steps */
	void (*work)(struct world *w, unsigned n);

	struct item items[EVENTS + 1];
	int64_t count;
	struct flight flights[FLIGHTS];
	enum mode mode;
	int poison;
	int deaths;
	int accepted, twice, dead, parks, refused;
};

static char db_name[] = "model";
static struct pipeline_settings pipeline = {.name = (char[]){"default"}};

/* xorshift: the seed tells all */
static unsigned below(struct world *w, unsigned n)
{
	w->state ^= w->state << 13;
	w->state ^= w->state >> 7;
	w->state ^= w->state << 17;
	return (unsigned)(w->state >> 33) % n;
}

static uint64_t w_seed; /* for messages */

static int64_t now_us(const struct world *w)
{
	return w->clock.now_us;
}

static void advance(struct world *w, int64_t us)
{
	w->clock.now_us += us;
	w->clock.wall_us += us;
}

/* ---- the model ---- */

static bool share_key(const struct item *a, const struct item *b)
{
	if (a->table != b->table)
		return false;
	if (a->key < 0 || b->key < 0)
		return true;
	return a->key == b->key || a->key == b->old_key ||
	       (a->old_key >= 0 && (a->old_key == b->key || a->old_key == b->old_key));
}

static bool must_wait(const struct world *w, const struct item *later, const struct item *earlier)
{
	switch (w->ordering) {
	case ORDERING_KEY:
		return share_key(later, earlier);
	case ORDERING_TABLE:
		return later->table == earlier->table;
	case ORDERING_PIPELINE:
		return true;
	case ORDERING_NONE:
		break;
	}
	return false;
}

/* The receiver took it, or it is dead. */
static void model_settle(struct world *w, int64_t id, bool is_accepted)
{
	struct item *it = &w->items[id];
	int64_t i;

	if (it->settled) {
		if (it->died_at == w->deaths)
			fail_msg("seed %llu: event %lld a second time", (unsigned long long)w_seed,
				 (long long)id);
		w->twice++;
	}
	for (i = 1; i < id; i++)
		if (!w->items[i].settled && must_wait(w, it, &w->items[i]))
			fail_msg("seed %llu: event %lld before %lld", (unsigned long long)w_seed,
				 (long long)id, (long long)i);
	it->settled = true;
	it->died_at = w->deaths;
	w->accepted += is_accepted;
	w->dead += !is_accepted;
}

static void write_event(struct world *w)
{
	struct item *it = &w->items[w->count + 1];
	char table[8], key[16], old_key[16];
	struct event_fields f = {.op = OP_UPDATE, .schema = TEXT_LIT("public")};

	it->table = (int)below(w, TABLES);
	it->key = (int)below(w, KEYS);
	it->old_key = below(w, 8) ? -1 : (int)below(w, KEYS);
	if (below(w, 20) == 0)
		it->key = it->old_key = -1;
	if (it->old_key == it->key)
		it->old_key = -1;
	(void)snprintf(table, sizeof(table), "t%d", it->table);
	(void)snprintf(key, sizeof(key), "{\"id\":%d}", it->key);
	(void)snprintf(old_key, sizeof(old_key), "{\"id\":%d}", it->old_key);
	f.table = text_of(table);
	if (it->key >= 0 && it->key != 6) /* the last one is no key at all */
		f.key = text_of(key);
	if (it->old_key >= 0)
		f.old_key = text_of(old_key);
	if (it->old_key == 6)
		f.old_key = TEXT_LIT("{\"id\":6}"), it->old_key = 60;
	if (it->key < 0)
		f.op = OP_TRUNCATE;
	w->count++;
	assert_int_equal(fake_db_insert(w->db, "default", &f), w->count);
}

/* ---- the daemon ---- */

static void daemon_start(struct world *w)
{
	const struct runner_pipeline rp = {.settings = &pipeline};
	struct source_env env = {.settings = &w->settings,
				 .pipelines = &w->shared,
				 .pipeline_count = 1,
				 .clock = &w->clock.clock};
	struct ring_options ro = {.capacity = CAPACITY, .max_bytes = 1 << 20, .order = w->ordering};
	struct parked_options po = {.ordering = w->ordering,
				    .steps_us = steps,
				    .step_count = ARRAY_LEN(steps),
				    .max_keys = KEYS_MAX,
				    .max_loaded = LOADED_MAX};

	w->shared = (struct source_pipeline){.settings = &pipeline};
	memset(&w->pipe, 0, sizeof(w->pipe));
	memset(&w->batch, 0, sizeof(w->batch));
	assert_int_equal(source_fake.new(&env, &w->source, NULL), ERR_OK);
	assert_int_equal(runner_pipe_init(&w->pipe, &rp, 0, 5, &w->clock.clock, NULL), ERR_OK);
	assert_int_equal(runner_batch_init(&w->batch, 5, NULL), ERR_OK);
	assert_int_equal(ring_new(&ro, &w->ring, NULL), ERR_OK);
	assert_int_equal(acks_new(w->wake_fd, 5, &w->acks, NULL), ERR_OK);
	assert_int_equal(parked_new(&po, &w->parked, NULL), ERR_OK);
	runner_pipe_bind(&w->pipe, w->ring);
	w->pipe.parked = w->parked;
	w->batch.queue = w->acks;
	w->is_open = false;
	ring_pause(w->ring, true);
}

static void daemon_die(struct world *w)
{
	size_t i;

	for (i = 0; i < FLIGHTS; i++) {
		struct flight *f = &w->flights[i];

		if (f->phase == IDLE)
			continue;
		ring_release(w->ring, f->ev);
		f->phase = IDLE;
	}
	runner_pipe_done(&w->pipe);
	runner_batch_done(&w->batch);
	ring_free(w->ring);
	acks_free(w->acks);
	parked_free(w->parked);
	source_fake.free(w->source);
	w->deaths++;
}

static void lose(struct world *w)
{
	source_fake.close(w->source);
	runner_pipe_drop(&w->pipe, w->acks);
	w->is_open = false;
}

static bool acknowledge(struct world *w)
{
	size_t count, dead;

	while (runner_batch_left(&w->batch))
		if (runner_batch_give(&w->batch, w->source, &count, &dead, NULL) != ERR_OK)
			return false;
	return true;
}

/* As resume() of the runner. */
static void connect(struct world *w)
{
	runner_pipe_drop(&w->pipe, w->acks);
	if (source_fake.open(w->source, NULL) != ERR_OK)
		return;
	w->is_open = true;
	w->work(w, 6);
	/* no step of a worker in between: what comes back to the ring before it is held goes twice,
	 * as the runner says */
	runner_pipe_drop(&w->pipe, w->acks);
	runner_park_begin(&w->pipe);
	if (runner_pipe_hold(&w->pipe, w->source, NULL) != ERR_OK) {
		lose(w);
		return;
	}
	w->work(w, 6);
	if (!acknowledge(w)) {
		lose(w);
		return;
	}
	w->work(w, 6);
	if (runner_park_list(&w->pipe, w->source, NULL) != ERR_OK) {
		lose(w);
		return;
	}
	runner_pipes_want(&w->pipe, 1);
	runner_pipes_resume(&w->pipe, 1);
}

/* As a round of the runner. */
static void go_round(struct world *w)
{
	struct parked_pick pick;
	bool did_read;

	if (!w->is_open) {
		connect(w);
		return;
	}
	w->pipe.blocked = false;
	w->pipe.more = true;
	if (below(w, 3) == 0 && !acknowledge(w)) {
		lose(w);
		return;
	}
	if (runner_park_pick(&w->pipe, &w->clock.clock, &pick)) {
		w->work(w, 12);
		if (!acknowledge(w)) {
			runner_park_cancel(&w->pipe, &pick);
			lose(w);
			return;
		}
		w->work(w, 12);
		if (runner_park_read(&w->pipe, w->source, &pick, NULL) != ERR_OK) {
			lose(w);
			return;
		}
		w->work(w, 12);
	}
	if (runner_pipe_read(&w->pipe, w->source, w->acks, now_us(w), &did_read, NULL) != ERR_OK)
		lose(w);
}

#endif
