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
