/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/json.h"
#include "config/archive_path.h"
#include "config/load.h"
#include "config/secret.h"
#include "daemon/command.h"
#include "sink/auth.h"
#include "source/admin.h"

#define CHECK_MAX_BYTES (4UL * 1024 * 1024)
#define SETTINGS_MAX_BYTES (16UL * 1024 * 1024)
#define STATUS_FOUND 1 /* something will not work */

struct checking {
	struct install_options options;
	const char *source;
	bool as_json;
	struct buf out;
	struct json json;
	int counts[3]; /* by finding level */
};

static const char *const level_names[] = {
	[FINDING_OK] = "ok", [FINDING_WARN] = "warning", [FINDING_FAIL] = "fail"};

static void note_finding(void *ctx, const struct finding *f)
{
	struct checking *k = ctx;

	k->counts[f->level]++;
	if (!k->as_json) {
		(void)printf("%-8s %s: %s\n", level_names[f->level], f->subject, f->message);
		if (f->hint)
			(void)printf("         %s\n", f->hint);
		return;
	}
	json_open_object(&k->json, NULL);
	json_str(&k->json, "source", k->source);
	json_str(&k->json, "level", level_names[f->level]);
	json_str(&k->json, "subject", f->subject);
	json_str(&k->json, "message", f->message);
	json_str(&k->json, "hint", f->hint);
	json_end(&k->json);
}

/* What a single event can hold up, whatever the kind of database: sink/breaker.h says when a
 * failure counts against an event. */
static void check_orderings(struct checking *k, const struct settings *s, size_t source)
{
	static const char *const behind[] = {
		[ORDERING_TABLE] = "ordering: table: an event that the receiver never answers is "
				   "taken for an outage, and holds up its table",
		[ORDERING_PIPELINE] = "ordering: pipeline: an event that the receiver never "
				      "answers is taken for an outage, and holds up everything",
	};
	struct finding f = {.level = FINDING_WARN,
			    .hint = "ordering: key holds up one row only; else watch the breaker"};
	const struct pipeline_settings *p;
	size_t i;

	for (i = 0; i < s->pipeline_count; i++) {
		p = &s->pipelines[i];
		if (p->source != source ||
		    (p->ordering != ORDERING_TABLE && p->ordering != ORDERING_PIPELINE))
			continue;
		f.subject = p->name;
		f.message = behind[p->ordering];
		note_finding(k, &f);
	}
}

static void check_webhooks(struct checking *k, const struct settings *s)
{
	struct finding f = {.level = FINDING_WARN};
	size_t i;

	for (i = 0; i < s->webhook_count; i++) {
		f.subject = s->webhooks[i].name;
		f.message = auth_warning(&s->webhooks[i]);
		if (f.message)
			note_finding(k, &f);
	}
}

static ATTR_MUST_CHECK enum err_code check_source(const struct settings *s, size_t source,
						  void *ctx, struct err *e)
{
	struct checking *k = ctx;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);
	struct finding f = {.level = FINDING_FAIL, .subject = "connection"};
	struct err why;
	int failures = k->counts[FINDING_FAIL];

	k->source = s->sources[source].name;
	check_orderings(k, s, source);
	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot check its type");
	if (ops->check(s, source, &k->options, &why) == ERR_OK)
		return ERR_OK;
	if (k->counts[FINDING_FAIL] > failures)
		return ERR_OK; /* it told already what is wrong */
	/* not being able to look is a finding like another: the next source is still checked */
	f.message = why.msg;
	note_finding(k, &f);
	return ERR_OK;
}

/* The directory of a file that the daemon is going to make: a service makes some of them when it
 * starts, and may do so as another user, so that only what is not there is told. */
static void check_directory(struct checking *k, const char *what, const char *path)
{
	struct finding f = {.level = FINDING_WARN,
			    .subject = what,
			    .hint = "make it, unless the service does (LogsDirectory=)"};
	const char *slash = path ? strrchr(path, '/') : NULL;
	struct buf directory, message;
	struct stat st;

	if (!slash || slash == path)
		return;
	buf_init(&directory, PATH_MAX);
	buf_init(&message, PATH_MAX + 100);
	buf_add(&directory, path, (size_t)(slash - path));
	buf_add_fmt(&message, "the directory %s is not there", buf_str(&directory));
	f.message = buf_str(&message);
	if (stat(buf_str(&directory), &st) != 0 && errno == ENOENT)
		note_finding(k, &f);
	buf_done(&message);
	buf_done(&directory);
}

static void check_spill(struct checking *k, const struct settings *s)
{
	struct buf path;

	buf_init(&path, PATH_MAX);
	buf_add_str(&path, s->ingest.spill_dir);
	buf_add_char(&path, '/');
	check_directory(k, "ingest.spill_dir", buf_str(&path));
	buf_done(&path);
}

static void check_directories(struct checking *k, const struct settings *s)
{
	const struct webhook_settings *w;
	struct buf path;
	size_t i;

	check_directory(k, "logging.file", s->logging.file);
	check_directory(k, "metrics_history.file", s->metrics_history.file);
	if (s->inlet_count)
		check_spill(k, s);
	for (i = 0; i < s->pipeline_count; i++) {
		w = &s->webhooks[s->pipelines[i].webhook];
		if (!archive_path_is_given(w))
			continue;
		buf_init(&path, PATH_MAX);
		archive_path_write(w, s->pipelines[i].name, &path);
		check_directory(k, "webhook.archive_path", buf_str(&path));
		buf_done(&path);
	}
}

static void print_summary(struct checking *k, const char *file, bool offline)
{
	if (!k->as_json && offline) {
		(void)printf("%s: no mistakes, %d warnings; no database was asked\n", file,
			     k->counts[FINDING_WARN]);
		return;
	}
	if (!k->as_json) {
		(void)printf("%s: %d ok, %d warnings, %d failures\n", file, k->counts[FINDING_OK],
			     k->counts[FINDING_WARN], k->counts[FINDING_FAIL]);
		return;
	}
	json_end(&k->json);
	json_i64(&k->json, "warnings", k->counts[FINDING_WARN]);
	json_i64(&k->json, "failures", k->counts[FINDING_FAIL]);
	json_end(&k->json);
	(void)puts(buf_str(&k->out));
}

static int print_settings(const struct settings *s)
{
	struct buf out;
	int status = EX_OK;

	buf_init(&out, SETTINGS_MAX_BYTES);
	config_print(s, &out);
	if (buf_error(&out) != ERR_OK || fputs(buf_str(&out), stdout) == EOF || fflush(stdout) != 0)
		status = EX_OSERR;
	buf_done(&out);
	return status;
}

static int check(const struct options *o, const struct settings *s, const char *password)
{
	struct checking k = {.as_json = o->json};
	int status = EX_OK;

	k.options = (struct install_options){.user = o->user,
					     .password = password,
					     .list_tables = o->list_tables,
					     .on_finding = note_finding,
					     .ctx = &k};
	buf_init(&k.out, CHECK_MAX_BYTES);
	json_begin(&k.json, &k.out);
	if (k.as_json) {
		json_open_object(&k.json, NULL);
		json_str(&k.json, "file", o->config);
		json_open_array(&k.json, "findings");
	}
	check_webhooks(&k, s);
	if (!o->offline) {
		check_directories(&k, s);
		status = command_each_source(s, o, check_source, &k);
	}
	print_summary(&k, o->config, o->offline);
	if (status == EX_OK && k.counts[FINDING_FAIL])
		status = STATUS_FOUND;
	if (buf_error(&k.out) != ERR_OK)
		status = EX_OSERR;
	buf_done(&k.out);
	return status;
}

int command_check(const struct command_call *call)
{
	const struct options *o = call->options;
	struct settings s;
	struct buf password;
	struct err e;
	int status;

	if (o->settings &&
	    options_only(o, OPTION_CONFIG | OPTION_OFFLINE, "check --settings", &e) != ERR_OK)
		return command_fail(&e);
	status = command_settings(o, &s);
	if (status != EX_OK)
		return status;
	status = o->settings ? print_settings(&s) : command_password(o, &password);
	if (status == EX_OK && !o->settings) {
		status = check(o, &s, o->password_file ? buf_str(&password) : NULL);
		secret_buf_done(&password);
	}
	settings_done(&s);
	return status;
}
