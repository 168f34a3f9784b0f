/* SPDX-License-Identifier: MIT */
#include "source/report.h"

#include <stdio.h>

#define FINDING_BYTES 1024
#define COMMENT_BYTES 256

void report_finding(const struct install_options *o, enum finding_level level, const char *subject,
		    const char *hint, const char *fmt, va_list ap)
{
	char message[FINDING_BYTES];
	struct finding f = {.level = level, .subject = subject, .message = message, .hint = hint};

	if (!o->on_finding)
		return;
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	o->on_finding(o->ctx, &f);
}

enum err_code report_problems(const struct install_options *o, const struct settings *s,
			      const struct tables *tables, struct err *e)
{
	const struct table *t, *first = NULL;
	size_t i;

	for (i = 0; i < tables->count; i++) {
		t = &tables->items[i];
		if (t->problem == ERR_OK)
			continue;
		if (o->on_finding)
			o->on_finding(o->ctx,
				      &(struct finding){.level = FINDING_FAIL,
							.subject = t->label,
							.message = t->message,
							.hint = t->hint[0] ? t->hint : NULL});
		if (!first)
			first = t;
	}
	if (!first)
		return ERR_OK;
	return err_set(e, first->problem, "%s, pipeline %s: %s%s%s", first->label,
		       s->pipelines[first->pipeline].name, first->message,
		       first->hint[0] ? "; " : "", first->hint);
}

void report_sql(const struct install_options *o, const char *sql, const char *end)
{
	if (!o->on_sql)
		return;
	o->on_sql(o->ctx, text_of(sql));
	o->on_sql(o->ctx, text_of(end));
}

void report_comment(const struct install_options *o, const char *fmt, va_list ap)
{
	char line[COMMENT_BYTES], *c;

	if (!o->print_only || !o->on_sql)
		return;
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	/* a table's name may hold a newline, which would end the comment */
	for (c = line; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	o->on_sql(o->ctx, TEXT_LIT("\n-- "));
	o->on_sql(o->ctx, text_of(line));
	o->on_sql(o->ctx, TEXT_LIT("\n"));
}
