/* SPDX-License-Identifier: MIT */
/*
 * `backfill`: jobs are rows of a table in the database, which the daemon looks into; so none of the
 * actions needs the daemon, and the daemon needs none of them to go on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "config/field.h"
#include "config/value.h"
#include "daemon/backfill_follow.h"
#include "daemon/backfill_view.h"
#include "daemon/command.h"
#include "source/admin.h"

#define OUT_BYTES (64UL * 1024)

struct action {
	const char *name;
	enum backfill_state state; /* to bring the job to */
	bool decides;
	bool follows;
	const char *done;
};

static const struct action action_table[] = {
	{"list", BACKFILL_RUNNING, false, false, ""},
	{"follow", BACKFILL_RUNNING, false, true, ""},
	{"pause", BACKFILL_PAUSED, true, false, "paused"},
	{"resume", BACKFILL_RUNNING, true, true, "resumed"},
	{"cancel", BACKFILL_CANCELLED, true, false, "cancelled"},
};

static ATTR_MUST_CHECK enum err_code ops_of(const struct settings *s, size_t source,
					    const struct source_admin_ops **ret_ops, struct err *e)
{
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);

	if (!ops || !ops->backfill_create) {
		backfill_unsupported(source_type_name(s->sources[source].type), e);
		return ERR_CONFIG;
	}
	*ret_ops = ops;
	return ERR_OK;
}

/* ---- list ---- */

struct listing {
	const struct options *options;
	const char *source;
	bool any;
};

static ATTR_MUST_CHECK enum err_code print_job(void *ctx, const struct backfill_job *job,
					       struct err *e)
{
	struct listing *l = ctx;
	struct buf out;
	enum err_code code;

	buf_init(&out, OUT_BYTES);
	if (l->options->json) {
		buf_add_str(&out, l->any ? ",\n" : "[");
		backfill_view_json(&out, l->source, job);
	} else {
		if (!l->any)
			backfill_view_row(&out, NULL);
		backfill_view_row(&out, job);
	}
	l->any = true;
	code = buf_error(&out);
	if (code == ERR_OK)
		(void)fputs(buf_str(&out), stdout);
	buf_done(&out);
	return code == ERR_OK ? code : err_set(e, code, "no memory for a job");
}

static ATTR_MUST_CHECK enum err_code list_source(const struct settings *s, size_t source, void *ctx,
						 struct err *e)
{
	struct listing *l = ctx;
	const struct source_admin_ops *ops;
	enum err_code code = ops_of(s, source, &ops, e);

	l->source = s->sources[source].name;
	return code == ERR_OK ? ops->backfill_list(s, source, 0, print_job, l, e) : code;
}

static int list(const struct settings *s, const struct options *o)
{
	struct listing l = {.options = o};
	int status = command_each_source(s, o, list_source, &l);

	if (o->json)
		(void)puts(l.any ? "]" : "[]");
	else if (!l.any && status == EX_OK)
		(void)puts("no backfill was made here");
	return status;
}

/* ---- one job ---- */

struct finding_job {
	int64_t id;
	size_t source;
	size_t found; /* in so many sources */
};

static ATTR_MUST_CHECK enum err_code note_job(void *ctx, const struct backfill_job *job,
					      struct err *e)
{
	(void)e;
	*(bool *)ctx |= job->progress.id != 0;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find_in_source(const struct settings *s, size_t source,
						    void *ctx, struct err *e)
{
	struct finding_job *f = ctx;
	const struct source_admin_ops *ops;
	bool has = false;
	enum err_code code = ops_of(s, source, &ops, e);

	/* of several sources some may never have been installed */
	if (code == ERR_OK)
		code = ops->backfill_list(s, source, f->id, note_job, &has, e);
	if (code != ERR_OK && s->source_count == 1)
		return code;
	if (has) {
		f->source = source;
		f->found++;
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code read_id(const char *word, int64_t *ret_id, struct err *e)
{
	char *end;

	errno = 0;
	*ret_id = word ? strtoll(word, &end, 10) : 0;
	if (!word)
		return err_set(e, ERR_USAGE, "which job? See: app-db-listener backfill list");
	if (errno || end == word || *end || *ret_id < 1)
		return err_set(e, ERR_USAGE, "'%s' is not the id of a job", word);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code decide(const struct settings *s, const struct finding_job *f,
					    const struct action *a, struct err *e)
{
	const struct source_admin_ops *ops;
	enum err_code code = ops_of(s, f->source, &ops, e);

	if (code != ERR_OK || !a->decides)
		return code;
	code = ops->backfill_decide(s, f->source, f->id, a->state, e);
	if (code != ERR_OK)
		return err_prefix(e, "backfill %lld", (long long)f->id);
	(void)printf("backfill %lld is %s\n", (long long)f->id, a->done);
	return ERR_OK;
}

static int act(const struct settings *s, const struct options *o, const struct action *a,
	       const char *word)
{
	struct finding_job f = {.found = 0};
	struct err e;
	enum err_code code = read_id(word, &f.id, &e);
	int status;

	if (code != ERR_OK)
		return command_fail(&e);
	status = command_each_source(s, o, find_in_source, &f);
	if (status != EX_OK)
		return status;
	if (!f.found)
		code = err_set(&e, ERR_NOT_FOUND, "there is no backfill %lld", (long long)f.id);
	else if (f.found > 1)
		code = err_set(&e, ERR_USAGE,
			       "several sources have a backfill %lld: name one with --source",
			       (long long)f.id);
	else
		code = decide(s, &f, a, &e);
	if (code != ERR_OK)
		return command_fail(&e);
	return a->follows && !o->detach ? backfill_follow(s, f.source, f.id) : EX_OK;
}

/* ---- a new one ---- */

/* Does p name the table; or, all: with a star? */
static bool names_table(const struct pipeline_settings *p, const char *table, bool all)
{
	const char *point = strchr(table, '.'), *name = point ? point + 1 : table;
	size_t i;

	for (i = 0; i < p->table_count; i++)
		if (strcmp(p->tables[i].table, all ? "*" : name) == 0 ||
		    (!all && strcmp(p->tables[i].table, table) == 0))
			return true;
	return false;
}

static size_t count_candidates(const struct settings *s, const struct options *o, const char *table,
			       bool all, size_t *ret_p)
{
	size_t i, n = 0;

	for (i = 0; i < s->pipeline_count; i++) {
		const struct pipeline_settings *p = &s->pipelines[i];

		if (o->source && strcmp(s->sources[p->source].name, o->source) != 0)
			continue;
		if (!names_table(p, table, all))
			continue;
		*ret_p = i;
		n++;
	}
	return n;
}

static ATTR_MUST_CHECK enum err_code choose_pipeline(const struct settings *s,
						     const struct options *o, const char *table,
						     size_t *ret_p, struct err *e)
{
	size_t n;

	for (*ret_p = 0; o->pipeline && *ret_p < s->pipeline_count; ++*ret_p)
		if (strcmp(s->pipelines[*ret_p].name, o->pipeline) == 0)
			return ERR_OK;
	if (o->pipeline)
		return err_set(e, ERR_USAGE, "no pipeline is called %s", o->pipeline);
	*ret_p = 0;
	if (s->pipeline_count == 1)
		return ERR_OK;
	n = count_candidates(s, o, table, false, ret_p);
	if (!n)
		n = count_candidates(s, o, table, true, ret_p);
	if (n == 1)
		return ERR_OK;
	return err_set(e, ERR_USAGE,
		       n ? "several pipelines capture %s: name one with --pipeline"
			 : "no pipeline captures %s",
		       table);
}

static ATTR_MUST_CHECK enum err_code read_columns(const char *words, struct string_list *ret,
						  struct err *e)
{
	struct text rest = text_of(words), one;
	const char *comma;

	while (rest.s && rest.len) {
		comma = memchr(rest.s, ',', rest.len);
		one = (struct text){rest.s, comma ? (size_t)(comma - rest.s) : rest.len};
		rest = comma ? (struct text){comma + 1, rest.len - one.len - 1} : TEXT_NONE;
		one = value_trim(one);
		if (!one.len)
			return err_set(e, ERR_USAGE, "--columns: a name is missing");
		if (string_list_add(ret, one) != ERR_OK)
			return err_set(e, ERR_NOMEM, "no memory for a list of columns");
	}
	return words && !ret->count ? err_set(e, ERR_USAGE, "--columns: a name is missing")
				    : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code make(const struct settings *s, const struct options *o,
					  const char *table, size_t *ret_source, int64_t *ret_id,
					  struct err *e)
{
	struct backfill_request r = {
		.table = table,
		.where = o->where,
		.rate = o->rate,
		.flush_every = o->flush_every ? o->flush_every : BACKFILL_FLUSH_DEFAULT,
		.max_concurrent_pages =
			o->max_concurrent_pages ? o->max_concurrent_pages : BACKFILL_PAGES_DEFAULT};
	const struct source_admin_ops *ops = NULL;
	size_t p = 0;
	enum err_code code = backfill_request_check(&r, e);

	if (code == ERR_OK)
		code = choose_pipeline(s, o, table, &p, e);
	if (code == ERR_OK)
		code = ops_of(s, s->pipelines[p].source, &ops, e);
	if (code == ERR_OK)
		code = read_columns(o->columns, &r.columns, e);
	if (code == ERR_OK) {
		r.pipeline = s->pipelines[p].name;
		*ret_source = s->pipelines[p].source;
		code = ops->backfill_create(s, *ret_source, &r, ret_id, e);
	}
	string_list_done(&r.columns);
	return code;
}

static int begin(const struct settings *s, const struct options *o, const char *table)
{
	size_t source = 0;
	int64_t id = 0;
	struct err e;

	if (make(s, o, table, &source, &id, &e) != ERR_OK)
		return command_fail(&e);
	if (!o->detach)
		return backfill_follow(s, source, id);
	(void)printf(
		"backfill %lld of %s is made; the daemon does it. See: app-db-listener backfill "
		"list\n",
		(long long)id, table);
	return EX_OK;
}

/* ---- the whole ---- */

static const struct action *action_find(const char *word)
{
	size_t i;

	for (i = 0; word && i < ARRAY_LEN(action_table); i++)
		if (strcmp(action_table[i].name, word) == 0)
			return &action_table[i];
	return NULL;
}

static ATTR_MUST_CHECK enum err_code refuse_words(const struct command_call *call,
						  const struct action *a, struct err *e)
{
	const struct options *o = call->options;
	int most = o->table || (a && strcmp(a->name, "list") == 0) ? 1 : 2;

	if (o->table && call->arg_count)
		return err_set(e, ERR_USAGE, "--table and '%s': one of them is too much",
			       call->args[0]);
	if (!o->table && !call->arg_count)
		return err_set(e, ERR_USAGE,
			       "which table? Or one of: list, follow, pause, resume, cancel");
	if (!a)
		most = 1;
	if (call->arg_count > most)
		return err_set(e, ERR_USAGE, "unexpected argument '%s'", call->args[most]);
	if (a && (o->where || o->columns || o->rate || o->flush_every || o->max_concurrent_pages))
		return err_set(e, ERR_USAGE, "%s takes no such option: a job stays as it was made",
			       a->name);
	return ERR_OK;
}

int command_backfill(const struct command_call *call)
{
	const struct options *o = call->options;
	const struct action *a = o->table || !call->arg_count ? NULL : action_find(call->args[0]);
	struct settings s;
	struct err e;
	int status;

	if (refuse_words(call, a, &e) != ERR_OK)
		return command_fail(&e);
	status = command_settings(o, &s);
	if (status != EX_OK)
		return status;
	if (!a)
		status = begin(&s, o, o->table ? o->table : call->args[0]);
	else if (strcmp(a->name, "list") == 0)
		status = list(&s, o);
	else
		status = act(&s, o, a, call->arg_count > 1 ? call->args[1] : NULL);
	settings_done(&s);
	return status;
}
