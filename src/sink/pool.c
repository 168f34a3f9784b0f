/* SPDX-License-Identifier: MIT */
#include "sink/pool.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "config/archive_path.h"
#include "sink/archiving.h"
#include "sink/worker.h"

/* A few busy workers cost less than many that wake for every answer: measured with 64 in flight, 53
 * k events/s by 4 workers, 34 k by 10 with 7 requests each. */
#define POOL_SHARE_MIN 32

static size_t receiver_index(struct pool *p, struct webhook *w)
{
	size_t i;

	for (i = 0; i < p->receiver_count; i++)
		if (p->receivers[i].webhook == w)
			return i;
	p->receivers[p->receiver_count].webhook = w;
	return p->receiver_count++;
}

static ATTR_MUST_CHECK enum err_code copy_pipelines(struct pool *p, const struct pool_options *o,
						    struct err *e)
{
	size_t k;

	p->pipelines = mem_calloc(o->pipeline_count, sizeof(*p->pipelines));
	p->receiver_of = mem_calloc(o->pipeline_count, sizeof(*p->receiver_of));
	p->receivers = mem_calloc(o->pipeline_count, sizeof(*p->receivers));
	if (!p->pipelines || !p->receiver_of || !p->receivers)
		return err_set(e, ERR_NOMEM, "no memory for the worker pool");
	memcpy(p->pipelines, o->pipelines, o->pipeline_count * sizeof(*p->pipelines));
	p->pipeline_count = o->pipeline_count;
	for (k = 0; k < p->pipeline_count; k++)
		p->receiver_of[k] = receiver_index(p, p->pipelines[k].webhook);
	return ERR_OK;
}

static void share_out(struct pool *p, size_t workers)
{
	size_t i, max;

	for (i = 0; i < p->receiver_count; i++) {
		max = (size_t)webhook_settings(p->receivers[i].webhook)->max_in_flight;
		assert(max >= 1);
		p->receivers[i].share = (max + workers - 1) / workers;
		if (p->receivers[i].share < POOL_SHARE_MIN)
			p->receivers[i].share = max < POOL_SHARE_MIN ? max : POOL_SHARE_MIN;
	}
}

enum err_code pool_new(const struct pool_options *o, struct pool **ret_p, struct err *e)
{
	struct pool *p = mem_calloc(1, sizeof(*p));
	enum err_code code;

	assert(o->workers >= 1 && o->pipeline_count >= 1);
	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for the worker pool");
	mutex_init(&p->lock);
	p->clock = o->clock;
	p->budget = o->budget;
	p->timer_us = INT64_MAX;
	code = copy_pipelines(p, o, e);
	if (code != ERR_OK)
		goto out_pool;
	share_out(p, o->workers);
	p->workers = mem_calloc(o->workers, sizeof(*p->workers));
	if (!p->workers) {
		code = err_set(e, ERR_NOMEM, "no memory for the worker pool");
		goto out_pool;
	}
	while (code == ERR_OK && p->worker_count < o->workers)
		code = worker_init(&p->workers[p->worker_count++], p, e);
	if (code != ERR_OK)
		goto out_pool;
	*ret_p = p;
	return ERR_OK;
out_pool:
	pool_free(p);
	return code;
}

void pool_free(struct pool *p)
{
	size_t i;

	if (!p)
		return;
	assert(!p->started);
	for (i = 0; i < p->worker_count; i++)
		worker_done(&p->workers[i]);
	for (i = 0; p->pipelines && i < p->pipeline_count; i++)
		archiving_free(p->pipelines[i].archive);
	mem_free(p->workers);
	mem_free(p->receivers);
	mem_free(p->receiver_of);
	mem_free(p->pipelines);
	mutex_done(&p->lock);
	mem_free(p);
}

void pool_bind(struct pool *p, size_t i, struct ring *ring)
{
	assert(i < p->pipeline_count && !p->started);
	p->pipelines[i].ring = ring;
}

void pool_bind_parked(struct pool *p, size_t i, struct parked *parked)
{
	assert(i < p->pipeline_count && !p->started);
	p->pipelines[i].parked = parked;
}

/* A webhook has got a token, or none: some worker's requests wait for that. */
static void wake_all(void *pool)
{
	struct pool *p = pool;
	size_t i;

	for (i = 0; i < p->worker_count; i++)
		http_wake(p->workers[i].http);
}

static void bind_tokens(struct pool *p, oauth2_notify_fn fn)
{
	size_t i;

	for (i = 0; i < p->receiver_count; i++)
		auth_bind(webhook_auth(p->receivers[i].webhook), fn, p);
}

static ATTR_MUST_CHECK enum err_code start_archives(struct pool *p, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < p->pipeline_count && code == ERR_OK; i++) {
		struct pool_pipeline *pp = &p->pipelines[i];

		if (!archive_path_is_given(webhook_settings(pp->webhook)))
			continue;
		code = archiving_new(p, pp, p->clock, p->budget, &pp->archive, e);
		if (code == ERR_OK)
			code = archiving_start(pp->archive, e);
	}
	return code;
}

/* Those that are not running too. */
static void stop_archives(struct pool *p, int64_t deadline_us)
{
	size_t i;

	for (i = 0; i < p->pipeline_count; i++)
		if (p->pipelines[i].archive)
			archiving_stop(p->pipelines[i].archive, deadline_us);
}

bool pool_archive_stats(struct pool *p, size_t i, struct archive_stats *ret_s,
			const char **ret_path)
{
	if (!p->pipelines[i].archive)
		return false;
	*ret_s = archiving_stats(p->pipelines[i].archive);
	*ret_path = archiving_path(p->pipelines[i].archive);
	return true;
}

enum err_code pool_start(struct pool *p, struct err *e)
{
	enum err_code code = ERR_OK;
	int64_t now_us = clock_now_us(p->clock);
	size_t i;

	for (i = 0; i < p->pipeline_count; i++)
		assert(p->pipelines[i].ring);
	p->started = true;
	bind_tokens(p, wake_all);
	atomic_store(&p->awake, p->worker_count);
	code = start_archives(p, e);
	for (i = 0; code == ERR_OK && i < p->worker_count; i++) {
		atomic_store(&p->workers[i].progress_us, now_us);
		code = thread_start(&p->workers[i].thread, "worker", 0, worker_main, &p->workers[i],
				    e);
	}
	if (code != ERR_OK)
		pool_stop(p, now_us);
	return code;
}

void pool_stop(struct pool *p, int64_t deadline_us)
{
	size_t i;

	if (!p || !p->started)
		return;
	atomic_store(&p->stop_us, deadline_us);
	atomic_store(&p->stopping, true);
	for (i = 0; i < p->worker_count; i++)
		http_wake(p->workers[i].http);
	for (i = 0; i < p->worker_count; i++)
		thread_join(&p->workers[i].thread);
	stop_archives(p, deadline_us);
	bind_tokens(p, NULL);
	p->started = false;
}

void pool_wake(struct pool *p)
{
	/* somebody has been told and has not looked yet */
	if (atomic_exchange(&p->pending, true))
		return;
	if (atomic_load(&p->awake) == 0)
		sleepers_wake_one(p);
}

struct pool_stats pool_stats(struct pool *p)
{
	struct pool_stats s = {.workers = p->worker_count, .progress_us = INT64_MAX};
	size_t i, in_flight;
	int64_t t;

	for (i = 0; i < p->worker_count; i++) {
		in_flight = atomic_load(&p->workers[i].in_flight);
		s.in_flight += in_flight;
		s.busy += in_flight > 0;
		s.passes += atomic_load(&p->workers[i].passes);
		s.connections += atomic_load(&p->workers[i].connections);
		t = atomic_load(&p->workers[i].progress_us);
		if (t < s.progress_us)
			s.progress_us = t;
	}
	return s;
}
