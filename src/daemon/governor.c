/* SPDX-License-Identifier: MIT */
#include "daemon/governor.h"

#include "base/log.h"
#include "base/log_queue.h"
#include "base/mem.h"

struct governor {
	struct budget *budget;
	size_t log_bytes;                    /* charged for the log's queue */
	enum budget_level told;              /* the level in the log */
	int64_t reached[BUDGET_LEVEL_COUNT]; /* at the last tick */
	int64_t calm_us;                     /* lower than told since then; 0: it is not */
};

static struct budget_options options_of(const struct settings *s)
{
	return (struct budget_options){.max_bytes = (size_t)s->memory.max_bytes,
				       .reserve_bytes = (size_t)s->memory.reserve_bytes};
}

/* The queue's memory is taken as a whole when the log starts. */
static void charge_log(struct governor *g, const struct settings *s)
{
	budget_release(g->budget, BUDGET_LOG, g->log_bytes);
	g->log_bytes = log_queue_bytes((size_t)s->logging.queue_lines);
	budget_charge(g->budget, BUDGET_LOG, g->log_bytes);
}

enum err_code governor_new(const struct settings *s, struct governor **ret_g, struct err *e)
{
	const struct budget_options o = options_of(s);
	struct governor *g = mem_calloc(1, sizeof(*g));
	enum err_code code;

	if (!g)
		return err_set(e, ERR_NOMEM, "no memory for the memory budget");
	code = budget_new(&o, &g->budget, e);
	if (code != ERR_OK) {
		mem_free(g);
		return code;
	}
	charge_log(g, s);
	*ret_g = g;
	return ERR_OK;
}

void governor_free(struct governor *g)
{
	if (!g)
		return;
	budget_free(g->budget);
	mem_free(g);
}

struct budget *governor_budget(const struct governor *g)
{
	return g->budget;
}

void governor_configure(struct governor *g, const struct settings *s)
{
	const struct budget_options o = options_of(s);

	budget_configure(g->budget, &o);
	charge_log(g, s);
}

/* The largest account: what an operator wants to know first. */
static enum budget_account largest(const struct budget_stats *st)
{
	enum budget_account best = BUDGET_READ, i;

	for (i = 0; i < BUDGET_ACCOUNT_COUNT; i++)
		if (st->accounts[i].used_bytes > st->accounts[best].used_bytes)
			best = i;
	return best;
}

static void tell(const struct governor *g, const struct budget_stats *st)
{
	static const char *const done[] = {
		[BUDGET_NORMAL] = "all goes on",
		[BUDGET_ATTENTION] = "reading in smaller batches",
		[BUDGET_ALERT] = "backfill and archive wait, caches are emptied",
		[BUDGET_CRITICAL] = "sources stop by priority of their pipelines",
	};
	enum budget_account a = largest(st);

	if (g->told >= BUDGET_ALERT)
		log_warn("memory level", LOG_S("level", budget_level_name(g->told)),
			 LOG_S("done", done[g->told]), LOG_I("used_bytes", st->used_bytes),
			 LOG_I("max_bytes", st->max_bytes),
			 LOG_S("largest", budget_account_name(a)),
			 LOG_I("largest_bytes", st->accounts[a].used_bytes));
	else
		log_info("memory level", LOG_S("level", budget_level_name(g->told)),
			 LOG_S("done", done[g->told]), LOG_I("used_bytes", st->used_bytes),
			 LOG_I("max_bytes", st->max_bytes));
}

/* The highest level that it was at since the last tick. */
static enum budget_level highest(struct governor *g, const struct budget_stats *st)
{
	enum budget_level level = st->level, i;

	for (i = BUDGET_ATTENTION; i < BUDGET_LEVEL_COUNT; i++) {
		if (st->reached[i] != g->reached[i] && i > level)
			level = i;
		g->reached[i] = st->reached[i];
	}
	return level;
}

bool governor_tick(struct governor *g, int64_t now_us)
{
	struct budget_stats st = budget_stats(g->budget);
	enum budget_level level = highest(g, &st);

	if (level >= g->told)
		g->calm_us = 0;
	else if (!g->calm_us)
		g->calm_us = now_us;
	if (level == g->told || (g->calm_us && now_us - g->calm_us < GOVERNOR_CALM_US))
		return false;
	g->calm_us = 0;
	g->told = level;
	tell(g, &st);
	return true;
}
