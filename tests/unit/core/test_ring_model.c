/* SPDX-License-Identifier: MIT */
/*
 * The ring against a model that is a plain list in push order and decides everything by looking at
 * all pairs: random calls, and after each one every answer, number and notification is compared.
 *
 * TEST_SEED=n repeats a run; the seed is printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"

#include "base/mem.h"
#include "base/random.h"
#include "core/ring.h"

#define MODEL_MAX 64
#define STEPS 4000
#define SEEDS 40

struct item {
	struct event *ev; /* to be followed only while INFLIGHT: the ring's otherwise */
	int64_t id;
	size_t bytes;
	enum op op;
	const char *schema;
	const char *table;
	const char *key;
	const char *old_key;
	enum event_state state;
	int64_t due_us;
	bool released;
};

struct model {
	struct random random;
	struct ring_options o;
	struct ring *r;
	int64_t now_us;
	int64_t next_id;
	struct item items[MODEL_MAX];
	size_t count;
	int64_t settled, retried, full_count;
	bool room_wanted;
	size_t room_wanted_bytes;
	int ready_calls, room_calls; /* by the ring, since the last check */
	int ready_due, room_due;     /* expected */
};

static uint64_t below(struct model *m, uint64_t bound)
{
	return random_below(&m->random, bound);
}

/* ---- the rules ---- */

static bool same_text(const char *a, const char *b)
{
	return text_eq(text_of(a), text_of(b));
}

static bool share_key(const struct item *a, const struct item *b)
{
	return same_text(a->key, b->key) || (a->old_key && same_text(a->old_key, b->key)) ||
	       (b->old_key && same_text(b->old_key, a->key)) ||
	       (a->old_key && same_text(a->old_key, b->old_key));
}

static bool conflict(const struct model *m, const struct item *a, const struct item *b)
{
	bool table = same_text(a->schema, b->schema) && same_text(a->table, b->table);

	switch (m->o.order) {
	case ORDERING_NONE:
		return false;
	case ORDERING_PIPELINE:
		return true;
	case ORDERING_TABLE:
		return table;
	case ORDERING_KEY:
		break;
	}
	return table && (a->op == OP_TRUNCATE || b->op == OP_TRUNCATE || share_key(a, b));
}

static bool is_ready(const struct model *m, size_t at)
{
	size_t i;

	if (m->items[at].state != EVENT_QUEUED)
		return false;
	for (i = 0; i < at; i++) {
		if (conflict(m, &m->items[i], &m->items[at]))
			return false;
	}
	return true;
}

static size_t count_state(const struct model *m, enum event_state state)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		n += m->items[i].state == state;
	return n;
}

static size_t count_ready(const struct model *m)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		n += is_ready(m, i);
	return n;
}

static size_t sum_bytes(const struct model *m)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < m->count; i++)
		n += m->items[i].bytes;
	return n;
}

static bool may_send(const struct model *m)
{
	size_t n = 0;
	int i;

	for (i = 0; i < (int)m->count; i++)
		if (m->items[i].state == EVENT_INFLIGHT)
			n += m->items[i].bytes;
	return !m->o.max_inflight_bytes || n < m->o.max_inflight_bytes;
}

static bool fits(const struct model *m, size_t bytes)
{
	return m->count == 0 ||
	       (m->count < m->o.capacity && sum_bytes(m) + bytes <= m->o.max_bytes);
}

static bool room_is_sensible(const struct model *m)
{
	size_t used = sum_bytes(m);
	size_t waiting = count_state(m, EVENT_WAITING);

	if (m->count == 0)
		return true;
	if (!fits(m, m->room_wanted_bytes ? m->room_wanted_bytes : 1))
		return false;
	if (count_ready(m) + count_state(m, EVENT_INFLIGHT) == 0)
		return true;
	return m->o.capacity - m->count >= (m->o.capacity - waiting) / 8 &&
	       m->o.max_bytes - used >= m->o.max_bytes / 8;
}

static void expect_room(struct model *m)
{
	if (!m->room_wanted || !room_is_sensible(m))
		return;
	m->room_wanted = false;
	m->room_wanted_bytes = 0;
	m->room_due++;
}

/* ---- comparing ---- */

static void check_numbers(const struct model *m)
{
	struct ring_stats s = ring_stats(m->r);
	size_t ready = count_ready(m);
	size_t inflight = count_state(m, EVENT_INFLIGHT);
	size_t waiting = count_state(m, EVENT_WAITING);

	assert_int_equal(s.events, m->count);
	assert_int_equal(s.bytes, sum_bytes(m));
	assert_int_equal(s.ready, ready);
	assert_int_equal(s.inflight, inflight);
	assert_int_equal(s.waiting, waiting);
	assert_int_equal(s.blocked, m->count - ready - inflight - waiting);
	assert_int_equal(s.pushed, m->next_id - 1);
	assert_int_equal(s.settled, m->settled);
	assert_int_equal(s.retried, m->retried);
	assert_int_equal(s.full_count, m->full_count);
	assert_int_equal(s.oldest_read_us, m->count ? m->items[0].id * 10 : INT64_MAX);
	assert_int_equal(s.oldest_wall_us, m->count ? m->items[0].id * 100 : 0);
	assert_true(m->count > 0 || s.lanes == 0);
	/* the oldest never waits for another: nothing is ever stuck */
	assert_true(m->count == 0 || m->items[0].state != EVENT_QUEUED || is_ready(m, 0));
}

static void check_ids(const struct model *m)
{
	int64_t ids[MODEL_MAX];
	int64_t due_us = INT64_MAX;
	size_t n = 0;
	size_t i;

	assert_int_equal(ring_inflight_ids(m->r, ids, MODEL_MAX), count_state(m, EVENT_INFLIGHT));
	for (i = 0; i < m->count; i++) {
		if (m->items[i].state == EVENT_INFLIGHT)
			assert_int_equal(ids[n++], m->items[i].id);
		if (m->items[i].state == EVENT_WAITING && m->items[i].due_us < due_us)
			due_us = m->items[i].due_us;
	}
	assert_int_equal(ring_next_due_us(m->r), due_us);
}

static void check(struct model *m)
{
	assert_int_equal(m->ready_calls, m->ready_due);
	assert_int_equal(m->room_calls, m->room_due);
	m->ready_calls = m->ready_due = 0;
	m->room_calls = m->room_due = 0;
	check_numbers(m);
	check_ids(m);
}

/* ---- the calls ---- */

static struct event *random_event(struct model *m, struct item *ret_item)
{
	static const char *const schemas[] = {NULL, "", "s"};
	static const char *const tables[] = {"t", "u"};
	static const char *const keys[] = {NULL, "", "a", "b", "c", "d", "e", "f"};
	static const char data[3000];
	struct item it = {.id = m->next_id, .state = EVENT_QUEUED};
	struct event_fields f = {.id = it.id, .changed_wall_us = it.id * 100};

	it.op = below(m, 12) == 0 ? OP_TRUNCATE : OP_UPDATE;
	it.schema = schemas[below(m, 8) ? 2 : below(m, 2)];
	it.table = tables[below(m, 4) == 0];
	if (it.op != OP_TRUNCATE) {
		it.key = keys[below(m, 8)];
		if (it.key && below(m, 3) == 0)
			it.old_key = keys[1 + below(m, 7)];
	}
	f.op = it.op;
	f.schema = text_of(it.schema);
	f.table = text_of(it.table);
	f.key = text_of(it.key);
	f.old_key = text_of(it.old_key);
	f.data = (struct text){data, below(m, 10) ? below(m, 300) : below(m, sizeof(data))};
	assert_int_equal(event_new(&f, &it.ev, NULL), ERR_OK);
	it.bytes = it.ev->bytes;
	it.ev->read_us = it.id * 10;
	*ret_item = it;
	return it.ev;
}

static void do_push(struct model *m)
{
	struct item it;
	struct event *ev = random_event(m, &it);
	enum err_code rc = ring_push(m->r, &ev);

	assert_int_equal(rc, fits(m, it.bytes) ? ERR_OK : ERR_FULL);
	if (rc == ERR_FULL) {
		assert_ptr_equal(ev, it.ev);
		event_free(ev);
		m->full_count++;
		m->room_wanted = true;
		if (it.bytes > m->room_wanted_bytes)
			m->room_wanted_bytes = it.bytes;
		return;
	}
	assert_null(ev);
	m->items[m->count++] = it;
	m->next_id++;
	m->ready_due += is_ready(m, m->count - 1);
}

/* The item that is to be taken next: released ones first, then the oldest. -1: none. */
static int next_to_take(const struct model *m)
{
	int best = -1;
	size_t i;

	for (i = 0; i < m->count; i++) {
		if (!is_ready(m, i))
			continue;
		if (m->items[i].released)
			return (int)i;
		if (best < 0)
			best = (int)i;
	}
	return best;
}

static void do_take(struct model *m)
{
	struct event *out[MODEL_MAX];
	size_t max = below(m, 3) ? below(m, 4) : MODEL_MAX;
	bool any_due = false;
	size_t n, i;
	int at;

	for (i = 0; i < m->count; i++) {
		struct item *it = &m->items[i];

		if (it->state == EVENT_WAITING && it->due_us <= m->now_us) {
			it->state = EVENT_QUEUED;
			any_due = true;
		}
	}
	n = ring_take(m->r, m->now_us, out, max);
	for (i = 0; i < n; i++) {
		assert_true(may_send(m));
		at = next_to_take(m);
		assert_true(at >= 0);
		assert_int_equal(out[i]->f.id, m->items[at].id);
		assert_int_equal(out[i]->state, EVENT_INFLIGHT);
		m->items[at].state = EVENT_INFLIGHT;
		m->items[at].released = false;
	}
	assert_true(n == max || count_ready(m) == 0 || !may_send(m));
	m->ready_due += any_due && count_ready(m) > 0;
}

/* A random item that is in flight; NULL when there is none. */
static struct item *random_inflight(struct model *m)
{
	size_t n = count_state(m, EVENT_INFLIGHT);
	size_t at, i;

	if (n == 0)
		return NULL;
	at = below(m, n);
	for (i = 0; m->items[i].state != EVENT_INFLIGHT || at-- > 0; i++)
		;
	return &m->items[i];
}

static void remove_item(struct model *m, struct item *it)
{
	size_t at = (size_t)(it - m->items);
	size_t i;

	for (i = at; i + 1 < m->count; i++)
		m->items[i] = m->items[i + 1];
	m->count--;
}

static void do_settle(struct model *m)
{
	struct item *it = random_inflight(m);
	enum event_state state = below(m, 4) ? EVENT_DELIVERED : EVENT_DEAD;
	struct event *ev;
	size_t ready;

	if (!it)
		return;
	ev = it->ev;
	ready = count_ready(m);
	remove_item(m, it);
	m->settled++;
	m->ready_due += count_ready(m) > ready;
	expect_room(m);
	ring_settle(m->r, ev, state);
	assert_int_equal(ev->state, state);
	event_free(ev);
}

static void do_retry(struct model *m)
{
	struct item *it = random_inflight(m);

	if (!it)
		return;
	it->state = EVENT_WAITING;
	it->due_us = m->now_us + (int64_t)below(m, 50) - 5;
	m->retried++;
	expect_room(m);
	ring_retry(m->r, it->ev, it->due_us);
}

static void do_release(struct model *m)
{
	struct item *it = random_inflight(m);

	if (!it)
		return;
	it->state = EVENT_QUEUED;
	it->released = true;
	m->ready_due++;
	ring_release(m->r, it->ev);
}

static void do_clear(struct model *m)
{
	size_t n = m->count;
	size_t kept = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (m->items[i].state == EVENT_INFLIGHT)
			m->items[kept++] = m->items[i];
	}
	m->count = kept;
	m->room_wanted_bytes = 0;
	expect_room(m);
	assert_int_equal(ring_clear(m->r), n - kept);
}

static void do_room(struct model *m)
{
	struct ring_room room = ring_room(m->r);
	size_t used = sum_bytes(m);

	assert_int_equal(room.events, m->o.capacity - m->count);
	assert_int_equal(room.bytes, m->o.max_bytes > used ? m->o.max_bytes - used : 0);
	if (!room_is_sensible(m))
		m->room_wanted = true;
}

static void do_nothing_for_a_while(struct model *m)
{
	m->now_us += (int64_t)below(m, 20);
}

static void count_call(void *ctx)
{
	(*(int *)ctx)++;
}

static void open_model(struct model *m, uint64_t seed, enum ordering order)
{
	static const size_t capacities[] = {1, 2, 3, 8, 9, 20, 40, MODEL_MAX};

	*m = (struct model){.next_id = 1, .now_us = 1};
	random_init_seed(&m->random, seed);
	m->o = (struct ring_options){
		.capacity = capacities[below(m, ARRAY_LEN(capacities))],
		.max_bytes = below(m, 3) ? 1 << 20 : 1 + below(m, 20000),
		.max_inflight_bytes = below(m, 3) ? 0 : 1 + below(m, 3000),
		.order = order,
		.on_ready = count_call,
		.on_ready_ctx = &m->ready_calls,
		.on_room = count_call,
		.on_room_ctx = &m->room_calls,
	};
	assert_int_equal(ring_new(&m->o, &m->r, NULL), ERR_OK);
}

static void close_model(struct model *m)
{
	while (count_state(m, EVENT_INFLIGHT) > 0) {
		do_settle(m);
		check(m);
	}
	ring_free(m->r);
}

static void run_model(uint64_t seed, enum ordering order)
{
	static void (*const calls[])(struct model *) = {
		do_push,   do_push,   do_push,  do_push,    do_push,   do_push,
		do_take,   do_take,   do_take,  do_take,    do_settle, do_settle,
		do_settle, do_settle, do_retry, do_release, do_room,   do_nothing_for_a_while,
	};
	struct model m;
	int i;

	open_model(&m, seed, order);
	for (i = 0; i < STEPS; i++) {
		if (below(&m, 200) == 0)
			do_clear(&m);
		else
			calls[below(&m, ARRAY_LEN(calls))](&m);
		check(&m);
	}
	close_model(&m);
}

static void the_ring_does_what_a_plain_list_would(void **state)
{
	const char *given = getenv("TEST_SEED");
	struct random random;
	uint64_t seed;
	int i;

	(void)state;
	random_init(&random);
	for (i = 0; i < (given ? 1 : SEEDS); i++) {
		enum ordering order;

		seed = given ? strtoull(given, NULL, 10) : random_u64(&random);
		print_message("TEST_SEED=%" PRIu64 "\n", seed);
		for (order = ORDERING_KEY; order <= ORDERING_NONE; order++)
			run_model(seed, order);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ring_does_what_a_plain_list_would),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
