/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/backfill_status.h"
#include "daemon/command.h"
#include "daemon/endpoint.h"
#include "source/admin.h"

#define STATUS_MAX_BYTES (1024UL * 1024)

struct status {
	const struct options *options;
	json_t *pipelines;
	json_t *backfills;
	json_t *webhooks; /* what databases know of them, the disabled and failing ones */
	const struct settings *settings;
	const char *source;
	const json_t *daemon; /* NULL: none answers */
};

/* ---- the daemon, by its own /metrics ---- */

/* The JSON of a running daemon; NULL when none answers. */
static json_t *metrics_fetch(const struct settings *s)
{
	json_t *doc = NULL;
	struct buf body;

	buf_init(&body, STATUS_MAX_BYTES);
	if (endpoint_ask(s, "/metrics", false, &body) == 200)
		doc = json_loadb(buf_str(&body), body.len, 0, NULL);
	buf_done(&body);
	return doc;
}

static void daemon_print(const struct settings *s, const json_t *doc)
{
	static const struct {
		const char *key, *label;
	} rows[] = {
		{"uptime_seconds", "up, seconds"}, {"queue_size", "queue"},
		{"queue_capacity", "of at most"},  {"workers", "workers"},
		{"in_flight", "in flight"},        {"delivered_total", "delivered"},
		{"retried_total", "retried"},      {"dead_total", "dead"},
		{"lag_seconds", "lag, seconds"},   {"parked", "parked"},
	};
	const json_t *v;
	size_t i;

	if (!doc) {
		(void)printf("daemon: no answer on %s\n", s->admin.listen);
		return;
	}
	(void)printf("daemon: running, http://%s/metrics\n", s->admin.listen);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		v = json_object_get(doc, rows[i].key);
		if (json_is_number(v))
			(void)printf("  %-14s %.10g\n", rows[i].label, json_number_value(v));
	}
}

/* ---- the databases ---- */

static json_t *wall_time(int64_t wall_us)
{
	char when[CLOCK_TEXT_BYTES];

	if (!wall_us)
		return json_null();
	clock_format_wall(wall_us, when);
	return json_string(when);
}

/* What is known of the webhook that the pipeline has now. */
static void standing_note(struct status *st, const char *pipeline, const struct standing *known)
{
	const struct settings *s = st->settings;
	const char *webhook = "";
	size_t i;

	for (i = 0; i < s->pipeline_count; i++)
		if (strcmp(s->pipelines[i].name, pipeline) == 0)
			webhook = s->webhooks[s->pipelines[i].webhook].name;
	if (strcmp(known->webhook, webhook) != 0 || !(known->disabled || known->failing_wall_us))
		return;
	(void)json_array_append_new(
		st->webhooks,
		json_pack("{s:s, s:s, s:b, s:o, s:s, s:o}", "webhook", webhook, "pipeline",
			  pipeline, "disabled", known->disabled, "since",
			  wall_time(known->disabled ? known->since_wall_us : 0), "reason",
			  known->reason, "failing_since", wall_time(known->failing_wall_us)));
}

/* Of what is counted to a bound only. */
static bool is_more(int64_t count)
{
	return count >= OUTBOX_STATUS_MOST;
}

static json_int_t told(int64_t count)
{
	return is_more(count) ? OUTBOX_STATUS_MOST - 1 : (json_int_t)count;
}

/* When the daemon will be through with rows that wait, in seconds; -1: that is not known. It knows
 * how fast it goes; how much there is, was looked at just now. */
static double eta_of(const struct status *st, const char *pipeline, int64_t rows)
{
	const json_t *all = json_object_get(st->daemon, "pipelines"), *p, *eta;
	double backlog;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		p = json_array_get(all, i);
		eta = json_object_get(p, "eta_seconds");
		if (strcmp(json_string_value(json_object_get(p, "name")), pipeline) != 0)
			continue;
		backlog = json_number_value(json_object_get(p, "backlog"));
		if (rows == 0)
			return 0;
		if (!json_is_number(eta) || backlog <= 0)
			return -1;
		return json_number_value(eta) * (double)rows / backlog;
	}
	return -1;
}

static json_t *eta_json(double seconds)
{
	return seconds < 0 ? json_null() : json_real(seconds);
}

static void outbox_note(void *ctx, const char *pipeline, const struct outbox_status *o)
{
	struct status *st = ctx;
	char when[CLOCK_TEXT_BYTES];

	clock_format_wall(o->oldest_wall_us, when);
	(void)json_array_append_new(
		st->pipelines,
		json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:b, s:o, s:s?, s:I, s:b, s:I, s:b}",
			  "pipeline", pipeline, "source", st->source, "server", o->server,
			  "installed", o->installed, "active", o->active, "undelivered",
			  (json_int_t)o->rows, "undelivered_about", o->about, "eta_seconds",
			  eta_json(eta_of(st, pipeline, o->rows)), "oldest",
			  o->oldest_wall_us ? when : NULL, "dead_letters", told(o->dead_letters),
			  "dead_letters_more", is_more(o->dead_letters), "parked", told(o->parked),
			  "parked_more", is_more(o->parked)));
	standing_note(st, pipeline, &o->standing);
}

/* "1 h 2 min" */
static void eta_print(double seconds)
{
	long long s = (long long)(seconds + 0.5);

	if (s >= 86400)
		(void)printf(", done in about %lld d %lld h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		(void)printf(", done in about %lld h %lld min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		(void)printf(", done in about %lld min %lld s", s / 60, s % 60);
	else
		(void)printf(", done in about %lld s", s);
}

static void count_print(const char *label, const json_t *p, const char *name, const char *more)
{
	(void)printf(", %s %s%lld", label,
		     json_is_true(json_object_get(p, more)) ? "more than " : "",
		     (long long)json_integer_value(json_object_get(p, name)));
}

static void outbox_print(const json_t *p)
{
	const char *name = json_string_value(json_object_get(p, "pipeline"));
	const char *oldest = json_string_value(json_object_get(p, "oldest"));

	if (!json_is_true(json_object_get(p, "installed"))) {
		(void)printf("  %-14s not installed: run app-db-listener install\n", name);
		return;
	}
	(void)printf("  %-14s %s, undelivered %s%lld", name,
		     json_is_true(json_object_get(p, "active")) ? "a daemon is active"
								: "no daemon is active",
		     json_is_true(json_object_get(p, "undelivered_about")) ? "about " : "",
		     (long long)json_integer_value(json_object_get(p, "undelivered")));
	if (json_number_value(json_object_get(p, "eta_seconds")) > 0)
		eta_print(json_number_value(json_object_get(p, "eta_seconds")));
	(void)printf(", oldest %s", oldest ? oldest : "-");
	count_print("dead letters", p, "dead_letters", "dead_letters_more");
	if (json_integer_value(json_object_get(p, "parked")) > 0)
		count_print("parked", p, "parked", "parked_more");
	(void)puts("");
}

static ATTR_MUST_CHECK enum err_code status_source(const struct settings *s, size_t source,
						   void *ctx, struct err *e)
{
	struct status *st = ctx;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);
	enum err_code code;

	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot read its type");
	st->source = s->sources[source].name;
	code = ops->status(s, source, outbox_note, st, e);
	return code == ERR_OK ? backfill_status_add(s, source, st->backfills, e) : code;
}

/* As the running daemon has it. */
static void webhook_print_live(const json_t *w)
{
	const char *name = json_string_value(json_object_get(w, "name"));
	const char *state = json_string_value(json_object_get(w, "breaker"));
	const char *reason = json_string_value(json_object_get(w, "reason"));
	double next_s = json_number_value(json_object_get(w, "breaker_next_seconds"));
	double failing_s = json_number_value(json_object_get(w, "failing_seconds"));

	(void)printf("  %-14s breaker %s for %.0f s", name, state ? state : "?",
		     json_number_value(json_object_get(w, "breaker_state_seconds")));
	if (next_s > 0)
		(void)printf(", next request in %.0f s", next_s);
	if (failing_s > 0)
		(void)printf(", nothing delivered for %.0f s", failing_s);
	if (reason && *reason)
		(void)printf(": %s", reason);
	(void)puts("");
	if (state && strcmp(state, "disabled") == 0)
		(void)printf("  %-14s nothing is sent until: app-db-listener enable %s\n", "",
			     name);
}

/* As a database has it. */
static void webhook_print_kept(const json_t *w)
{
	const char *name = json_string_value(json_object_get(w, "webhook"));
	const char *pipeline = json_string_value(json_object_get(w, "pipeline"));
	const char *failing = json_string_value(json_object_get(w, "failing_since"));

	if (json_is_true(json_object_get(w, "disabled")))
		(void)printf("  %-14s disabled since %s (pipeline %s): %s\n", name,
			     json_string_value(json_object_get(w, "since")), pipeline,
			     json_string_value(json_object_get(w, "reason")));
	if (failing)
		(void)printf("  %-14s nothing delivered since %s (pipeline %s)\n", name, failing,
			     pipeline);
}

/* What a database has, and the running daemon w does not know yet. */
static void webhook_print_news(const struct status *st, const json_t *w)
{
	const char *name = json_string_value(json_object_get(w, "name"));
	const char *state = json_string_value(json_object_get(w, "breaker"));
	const json_t *kept;
	size_t i;

	if (!name || (state && strcmp(state, "disabled") == 0))
		return;
	for (i = 0; i < json_array_size(st->webhooks); i++) {
		kept = json_array_get(st->webhooks, i);
		if (strcmp(json_string_value(json_object_get(kept, "webhook")), name) != 0 ||
		    !json_is_true(json_object_get(kept, "disabled")))
			continue;
		(void)printf("  %-14s disabled since %s (pipeline %s): %s; the daemon looks there "
			     "within a minute\n",
			     "", json_string_value(json_object_get(kept, "since")),
			     json_string_value(json_object_get(kept, "pipeline")),
			     json_string_value(json_object_get(kept, "reason")));
	}
}

static void webhooks_print(const struct status *st, const json_t *daemon)
{
	const json_t *live = json_object_get(daemon, "webhooks");
	const json_t *all = live ? live : st->webhooks;
	size_t i;

	if (json_array_size(all))
		(void)puts("webhooks:");
	for (i = 0; i < json_array_size(all); i++) {
		if (live) {
			webhook_print_live(json_array_get(all, i));
			webhook_print_news(st, json_array_get(all, i));
		} else {
			webhook_print_kept(json_array_get(all, i));
		}
	}
}

static void archives_print(const json_t *daemon)
{
	const json_t *all = json_object_get(daemon, "pipelines"), *p;
	size_t i;

	for (i = 0; i < json_array_size(all); i++) {
		p = json_array_get(all, i);
		if (json_is_true(json_object_get(p, "archive_paused")))
			(void)printf(
				"  %-14s archive %s cannot be written for %.0f s, delivery "
				"waits: %s\n",
				json_string_value(json_object_get(p, "name")),
				json_string_value(json_object_get(p, "archive")),
				json_number_value(json_object_get(p, "archive_paused_seconds")),
				json_string_value(json_object_get(p, "archive_error")));
	}
}

static void status_print(const struct settings *s, const struct status *st, json_t *daemon)
{
	json_t *all;
	size_t i;

	if (st->options->json) {
		all = json_pack("{s:O?, s:O, s:O, s:O}", "daemon", daemon, "pipelines",
				st->pipelines, "webhooks", st->webhooks, "backfills",
				st->backfills);
		(void)json_dumpf(all, stdout, JSON_COMPACT);
		(void)puts("");
		json_decref(all);
		return;
	}
	daemon_print(s, daemon);
	(void)puts("pipelines:");
	for (i = 0; i < json_array_size(st->pipelines); i++)
		outbox_print(json_array_get(st->pipelines, i));
	backfill_status_print(st->backfills);
	webhooks_print(st, daemon);
	archives_print(daemon);
}

int command_status(const struct command_call *call)
{
	struct settings s;
	struct status st = {.options = call->options, .settings = &s};
	json_t *daemon;
	int status = command_settings(call->options, &s);

	if (status != EX_OK)
		return status;
	daemon = metrics_fetch(&s);
	st.daemon = daemon;
	st.pipelines = json_array();
	st.webhooks = json_array();
	st.backfills = json_array();
	status = command_each_source(&s, call->options, status_source, &st);
	status_print(&s, &st, daemon);
	json_decref(st.pipelines);
	json_decref(st.webhooks);
	json_decref(st.backfills);
	json_decref(daemon);
	settings_done(&s);
	return status;
}
