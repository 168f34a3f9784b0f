/* SPDX-License-Identifier: MIT */
#include "core/gate.h"

#include <assert.h>

static bool gate_is_barrier(const struct event *ev)
{
	return ev->f.op == OP_TRUNCATE;
}

static bool gate_is_open(const struct lane *table, const struct event *ev)
{
	return !table->shut && (table->count == 0 || !gate_is_barrier(ev));
}

static void gate_pass(struct lane *table, const struct event *ev)
{
	table->count++;
	table->shut = gate_is_barrier(ev);
}

bool gate_enter(struct lanes *tables, struct event *ev)
{
	struct lane *table = lanes_add(tables, ev->gate_key);

	ev->gate_next = NULL;
	if (!table->head && gate_is_open(table, ev)) {
		gate_pass(table, ev);
		return true;
	}
	if (table->head)
		table->tail->gate_next = ev;
	else
		table->head = ev;
	table->tail = ev;
	return false;
}

/* Let the first held go as far as they may; returns them as a list. */
static struct event *gate_admit(struct lane *table)
{
	struct event *first = table->head;
	struct event *last = NULL;

	while (table->head && gate_is_open(table, table->head)) {
		last = table->head;
		table->head = last->gate_next;
		gate_pass(table, last);
	}
	if (!last)
		return NULL;
	last->gate_next = NULL;
	return first;
}

struct event *gate_leave(struct lanes *tables, const struct event *ev)
{
	struct lane *table = lanes_find(tables, ev->gate_key);
	struct event *passed;

	assert(table && table->count > 0);
	table->count--;
	if (table->count > 0)
		return NULL;
	table->shut = false;
	passed = gate_admit(table);
	if (table->count == 0)
		lanes_remove(tables, table);
	return passed;
}
