/* SPDX-License-Identifier: MIT */
/*
 * Parking as a whole against a plain model, in one thread: the fake database, the runner's side
 * (runner_pipe, runner_park), ring, acks and core/parked are the real ones; the test plays the
 * workers and the receiver, and goes from one to the other between any two steps. Connections are
 * lost, the daemon dies, the receiver is out, keys are poison, updates change keys, tables are
 * truncated.
 *
 * Per key nothing may overtake anything; nothing may get lost, and nothing be accepted twice unless
 * the daemon died in between; and memory stays within its bounds.
 *
 * MODEL_SEED=n runs one seed only.
 */
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
	assert_int_equal(runner_pipe_init(&w->pipe, &rp, 0, 5, NULL), ERR_OK);
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

static void work(struct world *w, unsigned n);

/* As resume() of the runner. */
static void connect(struct world *w)
{
	runner_pipe_drop(&w->pipe, w->acks);
	if (source_fake.open(w->source, NULL) != ERR_OK)
		return;
	w->is_open = true;
	work(w, 6);
	/* no step of a worker in between: what comes back to the ring before it is held goes twice,
	 * as the runner says */
	runner_pipe_drop(&w->pipe, w->acks);
	runner_park_begin(&w->pipe);
	if (runner_pipe_hold(&w->pipe, w->source, NULL) != ERR_OK) {
		lose(w);
		return;
	}
	work(w, 6);
	if (!acknowledge(w)) {
		lose(w);
		return;
	}
	work(w, 6);
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
		work(w, 12);
		if (!acknowledge(w)) {
			runner_park_cancel(&w->pipe, &pick);
			lose(w);
			return;
		}
		work(w, 12);
		if (runner_park_read(&w->pipe, w->source, &pick, NULL) != ERR_OK) {
			lose(w);
			return;
		}
		work(w, 12);
	}
	if (runner_pipe_read(&w->pipe, w->source, w->acks, now_us(w), &did_read, NULL) != ERR_OK)
		lose(w);
}

/* ---- the workers ---- */

static void forget(struct world *w, struct event *ev)
{
	ring_settle(w->ring, ev, EVENT_PARKED);
	acks_unreserve(w->acks, 1);
	event_free(ev);
}

static void begin_park(struct world *w, struct flight *f, int64_t wait_us)
{
	const struct event *ev = f->ev;
	struct parked_place at = parked_place_of(&ev->f);

	f->due_wall_us = wait_us ? w->clock.wall_us + wait_us : 0;
	f->ack = (struct ack){.id = ev->f.id,
			      .outcome = ACK_PARKED,
			      .from_parked = ev->f.parked,
			      .attempts = ev->attempts,
			      .step = ev->steps,
			      .due_wall_us = f->due_wall_us,
			      .row_hash = {at.row[0], at.row[1]},
			      .table_hash = at.table};
}

static void ask(struct world *w, struct flight *f)
{
	f->word = parked_ask(w->parked, f->ev);
	f->phase = f->word == PARKED_SEND || f->word == PARKED_BEHIND ? FLYING : IDLE;
	if (f->word == PARKED_BEHIND)
		begin_park(w, f, 0);
	else if (f->word == PARKED_STALE)
		forget(w, f->ev);
	else if (f->word == PARKED_LATER)
		ring_retry(w->ring, f->ev, now_us(w) + CLOCK_US_PER_S);
	if (f->word == PARKED_SEND && w->clock.wall_us < f->ev->f.parked_due_wall_us)
		fail_msg("seed %llu: event %lld too early", (unsigned long long)w_seed,
			 (long long)f->ev->f.id);
}

static void board(struct world *w, struct event *ev)
{
	struct flight *f = w->flights;

	while (f->phase != IDLE)
		f++;
	*f = (struct flight){.ev = ev, .phase = TAKEN};
}

static size_t flying(const struct world *w)
{
	size_t i, n = 0;

	for (i = 0; i < FLIGHTS; i++)
		n += w->flights[i].phase != IDLE;
	return n;
}

static bool is_poison(const struct world *w, const struct event *ev)
{
	return w->items[ev->f.id].key >= w->poison;
}

/* The receiver's answer to the one in f: true when it accepts. */
static bool answer(struct world *w, struct flight *f, bool *ret_is_outage)
{
	*ret_is_outage = w->mode == MODE_OUTAGE;
	if (*ret_is_outage)
		return false;
	if (w->mode == MODE_POISON && is_poison(w, f->ev))
		return false;
	return w->mode == MODE_WELL || below(w, 10) > 0;
}

static void note_failure(struct world *w, struct flight *f)
{
	struct event *ev = f->ev;
	int64_t wait_us;
	bool news;

	ev->attempts++;
	if (ev->steps == 0 && ev->attempts <= RETRIES) {
		ring_retry(w->ring, ev, now_us(w) + CLOCK_US_PER_S / 2);
		f->phase = IDLE;
		return;
	}
	if (!parked_next_step(w->parked, ev, &wait_us)) {
		f->ack = (struct ack){
			.id = ev->f.id, .outcome = ACK_DEAD, .from_parked = ev->f.parked};
		f->ack.reason = mem_strdup("no");
		return;
	}
	if (!ev->f.parked && parked_make(w->parked, ev, &news) != ERR_OK) {
		w->refused++;
		ev->steps++;
		ring_retry(w->ring, ev, now_us(w) + wait_us);
		f->phase = IDLE;
		return;
	}
	begin_park(w, f, wait_us);
}

/* The request of f ends: decide, and push the ack. */
static void land(struct world *w, struct flight *f)
{
	bool is_outage;

	if (f->word == PARKED_SEND) {
		f->ack = (struct ack){.id = f->ev->f.id, .from_parked = f->ev->f.parked};
		if (!answer(w, f, &is_outage)) {
			if (is_outage) {
				ring_retry(w->ring, f->ev, now_us(w) + 2 * CLOCK_US_PER_S);
				f->phase = IDLE;
				return;
			}
			note_failure(w, f);
			if (f->phase == IDLE)
				return;
		}
		if (f->ack.outcome != ACK_PARKED)
			model_settle(w, f->ack.id, f->ack.outcome == ACK_DELIVERED);
	}
	acks_push(w->acks, &f->ack);
	f->phase = ACKED;
}

static void put(struct world *w, struct flight *f)
{
	if (f->ack.outcome == ACK_PARKED && !f->ev->f.parked) {
		parked_put(w->parked, f->ev, f->due_wall_us);
		w->parks++;
	} else if (f->ack.outcome == ACK_PARKED) {
		parked_fail(w->parked, f->ev, f->due_wall_us);
	} else if (f->ev->f.parked) {
		parked_leave(w->parked, f->ev);
	}
	f->phase = PUT;
}

static void step_flight(struct world *w, struct flight *f)
{
	switch (f->phase) {
	case IDLE:
		break;
	case TAKEN:
		ask(w, f);
		break;
	case FLYING:
		land(w, f);
		break;
	case ACKED:
		put(w, f);
		break;
	case PUT:
		ring_settle(w->ring, f->ev, EVENT_PARKED);
		event_free(f->ev);
		f->phase = IDLE;
		break;
	}
}

static void take(struct world *w)
{
	struct event *ev[FLIGHTS];
	size_t room = FLIGHTS - flying(w), n, i;

	if (!room)
		return;
	n = ring_take(w->ring, now_us(w), ev, 1 + below(w, (unsigned)room));
	for (i = 0; i < n; i++)
		board(w, ev[i]);
}

static void check_bounds(const struct world *w)
{
	struct parked_stats st = parked_stats(w->parked);

	assert_true(st.keys <= KEYS_MAX);
	assert_true(st.loaded <= LOADED_MAX);
	assert_true(ring_stats(w->ring).events <= CAPACITY);
}

static void work(struct world *w, unsigned n)
{
	while (n--) {
		if (below(w, 3) == 0)
			take(w);
		else
			step_flight(w, &w->flights[below(w, FLIGHTS)]);
	}
}

/* ---- a run ---- */

static void disturb(struct world *w)
{
	switch (below(w, 60)) {
	case 0:
		daemon_die(w);
		daemon_start(w);
		break;
	case 1:
		fake_db_kill(w->db);
		break;
	case 2:
		fake_db_fail(w->db, (enum fake_call)below(w, FAKE_CALL_COUNT), ERR_UNAVAILABLE, 1);
		break;
	case 3:
		w->mode = (enum mode)below(w, MODES);
		break;
	case 4:
		w->poison = (int)below(w, KEYS);
		break;
	default:
		break;
	}
}

static bool all_settled(const struct world *w)
{
	int64_t i;

	for (i = 1; i <= w->count; i++)
		if (!w->items[i].settled)
			return false;
	return true;
}

static void run(struct world *w)
{
	int i;

	while (w->count < EVENTS) {
		if (below(w, 4) == 0)
			write_event(w);
		go_round(w);
		work(w, below(w, 8));
		disturb(w);
		check_bounds(w);
		if (below(w, 3) == 0)
			advance(w, (int64_t)below(w, 3 * CLOCK_US_PER_S));
	}
	/* the receiver is well, and nobody dies any more */
	w->mode = MODE_WELL;
	for (i = 0; i < 20000 && !all_settled(w); i++) {
		go_round(w);
		work(w, 8);
		check_bounds(w);
		advance(w, CLOCK_US_PER_S / 5);
	}
	for (i = 0; i < 400; i++) {
		go_round(w);
		work(w, FLIGHTS * 8);
		advance(w, CLOCK_US_PER_S / 2);
	}
	if (!all_settled(w))
		fail_msg("seed %llu: stuck", (unsigned long long)w_seed);
	assert_true(w->is_open && acknowledge(w));
	assert_int_equal(fake_db_stats(w->db).rows, 0);
	assert_int_equal(fake_db_stats(w->db).parked, 0);
	assert_int_equal(parked_stats(w->parked).keys, 0);
	assert_int_equal(parked_stats(w->parked).tables, 0);
	assert_int_equal(parked_stats(w->parked).rows, 0);
	assert_int_equal(parked_stats(w->parked).loaded, 0);
	assert_int_equal(ring_stats(w->ring).events, 0);
}

/* What happened in all of them: a run in which nothing does tests nothing. */
struct sum {
	int deaths, twice, dead, parks, refused;
};

static void run_seed(enum ordering ordering, uint64_t seed, struct sum *sum)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.ordering = ordering;
	w.state = seed * 0x9E3779B97F4A7C15ULL + 1;
	(void)clock_fake_init(&w.clock, CLOCK_US_PER_S, 1700000000 * CLOCK_US_PER_S);
	w.settings = (struct source_settings){
		.name = db_name, .type = SOURCE_FAKE, .database = db_name, .batch_size = 5};
	assert_int_equal(fake_db_new(db_name, &w.db, NULL), ERR_OK);
	assert_int_equal(fd_wake_open(&w.wake_fd, NULL), ERR_OK);
	daemon_start(&w);
	run(&w);
	daemon_die(&w);
	fake_db_free(w.db);
	fd_close(&w.wake_fd);
	sum->deaths += w.deaths;
	sum->twice += w.twice;
	sum->dead += w.dead;
	sum->parks += w.parks;
	sum->refused += w.refused;
}

static void run_all(enum ordering ordering)
{
	const char *only = getenv("MODEL_SEED");
	uint64_t seed = only ? strtoull(only, NULL, 10) : 1;
	uint64_t last = only ? seed : SEEDS;
	struct sum sum = {0};

	log_set_level(LOG_LEVEL_ERROR);
	for (; seed <= last; seed++) {
		w_seed = seed;
		run_seed(ordering, seed, &sum);
	}
	print_message("# deaths %d, twice %d, dead %d, parks %d, refused %d\n", sum.deaths,
		      sum.twice, sum.dead, sum.parks, sum.refused);
	assert_true(sum.deaths > 0 && sum.dead > 0 && sum.parks > 0);
}

static void by_key(void **state)
{
	(void)state;
	run_all(ORDERING_KEY);
}

static void by_table(void **state)
{
	(void)state;
	run_all(ORDERING_TABLE);
}

static void by_pipeline(void **state)
{
	(void)state;
	run_all(ORDERING_PIPELINE);
}

static void without_order(void **state)
{
	(void)state;
	run_all(ORDERING_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_key),
		cmocka_unit_test(by_table),
		cmocka_unit_test(by_pipeline),
		cmocka_unit_test(without_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
