/* SPDX-License-Identifier: MIT */
/*
 * The ring against its model (ring_model.h): random calls, and after each one every answer, number
 * and notification is compared.
 *
 * TEST_SEED=n repeats a run; the seed is printed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ring_model.h"

#define STEPS 4000
#define SEEDS 40

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
	it.ev->read_us = it.read_us = m->now_us;
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
		m->ready_due += hold_ends(m);
		return;
	}
	assert_null(ev);
	m->items[m->count++] = it;
	m->next_id++;
	it.fresh = is_ready(m, m->count - 1);
	m->items[m->count - 1].fresh = it.fresh;
	m->ready_due += hold_ends(m) || it.fresh;
}

/* Returns whether there were any. */
static bool make_due(struct model *m)
{
	bool any = false;
	size_t i;

	for (i = 0; i < m->count; i++) {
		struct item *it = &m->items[i];

		if (it->state != EVENT_WAITING || it->due_us > m->now_us)
			continue;
		it->state = EVENT_QUEUED;
		any = true;
	}
	return any;
}

static void send_item(struct model *m, int at, const struct event *ev, int place)
{
	struct item *it = &m->items[at];

	assert_int_equal(ev->f.id, it->id);
	assert_int_equal(ev->state, EVENT_INFLIGHT);
	it->state = EVENT_INFLIGHT;
	it->released = it->fresh = false;
	it->request = m->requests;
	it->place = place;
}

static void do_take(struct model *m)
{
	struct event *out[MODEL_MAX];
	size_t max = below(m, 3) ? below(m, 4) : MODEL_MAX;
	bool any_due = make_due(m);
	size_t n, i;
	int at;

	n = ring_take(m->r, m->now_us, out, max);
	for (i = 0; i < n; i++) {
		assert_true(may_send(m));
		at = next_to_take(m, 0);
		assert_true(at >= 0);
		assert_null(out[i]->also);
		m->requests++;
		send_item(m, at, out[i], 0);
	}
	assert_true(n == max || count_ready(m) == 0 || !may_send(m));
	m->ready_due += any_due && count_ready(m) > 0;
}

/* What the ring put together is what the model would. */
static void check_batch(struct model *m, const struct ring_batch *b, const struct event *ev)
{
	size_t n = 0, bytes = 0, max = b->max_events;
	size_t batch_max = 0;
	int at = 0;

	m->requests++;
	for (; n < max && may_send(m); n++, ev = ev->also) {
		at = next_to_take(m, m->requests);
		if (at < 0)
			break;
		bytes += m->items[at].bytes - sizeof(struct event) + 128;
		if (n == 0)
			batch_max = m->items[at].batch_max;
		if (n > 0 && (bytes > b->max_bytes || m->items[at].batch_max != batch_max))
			break;
		if (batch_max && batch_max < max)
			max = batch_max;
		assert_non_null(ev);
		send_item(m, at, ev, (int)n);
	}
	assert_null(ev);
}

static void do_take_batch(struct model *m)
{
	const struct ring_batch b = {
		.max_events = 1 + (below(m, 3) ? below(m, 12) : below(m, MODEL_MAX)),
		.max_bytes = below(m, 3) ? 1 << 20 : 1 + below(m, 4000),
		.delay_us = below(m, 3) ? 0 : (int64_t)below(m, 60),
	};
	bool any_due = make_due(m);
	struct event *ev = ring_take_batch(m->r, m->now_us, &b);

	m->held_for = 0;
	if (held_until(m, &b) > m->now_us) {
		assert_null(ev);
		assert_int_equal(ring_next_batch_us(m->r, &b),
				 held_until(m, &b) < ring_next_due_us(m->r)
					 ? held_until(m, &b)
					 : ring_next_due_us(m->r));
		m->held_for = b.max_events;
	} else if (may_begin(m, &b)) {
		check_batch(m, &b, ev);
	} else {
		assert_null(ev);
	}
	m->ready_due += any_due && count_ready(m) > 0;
}

/* Some of a random request in flight, in its order and linked: the first ones, or the last. */
static size_t random_part(struct model *m, bool first, struct item **out)
{
	size_t n = 0, from, i, k;
	int request;

	if (count_state(m, EVENT_INFLIGHT) == 0)
		return 0;
	do
		i = below(m, m->count);
	while (m->items[i].state != EVENT_INFLIGHT);
	request = m->items[i].request;
	for (i = 0; i < m->count; i++) {
		if (m->items[i].state != EVENT_INFLIGHT || m->items[i].request != request)
			continue;
		for (k = n++; k > 0 && out[k - 1]->place > m->items[i].place; k--)
			out[k] = out[k - 1];
		out[k] = &m->items[i];
	}
	k = below(m, 3) ? n : 1 + below(m, n);
	from = first ? 0 : n - k;
	for (i = 0; i < k; i++)
		out[i] = out[from + i];
	for (i = 0; i < k; i++)
		out[i]->ev->also = i + 1 < k ? out[i + 1]->ev : NULL;
	return k;
}

static void forget_items(struct model *m, struct item *const *part, size_t n)
{
	size_t kept = 0;
	size_t i, k;

	for (i = 0; i < n; i++)
		part[i]->state = EVENT_DEAD;
	for (i = 0; i < m->count; i++) {
		k = kept;
		kept += m->items[i].state != EVENT_DEAD;
		m->items[k] = m->items[i];
	}
	m->count = kept;
}

static void do_settle(struct model *m)
{
	enum event_state state = below(m, 4) ? EVENT_DELIVERED : EVENT_DEAD;
	struct item *part[MODEL_MAX];
	size_t n = random_part(m, true, part);
	struct event *ev, *also;
	size_t ready;

	if (!n)
		return;
	ev = part[0]->ev;
	ready = count_ready(m);
	forget_items(m, part, n);
	m->settled += (int64_t)n;
	m->ready_due += count_ready(m) > ready;
	expect_room(m);
	ring_settle(m->r, ev, state);
	for (; ev; ev = also) {
		also = ev->also;
		assert_int_equal(ev->state, state);
		event_free(ev);
	}
}

static void do_retry(struct model *m)
{
	struct item *part[MODEL_MAX];
	size_t n = random_part(m, false, part);
	int64_t due_us = m->now_us + (int64_t)below(m, 50) - 5;
	size_t i, batch_max = below(m, 4) ? 0 : 1 + below(m, n + 1);

	for (i = 0; i < n; i++) {
		part[i]->state = EVENT_WAITING;
		part[i]->due_us = due_us;
		part[i]->ev->batch_max = part[i]->batch_max = batch_max;
	}
	if (!n)
		return;
	m->retried += (int64_t)n;
	expect_room(m);
	ring_retry(m->r, part[0]->ev, due_us);
}

static void do_release(struct model *m)
{
	struct item *part[MODEL_MAX];
	size_t n = random_part(m, false, part);
	size_t i, batch_max = below(m, 4) ? 0 : 1 + below(m, n + 1);
	bool any = false;

	for (i = 0; i < n; i++) {
		part[i]->state = EVENT_QUEUED;
		part[i]->ev->batch_max = part[i]->batch_max = batch_max;
	}
	for (i = 0; i < n; i++) {
		part[i]->released = is_ready(m, (size_t)(part[i] - m->items));
		any |= part[i]->released;
	}
	m->ready_due += any;
	if (n)
		ring_release(m->r, part[0]->ev);
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
	size_t used = sum_bytes(m, false);

	assert_int_equal(room.events, m->o.capacity - m->count);
	assert_int_equal(room.bytes, m->o.max_bytes > used ? m->o.max_bytes - used : 0);
	if (!room_is_sensible(m))
		m->room_wanted = true;
	m->ready_due += hold_ends(m);
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
		do_push,
		do_push,
		do_push,
		do_push,
		do_push,
		do_push,
		do_take,
		do_take,
		do_take_batch,
		do_take_batch,
		do_take_batch,
		do_settle,
		do_settle,
		do_settle,
		do_settle,
		do_retry,
		do_release,
		do_room,
		do_nothing_for_a_while,
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
