/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "config/archive_path.h"
#include "daemon/command.h"
#include "sink/http.h"
#include "sink/request.h"
#include "sink/webhook.h"

#define STATUS_FAILED 1
#define URL_BYTES 256

struct trial {
	const struct options *options;
	const struct webhook_settings *to;
	struct http *http;
	bool done;
	bool ok;
};

static void trial_print(const struct trial *t, const struct http_result *r, const char *url)
{
	struct buf line;
	struct json j;

	if (!t->options->json) {
		(void)printf("%-6s %s %s: %s, %lld ms\n", t->ok ? "ok" : "FAIL", t->to->name, url,
			     r->reason[0] ? r->reason : "answered",
			     (long long)(r->elapsed_us / 1000));
		return;
	}
	buf_init(&line, sizeof(r->reason) * 8);
	json_begin(&j, &line);
	json_open_object(&j, NULL);
	json_str(&j, "webhook", t->to->name);
	json_str(&j, "url", url);
	json_bool(&j, "ok", t->ok);
	json_i64(&j, "status", r->status);
	json_i64(&j, "elapsed_us", r->elapsed_us);
	json_str(&j, "reason", r->reason);
	json_end(&j);
	(void)puts(buf_str(&line));
	buf_done(&line);
}

static void trial_done(void *ctx, const struct http_result *r)
{
	struct trial *t = ctx;
	char url[URL_BYTES];

	t->done = true;
	t->ok = r->status && answer_of_status(r->status).verdict == ANSWER_DELIVERED;
	webhook_url_redact(t->to->url.value, url, sizeof(url));
	trial_print(t, r, url);
	http_request_put(t->http, r->request);
}

static ATTR_MUST_CHECK enum err_code trial_fill(struct http_request *q, const struct trial *t)
{
	char at[CLOCK_TEXT_BYTES];
	int64_t wall_us = clock_wall_us(clock_system());
	struct compressor *compressor = NULL;
	enum err_code code;
	const struct request_origin origin = {.install_id = "test", .pipeline = "test"};
	const struct event_fields f = {
		.id = wall_us,
		.op = OP_INSERT,
		.schema = TEXT_LIT("public"),
		.table = TEXT_LIT("app_db_listener_test"),
		.key = TEXT_LIT("{\"id\":1}"),
		.changed_at = {at, CLOCK_TEXT_BYTES - 1},
		.changed_wall_us = wall_us,
		.data = TEXT_LIT("{\"id\":1,\"note\":\"a test event\"}"),
	};

	clock_format_wall(wall_us, at);
	q->wall_us = wall_us;
	code = request_fill(&origin, t->to, &f, q);
	if (code == ERR_OK)
		request_compress(q, &compressor);
	compressor_free(compressor);
	return code;
}

static void token_notify(void *h)
{
	http_wake(h);
}

static ATTR_MUST_CHECK enum err_code trial_run(struct trial *t, struct err *e)
{
	struct http *h = NULL;
	struct auth *auth = NULL;
	struct http_request *q;
	enum err_code code = auth_new(t->to, clock_system(), &auth, e);

	if (code == ERR_OK)
		code = http_new(clock_system(), 1, trial_done, t, &h, e);
	if (code != ERR_OK) {
		auth_free(auth);
		return code;
	}
	t->http = h;
	q = http_request_get(h);
	code = q ? trial_fill(q, t) : ERR_NOMEM;
	if (code == ERR_OK) {
		q->auth = auth;
		auth_bind(auth, token_notify, h);
		code = http_send(h, q, e);
	} else {
		(void)err_set(e, code,
			      code == ERR_DATA ? "max_body_bytes is less than the test event has"
					       : "no memory for the request");
	}
	if (code != ERR_OK && q)
		http_request_put(h, q);
	while (code == ERR_OK && !t->done)
		code = http_run(h, INT64_MAX, e);
	auth_bind(auth, NULL, NULL);
	http_free(h);
	auth_free(auth);
	return code;
}

/* Nothing is sent to a file. */
static void trial_skip(const struct options *o, const struct webhook_settings *to)
{
	if (o->json)
		(void)printf("{\"webhook\":\"%s\",\"ok\":true,\"file\":true}\n", to->name);
	else
		(void)printf("%s: a file, to which nothing is sent\n", to->name);
}

static int trial_each(const struct options *o, const struct settings *s)
{
	struct trial t = {.options = o};
	struct err e;
	int status = EX_OK;
	bool any = false;
	size_t i;

	for (i = 0; i < s->webhook_count; i++) {
		if (o->webhook && strcmp(o->webhook, s->webhooks[i].name) != 0)
			continue;
		any = true;
		if (archive_path_is_all(&s->webhooks[i])) {
			trial_skip(o, &s->webhooks[i]);
			continue;
		}
		t.to = &s->webhooks[i];
		t.done = t.ok = false;
		if (trial_run(&t, &e) != ERR_OK)
			return command_fail(&e);
		if (!t.ok)
			status = STATUS_FAILED;
	}
	if (any)
		return status;
	(void)err_set(&e, ERR_USAGE, "no webhook is called %s", o->webhook);
	return command_fail(&e);
}

int command_test_webhook(const struct command_call *call)
{
	struct settings s;
	struct err e;
	int status = command_settings(call->options, &s);

	if (status != EX_OK)
		return status;
	if (http_global_start(&e) != ERR_OK) {
		status = command_fail(&e);
	} else {
		status = trial_each(call->options, &s);
		http_global_stop();
	}
	settings_done(&s);
	return status;
}
