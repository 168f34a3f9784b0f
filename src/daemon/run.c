/* SPDX-License-Identifier: MIT */
/*
 * The daemon proper: start, one quiet loop, stop. The main thread only handles signals, looks at
 * health once a second and answers the admin thread; all work is in the engine's threads.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/version.h"
#include "control/admin.h"
#include "control/memory.h"
#include "control/notify.h"
#include "control/process.h"
#include "control/recorder.h"
#include "control/signals.h"
#include "daemon/command.h"
#include "daemon/engine.h"
#include "daemon/governor.h"
#include "daemon/monitor.h"
#include "daemon/posting.h"
#include "daemon/reload.h"
#include "sink/http.h"

#define TICK_US CLOCK_US_PER_S
#define STOP_MARGIN_US (10 * CLOCK_US_PER_S)

struct run {
	const struct options *options;
	const struct clock *clock;
	struct settings settings[2]; /* the one in force, and room for the next */
	int at;                      /* which is in force */
	struct governor *governor;
	struct engine *engine;
	struct engine_memory memory; /* what the engine before knew */
	struct monitor *monitor;
	struct recorder *recorder; /* NULL: no metric history */
	struct admin *admin;
	struct posting *posting;
	struct memory_trim trim;
	int signal_fd;
	int64_t watchdog_us; /* 0: none */
	int64_t watchdog_due_us;
	bool was_ready;
};

static struct settings *run_settings(struct run *r)
{
	return &r->settings[r->at];
}

/* ---- parts, in the order in which they start ---- */

static ATTR_MUST_CHECK enum err_code start_log(struct run *r, struct err *e)
{
	const struct settings *s = run_settings(r);
	struct log_options o = {.file = s->logging.file,
				.level = s->logging.level,
				.format = s->logging.format,
				.journal_prefix = getenv("JOURNAL_STREAM") != NULL,
				.rotate_bytes = s->logging.rotate_bytes,
				.rotate_keep = (int)s->logging.rotate_keep,
				.queue_lines = (size_t)s->logging.queue_lines,
				.clock = r->clock};

	return log_start(&o, e);
}

static void stop_log(struct run *r)
{
	(void)r;
	log_info("stopped");
	log_stop();
}

static ATTR_MUST_CHECK enum err_code start_http(struct run *r, struct err *e)
{
	(void)r;
	return http_global_start(e);
}

static void stop_http(struct run *r)
{
	(void)r;
	http_global_stop();
}

static ATTR_MUST_CHECK enum err_code start_governor(struct run *r, struct err *e)
{
	return governor_new(run_settings(r), r->clock, &r->governor, e);
}

static void stop_governor(struct run *r)
{
	governor_free(r->governor);
	r->governor = NULL;
}

static ATTR_MUST_CHECK enum err_code start_monitor(struct run *r, struct err *e)
{
	return monitor_new(r->clock, run_settings(r), &r->monitor, e);
}

static void stop_monitor(struct run *r)
{
	monitor_free(r->monitor);
	r->monitor = NULL;
}

static ATTR_MUST_CHECK enum err_code start_recorder(struct run *r, struct err *e)
{
	const struct settings *s = run_settings(r);
	struct recorder_options o = {.file = s->metrics_history.file,
				     .interval_us = s->metrics_history.interval_us,
				     .max_records = (size_t)s->metrics_history.max_records,
				     .flush_us = s->metrics_history.flush_interval_us,
				     .rotate_bytes = s->metrics_history.rotate_bytes,
				     .rotate_keep = (int)s->metrics_history.rotate_keep,
				     .budget = governor_budget(r->governor)};
	enum err_code code = ERR_OK;

	if (o.file)
		code = recorder_start(&o, &r->recorder, e);
	if (code == ERR_OK)
		monitor_set_recorder(r->monitor, r->recorder);
	return code;
}

static void stop_recorder(struct run *r)
{
	monitor_set_recorder(r->monitor, NULL);
	recorder_stop(r->recorder);
	r->recorder = NULL;
}

static int admin_render(void *ctx, enum admin_page page, struct buf *out)
{
	struct run *r = ctx;
	bool ok = false;

	return monitor_read(r->monitor, page, out, &ok) == ERR_OK && ok ? 200 : 503;
}

static ATTR_MUST_CHECK enum err_code admin_enable(void *ctx, const char *name, bool enable,
						  struct err *e)
{
	struct run *r = ctx;

	return monitor_enable(r->monitor, name, enable, e);
}

static ATTR_MUST_CHECK enum err_code start_admin(struct run *r, struct err *e)
{
	const struct settings *s = run_settings(r);
	struct admin_options o = {.listen = s->admin.listen,
				  .token = s->admin.token.value,
				  .handlers = {admin_render, admin_enable, r}};
	enum err_code code = admin_start(&o, &r->admin, e);

	if (code == ERR_OK && r->admin)
		log_info("metrics and health", LOG_S("listen", admin_address(r->admin)));
	return code;
}

static void stop_admin(struct run *r)
{
	admin_stop(r->admin);
	r->admin = NULL;
}

static ATTR_MUST_CHECK enum err_code start_engine(struct run *r, struct err *e)
{
	enum err_code code;

	governor_configure(r->governor, run_settings(r));
	code = engine_new(run_settings(r), governor_budget(r->governor), r->clock, &r->engine, e);

	if (code == ERR_OK) {
		engine_set_tables(r->engine, monitor_tables(r->monitor));
		engine_recall(r->engine, &r->memory);
		code = engine_start(r->engine, e);
	}
	if (code != ERR_OK) {
		engine_free(r->engine);
		r->engine = NULL;
	}
	return code;
}

/* How long stop_engine may take: requests, then each source's last statement. */
static int64_t stop_limit_us(struct run *r)
{
	const struct settings *s = run_settings(r);
	int64_t us = s->daemon.shutdown_timeout_us + STOP_MARGIN_US;
	size_t i;

	for (i = 0; i < s->source_count; i++)
		us += s->sources[i].statement_timeout_us;
	return us;
}

static void stop_engine(struct run *r)
{
	int64_t timeout_us = run_settings(r)->daemon.shutdown_timeout_us;

	if (!r->engine)
		return; /* a reload left none */
	notify_extend_timeout(stop_limit_us(r));
	engine_stop(r->engine, clock_now_us(r->clock) + timeout_us);
	engine_remember(r->engine, &r->memory);
	engine_free(r->engine);
	r->engine = NULL;
}

static ATTR_MUST_CHECK enum err_code start_posting(struct run *r, struct err *e)
{
	enum err_code code =
		posting_new(r->clock, r->monitor, governor_budget(r->governor), &r->posting, e);

	if (code == ERR_OK)
		code = posting_start(r->posting, run_settings(r), r->engine, e);
	if (code != ERR_OK) {
		posting_free(r->posting);
		r->posting = NULL;
	}
	return code;
}

static void close_posting(struct run *r)
{
	int64_t timeout_us = run_settings(r)->daemon.shutdown_timeout_us;

	notify_extend_timeout(timeout_us + STOP_MARGIN_US);
	posting_stop(r->posting, clock_now_us(r->clock) + timeout_us);
}

static void stop_posting(struct run *r)
{
	close_posting(r);
	posting_free(r->posting);
	r->posting = NULL;
}

static ATTR_MUST_CHECK enum err_code start_signals(struct run *r, struct err *e)
{
	return signals_open(&r->signal_fd, e);
}

static void stop_signals(struct run *r)
{
	signals_close(&r->signal_fd);
}

static const struct part {
	const char *name;
	enum err_code (*start)(struct run *r, struct err *e);
	void (*stop)(struct run *r);
} part_table[] = {
	{"signals", start_signals, stop_signals}, /* first: every thread inherits the mask */
	{"logging", start_log, stop_log},
	{"http", start_http, stop_http},
	{"memory", start_governor, stop_governor},
	{"monitor", start_monitor, stop_monitor},
	{"metrics_history", start_recorder, stop_recorder},
	{"admin", start_admin, stop_admin}, /* before the engine: a taken port ends it early */
	{"engine", start_engine, stop_engine},
	{"ingest", start_posting, stop_posting}, /* what is posted last is delivered still */
};

static void parts_stop(struct run *r, size_t started)
{
	while (started)
		part_table[--started].stop(r);
}

static ATTR_MUST_CHECK enum err_code parts_start(struct run *r, struct err *e)
{
	size_t i;
	enum err_code code;

	for (i = 0; i < ARRAY_LEN(part_table); i++) {
		code = part_table[i].start(r, e);
		if (code == ERR_OK)
			continue;
		(void)err_prefix(e, "cannot start, %s", part_table[i].name);
		/* stderr gets it from the caller */
		if (run_settings(r)->logging.file && part_table[i].start != start_log)
			log_error("stopped", LOG_E(e));
		parts_stop(r, i);
		return code;
	}
	return ERR_OK;
}

/* ---- reload ---- */

/* Logging and admin endpoint go on as they were when the new ones cannot be had. */
static void reload_small_parts(struct run *r, const struct settings *before)
{
	const struct settings *s = run_settings(r);
	struct err e;

	process_set_dumpable(s->daemon.core_dumps);
	stop_recorder(r); /* before the log, which hears of its failures */
	log_stop();
	if (start_log(r, &e) != ERR_OK) {
		r->at = 1 - r->at;
		if (start_log(r, NULL) == ERR_OK)
			log_error("cannot use the new log file, keeping the old one", LOG_E(&e));
		r->at = 1 - r->at;
	}
	if (start_recorder(r, &e) != ERR_OK)
		log_error("no metric history", LOG_E(&e));
	if (strcmp(before->admin.listen, s->admin.listen) == 0 &&
	    text_eq(text_of(before->admin.token.value), text_of(s->admin.token.value)))
		return;
	stop_admin(r);
	if (start_admin(r, &e) != ERR_OK)
		log_error("no metrics endpoint", LOG_E(&e));
}

/* The whole engine is built anew: every key can change, and nothing is in two states at once. What
 * was queued is still in the outbox. */
static void reload_engine(struct run *r)
{
	struct settings *before = run_settings(r);
	struct err e;

	monitor_refresh(r->monitor, r->engine);
	posting_bind(r->posting, NULL);
	stop_engine(r);
	r->at = 1 - r->at;
	if (start_engine(r, &e) != ERR_OK) {
		log_error("cannot start with the new configuration, going back", LOG_E(&e));
		settings_done(run_settings(r));
		r->at = 1 - r->at;
		if (start_engine(r, &e) != ERR_OK) {
			log_error("cannot start with the old one either", LOG_E(&e));
			return;
		}
		monitor_restart(r->monitor, run_settings(r));
		posting_bind(r->posting, r->engine);
		return;
	}
	monitor_restart(r->monitor, run_settings(r));
	close_posting(r);
	if (posting_start(r->posting, run_settings(r), r->engine, &e) != ERR_OK)
		log_error("events cannot be posted", LOG_E(&e));
	reload_small_parts(r, before);
	settings_done(before);
}

static void run_reload(struct run *r)
{
	struct err e;

	notify_reloading(r->clock);
	log_reopen();
	recorder_reopen(r->recorder);
	if (reload_read(r->options->config, &r->settings[1 - r->at], &e) != ERR_OK) {
		log_error("configuration refused, the old one stays in force", LOG_E(&e));
	} else {
		reload_tell(run_settings(r), &r->settings[1 - r->at]);
		/* nobody feeds the watchdog while requests in flight are waited for */
		if (r->watchdog_us)
			notify_watchdog_limit(2 * r->watchdog_us + stop_limit_us(r));
		reload_engine(r);
		if (r->watchdog_us)
			notify_watchdog_limit(2 * r->watchdog_us);
	}
	notify_ready();
}

/* ---- the loop ---- */

static void tick(struct run *r)
{
	const struct metrics_snapshot *s = monitor_snapshot(r->monitor);
	const struct health_verdict *v = monitor_verdict(r->monitor);
	int64_t now_us = clock_now_us(r->clock);

	recorder_note(r->recorder, s);
	(void)memory_trim_idle(&r->trim, now_us,
			       (size_t)(s->total.queue_size + s->ingest.in_progress),
			       s->total.attempts + s->ingest.bytes);
	(void)governor_tick(r->governor, now_us);
	if (v->ready != r->was_ready) {
		if (v->ready)
			log_info("ready");
		else
			log_warn("not ready", LOG_S("reason", v->reason));
		r->was_ready = v->ready;
	}
	notify_status("%s, delivered %lld, queue %lld of %lld%s%s",
		      v->ready ? "ready" : "not ready", (long long)s->total.delivered,
		      (long long)s->total.queue_size, (long long)s->total.queue_capacity,
		      v->ready ? "" : ": ", v->reason);
	if (r->watchdog_us && v->alive && now_us >= r->watchdog_due_us) {
		notify_watchdog();
		r->watchdog_due_us = now_us + r->watchdog_us;
	}
}

/* Returns false when it is time to stop. */
static bool signals_handle(struct run *r)
{
	enum signals_request q;

	while ((q = signals_read(r->signal_fd)) != SIGNALS_NONE) {
		switch (q) {
		case SIGNALS_STOP:
			return false;
		case SIGNALS_RELOAD:
			run_reload(r);
			if (!r->engine)
				return false;
			break;
		case SIGNALS_REOPEN:
			log_reopen();
			recorder_reopen(r->recorder);
			break;
		case SIGNALS_NONE:
			break;
		}
	}
	return true;
}

static void run_loop(struct run *r)
{
	int64_t due_us = clock_now_us(r->clock);
	int64_t now_us;

	do {
		now_us = clock_now_us(r->clock);
		monitor_refresh(r->monitor, r->engine);
		if (now_us >= due_us) {
			tick(r);
			due_us = now_us + TICK_US;
		}
		(void)fd_wait(r->signal_fd, monitor_wake_fd(r->monitor), now_us, due_us);
	} while (signals_handle(r));
}

static int run_all(struct run *r)
{
	struct err e;
	bool broken;

	if (parts_start(r, &e) != ERR_OK)
		return command_fail(&e);
	log_info(APP_NAME " started", LOG_S("version", APP_VERSION),
		 LOG_S("config", r->options->config), LOG_I("pid", getpid()),
		 LOG_I("workers", run_settings(r)->worker.pool_size),
		 LOG_I("memory_max", run_settings(r)->memory.max_bytes));
	r->watchdog_us = notify_watchdog_interval_us();
	notify_ready();
	run_loop(r);
	broken = !r->engine;
	notify_stopping();
	log_info("stopping");
	parts_stop(r, ARRAY_LEN(part_table));
	return broken ? EX_SOFTWARE : EX_OK;
}

int command_run(const struct command_call *call)
{
	struct run r = {.options = call->options, .clock = clock_system(), .signal_fd = -1};
	int status = command_settings(call->options, run_settings(&r));

	if (status != EX_OK)
		return status;
	memory_setup();
	process_set_dumpable(run_settings(&r)->daemon.core_dumps);
	status = run_all(&r);
	settings_done(run_settings(&r));
	return status;
}
