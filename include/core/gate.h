/* SPDX-License-Identifier: MIT */
/*
 * The gate of a table, for tables whose rows go in parallel: what keeps a TRUNCATE apart from the
 * events before and behind it.
 *
 *     held, in push order                     │ past the gate, until settled
 *     ... [13] [T12] [11] [10]                │ T9                  a barrier, alone
 *     ... [13] [T12]                          │ 10 11               or any number of others
 *
 * When the last one past the gate is settled, the next held go: either one TRUNCATE, or all up to
 * the next TRUNCATE. Uses ev->gate_key (the table's hash) and ev->gate_next. Not thread-safe.
 */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include <stdbool.h>

#include "core/event.h"
#include "core/lanes.h"

/* ev arrives, behind all that arrived before. Returns whether it is past the gate at once. tables
 * must have one lane reserved. */
bool gate_enter(struct lanes *tables, struct event *ev);

/* ev, past the gate, is settled. Returns those that pass now, in push order, linked by gate_next;
 * NULL when there are none. */
struct event *gate_leave(struct lanes *tables, const struct event *ev);

#endif
