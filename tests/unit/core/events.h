/* SPDX-License-Identifier: MIT */
/* Events for the tests of the core layer. */
#ifndef TESTS_UNIT_CORE_EVENTS_H
#define TESTS_UNIT_CORE_EVENTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/event.h"

/* An event of table t in schema "s"; key and old_key may be NULL. */
static inline struct event *event_of(int64_t id, enum op op, const char *table, const char *key,
				     const char *old_key)
{
	struct event_fields f = {
		.id = id,
		.op = op,
		.schema = TEXT_LIT("s"),
		.table = text_of(table),
		.key = text_of(key),
		.old_key = text_of(old_key),
	};
	struct event *ev = NULL;

	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	return ev;
}

/* An update of row key of table "t". */
static inline struct event *event_of_key(int64_t id, const char *key)
{
	return event_of(id, OP_UPDATE, "t", key, NULL);
}

#endif
