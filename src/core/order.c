/* SPDX-License-Identifier: MIT */
/*
 * ev->waits counts what an event waits for: each of its lanes that another one heads, and the gate
 * of its table. It waits only for events that entered before it; so the oldest never waits,
 * nothing can wait in a circle, and once at 0 it stays there.
 */
#include "core/order.h"

#include <assert.h>

#include "base/random.h"
#include "core/gate.h"

void order_init(struct order *o, enum ordering ordering)
{
	struct random random;

	random_init(&random);
	*o = (struct order){.ordering = ordering, .seed = random_u64(&random)};
}

void order_done(struct order *o)
{
	lanes_done(&o->lanes);
	lanes_done(&o->tables);
}

/* The lanes of an event where each key has one: a change of the key is in both. */
static void order_choose_keys(struct event *ev, uint64_t table)
{
	const struct event_fields *f = &ev->f;

	ev->gate_key = table;
	if (f->op == OP_TRUNCATE)
		return; /* its gate does it all */
	/* "no key" is a key as well: that of all events of the table without one */
	ev->lane_key[ev->lane_count++] = lanes_hash(table, f->key);
	if (!f->old_key.s)
		return;
	ev->lane_key[1] = lanes_hash(table, f->old_key);
	if (ev->lane_key[1] != ev->lane_key[0])
		ev->lane_count++;
}

void order_choose(const struct order *o, struct event *ev)
{
	uint64_t table = lanes_hash(lanes_hash(o->seed, ev->f.schema), ev->f.table);

	ev->lane_count = 0;
	ev->gate_key = 0;
	switch (o->ordering) {
	case ORDERING_KEY:
		order_choose_keys(ev, table);
		break;
	case ORDERING_TABLE:
		ev->lane_key[ev->lane_count++] = table;
		break;
	case ORDERING_PIPELINE:
		ev->lane_key[ev->lane_count++] = 1;
		break;
	case ORDERING_NONE:
		break;
	}
}

enum err_code order_reserve(struct order *o)
{
	enum err_code rc = lanes_reserve(&o->lanes, EVENT_LANES_MAX);

	return rc == ERR_OK ? lanes_reserve(&o->tables, 1) : rc;
}

/* Which link of ev is that of lane key. */
static int order_link(const struct event *ev, uint64_t key)
{
	int i = ev->lane_key[0] == key ? 0 : 1;

	assert(i < ev->lane_count && ev->lane_key[i] == key);
	return i;
}

static void order_enter_lane(struct order *o, struct event *ev, int i)
{
	struct lane *l = lanes_add(&o->lanes, ev->lane_key[i]);

	ev->lane_next[i] = NULL;
	if (l->head) {
		l->tail->lane_next[order_link(l->tail, l->key)] = ev;
		ev->waits++;
	} else {
		l->head = ev;
	}
	l->tail = ev;
}

bool order_enter(struct order *o, struct event *ev)
{
	int i;

	ev->waits = 0;
	for (i = 0; i < ev->lane_count; i++)
		order_enter_lane(o, ev, i);
	if (ev->gate_key && !gate_enter(&o->tables, ev))
		ev->waits++;
	return ev->waits == 0;
}

/* One thing less that ev waits for; returns whether it may go now. One that was sent together with
 * what it waits for is under way already, or waits for a time. */
static bool order_unblock(struct event *ev, struct ready *ready)
{
	assert(ev->waits > 0);
	ev->waits--;
	if (ev->waits > 0 || ev->state != EVENT_QUEUED)
		return false;
	ready_add_late(ready, ev);
	return true;
}

static bool order_leave_lane(struct order *o, struct event *ev, int i, struct ready *ready)
{
	struct lane *l = lanes_find(&o->lanes, ev->lane_key[i]);
	struct event *next = ev->lane_next[i];

	assert(l && l->head == ev);
	if (!next) {
		lanes_remove(&o->lanes, l);
		return false;
	}
	l->head = next;
	return order_unblock(next, ready);
}

bool order_leave(struct order *o, struct event *ev, struct ready *ready)
{
	struct event *passed, *next;
	bool any = false;
	int i;

	for (i = 0; i < ev->lane_count; i++)
		any |= order_leave_lane(o, ev, i, ready);
	passed = ev->gate_key ? gate_leave(&o->tables, ev) : NULL;
	for (; passed; passed = next) {
		next = passed->gate_next;
		any |= order_unblock(passed, ready);
	}
	return any;
}

void order_clear(struct order *o)
{
	lanes_clear(&o->lanes);
	lanes_clear(&o->tables);
}
