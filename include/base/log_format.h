/* SPDX-License-Identifier: MIT */
/*
 * One log event as one line of bytes. Part of the log; other modules include base/log.h.
 *
 * Text values that hold more than plain characters are quoted and escaped as JSON strings in every
 * format, so that no value can start a new line. A value is cut at LOG_VALUE_BYTES and a line
 * at LOG_LINE_BYTES; a line that lost something says so at its end: cut=true.
 */
#ifndef BASE_LOG_FORMAT_H
#define BASE_LOG_FORMAT_H

#include "base/log.h"

#define LOG_LINE_BYTES 2048 /* with the newline */
#define LOG_VALUE_BYTES 1024

struct log_style {
	enum log_format format;
	bool journal_prefix; /* "<6>" in front, and no time */
};

struct log_event {
	enum log_level level;
	int64_t wall_us;
	const char *context_key; /* NULL: no context */
	const char *context_value;
	const char *msg;
	const struct log_field *fields;
	size_t n;
};

/* Render ev into out; returns its length, newline included, no NUL. Allocates nothing. */
size_t log_format_line(const struct log_style *style, const struct log_event *ev,
		       char out[static LOG_LINE_BYTES]);

#endif
