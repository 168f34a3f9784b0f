/* SPDX-License-Identifier: MIT */
/*
 * What the operator's commands say while they work: findings, and with --print the SQL they would
 * run. Everything goes through the callbacks of install_options; a callback that is NULL hears
 * nothing.
 */
#ifndef SOURCE_REPORT_H
#define SOURCE_REPORT_H

#include <stdarg.h>

#include "source/admin.h"
#include "source/tables.h"

/* A finding about subject; hint may be NULL. */
void report_finding(const struct install_options *o, enum finding_level level, const char *subject,
		    const char *hint, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

/* A finding for each table that has a problem; the first one is the error. */
enum err_code report_problems(const struct install_options *o, const struct settings *s,
			      const struct tables *tables, struct err *e) ATTR_MUST_CHECK;

/* A statement as it would be run, with what ends it. */
void report_sql(const struct install_options *o, const char *sql, const char *end);

/* A comment line in the printed SQL; nothing unless print_only. */
void report_comment(const struct install_options *o, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

#endif
