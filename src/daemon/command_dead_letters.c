/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "daemon/command.h"
#include "source/admin.h"

#define LINE_MAX_BYTES (64UL * 1024 * 1024)

struct letters {
	const struct options *options;
	struct dead_letter_filter filter;
	bool with_data;
	struct buf line;
	int64_t count;
};

static void print_json(struct letters *l, const struct dead_letter *d)
{
	struct json j;

	buf_reset(&l->line);
	json_begin(&j, &l->line);
	json_open_object(&j, NULL);
	json_i64(&j, "id", d->id);
	json_text(&j, "event_id", d->event_id);
	json_text(&j, "pipeline", d->pipeline);
	json_text(&j, "operation", d->operation);
	json_text(&j, "schema", d->schema);
	json_text(&j, "table", d->table);
	json_raw(&j, "key", d->key);
	json_text(&j, "changed_at", d->changed_at);
	json_text(&j, "died_at", d->died_at);
	json_i64(&j, "attempts", d->attempts);
	json_i64(&j, "last_status", d->last_status);
	json_text(&j, "last_error", d->last_error);
	if (l->with_data) {
		json_raw(&j, "data", d->data);
		json_raw(&j, "old_data", d->old_data);
	}
	json_end(&j);
	if (buf_error(&l->line) == ERR_OK)
		(void)puts(buf_str(&l->line));
}

#define AS_PRINTED(t) (int)(t).len, (t).s ? (t).s : ""

static void print_row(struct letters *l, const struct dead_letter *d)
{
	if (!l->count)
		(void)printf("%-10s %-12s %-8s %-24s %-20s %-20.20s %3s %6s  %s\n", "ID",
			     "PIPELINE", "OP", "TABLE", "KEY", "DIED", "TRY", "STATUS", "ERROR");
	buf_reset(&l->line);
	buf_add_fmt(&l->line, "%.*s%s%.*s", AS_PRINTED(d->schema), d->schema.len ? "." : "",
		    AS_PRINTED(d->table));
	(void)printf("%-10lld %-12.*s %-8.*s %-24s %-20.*s %-20.*s %3lld %6lld  %.*s\n",
		     (long long)d->id, AS_PRINTED(d->pipeline), AS_PRINTED(d->operation),
		     buf_str(&l->line), AS_PRINTED(d->key), 20, d->died_at.s ? d->died_at.s : "",
		     (long long)d->attempts, (long long)d->last_status, AS_PRINTED(d->last_error));
}

static void print_letter(void *ctx, const struct dead_letter *d)
{
	struct letters *l = ctx;

	if (l->options->json || l->with_data)
		print_json(l, d);
	else
		print_row(l, d);
	l->count++;
}

static ATTR_MUST_CHECK enum err_code letters_ops(const struct settings *s, size_t source,
						 const struct source_admin_ops **ret, struct err *e)
{
	*ret = source_admin_find(s->sources[source].type);
	if (!*ret)
		return err_set(e, ERR_CONFIG, "this build cannot read its type");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code letters_list(const struct settings *s, size_t source,
						  void *ctx, struct err *e)
{
	struct letters *l = ctx;
	const struct source_admin_ops *ops;
	enum err_code code = letters_ops(s, source, &ops, e);

	if (code != ERR_OK)
		return code;
	return ops->dead_letter_list(s, source, &l->filter, l->with_data, print_letter, l, e);
}

static ATTR_MUST_CHECK enum err_code letters_replay(const struct settings *s, size_t source,
						    void *ctx, struct err *e)
{
	struct letters *l = ctx;
	const struct source_admin_ops *ops;
	int64_t n = 0;
	enum err_code code = letters_ops(s, source, &ops, e);

	if (code == ERR_OK)
		code = ops->dead_letter_replay(s, source, &l->filter, &n, e);
	l->count += n;
	return code;
}

static ATTR_MUST_CHECK enum err_code letters_purge(const struct settings *s, size_t source,
						   void *ctx, struct err *e)
{
	struct letters *l = ctx;
	const struct source_admin_ops *ops;
	int64_t n = 0;
	enum err_code code = letters_ops(s, source, &ops, e);

	if (code == ERR_OK)
		code = ops->dead_letter_purge(s, source, &l->filter, &n, e);
	l->count += n;
	return code;
}

static const struct action {
	const char *name;
	command_source_fn fn;
	bool changes;
	bool with_data;
	const char *done; /* what is said of the count */
} action_table[] = {
	{"list", letters_list, false, false, "listed"},
	{"show", letters_list, false, true, "shown"},
	{"replay", letters_replay, true, false, "put back into the outbox"},
	{"purge", letters_purge, true, false, "purged"},
};

static const struct action *action_find(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_LEN(action_table); i++)
		if (strcmp(action_table[i].name, name) == 0)
			return &action_table[i];
	return NULL;
}

/* "4711", or a whole event id whose last part it is. */
static ATTR_MUST_CHECK enum err_code id_parse(const char *word, int64_t *ret_id, struct err *e)
{
	const char *dash = strrchr(word, '-');
	const char *digits = dash ? dash + 1 : word;
	char *end;
	long long n;

	errno = 0;
	n = strtoll(digits, &end, 10);
	if (errno || end == digits || *end || n < 1)
		return err_set(e, ERR_USAGE, "'%s' is no dead letter's id", word);
	*ret_id = n;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code letters_filter(const struct command_call *call,
						    const struct action *a,
						    struct dead_letter_filter *ret, struct err *e)
{
	const struct options *o = call->options;
	struct dead_letter_filter f = {.pipeline = o->pipeline,
				       .table = o->table,
				       .id = o->id,
				       .limit = o->limit,
				       .older_than_us = o->older_than_us};
	bool narrowed;

	if (call->arg_count > 1 && id_parse(call->args[1], &f.id, e) != ERR_OK)
		return ERR_USAGE;
	narrowed = f.pipeline || f.table || f.id || f.older_than_us || f.limit;
	if (a->changes && !narrowed && !o->all && !o->dry_run)
		return err_set(e, ERR_USAGE, "%s needs an id, a filter or --all", a->name);
	if (strcmp(a->name, "show") == 0 && !narrowed)
		return err_set(e, ERR_USAGE, "show needs an id or a filter");
	*ret = f;
	return ERR_OK;
}

static void letters_report(const struct letters *l, const struct action *a)
{
	if (!a->changes) {
		if (!l->count && !l->options->json)
			(void)puts("no dead letters");
		return;
	}
	if (l->options->json)
		(void)printf("{\"action\":\"%s\",\"count\":%lld}\n", a->name, (long long)l->count);
	else
		(void)printf("%lld %s\n", (long long)l->count, a->done);
}

int command_dead_letters(const struct command_call *call)
{
	const struct action *a = action_find(call->arg_count ? call->args[0] : NULL);
	struct letters l = {.options = call->options};
	struct settings s;
	struct err e;
	int status;

	if (!a) {
		(void)err_set(&e, ERR_USAGE,
			      "dead-letters needs one of: list, show, replay, purge");
		return command_fail(&e);
	}
	if (letters_filter(call, a, &l.filter, &e) != ERR_OK)
		return command_fail(&e);
	status = command_settings(call->options, &s);
	if (status != EX_OK)
		return status;
	if (call->options->dry_run)
		a = action_find("list");
	assert(a);
	l.with_data = a->with_data;
	buf_init(&l.line, LINE_MAX_BYTES);
	status = command_each_source(&s, call->options, a->fn, &l);
	if (status == EX_OK)
		letters_report(&l, a);
	if (status == EX_OK && l.filter.id && !l.count)
		status = EX_NOINPUT;
	buf_done(&l.line);
	settings_done(&s);
	return status;
}
