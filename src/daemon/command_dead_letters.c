/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/version.h"
#include "daemon/command.h"
#include "daemon/letter_options.h"
#include "daemon/letter_out.h"

struct action;

struct letters {
	const struct options *options;
	const struct action *action;
	struct dead_letter_filter filter;
	struct letter_out out;
	struct dead_letter_counts counts; /* moved: or listed */
};

typedef enum err_code (*action_fn)(struct letters *l, const struct source_admin_ops *ops,
				   const struct settings *s, size_t source,
				   const struct dead_letter_filter *f, struct err *e);

struct action {
	const char *name;
	action_fn fn;
	bool changes;
	bool with_data;
	bool exports;
	const char *done; /* what is said of the count */
	const char *would;
};

/* ---- what is done to each source ---- */

static ATTR_MUST_CHECK enum err_code take_letter(void *ctx, const struct dead_letter *d,
						 struct err *e)
{
	struct letters *l = ctx;

	if (d->superseded) {
		l->counts.superseded++;
		return ERR_OK;
	}
	l->counts.moved++;
	return letter_out_put(&l->out, d, e);
}

static ATTR_MUST_CHECK enum err_code letters_list(struct letters *l,
						  const struct source_admin_ops *ops,
						  const struct settings *s, size_t source,
						  const struct dead_letter_filter *f, struct err *e)
{
	return ops->dead_letter_list(s, source, f, l->out.with_data, take_letter, l, e);
}

static void counts_add(struct letters *l, const struct dead_letter_counts *more)
{
	l->counts.moved += more->moved;
	l->counts.superseded += more->superseded;
}

static ATTR_MUST_CHECK enum err_code
letters_replay(struct letters *l, const struct source_admin_ops *ops, const struct settings *s,
	       size_t source, const struct dead_letter_filter *f, struct err *e)
{
	struct dead_letter_counts counts = {0};
	enum err_code code =
		ops->dead_letter_replay(s, source, f, l->options->in_front, &counts, e);

	counts_add(l, &counts);
	return code;
}

static ATTR_MUST_CHECK enum err_code
letters_purge(struct letters *l, const struct source_admin_ops *ops, const struct settings *s,
	      size_t source, const struct dead_letter_filter *f, struct err *e)
{
	struct dead_letter_counts counts = {0};
	enum err_code code = ops->dead_letter_purge(s, source, f, &counts, e);

	counts_add(l, &counts);
	return code;
}

static const struct action action_table[] = {
	{.name = "list", .fn = letters_list},
	{.name = "show", .fn = letters_list, .with_data = true},
	{.name = "export", .fn = letters_list, .with_data = true, .exports = true},
	{.name = "replay",
	 .fn = letters_replay,
	 .changes = true,
	 .done = "put back into the outbox",
	 .would = "would be put back into the outbox"},
	{.name = "purge",
	 .fn = letters_purge,
	 .changes = true,
	 .done = "purged",
	 .would = "would be purged"},
};

static const struct action *action_find(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_LEN(action_table); i++)
		if (strcmp(action_table[i].name, name) == 0)
			return &action_table[i];
	return NULL;
}

static ATTR_MUST_CHECK enum err_code each_source(const struct settings *s, size_t source, void *ctx,
						 struct err *e)
{
	struct letters *l = ctx;
	struct dead_letter_filter f = l->filter;
	const struct source_admin_ops *ops = source_admin_find(s->sources[source].type);

	if (!ops)
		return err_set(e, ERR_CONFIG, "this build cannot read its type");
	if (f.limit && l->counts.moved >= f.limit)
		return ERR_OK;
	if (f.limit)
		f.limit -= l->counts.moved;
	if (l->options->dry_run)
		return letters_list(l, ops, s, source, &f, e);
	return l->action->fn(l, ops, s, source, &f, e);
}

/* ---- what may be asked ---- */

/* Options that mean nothing to this action would otherwise be believed to be heeded. */
static ATTR_MUST_CHECK enum err_code refuse_options(const struct action *a, const struct options *o,
						    struct err *e)
{
	const struct {
		bool given, taken;
		const char *name, *by;
	} cases[] = {
		{o->format, a->exports, "format", "export"},
		{o->output, a->exports, "output", "export"},
		{o->json, !a->exports, "json", "the others; export takes --format"},
		{o->dry_run, a->changes, "dry-run", "replay and purge"},
		{o->in_front, a->fn == letters_replay, "in-front", "replay"},
		{o->skip_superseded, a->fn == letters_replay, "skip-superseded", "replay"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (cases[i].given && !cases[i].taken)
			return err_set(e, ERR_USAGE, "--%s belongs to %s", cases[i].name,
				       cases[i].by);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code refuse_wide(const struct action *a, const struct options *o,
						 const struct dead_letter_filter *f, struct err *e)
{
	if (letter_options_narrow(f))
		return ERR_OK;
	if (a->changes && !o->all && !o->dry_run)
		return err_set(e, ERR_USAGE, "%s needs an id, a filter or --all", a->name);
	if (strcmp(a->name, "show") == 0)
		return err_set(e, ERR_USAGE, "show needs an id or a filter");
	return ERR_OK;
}

/* ---- the command ---- */

static void report(const struct letters *l)
{
	const struct action *a = l->action;
	bool dry = l->options->dry_run;
	long long left = l->counts.superseded, n = l->counts.moved;

	if (l->options->json && a->changes) {
		(void)printf("{\"action\":\"%s\",\"dry_run\":%s,\"count\":%lld,\"superseded\":%lld}"
			     "\n",
			     a->name, dry ? "true" : "false", n, left);
	} else if (a->changes) {
		(void)printf("%lld %s\n", n, dry ? a->would : a->done);
		if (left)
			(void)printf("%lld left out: a newer change of their row is waiting, or is "
				     "dead too\n",
				     left);
	} else if (!n && !a->exports && !l->options->json) {
		(void)puts(letter_options_narrow(&l->filter) ? "no such dead letters"
							     : "no dead letters");
	}
}

/* Nothing was found, and nothing could have been. */
static void report_unkept(const struct letters *l, const struct settings *s)
{
	size_t i;

	if (!l->filter.delivered || l->counts.moved)
		return;
	for (i = 0; i < s->pipeline_count; i++)
		if (s->pipelines[i].retain_us)
			return;
	(void)fputs(APP_NAME ": no pipeline keeps what was delivered: see listener.retain\n",
		    stderr);
}

static int run(struct letters *l, const struct settings *s, enum letter_format format)
{
	bool prints = !l->action->changes || l->options->dry_run;
	struct err e;
	int status;

	if (prints && letter_out_open(&l->out, l->options->output, format, l->action->with_data,
				      &e) != ERR_OK)
		return command_fail(&e);
	l->out.delivered = l->filter.delivered;
	l->out.waiting = l->filter.waiting;
	status = command_each_source(s, l->options, each_source, l);
	if (prints && status != EX_OK)
		letter_out_drop(&l->out);
	else if (prints && letter_out_close(&l->out, &e) != ERR_OK)
		status = command_fail(&e);
	if (status != EX_OK && !(l->action->changes && l->counts.moved))
		return status;
	report(l); /* what was done before something failed too */
	if (status != EX_OK)
		return status;
	report_unkept(l, s);
	if (l->filter.id && !l->counts.moved)
		status = EX_NOINPUT;
	if (fflush(stdout) != 0) {
		(void)err_set_sys(&e, ERR_IO, errno, "cannot write to standard output");
		status = command_fail(&e);
	}
	return status;
}

static int run_with_settings(struct letters *l, enum letter_format format, struct letter_key *key)
{
	struct settings s;
	int status = command_settings(l->options, &s);

	if (status == EX_OK) {
		status = run(l, &s, format);
		settings_done(&s);
	}
	letter_key_free(key);
	return status;
}

/* What was delivered is handled as the dead letters are, and lies in another table. */
int command_replay(const struct command_call *call)
{
	static const struct action again = {.name = "replay",
					    .fn = letters_replay,
					    .changes = true,
					    .done = "put back into the outbox",
					    .would = "would be put back into the outbox"};
	const struct options *o = call->options;
	struct letters l = {.options = o, .action = &again};
	struct letter_key *key = NULL;
	struct err e;

	if (!o->since) {
		(void)err_set(&e, ERR_USAGE, "replay needs --since");
		return command_fail(&e);
	}
	if (letter_options_filter(o, NULL, clock_wall_us(clock_system()), &l.filter, &key, &e) !=
	    ERR_OK)
		return command_fail(&e);
	l.filter.delivered = true;
	return run_with_settings(&l, o->json ? LETTER_NDJSON : LETTER_TABLE, key);
}

/* What waits in the outbox: the same walk over another table, beside whoever reads and writes it.
 */
int command_export_outbox(const struct command_call *call)
{
	static const struct action all = {
		.name = "export", .fn = letters_list, .with_data = true, .exports = true};
	const struct options *o = call->options;
	struct letters l = {.options = o, .action = &all};
	struct letter_key *key = NULL;
	bool array = false;
	struct err e;

	if (export_format_parse(o->format, &array, &e) != ERR_OK ||
	    letter_options_filter(o, NULL, clock_wall_us(clock_system()), &l.filter, &key, &e) !=
		    ERR_OK)
		return command_fail(&e);
	l.filter.waiting = true;
	return run_with_settings(&l, array ? LETTER_JSON : LETTER_NDJSON, key);
}

int command_dead_letters(const struct command_call *call)
{
	const struct options *o = call->options;
	const struct action *a = action_find(call->arg_count ? call->args[0] : NULL);
	struct letters l = {.options = o, .action = a};
	enum letter_format format = o->json ? LETTER_NDJSON : LETTER_TABLE;
	struct letter_key *key = NULL;
	bool array = false;
	struct err e;

	if (!a) {
		(void)err_set(&e, ERR_USAGE,
			      "dead-letters needs one of: list, show, export, replay, purge");
		return command_fail(&e);
	}
	if (a->with_data)
		format = LETTER_NDJSON;
	if (refuse_options(a, o, &e) != ERR_OK ||
	    (a->exports && export_format_parse(o->format, &array, &e) != ERR_OK) ||
	    letter_options_filter(o, call->arg_count > 1 ? call->args[1] : NULL,
				  clock_wall_us(clock_system()), &l.filter, &key, &e) != ERR_OK)
		return command_fail(&e);
	if (refuse_wide(a, o, &l.filter, &e) != ERR_OK) {
		letter_key_free(key);
		return command_fail(&e);
	}
	return run_with_settings(&l, array ? LETTER_JSON : format, key);
}
