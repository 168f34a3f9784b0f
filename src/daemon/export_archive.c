/* SPDX-License-Identifier: MIT */
#include "daemon/export_archive.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/version.h"
#include "config/archive_path.h"
#include "config/moment.h"
#include "daemon/export_out.h"
#include "daemon/letter_options.h"
#include "sink/archive_read.h"
#include "sink/archive_view.h"

struct exporting {
	struct dead_letter_filter filter; /* as far as a record can say */
	bool narrow;                      /* it is one */
	struct export_out out;
};

static void warn(void *ctx, const char *file, int64_t line, bool at_end)
{
	(void)ctx;
	(void)fprintf(stderr, APP_NAME ": %s: line %lld is no whole record%s, left out\n", file,
		      (long long)line, at_end ? ": the end is torn" : "");
}

/* ---- filters ---- */

/* "schema.table" or "table". */
static bool is_table(const struct archive_view *v, const char *want)
{
	size_t schema = v->schema.s ? v->schema.len : 0;

	if (text_eq(v->table, text_of(want)))
		return true;
	return schema && strncmp(want, v->schema.s, schema) == 0 && want[schema] == '.' &&
	       text_eq(v->table, text_of(want + schema + 1));
}

static bool has_id(const struct archive_view *v, int64_t id)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "-%lld", (long long)id);

	return v->id.s && v->id.len >= (size_t)n &&
	       !memcmp(v->id.s + v->id.len - (size_t)n, digits, (size_t)n);
}

/* Not when the time is not known. */
static bool is_in_time(const struct archive_view *v, const struct dead_letter_filter *f)
{
	int64_t wall_us = v->changed_wall_us;

	if (!f->since_wall_us && !f->until_wall_us)
		return true;
	if (!wall_us && (!v->changed_at.s ||
			 moment_parse(v->changed_at, INT64_MAX / 2, &wall_us, NULL) != ERR_OK))
		return false;
	return wall_us >= f->since_wall_us && (!f->until_wall_us || wall_us < f->until_wall_us);
}

static ATTR_MUST_CHECK enum err_code is_meant(const struct exporting *x, struct text record,
					      bool *ret_match, struct err *e)
{
	const struct dead_letter_filter *f = &x->filter;
	enum err_code code = ERR_OK;
	struct archive_view v = {.has_op = false};
	bool match = true;

	if (x->narrow)
		match = archive_view_read(record, &v) &&
			(!f->pipeline || text_eq(v.pipeline, text_of(f->pipeline))) &&
			(!f->table || is_table(&v, f->table)) && (!f->id || has_id(&v, f->id)) &&
			(!f->by_operation || f->operations[v.op]) && is_in_time(&v, f);
	if (match && f->key) {
		code = letter_key_match(f->key, v.key, &match, e);
		if (code == ERR_OK && !match)
			code = letter_key_match(f->key, v.old_key, &match, e);
	}
	*ret_match = match;
	return code;
}

/* ---- one archive ---- */

static bool is_enough(const struct exporting *x)
{
	return x->filter.limit && x->out.count >= x->filter.limit;
}

static ATTR_MUST_CHECK enum err_code put(struct exporting *x, struct text record, struct err *e)
{
	enum err_code code;
	bool match;

	code = is_meant(x, record, &match, e);
	if (code != ERR_OK || !match)
		return code;
	buf_add_text(export_out_begin(&x->out), record);
	return export_out_end(&x->out, e);
}

static ATTR_MUST_CHECK enum err_code export_path(struct exporting *x, const char *path,
						 struct err *e)
{
	struct archive_read *r = NULL;
	struct text record = TEXT_NONE;
	enum err_code code = archive_read_open(path, warn, NULL, &r, e);

	while (code == ERR_OK && !is_enough(x)) {
		code = archive_read_next(r, &record, e);
		if (code != ERR_OK || !record.s)
			break;
		code = put(x, record, e);
	}
	archive_read_close(r);
	return code;
}

/* ---- which ---- */

static ATTR_MUST_CHECK enum err_code export_pipeline(struct exporting *x, const struct settings *s,
						     size_t k, struct err *e)
{
	const struct pipeline_settings *p = &s->pipelines[k];
	enum err_code code;
	struct buf path;

	buf_init(&path, PATH_MAX);
	archive_path_write(&s->webhooks[p->webhook], p->name, &path);
	code = buf_error(&path);
	if (code != ERR_OK)
		code = err_set(e, code, "no room for the path of an archive");
	else
		code = export_path(x, buf_str(&path), e);
	buf_done(&path);
	return code;
}

static bool is_wanted(const struct options *o, const struct settings *s, size_t k)
{
	const struct pipeline_settings *p = &s->pipelines[k];

	return archive_path_is_given(&s->webhooks[p->webhook]) &&
	       (!o->pipeline || strcmp(o->pipeline, p->name) == 0) &&
	       (!o->source || strcmp(o->source, s->sources[p->source].name) == 0);
}

static ATTR_MUST_CHECK enum err_code export_all(struct exporting *x, const struct options *o,
						const struct settings *s, struct err *e)
{
	enum err_code code = ERR_OK;
	bool any = false;
	size_t k;

	for (k = 0; k < s->pipeline_count && code == ERR_OK; k++) {
		if (!is_wanted(o, s, k))
			continue;
		any = true;
		code = export_pipeline(x, s, k, e);
	}
	if (code == ERR_OK && !any)
		return err_set(e, ERR_USAGE,
			       "no such pipeline has an archive: name a file, or see "
			       "webhook.archive_path");
	return code;
}

static int run(struct exporting *x, const struct command_call *call, const struct settings *s,
	       bool array)
{
	const struct options *o = call->options;
	enum err_code code;
	struct err e;

	code = export_out_open(&x->out, o->output, array, &e);
	if (code != ERR_OK)
		return command_fail(&e);
	code = s ? export_all(x, o, s, &e) : export_path(x, call->args[0], &e);
	if (code == ERR_OK)
		code = export_out_close(&x->out, &e);
	else
		export_out_drop(&x->out);
	return code == ERR_OK ? EX_OK : command_fail(&e);
}

/* Of a file that is named nothing of the configuration is needed. */
static int run_with_settings(struct exporting *x, const struct command_call *call, bool array)
{
	struct settings s;
	int status;

	if (call->arg_count)
		return run(x, call, NULL, array);
	status = command_settings(call->options, &s);
	if (status != EX_OK)
		return status;
	status = run(x, call, &s, array);
	settings_done(&s);
	return status;
}

int export_archive(const struct command_call *call)
{
	const struct options *o = call->options;
	struct exporting x = {.narrow = false};
	struct letter_key *key = NULL;
	struct dead_letter_filter f;
	bool array = false;
	struct err e;
	int status;

	if (export_format_parse(o->format, &array, &e) != ERR_OK ||
	    letter_options_filter(o, NULL, clock_wall_us(clock_system()), &f, &key, &e) != ERR_OK)
		return command_fail(&e);
	x.filter = f;
	f.limit = 0;
	x.narrow = letter_options_narrow(&f);
	status = run_with_settings(&x, call, array);
	letter_key_free(key);
	return status;
}
