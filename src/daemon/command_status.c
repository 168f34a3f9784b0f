/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <curl/curl.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "daemon/command.h"
#include "source/admin.h"

#define STATUS_MAX_BYTES (1024UL * 1024)
#define METRICS_TIMEOUT_MS 2000L
#define URL_BYTES 128

struct status {
	const struct options *options;
	json_t *pipelines;
	const char *source;
};

/* ---- the daemon, by its own /metrics ---- */

static size_t body_take(char *data, size_t size, size_t n, void *ctx)
{
	struct buf *b = ctx;

	buf_add(b, data, size * n);
	return buf_error(b) == ERR_OK ? size * n : 0;
}

/* Where /metrics is as seen from here: a wildcard address is asked on loopback. */
static void metrics_url(const struct settings *s, char *out, size_t size)
{
	const char *listen = s->admin.listen;
	const char *port = strrchr(listen, ':');

	if (strncmp(listen, "0.0.0.0:", 8) == 0)
		(void)snprintf(out, size, "http://127.0.0.1%s/metrics", port);
	else if (strncmp(listen, "[::]:", 5) == 0)
		(void)snprintf(out, size, "http://[::1]%s/metrics", port);
	else
		(void)snprintf(out, size, "http://%s/metrics", listen);
}

/* The JSON of a running daemon; NULL when none answers. */
static json_t *metrics_fetch(const struct settings *s)
{
	char url[URL_BYTES];
	struct buf body;
	CURL *easy;
	long code = 0;
	json_t *doc = NULL;

	if (strcmp(s->admin.listen, "off") == 0)
		return NULL;
	easy = curl_easy_init();
	if (!easy)
		return NULL;
	metrics_url(s, url, sizeof(url));
	buf_init(&body, STATUS_MAX_BYTES);
	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, METRICS_TIMEOUT_MS);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_take);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
	if (curl_easy_perform(easy) == CURLE_OK)
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
	if (code == 200)
		doc = json_loadb(buf_str(&body), body.len, 0, NULL);
	curl_easy_cleanup(easy);
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

static void outbox_note(void *ctx, const char *pipeline, const struct outbox_status *o)
{
	struct status *st = ctx;
	char when[CLOCK_TEXT_BYTES];

	clock_format_wall(o->oldest_wall_us, when);
	(void)json_array_append_new(
		st->pipelines,
		json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:s?, s:I, s:I}", "pipeline", pipeline,
			  "source", st->source, "server", o->server, "installed", o->installed,
			  "active", o->active, "undelivered", (json_int_t)o->rows, "oldest",
			  o->oldest_wall_us ? when : NULL, "dead_letters",
			  (json_int_t)o->dead_letters, "parked", (json_int_t)o->parked));
}

static void outbox_print(const json_t *p)
{
	const char *name = json_string_value(json_object_get(p, "pipeline"));
	const char *oldest = json_string_value(json_object_get(p, "oldest"));

	if (!json_is_true(json_object_get(p, "installed"))) {
		(void)printf("  %-14s not installed: run app-db-listener install\n", name);
		return;
	}
	(void)printf("  %-14s %s, undelivered %lld, oldest %s, dead letters %lld", name,
		     json_is_true(json_object_get(p, "active")) ? "a daemon is active"
								: "no daemon is active",
		     (long long)json_integer_value(json_object_get(p, "undelivered")),
		     oldest ? oldest : "-",
		     (long long)json_integer_value(json_object_get(p, "dead_letters")));
	if (json_integer_value(json_object_get(p, "parked")) > 0)
		(void)printf(", parked %lld",
			     (long long)json_integer_value(json_object_get(p, "parked")));
	(void)puts("");
}

static ATTR_MUST_CHECK enum err_code status_source(const struct settings *s, size_t source,
						   void *ctx, struct err *e)
{
	struct status *st = ctx;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);

	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot read its type");
	st->source = s->sources[source].name;
	return ops->status(s, source, outbox_note, st, e);
}

static void status_print(const struct settings *s, const struct status *st, json_t *daemon)
{
	json_t *all;
	size_t i;

	if (st->options->json) {
		all = json_pack("{s:O?, s:O}", "daemon", daemon, "pipelines", st->pipelines);
		(void)json_dumpf(all, stdout, JSON_COMPACT);
		(void)puts("");
		json_decref(all);
		return;
	}
	daemon_print(s, daemon);
	(void)puts("pipelines:");
	for (i = 0; i < json_array_size(st->pipelines); i++)
		outbox_print(json_array_get(st->pipelines, i));
}

int command_status(const struct command_call *call)
{
	struct status st = {.options = call->options};
	struct settings s;
	json_t *daemon;
	int status = command_settings(call->options, &s);

	if (status != EX_OK)
		return status;
	daemon = metrics_fetch(&s);
	st.pipelines = json_array();
	status = command_each_source(&s, call->options, status_source, &st);
	status_print(&s, &st, daemon);
	json_decref(st.pipelines);
	json_decref(daemon);
	settings_done(&s);
	return status;
}
