/* SPDX-License-Identifier: MIT */
#include "sink/alarm.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "config/field.h"
#include "sink/http.h"

#define TIMEOUT_US (5 * CLOCK_US_PER_S)
#define STACK_BYTES (256UL * 1024)

struct alarm {
	const struct clock *clock;
	struct webhook_settings to;
	struct http *http;
	struct thread thread;
	atomic_bool stopping;
	atomic_llong sent;
	atomic_llong failed;

	/* the thread's own */
	char text[ALARM_MESSAGE_BYTES]; /* under way or to be tried again; "": nothing */
	int tries;                      /* of it */
	int64_t next_us;                /* not before */
	bool complained;                /* in the log, since the last success */

	struct mutex lock;
	char latest[ALARM_MESSAGE_BYTES]; /* "": nothing new */
};

/* One try of a->text. */
static void note_failure(struct alarm *a, const char *reason)
{
	atomic_fetch_add(&a->failed, 1);
	if (!a->complained && !atomic_load(&a->stopping))
		log_warn("an alert was not taken", LOG_S("reason", reason));
	a->complained = true;
	if (a->tries >= ALARM_TRIES)
		a->text[0] = '\0';
}

static void on_done(void *ctx, const struct http_result *r)
{
	struct alarm *a = ctx;

	if (r->status >= 200 && r->status < 300) {
		atomic_fetch_add(&a->sent, 1);
		a->complained = false;
		a->text[0] = '\0';
	} else {
		note_failure(a, r->reason);
	}
	http_request_put(a->http, r->request);
}

/* The latest message takes the place of one that waits to be tried again. */
static void take_latest(struct alarm *a)
{
	mutex_lock(&a->lock);
	if (a->latest[0]) {
		memcpy(a->text, a->latest, sizeof(a->text));
		a->latest[0] = '\0';
		a->tries = 0;
	}
	mutex_unlock(&a->lock);
}

static void post(struct alarm *a, int64_t now_us)
{
	struct http_request *r = http_request_get(a->http);
	enum err_code code;
	struct err e;

	a->next_us = now_us + ALARM_INTERVAL_US;
	a->tries++;
	if (!r) {
		note_failure(a, "no memory for a request");
		return;
	}
	buf_add_str(&r->body, a->text);
	r->to = &a->to;
	r->wall_us = clock_wall_us(a->clock);
	(void)snprintf(r->id, sizeof(r->id), "alert-%lld", (long long)r->wall_us);
	code = buf_error(&r->body);
	if (code != ERR_OK)
		(void)err_set(&e, code, "no memory for a request");
	else
		code = http_send(a->http, r, &e);
	if (code == ERR_OK)
		return;
	note_failure(a, e.msg);
	http_request_put(a->http, r);
}

static void alarm_main(void *arg)
{
	struct alarm *a = arg;
	int64_t now_us, until_us;

	while (!atomic_load(&a->stopping)) {
		now_us = clock_now_us(a->clock);
		if (!http_in_flight(a->http))
			take_latest(a);
		if (!http_in_flight(a->http) && a->text[0] && now_us >= a->next_us)
			post(a, now_us);
		until_us = a->text[0] && a->next_us > now_us ? a->next_us : INT64_MAX;
		/* an epoll that fails has nothing better to offer than the next time */
		if (http_run(a->http, until_us, NULL) != ERR_OK)
			(void)fd_wait(-1, -1, now_us, now_us + CLOCK_US_PER_S);
	}
	http_abort_all(a->http);
}

static ATTR_MUST_CHECK enum err_code settings_fill(struct webhook_settings *to, const char *url,
						   struct err *e)
{
	enum err_code code = field_set_defaults(KEY_IN_WEBHOOK, to, e);

	to->timeout_us = TIMEOUT_US;
	to->connect_timeout_us = TIMEOUT_US;
	to->name = mem_strdup("alerts");
	to->url.value = mem_strdup(url);
	if (code == ERR_OK && (!to->name || !to->url.value))
		code = err_set(e, ERR_NOMEM, "no memory for alerts");
	return code;
}

enum err_code alarm_start(const char *url, const struct clock *clock, struct alarm **ret_a,
			  struct err *e)
{
	struct alarm *a = mem_calloc(1, sizeof(*a));
	enum err_code code;

	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for alerts");
	a->clock = clock;
	mutex_init(&a->lock);
	code = settings_fill(&a->to, url, e);
	if (code == ERR_OK)
		code = http_new(clock, 1, on_done, a, &a->http, e);
	if (code == ERR_OK)
		code = thread_start(&a->thread, "alerts", STACK_BYTES, alarm_main, a, e);
	if (code != ERR_OK) {
		alarm_stop(a);
		return code;
	}
	*ret_a = a;
	return ERR_OK;
}

void alarm_stop(struct alarm *a)
{
	if (!a)
		return;
	atomic_store(&a->stopping, true);
	if (a->thread.running)
		http_wake(a->http);
	thread_join(&a->thread);
	http_free(a->http);
	field_done_all(KEY_IN_WEBHOOK, &a->to);
	mutex_done(&a->lock);
	mem_free(a);
}

void alarm_send(struct alarm *a, const char *text)
{
	if (!a)
		return;
	mutex_lock(&a->lock);
	if (*text)
		(void)snprintf(a->latest, sizeof(a->latest), "%s", text);
	mutex_unlock(&a->lock);
	http_wake(a->http);
}

struct alarm_stats alarm_stats(struct alarm *a)
{
	if (!a)
		return (struct alarm_stats){.sent = 0};
	return (struct alarm_stats){.sent = atomic_load(&a->sent),
				    .failed = atomic_load(&a->failed)};
}
