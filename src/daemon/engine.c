/* SPDX-License-Identifier: MIT */
#include "daemon/engine.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/tenancy.h"
#include "sink/keeper.h"
#include "sink/pool.h"
#include "sink/webhook.h"
#include "source/inlet.h"
#include "source/runner.h"

/* Bodies of requests are copies; this part of a ring's bytes may be in flight at once, so that both
 * together stay within the budget and a sixteenth. */
#define INFLIGHT_SHARE 16
/* This part of a ring's events may come from what was parked, so that other keys go on. */
#define PARKED_SHARE 4

/* A pipeline's place in its source: the source counts only its own. */
struct engine_pipeline {
	struct ring *ring;
	struct parked *parked;
	struct deferral *tenants; /* NULL: it has none */
	size_t at_source;
};

/* For the callbacks of one webhook's standing. */
struct engine_webhook {
	struct engine *engine;
	size_t index;
};

struct engine {
	const struct settings *settings;
	const struct clock *clock;
	struct budget *budget;
	struct runner *runners[SETTINGS_SOURCES_MAX];
	struct webhook *webhooks[SETTINGS_WEBHOOKS_MAX];
	struct engine_webhook watched[SETTINGS_WEBHOOKS_MAX];
	struct engine_pipeline pipelines[SETTINGS_PIPELINES_MAX];
	struct pool *pool;
	bool pool_running;
	size_t runners_running;
	struct metrics_inputs inputs;
	struct metrics_source_input source_inputs[SETTINGS_SOURCES_MAX];
	struct metrics_webhook_input webhook_inputs[SETTINGS_WEBHOOKS_MAX];
	struct metrics_pipeline_input pipeline_inputs[SETTINGS_PIPELINES_MAX];
};

static void ready_notify(void *ctx)
{
	pool_wake(ctx);
}

static void room_notify(void *ctx)
{
	runner_wake(ctx);
}

/* Whoever keeps what is known of the webhook has to write. */
static void standing_changed(void *ctx)
{
	const struct engine_webhook *w = ctx;
	const struct settings *s = w->engine->settings;
	size_t i;

	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].webhook == w->index)
			runner_wake(w->engine->runners[s->pipelines[i].source]);
}

static void standing_told(void *ctx)
{
	const struct engine_webhook *w = ctx;

	keeper_apply(w->engine->webhooks[w->index], w->engine->clock);
	pool_wake(w->engine->pool);
}

static void watch_standing(struct engine *g, size_t i)
{
	struct standing_box *box = webhook_standing(g->webhooks[i]);

	g->watched[i] = (struct engine_webhook){g, i};
	standing_box_on_changed(box, standing_changed, &g->watched[i]);
	standing_box_on_told(box, standing_told, &g->watched[i]);
}

static ATTR_MUST_CHECK enum err_code make_webhooks(struct engine *g, struct err *e)
{
	const struct webhook_settings *to;
	size_t i;
	enum err_code code;

	for (i = 0; i < g->settings->webhook_count; i++) {
		to = &g->settings->webhooks[i];
		code = webhook_new(to, &g->webhooks[i], e);
		if (code != ERR_OK)
			return code;
		watch_standing(g, i);
		if (auth_warning(to))
			log_warn(auth_warning(to), LOG_S("webhook", to->name));
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code make_runner(struct engine *g, size_t source, struct err *e)
{
	const struct settings *s = g->settings;
	struct runner_pipeline mine[SETTINGS_PIPELINES_MAX];
	struct runner_options o = {.settings = &s->sources[source],
				   .ops = source_find(s->sources[source].type),
				   .pipelines = mine,
				   .clock = g->clock,
				   .budget = g->budget};
	size_t i;

	if (!o.ops)
		return err_set(e, ERR_CONFIG, "source %s: this build cannot read from its type",
			       s->sources[source].name);
	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];

		if (p->source != source)
			continue;
		g->pipelines[i].at_source = o.pipeline_count;
		mine[o.pipeline_count++] = (struct runner_pipeline){
			.settings = p,
			.standing = webhook_standing(g->webhooks[p->webhook]),
			.parks = s->webhooks[p->webhook].retry_schedule.count > 0};
		runner_budget_init(&mine[o.pipeline_count - 1].budget, g->budget, p->priority,
				   (size_t)s->sources[source].max_event_bytes);
	}
	return runner_new(&o, &g->runners[source], e);
}

static ATTR_MUST_CHECK enum err_code make_pool(struct engine *g, struct err *e)
{
	const struct settings *s = g->settings;
	struct pool_pipeline all[SETTINGS_PIPELINES_MAX];
	struct pool_options o = {.workers = (size_t)s->worker.pool_size,
				 .pipelines = all,
				 .pipeline_count = s->pipeline_count,
				 .clock = g->clock,
				 .budget = g->budget};
	size_t i;

	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];
		struct runner *r = g->runners[p->source];
		size_t at = g->pipelines[i].at_source;

		all[i] = (struct pool_pipeline){.name = p->name,
						.install_id = runner_install_id(r, at),
						.source = &s->sources[p->source],
						.webhook = g->webhooks[p->webhook],
						.acks = runner_acks(r),
						.ack_pipeline = (uint32_t)at};
	}
	return pool_new(&o, &g->pool, e);
}

/* What the pipelines without a bound of their own get each: an equal share of what the others
 * leave. */
static size_t equal_share(const struct settings *s, int64_t all, bool of_bytes)
{
	int64_t left = all, own, without = 0;
	size_t i;

	for (i = 0; i < s->pipeline_count; i++) {
		own = of_bytes ? s->pipelines[i].max_bytes : s->pipelines[i].capacity;
		left -= own;
		without += own == 0;
	}
	left = without ? left / without : 0;
	return left > 0 ? (size_t)left : 1;
}

/* Also without a schedule: something may be parked from when there was one. */
static ATTR_MUST_CHECK enum err_code make_parked(struct engine *g, size_t pipeline, size_t capacity,
						 struct err *e)
{
	const struct settings *s = g->settings;
	const struct pipeline_settings *p = &s->pipelines[pipeline];
	const struct webhook_settings *w = &s->webhooks[p->webhook];
	struct engine_pipeline *mine = &g->pipelines[pipeline];
	struct parked_options o = {
		.ordering = p->ordering,
		.steps_us = w->retry_schedule.items_us,
		.step_count = w->retry_schedule.count,
		.max_keys = w->retry_parked_keys > 2 ? (size_t)w->retry_parked_keys : 2,
		.max_loaded = capacity / PARKED_SHARE + 1,
		.on_due = room_notify,
		.on_due_ctx = g->runners[p->source]};
	enum err_code code = parked_new(&o, &mine->parked, e);

	if (code != ERR_OK)
		return code;
	pool_bind_parked(g->pool, pipeline, mine->parked);
	runner_bind_parked(g->runners[p->source], mine->at_source, mine->parked);
	return ERR_OK;
}

/* Whose rows they are, if the pipeline has tenants. */
static ATTR_MUST_CHECK enum err_code make_tenants(struct engine *g, size_t pipeline,
						  const struct ring_options *ring, struct err *e)
{
	const struct pipeline_settings *p = &g->settings->pipelines[pipeline];
	struct engine_pipeline *mine = &g->pipelines[pipeline];
	enum err_code code;

	if (!p->tenant)
		return ERR_OK;
	code = tenancy_new(p, ring, &mine->tenants, e);
	if (code != ERR_OK)
		return code;
	return runner_bind_tenants(g->runners[p->source], mine->at_source, mine->tenants, e);
}

static ATTR_MUST_CHECK enum err_code make_rings(struct engine *g, struct err *e)
{
	const struct settings *s = g->settings;
	size_t events = equal_share(s, s->queue.capacity, false);
	size_t bytes = equal_share(s, s->queue.max_bytes, true);
	size_t i;
	enum err_code code;

	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];
		struct runner *r = g->runners[p->source];
		struct ring_options o = {.capacity = p->capacity ? (size_t)p->capacity : events,
					 .max_bytes = p->max_bytes ? (size_t)p->max_bytes : bytes,
					 .order = p->ordering,
					 .budget = g->budget,
					 .on_ready = ready_notify,
					 .on_ready_ctx = g->pool,
					 .on_room = room_notify,
					 .on_room_ctx = r};

		o.max_inflight_bytes = o.max_bytes / INFLIGHT_SHARE + 1;
		code = ring_new(&o, &g->pipelines[i].ring, e);
		if (code != ERR_OK)
			return code;
		pool_bind(g->pool, i, g->pipelines[i].ring);
		runner_bind(r, g->pipelines[i].at_source, g->pipelines[i].ring);
		code = make_parked(g, i, o.capacity, e);
		if (code == ERR_OK)
			code = make_tenants(g, i, &o, e);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static void fill_inputs(struct engine *g)
{
	const struct settings *s = g->settings;
	size_t i;

	for (i = 0; i < s->source_count; i++)
		g->source_inputs[i] = (struct metrics_source_input){.name = s->sources[i].name,
								    .runner = g->runners[i]};
	for (i = 0; i < s->webhook_count; i++)
		g->webhook_inputs[i] = (struct metrics_webhook_input){.name = s->webhooks[i].name,
								      .webhook = g->webhooks[i]};
	for (i = 0; i < s->pipeline_count; i++)
		g->pipeline_inputs[i] =
			(struct metrics_pipeline_input){.name = s->pipelines[i].name,
							.ring = g->pipelines[i].ring,
							.parked = g->pipelines[i].parked,
							.tenants = g->pipelines[i].tenants,
							.source = s->pipelines[i].source,
							.at_source = g->pipelines[i].at_source,
							.webhook = s->pipelines[i].webhook,
							.priority = s->pipelines[i].priority};
	g->inputs = (struct metrics_inputs){.pool = g->pool,
					    .sources = g->source_inputs,
					    .source_count = s->source_count,
					    .webhooks = g->webhook_inputs,
					    .webhook_count = s->webhook_count,
					    .pipelines = g->pipeline_inputs,
					    .pipeline_count = s->pipeline_count,
					    .budget = g->budget,
					    .clock = g->clock};
}

static ATTR_MUST_CHECK enum err_code make_parts(struct engine *g, struct err *e)
{
	enum err_code code = make_webhooks(g, e);
	size_t i;

	for (i = 0; code == ERR_OK && i < g->settings->inlet_count; i++)
		code = inlet_make_store(g->settings, i, e);
	for (i = 0; code == ERR_OK && i < g->settings->source_count; i++)
		code = make_runner(g, i, e);
	if (code == ERR_OK)
		code = make_pool(g, e);
	if (code == ERR_OK)
		code = make_rings(g, e);
	return code;
}

enum err_code engine_new(const struct settings *s, struct budget *budget, const struct clock *clock,
			 struct engine **ret_engine, struct err *e)
{
	struct engine *g = mem_calloc(1, sizeof(*g));
	enum err_code code;

	if (!g)
		return err_set(e, ERR_NOMEM, "no memory for the engine");
	g->settings = s;
	g->budget = budget;
	g->clock = clock;
	code = make_parts(g, e);
	if (code != ERR_OK) {
		engine_free(g);
		return code;
	}
	fill_inputs(g);
	*ret_engine = g;
	return ERR_OK;
}

void engine_free(struct engine *g)
{
	size_t i;

	if (!g)
		return;
	for (i = 0; i < g->settings->source_count; i++)
		runner_free(g->runners[i]);
	pool_free(g->pool);
	for (i = 0; i < g->settings->pipeline_count; i++) {
		ring_free(g->pipelines[i].ring);
		parked_free(g->pipelines[i].parked);
		deferral_free(g->pipelines[i].tenants);
	}
	for (i = 0; i < g->settings->webhook_count; i++)
		webhook_free(g->webhooks[i]);
	mem_free(g);
}

void engine_set_tables(struct engine *g, struct label_set *tables)
{
	size_t i;

	for (i = 0; i < g->settings->source_count; i++)
		runner_bind_tables(g->runners[i], tables);
}

enum err_code engine_start(struct engine *g, struct err *e)
{
	enum err_code code = pool_start(g->pool, e);

	if (code != ERR_OK)
		return code;
	g->pool_running = true;
	while (g->runners_running < g->settings->source_count) {
		code = runner_start(g->runners[g->runners_running], e);
		if (code != ERR_OK) {
			engine_stop(g, 0);
			return code;
		}
		g->runners_running++;
	}
	return ERR_OK;
}

void engine_stop(struct engine *g, int64_t deadline_us)
{
	size_t i;

	for (i = 0; i < g->runners_running; i++)
		runner_quiesce(g->runners[i]);
	if (g->pool_running)
		pool_stop(g->pool, deadline_us);
	g->pool_running = false;
	for (i = 0; i < g->runners_running; i++)
		runner_stop(g->runners[i]);
	g->runners_running = 0;
}

void engine_look(struct engine *g, size_t source)
{
	runner_look(g->runners[source]);
}

const struct metrics_inputs *engine_inputs(const struct engine *g)
{
	return &g->inputs;
}

enum err_code engine_enable_webhook(struct engine *g, const char *name, bool enable, struct err *e)
{
	size_t i;

	for (i = 0; i < g->settings->webhook_count; i++) {
		if (strcmp(g->settings->webhooks[i].name, name) != 0)
			continue;
		if (enable)
			keeper_enable(g->webhooks[i], g->clock);
		else
			keeper_disable(g->webhooks[i], g->clock, STANDING_BY_OPERATOR);
		pool_wake(g->pool);
		log_info(enable ? "webhook enabled by the operator"
				: "webhook disabled by the operator",
			 LOG_S("webhook", name));
		return ERR_OK;
	}
	return err_set(e, ERR_NOT_FOUND, "no webhook is called %s", name);
}

void engine_remember(const struct engine *g, struct engine_memory *ret_m)
{
	size_t i;

	ret_m->count = g->settings->webhook_count;
	for (i = 0; i < ret_m->count; i++)
		(void)standing_box_get(webhook_standing(g->webhooks[i]), &ret_m->standings[i]);
}

void engine_recall(struct engine *g, const struct engine_memory *m)
{
	struct standing_told t = {.now_us = clock_now_us(g->clock),
				  .wall_us = clock_wall_us(g->clock)};
	size_t i, k;

	for (i = 0; i < g->settings->webhook_count; i++) {
		for (k = 0; k < m->count; k++) {
			t.standing = m->standings[k];
			if (strcmp(t.standing.webhook, g->settings->webhooks[i].name) == 0 &&
			    (t.standing.since_wall_us || t.standing.failing_wall_us))
				(void)standing_box_tell(webhook_standing(g->webhooks[i]), &t);
		}
	}
}
