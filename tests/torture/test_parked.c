/* SPDX-License-Identifier: MIT */
/*
 * Fail each allocation of core/parked in turn. What must wait for its key is never told to go for
 * want of memory, and what was promised can be put.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "core/parked.h"
#include "torture.h"

#define KEYS 90
#define WALL (1700000000 * CLOCK_US_PER_S)

static const int64_t steps[] = {CLOCK_US_PER_S};

static ATTR_MUST_CHECK enum err_code with_event(struct parked *p, int table, int key, int old,
						enum err_code (*fn)(struct parked *p,
								    struct event *ev))
{
	char name[8], text[8], old_text[8];
	struct event_fields f = {.id = 1, .op = key < 0 ? OP_TRUNCATE : OP_UPDATE};
	struct event *ev;
	enum err_code code;

	(void)snprintf(name, sizeof(name), "t%d", table);
	(void)snprintf(text, sizeof(text), "%d", key);
	(void)snprintf(old_text, sizeof(old_text), "%d", old);
	f.table = text_of(name);
	if (key >= 0)
		f.key = text_of(text);
	if (old >= 0)
		f.old_key = text_of(old_text);
	code = event_new(&f, &ev, NULL);
	if (code != ERR_OK)
		return code;
	code = fn(p, ev);
	event_free(ev);
	return code;
}

static ATTR_MUST_CHECK enum err_code fail_one(struct parked *p, struct event *ev)
{
	bool news;
	enum err_code code = parked_make(p, ev, &news);

	if (code == ERR_OK)
		parked_put(p, ev, WALL);
	return code;
}

static ATTR_MUST_CHECK enum err_code follow(struct parked *p, struct event *ev)
{
	enum parked_word word = parked_ask(p, ev);

	assert_true(word == PARKED_BEHIND || word == PARKED_LATER);
	if (word == PARKED_LATER)
		return ERR_NOMEM;
	parked_put(p, ev, 0);
	return ERR_OK;
}

/* A read of all that is due, in which every row is one of two keys. */
static ATTR_MUST_CHECK enum err_code read_all(struct parked *p)
{
	struct event_fields f = {.id = 1,
				 .op = OP_UPDATE,
				 .table = TEXT_LIT("t0"),
				 .key = TEXT_LIT("1"),
				 .old_key = TEXT_LIT("2"),
				 .parked = true};
	struct parked_pick pick;
	enum err_code code;
	struct event *ev;

	if (!parked_pick(p, 1, WALL, &pick))
		return ERR_OK;
	code = event_new(&f, &ev, NULL);
	if (code == ERR_OK && parked_load(p, &pick, ev))
		parked_leave(p, ev);
	if (code == ERR_OK)
		event_free(ev);
	parked_loaded(p, &pick, code == ERR_OK);
	return code == ERR_OK && pick.failed ? ERR_NOMEM : code;
}

static ATTR_MUST_CHECK enum err_code use_parked(void *ctx)
{
	const struct parked_options o = {.ordering = ORDERING_KEY,
					 .steps_us = steps,
					 .step_count = 1,
					 .max_keys = 1000,
					 .max_loaded = 10};
	struct parked_group g = {.count = 1, .table_hash = 77};
	enum err_code code;
	struct parked *p;
	int i;

	(void)ctx;
	code = parked_new(&o, &p, NULL);
	if (code != ERR_OK)
		return code;
	for (i = 0; code == ERR_OK && i < KEYS; i++)
		code = with_event(p, i % 2, i, -1, fail_one);
	/* lines become one, then their table, at last by a TRUNCATE */
	for (i = 2; code == ERR_OK && i < KEYS; i += 2)
		code = with_event(p, 0, i, i - 2, follow);
	if (code == ERR_OK)
		code = with_event(p, 1, -1, -1, follow);
	for (i = 1; code == ERR_OK && i < 50; i++) {
		g.row_hash[0] = (uint64_t)i;
		g.row_hash[1] = (uint64_t)i / 2;
		code = parked_add(p, &g);
	}
	for (i = 0; code == ERR_OK && i < 4; i++)
		code = read_all(p);
	parked_free(p);
	return code;
}

static void parked_keys(void **state)
{
	(void)state;
	torture_run(use_parked, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(parked_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
