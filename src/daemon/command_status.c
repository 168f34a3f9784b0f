/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <curl/curl.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/command.h"
#include "source/admin.h"

#define STATUS_MAX_BYTES (1024UL * 1024)
#define METRICS_TIMEOUT_MS 2000L
#define URL_BYTES 128

struct status {
	const struct options *options;
	struct buf out;
	struct json json;
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

static void daemon_print_text(const struct settings *s, const json_t *doc)
{
	static const struct {
		const char *key, *label;
	} rows[] = {{"uptime_seconds", "up, seconds"},    {"queue_size", "queue"},
		    {"queue_capacity", "queue capacity"}, {"workers", "workers"},
		    {"in_flight", "in flight"},           {"delivered_total", "delivered"},
		    {"retried_total", "retried"},         {"dead_total", "dead"},
		    {"lag_seconds", "lag, seconds"}};
	size_t i;

	if (!doc) {
		(void)printf("daemon: no answer on %s\n", s->admin.listen);
		return;
	}
	(void)printf("daemon: running, %s\n", s->admin.listen);
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const json_t *v = json_object_get(doc, rows[i].key);

		if (json_is_number(v))
			(void)printf("  %-16s %.10g\n", rows[i].label, json_number_value(v));
	}
}

static void daemon_print(struct status *st, const struct settings *s)
{
	json_t *doc = metrics_fetch(s);
	char *dump;

	if (!st->options->json) {
		daemon_print_text(s, doc);
	} else {
		dump = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
		json_raw(&st->json, "daemon", text_of(dump));
		free(dump);
	}
	json_decref(doc);
}

/* ---- the databases ---- */

static void outbox_print_text(const struct status *st, const char *pipeline,
			      const struct outbox_status *o)
{
	char when[CLOCK_TEXT_BYTES] = "-";

	if (!o->installed) {
		(void)printf("  %-16s not installed: run app-db-listener install\n", pipeline);
		return;
	}
	if (o->oldest_wall_us)
		clock_format_wall(o->oldest_wall_us, when);
	(void)printf("  %-16s source %s, %s, undelivered %lld, oldest %s, dead letters %lld\n",
		     pipeline, st->source, o->active ? "a daemon is active" : "no daemon active",
		     (long long)o->rows, when, (long long)o->dead_letters);
}

static void outbox_print(void *ctx, const char *pipeline, const struct outbox_status *o)
{
	struct status *st = ctx;
	char when[CLOCK_TEXT_BYTES];

	if (!st->options->json) {
		outbox_print_text(st, pipeline, o);
		return;
	}
	clock_format_wall(o->oldest_wall_us, when);
	json_object(&st->json, NULL);
	json_str(&st->json, "pipeline", pipeline);
	json_str(&st->json, "source", st->source);
	json_str(&st->json, "server", o->server);
	json_bool(&st->json, "installed", o->installed);
	json_bool(&st->json, "active", o->active);
	json_i64(&st->json, "undelivered", o->rows);
	json_str(&st->json, "oldest", o->oldest_wall_us ? when : NULL);
	json_i64(&st->json, "dead_letters", o->dead_letters);
	json_end(&st->json);
}

static enum err_code status_source(const struct settings *s, size_t source, void *ctx,
				   struct err *e)
{
	struct status *st = ctx;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);

	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot read its type");
	st->source = s->sources[source].name;
	return ops->status(s, source, outbox_print, st, e);
}

int command_status(const struct command_call *call)
{
	struct status st = {.options = call->options};
	struct settings s;
	int status = command_settings(call->options, &s);

	if (status != EX_OK)
		return status;
	buf_init(&st.out, STATUS_MAX_BYTES);
	json_begin(&st.json, &st.out);
	json_object(&st.json, NULL);
	daemon_print(&st, &s);
	json_array(&st.json, "pipelines");
	if (!call->options->json)
		(void)puts("pipelines:");
	status = command_each_source(&s, call->options, status_source, &st);
	json_end(&st.json);
	json_end(&st.json);
	if (call->options->json)
		(void)puts(buf_str(&st.out));
	buf_done(&st.out);
	settings_done(&s);
	return status;
}
