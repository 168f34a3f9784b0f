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
#include "parked_world.h"

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
	w.work = work;
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
