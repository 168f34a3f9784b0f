/* SPDX-License-Identifier: MIT */
/*
 * For the contract of inlets: a lab (source_lab.h) with an inlet "events" into its pipelines
 * "default" and "second". The lab is the initial state of inlet_setup.
 */
#ifndef TEST_INLET_WORLD_H
#define TEST_INLET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/thread.h"
#include "source/admin.h"
#include "source/inlet.h"
#include "source_lab.h"

#define WINDOW_US (3600 * CLOCK_US_PER_S)

struct world {
	struct lab *lab;
	struct settings settings;
	struct pipeline_settings pipelines[2];
	struct inlet_settings inlet;
	struct clock_fake clock; /* wall time moves, the rest is the system's */
	struct inlet *in;
	struct budget *budget; /* NULL: none */
	atomic_int commits;
};

static char default_name[] = "default", second_name[] = "second", inlet_name[] = "events";

static inline int64_t real_now_us(void *ctx)
{
	(void)ctx;
	return clock_now_us(clock_system());
}

/* No two looks at one time: PostgreSQL refuses the second of two claims of a key that have the same
 * microsecond, one of which does not see the other yet (its index by time is unique, too). */
static inline int64_t fake_wall_us(void *ctx)
{
	static _Atomic int64_t looks;

	return ((struct clock_fake *)ctx)->wall_us + atomic_fetch_add(&looks, 1);
}

static inline void on_commit(void *ctx)
{
	atomic_fetch_add(&((struct world *)ctx)->commits, 1);
}

static inline struct inlet *open_inlet(struct world *w)
{
	struct inlet_options o = {.settings = &w->settings,
				  .clock = &w->clock.clock,
				  .interrupt_fd = -1,
				  .on_commit = on_commit,
				  .on_commit_ctx = w,
				  .budget = w->budget};
	struct inlet *in = NULL;

	assert_int_equal(inlet_open(&o, &in, NULL), ERR_OK);
	return in;
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct source_admin_ops *ops;
	struct install_options quiet = {.give_up_us = 60 * CLOCK_US_PER_S,
					.lock_timeout_us = 10 * CLOCK_US_PER_S};
	void *lab = *state;
	struct err e = {.code = ERR_OK};

	assert_non_null(w);
	assert_int_equal(lab_setup(&lab), 0);
	w->lab = lab;
	w->inlet = (struct inlet_settings){.name = inlet_name};
	w->pipelines[0] = (struct pipeline_settings){.name = default_name, .pushed = true};
	w->pipelines[1] = (struct pipeline_settings){.name = second_name, .pushed = true};
	w->lab->settings.max_event_bytes = 1 << 20;
	w->settings = (struct settings){.sources = &w->lab->settings,
					.source_count = 1,
					.inlets = &w->inlet,
					.inlet_count = 1,
					.pipelines = w->pipelines,
					.pipeline_count = 2};
	if (w->lab->settings.type == SOURCE_POSTGRES)
		pgtest_exec(w->lab->pg.conn, "DROP SCHEMA app_db_listener CASCADE; "
					     "DROP TABLE public.items");
	ops = source_admin_find(w->lab->settings.type);
	if (ops->install(&w->settings, 0, &quiet, &e) != ERR_OK)
		fail_msg("install: %s", e.msg);
	w->clock = (struct clock_fake){.wall_us = clock_wall_us(clock_system())};
	w->clock.clock = (struct clock){real_now_us, fake_wall_us, &w->clock};
	w->in = open_inlet(w);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;
	void *lab = w->lab;

	inlet_close(w->in);
	(void)lab_teardown(&lab);
	free(w);
	return 0;
}

/* ---- pushing ---- */

static inline struct inlet_request request_of(const char *key, uint8_t digest)
{
	struct inlet_request r = {.token = TEXT_LIT("shop"), .window_us = WINDOW_US};

	if (key)
		r.key = text_of(key);
	memset(r.digest, digest, sizeof(r.digest));
	return r;
}

static inline struct inlet_begun begin(struct inlet *in, const char *key, uint8_t digest)
{
	struct inlet_request r = request_of(key, digest);
	struct inlet_begun b = {.events = -1};
	struct err e = {.code = ERR_OK};

	if (inlet_begin(in, &r, &b, &e) != ERR_OK)
		fail_msg("begin: %s", e.msg);
	return b;
}

static inline void add_data(struct inlet *in, const char *key, const char *data)
{
	struct inlet_event ev = {.op = OP_INSERT,
				 .table = TEXT_LIT("orders"),
				 .key = text_of(key),
				 .data = text_of(data)};
	struct err e = {.code = ERR_OK};

	if (inlet_add(in, &ev, &e) != ERR_OK)
		fail_msg("add: %s", e.msg);
}

static inline void commit(struct inlet *in)
{
	struct err e = {.code = ERR_OK};

	if (inlet_commit(in, &e) != ERR_OK)
		fail_msg("commit: %s", e.msg);
}

static inline void push(struct inlet *in, const char *key, const char *data)
{
	assert_int_equal(begin(in, NULL, 0).outcome, INLET_STORED);
	add_data(in, key, data);
	commit(in);
}

/* How many rows there are, in both pipelines together. */
static inline int64_t rows(struct world *w)
{
	return w->lab->count_rows(w->lab);
}

static inline void assert_text(struct text got, const char *want)
{
	if (!text_eq(got, text_of(want)))
		fail_msg("%.*s is not %s", (int)got.len, got.s ? got.s : "", want ? want : "none");
}

#endif
