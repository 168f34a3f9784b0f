/* SPDX-License-Identifier: MIT */
/*
 * An operator's decision on a webhook: written into each database first, which is what holds; then
 * told to the daemon, which need not run. One that could not be told looks there from time to time.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "daemon/command.h"
#include "daemon/endpoint.h"
#include "source/admin.h"

#define PATH_BYTES 128
#define ANSWER_MAX_BYTES 4096

struct deciding {
	const struct settings *settings;
	size_t webhook;
	struct standing decision;
	int written; /* pipelines */
	int failed;
	enum err_code code; /* of the first failure */
};

static void write_one(struct deciding *d, size_t pipeline)
{
	const struct settings *s = d->settings;
	const struct pipeline_settings *p = &s->pipelines[pipeline];
	const struct source_admin_ops *ops = source_admin_find(s->sources[p->source].type);
	enum err_code code;
	struct err e;

	if (ops)
		code = ops->standing_decide(s, pipeline, &d->decision, &e);
	else
		code = err_set(&e, ERR_CONFIG, "this build cannot write to its type");
	if (code == ERR_OK) {
		d->written++;
		return;
	}
	if (!d->failed++)
		d->code = code;
	(void)fprintf(stderr, "pipeline %s: not written into its database: %s%s\n", p->name, e.msg,
		      code == ERR_NOT_FOUND ? " (run app-db-listener install)" : "");
}

static void write_all(struct deciding *d)
{
	size_t i;

	for (i = 0; i < d->settings->pipeline_count; i++)
		if (d->settings->pipelines[i].webhook == d->webhook)
			write_one(d, i);
}

/* Returns whether a daemon was told. */
static bool tell_daemon(const struct deciding *d)
{
	char path[PATH_BYTES];
	struct buf answer;
	int status;

	(void)snprintf(path, sizeof(path), "/webhooks/%s/%s", d->decision.webhook,
		       d->decision.disabled ? "disable" : "enable");
	buf_init(&answer, ANSWER_MAX_BYTES);
	status = endpoint_ask(d->settings, path, true, &answer);
	if (status == 200)
		(void)puts("the daemon knows");
	else if (status == 401 || status == 403)
		(void)puts("the daemon takes no changes without its admin.token; it looks into the "
			   "database within a minute");
	else if (status)
		(void)printf("the daemon answered %d: %s", status, buf_str(&answer));
	else
		(void)printf(
			"no daemon answers on %s; one that runs looks into the database within "
			"a minute\n",
			d->settings->admin.listen);
	buf_done(&answer);
	return status == 200;
}

static int decide(struct deciding *d)
{
	const char *what = d->decision.disabled ? "disabled" : "enabled";
	bool told;

	write_all(d);
	(void)printf("webhook %s %s: written for %d of %d pipelines\n", d->decision.webhook, what,
		     d->written, d->written + d->failed);
	told = tell_daemon(d);
	/* a daemon that knows writes it as soon as it can */
	return told || !d->failed ? EX_OK : err_exit_status(d->code);
}

static int command_decide(const struct command_call *call, bool disable)
{
	struct deciding d = {
		.decision = {.disabled = disable, .since_wall_us = clock_wall_us(clock_system())}};
	const char *name = call->arg_count ? call->args[0] : "";
	struct settings s;
	struct err e;
	int status = command_settings(call->options, &s);

	if (status != EX_OK)
		return status;
	d.settings = &s;
	if (disable)
		(void)snprintf(d.decision.reason, sizeof(d.decision.reason), STANDING_BY_OPERATOR);
	while (d.webhook < s.webhook_count && strcmp(s.webhooks[d.webhook].name, name) != 0)
		d.webhook++;
	if (d.webhook < s.webhook_count) {
		(void)snprintf(d.decision.webhook, sizeof(d.decision.webhook), "%s", name);
		status = decide(&d);
	} else {
		(void)err_set(&e, ERR_USAGE, *name ? "no webhook is called %s" : "which webhook?%s",
			      name);
		status = command_fail(&e);
	}
	settings_done(&s);
	return status;
}

int command_enable(const struct command_call *call)
{
	return command_decide(call, false);
}

int command_disable(const struct command_call *call)
{
	return command_decide(call, true);
}
