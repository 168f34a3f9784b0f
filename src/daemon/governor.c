/* SPDX-License-Identifier: MIT */
#include "daemon/governor.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/log_queue.h"
#include "base/mem.h"
#include "sink/alarm.h"

#define HOST_BYTES 65 /* HOST_NAME_MAX: gethostname(2) */

struct governor {
	const struct clock *clock;
	struct budget *budget;
	struct alarm *alarm;                 /* NULL: nobody is told */
	char *alert_url;                     /* its */
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

static void drop_url(struct governor *g)
{
	/* it may hold a token */
	if (g->alert_url)
		mem_wipe(g->alert_url, strlen(g->alert_url));
	mem_free(g->alert_url);
	g->alert_url = NULL;
}

/* The thread that tells, anew when the URL is another one. */
static void set_alarm(struct governor *g, const char *url)
{
	struct err e;

	if (text_eq(text_of(url), text_of(g->alert_url)))
		return;
	alarm_stop(g->alarm);
	g->alarm = NULL;
	drop_url(g);
	if (!url)
		return;
	g->alert_url = mem_strdup(url);
	if (!g->alert_url)
		(void)err_set(&e, ERR_NOMEM, "no memory for alerts");
	else if (alarm_start(url, g->clock, &g->alarm, &e) == ERR_OK)
		return;
	drop_url(g);
	log_error("no alerts to memory.alert_url", LOG_E(&e));
}

enum err_code governor_new(const struct settings *s, const struct clock *clock,
			   struct governor **ret_g, struct err *e)
{
	const struct budget_options o = options_of(s);
	struct governor *g = mem_calloc(1, sizeof(*g));
	enum err_code code;

	if (!g)
		return err_set(e, ERR_NOMEM, "no memory for the memory budget");
	g->clock = clock;
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
	alarm_stop(g->alarm);
	drop_url(g);
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
	set_alarm(g, s->memory.alert_url.value);
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
		[BUDGET_ALERT] =
			"backfill waits, archives write less at a time, caches are emptied",
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

/* Not for attention alone. */
static void alert(struct governor *g, enum budget_level before, const struct budget_stats *st)
{
	char at[CLOCK_TEXT_BYTES], host[HOST_BYTES] = "";
	struct json j;
	struct buf b;

	if (!g->alarm || (g->told < BUDGET_ALERT && before < BUDGET_ALERT))
		return;
	(void)gethostname(host, sizeof(host) - 1);
	clock_format_wall(clock_wall_us(g->clock), at);
	buf_init(&b, ALARM_MESSAGE_BYTES - 1);
	json_begin(&j, &b);
	json_open_object(&j, NULL);
	json_str(&j, "type", "app_db_listener.memory");
	json_str(&j, "level", budget_level_name(g->told));
	json_str(&j, "before", budget_level_name(before));
	json_i64(&j, "used_bytes", (int64_t)st->used_bytes);
	json_i64(&j, "max_bytes", (int64_t)st->max_bytes);
	json_str(&j, "largest", budget_account_name(largest(st)));
	json_str(&j, "at", at);
	json_str(&j, "host", host);
	json_end(&j);
	if (buf_error(&b) == ERR_OK)
		alarm_send(g->alarm, buf_str(&b));
	buf_done(&b);
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
	enum budget_level level = highest(g, &st), before = g->told;

	if (level >= g->told)
		g->calm_us = 0;
	else if (!g->calm_us)
		g->calm_us = now_us;
	if (level == g->told || (g->calm_us && now_us - g->calm_us < GOVERNOR_CALM_US))
		return false;
	g->calm_us = 0;
	g->told = level;
	tell(g, &st);
	alert(g, before, &st);
	return true;
}
