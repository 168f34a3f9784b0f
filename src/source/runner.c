/* SPDX-License-Identifier: MIT */
#include "source/runner.h"

#include <assert.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/runner_loop.h"
#include "source/runner_tenant.h"

#define STACK_BYTES (512UL * 1024) /* name lookup and TLS happen in the thread */

const char *runner_state_name(enum runner_state state)
{
	static const char *const names[] = {
		[RUNNER_STOPPED] = "stopped",
		[RUNNER_CONNECTING] = "connecting",
		[RUNNER_STANDBY] = "standby",
		[RUNNER_ACTIVE] = "active",
	};

	return (size_t)state < ARRAY_LEN(names) ? names[state] : "unknown";
}

static ATTR_MUST_CHECK enum err_code make_pipes(struct runner *r, const struct runner_options *o,
						struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	r->pipes = mem_calloc(o->pipeline_count, sizeof(*r->pipes));
	r->shared = mem_calloc(o->pipeline_count, sizeof(*r->shared));
	if (!r->pipes || !r->shared)
		return err_set(e, ERR_NOMEM, "no memory for the reader of a source");
	r->pipe_count = o->pipeline_count;
	for (i = 0; code == ERR_OK && i < r->pipe_count; i++) {
		r->shared[i].settings = o->pipelines[i].settings;
		r->shared[i].index = (uint32_t)i;
		r->shared[i].outbox_rows = -1;
		r->pipes[i].backlog.rows = -1;
		r->shared[i].parks = o->pipelines[i].parks;
		code = runner_pipe_init(&r->pipes[i], &o->pipelines[i], (uint32_t)i,
					(size_t)r->settings->batch_size, r->clock, e);
	}
	return code;
}

static ATTR_MUST_CHECK enum err_code make_parts(struct runner *r, const struct runner_options *o,
						struct err *e)
{
	struct source_env env = {.settings = o->settings, .clock = o->clock};
	enum err_code code = make_pipes(r, o, e);

	if (code == ERR_OK)
		code = runner_batch_init(&r->batch, (size_t)o->settings->batch_size, e);
	if (code == ERR_OK)
		code = runner_backfill_init(&r->backfill, r->pipe_count, r->clock, e);
	if (code == ERR_OK)
		code = fd_wake_open(&r->wake_fd, e);
	if (code == ERR_OK)
		code = acks_new(r->wake_fd, (size_t)o->settings->batch_size, &r->acks, e);
	r->batch.queue = r->acks;
	env.pipelines = r->shared;
	env.pipeline_count = r->pipe_count;
	if (code == ERR_OK)
		code = r->ops->new (&env, &r->source, e);
	return code;
}

enum err_code runner_new(const struct runner_options *o, struct runner **ret_r, struct err *e)
{
	struct runner *r = mem_calloc(1, sizeof(*r));
	enum err_code code;

	assert(o->settings->batch_size >= 1);
	if (!r)
		return err_set(e, ERR_NOMEM, "no memory for the reader of a source");
	r->settings = o->settings;
	r->ops = o->ops;
	r->clock = o->clock;
	r->wake_fd = -1;
	r->budget = o->budget;
	r->stats.source = source_status_unknown;
	random_init(&r->random);
	mutex_init(&r->lock);
	code = make_parts(r, o, e);
	if (code != ERR_OK) {
		runner_free(r);
		return code;
	}
	r->backfill.budget = o->budget;
	*ret_r = r;
	return ERR_OK;
}

void runner_free(struct runner *r)
{
	size_t i;

	if (!r)
		return;
	assert(!r->thread.running);
	budget_unwatch(r->budget, &r->watch); /* the thread may not have started */
	runner_batch_done(&r->batch);
	runner_backfill_done(&r->backfill);
	for (i = 0; i < r->pipe_count; i++)
		runner_pipe_done(&r->pipes[i]);
	if (r->source)
		r->ops->free(r->source);
	acks_free(r->acks);
	fd_close(&r->wake_fd);
	mutex_done(&r->lock);
	mem_free(r->pipes);
	mem_free(r->shared);
	mem_free(r);
}

void runner_bind(struct runner *r, size_t p, struct ring *ring)
{
	assert(p < r->pipe_count && !r->thread.running);
	runner_pipe_bind(&r->pipes[p], ring);
}

void runner_bind_parked(struct runner *r, size_t p, struct parked *parked)
{
	assert(p < r->pipe_count && !r->thread.running);
	r->pipes[p].parked = parked;
}

enum err_code runner_bind_tenants(struct runner *r, size_t p, struct deferral *deferral,
				  struct err *e)
{
	assert(p < r->pipe_count && !r->thread.running);
	return runner_tenant_bind(&r->pipes[p], deferral, e);
}

void runner_bind_tables(struct runner *r, struct label_set *tables)
{
	size_t i;

	assert(!r->thread.running);
	for (i = 0; i < r->pipe_count; i++)
		r->pipes[i].tables = tables;
}

/* What had to wait for memory may have some. */
static void budget_changed(void *ctx)
{
	runner_wake(ctx);
}

enum err_code runner_start(struct runner *r, struct err *e)
{
	size_t i;

	for (i = 0; i < r->pipe_count; i++)
		assert(r->pipes[i].ring);
	r->watch = (struct budget_watch){.fn = budget_changed, .ctx = r};
	budget_watch(r->budget, &r->watch);
	return thread_start(&r->thread, "source", STACK_BYTES, runner_loop, r, e);
}

void runner_quiesce(struct runner *r)
{
	atomic_store(&r->quiesced, true);
	fd_wake(r->wake_fd);
}

void runner_stop(struct runner *r)
{
	bool is_active;

	mutex_lock(&r->lock);
	is_active = r->stats.state == RUNNER_ACTIVE;
	mutex_unlock(&r->lock);
	atomic_store(&r->stopping, true);
	fd_wake(r->wake_fd);
	/* the last acknowledgements need the connection; connecting needs nothing */
	if (!is_active)
		r->ops->interrupt(r->source);
	thread_join(&r->thread);
	budget_unwatch(r->budget, &r->watch);
}

void runner_wake(struct runner *r)
{
	atomic_store(&r->has_room, true);
	fd_wake(r->wake_fd);
}

void runner_look(struct runner *r)
{
	atomic_store(&r->has_news, true);
	fd_wake(r->wake_fd);
}

struct acks *runner_acks(struct runner *r)
{
	return r->acks;
}

const char *runner_install_id(struct runner *r, size_t p)
{
	return r->pipes[p].install_id;
}

struct runner_stats runner_stats(struct runner *r)
{
	struct runner_stats st;

	mutex_lock(&r->lock);
	st = r->stats;
	mutex_unlock(&r->lock);
	st.acks_pending += (int64_t)acks_count(r->acks);
	return st;
}

struct backfill_progress runner_backfill_of(struct runner *r, size_t p)
{
	return runner_backfill_shown(&r->backfill, p);
}
