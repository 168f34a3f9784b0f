/* SPDX-License-Identifier: MIT */
/*
 * The runner's loop step by step, on a fake clock and in the test's own thread: whenever it would
 * wait, the test looks at how long, lets something happen, and goes on.
 */
#ifndef TESTS_UNIT_SOURCE_RUNNER_STAGE_H
#define TESTS_UNIT_SOURCE_RUNNER_STAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "source/runner_loop.h"

#define S CLOCK_US_PER_S
#define MS CLOCK_US_PER_MS
#define CAPACITY 15
#define BATCH 5
#define CALLS_MAX 1000 /* of one step: it spins */

struct stage;

/* One step, when the loop would wait until deadline_us; returns what woke it. */
typedef int (*step_fn)(struct stage *g, bool idle, int64_t deadline_us);

static char stage_name[] = "test", stage_pipeline[] = "default";

static struct stage {
	struct source base;
	struct clock clock;
	int64_t now_us, wall_us;
	bool is_ticking; /* each look at the clock takes a moment */
	struct source_settings settings;
	struct pipeline_settings pipeline;
	struct runner_pipeline rp;
	struct runner *r;
	struct ring *ring;
	const step_fn *script; /* NULL ends it */

	int64_t rows;                                 /* in the outbox, not yet read */
	int64_t last_id;                              /* of those read */
	void (*on_read)(struct stage *g, uint32_t p); /* a read begins; NULL: nobody looks */
	int reads, acks, calls, purges, loads, saves;
	size_t given; /* acks, in all calls */
	enum err_code save_fails;
	struct standing kept;
	struct parked_group group; /* all that is parked; count 0: nothing */
	int parked_reads;
	struct event *out; /* with a worker since before */

	/* of a lost connection */
	bool is_lost, is_closed;
	int opens, inspects;
	struct event *late; /* comes back while it is opened */
} stage;

static inline void count(struct stage *g, int *calls)
{
	++*calls;
	if (++g->calls > CALLS_MAX)
		fail_msg("it spins");
}

static inline int64_t wall_us(void *ctx)
{
	return ((const struct stage *)ctx)->wall_us;
}

static inline int64_t now_us(void *ctx)
{
	struct stage *g = ctx;

	if (g->is_ticking)
		g->now_us++;
	if (g->is_closed) {
		/* at once, and not when it is opened again; what comes back now: then */
		assert_int_equal(ring_stats(g->ring).events, 2);
		ring_retry(g->ring, g->out, g->now_us);
		g->is_closed = false;
	}
	return g->now_us;
}

/* ---- the source ---- */

static inline enum err_code stub_new(const struct source_env *env, struct source **ret_s,
				     struct err *e)
{
	(void)env;
	(void)e;
	*ret_s = &stage.base;
	return ERR_OK;
}

static inline void stub_nothing(struct source *s)
{
	(void)s;
}

static inline void stub_close(struct source *s)
{
	(void)s;
	stage.is_closed = stage.is_lost;
	stage.is_lost = false;
}

static inline enum err_code stub_open(struct source *s, struct err *e)
{
	(void)s;
	(void)e;
	count(&stage, &stage.opens);
	assert_int_equal(ring_stats(stage.ring).events, stage.late || stage.out ? 1 : 0);
	if (stage.late)
		ring_release(stage.ring, stage.late);
	return ERR_OK;
}

static inline const char *stub_identity(struct source *s)
{
	(void)s;
	return "";
}

static inline enum err_code stub_hold(struct source *s, uint32_t p, const int64_t *ids, size_t n,
				      struct err *e)
{
	(void)s;
	(void)p;
	(void)ids;
	(void)e;
	if (stage.late)
		assert_int_equal(ring_stats(stage.ring).events, 0);
	assert_int_equal(n, 0);
	return ERR_OK;
}

static inline enum err_code stub_read(struct source *s, uint32_t p, struct source_limit limit,
				      struct event **out, size_t *ret_count, bool *ret_more,
				      struct err *e)
{
	struct event_fields f = {.table = TEXT_LIT("t"), .key = TEXT_LIT("{}")};
	struct stage *g = &stage;
	size_t n;

	(void)s;
	count(g, &g->reads);
	if (g->on_read)
		g->on_read(g, p);
	/* all rows are of the first pipeline */
	for (n = 0; !p && n < limit.events && g->rows; n++, g->rows--) {
		f.id = ++g->last_id;
		assert_int_equal(event_new(&f, &out[n], e), ERR_OK);
	}
	*ret_count = n;
	*ret_more = !p && g->rows > 0;
	return ERR_OK;
}

static inline enum err_code stub_acknowledge(struct source *s, const struct ack *acks, size_t n,
					     struct err *e)
{
	struct stage *g = &stage;

	(void)s;
	(void)acks;
	(void)e;
	count(g, &g->acks);
	g->given += n;
	return ERR_OK;
}

static inline enum err_code stub_parked_list(struct source *s, uint32_t p, parked_list_fn fn,
					     void *ctx, struct err *e)
{
	(void)s;
	(void)p;
	(void)e;
	return stage.group.count ? fn(ctx, &stage.group) : ERR_OK;
}

static inline enum err_code stub_parked_read(struct source *s, uint32_t p,
					     const struct parked_select *sel,
					     struct source_limit limit, struct event **out,
					     size_t *ret_count, bool *ret_more, struct err *e)
{
	(void)s;
	(void)p;
	(void)sel;
	(void)limit;
	(void)out;
	(void)e;
	count(&stage, &stage.parked_reads);
	/* or a row that is acknowledged, but not yet there, would be read once more */
	assert_int_equal(acks_count(runner_acks(stage.r)), 0);
	*ret_count = 0;
	*ret_more = false;
	return ERR_OK;
}

static inline enum err_code stub_inspect(struct source *s, struct source_status *ret_status,
					 struct err *e)
{
	(void)s;
	(void)e;
	count(&stage, &stage.inspects);
	*ret_status = source_status_unknown;
	return ERR_OK;
}

static inline enum err_code stub_standing_load(struct source *s, uint32_t p, struct standing *ret_s,
					       struct err *e)
{
	(void)s;
	(void)p;
	(void)e;
	count(&stage, &stage.loads);
	*ret_s = stage.kept;
	return ERR_OK;
}

static inline enum err_code stub_standing_save(struct source *s, uint32_t p,
					       const struct standing *standing, struct err *e)
{
	(void)s;
	(void)p;
	count(&stage, &stage.saves);
	if (stage.save_fails != ERR_OK)
		return err_set(e, stage.save_fails, "somebody has its row");
	stage.kept = *standing;
	return ERR_OK;
}

static inline enum err_code stub_purge(struct source *s, uint32_t p, struct source_sweep *sweep,
				       struct err *e)
{
	(void)s;
	(void)p;
	(void)e;
	count(&stage, &stage.purges);
	sweep->after_id = sweep->purged = 0;
	return ERR_OK;
}

static inline enum err_code stub_wait(struct source *s, bool idle, int wake_fd, int64_t deadline_us,
				      int *ret_woken, struct err *e)
{
	struct stage *g = &stage;

	(void)s;
	(void)wake_fd;
	g->calls = 0;
	*ret_woken = (*g->script++)(g, idle, deadline_us);
	if (!*g->script)
		atomic_store(&g->r->stopping, true);
	return g->is_lost ? err_set(e, ERR_UNAVAILABLE, "connection lost") : ERR_OK;
}

static const struct source_ops ops = {
	.new = stub_new,
	.free = stub_nothing,
	.open = stub_open,
	.close = stub_close,
	.identity = stub_identity,
	.hold = stub_hold,
	.read = stub_read,
	.acknowledge = stub_acknowledge,
	.parked_list = stub_parked_list,
	.parked_read = stub_parked_read,
	.wait = stub_wait,
	.inspect = stub_inspect,
	.standing_load = stub_standing_load,
	.standing_save = stub_standing_save,
	.purge = stub_purge,
	.interrupt = stub_nothing,
};

/* ---- the stage ---- */

static inline int setup(void **state)
{
	struct stage *g = &stage;

	log_set_level(LOG_LEVEL_ERROR);
	*g = (struct stage){
		.base = {&ops},
		.settings = {.name = stage_name, .batch_size = BATCH, .ack_delay_us = 3600 * S},
		.pipeline = {.name = stage_pipeline}};
	g->clock = (struct clock){now_us, wall_us, g};
	g->now_us = 1000 * S;
	g->wall_us = 1700000000 * S;
	g->rp.settings = &g->pipeline;
	*state = g;
	return 0;
}

static inline void open_runner(struct stage *g)
{
	const struct ring_options ro = {
		.capacity = CAPACITY, .max_bytes = 1 << 20, .order = ORDERING_NONE};
	const struct runner_options o = {.settings = &g->settings,
					 .ops = &ops,
					 .pipelines = &g->rp,
					 .pipeline_count = 1,
					 .clock = &g->clock};

	assert_int_equal(ring_new(&ro, &g->ring, NULL), ERR_OK);
	g->rp.ring = g->ring;
	assert_int_equal(runner_new(&o, &g->r, NULL), ERR_OK);
}

static inline int teardown(void **state)
{
	struct stage *g = *state;

	runner_free(g->r);
	ring_free(g->ring);
	return 0;
}

static inline void play(struct stage *g, const step_fn *script)
{
	g->script = script;
	if (!g->r)
		open_runner(g);
	runner_loop(g->r);
	assert_null(*g->script);
}

static inline void settle_one(struct stage *g)
{
	struct ack a = {.outcome = ACK_DELIVERED};
	struct event *ev;

	assert_int_equal(ring_take(g->ring, g->now_us, &ev, 1), 1);
	a.id = ev->f.id;
	ring_settle(g->ring, ev, EVENT_DELIVERED);
	event_free(ev);
	acks_push(runner_acks(g->r), &a);
}

#endif
