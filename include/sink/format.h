/* SPDX-License-Identifier: MIT */
/*
 * How an event becomes a request: one row per webhook.format, one function per row that writes the
 * body. JSON from the database is spliced, never parsed. docs/formats.md shows each of them.
 *
 * A format's version rises when a receiver of the one before could no longer read it; members that
 * are added do not raise it.
 */
#ifndef SINK_FORMAT_H
#define SINK_FORMAT_H

#include "base/buf.h"
#include "base/json.h"
#include "config/settings.h"
#include "config/template.h"
#include "core/event.h"

/* What a format makes a request of; everything is a loan. */
struct format_event {
	const struct event_fields *f;
	const struct event_fields *root; /* of the partition f that was truncated alone; or NULL */
	bool quote_big;                  /* big numbers become strings */
	struct text cut_columns;         /* JSON array of what was cut (sink/oversize.h); or NONE */
	const char *pipeline;
	const struct source_settings *source; /* NULL: unknown */
	const char *type;                     /* the template; NULL: the format has no types */
	struct text values[TEMPLATE_NAME_COUNT];
};

struct format {
	const char *name;
	int version;
	const char *content_type;
	const char *batch_content_type; /* of an array of bodies; NULL: it has no such form */
	const char *type;               /* the default template; NULL: the format has no types */
	/* Append the body, one JSON value. */
	void (*body)(const struct format_event *ev, struct json *j);
	/* Append header lines of the event's own, each with its NUL. NULL: none. */
	void (*lines)(const struct format_event *ev, struct buf *out);
};

const struct format *format_get(enum webhook_format format);

/* The native body; for formats that carry it as their data. */
void format_native(const struct format_event *ev, struct json *j, const char *name);

/* Splice JSON from the database; null when json.s is NULL. */
void format_raw(const struct format_event *ev, struct json *j, const char *name, struct text json);

/* Append "partition_of":{"schema":...,"table":...} when ev has a root. */
void format_root(const struct format_event *ev, struct json *j);

/* Append what is not all there: "truncated":true, "truncated_columns":[...]. */
void format_missing(const struct format_event *ev, struct json *j);

/* Append TABLE or SCHEMA.TABLE piece by piece. */
void format_table(const struct format_event *ev, template_put_fn put, struct buf *out);

/* The writers of the table that have files of their own. */
void format_cloudevents_body(const struct format_event *ev, struct json *j);
void format_cloudevents_lines(const struct format_event *ev, struct buf *out);
void format_debezium_body(const struct format_event *ev, struct json *j);

#endif
